//! What a key issues that the ledger does not accredit is refused at every door, each time for its own reason.

use http::StatusCode;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::standing::Standing;
use crate::login::tests::support::{Phone, World};

/// A server whose key stands so, and a badge that it issued all the same.
async fn world(standing: Standing) -> World {
    let mut world = World::new().await;
    standing.set_up(&world.platform).await;
    world.phone = Phone::with_badge(&world.platform, "employee-2", "link-2").await;
    world
}

#[tokio::test]
async fn the_login_refuses_what_is_not_accredited_and_says_why() {
    let good = world(Standing::Accredited).await;
    let page = good.open_page().await;
    assert_eq!(good.phone_logs_in(&page).await.status, StatusCode::OK);
    for (standing, code) in Standing::REFUSED {
        let world = world(standing).await;
        let page = world.open_page().await;
        let reply = world.phone_logs_in(&page).await;
        assert_eq!(reply.code(), format!("presentation_refused: {code}"), "{standing:?}: {}", reply.body);
        let polled = page.poll(&world, 1).await.json();
        assert!(polled["next"].is_null(), "the browser goes nowhere: {polled}");
    }
}

#[tokio::test]
async fn a_relying_partys_verification_refuses_it_and_the_result_says_why() {
    for (standing, code) in std::iter::once((Standing::Accredited, "")).chain(Standing::REFUSED) {
        let world = world(standing).await;
        let key = format!("Bearer {}", world.secrets.api_key.clone().unwrap());
        let body = json!({ "claims": ["name"] });
        let created = world.post_json("/api/v1/verifications", &body, &[(AUTHORIZATION, &key)]).await.json();
        let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
        let reply = world.phone.present(&world, &asked).await;
        if standing == Standing::Accredited {
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        } else {
            assert_eq!(reply.code(), format!("presentation_refused: {code}"), "{standing:?}");
        }
    }
}

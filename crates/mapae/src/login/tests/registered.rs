//! What a registration of the console changes at the login: its end, its test mode, its networks.

use http::{Request, StatusCode, header};
use openid::approval::Level;
use serde_json::json;

use super::support::{World, registration};
use crate::login::NamedNetwork;
use crate::operations::store::params;
use crate::testing;
use crate::verification::relying_party::StartLevel;

async fn api(world: &World) -> super::support::Reply {
    let key = world.secrets.api_key.clone().unwrap();
    let bearer = format!("Bearer {key}");
    world
        .post_json(
            "/api/v1/verifications",
            &json!({ "claims": ["name"] }),
            &[(header::AUTHORIZATION, &bearer)],
        )
        .await
}

#[tokio::test]
async fn an_expired_registration_is_refused_everywhere_with_a_code_of_its_own() {
    let world = World::new().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let token = world.access_token().await;
    let now_ms = world.platform.now_ms();
    world.execute("UPDATE relying_party SET expires_at = $1 WHERE id = 'portal'", params![now_ms]).await;
    let refused = world.authorize(&world.request()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("login_party_expired") && refused.headers.get(header::LOCATION).is_none());
    let redeemed = world.redeem(&code).await;
    assert_eq!((redeemed.status, redeemed.code().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert!(redeemed.json()["error_description"].as_str().unwrap().contains("expired"));
    assert_eq!(world.userinfo(&token).await.status, StatusCode::UNAUTHORIZED);
    let asked = api(&world).await;
    assert_eq!((asked.status, asked.code().as_str()), (StatusCode::FORBIDDEN, "verification_party_expired"));
}

#[tokio::test]
async fn an_end_at_once_ends_its_logins_and_coming_back_revives_none() {
    let world = World::new().await;
    let token = world.access_token().await;
    assert_eq!(world.userinfo(&token).await.status, StatusCode::OK);
    world.platform.clock.advance_ms(1_000);
    let ended = world
        .platform
        .store
        .write(|tx| Box::pin(async move { crate::verification::relying_party::disable(tx, "portal").await }));
    assert!(ended.await.unwrap());
    assert_eq!(world.userinfo(&token).await.status, StatusCode::UNAUTHORIZED);
    assert!(world.authorize(&world.request()).await.body.contains("login_party_unknown"));
    assert_eq!(api(&world).await.status, StatusCode::UNAUTHORIZED);
    world.platform.clock.advance_ms(1_000);
    world.execute("UPDATE relying_party SET disabled_at = NULL WHERE id = 'portal'", params![]).await;
    assert_eq!(world.userinfo(&token).await.status, StatusCode::UNAUTHORIZED, "what was ended stays ended");
    let fresh = world.open_page().await;
    let code = world.code(&fresh).await;
    let token = world.redeem(&code).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.userinfo(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_test_is_given_made_up_values_a_subject_of_its_own_and_a_name_that_says_so() {
    let world = World::new().await;
    let real = world.tokens().await;
    let real_token = real["access_token"].as_str().unwrap();
    let real_claims = world.userinfo(real_token).await.json();
    world.execute("UPDATE relying_party SET test = 1 WHERE id = 'portal'", params![]).await;
    world.execute("DELETE FROM account_approval", Vec::new()).await;
    let page = world.open_page().await;
    assert!(page.html.contains("[시험] 예시 업무 포털"), "the login page says it");
    let asked = world.phone.fetch(&world, &page.scan).await;
    let parameters = asked.request.parameters();
    let context = &parameters.extra[openid::approval::PARAMETER];
    assert_eq!(context["name_ko"], "[시험] 예시 업무 포털", "and the phone");
    let text = serde_json::to_string(&parameters.dcql_query).unwrap();
    assert!(text.contains("link_id") && !text.contains("employee_number"), "{text}");
    world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.status, StatusCode::OK);
    let code = world.get(&page.go_on(), Some(&page.cookie)).await.parameter("code").unwrap();
    let tokens = world.redeem(&code).await.json();
    let claims = world.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(claims["employee_number"], "EX-TEST-0001");
    assert_eq!(claims["agency_name"], "예시행정부");
    assert_ne!(claims["employee_number"], real_claims["employee_number"]);
    assert_ne!(claims["sub"], real_claims["sub"], "nothing of a test fits to anything outside of it");
    world.execute("UPDATE relying_party SET subject = 'public' WHERE id = 'portal'", params![]).await;
    world.execute("DELETE FROM account_approval", Vec::new()).await;
    let public = world.tokens().await;
    let public = world.userinfo(public["access_token"].as_str().unwrap()).await.json();
    assert_eq!(public["sub"], claims["sub"], "a public subject neither");
}

#[tokio::test]
async fn above_low_only_the_networks_of_its_registration_draw_a_qr() {
    let platform = testing::platform_with(|config| {
        config.login.networks = ["10.20.0.0/16=정부예시청사", "10.30.0.0/16=예시연구소"]
            .map(|text| NamedNetwork::try_from(text.to_owned()).unwrap())
            .to_vec();
    })
    .await;
    let world = World::on(platform).await;
    let mut party = registration("high");
    party.level = StartLevel::High;
    world.register(party).await;
    world.execute("UPDATE relying_party SET networks = '[\"예시연구소\"]'", params![]).await;
    let open = async |from: &str, client: &str| {
        let form = world.request().encode().replace("client_id=portal", &format!("client_id={client}"));
        let path = format!("/oidc/authorize?{form}");
        world.send_from(from, Request::get(path).body(axum::body::Body::empty()).unwrap()).await.body
    };
    assert!(!open("10.20.0.1", "high").await.contains("data-scan"), "the office is not registered for it");
    assert!(open("10.30.0.1", "high").await.contains("data-scan"));
    assert!(!open("203.0.113.1", "high").await.contains("data-scan"));
    assert!(open("203.0.113.1", "portal").await.contains("data-scan"), "low begins anywhere");
}

use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use super::{create, pick_up};
use crate::login::tests::support::{NAME, REDIRECT, Reply, World, count, registration};
use crate::operations::store::params;

/// A verification that the phone has answered.
async fn answered(world: &World, body: Value) -> (String, Reply) {
    let created = create(world, body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    let created = created.json();
    let asked = world.phone.fetch(world, created["link"].as_str().unwrap()).await;
    let reply = world.phone.present(world, &asked).await;
    (created["id"].as_str().unwrap().to_owned(), reply)
}

#[tokio::test]
async fn a_result_is_complete_told_once_and_gone() {
    let world = World::new().await;
    let key = world.secrets.api_key.clone().unwrap();
    let created = create(&world, json!({ "claims": ["name", "inst_code"] })).await.json();
    let id = created["id"].as_str().unwrap();
    assert_eq!(created["expires_in"], 300);
    assert_eq!(pick_up(&world, id, &key).await.json()["state"], "pending");

    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    assert!(
        !asked.request.parameters().extra.contains_key(openid::approval::PARAMETER),
        "no login, no approval"
    );
    let reply = world.phone.present(&world, &asked).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "{}"));

    let stored =
        world.platform.store.fetch_one("SELECT sealed FROM verification_result", params![]).await.unwrap();
    let stored = stored.bytes("sealed").unwrap();
    assert!(!stored.windows(NAME.len()).any(|window| window == NAME.as_bytes()), "sealed at rest");

    let result = pick_up(&world, id, &key).await.json();
    assert_eq!(result["state"], "verified");
    assert_eq!(result["claims"]["name"]["ko"], NAME);
    assert_eq!(result["claims"].as_object().unwrap().len(), 2, "what was asked for and nothing else");
    assert_eq!(result["issuer"]["id"], world.platform.config.public.origin());
    assert_eq!(result["freshness"]["status"], "valid");
    assert_eq!(result["waived"], json!([]));
    assert_eq!(result["verified_at"], world.platform.now_ms() / 1_000);

    let again = pick_up(&world, id, &key).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::GONE, "verification_gone"));
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_result").await, 0);
    assert_eq!(world.phone.present(&world, &asked).await.code(), "verification_answered");
}

#[tokio::test]
async fn a_result_that_nobody_picks_up_is_deleted_after_five_minutes() {
    let world = World::new().await;
    let (id, _) = answered(&world, json!({ "claims": ["name"] })).await;
    world.platform.clock.advance_ms(300_000);
    let key = world.secrets.api_key.clone().unwrap();
    assert_eq!(pick_up(&world, &id, &key).await.code(), "verification_gone");
    let now_ms = world.platform.now_ms();
    assert_eq!(crate::verification::api::sweep(&world.platform.store, now_ms).await.unwrap(), 1);
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_result").await, 0);
}

#[tokio::test]
async fn a_relying_party_asks_for_what_it_is_registered_for() {
    let world = World::new().await;
    let vct = crate::verification::badge(&world.platform).unwrap().vct.clone();
    let query = |claims: Value| {
        json!({ "dcql_query": { "credentials": [
        { "id": "badge", "format": "dc+sd-jwt", "meta": { "vct_values": [vct] }, "claims": claims }] } })
    };
    for (body, code) in [
        (json!({ "claims": ["birth_date"] }), "verification_claim"),
        (json!({ "claims": ["link_id"] }), "verification_claim"),
        (query(json!([{ "path": ["link_id"] }])), "verification_claim"),
        (query(json!([{ "path": ["birth_date"] }])), "verification_claim"),
        (json!({ "dcql_query": {} }), "verification_query"),
        (
            json!({ "dcql_query": { "credentials": [
            { "id": "a", "format": "dc+sd-jwt", "meta": { "vct_values": ["https://other.example/id"] } }] } }),
            "verification_query",
        ),
        (json!({ "claims": ["name"], "redirect_uri": "https://attacker.example/" }), "verification_redirect"),
    ] {
        let reply = create(&world, body.clone()).await;
        assert!(reply.status.is_client_error());
        assert!(reply.code().starts_with(code), "{body}: {}", reply.body);
    }
    assert_eq!(create(&world, query(json!([{ "path": ["name"] }]))).await.status, StatusCode::CREATED);
    assert_eq!(create(&world, json!({})).await.status, StatusCode::CREATED, "only that the badge holds");
}

#[tokio::test]
async fn nobody_else_picks_a_result_up() {
    let world = World::new().await;
    let (id, _) = answered(&world, json!({ "claims": ["name"] })).await;
    let other = world.register(registration("other")).await.api_key.unwrap();
    assert_eq!(pick_up(&world, &id, &other).await.code(), "verification_unknown");
    let stranger = pick_up(&world, &id, "no-key").await;
    assert_eq!(
        (stranger.status, stranger.code().as_str()),
        (StatusCode::UNAUTHORIZED, "verification_unauthorized")
    );
    let key = world.secrets.api_key.clone().unwrap();
    assert_eq!(pick_up(&world, "AAAA", &key).await.code(), "verification_unknown");
    assert_eq!(pick_up(&world, &id, &key).await.json()["state"], "verified");
}

#[tokio::test]
async fn on_the_same_device_the_result_belongs_to_the_browser_that_the_wallet_returned_to() {
    let world = World::new().await;
    let key = world.secrets.api_key.clone().unwrap();
    let (id, reply) = answered(&world, json!({ "claims": ["name"], "redirect_uri": REDIRECT })).await;
    let back = reply.json()["redirect_uri"].as_str().unwrap().to_owned();
    let code = back.strip_prefix(&format!("{REDIRECT}?response_code=")).unwrap();
    assert_eq!(pick_up(&world, &id, &key).await.code(), "verification_response_code");
    assert_eq!(
        pick_up(&world, &format!("{id}?response_code=guess"), &key).await.code(),
        "verification_response_code"
    );
    assert_eq!(
        pick_up(&world, &format!("{id}?response_code={code}"), &key).await.json()["state"],
        "verified"
    );
}

#[tokio::test]
async fn a_refused_presentation_leaves_the_request_open_and_a_declined_one_ends_it() {
    let world = World::new().await;
    let key = world.secrets.api_key.clone().unwrap();
    let created = create(&world, json!({ "claims": ["name"] })).await.json();
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let bound =
        world.phone.bind(&asked, "another-nonce", asked.request.client_id(), world.platform.now_ms() / 1_000);
    assert_eq!(world.phone.answer(&world, &asked, bound).await.code(), "presentation_refused: nonce");
    world.suspend().await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "presentation_refused: suspended");
    assert_eq!(pick_up(&world, created["id"].as_str().unwrap(), &key).await.json()["state"], "pending");
    let refusal = asked.request.refuse(openid::Code::AccessDenied);
    assert_eq!(world.post_form(&refusal.url, &refusal.form, &[]).await.status, StatusCode::OK);
    assert_eq!(pick_up(&world, created["id"].as_str().unwrap(), &key).await.json()["state"], "declined");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_answers_one_is_kept_and_of_64_pick_ups_one_is_served() {
    let world = World::new().await;
    let key = world.secrets.api_key.clone().unwrap();
    let created = create(&world, json!({ "claims": ["name"] })).await.json();
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let replies = join_all((0..64).map(|_| world.phone.present(&world, &asked))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == StatusCode::OK).count(), 1);
    let id = created["id"].as_str().unwrap();
    let picked = join_all((0..64).map(|_| pick_up(&world, id, &key))).await;
    assert_eq!(picked.iter().filter(|reply| reply.status == StatusCode::OK).count(), 1);
    assert!(
        picked
            .iter()
            .filter(|reply| reply.status != StatusCode::OK)
            .all(|reply| reply.code() == "verification_gone")
    );
}

//! The Digital Credentials API, and the page that offers it.

use http::StatusCode;
use openid::vp::{DcProtocol, Expected, Fetched, VerifiedRequest, VpToken};
use serde_json::{Value, json};

use super::{bind, create, created, result};
use crate::login::tests::support::{NAME, REDIRECT, Reply, World};

const PAGE: &str = "http://localhost:8603";

fn judged(world: &World, request: &Value, origin: &str) -> VerifiedRequest {
    let protocol = DcProtocol::parse(request["protocol"].as_str().unwrap()).unwrap();
    let expected = Expected {
        fetched: Fetched::default(),
        anchors: std::slice::from_ref(world.platform.keys.root()),
        did_key: None,
        audience: None,
        transaction_types: &[],
        allow_unsigned: false,
        now: world.platform.now_ms() / 1_000,
    };
    VerifiedRequest::from_page(protocol, &request["data"], origin, &expected).unwrap()
}

/// The `data` that the phone hands back for an audience.
fn handed(world: &World, asked: &VerifiedRequest, audience: &str) -> Value {
    let binding = credential::sd_jwt::KeyBinding {
        nonce: asked.nonce(),
        audience,
        issued_at: world.platform.now_ms() / 1_000,
        transaction_data_hashes: &[],
    };
    let mut token = VpToken::default();
    token.push("badge", bind(&world.phone.credential, &["name"], &world.phone.holder, &binding));
    asked.respond_to_page(&token).unwrap()
}

async fn bring(world: &World, address: &Value, data: &Value) -> Reply {
    world.post_json(address.as_str().unwrap(), data, &[]).await
}

#[tokio::test]
async fn a_page_of_the_relying_party_asks_the_browser_and_brings_the_answer() {
    let world = World::new().await;
    for at in [0, 1] {
        let created = created(&world, json!({ "claims": ["name"], "origin": PAGE })).await;
        let pair = &created["digital_credentials"];
        let protocols: Vec<&str> =
            pair["requests"].as_array().unwrap().iter().map(|r| r["protocol"].as_str().unwrap()).collect();
        assert_eq!(protocols, ["openid4vp-v1-signed", "openid4vp-v1-unsigned"]);
        let asked = judged(&world, &pair["requests"][at], PAGE);
        assert!(asked.parameters().client_metadata.as_ref().unwrap().vp_formats_supported.is_some());
        let data = handed(&world, &asked, asked.audience());
        let reply = bring(&world, &pair["answer_uri"], &data).await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "{}"));
        assert_eq!(result(&world, &created).await["claims"]["name"]["ko"], NAME);
        assert_eq!(bring(&world, &pair["answer_uri"], &data).await.code(), "verification_answered");
    }
}

#[tokio::test]
async fn an_answer_to_another_page_another_request_or_by_another_way_is_refused() {
    let world = World::new().await;
    let first = created(&world, json!({ "claims": ["name"], "origin": PAGE })).await;
    let pair = &first["digital_credentials"];
    let asked = judged(&world, &pair["requests"][0], PAGE);
    let refused = |code: &str| format!("presentation_refused: {code}");

    let evil = handed(&world, &asked, "origin:https://evil.example");
    assert_eq!(bring(&world, &pair["answer_uri"], &evil).await.code(), refused("audience"));
    let client = handed(&world, &asked, asked.client_id());
    assert_eq!(
        bring(&world, &pair["answer_uri"], &client).await.code(),
        refused("audience"),
        "not the client"
    );

    let other = created(&world, json!({ "claims": ["name"], "origin": PAGE })).await;
    let other = judged(&world, &other["digital_credentials"]["requests"][0], PAGE);
    let replayed = handed(&world, &other, other.audience());
    assert_eq!(bring(&world, &pair["answer_uri"], &replayed).await.code(), refused("response_other_key"));

    let good = handed(&world, &asked, asked.audience());
    let plain = json!({ "vp_token": { "badge": ["x"] } });
    assert_eq!(bring(&world, &pair["answer_uri"], &plain).await.code(), refused("response_not_encrypted"));
    assert_eq!(bring(&world, &pair["answer_uri"], &json!([])).await.code(), refused("invalid_request"));
    // The same address as if it were a wallet's, and a wallet's as if it were a page's.
    let as_wallet = pair["answer_uri"].as_str().unwrap().replace("/answers/", "/responses/");
    let form = openid::form::Form::default().with("response", good["response"].as_str().unwrap());
    assert_eq!(world.post_form(&as_wallet, &form, &[]).await.code(), "verification_unknown");
    let by_link = world.phone.fetch(&world, first["link"].as_str().unwrap()).await;
    let as_page = by_link.request.response_uri().replace("/responses/", "/answers/");
    assert_eq!(world.post_json(&as_page, &good, &[]).await.code(), "verification_unknown");

    assert_eq!(bring(&world, &pair["answer_uri"], &good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_no_through_the_browser_ends_the_verification() {
    let world = World::new().await;
    let created = created(&world, json!({ "claims": ["name"], "origin": PAGE })).await;
    let address = &created["digital_credentials"]["answer_uri"];
    assert_eq!(bring(&world, address, &json!({ "error": "access_denied" })).await.status, StatusCode::OK);
    assert_eq!(result(&world, &created).await, json!({ "state": "declined", "error": "access_denied" }));
}

#[tokio::test]
async fn requests_are_made_for_registered_origins_only() {
    let world = World::new().await;
    for origin in ["https://evil.example", "http://localhost", "http://localhost:8603/", ""] {
        let reply = create(&world, json!({ "claims": ["name"], "origin": origin })).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::BAD_REQUEST, "verification_origin"),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn our_own_page_shows_what_is_asked_and_by_whom_and_offers_both_ways() {
    let world = World::new().await;
    let created = created(&world, json!({ "claims": ["name", "inst_code"] })).await;
    let page = created["page"].as_str().unwrap();
    let shown = world.get(page, None).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    for text in ["예시 업무 포털", "성명", "<svg", "data-browser", "openid4vp://"] {
        assert!(shown.body.contains(text), "no {text} on the page");
    }
    let ticket = page.rsplit('/').next().unwrap();
    let state = format!("/verification/pages/{ticket}");
    assert_eq!(world.get(&state, None).await.json(), json!({ "state": "pending" }));

    let pair = world.post_json(&state, &json!({}), &[]).await.json();
    let origin = world.platform.config.public.base_url.origin().ascii_serialization();
    let asked = judged(&world, &pair["requests"][0], &origin);
    let mut token = VpToken::default();
    let binding = credential::sd_jwt::KeyBinding {
        nonce: asked.nonce(),
        audience: asked.audience(),
        issued_at: world.platform.now_ms() / 1_000,
        transaction_data_hashes: &[],
    };
    token.push("badge", bind(&world.phone.credential, &["name", "inst_code"], &world.phone.holder, &binding));
    let reply = bring(&world, &pair["answer_uri"], &asked.respond_to_page(&token).unwrap()).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(world.get(&state, None).await.json(), json!({ "state": "answered" }));
    assert!(world.get(page, None).await.body.contains("응답을 받았습니다"));
    assert_eq!(result(&world, &created).await["state"], "verified");
}

#[tokio::test]
async fn a_result_for_one_browser_is_not_offered_to_another_phone() {
    let world = World::new().await;
    let created = created(&world, json!({ "claims": ["name"], "redirect_uri": REDIRECT })).await;
    let page = world.get(created["page"].as_str().unwrap(), None).await;
    assert!(!page.body.contains("data-qr"), "no QR: the answer would return to the phone");
    let ticket = created["page"].as_str().unwrap().rsplit('/').next().unwrap();
    let pair = world.post_json(&format!("/verification/pages/{ticket}"), &json!({}), &[]).await.json();
    let origin = world.platform.config.public.base_url.origin().ascii_serialization();
    let asked = judged(&world, &pair["requests"][1], &origin);
    let reply = bring(&world, &pair["answer_uri"], &handed(&world, &asked, asked.audience())).await;
    let back = reply.json()["redirect_uri"].as_str().unwrap().to_owned();
    assert!(back.starts_with(&format!("{REDIRECT}?response_code=")), "{back}");
}

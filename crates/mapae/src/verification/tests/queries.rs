//! Queries in full: transaction data, long ones, and answers that are none.

use credential::sd_jwt::KeyBinding;
use http::StatusCode;
use keys::sha256;
use openid::vp::{APPROVE, Response};
use serde_json::{Value, json};

use super::{answer, bind, binding, create, created, result};
use crate::login::tests::support::{NAME, World, count};

fn badge(world: &World, id: &str, claims: &[&str]) -> Value {
    let vct = crate::verification::badge(&world.platform).unwrap().vct.clone();
    let claims: Vec<Value> = claims.iter().map(|name| json!({ "id": name, "path": [name] })).collect();
    json!({ "id": id, "format": "dc+sd-jwt", "meta": { "vct_values": [vct] }, "claims": claims })
}

#[tokio::test]
async fn what_the_holder_authorizes_is_told_and_nothing_else_passes() {
    let world = World::new().await;
    let approve = json!({ "type": APPROVE, "credential_ids": ["badge"], "title": "예시 지출 결의", "facts": { "금액": "1,000원" } });
    let created = created(&world, json!({ "claims": ["name"], "transaction_data": [approve] })).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let entry = asked.request.transaction_data()[0].clone();
    assert_eq!(entry.members["title"], "예시 지출 결의");

    let hash = sha256(entry.encoded().as_bytes());
    let with = |hashes: &[[u8; 32]]| {
        let bound = KeyBinding { transaction_data_hashes: hashes, ..binding(&world, &asked) };
        bind(&world.phone.credential, &["name"], &world.phone.holder, &bound)
    };
    for hashes in [&[][..], &[sha256(b"another")], &[hash, hash]] {
        let reply = answer(&world, &asked, &[("badge", &with(hashes))]).await;
        assert_eq!(reply.code(), "presentation_refused: transaction_data", "{} hashes", hashes.len());
    }
    assert_eq!(answer(&world, &asked, &[("badge", &with(&[hash]))]).await.status, StatusCode::OK);
    let told = result(&world, &created).await;
    assert_eq!(told["credentials"][0]["authorizes"], json!([0]));
    assert_eq!(told["credentials"][0]["claims"]["name"]["ko"], NAME);
}

#[tokio::test]
async fn transaction_data_that_no_wallet_could_sign_is_refused_when_it_is_asked() {
    let world = World::new().await;
    let entry = |change: Value| {
        let mut entry = json!({ "type": APPROVE, "credential_ids": ["badge"], "title": "결재" });
        for (name, value) in change.as_object().unwrap() {
            entry[name] = value.clone();
        }
        entry
    };
    for broken in [
        entry(json!({ "credential_ids": ["other"] })),
        entry(json!({ "credential_ids": [] })),
        entry(json!({ "title": 1 })),
        entry(json!({ "amount": 1 })),
        entry(json!({ "type": 1 })),
        entry(json!({ "facts": { "글": "가".repeat(6_000) } })),
    ] {
        let reply = create(&world, json!({ "claims": ["name"], "transaction_data": [broken] })).await;
        assert!(reply.code().starts_with("verification_query"), "{broken}: {}", reply.body);
    }
    let many: Vec<Value> = (0..9).map(|_| entry(json!({}))).collect();
    let reply = create(&world, json!({ "claims": ["name"], "transaction_data": many })).await;
    assert!(reply.code().starts_with("verification_query"));
}

#[tokio::test]
async fn a_query_that_is_too_long_for_a_qr_is_kept_beside_its_link_until_it_is_answered() {
    let world = World::new().await;
    let mut credential = badge(&world, "badge", &[]);
    let claims: Vec<Value> = ["name", "inst_code", "department"]
        .iter()
        .flat_map(|name| {
            (0..12).map(move |n| json!({ "id": format!("{name}-{n}-{}", "x".repeat(40)), "path": [name] }))
        })
        .collect();
    credential["claims"] = claims.into();
    let created = created(&world, json!({ "dcql_query": { "credentials": [credential] } })).await;
    assert!(created["link"].as_str().unwrap().len() < 1_000, "the link stays short");
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_request").await, 1);
    let stored = world
        .platform
        .store
        .fetch_one("SELECT sealed FROM verification_request", crate::operations::store::params![])
        .await
        .unwrap();
    let stored = stored.bytes("sealed").unwrap();
    assert!(!stored.windows(9).any(|window| window == b"inst_code"), "sealed at rest");

    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    assert_eq!(asked.request.query().credentials[0].claims.len(), 36);
    let shown = bind(
        &world.phone.credential,
        &["name", "inst_code", "department"],
        &world.phone.holder,
        &binding(&world, &asked),
    );
    assert_eq!(answer(&world, &asked, &[("badge", &shown)]).await.status, StatusCode::OK);
    assert_eq!(result(&world, &created).await["state"], "verified");
    assert_eq!(
        count(&world, "SELECT COUNT(*) AS n FROM verification_request").await,
        0,
        "gone with the answer"
    );
}

#[tokio::test]
async fn of_two_sets_the_holder_chooses_one_and_what_was_not_asked_for_is_refused() {
    let world = World::new().await;
    let query = json!({
        "credentials": [badge(&world, "name", &["name"]), badge(&world, "agency", &["inst_code"])],
        "credential_sets": [{ "options": [["name"], ["agency"]] }],
    });
    let created = created(&world, json!({ "dcql_query": query })).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let show = |claims: &[&str]| {
        bind(&world.phone.credential, claims, &world.phone.holder, &binding(&world, &asked))
    };
    let (name, agency, nothing) = (show(&["name"]), show(&["inst_code"]), show(&[]));
    for (presentations, reason) in [
        (vec![("other", name.as_str())], "credential_not_asked"),
        (vec![("name", nothing.as_str())], "claim_missing"),
        (vec![("name", name.as_str()), ("name", name.as_str())], "credential_twice"),
        (vec![("name", "no-token")], "malformed"),
    ] {
        let reply = answer(&world, &asked, &presentations).await;
        assert_eq!(reply.code(), format!("presentation_refused: {reason}"));
    }
    let reply = answer(&world, &asked, &[("agency", &agency)]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let told = result(&world, &created).await;
    assert_eq!(told["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&told["credentials"][0]["query"], &told["claims"]["inst_code"]),
        (&json!("agency"), &json!("1741000"))
    );
}

#[tokio::test]
async fn an_answer_under_another_keys_name_or_in_the_clear_is_refused() {
    let world = World::new().await;
    let created = created(&world, json!({ "claims": ["name"] })).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let shown = bind(&world.phone.credential, &["name"], &world.phone.holder, &binding(&world, &asked));
    let payload = json!({ "vp_token": { "badge": [shown] }, "state": asked.request.parameters().state });
    let key = asked.request.encryption_key().unwrap();
    let post = |kid: Option<&str>, key: &keys::PublicKey| {
        let enc = keys::jwe::Enc::A128Gcm;
        let text = keys::jwe::encrypt(key, kid, enc, &[], &[], payload.to_string().as_bytes()).unwrap();
        openid::form::Form::default().with("response", &text)
    };
    let uri = asked.request.response_uri();
    let kid = asked.request.parameters().client_metadata.as_ref().unwrap().jwks.as_ref().unwrap().keys[0]
        .kid
        .clone();
    for (form, reason) in [
        (post(Some("other"), key), "response_other_key"),
        (post(None, key), "response_other_key"),
        (post(kid.as_deref(), keys::SecretKey::generate().public_key()), "invalid_request"),
        (
            openid::form::Form::default()
                .with("vp_token", &payload["vp_token"].to_string())
                .with("state", payload["state"].as_str().unwrap()),
            "response_not_encrypted",
        ),
    ] {
        assert_eq!(world.post_form(uri, &form, &[]).await.code(), format!("presentation_refused: {reason}"));
    }
    // A128GCM is as good as A256GCM (HAIP 1.0 §5).
    assert_eq!(world.post_form(uri, &post(kid.as_deref(), key), &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_wallets_own_error_is_told_to_the_relying_party() {
    let world = World::new().await;
    let created = created(&world, json!({ "claims": ["name"] })).await;
    let asked = world.phone.fetch(&world, created["link"].as_str().unwrap()).await;
    let post = asked.request.refuse(openid::Code::VpFormatsNotSupported);
    let Response::Error(_) = Response::parse(post.form.encode().as_bytes()).unwrap() else { panic!() };
    assert_eq!(world.post_form(&post.url, &post.form, &[]).await.status, StatusCode::OK);
    assert_eq!(
        result(&world, &created).await,
        json!({ "state": "declined", "error": "vp_formats_not_supported" })
    );
}

#[tokio::test]
async fn an_answered_request_is_not_given_out_again() {
    let world = World::new().await;
    let created = created(&world, json!({ "claims": ["name"] })).await;
    let link = created["link"].as_str().unwrap();
    let asked = world.phone.fetch(&world, link).await;
    world.phone.present(&world, &asked).await;
    assert_eq!(world.phone.try_fetch(&world, link).await.code(), "verification_answered");
}

#[tokio::test]
async fn the_request_names_for_whom_it_asks_as_long_as_they_are_registered() {
    let world = World::new().await;
    let created = created(&world, json!({ "claims": ["name"] })).await;
    let link = created["link"].as_str().unwrap();
    let asked = world.phone.fetch(&world, link).await;
    let party = &asked.request.parameters().extra[openid::vp::PARTY];
    assert_eq!(party["name_ko"], "예시 업무 포털");
    world.execute("UPDATE relying_party SET disabled_at = 1 WHERE id = 'portal'", vec![]).await;
    assert_eq!(world.phone.try_fetch(&world, link).await.code(), "verification_unknown");
    assert_eq!(world.phone.present(&world, &asked).await.code(), "verification_unknown");
}

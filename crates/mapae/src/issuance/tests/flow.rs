//! The whole flow, and what comes out of it.

use std::collections::HashSet;

use credential::status_list::verify_jwt;
use credential::status_list::week::Week;
use credential::trust::Anchor;
use credential::verify::{AcceptedTypes, ChainCache, verify_received};
use openid::metadata::{AuthorizationServer, CredentialIssuer};
use openid::vci::holder::Plan;

use super::holder::{Holder, credentials_of, holder_keys, payload, public_jwk, status_of, wallet_offer};
use crate::lifecycle::{self, Badge, BadgeState};
use crate::testing;

#[tokio::test]
async fn a_standard_wallet_is_issued_a_batch_that_verifies_in_two_commits() {
    let platform = testing::platform().await;
    let employee = platform.people(3).await.remove(2);
    let mut wallet = Holder::new(&platform);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;

    // The holder's side of the openid crate reads what the issuer publishes.
    let origin = wallet.origin();
    let issuer =
        CredentialIssuer::read(&wallet.get("/.well-known/openid-credential-issuer").await.body, &origin);
    let server =
        AuthorizationServer::read(&wallet.get("/.well-known/oauth-authorization-server").await.body, &origin);
    let (issuer, server) = (issuer.unwrap(), server.unwrap());
    assert_eq!(issuer.batch_size(), 20);
    let by_reference = wallet.fetch(&offer).await;
    let plan = Plan::new(by_reference.clone(), issuer, &server).unwrap();
    assert_eq!(plan.tx_code().unwrap().length, Some(8));
    assert!(plan.token_request(Some(&tx_code), None).is_ok());

    let before = platform.store.counters().commits();
    let token = wallet.access_token(&by_reference, Some(&tx_code)).await;
    assert_eq!(platform.store.counters().commits() - before, 1, "the token costs one commit");
    let keys = holder_keys(20);
    // The first copy of a week fixes the size of its lists: a commit of its own, once a week.
    let warmed = Week::of(platform.now_ms() / 1000);
    lifecycle::status::claims_for(&platform, super::super::desk(&platform).unwrap().did(), 0, warmed, 0, 1)
        .await
        .unwrap();
    let before = platform.store.counters().commits();
    let reply = wallet.credentials(&token, &keys).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(platform.store.counters().commits() - before, 1, "the batch costs one commit");

    let credentials = credentials_of(&reply);
    assert_eq!(credentials.len(), 20);
    let trust = lifecycle::local_trust(&platform).await.unwrap();
    let types = AcceptedTypes::OneOf(vec![format!("{origin}/types/badge")]);
    let chains = ChainCache::new(16);
    for (credential, key) in credentials.iter().zip(&keys) {
        let now = platform.now_ms() / 1000;
        let verified =
            verify_received(credential, key.public_key(), &types, trust.as_ref(), &chains, now).unwrap();
        assert_eq!(verified.claims["cnf"]["jwk"]["x"], public_jwk(key)["x"]);
        assert_eq!(verified.claims["inst_code"].as_str().unwrap().len(), 7);
        assert_eq!(verified.claims["issued_at"], "2026-11-24");
        assert_eq!(verified.claims["valid_until"], "2029-11-23");
        assert_eq!(verified.claims["is_serving"], true);
    }

    let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!((badge.state, badge.account_id.as_deref(), badge.copy_next), (BadgeState::Active, None, 20));
}

#[tokio::test]
async fn copies_of_a_badge_share_nothing_but_type_issuer_week_and_list() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let offer = wallet.fetch(&offer).await;
    let credentials = wallet.redeem(&offer, Some(&tx_code), 20).await;

    let mut seen = HashSet::new();
    for credential in &credentials {
        let payload = payload(credential);
        let week = Week::of(platform.now_ms() / 1000);
        assert_eq!(payload["iat"].as_i64(), Some(week.start()));
        assert_eq!(payload["exp"].as_i64(), Some(week.next().end()));
        assert!(payload.get("sub").is_none() && payload.get("jti").is_none());
        for name in payload.as_object().unwrap().keys() {
            let known = ["_sd", "_sd_alg", "cnf", "exp", "iat", "iss", "status", "vct"];
            assert!(known.contains(&name.as_str()), "{name} is told in the clear");
        }
        assert!(seen.insert(payload["cnf"].to_string()), "a key twice");
        assert!(seen.insert(payload["status"].to_string()), "a status index twice");
        for digest in payload["_sd"].as_array().unwrap() {
            assert!(seen.insert(digest.to_string()), "a digest twice");
        }
        for disclosure in credential.split('~').skip(1).filter(|part| !part.is_empty()) {
            assert!(seen.insert(disclosure.to_owned()), "a salt twice");
        }
    }
}

#[tokio::test]
async fn after_issuance_no_claim_value_is_kept_outside_of_personnel() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let offer = wallet.fetch(&offer).await;
    wallet.redeem(&offer, Some(&tx_code), 3).await;
    let claims = crate::personnel::badge_claims(&platform, &employee).await.unwrap();
    let texts: Vec<String> = ["name", "birth_date", "employee_number", "link_id"]
        .iter()
        .map(|name| match &claims[*name] {
            serde_json::Value::String(text) => text.clone(),
            other => other["ko"].as_str().unwrap().to_owned(),
        })
        .collect();
    for table in ["issuance_offer", "badge", "once", "audit_record", "status_series", "issuing_party"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"));
        for row in platform.store.fetch_all(sql, vec![]).await.unwrap() {
            let written = row.texts();
            for text in &texts {
                assert!(!written.contains(text.as_str()), "{table} keeps a claim value");
            }
        }
    }
}

#[tokio::test]
async fn the_type_metadata_and_the_list_stand_where_the_credential_says() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let offer = wallet.fetch(&offer).await;
    let credential = wallet.redeem(&offer, Some(&tx_code), 1).await.remove(0);
    let origin = wallet.origin();

    let vct = payload(&credential)["vct"].as_str().unwrap().to_owned();
    let document = wallet.get(vct.strip_prefix(&origin).unwrap()).await.json();
    assert_eq!(document["vct"], vct);
    assert_eq!(document["display"][0]["name"], "모바일 공무원증");
    assert_eq!(wallet.get("/types/passport").await.status, 404);

    let (uri, index) = status_of(&credential);
    let reply = wallet.get(uri.strip_prefix(&origin).unwrap()).await;
    assert_eq!(reply.headers["content-type"], "application/statuslist+jwt");
    let roots = [platform.keys.root().clone()];
    let now = platform.now_ms() / 1000;
    let token = String::from_utf8(reply.body).unwrap();
    let list = verify_jwt(&token, &uri, Anchor::Roots(&roots), now).unwrap();
    assert_eq!(list.get(index), Some(credential::status_list::Status::Valid));
    assert_eq!((list.claims.ttl, list.claims.expires_at), (Some(60), Some(now + 48 * 3600)));

    let did = wallet.get("/.well-known/did.json").await.json();
    assert_eq!(did["id"], "did:web:localhost%3A8600");
    let header = keys::jws::Unverified::parse(credential.split('~').next().unwrap(), 1 << 16).unwrap();
    assert_eq!(header.header().kid.as_deref(), did["verificationMethod"][0]["id"].as_str());
}

#[tokio::test]
async fn a_notification_is_noted_once_and_only_for_its_own_batch() {
    let platform = testing::platform().await;
    let employees = platform.people(2).await;
    let mut ids = Vec::new();
    for employee in &employees {
        let (offer, tx_code) = wallet_offer(&platform, employee).await;
        let mut wallet = Holder::new(&platform);
        let offer = wallet.fetch(&offer).await;
        let token = wallet.access_token(&offer, Some(&tx_code)).await;
        let reply = wallet.credentials(&token, &holder_keys(1)).await;
        ids.push((wallet, token, reply.json()["notification_id"].as_str().unwrap().to_owned()));
    }
    let (wallet, token, own) = &ids[0];
    let body = |id: &str, event: &str| {
        serde_json::json!({ "notification_id": id, "event": event }).to_string().into_bytes()
    };
    let path = "/issuance/notification";
    for _ in 0..2 {
        let proof = wallet.dpop(path, Some(token));
        let reply = wallet.post_with_token(path, token, Some(&proof), body(own, "credential_accepted")).await;
        assert_eq!(reply.status, 204, "{}", reply.json());
    }
    let rows = platform
        .store
        .fetch_all("SELECT id FROM audit_record WHERE act = 'credential.accepted'", vec![])
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);

    for (id, event, code) in [
        (ids[1].2.as_str(), "credential_accepted", "invalid_notification_id"),
        ("nonsense", "credential_accepted", "invalid_notification_id"),
        (own.as_str(), "credential_eaten", "invalid_notification_request"),
    ] {
        let proof = wallet.dpop(path, Some(token));
        let reply = wallet.post_with_token(path, token, Some(&proof), body(id, event)).await;
        assert_eq!(reply.refusal(), (400, code.to_owned()));
    }
}

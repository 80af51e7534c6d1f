//! Every way to be wrong, each refused with the code that its standard names.

use axum::body::Body;
use http::{Request, header};
use keys::encoding::b64url_encode;
use keys::{SecretKey, Signer as _};
use serde_json::{Value, json};

use super::holder::{Holder, Reply, credentials_of, holder_keys, public_jwk, wallet_offer};
use crate::operations::limits;
use crate::testing::{self, TestPlatform};

/// A JWT of any header and claims, signed with ES256 by `key` whatever the header says.
fn jwt(key: &SecretKey, header: &Value, claims: &Value) -> String {
    let input = format!(
        "{}.{}",
        b64url_encode(header.to_string().as_bytes()),
        b64url_encode(claims.to_string().as_bytes())
    );
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64url_encode(&signature.to_bytes()))
}

fn code(reply: &Reply) -> String {
    reply.refusal().1
}

/// A platform, a wallet with nonces, and an access token.
async fn authorized() -> (TestPlatform, Holder, String) {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&tx_code)).await;
    (platform, wallet, token)
}

#[tokio::test]
async fn the_token_endpoint_refuses_each_wrong_dpop_proof_by_its_code() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    let nonce = wallet.dpop_nonce.clone().unwrap();
    let (key, now) = (wallet.key.clone(), wallet.now());
    let head = |name: &str, value: Value| {
        let mut head = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": public_jwk(&key) });
        head[name] = value;
        head
    };
    let url = format!("{}/issuance/token", wallet.origin());
    let said = |name: &str, value: Value| {
        let mut said =
            json!({ "htm": "POST", "htu": url, "iat": now, "jti": keys::random::token(), "nonce": nonce });
        said[name] = value;
        said
    };
    let good_head = head("typ", json!("dpop+jwt"));
    let good = said("htm", json!("POST"));
    let foreign = SecretKey::generate();
    let unsigned = format!(
        "{}.{}.",
        b64url_encode(head("alg", json!("none")).to_string().as_bytes()),
        b64url_encode(good.to_string().as_bytes())
    );
    let whole = jwt(&key, &good_head, &good);
    let wrong = [
        ("truncated", whole[..whole.len() - 4].to_owned(), "invalid_dpop_proof"),
        ("two parts", whole.rsplit_once('.').unwrap().0.to_owned(), "invalid_dpop_proof"),
        ("alg none", unsigned, "invalid_dpop_proof"),
        ("alg HS256", jwt(&key, &head("alg", json!("HS256")), &good), "invalid_dpop_proof"),
        ("alg RS256", jwt(&key, &head("alg", json!("RS256")), &good), "invalid_dpop_proof"),
        ("another typ", jwt(&key, &head("typ", json!("JWT")), &good), "invalid_dpop_proof"),
        ("no key", jwt(&key, &head("jwk", Value::Null), &good), "invalid_dpop_proof"),
        ("critical header", jwt(&key, &head("crit", json!(["exp"])), &good), "invalid_dpop_proof"),
        ("by another key", jwt(&foreign, &good_head, &good), "invalid_dpop_proof"),
        ("another method", jwt(&key, &good_head, &said("htm", json!("GET"))), "invalid_dpop_proof"),
        (
            "another address",
            jwt(&key, &good_head, &said("htu", json!("https://evil.example/token"))),
            "invalid_dpop_proof",
        ),
        ("old", jwt(&key, &good_head, &said("iat", json!(now - 600))), "invalid_dpop_proof"),
        ("from the future", jwt(&key, &good_head, &said("iat", json!(now + 600))), "invalid_dpop_proof"),
        ("without jti", jwt(&key, &good_head, &said("jti", json!(""))), "invalid_dpop_proof"),
        ("without nonce", jwt(&key, &good_head, &said("nonce", Value::Null)), "use_dpop_nonce"),
        ("foreign nonce", jwt(&key, &good_head, &said("nonce", json!("AAAA"))), "use_dpop_nonce"),
    ];
    for (what, proof, expected) in wrong {
        let reply = wallet.post_token(Holder::token_form(&held, Some(&tx_code)), Some(&proof)).await;
        assert_eq!(reply.refusal(), (400, expected.to_owned()), "{what}");
        assert!(reply.headers.contains_key("dpop-nonce"), "{what}");
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    }
    // The same bytes, right: nothing above cost the offer anything.
    let reply = wallet.post_token(Holder::token_form(&held, Some(&tx_code)), Some(&whole)).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_nonce_for_dpop_proofs_expires_and_is_no_c_nonce() {
    let (platform, mut wallet, token) = authorized().await;
    let stale = wallet.dpop_nonce.clone();
    let c_nonce = wallet.c_nonce().await;
    let dpop_nonce = wallet.dpop_nonce.clone().unwrap();

    let body = Holder::request(vec![wallet.proof(&holder_keys(1)[0], &dpop_nonce)]);
    let proof = wallet.dpop("/issuance/credential", Some(&token));
    assert_eq!(code(&wallet.post_credential(&token, Some(&proof), body).await), "invalid_nonce");

    wallet.dpop_nonce = Some(c_nonce);
    let proof = wallet.dpop("/issuance/credential", Some(&token));
    let reply = wallet.post_credential(&token, Some(&proof), b"{}".to_vec()).await;
    assert_eq!(reply.refusal(), (401, "use_dpop_nonce".to_owned()));
    assert!(reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("error=\"use_dpop_nonce\""));

    platform.clock.advance_ms(limits::DPOP_NONCE_LIFE.get());
    wallet.dpop_nonce = stale;
    let proof = wallet.dpop("/issuance/token", None);
    let reply = wallet.post_token("grant_type=refresh_token&refresh_token=x".to_owned(), Some(&proof)).await;
    assert_eq!(reply.refusal(), (400, "use_dpop_nonce".to_owned()));
}

#[tokio::test]
async fn the_token_endpoint_refuses_each_wrong_request_by_its_code() {
    let platform = testing::platform().await;
    let mut wallet = Holder::new(&platform);
    wallet.c_nonce().await;
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code";
    let wrong = [
        (String::new(), "invalid_request"),
        (format!("grant_type={grant}"), "invalid_request"),
        (format!("grant_type={grant}&pre-authorized_code=x&pre-authorized_code=y"), "invalid_request"),
        (format!("grant_type={grant}&pre-authorized_code={}", "a".repeat(5000)), "invalid_request"),
        (format!("grant_type={grant}&pre-authorized_code=nonsense"), "invalid_grant"),
        ("grant_type=password&username=a&password=b".to_owned(), "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x".to_owned(), "invalid_grant"),
        ("grant_type=authorization_code".to_owned(), "invalid_request"),
        ("grant_type=refresh_token&refresh_token=x".to_owned(), "invalid_grant"),
        ("grant_type=client_credentials".to_owned(), "unsupported_grant_type"),
        (
            format!("grant_type={grant}&pre-authorized_code=x&authorization_details=%7B"),
            "invalid_authorization_details",
        ),
    ];
    for (form, expected) in wrong {
        let proof = wallet.dpop("/issuance/token", None);
        assert_eq!(code(&wallet.post_token(form.clone(), Some(&proof)).await), expected, "{form}");
    }
    let request = Request::post("/issuance/token").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(code(&wallet.send(request.body(Body::from("{}")).unwrap()).await), "invalid_request");
}

#[tokio::test]
async fn the_credential_endpoint_refuses_each_wrong_token_by_its_code() {
    let (platform, mut wallet, token) = authorized().await;
    let nonce = wallet.c_nonce().await;
    let body = Holder::request(vec![wallet.proof(&holder_keys(1)[0], &nonce)]);
    let path = "/issuance/credential";

    let bare = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let reply = wallet.send(bare.body(Body::from(body.clone())).unwrap()).await;
    assert_eq!(reply.status, 401);
    assert!(reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("DPoP"));

    let bearer = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(wallet.send(bearer.body(Body::from(body.clone())).unwrap()).await.status, 401);

    let changed = format!("{}{}", &token[..token.len() - 2], if token.ends_with("AA") { "BB" } else { "AA" });
    let proof = wallet.dpop(path, Some(&changed));
    let reply = wallet.post_credential(&changed, Some(&proof), body.clone()).await;
    assert_eq!(reply.refusal(), (401, "invalid_token".to_owned()));

    let reply = wallet.post_credential(&token, None, body.clone()).await;
    assert_eq!(reply.refusal(), (401, "invalid_dpop_proof".to_owned()));

    let proof = wallet.dpop(path, Some("another token"));
    let reply = wallet.post_credential(&token, Some(&proof), body.clone()).await;
    assert_eq!(reply.refusal(), (401, "invalid_dpop_proof".to_owned()));

    let proof = wallet.dpop("/issuance/notification", Some(&token));
    let reply = wallet.post_credential(&token, Some(&proof), body.clone()).await;
    assert_eq!(reply.refusal(), (401, "invalid_dpop_proof".to_owned()));

    let mut thief = wallet.clone();
    thief.key = std::sync::Arc::new(SecretKey::generate());
    let proof = thief.dpop(path, Some(&token));
    let reply = thief.post_credential(&token, Some(&proof), body.clone()).await;
    assert_eq!(
        reply.refusal(),
        (401, "invalid_token".to_owned()),
        "a stolen token is worthless without its key"
    );

    // A sealed value for another purpose is no access token, however genuine.
    let proof = wallet.dpop(path, Some(&nonce));
    let reply = wallet.post_credential(&nonce, Some(&proof), body.clone()).await;
    assert_eq!(reply.refusal(), (401, "invalid_token".to_owned()));

    platform.clock.advance_ms(limits::ISSUANCE_TOKEN_LIFE.get());
    let reply = wallet.credentials(&token, &holder_keys(1)).await;
    assert_eq!(reply.refusal(), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn the_credential_endpoint_refuses_each_wrong_key_proof_by_its_code() {
    let (_platform, mut wallet, token) = authorized().await;
    let (key, foreign) = (SecretKey::generate(), SecretKey::generate());
    let (origin, now) = (wallet.origin(), wallet.now());
    let nonce = wallet.c_nonce().await;
    let head = |name: &str, value: Value| {
        let mut head = json!({ "alg": "ES256", "typ": "openid4vci-proof+jwt", "jwk": public_jwk(&key) });
        head[name] = value;
        head
    };
    let good_head = head("alg", json!("ES256"));
    let said = |name: &str, value: Value| {
        let mut said = json!({ "aud": origin, "iat": now, "nonce": nonce });
        said[name] = value;
        said
    };
    let good = said("aud", json!(origin));
    let whole = jwt(&key, &good_head, &good);
    let none = format!(
        "{}.{}.",
        b64url_encode(head("alg", json!("none")).to_string().as_bytes()),
        b64url_encode(good.to_string().as_bytes())
    );
    let proofs = [
        ("truncated", whole[..whole.len() - 8].to_owned(), "invalid_proof"),
        ("alg none", none, "invalid_proof"),
        ("alg HS256", jwt(&key, &head("alg", json!("HS256")), &good), "invalid_proof"),
        ("another typ", jwt(&key, &head("typ", json!("JWT")), &good), "invalid_proof"),
        ("by another key", jwt(&foreign, &good_head, &good), "invalid_proof"),
        ("no key", jwt(&key, &head("jwk", Value::Null), &good), "invalid_proof"),
        ("two keys", jwt(&key, &head("kid", json!("did:jwk:x#0")), &good), "invalid_proof"),
        (
            "another audience",
            jwt(&key, &good_head, &said("aud", json!("https://other.example"))),
            "invalid_proof",
        ),
        ("another client", jwt(&key, &good_head, &said("iss", json!("someone"))), "invalid_proof"),
        ("old", jwt(&key, &good_head, &said("iat", json!(now - 3600))), "invalid_proof"),
        ("no nonce", jwt(&key, &good_head, &said("nonce", Value::Null)), "invalid_proof"),
        ("foreign nonce", jwt(&key, &good_head, &said("nonce", json!("AQAA"))), "invalid_nonce"),
    ];
    for (what, proof, expected) in proofs {
        let dpop = wallet.dpop("/issuance/credential", Some(&token));
        let reply = wallet.post_credential(&token, Some(&dpop), Holder::request(vec![proof])).await;
        assert_eq!(reply.refusal(), (400, expected.to_owned()), "{what}");
    }
    let twice = Holder::request(vec![whole.clone(), whole.clone()]);
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    assert_eq!(code(&wallet.post_credential(&token, Some(&dpop), twice).await), "invalid_proof");

    let crowd = holder_keys(21).iter().map(|key| wallet.proof(key, &nonce)).collect();
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    let reply = wallet.post_credential(&token, Some(&dpop), Holder::request(crowd)).await;
    assert_eq!(code(&reply), "invalid_credential_request", "more keys than batch_size");

    // Nothing above used the token or the nonce up.
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    let reply = wallet.post_credential(&token, Some(&dpop), Holder::request(vec![whole])).await;
    assert_eq!(credentials_of(&reply).len(), 1);
}

#[tokio::test]
async fn the_credential_endpoint_refuses_each_wrong_request_by_its_code() {
    let (_platform, mut wallet, token) = authorized().await;
    let nonce = wallet.c_nonce().await;
    let proofs = json!({ "jwt": [wallet.proof(&holder_keys(1)[0], &nonce)] });
    let enc = json!({ "jwk": public_jwk(&SecretKey::generate()), "enc": "A256GCM" });
    let mut jwk = enc.clone();
    jwk["jwk"]["alg"] = json!("ECDH-ES");
    let wrong = [
        (json!([]), "invalid_credential_request"),
        (json!({}), "invalid_credential_request"),
        (
            json!({ "credential_configuration_id": "passport", "proofs": proofs }),
            "unknown_credential_configuration",
        ),
        (json!({ "credential_identifier": "badge", "proofs": proofs }), "unknown_credential_identifier"),
        (
            json!({ "credential_configuration_id": "badge", "credential_identifier": "badge" }),
            "invalid_credential_request",
        ),
        (json!({ "credential_configuration_id": "badge" }), "invalid_proof"),
        (json!({ "credential_configuration_id": "badge", "proofs": {} }), "invalid_proof"),
        (json!({ "credential_configuration_id": "badge", "proofs": { "jwt": [] } }), "invalid_proof"),
        (json!({ "credential_configuration_id": "badge", "proofs": { "ldp_vp": ["x"] } }), "invalid_proof"),
        (
            json!({ "credential_configuration_id": "badge", "proofs": proofs, "credential_response_encryption": enc }),
            "invalid_encryption_parameters",
        ),
        (
            json!({ "credential_configuration_id": "badge", "proofs": proofs, "credential_response_encryption": jwk }),
            "invalid_encryption_parameters",
        ),
    ];
    for (body, expected) in wrong {
        let dpop = wallet.dpop("/issuance/credential", Some(&token));
        let reply = wallet.post_credential(&token, Some(&dpop), body.to_string().into_bytes()).await;
        assert_eq!(reply.refusal(), (400, expected.to_owned()), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for body in [deep.into_bytes(), vec![b'{'; 1000], b"{\"a\":1,\"a\":1}".to_vec()] {
        let dpop = wallet.dpop("/issuance/credential", Some(&token));
        let reply = wallet.post_credential(&token, Some(&dpop), body).await;
        assert_eq!(reply.refusal(), (400, "invalid_credential_request".to_owned()));
    }
    let huge = vec![b' '; limits::HTTP_BODY.size() + 1];
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    assert_eq!(wallet.post_credential(&token, Some(&dpop), huge).await.status, 413);
}

#[tokio::test]
async fn a_batch_is_not_issued_twice_for_one_nonce_or_one_proof() {
    let (platform, mut wallet, token) = authorized().await;
    let nonce = wallet.c_nonce().await;
    let body = Holder::request(vec![wallet.proof(&holder_keys(1)[0], &nonce)]);
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    assert_eq!(wallet.post_credential(&token, Some(&dpop), body.clone()).await.status, 200);
    // The very same bytes again.
    let reply = wallet.post_credential(&token, Some(&dpop), body).await;
    assert_eq!(reply.status, 401, "{}", reply.json());

    // The nonce again, for another employee's token.
    let employee = platform.people(2).await.remove(1);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&tx_code)).await;
    let body = Holder::request(vec![wallet.proof(&holder_keys(1)[0], &nonce)]);
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    let reply = wallet.post_credential(&token, Some(&dpop), body).await;
    assert_eq!(reply.refusal(), (400, "invalid_nonce".to_owned()));

    let fresh = wallet.c_nonce().await;
    platform.clock.advance_ms(limits::C_NONCE_LIFE.get() - 1);
    let late = wallet.proof(&holder_keys(1)[0], &fresh);
    platform.clock.advance_ms(1);
    wallet.c_nonce().await;
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&tx_code)).await;
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    let reply = wallet.post_credential(&token, Some(&dpop), Holder::request(vec![late])).await;
    assert_eq!(reply.refusal(), (400, "invalid_nonce".to_owned()), "an expired nonce");
}

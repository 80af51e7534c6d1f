//! What the issuer publishes about itself.

use axum::body::Body;
use http::{Request, header};
use keys::x509::{Purpose, verify_chain};
use openid::attestation::KeyHint;
use openid::metadata::{AuthorizationServer, CredentialIssuer};
use serde_json::json;

use super::holder::{Holder, Reply};
use crate::issuance::AttestationPolicy;
use crate::testing;

const ISSUER: &str = "/.well-known/openid-credential-issuer";
const SERVER: &str = "/.well-known/oauth-authorization-server";

async fn accepting(wallet: &Holder, path: &str, accept: &str) -> Reply {
    wallet.send(Request::get(path).header(header::ACCEPT, accept).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_metadata_comes_signed_to_whoever_prefers_it_and_plain_to_everybody_else() {
    let platform = testing::platform().await;
    let wallet = Holder::new(&platform);
    for accept in
        ["application/json", "*/*", "application/jwt, application/json", "application/jwt;q=0", "text/html"]
    {
        let reply = accepting(&wallet, ISSUER, accept).await;
        assert_eq!(&reply.headers[header::CONTENT_TYPE], "application/json", "{accept}");
        assert_eq!(&reply.headers[header::VARY], "Accept");
    }
    let plain = CredentialIssuer::read(&wallet.get(ISSUER).await.body, &wallet.origin()).unwrap();
    for accept in
        ["application/jwt", "application/jwt, application/json;q=0.9", "text/html, APPLICATION/JWT;q=0.5"]
    {
        let reply = accepting(&wallet, ISSUER, accept).await;
        assert_eq!(&reply.headers[header::CONTENT_TYPE], "application/jwt", "{accept}");
        let token = String::from_utf8(reply.body).unwrap();
        let roots = [platform.keys.root().clone()];
        let now = wallet.now();
        let trusted = |hint: &KeyHint| {
            // HAIP 1.0 §4.1: `x5c` without the anchor, and no self-signed certificate.
            assert!(hint.x5c.iter().all(|der| der.as_slice() != roots[0].der()));
            let leaf = verify_chain(&hint.x5c, &roots, now, Purpose::Issuer).ok()?;
            Some(leaf.public_key().clone())
        };
        let signed = CredentialIssuer::read_signed(&token, &wallet.origin(), &trusted, now).unwrap();
        assert_eq!(signed, plain);
        let late = CredentialIssuer::read_signed(&token, &wallet.origin(), &trusted, now + 2 * 86_400);
        assert!(late.is_err());
        assert!(CredentialIssuer::read_signed(&token, "https://other.example", &trusted, now).is_err());
    }
}

#[tokio::test]
async fn the_authorization_server_publishes_all_that_haip_asks_of_it() {
    let platform = testing::platform().await;
    let wallet = Holder::new(&platform);
    let document = wallet.get(SERVER).await;
    AuthorizationServer::read(&document.body, &wallet.origin()).unwrap();
    let document = document.json();
    let origin = wallet.origin();
    for (name, path) in [
        ("authorization_endpoint", "/issuance/authorize"),
        ("pushed_authorization_request_endpoint", "/issuance/par"),
        ("token_endpoint", "/issuance/token"),
    ] {
        assert_eq!(document[name], format!("{origin}{path}"));
    }
    assert_eq!(document["require_pushed_authorization_requests"], true);
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(document["authorization_details_types_supported"], json!(["openid_credential"]));
    assert_eq!(
        document["grant_types_supported"],
        json!([
            "authorization_code",
            "urn:ietf:params:oauth:grant-type:pre-authorized_code",
            "refresh_token"
        ])
    );
    assert_eq!(document["client_attestation_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(document["client_attestation_pop_signing_alg_values_supported"], json!(["ES256"]));
    let issuer = wallet.get(ISSUER).await.json();
    for (id, configuration) in issuer["credential_configurations_supported"].as_object().unwrap() {
        // What the portal offers after an approval is not asked for by a wallet of itself.
        let asked_for = id.starts_with("badge");
        assert_eq!(configuration["scope"].as_str(), asked_for.then_some(id.as_str()));
        assert_eq!(document["scopes_supported"].as_array().unwrap().contains(&json!(id)), asked_for, "{id}");
        assert!(configuration["cryptographic_binding_methods_supported"].is_array());
        assert!(configuration["proof_types_supported"].is_object());
    }
    for endpoint in
        ["nonce_endpoint", "credential_endpoint", "deferred_credential_endpoint", "notification_endpoint"]
    {
        assert!(issuer[endpoint].as_str().unwrap().starts_with(&origin), "{endpoint}");
    }
}

#[tokio::test]
async fn attestation_by_policy_is_what_the_metadata_says() {
    for (policy, methods) in [
        (AttestationPolicy::Off, json!(["none"])),
        (AttestationPolicy::Accepted, json!(["none", "attest_jwt_client_auth"])),
        (AttestationPolicy::Required, json!(["attest_jwt_client_auth"])),
    ] {
        let platform = testing::platform_with(|config| config.issuance.wallet_attestation = policy).await;
        let document = Holder::new(&platform).get(SERVER).await.json();
        assert_eq!(document["token_endpoint_auth_methods_supported"], methods);
    }
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_behind_the_well_known_name() {
    let platform = testing::platform_with(|config| {
        config.public.base_url = "https://id.example.kr/gov/badge".parse().unwrap();
    })
    .await;
    let wallet = Holder::new(&platform);
    for (name, member) in [(ISSUER, "credential_issuer"), (SERVER, "issuer")] {
        let reply = wallet.get(&format!("{name}/gov/badge")).await;
        assert_eq!(reply.json()[member], "https://id.example.kr/gov/badge");
        assert_eq!(wallet.get(&format!("{name}/gov")).await.status, 404);
        assert_eq!(wallet.get(name).await.json()[member], "https://id.example.kr/gov/badge");
    }
    let platform = testing::platform().await;
    assert_eq!(Holder::new(&platform).get(&format!("{ISSUER}/gov")).await.status, 404);
}

//! The documents that issuers and servers of strangers publish: read or refused, and what is read leads nowhere but over https.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openid::metadata::{AuthorizationServer, CredentialIssuer, OpenIdProvider};

const ISSUER: &str = "https://issuer.example";

fuzz_target!(|data: &[u8]| {
    judge(data);
    // More members beside those that every such document needs.
    let mut good = br#"{"credential_issuer":"https://issuer.example","issuer":"https://issuer.example","credential_endpoint":"https://issuer.example/credential","#.to_vec();
    good.extend_from_slice(data);
    judge(&good);
});

fn judge(document: &[u8]) {
    if let Ok(issuer) = CredentialIssuer::read(document, ISSUER) {
        assert_eq!(issuer.credential_issuer, ISSUER);
        assert!(safe(&issuer.credential_endpoint));
        let endpoints =
            [&issuer.nonce_endpoint, &issuer.deferred_credential_endpoint, &issuer.notification_endpoint];
        assert!(endpoints.into_iter().flatten().all(|endpoint| safe(endpoint)));
        assert!(issuer.batch_size() >= 1);
        assert!(issuer.authorization_server(None).is_ok_and(safe));
    }
    if let Ok(server) = AuthorizationServer::read(document, ISSUER) {
        assert_eq!(server.issuer, ISSUER);
        let _ = (server.takes_dpop(), server.offers_grant("authorization_code"));
    }
    if let Ok(provider) = OpenIdProvider::read(document, ISSUER) {
        assert_eq!(provider.issuer, ISSUER);
        assert!(safe(&provider.jwks_uri));
    }
    assert!(CredentialIssuer::read(document, "https://another.example").is_err() || !names(document, ISSUER));
}

fn safe(address: &str) -> bool {
    openid::link::endpoint(address).is_ok()
}

fn names(document: &[u8], issuer: &str) -> bool {
    serde_json::from_slice::<serde_json::Value>(document)
        .is_ok_and(|value| value["credential_issuer"] == issuer)
}

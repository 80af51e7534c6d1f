//! A credential of a stranger: it is read or refused, and never verified.
#![no_main]

use std::sync::LazyLock;

use credential::path::ClaimPath;
use credential::sd_jwt::SdJwt;
use keys::{SecretKey, encoding::b64url_encode, sha256};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data) {
        read(text);
    }
    // As payload and disclosures of a well-formed token: random text seldom is base64url.
    let mut parts = data.split(|byte| *byte == 0);
    let payload = b64url_encode(parts.next().unwrap_or_default());
    let disclosures: Vec<String> = parts.take(8).map(b64url_encode).collect();
    let signature = b64url_encode(&[1; 64]);
    let header = b64url_encode(br#"{"alg":"ES256","typ":"dc+sd-jwt"}"#);
    let shown: String = disclosures.iter().map(|d| format!("{d}~")).collect();
    read(&format!("{header}.{payload}.{signature}~{shown}"));
    // With the digests of these disclosures where they belong, so that their contents are reached.
    let digests: Vec<Value> = disclosures.iter().map(|d| b64url_encode(&sha256(d.as_bytes())).into()).collect();
    let elements: Vec<Value> = digests.iter().map(|digest| json!({"...": digest})).collect();
    for payload in [json!({"_sd": digests}), json!({"a": elements})] {
        let payload = b64url_encode(payload.to_string().as_bytes());
        read(&format!("{header}.{payload}.{signature}~{shown}"));
    }
});

fn read(text: &str) {
    let Ok(token) = SdJwt::parse(text) else { return };
    assert!(token.check_key_binding(KEY.public_key()).is_err());
    // Whatever was disclosed can be chosen, and the choice reads again.
    let paths: Vec<ClaimPath> =
        token.disclosed_paths().filter_map(|steps| ClaimPath::new(steps.to_vec()).ok()).collect();
    if let Ok(presentation) = token.select(&paths) {
        let again = SdJwt::parse(presentation.as_str()).expect("a choice of claims is a credential");
        assert_eq!(again.dangerous_claims(), token.dangerous_claims());
    }
}

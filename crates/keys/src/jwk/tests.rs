use serde_json::json;

use super::*;
use crate::SecretKey;

/// RFC 7638 §3.1.
const RSA_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

#[test]
fn rfc_7638_thumbprint() {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
    }))
    .unwrap();
    assert_eq!(jwk.thumbprint().unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn a_key_with_private_parts_is_refused() {
    let public = serde_json::to_value(SecretKey::generate().public_key().to_jwk()).unwrap();
    assert!(serde_json::from_value::<Jwk>(public.clone()).is_ok());
    for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        let mut private = public.clone();
        private[member] = json!("AA");
        let refusal = serde_json::from_value::<Jwk>(private).unwrap_err();
        assert!(refusal.to_string().contains("private parts"), "{member}: {refusal}");
    }
}

#[test]
fn both_ways_to_json_agree() {
    let jwk =
        SecretKey::generate().public_key().to_jwk().with_kid("키 \"1\"").with_alg("ES256").with_use("sig");
    assert_eq!(jwk.to_value(), serde_json::to_value(&jwk).unwrap());
    assert_eq!(jwk.to_value()["use"], "sig");
    assert_eq!(serde_json::from_value::<Jwk>(jwk.to_value()).unwrap(), jwk);
}

#[test]
fn a_thumbprint_can_not_be_injected() {
    let mut jwk = SecretKey::generate().public_key().to_jwk();
    jwk.x = Some(r#"AA","y":"BB"#.into());
    assert_eq!(jwk.thumbprint(), Err(KeyError::Malformed));
    jwk.crv = None;
    assert_eq!(jwk.thumbprint(), Err(KeyError::Malformed));
    assert_eq!(Jwk { kty: "oct".into(), ..Jwk::default() }.thumbprint(), Err(KeyError::Unsupported));
}

#[test]
fn a_set_finds_by_name_and_bears_kinds_it_does_not_know() {
    let set: JwkSet = serde_json::from_value(json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "ed", "key_ops": ["verify"]},
        SecretKey::generate().public_key().to_jwk().with_kid("ec"),
    ]}))
    .unwrap();
    assert_eq!(set.find("ec").unwrap().kty, "EC");
    assert_eq!(set.find("ed").unwrap().kty, "OKP");
    assert!(set.find("other").is_none());
}

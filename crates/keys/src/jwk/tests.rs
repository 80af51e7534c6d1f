use serde_json::json;

use super::*;
use crate::{PublicKey, SecretKey};

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

#[test]
fn a_name_that_two_keys_bear_names_neither() {
    let key = || SecretKey::generate().public_key().to_jwk().with_kid("twice");
    let set = JwkSet { keys: vec![key(), key(), key().with_kid("once")] };
    assert!(set.find("twice").is_none());
    assert_eq!(set.find("once"), set.keys.last());
}

#[test]
fn a_set_with_a_secret_in_it_is_refused_whole() {
    let public = SecretKey::generate().public_key().to_jwk().with_kid("ec");
    for secret in [json!({"kty": "oct", "k": "AA", "kid": "hmac"}), json!({"kty": "EC", "d": "AA"})] {
        let set = serde_json::from_value::<JwkSet>(json!({"keys": [public, secret]}));
        assert!(set.is_err_and(|refusal| refusal.to_string().contains("private parts")), "{secret}");
    }
}

#[test]
fn a_key_does_nothing_but_what_it_says_it_is_for() {
    let key = SecretKey::generate();
    let with = |members: serde_json::Value| {
        let mut jwk = key.public_key().to_jwk().to_value();
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        let verifies = match PublicKey::from_signing_jwk(&jwk) {
            Ok(read) => read == *key.public_key(),
            Err(why) => {
                assert_eq!(why, KeyError::Purpose);
                false
            }
        };
        (verifies, jwk.may_agree())
    };
    let (both, signs, agrees, neither) = ((true, true), (true, false), (false, true), (false, false));
    for (members, expected) in [
        (json!({}), both),
        (json!({"use": "sig"}), signs),
        (json!({"use": "enc"}), agrees),
        (json!({"use": "SIG"}), neither),
        (json!({"alg": "ES256"}), signs),
        (json!({"alg": "ECDH-ES"}), agrees),
        // Of another curve, another kind, or none that there is.
        (json!({"alg": "ES512"}), neither),
        (json!({"alg": "PS256"}), neither),
        (json!({"alg": "ES224"}), neither),
        (json!({"key_ops": ["verify"]}), signs),
        (json!({"key_ops": ["verify", "x"]}), signs),
        (json!({"key_ops": ["deriveBits"]}), agrees),
        (json!({"key_ops": ["deriveKey"]}), agrees),
        (json!({"key_ops": ["encrypt"]}), neither),
        (json!({"key_ops": ["sign"]}), neither),
        // What a browser writes of a key that agrees.
        (json!({"key_ops": [], "ext": true}), both),
        (json!({"use": "enc", "key_ops": ["verify"]}), neither),
        (json!({"use": "sig", "alg": "ECDH-ES"}), neither),
    ] {
        assert_eq!(with(members.clone()), expected, "{members}");
    }
    for broken in [json!("verify"), json!([1])] {
        let mut jwk = key.public_key().to_jwk().to_value();
        jwk["key_ops"] = broken;
        assert!(serde_json::from_value::<Jwk>(jwk).is_err());
    }
}

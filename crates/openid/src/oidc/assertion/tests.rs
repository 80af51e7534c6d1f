use keys::SecretKey;
use keys::jws::{self, Header};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_795_478_400;
const ISSUER: &str = "https://id.example.kr";

fn claims() -> Value {
    json!({ "iss": "portal", "sub": "portal", "aud": ISSUER, "jti": "one", "exp": NOW + 60, "iat": NOW })
}

fn signed(key: &SecretKey, header: &Header, claims: &Value) -> String {
    jws::sign(key, header, claims.to_string().as_bytes()).unwrap()
}

fn form(assertion: &str) -> Form {
    Form::default().with("client_assertion_type", ASSERTION_TYPE).with("client_assertion", assertion)
}

fn judge(key: &SecretKey, text: &str, strict: bool) -> Result<VerifiedAssertion, OAuthError> {
    let read = ClientAssertion::read(&form(text))?.unwrap();
    let token_endpoint = format!("{ISSUER}/oidc/token");
    let expected = Expected { audiences: &[ISSUER, &token_endpoint], strict, now: NOW };
    read.verify(key.public_key(), &expected)
}

#[test]
fn an_assertion_made_here_is_good_here_and_is_told_apart_by_its_jti() {
    let key = SecretKey::generate();
    let make = |jti| ClientAssertion::make(&key, "k", "portal", ISSUER, jti, NOW).unwrap();
    let first = judge(&key, &make("one"), true).unwrap();
    assert_eq!(first, judge(&key, &make("one"), true).unwrap());
    assert_ne!(first.replay_id, judge(&key, &make("two"), true).unwrap().replay_id);
    assert!(first.replay_until > NOW + 60);
    assert!(ClientAssertion::read(&Form::default()).unwrap().is_none());
}

#[test]
fn every_claim_is_looked_at() {
    let key = SecretKey::generate();
    let header = Header::es256("JWT");
    for (name, value) in [
        ("iss", json!("other")),
        ("sub", json!("other")),
        ("aud", json!("https://other.example")),
        ("aud", json!([])),
        ("exp", json!(NOW - 61)),
        ("exp", json!(NOW + 100_000)),
        ("exp", Value::Null),
        ("iat", json!(NOW + 100)),
        ("nbf", json!(NOW + 100)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(300))),
        ("jti", Value::Null),
    ] {
        let mut changed = claims();
        changed[name] = value.clone();
        let refused = judge(&key, &signed(&key, &header, &changed), false).unwrap_err();
        assert_eq!(refused.error, Code::InvalidClient, "{name} = {value}");
    }
    assert!(judge(&key, &signed(&key, &header, &claims()), false).is_ok());
}

#[test]
fn strict_means_the_issuer_and_nothing_beside_it() {
    let key = SecretKey::generate();
    let header = Header::es256("JWT");
    for audience in [json!([ISSUER]), json!(format!("{ISSUER}/oidc/token"))] {
        let mut changed = claims();
        changed["aud"] = audience;
        let text = signed(&key, &header, &changed);
        assert!(judge(&key, &text, false).is_ok());
        assert!(judge(&key, &text, true).is_err());
    }
}

#[test]
fn another_key_another_algorithm_and_another_type_are_refused() {
    let (key, other) = (SecretKey::generate(), SecretKey::generate());
    let good = signed(&key, &Header::es256("JWT"), &claims());
    assert!(judge(&other, &good, false).is_err());
    for alg in ["none", "HS256", "RS256", "es256"] {
        let mut header = Header::es256("JWT");
        header.alg = alg.to_owned();
        let input = SigningInput::new(&header, claims().to_string().as_bytes());
        let text = input.finish_raw(&[0; 64]);
        assert!(ClientAssertion::read(&form(&text)).is_err(), "{alg}");
    }
    let typed = signed(&key, &Header::es256("dpop+jwt"), &claims());
    assert!(judge(&key, &typed, false).is_err(), "a proof made for something else");
    let twice = form(&good).with("client_secret", "x");
    assert_eq!(ClientAssertion::read(&twice).unwrap_err().error, Code::InvalidRequest);
    let foreign = form(&good).with("client_id", "other");
    assert!(ClientAssertion::read(&foreign).is_err());
    let half = Form::default().with("client_assertion", &good);
    assert!(ClientAssertion::read(&half).is_err());
    let typ = Form::default().with("client_assertion_type", "saml").with("client_assertion", &good);
    assert!(ClientAssertion::read(&typ).is_err());
}

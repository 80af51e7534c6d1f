use super::*;
use crate::{
    SecretKey,
    jws::{Header, JwsError, SigningInput, Typ, Unverified},
};

#[test]
fn a_relying_party_that_knows_rs256_only_is_served() {
    let key = RsaKey::generate(2048).unwrap();
    let again = RsaKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
    assert_eq!(again.jwk(), key.jwk());
    let input = SigningInput::new(&Header::rs256("JWT").with_kid("rs"), br#"{"sub":"1"}"#);
    let signature = again.sign_rs256(input.as_bytes()).unwrap();
    assert_eq!(signature.len(), 256);
    let token = input.finish_raw(&signature);
    let read = Unverified::parse(&token, 4096).unwrap();
    assert_eq!(read.clone().verify_rs256(key.jwk(), Typ::Is("JWT")).unwrap().payload(), br#"{"sub":"1"}"#);
    // The other algorithm does not take it, nor does another key.
    let ec = SecretKey::generate();
    assert_eq!(read.clone().verify(ec.public_key(), Typ::Any).err(), Some(JwsError::AlgorithmRefused));
    let other = RsaKey::generate(2048).unwrap();
    assert_eq!(read.clone().verify_rs256(other.jwk(), Typ::Any).err(), Some(JwsError::BadSignature));
    assert_eq!(
        read.clone().verify_rs256(&ec.public_key().to_jwk(), Typ::Any).err(),
        Some(JwsError::BadSignature)
    );
    assert_eq!(read.verify_rs256(key.jwk(), Typ::Is("logout+jwt")).err(), Some(JwsError::TypeRefused));
    let es256 = crate::jws::sign(&ec, &Header::es256("JWT"), b"{}").unwrap();
    let es256 = Unverified::parse(&es256, 4096).unwrap();
    assert_eq!(es256.verify_rs256(key.jwk(), Typ::Any).err(), Some(JwsError::AlgorithmRefused));
}

#[test]
fn a_changed_message_or_signature_is_refused() {
    let key = RsaKey::generate(2048).unwrap();
    let mut signature = key.sign_rs256(b"message").unwrap();
    assert_eq!(verify_rs256(key.jwk(), b"message", &signature), Ok(()));
    assert_eq!(verify_rs256(key.jwk(), b"massage", &signature), Err(BadSignature));
    signature[7] ^= 1;
    assert_eq!(verify_rs256(key.jwk(), b"message", &signature), Err(BadSignature));
    assert_eq!(verify_rs256(key.jwk(), b"message", &[]), Err(BadSignature));
}

#[test]
fn weak_and_broken_keys_are_refused() {
    assert_eq!(RsaKey::generate(1024).err(), Some(KeyError::Unsupported));
    assert_eq!(RsaKey::from_pkcs8(b"no key").err(), Some(KeyError::Malformed));
    let key = RsaKey::generate(2048).unwrap();
    let signature = key.sign_rs256(b"m").unwrap();
    let with = |n: Option<String>, e: Option<String>| {
        verify_rs256(&Jwk { kty: "RSA".into(), n, e, ..Jwk::default() }, b"m", &signature)
    };
    let (n, e) = (key.jwk().n.clone(), key.jwk().e.clone());
    assert_eq!(with(n.clone(), e.clone()), Ok(()));
    assert_eq!(with(None, e.clone()), Err(BadSignature));
    assert_eq!(with(n.clone(), None), Err(BadSignature));
    assert_eq!(with(Some("A".repeat(1_000_000)), e.clone()), Err(BadSignature));
    assert_eq!(with(n.clone().map(|n| n[..170].to_owned()), e.clone()), Err(BadSignature));
    // With the exponent 1 everything padded rightly is its own signature; an even one has no inverse.
    for weak in ["AQ", "Ag", "AA", "", "BA"] {
        assert_eq!(with(n.clone(), Some(weak.to_owned())), Err(BadSignature), "{weak}");
    }
    let mut padded = vec![0x00, 0x01];
    padded.resize(256 - 52, 0xff);
    padded.push(0x00);
    let digest_info = "3031300d060960864801650304020105000420";
    padded.extend(crate::encoding::hex_decode(digest_info).unwrap());
    padded.extend(crate::sha256(b"m"));
    let one = Jwk { kty: "RSA".into(), n, e: Some("AQ".into()), ..Jwk::default() };
    assert_eq!((padded.len(), verify_rs256(&one, b"m", &padded)), (256, Err(BadSignature)));
}

#[test]
fn a_key_for_something_else_checks_no_signature() {
    let key = RsaKey::generate(2048).unwrap();
    let signature = key.sign_rs256(b"m").unwrap();
    let check = |jwk: Jwk| verify_rs256(&jwk, b"m", &signature);
    assert_eq!(check(key.jwk().clone().with_use("sig").with_alg("RS256")), Ok(()));
    assert_eq!(check(key.jwk().clone().with_use("enc")), Err(BadSignature));
    for alg in ["PS256", "RS512", "RSA1_5", "RSA-OAEP-256", "ES256"] {
        assert_eq!(check(key.jwk().clone().with_alg(alg)), Err(BadSignature), "{alg}");
    }
    let operations = |named: &str| {
        let mut jwk = key.jwk().to_value();
        jwk["key_ops"] = [named].as_slice().into();
        check(serde_json::from_value(jwk).unwrap())
    };
    assert_eq!(operations("verify"), Ok(()));
    assert_eq!(operations("encrypt"), Err(BadSignature));
}

#[test]
fn a_key_never_shows_itself() {
    let key = RsaKey::generate(2048).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains("RsaKey") && !shown.contains("pair"), "{shown}");
}

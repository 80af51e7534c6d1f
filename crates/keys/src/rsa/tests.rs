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
    assert_eq!(with(n.map(|n| n[..170].to_owned()), e), Err(BadSignature));
}

#[test]
fn a_key_never_shows_itself() {
    let key = RsaKey::generate(2048).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains("RsaKey") && !shown.contains("pair"), "{shown}");
}

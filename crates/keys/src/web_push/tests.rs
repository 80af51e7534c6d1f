use super::*;
use crate::encoding::{b64url_decode, b64url_decode_array};
use crate::jws::{Typ, Unverified};

fn key(text: &str) -> SecretKey {
    SecretKey::from_bytes(&b64url_decode_array::<32>(text).unwrap()).unwrap()
}

/// RFC 8291 Appendix A.
#[test]
fn the_example_of_the_standard_comes_out_byte_by_byte() {
    let sender = key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
    let subscriber = key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
    let auth = b64url_decode_array::<16>("BTBZMqHH6r4Tts7J_aSIgg").unwrap();
    let salt = b64url_decode_array::<16>("DGv6ra1nlYgDCS1FRnbzlw").unwrap();
    let plain = b"When I grow up, I want to be a watermelon";
    let expected = concat!(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg",
        "Dll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVB",
        "St2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    );
    let body = encrypt_with(&sender, salt, subscriber.public_key(), &auth, plain, 0).unwrap();
    assert_eq!(b64url_encode(&body), expected);
    let opened = decrypt(&subscriber, &auth, &b64url_decode(expected).unwrap()).unwrap();
    assert_eq!(opened.as_slice(), plain);
}

#[test]
fn every_length_looks_alike_and_opens_again() {
    let (subscriber, auth) = (SecretKey::generate(), random::bytes::<16>());
    for length in [0, 1, 100, PADDED] {
        let plain = vec![7; length];
        let body = encrypt(subscriber.public_key(), &auth, &plain).unwrap();
        assert_eq!(body.len(), HEAD + PADDED + 1 + 16);
        assert_eq!(decrypt(&subscriber, &auth, &body).unwrap().as_slice(), plain);
    }
    let long = vec![0; PADDED + 1];
    assert_eq!(encrypt(subscriber.public_key(), &auth, &long), Err(WebPushError::TooLong));
}

#[test]
fn a_bent_cut_or_foreign_message_does_not_open() {
    let (subscriber, auth) = (SecretKey::generate(), random::bytes::<16>());
    let body = encrypt(subscriber.public_key(), &auth, b"hello").unwrap();
    assert!(decrypt(&SecretKey::generate(), &auth, &body).is_err());
    assert!(decrypt(&subscriber, &[0; 16], &body).is_err());
    // The record size alone is bound to nothing (RFC 8188 §2).
    for at in [0, 15, 20, 21, 40, HEAD, body.len() - 1] {
        let mut bent = body.clone();
        bent[at] ^= 1;
        assert!(decrypt(&subscriber, &auth, &bent).is_err(), "{at}");
    }
    for keep in [0, 15, 20, HEAD, body.len() - 1] {
        assert!(decrypt(&subscriber, &auth, &body[..keep]).is_err(), "{keep}");
    }
}

#[test]
fn the_senders_word_names_service_end_and_contact_and_is_signed() {
    let signer = SecretKey::generate();
    let header = authorization(&signer, "https://push.example", 1_000, "mailto:a@example").unwrap();
    let (token, named) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(b64url_decode(named).unwrap(), signer.public_key().to_sec1());
    let claims: serde_json::Value = Unverified::parse(token, 4_096)
        .unwrap()
        .verify(signer.public_key(), Typ::Is("JWT"))
        .unwrap()
        .claims()
        .unwrap();
    let expected =
        serde_json::json!({ "aud": "https://push.example", "exp": 1_000, "sub": "mailto:a@example" });
    assert_eq!(claims, expected);
}

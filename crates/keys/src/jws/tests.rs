use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Jwk, SecretKey,
    encoding::{b64url_encode, hex_decode},
    mac::hmac_sha256,
    x509,
};

const MAX: usize = 8192;

/// RFC 7515 A.3.
const RFC_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn rfc_key() -> PublicKey {
    PublicKey::from_jwk(&Jwk {
        kty: "EC".into(),
        crv: Some("P-256".into()),
        x: Some("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into()),
        y: Some("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into()),
        ..Jwk::default()
    })
    .unwrap()
}

/// A token with this header text, correctly signed.
fn with_header(key: &SecretKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", b64url_encode(header.as_bytes()), b64url_encode(payload.as_bytes()));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", b64url_encode(signature.as_bytes()))
}

fn check(token: &str, key: &SecretKey, typ: Typ<'_>) -> Result<Verified, JwsError> {
    Unverified::parse(token, MAX)?.verify(key.public_key(), typ)
}

#[test]
fn rfc_7515_a_3_verifies() {
    let token = Unverified::parse(RFC_TOKEN, MAX).unwrap().verify(&rfc_key(), Typ::Any).unwrap();
    let claims: Value = token.claims().unwrap();
    assert_eq!(claims, json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true}));
}

#[test]
fn what_is_signed_verifies_and_reads_back() {
    let key = SecretKey::generate();
    let root = x509::root(&key, "예시", 0, 1).unwrap();
    let header = Header::es256("test+jwt")
        .with_kid("did:mapae:1:1741000#1")
        .with_jwk(key.public_key().to_jwk())
        .with_x5c(vec![root.der().to_vec()])
        .with("nonce", "\"n\\");
    let token = sign(&key, &header, br#"{"a":1}"#).unwrap();
    let read = check(&token, &key, Typ::Is("test+jwt")).unwrap();
    assert_eq!(read.header(), &header);
    assert_eq!(read.payload(), br#"{"a":1}"#);
    assert_eq!(
        sign(&key, &header, b"").map(|t| check(&t, &key, Typ::Any).unwrap().into_payload()),
        Ok(vec![])
    );
}

#[test]
fn a_key_elsewhere_signs_the_same_bytes() {
    let key = SecretKey::generate();
    let header = Header::es256("test+jwt");
    let input = SigningInput::new(&header, b"{}");
    assert_eq!(input, SigningInput::with(&EncodedHeader::new(&header), b"{}"));
    let signature = key.sign(input.as_bytes()).unwrap();
    assert!(check(&input.finish(&signature), &key, Typ::Any).is_ok());
}

#[test]
fn a_token_is_allocated_once() {
    let key = SecretKey::generate();
    let input = SigningInput::new(&Header::es256("test+jwt"), &[b'x'; 1000]);
    let reserved = input.0.capacity();
    let token = input.finish(&key.sign(b"").unwrap());
    assert_eq!((token.capacity(), token.len()), (reserved, reserved));
}

#[test]
fn another_key_is_refused() {
    let token = sign(&SecretKey::generate(), &Header::es256("t"), b"{}").unwrap();
    assert_eq!(check(&token, &SecretKey::generate(), Typ::Any).err(), Some(JwsError::BadSignature));
}

#[test]
fn other_algorithms_are_refused_whatever_they_are_signed_with() {
    let key = SecretKey::generate();
    for alg in ["none", "None", "HS256", "HS512", "RS256", "PS256", "ES384", "ES256K", "EdDSA", "es256", ""] {
        let token = with_header(&key, &json!({ "alg": alg }).to_string(), "{}");
        assert_eq!(check(&token, &key, Typ::Any).err(), Some(JwsError::AlgorithmRefused), "{alg}");
    }
    // Unsigned, as RFC 7519 §6 writes it.
    let unsigned = format!("{}.{}.", b64url_encode(br#"{"alg":"none"}"#), b64url_encode(b"{}"));
    assert_eq!(check(&unsigned, &key, Typ::Any).err(), Some(JwsError::AlgorithmRefused));
    // The public key taken for an HMAC secret.
    let signed = format!("{}.{}", b64url_encode(br#"{"alg":"HS256"}"#), b64url_encode(b"{}"));
    let tag = hmac_sha256(&key.public_key().to_spki_der(), &[signed.as_bytes()]);
    let confused = format!("{signed}.{}", b64url_encode(&tag));
    assert_eq!(check(&confused, &key, Typ::Any).err(), Some(JwsError::AlgorithmRefused));
    // And the same tag under the algorithm we pin.
    let signed = format!("{}.{}", b64url_encode(br#"{"alg":"ES256"}"#), b64url_encode(b"{}"));
    let tag = hmac_sha256(&key.public_key().to_spki_der(), &[signed.as_bytes()]);
    let confused = format!("{signed}.{}", b64url_encode(&tag));
    assert_eq!(check(&confused, &key, Typ::Any).err(), Some(JwsError::BadSignature));
}

#[test]
fn we_sign_no_other_algorithm_either() {
    let header = Header { alg: "none".into(), ..Header::default() };
    assert_eq!(sign(&SecretKey::generate(), &header, b"{}"), Err(JwsError::AlgorithmRefused));
}

#[test]
fn critical_extensions_are_refused() {
    let key = SecretKey::generate();
    for header in [
        r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","b64":false}"#,
    ] {
        let token = with_header(&key, header, "{}");
        assert_eq!(check(&token, &key, Typ::Any).err(), Some(JwsError::CriticalHeader), "{header}");
    }
}

#[test]
fn a_repeated_member_is_refused() {
    let key = SecretKey::generate();
    for header in [r#"{"alg":"none","alg":"ES256"}"#, r#"{"alg":"ES256","jwk":{"kty":"EC","kty":"EC"}}"#] {
        let token = with_header(&key, header, "{}");
        assert_eq!(check(&token, &key, Typ::Any).err(), Some(JwsError::DuplicateMember), "{header}");
    }
    let token = with_header(&key, r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b"}"#);
    let claims = check(&token, &key, Typ::Any).unwrap().claims::<Value>();
    assert_eq!(claims, Err(JwsError::DuplicateMember));
}

#[test]
fn the_type_is_checked_where_it_is_asked_for() {
    let key = SecretKey::generate();
    let token = |typ: &str| with_header(&key, &json!({"alg": "ES256", "typ": typ}).to_string(), "{}");
    for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt", "APPLICATION/dpop+jwt"] {
        assert!(check(&token(typ), &key, Typ::Is("dpop+jwt")).is_ok(), "{typ}");
        assert!(check(&token(typ), &key, Typ::OneOf(&["jwt", "dpop+jwt"])).is_ok(), "{typ}");
    }
    for typ in ["kb+jwt", "", "dpop", "text/dpop+jwt", "application/application/dpop+jwt"] {
        assert_eq!(check(&token(typ), &key, Typ::Is("dpop+jwt")).err(), Some(JwsError::TypeRefused), "{typ}");
        assert_eq!(
            check(&token(typ), &key, Typ::OneOf(&["dpop+jwt"])).err(),
            Some(JwsError::TypeRefused),
            "{typ}"
        );
    }
    let untyped = with_header(&key, r#"{"alg":"ES256"}"#, "{}");
    assert_eq!(check(&untyped, &key, Typ::Is("dpop+jwt")).err(), Some(JwsError::TypeRefused));
    assert_eq!(check(&untyped, &key, Typ::OneOf(&[])).err(), Some(JwsError::TypeRefused));
    assert!(check(&untyped, &key, Typ::Any).is_ok());
}

#[test]
fn a_token_has_exactly_three_unpadded_parts() {
    let key = SecretKey::generate();
    let token = sign(&key, &Header::es256("t"), b"{}").unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    for broken in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        format!("{header}.{payload}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!("{token}="),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token} "),
        format!("{header}.{payload}.{signature}~"),
        "마패.마패.마패".into(),
    ] {
        assert_eq!(check(&broken, &key, Typ::Any).err(), Some(JwsError::Malformed), "{broken:?}");
    }
}

#[test]
fn a_signature_of_another_length_is_refused() {
    let key = SecretKey::generate();
    let signed = format!("{}.{}", b64url_encode(br#"{"alg":"ES256"}"#), b64url_encode(b"{}"));
    let signature = key.sign(signed.as_bytes()).unwrap();
    let of = |bytes: &[u8]| check(&format!("{signed}.{}", b64url_encode(bytes)), &key, Typ::Any).err();
    assert_eq!(of(signature.as_bytes()), None);
    assert_eq!(of(&signature.as_bytes()[..63]), Some(JwsError::BadSignature));
    assert_eq!(of(&[signature.as_bytes().as_slice(), &[0]].concat()), Some(JwsError::BadSignature));
    // RFC 7518 §3.4 wants r ‖ s, never DER.
    assert_eq!(of(&signature.to_der()), Some(JwsError::BadSignature));
    assert_eq!(of(&[]), Some(JwsError::BadSignature));
    assert_eq!(of(&[0; 64]), Some(JwsError::BadSignature));
}

#[test]
fn length_is_bounded_before_anything_is_read() {
    let key = SecretKey::generate();
    let token = sign(&key, &Header::es256("t"), b"{}").unwrap();
    assert!(Unverified::parse(&token, token.len()).is_ok());
    assert_eq!(Unverified::parse(&token, token.len() - 1).err(), Some(JwsError::TooLong));
    let header = json!({"alg": "ES256", "x": "x".repeat(MAX_HEADER)}).to_string();
    assert_eq!(Unverified::parse(&with_header(&key, &header, "{}"), 1 << 20).err(), Some(JwsError::TooLong));
}

#[test]
fn a_broken_header_is_malformed() {
    let key = SecretKey::generate();
    for header in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"alg":null}"#,
        r#"{"alg":["ES256"]}"#,
        r#"{"alg":"ES256","typ":1}"#,
        r#"{"alg":"ES256","kid":{}}"#,
        r#"{"alg":"ES256","jwk":"k"}"#,
        r#"{"alg":"ES256","jwk":{"kty":"EC","d":"AA"}}"#,
        r#"{"alg":"ES256","x5c":"MA=="}"#,
        r#"{"alg":"ES256","x5c":[]}"#,
        r#"{"alg":"ES256","x5c":[1]}"#,
        r#"{"alg":"ES256","x5c":["MA"]}"#,
        r#"{"alg":"ES256","x5c":["MA==","MA==","MA==","MA==","MA==","MA==","MA==","MA==","MA=="]}"#,
        r#"{"alg":"ES256"} {}"#,
    ] {
        let token = with_header(&key, header, "{}");
        assert_eq!(check(&token, &key, Typ::Any).err(), Some(JwsError::Malformed), "{header}");
    }
}

#[test]
fn members_we_know_are_written_once() {
    let header = Header::es256("t").with("alg", "none").with("typ", "x").with("crv", 1);
    let token = sign(&SecretKey::generate(), &header, b"").unwrap();
    let read = Unverified::parse(&token, MAX).unwrap();
    assert_eq!((read.header().alg.as_str(), read.header().typ.as_deref()), ("ES256", Some("t")));
    assert_eq!(read.header().extra, json!({"crv": 1}).as_object().cloned().unwrap());
}

#[test]
fn claims_of_another_shape_are_refused() {
    let key = SecretKey::generate();
    let token = sign(&key, &Header::es256("t"), b"not json").unwrap();
    assert_eq!(check(&token, &key, Typ::Any).unwrap().claims::<Value>(), Err(JwsError::Claims));
    assert_eq!(Unverified::parse(&token, MAX).unwrap().dangerous_payload(), b"not json");
}

#[test]
fn a_signature_at_the_edges_of_the_order_is_refused() {
    // n − 1, n and n + 1 of P-256, and what lies outside of it.
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc6325";
    let edges: Vec<Vec<u8>> = ["50", "51", "52"]
        .iter()
        .map(|last| hex_decode(&format!("{ORDER}{last}")).unwrap())
        .chain([[vec![0; 31], vec![0]].concat(), [vec![0; 31], vec![1]].concat(), vec![0xff; 32]])
        .collect();
    let key = SecretKey::generate();
    let signed = format!("{}.{}", b64url_encode(br#"{"alg":"ES256"}"#), b64url_encode(b"{}"));
    for r in &edges {
        for s in &edges {
            let token = format!("{signed}.{}", b64url_encode(&[r.as_slice(), s].concat()));
            assert_eq!(check(&token, &key, Typ::Any).err(), Some(JwsError::BadSignature), "{r:?} {s:?}");
        }
    }
    // A right signature, each half grown by a zero, cut by its first byte, or moved by the order.
    let good = key.sign(signed.as_bytes()).unwrap();
    let (r, s) = good.as_bytes().split_at(32);
    for odd in [
        [&[0], r, &[0], s].concat(),
        [r, s, &[0], &[0]].concat(),
        [&r[1..], &s[1..]].concat(),
        [r, &[0; 32], s].concat(),
        [s, r].concat(),
        [r, r].concat(),
    ] {
        let token = format!("{signed}.{}", b64url_encode(&odd));
        assert_eq!(check(&token, &key, Typ::Any).err(), Some(JwsError::BadSignature), "{odd:?}");
    }
}

#[test]
fn a_part_has_one_text_even_where_its_signer_wrote_another() {
    let key = SecretKey::generate();
    // Each text is signed as it stands, so that nothing but its spelling can be wrong.
    let sign_text = |header: &str, payload: &str| {
        let signed = format!("{header}.{payload}");
        let signature = key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64url_encode(signature.as_bytes()))
    };
    let (header, payload) = (b64url_encode(br#"{"alg":"ES256"}"#), b64url_encode(b"{\"a\":1}"));
    assert!(check(&sign_text(&header, &payload), &key, Typ::Any).is_ok());
    let odd = |part: &str| {
        let (before, after) = part.split_at(5);
        vec![
            format!("{before} {after}"),
            format!("{before}\n{after}"),
            format!("{before}\u{0}{after}"),
            format!("{before}!{after}"),
            format!("{before}%{after}"),
            format!("{before}é{after}"),
            format!("{part}=="),
            // A length that no bytes have.
            format!("{part}{}", "A".repeat((5 - part.len() % 4) % 4)),
        ]
    };
    for part in odd(&header) {
        assert_eq!(
            check(&sign_text(&part, &payload), &key, Typ::Any).err(),
            Some(JwsError::Malformed),
            "{part:?}"
        );
    }
    for part in odd(&payload) {
        assert_eq!(
            check(&sign_text(&header, &part), &key, Typ::Any).err(),
            Some(JwsError::Malformed),
            "{part:?}"
        );
    }
    // Bits that no byte uses: `e30` is `{}`, and so would be `e31`.
    assert!(check(&sign_text(&header, "e30"), &key, Typ::Any).is_ok());
    assert_eq!(check(&sign_text(&header, "e31"), &key, Typ::Any).err(), Some(JwsError::Malformed));
    // The alphabet of base64: the same bytes, another text.
    let slash = b64url_encode(&[0xff; 3]);
    assert_eq!(slash, "____");
    assert!(check(&sign_text(&header, &slash), &key, Typ::Any).is_ok());
    assert_eq!(check(&sign_text(&header, "////"), &key, Typ::Any).err(), Some(JwsError::Malformed));
    // White space within the JSON of a header is its writer's.
    let spaced = b64url_encode(b"{ \"alg\" :\n\t\"ES256\" }");
    assert!(check(&sign_text(&spaced, &payload), &key, Typ::Any).is_ok());
}

#[test]
fn a_key_in_the_header_vouches_for_nothing() {
    let (ours, thief) = (SecretKey::generate(), SecretKey::generate());
    let jwk = thief.public_key().to_jwk().with_kid("ours").with_alg("ES256").with_use("sig");
    let header = Header::es256("t").with_kid("ours").with_jwk(jwk);
    let token = sign(&thief, &header, b"{}").unwrap();
    assert!(check(&token, &thief, Typ::Any).is_ok());
    assert_eq!(check(&token, &ours, Typ::Any).err(), Some(JwsError::BadSignature));
}

#[test]
fn a_part_that_is_missing_is_missed() {
    let key = SecretKey::generate();
    let token = sign(&key, &Header::es256("t"), b"{}").unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    for (broken, why) in [
        (format!(".{payload}.{signature}"), JwsError::Malformed),
        (format!("{payload}.{signature}"), JwsError::Malformed),
        (format!(".{payload}."), JwsError::Malformed),
        (format!("{header}..{signature}"), JwsError::BadSignature),
        (format!("{header}.{payload}."), JwsError::BadSignature),
        (payload.to_owned(), JwsError::Malformed),
    ] {
        assert_eq!(check(&broken, &key, Typ::Any).err(), Some(why), "{broken}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_payload_survives(payload: Vec<u8>, kid: String) {
        let key = SecretKey::generate();
        let token = sign(&key, &Header::es256("t").with_kid(kid.clone()), &payload).unwrap();
        let read = Unverified::parse(&token, 1 << 20).unwrap().verify(key.public_key(), Typ::Is("t")).unwrap();
        prop_assert_eq!(read.payload(), payload);
        prop_assert_eq!(read.header().kid.as_ref(), Some(&kid));
    }

    #[test]
    fn no_single_character_can_be_changed(at: prop::sample::Index, with in "[A-Za-z0-9_.=-]") {
        let key = SecretKey::generate();
        let token = sign(&key, &Header::es256("t"), br#"{"sub":"1"}"#).unwrap();
        let at = at.index(token.len());
        let changed = format!("{}{with}{}", &token[..at], &token[at + 1..]);
        prop_assert_eq!(check(&changed, &key, Typ::Any).is_ok(), changed == token);
    }

    #[test]
    fn no_text_makes_the_reader_stumble(text in r#"[ -~]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}"#) {
        let _ = Unverified::parse(&text, MAX);
        let _ = Unverified::parse(&format!("{}.{}.", b64url_encode(text.as_bytes()), text), MAX);
    }
}

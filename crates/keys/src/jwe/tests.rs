use proptest::prelude::*;
use serde_json::json;

use super::*;

const MAX: usize = 1 << 16;

/// A message made by hand with this header, as `encrypt` would.
fn with_header(recipient: &SecretKey, change: impl FnOnce(&mut Value)) -> String {
    let ephemeral = SecretKey::generate();
    let mut header = json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": ephemeral.public_key().to_jwk()});
    change(&mut header);
    sealed_under(recipient, &ephemeral, &header.to_string())
}

fn sealed_under(recipient: &SecretKey, ephemeral: &SecretKey, header: &str) -> String {
    let header = b64url_encode(header.as_bytes());
    let key = kdf::concat_kdf(&ephemeral.agree(recipient.public_key()), "A128GCM", b"", b"", 16);
    let sealed = backend::aes_gcm_seal(&key, &[7; 12], header.as_bytes(), b"plain").unwrap();
    let (ciphertext, tag) = sealed.split_last_chunk::<16>().unwrap();
    format!("{header}..{}.{}.{}", b64url_encode(&[7; 12]), b64url_encode(ciphertext), b64url_encode(tag))
}

#[test]
fn only_the_recipient_reads_the_message() {
    let key = SecretKey::generate();
    for enc in [Enc::A128Gcm, Enc::A256Gcm] {
        let text = encrypt(key.public_key(), Some("k"), enc, b"u", b"v", b"hello").unwrap();
        assert_eq!(decrypt(&key, &text, MAX).unwrap().as_slice(), b"hello");
        assert_eq!(decrypt(&SecretKey::generate(), &text, MAX), Err(JweError::Decrypt));
        let header = header(&text).unwrap();
        assert_eq!(header.enc, enc);
        assert_eq!(header.kid.as_deref(), Some("k"));
        assert_eq!((header.apu.as_slice(), header.apv.as_slice()), (&b"u"[..], &b"v"[..]));
    }
}

/// The keys and names of RFC 7518 Appendix C in a whole message: its header is the RFC's, its key the RFC's result.
#[test]
fn rfc_7518_appendix_c_in_a_message() {
    let scalar = |text: &str| SecretKey::from_bytes(&b64url_decode_array(text).unwrap()).unwrap();
    let alice = scalar("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
    let bob = scalar("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
    let text =
        encrypt_with(&alice, [1; 12], bob.public_key(), None, Enc::A128Gcm, b"Alice", b"Bob", b"plain")
            .unwrap();
    let read = header(&text).unwrap();
    assert_eq!(read.epk.to_jwk().x.as_deref(), Some("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0"));
    assert_eq!((read.apu.as_slice(), read.apv.as_slice()), (&b"Alice"[..], &b"Bob"[..]));
    let parts: Vec<&str> = text.split('.').collect();
    let key = b64url_decode("VqqN6vgjbSBcIijNcacQGg").unwrap();
    let sealed = [b64url_decode(parts[3]).unwrap(), b64url_decode(parts[4]).unwrap()].concat();
    assert_eq!(backend::aes_gcm_open(&key, &[1; 12], parts[0].as_bytes(), &sealed).unwrap(), b"plain");
    assert_eq!(decrypt(&bob, &text, MAX).unwrap().as_slice(), b"plain");
}

#[test]
fn two_messages_share_nothing() {
    let key = SecretKey::generate();
    let one = encrypt(key.public_key(), None, Enc::A256Gcm, b"", b"", b"same").unwrap();
    let two = encrypt(key.public_key(), None, Enc::A256Gcm, b"", b"", b"same").unwrap();
    assert_ne!(header(&one).unwrap().epk, header(&two).unwrap().epk);
    assert!(one.split('.').zip(two.split('.')).all(|(one, two)| one != two || one.is_empty()));
}

#[test]
fn a_message_by_hand_is_read_so_that_the_refusals_below_mean_something() {
    let key = SecretKey::generate();
    assert_eq!(decrypt(&key, &with_header(&key, |_| {}), MAX).unwrap().as_slice(), b"plain");
    let with_more = with_header(&key, |header| header["cty"] = json!("JWT"));
    assert_eq!(decrypt(&key, &with_more, MAX).unwrap().as_slice(), b"plain");
}

#[test]
fn other_algorithms_are_refused() {
    let key = SecretKey::generate();
    for alg in ["dir", "ECDH-ES+A128KW", "RSA-OAEP-256", "none", "ecdh-es", "PBES2-HS256+A128KW"] {
        let text = with_header(&key, |header| header["alg"] = json!(alg));
        assert_eq!(decrypt(&key, &text, MAX), Err(JweError::AlgorithmRefused), "{alg}");
    }
    for enc in ["A192GCM", "A128CBC-HS256", "a128gcm", ""] {
        let text = with_header(&key, |header| header["enc"] = json!(enc));
        assert_eq!(decrypt(&key, &text, MAX), Err(JweError::AlgorithmRefused), "{enc}");
    }
    for zip in [json!("DEF"), json!(""), json!(1)] {
        let text = with_header(&key, |header| header["zip"] = zip.clone());
        assert_eq!(decrypt(&key, &text, MAX), Err(JweError::AlgorithmRefused), "{zip}");
    }
}

#[test]
fn critical_extensions_and_repeated_members_are_refused() {
    let key = SecretKey::generate();
    let text = with_header(&key, |header| header["crit"] = json!(["x"]));
    assert_eq!(decrypt(&key, &text, MAX), Err(JweError::CriticalHeader));
    let ephemeral = SecretKey::generate();
    let epk = ephemeral.public_key().to_jwk().to_value();
    let header = format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM","enc":"A128GCM","epk":{epk}}}"#);
    assert_eq!(decrypt(&key, &sealed_under(&key, &ephemeral, &header), MAX), Err(JweError::DuplicateMember));
}

#[test]
fn an_ephemeral_key_off_the_curve_never_meets_our_secret() {
    let key = SecretKey::generate();
    for epk in [
        json!({"kty": "EC", "crv": "P-256", "x": b64url_encode(&[1; 32]), "y": b64url_encode(&[1; 32])}),
        json!({"kty": "EC", "crv": "P-256", "x": b64url_encode(&[0; 32]), "y": b64url_encode(&[0; 32])}),
        json!({"kty": "EC", "crv": "P-384", "x": b64url_encode(&[1; 48]), "y": b64url_encode(&[1; 48])}),
        json!({"kty": "OKP", "crv": "X25519", "x": b64url_encode(&[9; 32])}),
    ] {
        let text = with_header(&key, |header| header["epk"] = epk.clone());
        assert_eq!(decrypt(&key, &text, MAX), Err(JweError::BadEphemeralKey), "{epk}");
    }
    let text = with_header(&key, |header| drop(header.as_object_mut().unwrap().remove("epk")));
    assert_eq!(decrypt(&key, &text, MAX), Err(JweError::BadEphemeralKey));
    let text = with_header(&key, |header| header["epk"]["d"] = json!("AA"));
    assert_eq!(decrypt(&key, &text, MAX), Err(JweError::Malformed));
}

#[test]
fn a_message_has_five_parts_and_no_key() {
    let key = SecretKey::generate();
    let text = encrypt(key.public_key(), None, Enc::A128Gcm, b"", b"", b"hello").unwrap();
    let parts: Vec<&str> = text.split('.').collect();
    let [h, _, iv, ct, tag] = parts[..] else { panic!() };
    for broken in [
        String::new(),
        "....".into(),
        format!("{text}."),
        format!("{h}..{iv}.{ct}"),
        format!("{h}.AAAA.{iv}.{ct}.{tag}"),
        format!("{h}..{iv}AA.{ct}.{tag}"),
        format!("{h}...{ct}.{tag}"),
        // A shortened tag would be easier to guess.
        format!("{h}..{iv}.{ct}.{}", &tag[..8]),
        format!("{h}..{iv}.{ct}."),
        format!("{h}..{iv}.{ct}.{tag}=="),
        format!("{h}=..{iv}.{ct}.{tag}"),
        format!("{text}\n"),
    ] {
        assert_eq!(decrypt(&key, &broken, MAX), Err(JweError::Malformed), "{broken:?}");
    }
}

#[test]
fn a_tag_that_is_shorter_by_any_byte_is_refused() {
    let key = SecretKey::generate();
    for enc in [Enc::A128Gcm, Enc::A256Gcm] {
        let text = encrypt(key.public_key(), None, enc, b"", b"", b"hello").unwrap();
        let (rest, tag) = text.rsplit_once('.').unwrap();
        let tag = b64url_decode(tag).unwrap();
        for length in 0..tag.len() {
            let cut = format!("{rest}.{}", b64url_encode(&tag[..length]));
            assert_eq!(decrypt(&key, &cut, MAX), Err(JweError::Malformed), "{length} bytes");
        }
        let grown = format!("{rest}.{}", b64url_encode(&[tag.as_slice(), &[0]].concat()));
        assert_eq!(decrypt(&key, &grown, MAX), Err(JweError::Malformed));
    }
}

#[test]
fn what_an_attacker_changes_or_leaves_out_does_not_decrypt() {
    let key = SecretKey::generate();
    let text = encrypt(key.public_key(), Some("k"), Enc::A256Gcm, b"", b"", b"hello").unwrap();
    let parts: Vec<&str> = text.split('.').collect();
    let [header, _, iv, ciphertext, tag] = parts[..] else { panic!() };
    let flipped = |part: &str| {
        let mut bytes = b64url_decode(part).unwrap();
        bytes[0] ^= 1;
        b64url_encode(&bytes)
    };
    for broken in [
        format!("{header}..{}.{ciphertext}.{tag}", flipped(iv)),
        format!("{header}..{iv}.{}.{tag}", flipped(ciphertext)),
        format!("{header}..{iv}.{ciphertext}.{}", flipped(tag)),
        format!("{header}..{iv}..{tag}"),
    ] {
        assert_eq!(decrypt(&key, &broken, MAX), Err(JweError::Decrypt), "{broken}");
    }
    // The same header in other words, and with its first name in capitals.
    let json = String::from_utf8(b64url_decode(header).unwrap()).unwrap();
    let spaced = b64url_encode(json.replacen(':', ": ", 1).as_bytes());
    assert_eq!(decrypt(&key, &format!("{spaced}..{iv}.{ciphertext}.{tag}"), MAX), Err(JweError::Decrypt));
    let capital = b64url_encode(json.replacen("alg", "Alg", 1).as_bytes());
    assert_eq!(decrypt(&key, &format!("{capital}..{iv}.{ciphertext}.{tag}"), MAX), Err(JweError::Malformed));
    for headless in [format!("..{iv}.{ciphertext}.{tag}"), format!(".{iv}.{ciphertext}.{tag}")] {
        assert_eq!(decrypt(&key, &headless, MAX), Err(JweError::Malformed));
    }
}

#[test]
fn length_is_bounded() {
    let key = SecretKey::generate();
    let text = encrypt(key.public_key(), None, Enc::A128Gcm, b"", b"", b"hello").unwrap();
    assert!(decrypt(&key, &text, text.len()).is_ok());
    assert_eq!(decrypt(&key, &text, text.len() - 1), Err(JweError::TooLong));
    let long = with_header(&key, |header| header["x"] = json!("x".repeat(MAX_HEADER)));
    assert_eq!(decrypt(&key, &long, MAX), Err(JweError::TooLong));
    assert_eq!(header(&long), Err(JweError::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_message_survives(plain: Vec<u8>, apu: Vec<u8>, apv: Vec<u8>, large: bool) {
        let key = SecretKey::generate();
        let enc = if large { Enc::A256Gcm } else { Enc::A128Gcm };
        let text = encrypt(key.public_key(), None, enc, &apu, &apv, &plain).unwrap();
        prop_assert_eq!(decrypt(&key, &text, MAX).unwrap().to_vec(), plain);
    }

    #[test]
    fn no_single_character_can_be_changed(at: prop::sample::Index, with in "[A-Za-z0-9_.=-]") {
        let key = SecretKey::generate();
        let text = encrypt(key.public_key(), Some("k"), Enc::A128Gcm, b"u", b"v", b"hello").unwrap();
        let at = at.index(text.len());
        let changed = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        prop_assert_eq!(decrypt(&key, &changed, MAX).is_ok(), changed == text);
    }

    #[test]
    fn no_text_makes_the_reader_stumble(text in r#"[ -~]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,6}"#) {
        let _ = decrypt(&SecretKey::generate(), &text, MAX);
        let _ = header(&format!("{}....", b64url_encode(text.as_bytes())));
    }
}

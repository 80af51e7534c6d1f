use super::*;
use crate::encoding::{hex_decode, hex_encode};

#[test]
fn two_keys_agree_on_one_secret() {
    let (a, b) = (SecretKey::generate(), SecretKey::generate());
    assert_eq!(a.agree(b.public_key()), b.agree(a.public_key()));
    assert_ne!(a.agree(b.public_key()), a.agree(SecretKey::generate().public_key()));
}

/// NIST CAVP, KAS ECC CDH primitive, P-256, COUNT = 0.
#[test]
fn cavp_ecdh_vector() {
    let scalar = hex_decode("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534").unwrap();
    let peer = hex_decode(
        "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287\
         db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
    );
    let key = SecretKey::from_bytes(&scalar.try_into().unwrap()).unwrap();
    let peer = PublicKey::from_sec1(&peer.unwrap()).unwrap();
    let shared = "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b";
    assert_eq!(hex_encode(key.agree(&peer).as_slice()), shared);
}

#[test]
fn a_scalar_outside_the_order_is_no_key() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    for scalar in ["0".repeat(64), order.into(), "f".repeat(64)] {
        let bytes: [u8; 32] = hex_decode(&scalar).unwrap().try_into().unwrap();
        assert_eq!(SecretKey::from_bytes(&bytes).err(), Some(KeyError::OffCurve));
    }
    let last = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";
    assert!(SecretKey::from_bytes(&hex_decode(last).unwrap().try_into().unwrap()).is_ok());
}

#[test]
fn a_derived_key_depends_on_every_input_and_on_nothing_else() {
    let key = |ikm: &[u8], salt: &[u8], info: &[u8]| SecretKey::derive(ikm, salt, info).to_bytes();
    let base = key(b"271828", b"salt", b"mapae pin");
    assert_eq!(base, key(b"271828", b"salt", b"mapae pin"));
    assert_ne!(base, key(b"271829", b"salt", b"mapae pin"));
    assert_ne!(base, key(b"271828", b"salu", b"mapae pin"));
    assert_ne!(base, key(b"271828", b"salt", b"mapae pim"));
    // Phones in the field hold salts for this derivation: it must never change. Recomputed from RFC 5869 by hand.
    assert_eq!(base, kdf::hkdf_sha256::<32>(b"271828", b"salt", b"mapae pin\0"));
}

#[test]
fn a_key_never_shows_itself() {
    let key = SecretKey::generate();
    let shown = format!("{key:?}");
    assert!(shown.contains(&key.public_key().thumbprint()));
    assert!(!shown.contains(&hex_encode(key.to_bytes().as_slice())));
    assert!(!shown.contains(&format!("{:?}", key.to_bytes().as_slice())));
}

#[test]
fn a_key_signs_for_itself_only() {
    let (key, other) = (SecretKey::generate(), SecretKey::generate());
    let signature = key.sign(b"message").unwrap();
    assert_eq!(key.public_key().verify(b"message", &signature), Ok(()));
    assert!(other.public_key().verify(b"message", &signature).is_err());
    let again = SecretKey::from_bytes(&key.to_bytes()).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(key.public_key().verify(b"m", &again.sign(b"m").unwrap()), Ok(()));
}

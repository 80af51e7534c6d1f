use proptest::prelude::*;

use super::*;
use crate::encoding::hex_decode;

const PLACE: &[u8] = b"employee|name|1";

#[test]
fn a_value_opens_only_in_its_place() {
    let ring = KeyRing::new(7, SealKey::generate());
    let sealed = ring.seal(PLACE, "홍길동".as_bytes());
    assert_eq!(sealed.len(), "홍길동".len() + OVERHEAD);
    assert_eq!(ring.open(PLACE, &sealed).unwrap().as_slice(), "홍길동".as_bytes());
    assert_eq!(ring.open(b"employee|name|2", &sealed), Err(SealError::Refused));
    assert_eq!(ring.open(b"", &sealed), Err(SealError::Refused));
}

/// The layout is a promise: databases in the field hold it. Key 1..32, id 0x01020304, sealed by hand with RFC 8452.
#[test]
fn the_layout_never_changes() {
    let key = SealKey::from_bytes(&std::array::from_fn(|i| i as u8));
    let ring = KeyRing::new(0x0102_0304, key.clone());
    let head = [1, 1, 2, 3, 4];
    let nonce = [9u8; 12];
    let payload = Payload { msg: b"value".as_slice(), aad: &[&head[..], PLACE].concat() };
    let sealed = key.cipher().encrypt(&nonce.into(), payload).unwrap();
    let stored = [&head[..], &nonce, &sealed].concat();
    assert_eq!(ring.open(PLACE, &stored).unwrap().as_slice(), b"value");
    assert_eq!(key_id_of(&stored), Ok(0x0102_0304));
}

/// RFC 8452 Appendix C.2, 8 bytes of plaintext without associated data.
#[test]
fn rfc_8452_vector() {
    let mut key = [0; 32];
    key[0] = 1;
    let mut nonce = [0; 12];
    nonce[0] = 3;
    let sealed = SealKey::from_bytes(&key)
        .cipher()
        .encrypt(&nonce.into(), hex_decode("0100000000000000").unwrap().as_slice())
        .unwrap();
    assert_eq!(sealed, hex_decode("c2ef328e5c71c83b843122130f7364b761e0b97427e3df28").unwrap());
}

#[test]
fn an_older_key_still_opens_and_never_seals() {
    let mut ring = KeyRing::new(1, SealKey::generate());
    let old = ring.seal(PLACE, b"value");
    assert!(ring.is_current(&old));
    ring.rotate(2, SealKey::generate());
    assert_eq!(ring.open(PLACE, &old).unwrap().as_slice(), b"value");
    assert!(!ring.is_current(&old));
    let new = ring.seal(PLACE, b"value");
    assert_eq!(key_id_of(&new), Ok(2));
    assert_eq!(ring.ids().collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_ring_rebuilt_from_its_keys_opens_the_same() {
    let (one, two) = (SealKey::generate(), SealKey::generate());
    let sealed = KeyRing::new(1, one.clone()).seal(PLACE, b"value");
    let ring = KeyRing::new(2, two).with_older(1, SealKey::from_bytes(&one.to_bytes()));
    assert_eq!(ring.open(PLACE, &sealed).unwrap().as_slice(), b"value");
    // An older key under the current id would leave what is sealed now unreadable.
    let ring = ring.with_older(2, one);
    assert_eq!(ring.open(PLACE, &ring.seal(PLACE, b"v")).unwrap().as_slice(), b"v");
}

#[test]
fn an_unknown_key_is_named() {
    let sealed = KeyRing::new(1, SealKey::generate()).seal(PLACE, b"value");
    let other = KeyRing::new(2, SealKey::generate());
    assert_eq!(other.open(PLACE, &sealed), Err(SealError::UnknownKey(1)));
    let same_id = KeyRing::new(1, SealKey::generate());
    assert_eq!(same_id.open(PLACE, &sealed), Err(SealError::Refused));
}

#[test]
fn the_key_id_is_bound() {
    let key = SealKey::generate();
    let mut sealed = KeyRing::new(1, key.clone()).seal(PLACE, b"value");
    sealed[4] = 2;
    assert_eq!(KeyRing::new(2, key).open(PLACE, &sealed), Err(SealError::Refused));
}

#[test]
fn short_and_foreign_values_are_malformed() {
    let ring = KeyRing::new(1, SealKey::generate());
    let sealed = ring.seal(PLACE, b"");
    assert_eq!(sealed.len(), OVERHEAD);
    assert!(ring.open(PLACE, &sealed).is_ok());
    for length in 0..OVERHEAD {
        assert_eq!(ring.open(PLACE, &sealed[..length]), Err(SealError::Malformed), "{length}");
    }
    let mut foreign = sealed;
    foreign[0] = 2;
    assert_eq!(ring.open(PLACE, &foreign), Err(SealError::Malformed));
}

#[test]
fn tokens_are_text_of_the_same() {
    let ring = KeyRing::new(1, SealKey::generate());
    let token = ring.seal_token(b"nonce", b"value");
    assert_eq!(ring.open_token(b"nonce", &token).unwrap().as_slice(), b"value");
    assert_eq!(ring.open_token(b"other", &token), Err(SealError::Refused));
    assert_eq!(ring.open_token(b"nonce", &format!("{token}=")), Err(SealError::Malformed));
    assert_eq!(ring.open_token(b"nonce", ""), Err(SealError::Malformed));
}

#[test]
fn derived_keys_are_apart_and_keys_never_show() {
    let key = SealKey::generate();
    assert_eq!(key.derive(b"a").to_bytes(), key.derive(b"a").to_bytes());
    assert_ne!(key.derive(b"a").to_bytes(), key.derive(b"b").to_bytes());
    assert_ne!(key.derive(b"a").to_bytes(), key.to_bytes());
    assert_eq!(format!("{key:?}"), "SealKey(…)");
}

proptest! {
    #[test]
    fn any_value_survives(place: Vec<u8>, plain: Vec<u8>, id: u32) {
        let ring = KeyRing::new(id, SealKey::generate());
        let sealed = ring.seal(&place, &plain);
        prop_assert_eq!(ring.open(&place, &sealed).unwrap().to_vec(), plain);
    }

    #[test]
    fn no_single_bit_can_be_changed(at: prop::sample::Index, bit in 0..8u8) {
        let ring = KeyRing::new(1, SealKey::generate());
        let mut sealed = ring.seal(PLACE, b"value");
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(ring.open(PLACE, &sealed).is_err());
    }
}

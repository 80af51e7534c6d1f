use proptest::prelude::*;

use super::*;

fn key(n: u8) -> VaultKey {
    VaultKey::from_bytes([n; 32])
}

#[test]
fn the_layout_is_as_documented() {
    let blob = seal(&key(1), b"hint", b"content").unwrap();
    assert_eq!(blob.get(..6).unwrap(), b"MPVT\x01\x04");
    assert_eq!(blob.get(6..10).unwrap(), b"hint");
    assert_eq!(blob.len(), 6 + 4 + 12 + PADDING + 16);
    assert_eq!(hint(&blob).unwrap(), b"hint");
}

#[test]
fn a_vault_copied_to_a_phone_with_another_key_does_not_open() {
    let blob = seal(&key(1), b"", b"content").unwrap();
    assert_eq!(open(&key(2), &blob).unwrap_err(), VaultError::DoesNotOpen);
}

#[test]
fn a_newer_format_is_named_and_not_tried() {
    let mut blob = seal(&key(1), b"", b"content").unwrap();
    *blob.get_mut(4).unwrap() = 2;
    assert_eq!(open(&key(1), &blob).unwrap_err(), VaultError::Version(2));
}

#[test]
fn the_length_tells_only_the_bucket() {
    let long = |n: usize| seal(&key(1), b"", &vec![7; n]).unwrap().len();
    assert_eq!(long(0), long(PADDING - 4));
    assert_eq!(long(PADDING - 3), long(0) + PADDING);
}

#[test]
fn limits_hold() {
    assert_eq!(seal(&key(1), &[0; 256], b"").unwrap_err(), VaultError::TooLarge);
    assert_eq!(seal(&key(1), b"", &vec![0; MAX_BLOB]).unwrap_err(), VaultError::TooLarge);
    assert_eq!(open(&key(1), &vec![0; MAX_BLOB + 1]).unwrap_err(), VaultError::TooLarge);
}

proptest! {
    #[test]
    fn what_was_sealed_opens(content in prop::collection::vec(any::<u8>(), 0..9000), hint_bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let blob = seal(&key(3), &hint_bytes, &content).unwrap();
        prop_assert_eq!(&**open(&key(3), &blob).unwrap(), &content);
        prop_assert_eq!(hint(&blob).unwrap(), &hint_bytes);
    }

    #[test]
    fn one_changed_bit_anywhere_is_noticed(content in prop::collection::vec(any::<u8>(), 0..64), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut blob = seal(&key(3), b"hint", &content).unwrap();
        let at = at.index(blob.len());
        *blob.get_mut(at).unwrap() ^= 1 << bit;
        prop_assert!(open(&key(3), &blob).is_err());
    }

    #[test]
    fn a_cut_vault_is_noticed(keep in any::<prop::sample::Index>()) {
        let blob = seal(&key(3), b"hint", b"content").unwrap();
        prop_assert!(open(&key(3), blob.get(..keep.index(blob.len())).unwrap()).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
        prop_assert!(open(&key(3), &bytes).is_err());
        let _ = hint(&bytes);
    }
}

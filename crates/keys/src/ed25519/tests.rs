use super::*;
use crate::encoding::hex_decode;

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    hex_decode(hex).unwrap().try_into().unwrap()
}

/// RFC 8032 §7.1, TEST 2.
#[test]
fn the_second_example_of_rfc_8032_comes_out() {
    let key =
        Ed25519Key::from_seed(&bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
            .unwrap();
    let public: [u8; 32] = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(key.public_key(), public);
    let signature = key.sign(&[0x72]);
    assert_eq!(
        signature,
        bytes::<64>(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
    );
    assert!(verify(&public, &[0x72], &signature).is_ok());
    assert!(verify(&public, &[0x73], &signature).is_err());
    assert!(verify(&public, &[0x72], &signature[..63]).is_err());
    assert!(verify(&Ed25519Key::from_seed(&[7; 32]).unwrap().public_key(), &[0x72], &signature).is_err());
}

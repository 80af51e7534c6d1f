use super::*;
use crate::{
    Jwk, PublicKey, SecretKey,
    encoding::{b64url_decode_array, b64url_encode, hex_decode, hex_encode},
};

#[test]
fn rfc_5869_case_1() {
    let salt = hex_decode("000102030405060708090a0b0c").unwrap();
    let info = hex_decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
    let okm = hkdf_sha256::<42>(&[0x0b; 22], &salt, &info);
    assert_eq!(
        hex_encode(okm.as_slice()),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    );
}

#[test]
fn rfc_5869_case_2_has_three_blocks() {
    let range = |from: u8, to: u8| (from..=to).collect::<Vec<_>>();
    let okm = hkdf_sha256::<82>(&range(0, 0x4f), &range(0x60, 0xaf), &range(0xb0, 0xff));
    assert_eq!(
        hex_encode(okm.as_slice()),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
         da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
    );
}

#[test]
fn rfc_5869_case_3_without_salt_and_info() {
    let okm = hkdf_sha256::<42>(&[0x0b; 22], &[], &[]);
    assert_eq!(
        hex_encode(okm.as_slice()),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    );
}

#[test]
fn rfc_7518_appendix_c() {
    let alice: [u8; 32] = b64url_decode_array("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").unwrap();
    let bob = Jwk {
        kty: "EC".into(),
        crv: Some("P-256".into()),
        x: Some("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ".into()),
        y: Some("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck".into()),
        ..Jwk::default()
    };
    let shared = SecretKey::from_bytes(&alice).unwrap().agree(&PublicKey::from_jwk(&bob).unwrap());
    let key = concat_kdf(&shared, "A128GCM", b"Alice", b"Bob", 16);
    assert_eq!(b64url_encode(&key), "VqqN6vgjbSBcIijNcacQGg");
    // Neither the names nor the algorithm may be shifted into each other.
    assert_ne!(key, concat_kdf(&shared, "A128GCM", b"AliceB", b"ob", 16));
    assert_eq!(concat_kdf(&shared, "A256GCM", b"Alice", b"Bob", 32).len(), 32);
}

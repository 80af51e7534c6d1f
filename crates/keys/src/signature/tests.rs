use super::*;
use crate::{
    PublicKey, SecretKey, Signer,
    encoding::{hex_decode, hex_encode},
};

/// RFC 6979 A.2.5, the message "sample" with SHA-256.
const SCALAR: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const POINT: &str = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                     7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const R: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
const S: &str = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
/// The order of the curve.
const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn signature(r: &str, s: &str) -> Result<Signature, BadSignature> {
    Signature::from_bytes(&hex_decode(&format!("{r}{s}")).unwrap())
}

#[test]
fn rfc_6979_a_2_5_verifies() {
    let key = PublicKey::from_sec1(&hex_decode(POINT).unwrap()).unwrap();
    let signature = signature(R, S).unwrap();
    assert_eq!(key.verify(b"sample", &signature), Ok(()));
    assert_eq!(key.verify(b"simple", &signature), Err(BadSignature));
    let scalar: [u8; 32] = hex_decode(SCALAR).unwrap().try_into().unwrap();
    assert_eq!(SecretKey::from_bytes(&scalar).unwrap().public_key(), &key);
}

#[cfg(not(feature = "aws-lc"))]
#[test]
fn rfc_6979_a_2_5_is_what_the_portable_engine_signs() {
    let scalar: [u8; 32] = hex_decode(SCALAR).unwrap().try_into().unwrap();
    let made = SecretKey::from_bytes(&scalar).unwrap().sign(b"sample").unwrap();
    assert_eq!(hex_encode(&made.to_bytes()), format!("{R}{S}"));
}

#[test]
fn numbers_outside_the_order_are_no_signature() {
    let zero = "0".repeat(64);
    for (r, s) in [(zero.as_str(), S), (R, zero.as_str()), (N, S), (R, N)] {
        assert_eq!(signature(r, s), Err(BadSignature));
    }
    assert_eq!(Signature::from_bytes(&[1; 63]), Err(BadSignature));
    assert_eq!(Signature::from_bytes(&[1; 65]), Err(BadSignature));
    assert_eq!(Signature::from_bytes(&[]), Err(BadSignature));
}

#[test]
fn der_reads_back_and_is_the_only_form() {
    let key = SecretKey::generate();
    for message in 0..64u8 {
        let signature = key.sign(&[message]).unwrap();
        let der = signature.to_der();
        assert_eq!(Signature::from_der(&der), Ok(signature));
        assert_eq!(Signature::from_der(&[der.as_slice(), &[0]].concat()), Err(BadSignature));
        assert_eq!(Signature::from_der(&der[..der.len() - 1]), Err(BadSignature));
    }
    // r = 1 with a needless leading zero: BER, not DER.
    assert!(Signature::from_der(&[0x30, 6, 2, 1, 1, 2, 1, 1]).is_ok());
    assert_eq!(Signature::from_der(&[0x30, 7, 2, 2, 0, 1, 2, 1, 1]), Err(BadSignature));
    assert_eq!(
        hex_encode(&signature(&format!("{:0>64}", 1), &format!("{:0>64}", 80)).unwrap().to_der()),
        "3007020101020200\
80"
    );
}

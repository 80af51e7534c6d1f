use super::*;
use crate::SecretKey;

/// The DPoP key of RFC 9449 §4.1 and its thumbprint from §6.1.
const DPOP_X: &str = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs";
const DPOP_Y: &str = "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA";
const DPOP_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn jwk(x: &str, y: &str) -> Jwk {
    Jwk {
        kty: "EC".into(),
        crv: Some("P-256".into()),
        x: Some(x.into()),
        y: Some(y.into()),
        ..Jwk::default()
    }
}

#[test]
fn rfc_9449_thumbprint() {
    let key = PublicKey::from_jwk(&jwk(DPOP_X, DPOP_Y)).unwrap();
    assert_eq!(key.thumbprint(), DPOP_THUMBPRINT);
    assert_eq!(key.to_jwk().thumbprint().unwrap(), DPOP_THUMBPRINT);
    assert_eq!(format!("{key:?}"), format!("PublicKey({DPOP_THUMBPRINT})"));
}

#[test]
fn every_form_reads_back() {
    let key = SecretKey::generate().public_key().clone();
    assert_eq!(PublicKey::from_sec1(&key.to_sec1()), Ok(key.clone()));
    assert_eq!(PublicKey::from_jwk(&key.to_jwk()), Ok(key.clone()));
    assert_eq!(PublicKey::from_spki_der(&key.to_spki_der()), Ok(key));
}

#[test]
fn a_point_off_the_curve_is_no_key() {
    let mut sec1 = SecretKey::generate().public_key().to_sec1();
    sec1[64] ^= 1;
    assert_eq!(PublicKey::from_sec1(&sec1), Err(KeyError::OffCurve));
    // Both coordinates swapped: right length, wrong curve.
    assert_eq!(PublicKey::from_jwk(&jwk(DPOP_Y, DPOP_X)), Err(KeyError::OffCurve));
    assert_eq!(PublicKey::from_sec1(&[&[4][..], &[0; 64]].concat()), Err(KeyError::OffCurve));
    assert_eq!(PublicKey::from_sec1(&[&[4][..], &[0xff; 64]].concat()), Err(KeyError::OffCurve));
}

#[test]
fn other_forms_of_a_point_are_refused() {
    let sec1 = SecretKey::generate().public_key().to_sec1();
    let compressed = [&[2 + (sec1[64] & 1)][..], &sec1[1..33]].concat();
    assert_eq!(PublicKey::from_sec1(&compressed), Err(KeyError::Malformed));
    assert_eq!(PublicKey::from_sec1(&[0]), Err(KeyError::Malformed));
    assert_eq!(PublicKey::from_sec1(&sec1[..64]), Err(KeyError::Malformed));
    let hybrid = [&[6 + (sec1[64] & 1)][..], &sec1[1..]].concat();
    assert_eq!(PublicKey::from_sec1(&hybrid), Err(KeyError::Malformed));
}

#[test]
fn a_jwk_of_another_kind_or_length_is_refused() {
    let good = jwk(DPOP_X, DPOP_Y);
    let with = |change: fn(&mut Jwk)| {
        let mut jwk = good.clone();
        change(&mut jwk);
        PublicKey::from_jwk(&jwk)
    };
    assert_eq!(with(|jwk| jwk.kty = "OKP".into()), Err(KeyError::Unsupported));
    assert_eq!(with(|jwk| jwk.crv = Some("P-384".into())), Err(KeyError::Unsupported));
    assert_eq!(with(|jwk| jwk.crv = None), Err(KeyError::Unsupported));
    assert_eq!(with(|jwk| jwk.y = None), Err(KeyError::Malformed));
    // RFC 7518 §6.2.1.2: the full 32 bytes, no more and no fewer, unpadded.
    assert_eq!(with(|jwk| jwk.x = jwk.x.take().map(|x| x + "=")), Err(KeyError::Malformed));
    assert_eq!(with(|jwk| jwk.x = Some("AA".into())), Err(KeyError::Malformed));
    assert_eq!(with(|jwk| jwk.x = jwk.x.take().map(|x| format!("AAAA{x}"))), Err(KeyError::Malformed));
}

#[test]
fn a_spki_of_another_kind_is_refused() {
    let mut der = SecretKey::generate().public_key().to_spki_der();
    der[22] ^= 1; // another curve
    assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::Unsupported));
    der[22] ^= 1;
    der.push(0);
    assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::Malformed));
}

#[test]
#[allow(clippy::mutable_key_type, reason = "what is prepared is no part of the key")]
fn clones_are_the_same_key_in_a_set() {
    let key = SecretKey::generate().public_key().clone();
    let again = PublicKey::from_sec1(&key.to_sec1()).unwrap();
    let other = SecretKey::generate().public_key().clone();
    let set = std::collections::HashSet::from([key.clone(), again, other]);
    assert_eq!(set.len(), 2);
    assert!(set.contains(&key));
}

#[test]
fn a_prepared_key_judges_as_before() {
    proptest::proptest!(|(message: Vec<u8>, flip in 0_usize..64, bit in 0_u8..8)| {
        let key = crate::SecretKey::generate();
        let often = PublicKey::from_sec1(&key.public_key().to_sec1()).unwrap();
        often.prepare();
        assert!(often.is_prepared());
        let signature = crate::Signer::sign(&key, &message).unwrap();
        assert!(often.verify(&message, &signature).is_ok());
        let mut bytes = signature.to_bytes();
        bytes[flip] ^= 1 << bit;
        if let Ok(changed) = Signature::from_bytes(&bytes) {
            assert_eq!(often.verify(&message, &changed).is_ok(), key.public_key().verify(&message, &changed).is_ok());
        }
        let other = crate::SecretKey::generate();
        assert!(often.verify(&message, &crate::Signer::sign(&other, &message).unwrap()).is_err());
    });
}

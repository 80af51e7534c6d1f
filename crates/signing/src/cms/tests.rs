use super::*;
use crate::fixture::House;
use keys::Signer;

const NOW: i64 = 1_795_000_000;

#[test]
fn the_signed_attributes_are_135_bytes_that_anyone_can_rebuild() {
    let house = House::new(NOW);
    let one = Attributes::new(&[7; 32], &house.seal.certificate, None);
    assert_eq!(one.to_sign().len(), 135);
    assert_eq!(one, Attributes::new(&[7; 32], &house.seal.certificate, None));
    assert_ne!(one, Attributes::new(&[8; 32], &house.seal.certificate, None));
    assert_ne!(one, Attributes::new(&[7; 32], &house.person.certificate, None));
}

#[test]
fn a_signature_by_another_key_does_not_come_together() {
    let house = House::new(NOW);
    let attributes = Attributes::new(&[7; 32], &house.seal.certificate, None);
    let foreign = house.person.key.sign(attributes.to_sign()).unwrap();
    let refused = SignedData::new(attributes, &foreign, std::slice::from_ref(&house.seal.certificate));
    assert_eq!(refused.unwrap_err(), CmsError::BadSignature);
}

#[test]
fn what_was_signed_is_read_and_only_for_its_content() {
    let house = House::new(NOW);
    let der = house.signed_data(&[7; 32], &house.seal, None);
    let parsed = read(&der).unwrap();
    assert_eq!(parsed.verify(&[7; 32]).unwrap(), &house.seal.certificate);
    assert_eq!(parsed.verify(&[8; 32]).unwrap_err(), CmsError::OtherContent);
    assert_eq!(read(&vec![0x30; MAX_CMS + 1]).unwrap_err(), CmsError::TooLarge);
    let mut longer = der.clone();
    longer.push(0);
    assert_eq!(read(&longer).unwrap_err(), CmsError::Malformed);
}

#[test]
fn another_algorithm_is_told_as_such_and_not_as_a_forgery() {
    let house = House::new(NOW);
    let mut der = house.signed_data(&[7; 32], &house.seal, None);
    // ecdsa-with-SHA256 in the SignerInfo becomes ecdsa-with-SHA384.
    let algorithm = crate::der::ecdsa_algorithm();
    let at = der.windows(algorithm.len()).rposition(|window| window == algorithm).unwrap();
    der[at + algorithm.len() - 1] = 3;
    assert_eq!(read(&der).unwrap().verify(&[7; 32]).unwrap_err(), CmsError::Unsupported);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0u8.., 0..600), at in 0usize..1200, byte in 0u8..) {
        let _ = read(&bytes);
        let house = once();
        let mut der = house.clone();
        if let Some(place) = der.get_mut(at) {
            *place = byte;
        }
        let _ = read(&der).map(|parsed| parsed.verify(&[7; 32]).is_ok());
    }
}

fn once() -> &'static Vec<u8> {
    static DER: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    DER.get_or_init(|| {
        let house = House::new(NOW);
        house.signed_data(&[7; 32], &house.seal, None)
    })
}

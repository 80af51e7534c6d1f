use super::*;
use crate::der::{Reader, SEQUENCE};
use crate::fixture::{House, POLICY};

const NOW: i64 = 1_795_000_000;

#[test]
fn a_request_is_answered_with_a_token_of_just_that() {
    let house = House::new(NOW);
    let authority = house.time_authority();
    let request = Request::new([5; 32]);
    let response = authority.answer(&request.to_der(), NOW).unwrap();
    assert!(matches!(response, Answer::Granted(_)));
    let response = response.into_der();
    let token = request.accept(&response).unwrap();
    let stamp = Timestamp::read(&token).unwrap();
    assert_eq!(stamp.time, NOW);
    assert_eq!(stamp.verify(&[5; 32]).unwrap(), &house.tsa.certificate);
    assert_eq!(stamp.verify(&[6; 32]).unwrap_err(), TimestampError::OtherImprint);
    // A response to somebody else's request is none of ours.
    assert_eq!(Request::new([5; 32]).accept(&response).unwrap_err(), TimestampError::OtherNonce);
}

#[test]
fn two_tokens_never_have_the_same_number() {
    let authority = House::new(NOW).time_authority();
    let serial = || Timestamp::read(&authority.stamp([5; 32], NOW).unwrap()).unwrap().serial;
    assert_ne!(serial(), serial());
}

#[test]
fn what_cannot_be_answered_is_refused_with_its_reason() {
    let house = House::new(NOW);
    let authority = house.time_authority();
    let good = Request::new([5; 32]).to_der();
    let mut other_hash = good.clone();
    let at = other_hash.windows(9).position(|w| w == crate::oid::SHA256).unwrap();
    other_hash[at + 8] = 2;
    let mut other_version = good.clone();
    other_version[4] = 2;
    let policy =
        |policy: &[u8]| tlv(SEQUENCE, &[&integer(1), &message_imprint(&[5; 32]), &crate::der::oid(policy)]);
    for (request, bit) in [
        (other_hash, 0),
        (other_version, 2),
        (vec![0; MAX_REQUEST + 1], 2),
        (b"hello".to_vec(), 5),
        (policy(&[0x2a, 0x03]), 15),
    ] {
        let Answer::Refused(der) = authority.answer(&request, NOW).unwrap() else { panic!("granted") };
        let mut status = Reader::inside(&der, SEQUENCE).unwrap().enter(SEQUENCE).unwrap();
        assert_eq!(status.small(), Ok(2));
        let bits = status.expect(crate::der::BIT_STRING).unwrap();
        let (unused, bits) = bits.split_first().unwrap();
        assert_eq!(bits.len() * 8 - usize::from(*unused) - 1, bit);
        assert_eq!(*bits.last().unwrap(), 0x80 >> (bit % 8));
        assert_eq!(Request::new([5; 32]).accept(&der).unwrap_err(), TimestampError::Refused(2));
    }
    assert!(matches!(authority.answer(&policy(POLICY), NOW).unwrap(), Answer::Granted(_)));
}

#[test]
fn a_certificate_that_is_not_for_timestamps_gives_none() {
    let house = House::new(NOW);
    let chain = vec![house.seal.certificate.clone()];
    let refused = TimeAuthority::new(house.seal.key.clone(), chain, POLICY.to_vec());
    assert_eq!(refused.unwrap_err(), crate::cms::CmsError::OtherCertificate);
}

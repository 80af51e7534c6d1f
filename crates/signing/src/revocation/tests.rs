use super::*;
use crate::fixture::{DAY, House};

const NOW: i64 = 1_795_000_000;

#[test]
fn a_list_says_since_when_and_why_and_is_its_authoritys() {
    let house = House::new(NOW);
    let entries = [
        house.revoked(&house.seal, NOW - 100, Reason::KeyCompromise),
        house.revoked(&house.person, NOW - 50, Reason::Unspecified),
    ];
    let lists = house.crls(&entries);
    let list = Crl::read(&lists[1]).unwrap();
    assert_eq!((list.this_update(), list.next_update()), (NOW, NOW + 7 * DAY));
    for entry in &entries {
        assert_eq!(list.revoked(&entry.serial), Some(entry));
    }
    assert_eq!(list.revoked(house.tsa.certificate.serial()), None);
    assert!(list.is_signed_by(&house.authority.certificate));
    assert!(!list.is_signed_by(&house.root.certificate));
    let mut forged = lists[1].clone();
    let at = forged.windows(16).position(|w| w == &entries[0].serial[..16]).unwrap();
    forged[at + 3] ^= 1;
    assert!(!Crl::read(&forged).unwrap().is_signed_by(&house.authority.certificate));
}

#[test]
fn a_list_of_a_form_that_is_not_known_is_not_guessed() {
    use crate::der::{BOOLEAN, OCTET_STRING, SEQUENCE, ecdsa_algorithm, integer, oid, tlv};
    let house = House::new(NOW);
    let list = house.crls(&[]).swap_remove(1);
    // The same list as a difference to another one (RFC 5280 §5.2.4), which is critical.
    let extension = |id: &[u8], critical: bool| {
        let critical = if critical { tlv(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
        tlv(SEQUENCE, &[&oid(id), &critical, &tlv(OCTET_STRING, &[&integer(3)])])
    };
    let with = |extension: Vec<u8>| {
        let signed = tlv(
            SEQUENCE,
            &[
                &integer(1),
                &ecdsa_algorithm(),
                house.authority.certificate.subject(),
                &crate::time::of_x509(NOW),
                &crate::time::of_x509(NOW + DAY),
                &tlv(0xa0, &[&tlv(SEQUENCE, &[&extension])]),
            ],
        );
        let mut outer = crate::der::Reader::inside(&list, SEQUENCE).unwrap();
        outer.any().unwrap();
        let (algorithm, signature) = (outer.any().unwrap(), outer.any().unwrap());
        tlv(SEQUENCE, &[&signed, algorithm.whole, signature.whole])
    };
    assert!(Crl::read(&with(extension(crate::oid::CRL_NUMBER, true))).is_ok());
    assert!(Crl::read(&with(extension(&[0x55, 0x1d, 0x1b], false))).is_ok());
    let difference = Crl::read(&with(extension(&[0x55, 0x1d, 0x1b], true)));
    assert_eq!(difference.unwrap_err(), RevocationError::Unsupported);
    assert_eq!(Crl::read(&list[..list.len() - 1]).unwrap_err(), RevocationError::Malformed);
    assert_eq!(Crl::read(&vec![0; MAX_CRL + 1]).unwrap_err(), RevocationError::TooLarge);
}

#[test]
fn an_answer_counts_only_of_whom_the_authority_lets_answer() {
    let house = House::new(NOW);
    let certificate = &house.seal.certificate;
    let answer = OcspAnswer::read(&house.ocsp(certificate, State::Good)).unwrap();
    let authority = &house.authority.certificate;
    assert_eq!(answer.of(authority, certificate.serial()).unwrap().0, State::Good);
    assert_eq!(answer.of(authority, house.person.certificate.serial()), None);
    assert_eq!(answer.of(&house.root.certificate, certificate.serial()), None);
    // The same answer by one that may sign documents, but not answer.
    let responder = Responder::new(house.person.key.clone(), house.person.certificate.clone());
    let question = OcspQuestion::new(authority, certificate.serial());
    let by_another = responder.answer(&[(question, State::Good)], (NOW, NOW + DAY), None).unwrap();
    assert_eq!(OcspAnswer::read(&by_another).unwrap().of(authority, certificate.serial()), None);
}

#[test]
fn a_request_without_a_question_or_with_too_many_is_refused() {
    use crate::der::{SEQUENCE, tlv};
    let house = House::new(NOW);
    let request = |count: usize| {
        let question = OcspQuestion::new(&house.authority.certificate, &[1, 2, 3]);
        let one = tlv(SEQUENCE, &[question.der()]);
        tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&one.repeat(count)])])])
    };
    assert_eq!(questions(&request(1)).unwrap().0.len(), 1);
    assert_eq!(questions(&request(0)).unwrap_err(), RevocationError::Malformed);
    assert_eq!(questions(&request(9)).unwrap_err(), RevocationError::TooLarge);
    assert_eq!(questions(b"hello").unwrap_err(), RevocationError::Malformed);
}

use super::*;
use crate::check::Revocations;
use crate::cms::{CmsError, SignedData};
use crate::fixture::{DAY, House};
use keys::Signer;

const NOW: i64 = 1_795_000_000;

fn sign(house: &House, content: &[u8], stamped: bool) -> Vec<u8> {
    let attributes = attributes(content, &house.person.certificate, NOW);
    let signature = house.person.key.sign(attributes.to_sign()).unwrap();
    let chain = [house.person.certificate.clone(), house.authority.certificate.clone()];
    let signed = SignedData::new(attributes, &signature, &chain).unwrap();
    let stamp = house.time_authority().stamp(signed.imprint(), NOW).unwrap();
    if stamped { signed.with_timestamp(stamp) } else { signed }.to_der()
}

#[test]
fn a_file_is_signed_beside_it_with_and_without_a_timestamp() {
    let house = House::new(NOW);
    let trust = Trust { revocations: Revocations::WhereKnown, ..house.trust() };
    for stamped in [false, true] {
        let signature = sign(&house, b"report", stamped);
        let checked = check(b"report", &signature, &trust).unwrap();
        assert_eq!(checked.certificate, house.person.certificate);
        assert_eq!(checked.claimed_at, Some(NOW));
        assert_eq!(checked.proven_at, stamped.then_some(NOW));
        let other = check(b"Report", &signature, &trust).unwrap_err();
        assert_eq!(other, Finding::Signature(CmsError::OtherContent));
    }
}

#[test]
fn an_untrusted_timestamp_and_missing_revocation_are_each_named() {
    let house = House::new(NOW);
    let signature = sign(&house, b"report", true);
    assert_eq!(check(b"report", &signature, &house.trust()).unwrap_err(), Finding::RevocationUnknown);
    let stranger = House::new(NOW);
    let trust = Trust { revocations: Revocations::WhereKnown, ..stranger.trust() };
    assert_eq!(check(b"report", &signature, &trust).unwrap_err(), Finding::TimestampUntrusted);
    let late = Trust { now: NOW + 4_000 * DAY, revocations: Revocations::WhereKnown, ..house.trust() };
    assert_eq!(
        check(b"report", &sign(&house, b"report", false), &late).unwrap_err(),
        Finding::Expired(NOW + 4_000 * DAY)
    );
}

use super::*;
use crate::check::Revocations;
use crate::fixture::House;
use keys::Signer;

const NOW: i64 = 1_795_000_000;
const PAYLOAD: &[u8] = br#"{"document":"report"}"#;

fn sign(house: &House, stamped: bool) -> Vec<u8> {
    let chain = [house.person.certificate.clone(), house.authority.certificate.clone()];
    let input = Input::new(PAYLOAD, &chain, NOW).unwrap();
    let signature = house.person.key.sign(&input.to_sign()).unwrap();
    let signed = input.finish(&signature);
    let stamp = house.time_authority().stamp(signed.imprint(), NOW).unwrap();
    if stamped { signed.with_timestamp(&stamp).unwrap() } else { signed }.to_json().unwrap()
}

#[test]
fn json_is_signed_with_and_without_a_timestamp() {
    let house = House::new(NOW);
    let trust = Trust { revocations: Revocations::WhereKnown, ..house.trust() };
    for stamped in [false, true] {
        let (payload, checked) = check(&sign(&house, stamped), &trust).unwrap();
        assert_eq!(payload, PAYLOAD);
        assert_eq!(checked.certificate, house.person.certificate);
        assert_eq!(checked.proven_at, stamped.then_some(NOW));
    }
}

#[test]
fn a_changed_payload_header_certificate_or_member_is_refused() {
    let house = House::new(NOW);
    let trust = Trust { revocations: Revocations::WhereKnown, ..house.trust() };
    let json: serde_json::Value = serde_json::from_slice(&sign(&house, true)).unwrap();
    let code = |json: &serde_json::Value| {
        check(&serde_json::to_vec(json).unwrap(), &trust).map(|_| ()).unwrap_err().code()
    };
    let mut payload = json.clone();
    payload["payload"] = b64url_encode(b"{}").into();
    assert_eq!(code(&payload), "bad_signature");
    let mut header: serde_json::Value =
        serde_json::from_slice(&b64url_decode(json["protected"].as_str().unwrap()).unwrap()).unwrap();
    header["iat"] = 0.into();
    let mut earlier = json.clone();
    earlier["protected"] = b64url_encode(header.to_string().as_bytes()).into();
    assert_eq!(code(&earlier), "bad_signature");
    header["x5t#S256"] = b64url_encode(&[0; 32]).into();
    earlier["protected"] = b64url_encode(header.to_string().as_bytes()).into();
    assert_eq!(code(&earlier), "other_certificate");
    header["alg"] = "none".into();
    earlier["protected"] = b64url_encode(header.to_string().as_bytes()).into();
    assert_eq!(code(&earlier), "signature_algorithm");
    let mut more = json.clone();
    more["more"] = 1.into();
    assert_eq!(code(&more), "signature_malformed");
    assert_eq!(check(&vec![b' '; MAX_JADES + 1], &trust).unwrap_err().code(), "signature_too_large");
}

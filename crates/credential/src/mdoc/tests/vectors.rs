//! The standards' own examples.

use keys::encoding::hex_decode;
use keys::x509::Certificate;
use keys::{Jwk, PublicKey, SecretKey, Signer};
use serde_json::json;

use super::path;
use crate::fixture::{Lists, bilingual};
use crate::mdoc::{IssuerSigned, PresentationInput, SessionTranscript, verify, verify_received};
use crate::trust::TrustedRoots;
use crate::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, Refusal, StatusRule, StatusVerdict, Unproven, Verified,
    Waiver,
};

const RESPONSE: &str = include_str!("../../../tests/vectors/iso_18013_5_device_response.cbor.hex");
const ROOT: &str = include_str!("../../../tests/vectors/iso_18013_5_iaca_root.der.hex");
/// ISO/IEC 18013-5:2021 §D.5.3, the static device key.
const DEVICE_KEY: &str = "6ed542ad4783f0b18c833fadf2171273a35d969c581691ef704359cc7cf1e8c0";
const MDL: &str = "org.iso.18013.5.1.mDL";
const MDL_NAME_SPACE: &str = "org.iso.18013.5.1";
/// 2020-10-05 00:00 UTC; the document was signed on the 1st.
const THEN: i64 = 1_601_856_000;

fn trust() -> TrustedRoots {
    let root = Certificate::parse(&hex_decode(ROOT.trim()).unwrap()).unwrap();
    TrustedRoots::new(vec![root], bilingual("utopia"), vec![MDL.to_owned()])
}

fn response() -> Vec<u8> {
    hex_decode(RESPONSE.trim()).unwrap()
}

/// `issuerSigned` of the example's one document.
fn issuer_signed() -> Vec<u8> {
    let value: ciborium::Value = ciborium::from_reader(response().as_slice()).unwrap();
    let member = |value: &ciborium::Value, name: &str| {
        let map = value.as_map().unwrap();
        map.iter().find(|(key, _)| key.as_text() == Some(name)).unwrap().1.clone()
    };
    let document = member(&value, "documents").as_array().unwrap()[0].clone();
    let mut bytes = Vec::new();
    ciborium::into_writer(&member(&document, "issuerSigned"), &mut bytes).unwrap();
    bytes
}

fn device_key() -> SecretKey {
    SecretKey::from_bytes(&hex_decode(DEVICE_KEY).unwrap().try_into().unwrap()).unwrap()
}

fn policy(holder_binding: HolderBinding) -> Policy {
    Policy {
        types: AcceptedTypes::OneOf(vec![MDL.to_owned()]),
        required: vec![path(&[MDL_NAME_SPACE, "family_name"])],
        holder_binding,
        status: StatusRule::Checked { max_age: 0, unknown: Unproven::Refuse, absent: Unproven::Accept },
    }
}

fn check(response: &[u8], policy: &Policy, now: i64) -> Result<Verified, Refusal> {
    let transcript = SessionTranscript::dc_api("https://verifier.example", "nonce", None);
    let input = PresentationInput { response, transcript: &transcript };
    verify(&input, policy, &trust(), &Lists::default(), &ChainCache::new(0), now)
}

/// ISO/IEC 18013-5:2021 §D.4.1.2, byte for byte.
#[test]
fn the_driving_licence_of_the_standard_verifies_but_for_its_mac() {
    let verified = check(&response(), &policy(HolderBinding::Waived), THEN).unwrap();
    assert_eq!(verified.claims[MDL_NAME_SPACE]["family_name"], "Doe");
    assert_eq!(verified.claims[MDL_NAME_SPACE]["issue_date"], "2019-10-20");
    assert_eq!(verified.claims[MDL_NAME_SPACE]["driving_privileges"][0]["vehicle_category_code"], "A");
    assert_eq!(verified.claims[MDL_NAME_SPACE].as_object().unwrap().len(), 6);
    assert_eq!(verified.freshness.status, StatusVerdict::Absent);
    assert_eq!(verified.waived, [Waiver::HolderBinding, Waiver::AbsentStatus]);
    let bound = policy(HolderBinding::Required { max_age: 60 });
    assert_eq!(check(&response(), &bound, THEN).unwrap_err(), Refusal::Algorithm);
}

#[test]
fn the_driving_licence_of_the_standard_expires_with_its_certificate() {
    let waived = policy(HolderBinding::Waived);
    // The certificate ends on 2021-10-01 at 00:00:00, the licence 13 hours later.
    assert_eq!(check(&response(), &waived, 1_633_046_401).unwrap_err(), Refusal::IssuerCertificateExpired);
    // The certificate holds from 2020-10-01 at 00:00:00, the licence from 13:30:02.
    assert_eq!(check(&response(), &waived, 1_601_510_400).unwrap_err(), Refusal::NotYetValid);
    assert_eq!(check(&response(), &waived, 1_601_510_399).unwrap_err(), Refusal::IssuerCertificateExpired);
}

#[test]
fn the_holder_of_the_standards_licence_presents_it_under_our_transcript() {
    let document = issuer_signed();
    let types = AcceptedTypes::OneOf(vec![MDL.to_owned()]);
    let key = device_key();
    let received =
        verify_received(&document, key.public_key(), &types, &trust(), &ChainCache::new(0), THEN).unwrap();
    assert_eq!(received.holder.as_ref(), Some(key.public_key()));
    let transcript = SessionTranscript::dc_api("https://verifier.example", "nonce", None);
    let paths = [path(&[MDL_NAME_SPACE, "family_name"])];
    let bound =
        IssuerSigned::parse(&document).unwrap().select(&paths).unwrap().device_authentication(&transcript);
    let signature = key.sign(bound.as_bytes()).unwrap();
    let response = bound.finish(&signature);
    let verified = check(&response, &policy(HolderBinding::Required { max_age: 60 }), THEN).unwrap();
    assert_eq!(verified.claims, json!({ MDL_NAME_SPACE: { "family_name": "Doe" } }));
}

/// The key of the examples in OpenID4VP 1.0 §B.2.6.
fn encryption_key() -> PublicKey {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "DxiH5Q4Yx3UrukE2lWCErq8N8bqC9CHLLrAwLz5BmE0",
        "y": "XtLM4-3h5o3HUH0MHVJV0kyq0iBlrBwlh8qEDMZ4-Pc",
        "use": "enc",
        "alg": "ECDH-ES",
        "kid": "1"
    }))
    .unwrap();
    PublicKey::from_jwk(&jwk).unwrap()
}

const NONCE: &str = "exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA";

/// OpenID4VP 1.0 §B.2.6.1, byte for byte.
#[test]
fn the_session_transcript_of_a_redirect_is_the_standards_example() {
    let key = encryption_key();
    let transcript = SessionTranscript::openid4vp(
        "x509_san_dns:example.com",
        NONCE,
        Some(&key),
        "https://example.com/response",
    );
    let expected = "83f6f682714f70656e494434565048616e646f7665725820048bc053c00442af9b8eed494cefdd9d95240d254b046b11b68013722aad38ac";
    assert_eq!(transcript.as_bytes(), hex_decode(expected).unwrap());
}

/// OpenID4VP 1.0 §B.2.6.2, byte for byte.
#[test]
fn the_session_transcript_of_the_digital_credentials_api_is_the_standards_example() {
    let transcript = SessionTranscript::dc_api("https://example.com", NONCE, Some(&encryption_key()));
    let expected = "83f6f682764f70656e4944345650444341504948616e646f7665725820fbece366f4212f9762c74cfdbf83b8c69e371d5d68cea09cb4c48ca6daab761a";
    assert_eq!(transcript.as_bytes(), hex_decode(expected).unwrap());
}

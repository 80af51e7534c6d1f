use keys::SecretKey;
use keys::encoding::{b64url_encode, hex_decode};

use super::session::establishment;
use super::*;
use crate::mdoc::SessionTranscript;
use crate::mdoc::cbor::{Writer, encoded, parse};
use crate::mdoc::mso::write_cose_key;

const ESTABLISHMENT: &str = include_str!("../../../tests/vectors/iso_18013_5_session_establishment.cbor.hex");
const TRANSCRIPT: &str = include_str!("../../../tests/vectors/iso_18013_5_session_transcript.cbor.hex");
const REQUEST: &str = include_str!("../../../tests/vectors/iso_18013_5_device_request.cbor.hex");
/// ISO/IEC 18013-5:2021 §D.5.1: the shared secret of both ephemeral keys, and the reader's session key.
const SECRET: &str = "6423502f843d8cda01fbd9fa46cb397534a740ab1ec3d1076fbcb12e1dca2589";
const READER_KEY: &str = "58d277d8719e62a1561d248f403f477e9e6c37bf5d5fc5126f8f4c727c22dfc9";
const MDL_NAME_SPACE: &str = "org.iso.18013.5.1";
const ADDRESS: &str = "wss://id.example/in-person/abc";

fn hex(text: &str) -> Vec<u8> {
    hex_decode(text.trim()).unwrap()
}

fn transcript() -> SessionTranscript {
    SessionTranscript::from_bytes(encoded(parse(&hex(TRANSCRIPT)).unwrap()).unwrap())
}

fn meeting() -> (Engagement, SecretKey) {
    let key = SecretKey::generate();
    (Engagement::new(key.public_key(), ADDRESS), key)
}

fn wanted() -> DeviceRequest {
    let element = |element: &str, intent_to_retain| ElementRequest {
        name_space: "io.mapae.badge.1".to_owned(),
        element: element.to_owned(),
        intent_to_retain,
    };
    let document = DocRequest {
        doc_type: "io.mapae.badge.1".to_owned(),
        elements: vec![element("name", false), element("portrait", true)],
        reader: None,
    };
    DeviceRequest { documents: vec![document] }
}

/// §D.5.1, byte for byte: keys from the shared secret and the transcript, and what they open.
#[test]
fn the_meeting_of_the_standard_is_understood() {
    let secret = hex(SECRET).try_into().unwrap();
    let mut session = Session::of_secret(transcript(), &secret);
    assert_eq!(session.reader_session_key().as_slice(), hex(READER_KEY));
    let (_, _, data) = establishment(&hex(ESTABLISHMENT)).unwrap();
    let request = session.decrypted(&data).unwrap();
    assert_eq!(request, hex(REQUEST));

    let read = DeviceRequest::parse(&request, session.transcript()).unwrap();
    let [document] = read.documents.as_slice() else { panic!("one document") };
    assert_eq!(document.doc_type, "org.iso.18013.5.1.mDL");
    let kept: Vec<_> =
        document.elements.iter().map(|one| (one.element.as_str(), one.intent_to_retain)).collect();
    assert_eq!(kept.len(), 6);
    assert!(kept.contains(&("family_name", true)) && kept.contains(&("portrait", false)));
    assert!(document.elements.iter().all(|one| one.name_space == MDL_NAME_SPACE));
    // The reader of the example signed, under a certificate that says so.
    assert_eq!(document.reader.as_ref().unwrap().chain.len(), 1);
}

#[test]
fn a_reader_that_signed_for_another_meeting_is_refused() {
    let (engagement, _) = meeting();
    let other = SessionTranscript::in_person(engagement.as_bytes(), &[0xa0]);
    assert_eq!(DeviceRequest::parse(&hex(REQUEST), &other), Err(InPersonError::ReaderSignature));
    // One changed element is another request.
    let changed =
        String::from_utf8(hex(REQUEST).iter().map(|byte| char::from(*byte)).collect::<String>().into())
            .unwrap()
            .replace("expiry_date", "expiry_dato");
    let changed: Vec<u8> = changed.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(DeviceRequest::parse(&changed, &transcript()), Err(InPersonError::ReaderSignature));
}

#[test]
fn two_sides_meet_and_understand_each_other() {
    let (engagement, key) = meeting();
    let seen = Engagement::from_qr(&engagement.qr()).unwrap();
    assert_eq!(seen, engagement);
    assert_eq!(seen.websocket(), Ok(ADDRESS));

    let (mut reader, first) = Session::begin(&seen, |_| wanted().encode()).unwrap();
    let (mut phone, request) = Session::accept(&engagement, &key, &first).unwrap();
    assert_eq!(phone.transcript(), reader.transcript());
    assert_eq!(DeviceRequest::parse(&request, phone.transcript()), Ok(wanted()));

    let answer = phone.seal(b"a document", false).unwrap();
    assert_eq!(reader.open(&answer), Ok(Incoming::Data(b"a document".to_vec())));
    // The same message again is not the next one.
    assert_eq!(reader.open(&answer), Err(InPersonError::Encryption));
    let next = phone.seal(b"another", true).unwrap();
    assert_eq!(reader.open(&next), Ok(Incoming::Data(b"another".to_vec())));
    let back = reader.seal(b"and back", false).unwrap();
    assert_eq!(phone.open(&back), Ok(Incoming::Data(b"and back".to_vec())));
    assert_eq!(phone.open(&End::Termination.message()), Ok(Incoming::End(20)));
}

#[test]
fn nobody_but_the_two_reads_or_writes() {
    let (engagement, key) = meeting();
    let (mut reader, first) = Session::begin(&engagement, |_| wanted().encode()).unwrap();
    let (mut phone, _) = Session::accept(&engagement, &key, &first).unwrap();

    // Another phone's key, another engagement with the same key.
    assert!(matches!(
        Session::accept(&engagement, &SecretKey::generate(), &first),
        Err(InPersonError::Encryption)
    ));
    let elsewhere = Engagement::new(key.public_key(), "wss://id.example/in-person/other");
    assert!(matches!(Session::accept(&elsewhere, &key, &first), Err(InPersonError::Encryption)));

    let answer = phone.seal(b"a document", false).unwrap();
    // Its own message sent back to it.
    assert_eq!(phone.open(&answer), Err(InPersonError::Encryption));
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        assert!(reader.open(&changed).is_err(), "byte {at}");
    }
    assert_eq!(reader.open(&answer), Ok(Incoming::Data(b"a document".to_vec())));
}

#[test]
fn codes_that_begin_no_meeting_are_refused() {
    let (engagement, _) = meeting();
    for bad in ["", "mdoc:", "mdoc:***", "openid4vp://?x", "mdoc:oA"] {
        assert_eq!(Engagement::from_qr(bad), Err(InPersonError::Engagement), "{bad}");
    }
    let long = format!("mdoc:{}", b64url_encode(&vec![0; MAX_ENGAGEMENT + 1]));
    assert_eq!(Engagement::from_qr(&long), Err(InPersonError::Engagement));
    for at in 0..engagement.as_bytes().len() {
        // Cut anywhere, it is none.
        assert!(Engagement::parse(engagement.as_bytes()[..at].to_vec()).is_err());
    }
}

/// An engagement with these retrieval methods.
fn engagement_with(methods: &[(u64, &str)], version: &str, suite: u64) -> Result<Engagement, InPersonError> {
    let mut key = Writer::default();
    write_cose_key(&mut key, SecretKey::generate().public_key());
    let mut out = Writer::default();
    out.map(3).unsigned(0).text(version).unsigned(1).array(2).unsigned(suite).embedded(key.as_bytes());
    out.unsigned(2).array(methods.len());
    for (kind, address) in methods {
        out.array(3).unsigned(*kind).unsigned(1).map(1).unsigned(0).text(address);
    }
    Engagement::parse(out.into_bytes())
}

#[test]
fn an_address_is_called_only_over_tls_or_on_this_machine() {
    let address =
        |methods: &[(u64, &str)]| engagement_with(methods, "1.0", 1).unwrap().websocket().map(str::to_owned);
    assert_eq!(address(&[(2, "bluetooth"), (WEBSOCKET, ADDRESS)]).unwrap(), ADDRESS);
    assert_eq!(address(&[(WEBSOCKET, "ws://localhost:8600/x")]).unwrap(), "ws://localhost:8600/x");
    for bad in [
        "ws://id.example/x",
        "ws://localhost.example/x",
        "http://localhost/",
        "wss:///x",
        "wss://",
        "file:///",
    ] {
        assert_eq!(address(&[(WEBSOCKET, bad)]), Err(InPersonError::NoWebSocket), "{bad}");
    }
    assert_eq!(address(&[]), Err(InPersonError::NoWebSocket));
    assert!(engagement_with(&[], "1.1", 1).is_ok());
    assert_eq!(engagement_with(&[], "2.0", 1), Err(InPersonError::Engagement));
    assert_eq!(engagement_with(&[], "1.0", 2), Err(InPersonError::Engagement));
}

#[test]
fn requests_beyond_the_bounds_are_refused() {
    let (engagement, key) = meeting();
    let (_, first) = Session::begin(&engagement, |_| wanted().encode()).unwrap();
    let (session, _) = Session::accept(&engagement, &key, &first).unwrap();
    let refused = |request: &DeviceRequest| DeviceRequest::parse(&request.encode(), session.transcript());
    assert_eq!(refused(&DeviceRequest { documents: Vec::new() }), Err(InPersonError::Request));
    let many = DeviceRequest { documents: vec![wanted().documents[0].clone(); MAX_DOC_REQUESTS + 1] };
    assert_eq!(refused(&many), Err(InPersonError::Request));
    let mut wide = wanted();
    wide.documents[0].elements = (0..300)
        .map(|number| ElementRequest {
            name_space: "n".to_owned(),
            element: format!("e{number}"),
            intent_to_retain: false,
        })
        .collect();
    assert_eq!(refused(&wide), Err(InPersonError::Request));
    assert_eq!(
        DeviceRequest::parse(&vec![0; MAX_REQUEST + 1], session.transcript()),
        Err(InPersonError::Request)
    );
    assert_eq!(DeviceRequest::parse(b"\xa0", session.transcript()), Err(InPersonError::Request));
    assert!(matches!(
        Session::accept(&engagement, &key, &vec![0; MAX_MESSAGE + 1]),
        Err(InPersonError::Message)
    ));
}

//! Documents issued, told and refused.

mod refusals;
mod vectors;

use ciborium::Value as Cbor;
use keys::{SecretKey, Signer};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fixture::{AUDIENCE, LIST, NONCE, NOW, World};
use crate::path::ClaimPath;
use crate::sd_jwt::{SelectError, StatusClaim};
use crate::status_list::week::Week;
use crate::verify::{
    AcceptedTypes, HolderBinding, Policy, Refusal, StatusRule, StatusVerdict, Unproven, Verified, Waiver,
};

const DOC_TYPE: &str = "example.mapae.badge.1";
const NAME_SPACE: &str = "example.mapae.badge.1";
const EXTRA: &str = "example.mapae.extra.1";
const RESPONSE_URI: &str = "https://verifier.example/response";

fn path(steps: &[&str]) -> ClaimPath {
    ClaimPath::from_value(&json!(steps)).unwrap()
}

fn elements() -> Elements {
    let mut elements = Elements::with_digests(8);
    for (name, value) in [
        ("name", Cbor::Map(vec![("ko".into(), "예시온".into()), ("en".into(), "Sion Ye".into())])),
        ("inst_code", Cbor::from("0000001")),
        ("birth_date", full_date("1990-02-28")),
        ("is_serving", Cbor::from(true)),
        ("thumbnail", Cbor::Bytes(vec![1, 2, 3])),
    ] {
        elements.add(NAME_SPACE, name, &value).unwrap();
    }
    elements.add(EXTRA, "level", &Cbor::from(-3)).unwrap();
    elements
}

/// The credential tests' world, whose issuer may issue this type too.
fn world() -> World {
    let mut world = World::new();
    world.set_trust(|entry| entry.vcts.push(DOC_TYPE.to_owned()));
    world
}

fn badge(world: &World) -> Vec<u8> {
    badge_of(world, &elements())
}

fn badge_of(world: &World, elements: &Elements) -> Vec<u8> {
    let (issued_at, expires_at) = Week::of(NOW).validity(2);
    let issuance = Issuance {
        issuer: &Issuer::new(&world.x5c),
        doc_type: DOC_TYPE,
        elements,
        device_key: world.holder.public_key(),
        status: Some(&StatusClaim { uri: LIST.to_owned(), index: 77 }),
        issued_at,
        expires_at,
    };
    issue(&issuance, &world.issuer_key).unwrap()
}

fn transcript() -> SessionTranscript {
    SessionTranscript::openid4vp(AUDIENCE, NONCE, None, RESPONSE_URI)
}

/// Name and institution code told, signed by `key`.
fn respond(badge: &[u8], key: &SecretKey, transcript: &SessionTranscript) -> Vec<u8> {
    let paths = [path(&[NAME_SPACE, "name"]), path(&[NAME_SPACE, "inst_code"])];
    let bound = IssuerSigned::parse(badge).unwrap().select(&paths).unwrap().device_authentication(transcript);
    let signature = key.sign(bound.as_bytes()).unwrap();
    bound.finish(&signature)
}

fn present(world: &World) -> Vec<u8> {
    respond(&badge(world), &world.holder, &transcript())
}

fn strict() -> Policy {
    Policy {
        types: AcceptedTypes::OneOf(vec![DOC_TYPE.to_owned()]),
        required: vec![path(&[NAME_SPACE, "name"])],
        holder_binding: HolderBinding::Required { max_age: 300 },
        status: StatusRule::Checked { max_age: 3_600, unknown: Unproven::Refuse, absent: Unproven::Refuse },
    }
}

fn check(world: &World, response: &[u8]) -> Result<Verified, Refusal> {
    check_with(world, response, &strict(), NOW)
}

fn check_with(world: &World, response: &[u8], policy: &Policy, now: i64) -> Result<Verified, Refusal> {
    let transcript = transcript();
    let input = PresentationInput { response, transcript: &transcript };
    verify(&input, policy, &world.trust, &world.lists, &world.chains, now)
}

#[test]
fn what_was_issued_and_told_verifies_and_says_no_more_than_was_told() {
    let world = world();
    let verified = check(&world, &present(&world)).unwrap();
    assert_eq!(
        verified.claims,
        json!({ NAME_SPACE: { "name": { "ko": "예시온", "en": "Sion Ye" }, "inst_code": "0000001" } })
    );
    assert_eq!(verified.vct, DOC_TYPE);
    assert_eq!(verified.holder.as_ref(), Some(world.holder.public_key()));
    let (from, until) = Week::of(NOW).validity(2);
    assert_eq!((verified.issued_at, verified.expires_at), (Some(from), Some(until)));
    assert_eq!(verified.issuer.name.ko, "예시부");
    assert_eq!(verified.freshness.status, StatusVerdict::Valid { age: 10 });
    assert_eq!(verified.status_claim, Some(StatusClaim { uri: LIST.to_owned(), index: 77 }));
    assert_eq!(verified.waived, []);
}

#[test]
fn a_document_received_verifies_for_its_holder_alone() {
    let world = world();
    let receive = |holder: &SecretKey| {
        let types = AcceptedTypes::OneOf(vec![DOC_TYPE.to_owned()]);
        verify_received(&badge(&world), holder.public_key(), &types, &world.trust, &world.chains, NOW)
    };
    let verified = receive(&world.holder).unwrap();
    assert_eq!(verified.claims[NAME_SPACE]["birth_date"], "1990-02-28");
    assert_eq!(verified.claims[NAME_SPACE]["thumbnail"], "AQID");
    assert_eq!(verified.claims[EXTRA], json!({ "level": -3 }));
    assert_eq!(verified.waived, [Waiver::HolderBinding, Waiver::Status]);
    assert_eq!(receive(&SecretKey::generate()).unwrap_err(), Refusal::HolderBindingSignature);
}

#[test]
fn a_path_to_a_namespace_tells_all_of_it_and_one_into_an_element_the_whole_element() {
    let world = world();
    let document = IssuerSigned::parse(&badge(&world)).unwrap();
    let told = |paths: &[ClaimPath]| {
        let bound = document.select(paths).unwrap().device_authentication(&transcript());
        let response = bound.finish(&world.holder.sign(b"").unwrap());
        let policy = Policy { required: vec![], holder_binding: HolderBinding::Waived, ..strict() };
        let claims = check_with(&world, &response, &policy, NOW).unwrap().claims;
        claims
            .as_object()
            .unwrap()
            .iter()
            .map(|(n, e)| (n.clone(), e.as_object().unwrap().len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&[path(&[NAME_SPACE])]), [(NAME_SPACE.to_owned(), 5)]);
    assert_eq!(told(&[path(&[NAME_SPACE, "name", "ko"])]), [(NAME_SPACE.to_owned(), 1)]);
    assert_eq!(told(&[path(&[EXTRA, "level"])]), [(EXTRA.to_owned(), 1)]);
    assert_eq!(told(&[]), []);
    let missing = path(&[NAME_SPACE, "rank"]);
    assert_eq!(document.select(std::slice::from_ref(&missing)), Err(SelectError::NoSuchClaim(missing)));
}

#[test]
fn two_copies_share_neither_salts_nor_digests_nor_the_order_of_numbers() {
    let world = world();
    let numbers = |badge: &[u8]| {
        let text = String::from_utf8_lossy(badge).into_owned();
        text.match_indices("digestID").map(|(at, name)| badge[at + name.len()]).collect::<Vec<u8>>()
    };
    let copies: Vec<Vec<u8>> = (0..12).map(|_| badge(&world)).collect();
    let orders: std::collections::HashSet<Vec<u8>> = copies.iter().map(|copy| numbers(copy)).collect();
    assert!(orders.len() > 6, "{orders:?}");
    let salts = |badge: &[u8]| -> Vec<Vec<u8>> {
        let needle = b"random\x50";
        let starts = badge.windows(needle.len()).enumerate().filter(|(_, window)| window == needle);
        starts.map(|(at, _)| badge[at + 7..at + 23].to_vec()).collect()
    };
    let all: Vec<Vec<u8>> = copies.iter().flat_map(|copy| salts(copy)).collect();
    let distinct: std::collections::HashSet<&Vec<u8>> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (12 * 6, 12 * 6));
}

#[test]
fn decoys_hide_how_many_elements_the_holder_has() {
    let world = world();
    let mut few = Elements::with_digests(8);
    few.add(NAME_SPACE, "name", &Cbor::from("예시온")).unwrap();
    few.add(EXTRA, "level", &Cbor::from(1)).unwrap();
    let digests = |badge: &[u8]| badge.windows(2).filter(|pair| pair == b"\x58\x20").count();
    // Two more of that length in each: the coordinates of the device key. Random bytes may look like one more.
    let fewest = |made: &dyn Fn() -> Vec<u8>| (0..6).map(|_| digests(&made())).min();
    assert_eq!(fewest(&|| badge_of(&world, &few)), Some(16 + 2));
    assert_eq!(fewest(&|| badge(&world)), Some(16 + 2));
}

#[test]
fn an_element_is_given_once_and_has_a_form() {
    let mut elements = elements();
    for (name, value) in [
        ("name", Cbor::from("again")),
        ("number", Cbor::Float(f64::NAN)),
        ("tagged", Cbor::Tag(9_999, Box::new(Cbor::from(1)))),
        ("map", Cbor::Map(vec![(Cbor::Bytes(vec![1]), Cbor::from(1))])),
        ("twice", Cbor::Map(vec![("a".into(), 1.into()), ("a".into(), 2.into())])),
        ("deep", (0..20).fold(Cbor::from(1), |inner, _| Cbor::Array(vec![inner]))),
    ] {
        assert_eq!(elements.add(NAME_SPACE, name, &value), Err(IssueError::Element(name.to_owned())));
    }
}

#[test]
fn nothing_is_issued_that_ends_before_it_begins_or_outside_of_the_calendar() {
    let world = world();
    let (issuer, elements) = (Issuer::new(&world.x5c), elements());
    let issued = |issued_at, expires_at| {
        let device_key = world.holder.public_key();
        issue(
            &Issuance {
                issuer: &issuer,
                doc_type: DOC_TYPE,
                elements: &elements,
                device_key,
                status: None,
                issued_at,
                expires_at,
            },
            &world.issuer_key,
        )
    };
    for (from, until) in
        [(NOW, NOW), (NOW, NOW - 1), (NOW, i64::MAX), (i64::MIN, NOW), (NOW, 253_402_300_800)]
    {
        assert_eq!(issued(from, until), Err(IssueError::Validity), "{from} {until}");
    }
    assert!(issued(NOW, 253_402_300_799).is_ok());
}

/// Values that a document carries.
fn value() -> impl Strategy<Value = Cbor> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Cbor::from),
        any::<i64>().prop_map(Cbor::from),
        any::<u64>().prop_map(Cbor::from),
        ".{0,40}".prop_map(Cbor::from),
        proptest::collection::vec(any::<u8>(), 0..600).prop_map(Cbor::Bytes),
        Just(Cbor::Null),
        Just(full_date("2026-11-25")),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Cbor::Array),
            proptest::collection::btree_map("[a-z]{1,8}", inner, 0..6)
                .prop_map(|map| Cbor::Map(map.into_iter().map(|(k, v)| (k.into(), v)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_value_that_can_be_issued_is_told_unchanged(
        values in proptest::collection::btree_map("[a-z_]{1,12}", value(), 1..8)
    ) {
        let world = world();
        let mut elements = Elements::new();
        for (name, value) in &values {
            elements.add(NAME_SPACE, name, value).unwrap();
        }
        let document = IssuerSigned::parse(&badge_of(&world, &elements)).unwrap();
        let bound = document.select(&[path(&[NAME_SPACE])]).unwrap().device_authentication(&transcript());
        let signature = world.holder.sign(bound.as_bytes()).unwrap();
        let response = bound.finish(&signature);
        let policy = Policy { required: vec![], ..strict() };
        let verified = check_with(&world, &response, &policy, NOW).unwrap();
        for (name, value) in &values {
            prop_assert_eq!(&verified.claims[NAME_SPACE][name], &cbor::to_json(value).unwrap());
        }
    }

    #[test]
    fn a_response_with_a_changed_byte_tells_the_same_or_nothing(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let world = world();
        let response = present(&world);
        let claims = check(&world, &response).unwrap().claims;
        let mut changed = response.clone();
        changed[at.index(response.len())] ^= flip;
        if let Ok(verified) = check(&world, &changed) {
            prop_assert_eq!(verified.claims, claims);
            prop_assert_eq!(verified.vct, DOC_TYPE);
        }
    }

    #[test]
    fn a_truncated_response_is_malformed(at in any::<prop::sample::Index>()) {
        let world = world();
        let response = present(&world);
        prop_assert_eq!(check(&world, &response[..at.index(response.len())]), Err(Refusal::Malformed));
    }

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(IssuerSigned::parse(&bytes).is_err());
        prop_assert!(check(&world(), &bytes).is_err());
    }
}

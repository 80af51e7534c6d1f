//! Each thing that can be wrong, and the reason that is told.

use ciborium::Value as Cbor;

use super::*;
use crate::cose::ES256;
use crate::fixture::certificate;
use crate::status_list::Status;
use crate::trust::KeyState;
use keys::x509::Kind;

fn read(bytes: &[u8]) -> Cbor {
    ciborium::from_reader(bytes).unwrap()
}

fn write(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// The member of that name, made where it is missing.
fn member<'v>(value: &'v mut Cbor, name: &str) -> &'v mut Cbor {
    let Cbor::Map(members) = value else { panic!("no map") };
    let at = members.iter().position(|(key, _)| key.as_text() == Some(name)).unwrap_or_else(|| {
        members.push((name.into(), Cbor::Null));
        members.len() - 1
    });
    &mut members[at].1
}

fn remove(value: &mut Cbor, name: &str) {
    let Cbor::Map(members) = value else { panic!("no map") };
    members.retain(|(key, _)| key.as_text() != Some(name));
}

fn place(value: &mut Cbor, at: usize) -> &mut Cbor {
    let Cbor::Array(items) = value else { panic!("no array") };
    &mut items[at]
}

/// Changes what tag 24 wraps.
fn within(value: &mut Cbor, change: impl FnOnce(&mut Cbor)) {
    let Cbor::Tag(24, inner) = value else { panic!("no embedded CBOR") };
    let mut content = read(inner.as_bytes().unwrap());
    change(&mut content);
    **inner = Cbor::Bytes(write(&content));
}

/// A response of the world, changed where no signature covers it.
fn changed(world: &World, change: impl FnOnce(&mut Cbor)) -> Vec<u8> {
    let mut response = read(&present(world));
    change(&mut response);
    write(&response)
}

fn document(response: &mut Cbor) -> &mut Cbor {
    place(member(response, "documents"), 0)
}

fn item(response: &mut Cbor) -> &mut Cbor {
    place(member(member(member(document(response), "issuerSigned"), "nameSpaces"), NAME_SPACE), 0)
}

/// A response whose MSO was changed and signed anew by the issuer's key, under this protected header.
fn reissued(world: &World, protected: &[u8], change: impl FnOnce(&mut Cbor)) -> Vec<u8> {
    let mut badge = read(&badge(world));
    let auth = member(&mut badge, "issuerAuth");
    let mut payload = read(place(auth, 2).as_bytes().unwrap());
    within(&mut payload, change);
    let payload = write(&payload);
    let input = Cbor::Array(vec![
        "Signature1".into(),
        Cbor::Bytes(protected.to_vec()),
        Cbor::Bytes(vec![]),
        Cbor::Bytes(payload.clone()),
    ]);
    *place(auth, 0) = Cbor::Bytes(protected.to_vec());
    *place(auth, 2) = Cbor::Bytes(payload);
    *place(auth, 3) = Cbor::Bytes(world.issuer_key.sign(&write(&input)).unwrap().to_bytes().to_vec());
    let badge = write(&badge);
    match IssuerSigned::parse(&badge) {
        Ok(_) => respond(&badge, &world.holder, &transcript()),
        // A wallet would not take it; a forger wraps it all the same.
        Err(_) => changed(world, |response| *member(document(response), "issuerSigned") = read(&badge)),
    }
}

fn moment(text: &str) -> Cbor {
    Cbor::Tag(0, Box::new(text.into()))
}

#[track_caller]
fn refused(world: &World, response: &[u8], reason: Refusal) {
    assert_eq!(check(world, response).unwrap_err(), reason);
}

#[test]
fn an_answer_to_another_request_or_for_another_verifier() {
    let world = world();
    let key = SecretKey::generate();
    for transcript in [
        SessionTranscript::openid4vp(AUDIENCE, "another nonce", None, RESPONSE_URI),
        SessionTranscript::openid4vp("x509_hash:another", NONCE, None, RESPONSE_URI),
        SessionTranscript::openid4vp(AUDIENCE, NONCE, None, "https://attacker.example/response"),
        SessionTranscript::openid4vp(AUDIENCE, NONCE, Some(key.public_key()), RESPONSE_URI),
        SessionTranscript::dc_api("https://verifier.example", NONCE, None),
    ] {
        let response = respond(&badge(&world), &world.holder, &transcript);
        refused(&world, &response, Refusal::HolderBindingSignature);
    }
}

#[test]
fn a_presentation_by_somebody_else() {
    let world = world();
    let response = respond(&badge(&world), &SecretKey::generate(), &transcript());
    refused(&world, &response, Refusal::HolderBindingSignature);
}

#[test]
fn a_holder_binding_that_is_missing_or_of_another_kind() {
    let world = world();
    refused(
        &world,
        &changed(&world, |response| remove(document(response), "deviceSigned")),
        Refusal::HolderBindingMissing,
    );
    let mac = changed(&world, |response| {
        let auth = member(member(document(response), "deviceSigned"), "deviceAuth");
        let signature = member(auth, "deviceSignature").clone();
        remove(auth, "deviceSignature");
        *member(auth, "deviceMac") = signature;
    });
    refused(&world, &mac, Refusal::Algorithm);
    let neither = changed(&world, |response| {
        *member(member(document(response), "deviceSigned"), "deviceAuth") = Cbor::Map(vec![]);
    });
    refused(&world, &neither, Refusal::Malformed);
    let es384 = changed(&world, |response| {
        let auth = member(member(document(response), "deviceSigned"), "deviceAuth");
        *place(member(auth, "deviceSignature"), 0) = Cbor::Bytes(vec![0xa1, 0x01, 0x38, 0x22]);
    });
    refused(&world, &es384, Refusal::Algorithm);
}

#[test]
fn a_device_signature_that_brings_a_payload_of_its_own() {
    let world = world();
    let response = changed(&world, |response| {
        let auth = member(member(document(response), "deviceSigned"), "deviceAuth");
        *place(member(auth, "deviceSignature"), 2) = Cbor::Bytes(vec![1]);
    });
    refused(&world, &response, Refusal::Malformed);
}

#[test]
fn elements_that_the_holder_signed_for_itself() {
    let world = world();
    let response = changed(&world, |response| {
        within(member(member(document(response), "deviceSigned"), "nameSpaces"), |name_spaces| {
            *member(name_spaces, NAME_SPACE) = Cbor::Map(vec![("rank".into(), "장관".into())]);
        });
    });
    refused(&world, &response, Refusal::HolderClaims);
}

#[test]
fn an_element_that_was_changed_renamed_renumbered_or_moved() {
    let world = world();
    for (name, value) in [
        ("elementValue", Cbor::from("장관")),
        ("elementIdentifier", Cbor::from("rank")),
        ("digestID", Cbor::from(7_777)),
        ("random", Cbor::Bytes(vec![0; 16])),
    ] {
        let response = changed(&world, |response| {
            within(item(response), |item| *member(item, name) = value);
        });
        refused(&world, &response, Refusal::DisclosureUnreferenced);
    }
    let moved = changed(&world, |response| {
        let item = item(response).clone();
        let name_spaces = member(member(document(response), "issuerSigned"), "nameSpaces");
        *member(name_spaces, EXTRA) = Cbor::Array(vec![item]);
    });
    refused(&world, &moved, Refusal::DisclosureUnreferenced);
}

#[test]
fn an_element_that_is_told_twice() {
    let world = world();
    let response = changed(&world, |response| {
        let item = item(response).clone();
        let items = member(member(member(document(response), "issuerSigned"), "nameSpaces"), NAME_SPACE);
        items.as_array_mut().unwrap().push(item);
    });
    refused(&world, &response, Refusal::DisclosureDuplicate);
}

#[test]
fn an_element_that_is_none() {
    let world = world();
    for change in [
        |item: &mut Cbor| *member(item, "random") = Cbor::Bytes(vec![0; 15]),
        |item: &mut Cbor| *member(item, "digestID") = Cbor::from(-1),
        |item: &mut Cbor| remove(item, "elementValue"),
        |item: &mut Cbor| remove(item, "elementIdentifier"),
        |item: &mut Cbor| item.as_map_mut().unwrap().push(("random".into(), Cbor::Bytes(vec![0; 16]))),
        |item: &mut Cbor| *item = Cbor::from("no map"),
    ] {
        let response = changed(&world, |response| within(item(response), change));
        refused(&world, &response, Refusal::DisclosureMalformed);
    }
    let bare = changed(&world, |response| *item(response) = Cbor::Map(vec![]));
    refused(&world, &bare, Refusal::Malformed);
}

#[test]
fn another_type_than_asked_for_or_than_signed() {
    let world = world();
    let outside = changed(&world, |response| *member(document(response), "docType") = "other.1".into());
    refused(&world, &outside, Refusal::WrongType);
    let inside = reissued(&world, &ES256, |mso| *member(mso, "docType") = "other.1".into());
    refused(&world, &inside, Refusal::WrongType);
    let policy = Policy { types: AcceptedTypes::OneOf(vec!["other.1".to_owned()]), ..strict() };
    assert_eq!(check_with(&world, &present(&world), &policy, NOW).unwrap_err(), Refusal::WrongType);
    let any = Policy { types: AcceptedTypes::Any, ..strict() };
    assert_eq!(check_with(&world, &inside, &any, NOW).unwrap_err(), Refusal::IssuerNotAccredited);
    assert_eq!(check_with(&world, &present(&world), &any, NOW).unwrap().waived, [Waiver::Type]);
}

#[test]
fn a_security_object_that_the_issuer_did_not_sign() {
    let world = world();
    let response = changed(&world, |response| {
        let auth = member(member(document(response), "issuerSigned"), "issuerAuth");
        let mut payload = read(place(auth, 2).as_bytes().unwrap());
        within(&mut payload, |mso| {
            *member(member(mso, "validityInfo"), "validUntil") = moment("2036-01-01T00:00:00Z");
        });
        *place(auth, 2) = Cbor::Bytes(write(&payload));
    });
    refused(&world, &response, Refusal::IssuerSignature);
}

#[test]
fn another_algorithm_or_a_header_that_must_be_understood() {
    let world = world();
    for protected in [&[0xa1, 0x01, 0x38, 0x22][..], &[0xa0], &[0xa2, 0x01, 0x26, 0x02, 0x81, 0x18, 0x21]] {
        refused(&world, &reissued(&world, protected, |_| ()), Refusal::Algorithm);
    }
    let sha512 = reissued(&world, &ES256, |mso| *member(mso, "digestAlgorithm") = "SHA-512".into());
    refused(&world, &sha512, Refusal::HashAlgorithm);
}

#[test]
fn an_issuer_without_certificate_under_another_root_or_stolen() {
    let mut world = world();
    let response = present(&world);
    let bare = changed(&world, |response| {
        *place(member(member(document(response), "issuerSigned"), "issuerAuth"), 1) = Cbor::Map(vec![]);
    });
    refused(&world, &bare, Refusal::IssuerChain);
    let stranger = respond(&badge(&World::new()), &world.holder, &transcript());
    refused(&world, &stranger, Refusal::IssuerChain);
    world.set_trust(|entry| {
        entry.vcts.push(DOC_TYPE.to_owned());
        entry.state = KeyState::Revoked { at: NOW - 5 };
    });
    refused(&world, &response, Refusal::IssuerRevoked);
    world.set_trust(|_| {});
    refused(&world, &response, Refusal::IssuerNotAccredited);
    let verifier = certificate(&world.root, &world.root_key, &world.issuer_key, Kind::Verifier);
    let response = changed(&world, |response| {
        let header = place(member(member(document(response), "issuerSigned"), "issuerAuth"), 1);
        *header = Cbor::Map(vec![(33.into(), Cbor::Bytes(verifier.der().to_vec()))]);
    });
    refused(&world, &response, Refusal::IssuerChain);
}

#[test]
fn a_document_outside_of_its_time_or_older_than_its_issuers_certificate() {
    let world = world();
    let with = |name: &str, text: &str| {
        reissued(&world, &ES256, |mso| *member(member(mso, "validityInfo"), name) = moment(text))
    };
    refused(&world, &with("validUntil", "2026-11-25T00:59:59Z"), Refusal::Expired);
    refused(&world, &with("validFrom", "2026-11-25T02:00:00Z"), Refusal::NotYetValid);
    refused(&world, &with("signed", "2026-11-25T02:00:00Z"), Refusal::NotYetValid);
    // The accreditation is older, the certificate is of this week.
    refused(&world, &with("signed", "2026-11-20T00:00:00Z"), Refusal::IssuerRetired);
    for text in ["2026-11-25T00:00:00.5Z", "2026-11-25T00:00:00+09:00", "2026-11-25", "now", ""] {
        refused(&world, &with("signed", text), Refusal::Malformed);
    }
    let untagged = reissued(&world, &ES256, |mso| {
        *member(member(mso, "validityInfo"), "signed") = "2026-11-24T00:00:00Z".into();
    });
    refused(&world, &untagged, Refusal::Malformed);
}

#[test]
fn a_device_key_of_another_curve_or_none() {
    let world = world();
    for change in [
        |key: &mut Cbor| key.as_map_mut().unwrap()[1].1 = Cbor::from(2),
        |key: &mut Cbor| key.as_map_mut().unwrap()[2].1 = Cbor::Bytes(vec![1; 31]),
        |key: &mut Cbor| key.as_map_mut().unwrap()[3].1 = Cbor::from(true),
        |key: &mut Cbor| key.as_map_mut().unwrap()[3].1 = Cbor::Bytes(vec![1; 32]),
    ] {
        let response =
            reissued(&world, &ES256, |mso| change(member(member(mso, "deviceKeyInfo"), "deviceKey")));
        refused(&world, &response, Refusal::HolderKeyMissing);
    }
}

#[test]
fn a_badge_that_is_suspended_revoked_or_of_unknown_status() {
    let mut world = world();
    let response = present(&world);
    for (status, reason) in [
        (Status::Suspended, Refusal::Suspended),
        (Status::Invalid, Refusal::Revoked),
        (Status::Other(3), Refusal::StatusCorrupt),
    ] {
        world.set_list(NOW - 10, |list| list.set(77, status).unwrap());
        refused(&world, &response, reason);
    }
    world.set_list(NOW - 10_000, |_| {});
    refused(&world, &response, Refusal::StatusStale);
    world.lists.0.clear();
    refused(&world, &response, Refusal::StatusUnknown);
    let silent = reissued(&world, &ES256, |mso| remove(mso, "status"));
    refused(&world, &silent, Refusal::StatusAbsent);
    let garbled = reissued(&world, &ES256, |mso| *member(mso, "status") = Cbor::from(1));
    refused(&world, &garbled, Refusal::StatusCorrupt);
}

#[test]
fn an_element_that_was_asked_for_and_not_told() {
    let world = world();
    let missing = path(&[NAME_SPACE, "birth_date"]);
    let policy = Policy { required: vec![missing.clone()], ..strict() };
    assert_eq!(
        check_with(&world, &present(&world), &policy, NOW).unwrap_err(),
        Refusal::ClaimMissing(missing)
    );
}

#[test]
fn a_response_of_another_form() {
    let world = world();
    let again = |change: fn(&mut Cbor)| changed(&world, change);
    for response in [
        again(|response| *member(response, "version") = "2.0".into()),
        again(|response| *member(response, "status") = Cbor::from(10)),
        again(|response| remove(response, "status")),
        again(|response| *member(response, "documents") = Cbor::Array(vec![])),
        again(|response| {
            let one = document(response).clone();
            member(response, "documents").as_array_mut().unwrap().push(one);
        }),
        again(|response| *member(response, "documentErrors") = Cbor::Array(vec![])),
        again(|response| response.as_map_mut().unwrap().push(("version".into(), "1.0".into()))),
        again(|response| response.as_map_mut().unwrap().push((Cbor::Bytes(vec![]), Cbor::Null))),
        [present(&world), vec![0]].concat(),
        vec![0x81; 1_000],
        vec![0x9f; 1_000],
        vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        Vec::new(),
    ] {
        refused(&world, &response, Refusal::Malformed);
    }
    refused(&world, &vec![0x80; MAX_DOCUMENT + 1], Refusal::TooLarge);
}

#[test]
fn more_elements_or_digests_than_a_document_may_have() {
    let world = world();
    let many = changed(&world, |response| {
        let item = item(response).clone();
        let items = member(member(member(document(response), "issuerSigned"), "nameSpaces"), NAME_SPACE);
        *items = Cbor::Array(vec![item; MAX_ELEMENTS + 1]);
    });
    refused(&world, &many, Refusal::TooLarge);
    let many = reissued(&world, &ES256, |mso| {
        let digest = Cbor::Bytes(vec![0; 32]);
        let digests = (0..=MAX_DIGESTS).map(|id| (Cbor::from(id as u64), digest.clone()));
        *member(member(mso, "valueDigests"), EXTRA) = Cbor::Map(digests.collect());
    });
    refused(&world, &many, Refusal::TooLarge);
}

//! The badge before a reader: what is told, to whom, and what a meeting is refused for.

use credential::mdoc::in_person::{
    DeviceRequest, DocRequest, ElementRequest, Engagement, InPersonError, Incoming, Session,
};
use credential::mdoc::{self, CborValue, Elements, Issuance, Issuer};
use credential::trust::TrustedRoots;
use credential::types::Bilingual;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy as VerifyPolicy, Refusal, StatusAnswer, StatusRule,
    StatusSource, Unproven, Verified,
};
use keys::encoding::b64url_encode;

use super::*;
use crate::issue::{Copy, Holding};
use crate::ports::{KeyStore as _, KeyUse, Shell as _};
use crate::present::{AskedInPerson, Meeting, ending};
use crate::secret::Secret;

const BADGE: &str = "io.mapae.badge.1";
const ADDRESS: &str = "wss://id.example/in-person/abc";

struct NoLists;

impl StatusSource for NoLists {
    fn list(&self, _: &str) -> StatusAnswer {
        StatusAnswer::Unavailable
    }
}

/// A phone with one copy of a badge as a mobile document, and its issuer.
struct Hall {
    wallet: Wallet<World>,
    certified: Certified,
}

impl Hall {
    fn new() -> Hall {
        let issuer = FakeIssuer::new();
        let certified = issuer.certified.beside(Kind::Issuer, NOW + 86_400 * 30);
        let world = World::new(|_| Err(HttpError::Unreachable));
        let mut wallet = phone(&world, &certified.root);
        let key = run(wallet.shell().keys().generate(KeyUse::Credential)).unwrap();
        let mut elements = Elements::new();
        for (name, value) in [("name", "예시온"), ("agency_name", "예시부"), ("login_link", "secret")] {
            elements.add(BADGE, name, &CborValue::from(value)).unwrap();
        }
        let issued = mdoc::issue(
            &Issuance {
                issuer: &Issuer::new(&certified.x5c),
                doc_type: BADGE,
                elements: &elements,
                device_key: &key.public_key,
                status: None,
                issued_at: NOW - 60,
                expires_at: NOW + 86_400,
            },
            &certified.key,
        );
        let copy = Copy {
            credential: Secret::new(b64url_encode(&issued.unwrap())),
            key: key.handle,
            shown: 0,
            expires_at: Some(NOW + 86_400),
        };
        let holding = Holding {
            id: "badge".to_owned(),
            issuer: "https://id.example".to_owned(),
            configuration: "badge_mdoc".to_owned(),
            format: "mso_mdoc".to_owned(),
            vct: BADGE.to_owned(),
            copies: vec![copy],
            type_info: None,
        };
        run(wallet.update(|state| state.holdings.push(holding))).unwrap();
        Hall { wallet, certified }
    }

    /// A meeting whose reader asks for these elements of this type.
    fn asked(
        &self,
        doc_type: &str,
        elements: &[(&str, bool)],
    ) -> (Session, Result<AskedInPerson, PresentError>) {
        let meeting = Meeting::new(ADDRESS);
        let engagement = Engagement::from_qr(&meeting.qr()).unwrap();
        let elements = elements.iter().map(|(element, intent_to_retain)| ElementRequest {
            name_space: BADGE.to_owned(),
            element: (*element).to_owned(),
            intent_to_retain: *intent_to_retain,
        });
        let wanted = DocRequest { doc_type: doc_type.to_owned(), elements: elements.collect(), reader: None };
        let request = DeviceRequest { documents: vec![wanted] };
        let (reader, first) = Session::begin(&engagement, |_| request.encode()).unwrap();
        (reader, self.wallet.meet(&meeting, &first))
    }

    /// What the reader makes of the answer.
    fn read(&self, reader: &mut Session, message: &[u8]) -> Result<Verified, Refusal> {
        let Incoming::Data(response) = reader.open(message).unwrap() else { panic!("an end") };
        let name = Bilingual { ko: "예시".to_owned(), en: "Example".to_owned() };
        let trust = TrustedRoots::new(vec![self.certified.root.clone()], name, vec![BADGE.to_owned()]);
        let policy = VerifyPolicy {
            types: AcceptedTypes::OneOf(vec![BADGE.to_owned()]),
            required: Vec::new(),
            holder_binding: HolderBinding::Required { max_age: 60 },
            status: StatusRule::Checked { max_age: 60, unknown: Unproven::Accept, absent: Unproven::Accept },
        };
        let input = mdoc::PresentationInput { response: &response, transcript: reader.transcript() };
        mdoc::verify(&input, &policy, &trust, &NoLists, &ChainCache::new(0), NOW)
    }
}

#[test]
fn a_reader_is_told_what_it_asked_for_and_nothing_else() {
    let mut hall = Hall::new();
    let (mut reader, asked) = hall.asked(BADGE, &[("name", false), ("agency_name", true), ("weight", false)]);
    let asked = asked.unwrap();
    let consent = asked.consent();
    assert_eq!(consent.reader, None);
    assert_eq!(consent.kept, ["io.mapae.badge.1.agency_name"]);
    let labels: Vec<_> = consent.claims.iter().map(|claim| claim.label_ko.as_str()).collect();
    assert_eq!(labels, ["name", "agency_name"]);

    let answered = run(hall.wallet.answer_in_person(asked, false)).unwrap();
    let verified = hall.read(&mut reader, &answered.message).unwrap();
    assert_eq!(verified.claims, json!({ BADGE: { "name": "예시온", "agency_name": "예시부" } }));
    let last = hall.wallet.state().usage.last().unwrap();
    assert!(matches!(&last.act, Act::Presented { claims, login: false, .. } if claims.len() == 2));
}

#[test]
fn the_answer_of_one_meeting_is_none_in_another() {
    let mut hall = Hall::new();
    let (mut reader, asked) = hall.asked(BADGE, &[("name", false)]);
    let (mut other, _) = hall.asked(BADGE, &[("name", false)]);
    let answered = run(hall.wallet.answer_in_person(asked.unwrap(), false)).unwrap();
    assert_eq!(other.open(&answered.message), Err(InPersonError::Encryption));
    assert!(hall.read(&mut reader, &answered.message).is_ok());
}

#[test]
fn a_copy_is_shown_a_second_time_only_when_the_holder_says_so() {
    let mut hall = Hall::new();
    let (_, asked) = hall.asked(BADGE, &[("name", false)]);
    run(hall.wallet.answer_in_person(asked.unwrap(), false)).unwrap();
    let (_, asked) = hall.asked(BADGE, &[("name", false)]);
    assert_eq!(run(hall.wallet.answer_in_person(asked.unwrap(), false)), Err(PresentError::NoFreshCopy));
    let (mut reader, asked) = hall.asked(BADGE, &[("name", false)]);
    let answered = run(hall.wallet.answer_in_person(asked.unwrap(), true)).unwrap();
    assert!(answered.reused_copy && hall.read(&mut reader, &answered.message).is_ok());
}

#[test]
fn what_is_not_held_or_not_understood_ends_the_meeting() {
    let hall = Hall::new();
    for (doc_type, element) in [("org.iso.18013.5.1.mDL", "name"), (BADGE, "weight")] {
        let (_, asked) = hall.asked(doc_type, &[(element, false)]);
        assert!(matches!(asked, Err(PresentError::NoMatch { .. })), "{doc_type} {element}");
    }
    let meeting = Meeting::new(ADDRESS);
    let error = hall.wallet.meet(&meeting, b"\x00").unwrap_err();
    assert_eq!(error.code(), "in_person_message");
    assert_eq!(ending(&error), [&b"\xa1\x66status\x0b"[..]].concat());
    // A first message for another code.
    let other = Engagement::from_qr(&Meeting::new(ADDRESS).qr()).unwrap();
    let (_, first) = Session::begin(&other, |_| Vec::new()).unwrap();
    let error = hall.wallet.meet(&meeting, &first).unwrap_err();
    assert_eq!(error.code(), "in_person_encryption");
    assert_eq!(ending(&error), b"\xa1\x66status\x0a");
}

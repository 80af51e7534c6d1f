use credential::mdoc::in_person::{Engagement, Session};
use credential::mdoc::{CborValue, Elements, Issuance, Issuer, IssuerSigned};
use credential::path::ClaimPath;
use credential::trust::{KeyState, TrustEntry};
use credential::types::Bilingual;
use keys::x509::{self, Kind, Profile};
use keys::{SecretKey, Signer as _};

use super::*;

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;
const BADGE: &str = "io.mapae.badge.1";

struct World {
    root: Certificate,
    root_key: SecretKey,
    issuer: SecretKey,
    issuer_chain: Vec<Vec<u8>>,
    holder: SecretKey,
    issued: Vec<u8>,
}

impl World {
    fn new() -> World {
        let root_key = SecretKey::generate();
        let root = x509::root(&root_key, "예시 루트", NOW - DAY, NOW + 900 * DAY).unwrap();
        let (issuer, holder) = (SecretKey::generate(), SecretKey::generate());
        let mut world =
            World { root, root_key, issuer, issuer_chain: Vec::new(), holder, issued: Vec::new() };
        world.issuer_chain = vec![world.certified(Kind::Issuer, &world.issuer)];
        let mut elements = Elements::new();
        for (name, value) in [("name", CborValue::from("예시온")), ("is_serving", CborValue::from(true))] {
            elements.add(BADGE, name, &value).unwrap();
        }
        let issuance = Issuance {
            issuer: &Issuer::new(&world.issuer_chain),
            doc_type: BADGE,
            elements: &elements,
            device_key: world.holder.public_key(),
            status: Some(&credential::sd_jwt::StatusClaim { uri: "https://id.example/1".into(), index: 1 }),
            issued_at: NOW - 60,
            expires_at: NOW + DAY,
        };
        world.issued = credential::mdoc::issue(&issuance, &world.issuer).unwrap();
        world
    }

    fn certified(&self, kind: Kind, key: &SecretKey) -> Vec<u8> {
        let profile = Profile { country: None, cn: "예시".into(), dns: vec![], uri: vec![], kind };
        let (from, to, serial) = (NOW - DAY / 2, NOW + 300 * DAY, x509::random_serial());
        let issued = x509::issue(&self.root, &self.root_key, key.public_key(), &profile, from, to, serial);
        issued.unwrap().der().to_vec()
    }

    fn pem(&self) -> String {
        let body = keys::encoding::b64_encode(self.root.der());
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    fn trust_list(&self) -> String {
        let entry = TrustEntry {
            issuer: "https://id.example".into(),
            name: Bilingual { ko: "예시부".into(), en: "Example Ministry".into() },
            jkt: self.issuer.public_key().thumbprint(),
            vcts: vec![BADGE.into()],
            from: NOW - DAY,
            until: None,
            state: KeyState::Active,
            statement: None,
        };
        let signer = SecretKey::generate();
        let chain = [self.certified(Kind::TrustList, &signer)];
        let roots = vec![self.root.clone()];
        let list = TrustList::new("https://id.example".into(), 1, (NOW, NOW + 900), roots, vec![entry]);
        list.unwrap().sign("t", &chain, &signer).unwrap()
    }

    fn checker(&self) -> Checker {
        Checker::new(&self.pem(), &self.trust_list(), "", to_js(NOW)).unwrap()
    }

    /// A meeting to its end: the reader, and what the phone answers.
    fn meet(&self) -> (Reader, Vec<u8>) {
        let key = SecretKey::generate();
        let shown = Engagement::new(key.public_key(), "wss://id.example/in-person/x");
        let reader = Reader::new(&shown.qr(), BADGE).unwrap();
        let (mut phone, _) = Session::accept(&shown, &key, &reader.first()).unwrap();
        let document = IssuerSigned::parse(&self.issued).unwrap();
        let paths: Vec<_> = ["name", "is_serving"].map(path).to_vec();
        let bound = document.select(&paths).unwrap().device_authentication(phone.transcript());
        let signature = self.holder.sign(bound.as_bytes()).unwrap();
        let message = phone.seal(&bound.finish(&signature), true).unwrap();
        (reader, message)
    }
}

fn path(element: &str) -> ClaimPath {
    let steps = [BADGE, element].map(|step| credential::path::Step::Key(step.to_owned()));
    ClaimPath::new(steps.to_vec()).unwrap()
}

#[allow(clippy::cast_precision_loss, reason = "a clock's seconds")]
fn to_js(seconds: i64) -> f64 {
    seconds as f64
}

fn said(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_badge_before_a_person_holds_and_what_could_not_be_known_is_said() {
    let world = World::new();
    let (mut reader, message) = world.meet();
    let response = reader.open(&message).unwrap();
    assert_eq!(status_of_document(&response).unwrap(), "https://id.example/1");
    let told = said(&world.checker().document(&reader, &response, "", to_js(NOW)));
    assert_eq!(told["claims"], json!({ "name": "예시온", "is_serving": true }));
    assert_eq!(told["issuer"]["ko"], "예시부");
    assert_eq!(told["status_age_s"], Value::Null, "no list was had, and nobody pretends otherwise");

    // The same answer before another reader, and after its day.
    let (other, _) = world.meet();
    let elsewhere = said(&world.checker().document(&other, &response, "", to_js(NOW)));
    assert_eq!(elsewhere["refused"], "holder_binding_signature");
    let corrupt = said(&world.checker().document(&reader, &response, "no list", to_js(NOW)));
    assert_eq!(corrupt["refused"], "status_corrupt");
    // Its phone signed, but nobody accredited the issuer.
    let stranger = World::new();
    let foreign = said(&stranger.checker().document(&reader, &response, "", to_js(NOW)));
    assert_eq!(foreign["refused"], "issuer_chain");
}

#[test]
fn an_issuer_that_the_registrar_does_not_vouch_for_is_none() {
    let world = World::new();
    let member = serde_json::to_value(SecretKey::generate().public_key().to_jwk()).unwrap();
    let registrar = json!({ "members": [member], "needed": 1 }).to_string();
    let checker = Checker::new(&world.pem(), &world.trust_list(), &registrar, to_js(NOW)).unwrap();
    let (mut reader, message) = world.meet();
    let response = reader.open(&message).unwrap();
    let told = said(&checker.document(&reader, &response, "", to_js(NOW)));
    assert!(told["refused"].is_string(), "{told}");
}

#[test]
fn a_page_without_good_lists_checks_nothing() {
    let (world, other) = (World::new(), World::new());
    let made = |root: &str, list: &str, registrar: &str| {
        Checker::new(root, list, registrar, to_js(NOW)).map(|_| ()).unwrap_err()
    };
    assert_eq!(made("", &world.trust_list(), ""), "root");
    assert_eq!(made(&world.pem(), &other.trust_list(), ""), "trust_list");
    assert_eq!(made(&world.pem(), &world.trust_list(), "{}"), "registrar");
    assert!(Checker::new(&world.pem(), &world.trust_list(), "", to_js(NOW + DAY)).is_err(), "too old");
}

#[test]
fn a_phone_that_says_no_is_told_as_that() {
    let world = World::new();
    let (mut reader, message) = world.meet();
    let end = credential::mdoc::in_person::End::Termination.message();
    assert_eq!(reader.open(&end), Err("declined".to_owned()));
    assert!(reader.open(&message).is_ok());
    assert_eq!(reader.open(&message), Err("encryption".to_owned()));
    assert_eq!(Reader::new("mdoc:AA", BADGE).map(|_| ()), Err("engagement".to_owned()));
}

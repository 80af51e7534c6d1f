//! What a mobile document costs beside the signatures that it can't do without, as `benches/sd_jwt.rs` does for SD-JWT VC.
//!
//! `cargo bench -p credential --features aws-lc --bench mdoc`. Bounds as there: issuing twelve elements ≤ 1.5 × one
//! signature and its hashing; verifying with device signature, status and trust ≤ 1.35 × its two verifications.

#![allow(clippy::expect_used, reason = "what can't run can't be measured")]

mod raw;

use std::hint::black_box;
use std::sync::Arc;

use credential::mdoc::{
    CborValue, Elements, Issuance, Issuer, IssuerSigned, PresentationInput, SessionTranscript, full_date,
    issue, verify,
};
use credential::path::ClaimPath;
use credential::sd_jwt::StatusClaim;
use credential::status_list::{ListClaims, StatusList, VerifiedList};
use credential::trust::TrustedRoots;
use credential::types::Bilingual;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, StatusAnswer, StatusRule, StatusSource, Unproven,
};
use criterion::Criterion;
use keys::x509::{self, Certificate, Kind, Profile};
use keys::{SecretKey, Signer};
use raw::{Signed, ratio};
use serde_json::json;

const NOW: i64 = 1_795_568_400;
const DOC_TYPE: &str = "example.mapae.badge.1";
const LIST: &str = "https://issuer.example.go.kr/status/2026-W48-1";

struct OneList(Arc<VerifiedList>);

impl StatusSource for OneList {
    fn list(&self, uri: &str) -> StatusAnswer {
        if uri == LIST { StatusAnswer::List(Arc::clone(&self.0)) } else { StatusAnswer::Unavailable }
    }
}

struct World {
    issuer_key: SecretKey,
    device: SecretKey,
    issuer: Issuer,
    elements: Elements,
    trust: TrustedRoots,
    lists: OneList,
    transcript: SessionTranscript,
}

impl World {
    fn new() -> Self {
        let root_key = SecretKey::generate();
        let root = x509::root(&root_key, "예시 루트", NOW - 1_000_000, NOW + 100_000_000).expect("root");
        let issuer_key = SecretKey::generate();
        let leaf = leaf(&root, &root_key, &issuer_key);
        let claims = ListClaims {
            uri: LIST.into(),
            issued_at: NOW - 5,
            expires_at: Some(NOW + 100_000),
            ttl: Some(60),
            aggregation_uri: None,
        };
        let list = VerifiedList { claims, list: StatusList::new(1 << 20).expect("list"), fetched_at: NOW };
        let name = Bilingual { ko: "예시부".into(), en: "Ministry of Examples".into() };
        Self {
            issuer: Issuer::new(&[leaf.der().to_vec()]),
            elements: twelve_elements(),
            device: SecretKey::generate(),
            trust: TrustedRoots::new(vec![root], name, vec![DOC_TYPE.into()]),
            lists: OneList(Arc::new(list)),
            transcript: SessionTranscript::openid4vp(
                "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk",
                "n-0S6_WzA2Mj-aBcDeFgHiJkLmNoPqRsTuVwXyZ01234",
                Some(SecretKey::generate().public_key()),
                "https://verifier.example/response",
            ),
            issuer_key,
        }
    }

    fn issue(&self) -> Vec<u8> {
        let issuance = Issuance {
            issuer: &self.issuer,
            doc_type: DOC_TYPE,
            elements: &self.elements,
            device_key: self.device.public_key(),
            status: Some(&StatusClaim { uri: LIST.into(), index: 77_777 }),
            issued_at: NOW - 100_000,
            expires_at: NOW + 1_000_000,
        };
        issue(&issuance, &self.issuer_key).expect("issued")
    }

    fn present(&self) -> Vec<u8> {
        let paths = ["name", "agency_name", "inst_code", "department", "is_serving"]
            .map(|name| ClaimPath::from_value(&json!([DOC_TYPE, name])).expect("path"));
        let document = IssuerSigned::parse(&self.issue()).expect("own document");
        let bound = document.select(&paths).expect("own elements").device_authentication(&self.transcript);
        let signature = self.device.sign(bound.as_bytes()).expect("signed");
        bound.finish(&signature)
    }

    fn verify(&self, response: &[u8], policy: &Policy, chains: &ChainCache) {
        let input = PresentationInput { response, transcript: &self.transcript };
        black_box(verify(&input, policy, &self.trust, &self.lists, chains, NOW).expect("verifies"));
    }
}

fn leaf(root: &Certificate, root_key: &SecretKey, key: &SecretKey) -> Certificate {
    let profile =
        Profile { country: None, cn: "예시부".into(), dns: vec![], uri: vec![], kind: Kind::Issuer };
    let (from, until) = (NOW - 900_000, NOW + 10_000_000);
    x509::issue(root, root_key, key.public_key(), &profile, from, until, x509::random_serial())
        .expect("certificate")
}

fn twelve_elements() -> Elements {
    let both = |ko: &str, en: &str| {
        CborValue::Map(vec![("ko".into(), CborValue::from(ko)), ("en".into(), CborValue::from(en))])
    };
    let mut elements = Elements::with_digests(12);
    for (name, value) in [
        ("family_name", both("예", "Ye")),
        ("given_name", both("시온", "Sion")),
        ("name", both("예시온", "Sion Ye")),
        ("birth_date", full_date("1990-02-28")),
        ("agency_name", both("예시부", "Ministry of Examples")),
        ("inst_code", CborValue::from("0000001")),
        ("department", both("예시정책과", "Example Policy Division")),
        ("position", both("사무관", "Deputy Director")),
        ("rank", both("5급", "Grade 5")),
        ("employee_number", CborValue::from("2026-0000001")),
        ("badge_number", CborValue::from("B-2026-0000001")),
        ("is_serving", CborValue::from(true)),
    ] {
        elements.add(DOC_TYPE, name, &value).expect("element");
    }
    elements
}

fn main() {
    let world = World::new();
    let policy = Policy {
        types: AcceptedTypes::OneOf(vec![DOC_TYPE.into()]),
        required: vec![ClaimPath::from_value(&json!([DOC_TYPE, "name"])).expect("path")],
        holder_binding: HolderBinding::Required { max_age: 300 },
        status: StatusRule::Checked { max_age: 60, unknown: Unproven::Refuse, absent: Unproven::Refuse },
    };
    let chains = ChainCache::new(64);
    let issued = world.issue();
    let response = world.present();
    println!("issued {} bytes, presented {} bytes", issued.len(), response.len());

    let mut criterion = Criterion::default().configure_from_args().without_plots();
    criterion.bench_function("issue_mdoc_12_elements", |b| b.iter(|| black_box(world.issue())));
    criterion.bench_function("verify_mdoc", |b| b.iter(|| world.verify(&response, &policy, &chains)));
    criterion.bench_function("parse_mdoc", |b| b.iter(|| black_box(IssuerSigned::parse(&issued))));
    criterion.final_summary();

    // The MSO: twelve digests of 35 bytes, key, times and names.
    let mso = 12 * 35 + 500;
    let message = vec![b'a'; mso];
    ratio(
        "issue_mdoc",
        1.5,
        || {
            black_box(world.issue());
        },
        || {
            black_box(world.issuer_key.sign(&message)).expect("signed");
        },
    );
    let (first, second) = (Signed::new(mso), Signed::new(200));
    ratio(
        "verify_mdoc",
        1.35,
        || world.verify(&response, &policy, &chains),
        || {
            first.verify();
            second.verify();
        },
    );
}

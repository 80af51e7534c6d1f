//! What SD-JWT VC costs beside the signatures that it can't do without.
//!
//! `cargo bench -p credential --features aws-lc` prints criterion's figures, then for each operation its ratio to the
//! raw signatures of the same run, both timed in turns so that a busy machine slows both alike. Bounds: issuing twelve
//! claims ≤ 1.5 × (one signature and its hashing); verifying with key binding, status and trust ≤ 1.35 × its
//! verifications: two, or three where the issuer's certificate is seen for the first time.

#![allow(clippy::expect_used, reason = "what can't run can't be measured")]

mod raw;

use std::hint::black_box;
use std::sync::Arc;

use credential::path::ClaimPath;
use credential::sd_jwt::{Claims, Issuance, Issuer, KeyBinding, SdJwt, StatusClaim, issue};
use credential::status_list::{ListClaims, Permutation, Status, StatusList, VerifiedList};
use credential::trust::{KeyState, TrustEntry, TrustList};
use credential::types::Bilingual;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, PresentationInput, StatusAnswer, StatusRule,
    StatusSource, Unproven, verify, verify_received,
};
use criterion::Criterion;
use keys::x509::{self, Certificate, Kind, Profile};
use keys::{SecretKey, Signer};
use raw::{Signed, ratio};
use serde_json::json;

const NOW: i64 = 1_795_568_400;
const ISS: &str = "https://issuer.example.go.kr";
const VCT: &str = "https://issuer.example.go.kr/types/badge";
const LIST: &str = "https://issuer.example.go.kr/status/2026-W48-1";

struct OneList(Arc<VerifiedList>);

impl StatusSource for OneList {
    fn list(&self, uri: &str) -> StatusAnswer {
        if uri == LIST { StatusAnswer::List(Arc::clone(&self.0)) } else { StatusAnswer::Unavailable }
    }
}

struct World {
    issuer_key: SecretKey,
    holder: SecretKey,
    issuer: Issuer,
    claims: Claims,
    root: Certificate,
    leaf: Certificate,
    trust: TrustList,
    lists: OneList,
    status: StatusClaim,
}

impl World {
    fn new() -> Self {
        let root_key = SecretKey::generate();
        let root = x509::root(&root_key, "예시 루트", NOW - 1_000, NOW + 100_000_000).expect("root");
        let issuer_key = SecretKey::generate();
        let profile = Profile {
            country: None,
            cn: "예시부".into(),
            dns: vec![],
            uri: vec![ISS.into()],
            kind: Kind::Issuer,
        };
        let serial = x509::random_serial();
        let key = issuer_key.public_key();
        let leaf = x509::issue(&root, &root_key, key, &profile, NOW - 500, NOW + 10_000_000, serial)
            .expect("certificate");
        let entry = TrustEntry {
            issuer: ISS.into(),
            name: Bilingual { ko: "예시부".into(), en: "Ministry of Examples".into() },
            jkt: issuer_key.public_key().thumbprint(),
            vcts: vec![VCT.into()],
            from: NOW - 100_000,
            until: None,
            state: KeyState::Active,
            statement: None,
        };
        let trust = TrustList::new(ISS.into(), 1, (NOW - 5, NOW + 86_400), vec![root.clone()], vec![entry])
            .expect("trust list");
        let claims = ListClaims {
            uri: LIST.into(),
            issued_at: NOW - 5,
            expires_at: Some(NOW + 100_000),
            ttl: Some(60),
            aggregation_uri: None,
        };
        let list = VerifiedList { claims, list: StatusList::new(1 << 20).expect("list"), fetched_at: NOW };
        Self {
            issuer: Issuer::new(ISS, "did:mapae:demo:0000001#issuer-1", &[leaf.der().to_vec()]),
            claims: twelve_claims(),
            holder: SecretKey::generate(),
            status: StatusClaim { uri: LIST.into(), index: 77_777 },
            lists: OneList(Arc::new(list)),
            issuer_key,
            root,
            leaf,
            trust,
        }
    }

    fn issue(&self) -> String {
        let issuance = Issuance {
            issuer: &self.issuer,
            vct: VCT,
            claims: &self.claims,
            holder: self.holder.public_key(),
            status: Some(&self.status),
            issued_at: NOW - 100_000,
            expires_at: NOW + 1_000_000,
        };
        issue(&issuance, &self.issuer_key).expect("issued")
    }

    fn present(&self) -> String {
        let paths = ["name", "agency_name", "inst_code", "department", "is_serving"].map(ClaimPath::claim);
        let presentation =
            SdJwt::parse(&self.issue()).expect("own token").select(&paths).expect("own claims");
        let binding = KeyBinding {
            nonce: "n-0S6_WzA2Mj-aBcDeFgHiJkLmNoPqRsTuVwXyZ01234",
            audience: "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk",
            issued_at: NOW - 1,
            transaction_data_hashes: &[],
        };
        let bound = presentation.key_binding(&binding);
        let signature = self.holder.sign(bound.as_bytes()).expect("signed");
        bound.finish(&signature)
    }

    fn verify(&self, presentation: &str, policy: &Policy, chains: &ChainCache) {
        let input = PresentationInput {
            presentation,
            nonce: "n-0S6_WzA2Mj-aBcDeFgHiJkLmNoPqRsTuVwXyZ01234",
            audience: "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk",
            transaction_data_hashes: &[],
        };
        black_box(verify(&input, policy, &self.trust, &self.lists, chains, NOW).expect("verifies"));
    }
}

fn twelve_claims() -> Claims {
    let mut claims = Claims::with_digests(12);
    let both = |ko: &str, en: &str| json!({"ko": ko, "en": en});
    for (name, value) in [
        ("family_name", both("예", "Ye")),
        ("given_name", both("시온", "Sion")),
        ("name", both("예시온", "Sion Ye")),
        ("birth_date", json!("1990-02-28")),
        ("agency_name", both("예시부", "Ministry of Examples")),
        ("inst_code", json!("0000001")),
        ("department", both("예시정책과", "Example Policy Division")),
        ("position", both("사무관", "Deputy Director")),
        ("rank", both("5급", "Grade 5")),
        ("employee_number", json!("2026-0000001")),
        ("badge_number", json!("B-2026-0000001")),
        ("is_serving", json!(true)),
    ] {
        claims.selective(name, &value).expect("a claim");
    }
    claims
}

fn policy() -> Policy {
    Policy {
        types: AcceptedTypes::OneOf(vec![VCT.into()]),
        required: ["name", "inst_code"].map(ClaimPath::claim).to_vec(),
        holder_binding: HolderBinding::Required { max_age: 300 },
        status: StatusRule::Checked { max_age: 60, unknown: Unproven::Refuse, absent: Unproven::Refuse },
    }
}

fn main() {
    let world = World::new();
    let policy = policy();
    let chains = ChainCache::new(64);
    let uncached = ChainCache::new(0);
    let presentation = world.present();
    let token = world.issue();
    let jwt = token.split('~').next().map_or(0, str::len);
    let shown = presentation.split('~').next().map_or(0, str::len);
    let key_binding = presentation.rsplit('~').next().map_or(0, str::len);
    println!(
        "issued {} bytes (JWT {jwt}), presented {} bytes, certificate {} bytes",
        token.len(),
        presentation.len(),
        world.leaf.der().len()
    );

    let mut criterion = Criterion::default().configure_from_args().without_plots();
    criterion.bench_function("issue_sd_jwt_vc_12_claims", |b| b.iter(|| black_box(world.issue())));
    criterion
        .bench_function("verify_sd_jwt_vc", |b| b.iter(|| world.verify(&presentation, &policy, &chains)));
    criterion.bench_function("verify_sd_jwt_vc_new_chain", |b| {
        b.iter(|| world.verify(&presentation, &policy, &uncached))
    });
    criterion.bench_function("verify_sd_jwt_vc_received", |b| {
        b.iter(|| {
            let holder = world.holder.public_key();
            black_box(verify_received(&token, holder, &policy.types, &world.trust, &chains, NOW))
                .expect("verifies")
        })
    });
    criterion.bench_function("parse_sd_jwt", |b| b.iter(|| black_box(SdJwt::parse(&presentation))));
    criterion.bench_function("parse_sd_jwt_received", |b| b.iter(|| black_box(SdJwt::parse(&token))));
    criterion.bench_function("status_lookup", |b| b.iter(|| black_box(world.lists.0.get(black_box(77_777)))));
    let permutation = Permutation::new([7; 32], 20, 40).expect("permutation");
    criterion
        .bench_function("status_index", |b| b.iter(|| black_box(permutation.index(black_box(5_000), 7))));
    let mut list = StatusList::new(1 << 17).expect("list");
    list.set(5, Status::Suspended).expect("entry");
    criterion.bench_function("status_pack_131072", |b| b.iter(|| black_box(list.pack())));
    criterion.final_summary();

    let message = vec![b'a'; jwt];
    ratio(
        "issue_sd_jwt_vc",
        1.5,
        || {
            black_box(world.issue());
        },
        || {
            black_box(world.issuer_key.sign(&message)).expect("signed");
        },
    );
    let (first, second) = (Signed::new(shown), Signed::new(key_binding));
    // A certificate's signed part is its DER but for signature and frame.
    let third = Signed::new(world.leaf.der().len() - 90);
    ratio(
        "verify_sd_jwt_vc",
        1.35,
        || world.verify(&presentation, &policy, &chains),
        || {
            first.verify();
            second.verify();
        },
    );
    ratio(
        "verify_sd_jwt_vc_new_chain",
        1.35,
        || world.verify(&presentation, &policy, &uncached),
        || {
            first.verify();
            second.verify();
            third.verify();
        },
    );
    let _ = &world.root;
}

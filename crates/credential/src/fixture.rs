//! A small world for tests: a root, an issuer below it, a holder, a trust list, a status list.

use std::collections::HashMap;
use std::sync::Arc;

use keys::jws::{self, Header};
use keys::x509::{self, Certificate, Kind, Profile};
use keys::{SecretKey, Signer};
use serde_json::{Value, json};

use crate::path::ClaimPath;
use crate::sd_jwt::{Claims, Issuance, Issuer, KeyBinding, SdJwt, StatusClaim, TYP, issue};
use crate::status_list::week::Week;
use crate::status_list::{ListClaims, StatusList, VerifiedList};
use crate::trust::{KeyState, TrustEntry, TrustList};
use crate::types::Bilingual;
use crate::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, PresentationInput, Refusal, StatusAnswer, StatusRule,
    StatusSource, Unproven, Verified, verify,
};

/// Wednesday 2026-11-25 01:00 UTC.
pub(crate) const NOW: i64 = 1_795_392_000 + 2 * 86_400 + 3_600;
pub(crate) const ISS: &str = "https://issuer.example";
pub(crate) const VCT: &str = "https://issuer.example/types/badge";
pub(crate) const LIST: &str = "https://issuer.example/status/1";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";
pub(crate) const AUDIENCE: &str = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";
const YEAR: i64 = 365 * 86_400;

pub(crate) struct World {
    pub(crate) root_key: SecretKey,
    pub(crate) root: Certificate,
    pub(crate) issuer_key: SecretKey,
    pub(crate) x5c: Vec<Vec<u8>>,
    pub(crate) holder: SecretKey,
    pub(crate) trust: TrustList,
    pub(crate) lists: Lists,
    pub(crate) chains: ChainCache,
}

/// Status lists by address.
#[derive(Default)]
pub(crate) struct Lists(pub(crate) HashMap<String, StatusAnswer>);

impl StatusSource for Lists {
    fn list(&self, uri: &str) -> StatusAnswer {
        self.0.get(uri).cloned().unwrap_or(StatusAnswer::Unavailable)
    }
}

pub(crate) fn bilingual(text: &str) -> Bilingual {
    Bilingual { ko: text.to_owned(), en: text.to_owned() }
}

pub(crate) fn certificate(ca: &Certificate, ca_key: &SecretKey, key: &SecretKey, kind: Kind) -> Certificate {
    let profile = Profile { country: None, cn: "예시".to_owned(), dns: vec![], uri: vec![], kind };
    let serial = x509::random_serial();
    x509::issue(ca, ca_key, key.public_key(), &profile, NOW - 86_400, NOW + YEAR, serial).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let root_key = SecretKey::generate();
        let root = x509::root(&root_key, "예시 루트", NOW - YEAR, NOW + 10 * YEAR).unwrap();
        let issuer_key = SecretKey::generate();
        let leaf = certificate(&root, &root_key, &issuer_key, Kind::Issuer);
        let mut world = Self {
            trust: TrustList::new(ISS.to_owned(), 1, (NOW - 10, NOW + 1_000), vec![], vec![]).unwrap(),
            x5c: vec![leaf.der().to_vec()],
            holder: SecretKey::generate(),
            lists: Lists::default(),
            chains: ChainCache::new(16),
            root_key,
            root,
            issuer_key,
        };
        world.set_trust(|_| {});
        world.set_list(NOW - 10, |_| {});
        world
    }

    /// The trust list of this world, its one entry changed.
    pub(crate) fn set_trust(&mut self, change: impl FnOnce(&mut TrustEntry)) {
        let mut entry = TrustEntry {
            issuer: ISS.to_owned(),
            name: bilingual("예시부"),
            jkt: self.issuer_key.public_key().thumbprint(),
            vcts: vec![VCT.to_owned()],
            from: NOW - 30 * 86_400,
            until: None,
            state: KeyState::Active,
            statement: None,
        };
        change(&mut entry);
        let times = (NOW - 10, NOW + 86_400);
        self.trust = TrustList::new(ISS.to_owned(), 2, times, vec![self.root.clone()], vec![entry]).unwrap();
    }

    /// The status list of this world.
    pub(crate) fn set_list(&mut self, issued_at: i64, change: impl FnOnce(&mut StatusList)) {
        let mut list = StatusList::new(0).unwrap();
        change(&mut list);
        let claims = ListClaims {
            uri: LIST.to_owned(),
            issued_at,
            expires_at: Some(issued_at + 172_800),
            ttl: Some(60),
            aggregation_uri: None,
        };
        let list = VerifiedList { claims, list, fetched_at: issued_at };
        self.lists.0.insert(LIST.to_owned(), StatusAnswer::List(Arc::new(list)));
    }

    pub(crate) fn issuer(&self) -> Issuer {
        Issuer::new(ISS, "did:example#1", &self.x5c)
    }

    pub(crate) fn badge(&self) -> String {
        self.badge_at(NOW)
    }

    pub(crate) fn badge_at(&self, at: i64) -> String {
        let (issued_at, expires_at) = Week::of(at).validity(2);
        let issuance = Issuance {
            issuer: &self.issuer(),
            vct: VCT,
            claims: &claims(),
            holder: self.holder.public_key(),
            status: Some(&StatusClaim { uri: LIST.to_owned(), index: 77 }),
            issued_at,
            expires_at,
        };
        issue(&issuance, &self.issuer_key).unwrap()
    }

    /// The badge, its name and agency told, bound to nonce and audience.
    pub(crate) fn present(&self, badge: &str) -> String {
        self.present_as(badge, &self.holder, |_| {})
    }

    pub(crate) fn present_as(
        &self,
        badge: &str,
        key: &SecretKey,
        change: impl FnOnce(&mut KeyBinding<'_>),
    ) -> String {
        let paths = [ClaimPath::claim("name"), ClaimPath::claim("inst_code")];
        let presentation = SdJwt::parse(badge).unwrap().select(&paths).unwrap();
        let mut binding =
            KeyBinding { nonce: NONCE, audience: AUDIENCE, issued_at: NOW - 2, transaction_data_hashes: &[] };
        change(&mut binding);
        let bound = presentation.key_binding(&binding);
        let signature = key.sign(bound.as_bytes()).unwrap();
        bound.finish(&signature)
    }

    pub(crate) fn verify(&self, presentation: &str) -> Result<Verified, Refusal> {
        self.verify_with(presentation, &strict())
    }

    pub(crate) fn verify_with(&self, presentation: &str, policy: &Policy) -> Result<Verified, Refusal> {
        let input = PresentationInput {
            presentation,
            nonce: NONCE,
            audience: AUDIENCE,
            transaction_data_hashes: &[],
        };
        verify(&input, policy, &self.trust, &self.lists, &self.chains, NOW)
    }
}

pub(crate) fn strict() -> Policy {
    Policy {
        types: AcceptedTypes::OneOf(vec![VCT.to_owned()]),
        required: vec![ClaimPath::claim("name")],
        holder_binding: HolderBinding::Required { max_age: 300 },
        status: StatusRule::Checked { max_age: 3_600, unknown: Unproven::Refuse, absent: Unproven::Refuse },
    }
}

pub(crate) fn claims() -> Claims {
    let mut claims = Claims::with_digests(5);
    claims.selective("name", &json!({"ko": "예시온", "en": "Sion Ye"})).unwrap();
    claims.selective("inst_code", &json!("0000001")).unwrap();
    claims.selective("birth_date", &json!("1990-02-28")).unwrap();
    claims.always("kind", &json!("예시")).unwrap();
    claims
}

/// A token with exactly this payload and these disclosures, signed by `key` under an SD-JWT VC header.
pub(crate) fn raw_token(key: &SecretKey, x5c: &[Vec<u8>], payload: &Value, disclosures: &[String]) -> String {
    let header = Header::es256(TYP).with_x5c(x5c.to_vec());
    let mut token = jws::sign(key, &header, payload.to_string().as_bytes()).unwrap();
    token.push('~');
    for disclosure in disclosures {
        token.push_str(disclosure);
        token.push('~');
    }
    token
}

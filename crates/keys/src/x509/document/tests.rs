use super::*;
use crate::SecretKey;
use crate::x509::{ChainError, Purpose, random_serial, root_in, verify_chain};

const FROM: i64 = 1_790_000_000;
const TO: i64 = FROM + 86_400;

fn profile(cn: &str) -> DocumentProfile {
    DocumentProfile {
        country: Some("KR".into()),
        organization: Some("예시 기관".into()),
        cn: cn.into(),
        crl: Some("https://mapae.example/crl/documents.crl".into()),
        ocsp: Some("https://mapae.example/ocsp".into()),
    }
}

struct House {
    root: Certificate,
    authority: Certificate,
    key: SecretKey,
}

fn house() -> House {
    let root_key = SecretKey::generate();
    let root = root_in(Some("KR"), &root_key, "예시 최상위", FROM, TO).unwrap();
    let key = SecretKey::generate();
    let made = authority_for_documents(
        &root,
        &root_key,
        key.public_key(),
        &profile("예시 서명 인증기관"),
        (FROM, TO),
        random_serial(),
    );
    House { root, authority: made.unwrap(), key }
}

impl House {
    fn leaf(&self, kind: DocumentKind) -> Certificate {
        let leaf = SecretKey::generate();
        let name = profile("예시 관인");
        issue_for_documents(
            &self.authority,
            &self.key,
            leaf.public_key(),
            (kind, &name),
            (FROM, TO),
            random_serial(),
        )
        .unwrap()
    }

    fn check(&self, leaf: &Certificate, purpose: Purpose) -> Result<Certificate, ChainError> {
        let x5c = [leaf.der().to_vec(), self.authority.der().to_vec()];
        verify_chain(&x5c, std::slice::from_ref(&self.root), FROM + 1, purpose)
    }
}

#[test]
fn a_seal_is_for_documents_and_nothing_else() {
    let house = house();
    let seal = house.leaf(DocumentKind::Seal);
    assert_eq!(seal.subject_organization(), Some("예시 기관"));
    assert!(house.check(&seal, Purpose::Document).is_ok());
    for other in [Purpose::Issuer, Purpose::TrustList, Purpose::TimeStamp, Purpose::Responder] {
        assert_eq!(house.check(&seal, other).unwrap_err(), ChainError::WrongPurpose, "{other:?}");
    }
}

#[test]
fn the_authority_for_documents_cannot_make_an_issuer_of_credentials() {
    let house = house();
    let key = SecretKey::generate();
    let profile = crate::x509::Profile {
        country: None,
        cn: "예시".into(),
        dns: Vec::new(),
        uri: Vec::new(),
        kind: crate::x509::Kind::Issuer,
    };
    let forged = crate::x509::issue(
        &house.authority,
        &house.key,
        key.public_key(),
        &profile,
        FROM,
        TO,
        random_serial(),
    );
    assert_eq!(house.check(&forged.unwrap(), Purpose::Issuer).unwrap_err(), ChainError::WrongPurpose);
}

#[test]
fn a_timestamp_authority_is_for_timestamps_only_and_says_so_critically() {
    let house = house();
    let tsa = house.leaf(DocumentKind::TimeStamp);
    assert!(tsa.is_for_timestamps_only());
    assert!(house.check(&tsa, Purpose::TimeStamp).is_ok());
    assert!(!house.leaf(DocumentKind::Seal).is_for_timestamps_only());
    assert!(house.leaf(DocumentKind::Responder).is_responder());
}

#[test]
fn an_authority_below_the_last_level_and_a_foreign_key_are_refused() {
    let house = house();
    let key = SecretKey::generate();
    let name = profile("예시");
    let below = authority_for_documents(
        &house.authority,
        &house.key,
        key.public_key(),
        &name,
        (FROM, TO),
        random_serial(),
    );
    assert_eq!(below.unwrap_err(), IssueError::NotAuthorised);
    let foreign = issue_for_documents(
        &house.authority,
        &key,
        key.public_key(),
        (DocumentKind::Seal, &name),
        (FROM, TO),
        random_serial(),
    );
    assert_eq!(foreign.unwrap_err(), IssueError::NotAuthorised);
}

//! Certificates of those who sign documents: seals of agencies, officials, timestamps, and the authority above them.
//!
//! They stand outside the world for good, so each names where its revocation is told (RFC 5280 §4.2.1.13, §4.2.2.1).
//! The authority names its purposes too: a chain through it is refused for credentials, requests and lists.

use x509_cert::{
    der::oid::ObjectIdentifier,
    ext::pkix::{ExtendedKeyUsage, KeyUsages},
};

use super::{
    Certificate, IssueError,
    issue::{Encoded, Tbs, authority, extension, issuer_key, key_usage, name_of, subject_key},
    usage,
};
use crate::{PublicKey, Signer, der::tlv};

/// What a certificate below the authority for documents is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// An agency's seal.
    Seal,
    /// An official's signature.
    Person,
    /// Timestamps (RFC 3161 §2.3).
    TimeStamp,
    /// Answers about the state of certificates (RFC 6960 §4.2.2.2).
    Responder,
}

/// Who a certificate is for, and where its revocation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentProfile {
    /// Country, two capital letters (ISO 3166-1).
    pub country: Option<String>,
    /// The agency, 1 to 64 characters.
    pub organization: Option<String>,
    /// Common name, 1 to 64 characters (RFC 5280 ub-common-name).
    pub cn: String,
    /// Where the list of revoked certificates is.
    pub crl: Option<String>,
    /// Where questions about its state are answered.
    pub ocsp: Option<String>,
}

const BASIC_CONSTRAINTS_DEPTH: u8 = 0;

/// id-pe-authorityInfoAccess.
const ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
/// id-ad-ocsp.
const ACCESS_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
/// id-ce-cRLDistributionPoints.
const CRL_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
/// id-pkix-ocsp-nocheck.
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

/// A certificate for an authority that issues those below, under `root`, which keeps its purposes to documents.
///
/// # Errors
/// `root` is not the signer's or may not issue an authority; the validity or a name does not fit.
pub fn authority_for_documents(
    root: &Certificate,
    signer: &dyn Signer,
    key: &PublicKey,
    profile: &DocumentProfile,
    validity: (i64, i64),
    serial: [u8; 16],
) -> Result<Certificate, IssueError> {
    if root.authority.flatten() == Some(0) {
        return Err(IssueError::NotAuthorised);
    }
    let usages = ExtendedKeyUsage(vec![usage::DOCUMENT, usage::MESSAGE, usage::TIME_STAMP, usage::RESPONDER]);
    let extensions = vec![
        authority(Some(BASIC_CONSTRAINTS_DEPTH)),
        key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
        extension(false, &usages),
    ];
    sign(root, signer, key, profile, validity, serial, extensions)
}

/// A certificate for `key` under an authority for documents.
///
/// # Errors
/// `ca` is not the signer's or no authority; the validity or a name does not fit.
pub fn issue_for_documents(
    ca: &Certificate,
    signer: &dyn Signer,
    key: &PublicKey,
    (kind, profile): (DocumentKind, &DocumentProfile),
    validity: (i64, i64),
    serial: [u8; 16],
) -> Result<Certificate, IssueError> {
    let (usages, critical) = match kind {
        DocumentKind::Seal | DocumentKind::Person => (vec![usage::DOCUMENT, usage::MESSAGE], false),
        DocumentKind::TimeStamp => (vec![usage::TIME_STAMP], true),
        DocumentKind::Responder => (vec![usage::RESPONDER], false),
    };
    let stands_by = matches!(kind, DocumentKind::Seal | DocumentKind::Person);
    let signs = if stands_by {
        KeyUsages::DigitalSignature | KeyUsages::NonRepudiation
    } else {
        KeyUsages::DigitalSignature.into()
    };
    let mut extensions = vec![key_usage(signs), extension(critical, &ExtendedKeyUsage(usages))];
    if kind == DocumentKind::Responder {
        extensions.push(Some(plain(NO_CHECK, &[0x05, 0x00])));
    }
    sign(ca, signer, key, profile, validity, serial, extensions)
}

fn sign(
    ca: &Certificate,
    signer: &dyn Signer,
    key: &PublicKey,
    profile: &DocumentProfile,
    (from, to): (i64, i64),
    serial: [u8; 16],
    mut extensions: Vec<Encoded>,
) -> Result<Certificate, IssueError> {
    if !ca.is_authority() || ca.public_key() != signer.public_key() {
        return Err(IssueError::NotAuthorised);
    }
    if from < ca.not_before() || to > ca.not_after() {
        return Err(IssueError::Validity);
    }
    extensions.push(subject_key(key));
    extensions.push(issuer_key(ca));
    if let Some(uri) = &profile.crl {
        let point = tlv(0x30, &[&tlv(0xa0, &[&tlv(0xa0, &[&location(uri)?])])]);
        extensions.push(Some(plain(CRL_POINTS, &tlv(0x30, &[&point]))));
    }
    if let Some(uri) = &profile.ocsp {
        let description = tlv(0x30, &[&tlv(0x06, &[ACCESS_OCSP.as_bytes()]), &location(uri)?]);
        extensions.push(Some(plain(ACCESS, &tlv(0x30, &[&description]))));
    }
    let subject = name_of(profile.country.as_deref(), profile.organization.as_deref(), &profile.cn)?;
    Tbs { serial, issuer: &ca.subject, subject: &subject, key, from, to }.sign(signer, &extensions)
}

/// A GeneralName that is a URI.
fn location(uri: &str) -> Result<Vec<u8>, IssueError> {
    let graphic = uri.len() <= 1_024 && uri.contains("://") && uri.bytes().all(|b| b.is_ascii_graphic());
    if graphic { Ok(tlv(0x86, &[uri.as_bytes()])) } else { Err(IssueError::Name) }
}

/// An extension that is not critical, of a value that is DER already.
fn plain(id: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x06, &[id.as_bytes()]), &tlv(0x04, &[value])])
}

#[cfg(test)]
mod tests;

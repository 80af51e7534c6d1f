//! X.509 certificates (RFC 5280) for the few things we do with them: a self-signed root, certificates below it, and
//! the check of an `x5c` chain for a purpose. P-256 with SHA-256 only.

mod certificate;
mod chain;
mod document;
mod issue;

pub use certificate::{Certificate, CertificateError, MAX_CERTIFICATE};
pub use chain::{ChainError, MAX_CHAIN, Purpose, verify_chain};
pub use document::{DocumentKind, DocumentProfile, authority_for_documents, issue_for_documents};
pub use issue::{IssueError, Kind, Profile, issue, random_serial, root, root_in};

use x509_cert::der::oid::ObjectIdentifier;

/// ecdsa-with-SHA256 (RFC 5758 §3.2).
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// The extended key usages that tell our signers apart.
mod usage {
    use super::ObjectIdentifier;

    /// Issuer of credentials: mdoc document signer (ISO/IEC 18013-5 Annex B).
    pub(super) const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.0.18013.5.1.2");
    /// Verifier: mdoc reader authentication (ISO/IEC 18013-5 Annex B).
    pub(super) const VERIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.0.18013.5.1.6");
    /// Status list: id-kp-jwt (RFC 9509), until IANA gives id-kp-oauthStatusSigning its number.
    pub(super) const STATUS_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.37");
    /// Trust list: id-tsl-kp-tslSigning (ETSI TS 119 612 §5.7.1).
    pub(super) const TRUST_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.2231.3.0");
    /// Wallet attestation: id-kp-clientAuth (RFC 5280 §4.2.1.12); the attestation is what authenticates the client.
    pub(super) const WALLET_ATTESTATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
    /// Signs documents: id-kp-documentSigning (RFC 9336).
    pub(super) const DOCUMENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36");
    /// Protects messages: id-kp-emailProtection (RFC 5280 §4.2.1.12). Readers of PDF that keep their trust in NSS ask
    /// for it where they check a document's signature.
    pub(super) const MESSAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
    /// Signs timestamps: id-kp-timeStamping (RFC 3161 §2.3).
    pub(super) const TIME_STAMP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
    /// Answers for the state of certificates: id-kp-OCSPSigning (RFC 6960 §4.2.2.2).
    pub(super) const RESPONDER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
}

#[cfg(test)]
mod tests;

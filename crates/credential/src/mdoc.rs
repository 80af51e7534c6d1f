//! Mobile documents (ISO/IEC 18013-5:2021), the binary sibling of [`sd_jwt`](crate::sd_jwt).
//!
//! ```text
//! issuer:    Elements ──prepare──▶ bytes to sign ──finish──▶ IssuerSigned
//! holder:    IssuerSigned::parse ──select(paths)──▶ Selected ──device_authentication──▶ bytes to sign ──finish──▶ DeviceResponse
//! verifier:  DeviceResponse ──▶ verify
//! ```
//!
//! The issuer signs a *mobile security object* (MSO) that holds the digest of every element; the holder tells some
//! elements, and its device key signs the session transcript, which names verifier and request. What was told is
//! given as JSON, `{namespace: {element: value}}`, so that a claims path (OpenID4VP 1.0 §7.2) names it as in any
//! other credential.
//!
//! Our profile: ES256, SHA-256, a device signature (not a MAC), no elements signed by the device, one document in a
//! response, preferred CBOR (RFC 8949 §4.1) around what is hashed.

mod cbor;
pub mod in_person;
mod issue;
mod item;
mod mso;
mod present;
#[cfg(test)]
mod tests;
mod transcript;
mod verify;

pub use cbor::full_date;
pub use ciborium::Value as CborValue;
pub use issue::{Elements, Issuance, IssueError, Issuer, Prepared, issue, prepare};
pub use item::IssuerSigned;
pub use present::{BoundResponse, Selected};
pub use transcript::SessionTranscript;
pub use verify::{PresentationInput, dangerous_chain, dangerous_status, verify, verify_received};

/// The longest device response or issued document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 128 * 1024;
/// The deepest nesting of one CBOR item; each embedded one (tag 24) counts anew.
pub const MAX_DEPTH: usize = 16;
/// The most elements that one document tells.
pub const MAX_ELEMENTS: usize = 256;
/// The most digests of one document, decoys counted.
pub const MAX_DIGESTS: usize = 1024;
/// The shortest salt, in bytes (§9.1.2.5).
pub const MIN_SALT: usize = 16;

/// Why bytes are no mobile document. Never carries an element's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MdocError {
    #[error("the document is too large")]
    TooLarge,
    #[error("the document is malformed or truncated")]
    Malformed,
    #[error("the document is signed in another way than ES256")]
    Algorithm,
    #[error("the document names another hash algorithm than SHA-256")]
    HashAlgorithm,
    #[error("an element is malformed")]
    MalformedElement,
    #[error("an element is told twice")]
    DuplicateElement,
    #[error("an element was not signed by the issuer")]
    Digest,
    #[error("the document names no key of its holder")]
    DeviceKey,
    #[error("the status in the document can't be read")]
    Status,
}

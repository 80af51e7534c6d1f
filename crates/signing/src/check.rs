//! The check of a signed document: who, when, under which authority, what changed afterwards, and why it is refused.
//!
//! ```text
//! File ─▶ signatures ─▶ each: byte range ─▶ CMS ─▶ time ─▶ chain ─▶ revocation ─▶ later changes ─▶ Report
//! ```
//!
//! A total function: every document gives a [`Report`], and no step is left out for want of material. What may be
//! added after a signature is a list ([`changes`](self)): proof, timestamps, and further signatures where the signers
//! before allow them. Everything else that can be reached from the document must be what it was.

mod changes;
mod fields;
mod finding;
mod pdf;
mod proof;

pub use changes::Change;
pub(crate) use fields::{Rules, fields, signatures};
pub use finding::{Finding, Language, Verdict};
pub use pdf::{Level, Report, SignatureKind, SignatureReport, Signer, check_pdf, embedded_material};
pub(crate) use proof::certificate;
pub use proof::{Revocations, Trust};

#[cfg(test)]
mod tests;

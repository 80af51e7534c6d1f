//! A signature beside any file (CAdES, EN 319 122-1): B-B, and B-T with a timestamp.
//!
//! The file is untouched; the signature is a `.p7s` that names its hash.

use keys::sha256;
use keys::x509::{Certificate, Purpose};

use crate::check::{Finding, Trust};
use crate::cms::{self, Attributes};
use crate::tsp::Timestamp;

/// The signed attributes of a content (EN 319 122-1 §6.3: with the signing time).
pub fn attributes(content: &[u8], certificate: &Certificate, time: i64) -> Attributes {
    Attributes::new(&sha256(content), certificate, Some(time))
}

/// What was found of a signature beside a file.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The signer's certificate.
    pub certificate: Certificate,
    /// When, proven by a timestamp: seconds since 1970.
    pub proven_at: Option<i64>,
    /// When, as the signer claims.
    pub claimed_at: Option<i64>,
}

/// Checks a detached signature over `content`.
///
/// # Errors
/// The first [`Finding`] that refuses it.
pub fn check(content: &[u8], signature: &[u8], trust: &Trust<'_>) -> Result<Checked, Finding> {
    let signed = cms::read(signature).map_err(Finding::Signature)?;
    let certificate = signed.verify(&sha256(content)).map_err(Finding::Signature)?;
    let mut brought = signed.certificates.clone();
    let stamp = signed.timestamps().first().map(|token| Timestamp::read(token)).transpose();
    let stamp = stamp.map_err(Finding::Timestamp)?;
    brought.extend(stamp.iter().flat_map(Timestamp::certificates).cloned());
    let proven_at = match &stamp {
        None => None,
        Some(stamp) => {
            let authority = stamp.verify(&signed.imprint()).map_err(Finding::Timestamp)?;
            let checked =
                crate::check::certificate(authority, &brought, Purpose::TimeStamp, stamp.time, trust);
            checked.map_err(|finding| match finding {
                Finding::Untrusted => Finding::TimestampUntrusted,
                other => other,
            })?;
            Some(stamp.time)
        }
    };
    let at = proven_at.unwrap_or(trust.now);
    crate::check::certificate(certificate, &brought, Purpose::Document, at, trust)?;
    Ok(Checked { certificate: certificate.clone(), proven_at, claimed_at: signed.claimed_time() })
}

#[cfg(test)]
mod tests;

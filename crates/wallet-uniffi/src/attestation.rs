//! What the chain of an Android Keystore key says of it: the extension of key attestation in the leaf certificate
//! (Android Key Attestation, "Key and ID attestation", schema `KeyDescription`).
//!
//! It is read, not verified: a chain counts only where it ends in a root that is known, and that is for the server to
//! judge. What is read here makes a word weaker, never stronger.

#[cfg(test)]
mod tests;

use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

use crate::ports::SecurityLevel;

/// `KeyDescription`.
const KEY_DESCRIPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.1.17");
/// Longer chains are not read.
const MOST_CERTIFICATES: usize = 10;
/// Larger certificates are not read (bytes).
const MAX_CERTIFICATE: usize = 8 * 1_024;

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct KeyStanding {
    /// Where it lives: the weaker of what the platform says and what its chain says.
    pub level: SecurityLevel,
    /// Whether a chain of attestation is there and speaks of this key.
    pub attested: bool,
}

/// Judges what is said of a key: by the platform, and by its chain (DER, the leaf first). A chain that speaks of another
/// key, or can't be read, makes it a software key: somebody put it there.
#[uniffi::export]
pub fn key_standing(said: SecurityLevel, public_key: Vec<u8>, chain: Vec<Vec<u8>>) -> KeyStanding {
    let weakest = KeyStanding { level: SecurityLevel::Software, attested: false };
    if chain.len() > MOST_CERTIFICATES || chain.iter().any(|one| one.len() > MAX_CERTIFICATE) {
        return weakest;
    }
    let Some(leaf) = chain.first() else { return KeyStanding { level: said, attested: false } };
    match read(leaf) {
        Some(read) if read.key != public_key => weakest,
        Some(Read { level: Some(level), .. }) => KeyStanding { level: weaker(said, level), attested: true },
        // Without attestation the Keystore puts a certificate there that it signed itself.
        Some(Read { level: None, .. }) => KeyStanding { level: said, attested: false },
        None => weakest,
    }
}

/// What a leaf says: of which key, and where it lives.
struct Read {
    key: Vec<u8>,
    level: Option<SecurityLevel>,
}

fn read(leaf: &[u8]) -> Option<Read> {
    let certificate = Certificate::from_der(leaf).ok()?;
    let tbs = certificate.tbs_certificate();
    let key = tbs.subject_public_key_info().subject_public_key.raw_bytes().to_vec();
    let mut found = tbs.extensions().into_iter().flatten().filter(|one| one.extn_id == KEY_DESCRIPTION);
    let level = match (found.next(), found.next()) {
        (None, _) => None,
        (Some(extension), None) => Some(level(extension.extn_value.as_bytes())?),
        (Some(_), Some(_)) => return None,
    };
    Some(Read { key, level })
}

/// `KeyDescription ::= SEQUENCE { attestationVersion INTEGER, attestationSecurityLevel SecurityLevel, keyMintVersion
/// INTEGER, keyMintSecurityLevel SecurityLevel, … }`: the weaker of the two levels.
fn level(description: &[u8]) -> Option<SecurityLevel> {
    let mut reader = SliceReader::new(description).ok()?;
    let levels = reader.sequence(|fields| {
        let mut levels = [SecurityLevel::Unknown; 2];
        for one in &mut levels {
            let _version: u32 = fields.decode()?;
            *one = enumerated(fields.decode()?);
        }
        while !fields.is_finished() {
            let _rest: AnyRef<'_> = fields.decode()?;
        }
        x509_cert::der::Result::Ok(levels)
    });
    let [attestation, key] = levels.ok()?;
    Some(weaker(attestation, key))
}

fn enumerated(value: AnyRef<'_>) -> SecurityLevel {
    match (value.tag(), value.value()) {
        (Tag::Enumerated, [0]) => SecurityLevel::Software,
        (Tag::Enumerated, [1]) => SecurityLevel::TrustedEnvironment,
        (Tag::Enumerated, [2]) => SecurityLevel::SecureElement,
        _ => SecurityLevel::Unknown,
    }
}

/// The weaker of two words; one who does not say weakens nothing but himself.
fn weaker(one: SecurityLevel, other: SecurityLevel) -> SecurityLevel {
    let rank = |level| match level {
        SecurityLevel::Software => 0,
        SecurityLevel::Unknown => 1,
        SecurityLevel::TrustedEnvironment => 2,
        SecurityLevel::SecureElement => 3,
    };
    if rank(one) <= rank(other) { one } else { other }
}

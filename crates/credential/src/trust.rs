//! Whose keys may issue what: the trust list, a signed document that verifiers keep and check against offline.
//!
//! A key's accreditation ends in one of two ways. *Retired* (in good order, at T): what it issued before T holds until
//! it expires. *Revoked* (stolen): nothing by that key holds any more, whatever its `iat` says, since whoever has the
//! key writes any date they like.

mod list;
mod pinned;
mod statement;
#[cfg(test)]
mod tests;

use keys::x509::{self, Certificate, Purpose};
use keys::{PublicKey, encoding, sha256};
use serde::{Deserialize, Serialize};

pub use list::{LIST_TYP, MAX_ENTRIES, MAX_LIST, MAX_VALIDITY, TrustList, TrustListError};
pub use pinned::PinnedKeys;
pub use statement::{MAX_STATEMENT, Registrar, STATEMENT_TYP, Statement, StatementError};

use crate::status_list::week::Week;
use crate::types::Bilingual;

/// What is believed of an issuer's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustEntry {
    /// `iss` of its credentials.
    pub issuer: String,
    /// The issuer's name for people.
    pub name: Bilingual,
    /// RFC 7638 thumbprint of the key, base64url.
    pub jkt: String,
    /// The credential types that it may issue.
    pub vcts: Vec<String>,
    /// Accredited from this second on.
    pub from: i64,
    /// Accredited before this second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    #[serde(flatten)]
    pub state: KeyState,
    /// The registrar's signature over what is granted here: issuer, key, type and period. Ends are not in it: whoever
    /// serves the list may take trust away, never give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

/// Whether a key still issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum KeyState {
    Active,
    /// Out of use in good order since `at`.
    Retired {
        at: i64,
    },
    /// Its agency was dissolved at `at`: what was issued before holds.
    Deactivated {
        at: i64,
    },
    /// Compromised; known since `at`.
    Revoked {
        at: i64,
    },
}

/// What a credential says of its origin, to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Thumbprint of the key that the certificate chain vouches for.
    pub jkt: &'a str,
    /// `iss`, where the credential has one.
    pub issuer: Option<&'a str>,
    pub vct: &'a str,
    /// `iat`, where the credential has one.
    pub issued_at: Option<i64>,
}

/// Why an origin is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    #[error("the issuer's key is on no trust list")]
    Unknown,
    #[error("the issuer's key was revoked")]
    Revoked,
    #[error("the issuer may not issue this type, or not yet")]
    NotAccredited,
    #[error("the issuer's key was out of use when the credential was issued")]
    Retired,
    #[error("the issuer's accreditation had run out when the credential was issued")]
    Expired,
    #[error("the issuer no longer existed when the credential was issued")]
    Deactivated,
    #[error("the credential names another issuer than the owner of the key")]
    OtherIssuer,
}

/// What a verifier believes of issuers. Answers from memory.
pub trait TrustSource: Send + Sync {
    /// The roots under which an issuer's certificate chain must end.
    fn roots(&self) -> &[Certificate];

    /// Changes whenever the roots do: a chain that was checked under others does not count.
    fn roots_id(&self) -> u64;

    /// When the source was signed, seconds since 1970.
    fn issued_at(&self) -> i64;

    /// From this second on the source says nothing any more.
    fn expires_at(&self) -> i64;

    /// The name of the accredited issuer, or why the origin is not trusted.
    fn judge(&self, origin: &Origin<'_>) -> Result<Bilingual, Distrust>;

    /// The key of that name (`kid`), where the source vouches for the key itself and asks for no chain.
    fn pinned(&self, _kid: &str) -> Option<&PublicKey> {
        None
    }
}

/// The rules by which the entries of one key decide on an origin.
pub fn judge<'e>(entries: &'e [TrustEntry], origin: &Origin<'_>) -> Result<&'e TrustEntry, Distrust> {
    if entries.is_empty() {
        return Err(Distrust::Unknown);
    }
    // A stolen key is stolen for every type.
    if entries.iter().any(|entry| matches!(entry.state, KeyState::Revoked { .. })) {
        return Err(Distrust::Revoked);
    }
    let mut reason = Distrust::NotAccredited;
    for entry in entries.iter().filter(|entry| entry.vcts.iter().any(|vct| vct == origin.vct)) {
        match entry.covers(origin) {
            Ok(()) => return Ok(entry),
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

impl TrustEntry {
    fn covers(&self, origin: &Origin<'_>) -> Result<(), Distrust> {
        if origin.issuer.is_some_and(|iss| iss != self.issuer) {
            return Err(Distrust::OtherIssuer);
        }
        // `iat` is cut to the start of its week: a copy of the very week of the accreditation is younger than it says.
        let begun = Week::of(self.from).start();
        if origin.issued_at.is_some_and(|iat| iat < begun) {
            return Err(Distrust::NotAccredited);
        }
        let ended = match self.state {
            KeyState::Retired { at } => Some((at, Distrust::Retired)),
            KeyState::Deactivated { at } => Some((at, Distrust::Deactivated)),
            KeyState::Active | KeyState::Revoked { .. } => None,
        };
        let ends = ended.into_iter().chain(self.until.map(|until| (until, Distrust::Expired)));
        match (ends.min_by_key(|(at, _)| *at), origin.issued_at) {
            (None, _) => Ok(()),
            (Some((end, _)), Some(iat)) if iat < end => Ok(()),
            // Without a date nothing shows that it is from before the end.
            (Some((_, why)), _) => Err(why),
        }
    }
}

/// Trust in whoever holds a certificate under some roots, for issuers of others that publish nothing but a root.
#[derive(Debug, Clone)]
pub struct TrustedRoots {
    roots: Vec<Certificate>,
    roots_id: u64,
    name: Bilingual,
    vcts: Vec<String>,
}

impl TrustedRoots {
    /// Every certificate under the roots may issue these types.
    pub fn new(roots: Vec<Certificate>, name: Bilingual, vcts: Vec<String>) -> Self {
        Self { roots_id: roots_id(&roots), roots, name, vcts }
    }
}

impl TrustSource for TrustedRoots {
    fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    fn roots_id(&self) -> u64 {
        self.roots_id
    }

    fn issued_at(&self) -> i64 {
        i64::MIN
    }

    fn expires_at(&self) -> i64 {
        i64::MAX
    }

    fn judge(&self, origin: &Origin<'_>) -> Result<Bilingual, Distrust> {
        let accredited = self.vcts.iter().any(|vct| vct == origin.vct);
        if accredited { Ok(self.name.clone()) } else { Err(Distrust::NotAccredited) }
    }
}

/// Whose signature on a list counts.
#[derive(Debug, Clone, Copy)]
pub enum Anchor<'a> {
    /// This key's.
    Key(&'a PublicKey),
    /// That of a certificate for the purpose, sent along with the list, under one of these roots.
    Roots(&'a [Certificate]),
}

impl Anchor<'_> {
    /// The key to check with, or `None` when nobody vouches for one.
    pub(crate) fn key(self, x5c: Option<&[Vec<u8>]>, purpose: Purpose, now: i64) -> Option<PublicKey> {
        match self {
            Self::Key(key) => Some(key.clone()),
            Self::Roots(roots) => {
                let leaf = x509::verify_chain(x5c?, roots, now, purpose).ok()?;
                Some(leaf.public_key().clone())
            }
        }
    }
}

/// A short name for a set of roots.
fn roots_id(roots: &[Certificate]) -> u64 {
    let all: Vec<u8> = roots.iter().flat_map(Certificate::sha256).collect();
    let [a, b, c, d, e, f, g, h, ..] = sha256(&all);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// base64url of the AuthorityKeyIdentifier of each certificate, for DCQL `trusted_authorities`.
pub fn authority_key_ids(x5c: &[Vec<u8>]) -> Vec<String> {
    x5c.iter()
        .filter_map(|der| Certificate::parse(der).ok())
        .filter_map(|certificate| certificate.authority_key_id().map(encoding::b64url_encode))
        .collect()
}

//! The trust list as a signed JWT.

use keys::Signer;
use keys::encoding::{b64_decode, b64_encode};
use keys::jws::{self, Header, JwsError, Typ, Unverified};
use keys::x509::{Certificate, Purpose};
use serde::{Deserialize, Serialize};

use super::{Anchor, Distrust, Origin, Registrar, TrustEntry, TrustSource, judge, roots_id};
use crate::types::Bilingual;

/// `typ` of a trust list.
pub const LIST_TYP: &str = "mapae-trust-list+jwt";
/// The longest list that is read, in bytes.
pub const MAX_LIST: usize = 24 << 20;
/// The most entries of a list.
pub const MAX_ENTRIES: usize = 10_000;
/// The longest that a list is good for, in seconds: 48 hours.
pub const MAX_VALIDITY: i64 = 48 * 60 * 60;

/// A trust list; it exists signed by us or verified.
#[derive(Debug, Clone)]
pub struct TrustList {
    issuer: String,
    version: u64,
    issued_at: i64,
    expires_at: i64,
    roots: Vec<Certificate>,
    roots_id: u64,
    /// Sorted by key.
    entries: Vec<TrustEntry>,
}

/// Why there is no trust list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustListError {
    #[error("the trust list is too large")]
    TooLarge,
    #[error("the trust list is malformed")]
    Malformed,
    #[error("the trust list has another type or algorithm")]
    Refused,
    #[error("the trust list is signed by nobody who may")]
    Untrusted,
    #[error("the signature of the trust list does not verify")]
    Signature,
    #[error("the trust list has expired")]
    Expired,
    #[error("the trust list was signed in the future, or for too long")]
    Validity,
    #[error("the trust list is older than one that was seen before")]
    RolledBack,
    #[error(transparent)]
    Sign(#[from] keys::SignError),
}

#[derive(Serialize, Deserialize)]
struct Payload {
    iss: String,
    iat: i64,
    exp: i64,
    version: u64,
    roots: Vec<String>,
    entries: Vec<TrustEntry>,
}

impl TrustList {
    /// A list of ours. `version` counts up with every change; `expires_at` is at most [`MAX_VALIDITY`] after
    /// `issued_at`.
    pub fn new(
        issuer: String,
        version: u64,
        (issued_at, expires_at): (i64, i64),
        roots: Vec<Certificate>,
        mut entries: Vec<TrustEntry>,
    ) -> Result<Self, TrustListError> {
        if entries.len() > MAX_ENTRIES {
            return Err(TrustListError::TooLarge);
        }
        let lasts = expires_at.checked_sub(issued_at).ok_or(TrustListError::Validity)?;
        if !(1..=MAX_VALIDITY).contains(&lasts) {
            return Err(TrustListError::Validity);
        }
        entries.sort_by(|a, b| a.jkt.cmp(&b.jkt));
        Ok(Self { issuer, version, issued_at, expires_at, roots_id: roots_id(&roots), roots, entries })
    }

    /// The signed list. `x5c`: DER, leaf first, without the root.
    pub fn sign(&self, kid: &str, x5c: &[Vec<u8>], signer: &dyn Signer) -> Result<String, TrustListError> {
        let payload = Payload {
            iss: self.issuer.clone(),
            iat: self.issued_at,
            exp: self.expires_at,
            version: self.version,
            roots: self.roots.iter().map(|root| b64_encode(root.der())).collect(),
            entries: self.entries.clone(),
        };
        let payload = serde_json::to_vec(&payload).map_err(|_| TrustListError::Malformed)?;
        let mut header = Header::es256(LIST_TYP).with_kid(kid);
        header.x5c = (!x5c.is_empty()).then(|| x5c.to_vec());
        jws::sign(signer, &header, &payload).map_err(|error| match error {
            JwsError::Sign(error) => TrustListError::Sign(error),
            _ => TrustListError::Malformed,
        })
    }

    /// Reads and checks a list. `seen`: the highest version seen before; an older one is refused, so that nobody brings
    /// a revoked key back by serving an old list.
    pub fn verify(text: &str, anchor: Anchor<'_>, seen: u64, now: i64) -> Result<Self, TrustListError> {
        let unverified = Unverified::parse(text, MAX_LIST).map_err(|error| match error {
            JwsError::TooLong => TrustListError::TooLarge,
            _ => TrustListError::Malformed,
        })?;
        let key = anchor
            .key(unverified.header().x5c.as_deref(), Purpose::TrustList, now)
            .ok_or(TrustListError::Untrusted)?;
        let verified = unverified.verify(&key, Typ::Is(LIST_TYP)).map_err(|error| match error {
            JwsError::AlgorithmRefused | JwsError::TypeRefused => TrustListError::Refused,
            _ => TrustListError::Signature,
        })?;
        let payload: Payload = verified.claims().map_err(|_| TrustListError::Malformed)?;
        if now >= payload.exp {
            return Err(TrustListError::Expired);
        }
        if payload.iat > now.saturating_add(crate::CLOCK_SKEW) {
            return Err(TrustListError::Validity);
        }
        if payload.version < seen {
            return Err(TrustListError::RolledBack);
        }
        let root = |text: &String| {
            let der = b64_decode(text).map_err(|_| TrustListError::Malformed)?;
            Certificate::parse(&der).map_err(|_| TrustListError::Malformed)
        };
        let roots = payload.roots.iter().map(root).collect::<Result<_, _>>()?;
        Self::new(payload.iss, payload.version, (payload.iat, payload.exp), roots, payload.entries)
    }

    /// The same list with those entries alone that the registrar vouches for, and how many were left out. `last`: a list
    /// of entries that the same registrar vouched for; what stands there as it is here is not verified again.
    pub fn vouched(mut self, registrar: &Registrar, last: Option<&TrustList>) -> (Self, usize) {
        let all = self.entries.len();
        let known = |entry: &TrustEntry| last.is_some_and(|last| last.entries_of(&entry.jkt).contains(entry));
        self.entries.retain(|entry| known(entry) || registrar.vouches_for(entry));
        let left_out = all - self.entries.len();
        (self, left_out)
    }

    /// Who publishes the list.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Counts up with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All entries, sorted by key.
    pub fn entries(&self) -> &[TrustEntry] {
        &self.entries
    }

    /// The entries of one key.
    pub fn entries_of(&self, jkt: &str) -> &[TrustEntry] {
        let from = self.entries.partition_point(|entry| entry.jkt.as_str() < jkt);
        let to = self.entries.partition_point(|entry| entry.jkt.as_str() <= jkt);
        self.entries.get(from..to).unwrap_or_default()
    }
}

impl TrustSource for TrustList {
    fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    fn roots_id(&self) -> u64 {
        self.roots_id
    }

    fn issued_at(&self) -> i64 {
        self.issued_at
    }

    fn expires_at(&self) -> i64 {
        self.expires_at
    }

    fn judge(&self, origin: &Origin<'_>) -> Result<Bilingual, Distrust> {
        judge(self.entries_of(origin.jkt), origin).map(|entry| entry.name.clone())
    }
}

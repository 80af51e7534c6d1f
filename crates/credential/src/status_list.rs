//! Token Status List: whether a credential still holds, told for many at once (draft-ietf-oauth-status-list).
//!
//! A verifier fetches one list for tens of thousands of credentials and so tells nobody which one it saw. The list is
//! decoded once into its bytes; a lookup is a shift and a mask. We issue two bits (valid, invalid, suspended) and read
//! all four widths of the draft.
//!
//! Which entry belongs to which copy of which badge is kept nowhere: [`Permutation`] computes it, and back.

mod cwt;
mod jwt;
mod list;
mod permutation;
#[cfg(test)]
mod tests;
pub mod week;

pub use cwt::{sign_cwt, verify_cwt};
pub use jwt::{sign_jwt, verify_jwt};
pub use list::{Bits, ListError, Status, StatusList};
pub use permutation::{Permutation, PermutationError};

/// The draft that this module follows (draft-ietf-oauth-status-list).
pub const DRAFT: u8 = 21;
/// `typ` of a list as JWT.
pub const JWT_TYP: &str = "statuslist+jwt";
/// `typ` of a list as CWT.
pub const CWT_TYP: &str = "application/statuslist+cwt";
/// The fewest entries of a list of ours: the crowd in which one credential hides.
pub const MIN_ENTRIES: usize = 1 << 17;
/// The most bytes that a list may have unpacked: 2²⁴ entries of two bits.
pub const MAX_LIST_BYTES: usize = 4 << 20;
/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 6 << 20;

/// The claims of a status list token, without the list. Times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListClaims {
    /// Where the list is served, equal to `uri` in the credentials (`sub`).
    pub uri: String,
    pub issued_at: i64,
    pub expires_at: Option<i64>,
    /// Seconds after which a consumer fetches anew.
    pub ttl: Option<u64>,
    /// Where every list of this issuer is named (§9), for those who fetch ahead.
    pub aggregation_uri: Option<String>,
}

/// A list whose signature, times and name were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedList {
    pub claims: ListClaims,
    pub list: StatusList,
    /// When this copy was fetched.
    pub fetched_at: i64,
}

impl VerifiedList {
    /// The status at `index`; `None` beyond the end, where nothing can be said.
    pub fn get(&self, index: u64) -> Option<Status> {
        self.list.get(usize::try_from(index).ok()?)
    }

    /// Seconds since the list was signed, as far as `now` tells.
    pub fn age(&self, now: i64) -> i64 {
        now.saturating_sub(self.claims.issued_at).max(0)
    }

    /// Whether the list may no longer be used.
    pub fn expired(&self, now: i64) -> bool {
        self.claims.expires_at.is_some_and(|exp| now >= exp)
    }

    /// Whether a consumer fetches anew before the next use (`ttl`); a list without `ttl` is fetched for each use.
    pub fn due(&self, now: i64) -> bool {
        let ttl = i64::try_from(self.claims.ttl.unwrap_or(0)).unwrap_or(i64::MAX);
        self.expired(now) || now >= self.fetched_at.saturating_add(ttl)
    }
}

/// Why a status list token tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    #[error("the status list is too large")]
    TooLarge,
    #[error("the status list is malformed")]
    Malformed,
    #[error("the status list has another type or algorithm")]
    Refused,
    #[error("the status list is signed by nobody who may")]
    Untrusted,
    #[error("the signature of the status list does not verify")]
    Signature,
    #[error("the status list is that of another address")]
    OtherList,
    #[error("the status list has expired")]
    Expired,
    #[error("the status list is of the future")]
    NotYet,
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Sign(#[from] keys::SignError),
}

impl ListClaims {
    /// The rules of §8.3 on times and name; two clocks may differ by [`CLOCK_SKEW`](crate::CLOCK_SKEW).
    fn check(&self, uri: &str, not_before: Option<i64>, now: i64) -> Result<(), StatusError> {
        if self.uri != uri {
            return Err(StatusError::OtherList);
        }
        if self.expires_at.is_some_and(|exp| now >= exp) {
            return Err(StatusError::Expired);
        }
        let latest = now.saturating_add(crate::CLOCK_SKEW);
        if self.issued_at > latest || not_before.is_some_and(|from| from > latest) {
            return Err(StatusError::NotYet);
        }
        // "A positive number" (§5.1, §5.2): of a list that is kept for no time at all nothing could be used.
        if self.ttl == Some(0) {
            return Err(StatusError::Malformed);
        }
        Ok(())
    }
}

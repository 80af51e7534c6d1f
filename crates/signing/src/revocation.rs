//! What is told of certificates that are no longer good: lists (RFC 5280 §5) and answers about one (RFC 6960).

mod crl;
mod ocsp;

pub use crl::{Crl, MAX_CRL, Revoked, issue as issue_crl};
pub use ocsp::{MAX_OCSP_REQUEST, OcspAnswer, OcspQuestion, Responder, State, questions};

use crate::der::BadDer;

/// Why a list or an answer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Larger than is read.
    #[error("the revocation data is too large")]
    TooLarge,
    /// No DER of this shape.
    #[error("the revocation data is malformed")]
    Malformed,
    /// Another algorithm, or a form that this reader does not know and must not guess.
    #[error("the revocation data is of a form that is not known here")]
    Unsupported,
    /// The responder did not answer.
    #[error("the responder gave no answer")]
    NoAnswer,
}

impl From<BadDer> for RevocationError {
    fn from(_: BadDer) -> Self {
        Self::Malformed
    }
}

/// Why a certificate was revoked (RFC 5280 §5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// None is told.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// Somebody else may have the key of the authority.
    AuthorityCompromise,
    /// Its holder is elsewhere now.
    AffiliationChanged,
    /// Another one took its place.
    Superseded,
    /// It is no longer needed.
    CessationOfOperation,
    /// For the time being.
    Hold,
}

impl Reason {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AuthorityCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::Hold => 6,
        }
    }

    pub(crate) const fn of(code: u8) -> Self {
        match code {
            1 => Self::KeyCompromise,
            2 => Self::AuthorityCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::Hold,
            _ => Self::Unspecified,
        }
    }

    /// Whether the key may have signed for somebody else before it was revoked.
    pub const fn is_compromise(self) -> bool {
        matches!(self, Self::KeyCompromise | Self::AuthorityCompromise)
    }
}

#[cfg(test)]
mod tests;

//! The authority for documents: agencies' seals, officials' certificates, timestamps, and what is revoked.
//!
//! ```text
//! platform root ─▶ authority for documents ─┬▶ seal of each agency        3 years, made when first used
//!      │                 │                  ├▶ an official, for one signature   10 minutes
//!      │                 │                  ├▶ timestamps (RFC 3161)      5 years
//!      │                 │                  └▶ answers (RFC 6960)         5 years
//!      └▶ list (root)    └▶ list (authority), both made anew whenever they are asked for
//! ```
//!
//! The authority's certificate names its purposes: nothing below it can sign a credential, a request or a list of ours.

mod certificate;
mod key;
mod revocation;
mod routes;
mod seal;
#[cfg(test)]
pub(crate) mod tests;

pub use certificate::{Issued, issue_person};
pub use key::{Authority, Memory, open, renew_seal};
pub use revocation::{material, revoke};
pub use routes::routes;
pub use seal::{Sealing, seal};

use signing::pades::PadesError;

use crate::operations::Problem;
use crate::operations::store::StoreError;
use crate::personnel::PersonnelError;
use http::StatusCode;

/// Why a key, a certificate or a seal did not come about.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error("the agency {0} is not registered")]
    Agency(String),
    #[error("there is no such certificate, or it is revoked already")]
    Certificate,
    /// The document is refused.
    #[error(transparent)]
    Pdf(#[from] PadesError),
    /// A key that does not open, fit or sign.
    #[error("key {0}: {1}")]
    Key(&'static str, String),
}

impl From<AuthorityError> for Problem {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::Store(error) => error.into(),
            AuthorityError::Personnel(error) => error.into(),
            AuthorityError::Agency(_) => Self::new(StatusCode::NOT_FOUND, "document_agency"),
            AuthorityError::Certificate => Self::new(StatusCode::NOT_FOUND, "document_certificate"),
            AuthorityError::Pdf(error) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "document_pdf")
                .with("reason", error.to_string())
                .with("reason_code", error.code()),
            AuthorityError::Key(..) => Self::internal(error),
        }
    }
}

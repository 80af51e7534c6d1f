//! What servers publish about themselves: built by the server, read by wallets and relying parties.
//!
//! The same structs go both ways. Reading is tolerant to unknown members and bounded; what a reader must check before
//! it may use a document (its identifier, its endpoints) is done by the `read` functions, so that an unchecked document
//! is never at hand.

mod authorization_server;
mod credential_issuer;
mod provider;

pub use authorization_server::AuthorizationServer;
pub use credential_issuer::{
    BatchIssuance, ClaimDescription, ClaimDisplay, CredentialConfiguration, CredentialDisplay,
    CredentialIssuer, CredentialMetadata, Image, IssuerDisplay, KeyAttestationsRequired, PathElement,
    ProofType, RequestEncryption, ResponseEncryptionSupport, SIGNED_METADATA_TYP,
};
pub use provider::OpenIdProvider;

use crate::json::JsonError;
use crate::link::{self, LinkError};

/// Why a metadata document may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not a bounded JSON document of the right shape.
    #[error("the metadata document is malformed")]
    Malformed,
    /// It is the document of another issuer (RFC 8414 §3.3, OpenID4VCI §12.2.4).
    #[error("the metadata document is of another issuer")]
    ForeignIssuer,
    /// An endpoint is no https address.
    #[error("an endpoint in the metadata is not an https address")]
    Endpoint,
    /// A list that must not be empty is, or something is beyond its bound.
    #[error("the metadata document breaks a rule of its standard")]
    Rule,
    /// The signed form does not verify.
    #[error("the signed metadata does not verify")]
    Signature,
}

impl From<JsonError> for MetadataError {
    fn from(_: JsonError) -> MetadataError {
        MetadataError::Malformed
    }
}

impl From<LinkError> for MetadataError {
    fn from(_: LinkError) -> MetadataError {
        MetadataError::Endpoint
    }
}

fn check_endpoints<'a>(endpoints: impl IntoIterator<Item = Option<&'a String>>) -> Result<(), MetadataError> {
    for endpoint in endpoints.into_iter().flatten() {
        link::endpoint(endpoint)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! OpenID for Verifiable Credential Issuance 1.0: from the offer to the notification.
//!
//! Issuer: [`CredentialOffer`] → ([`authorize::IssuanceRequest`] →) [`crate::token::TokenRequest`] →
//! [`CredentialRequest::parse`] → [`CredentialRequest::resolve`] → [`proof::verify`] → [`CredentialResponse`].
//!
//! Holder: [`OfferLink::parse`] → [`holder::Plan`] → [`holder::Authorized`] → [`CredentialResponse::read`]. Each stage
//! is a type of its own, so that a credential can't be asked for with a token of another offer, or a transaction code
//! be forgotten.

pub mod authorize;
mod credential;
pub mod holder;
mod notification;
mod offer;
pub mod proof;

pub use credential::{
    CredentialRequest, CredentialResponse, DeferredRequest, Granted, IssuedCredential, ResponseEncryption,
    Target, require_encryption,
};
pub use notification::{Event, Notification};
pub use offer::{
    AuthorizationCodeOffer, CredentialOffer, Grants, InputMode, OfferLink, PreAuthorizedOffer, TxCode,
};
pub use proof::{KeyAttestation, Proofs};

use serde::{Deserialize, Serialize};

/// Format identifier of SD-JWT VC (Appendix A.3).
pub const DC_SD_JWT: &str = "dc+sd-jwt";
/// Format identifier of ISO mdoc (Appendix A.2).
pub const MSO_MDOC: &str = "mso_mdoc";

/// The nonce endpoint's answer (§7.2); send it with `Cache-Control: no-store`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceResponse {
    /// The challenge for the next proofs.
    pub c_nonce: String,
}

impl NonceResponse {
    /// Reads the answer.
    ///
    /// # Errors
    /// `invalid_request` if malformed, empty or longer than 2 KiB.
    pub fn parse(body: &[u8]) -> Result<NonceResponse, crate::OAuthError> {
        let response: NonceResponse = crate::json::parse(body, crate::json::SMALL)?;
        if response.c_nonce.is_empty() || response.c_nonce.len() > 2048 {
            return Err(crate::OAuthError::new(crate::Code::InvalidRequest, "c_nonce is empty or too long"));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests;

//! Why a wallet does not answer a request (OpenID4VP 1.0 §5, §8.5).

use crate::error::{Code, OAuthError};

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a signed request object, or its parameters have the wrong shape.
    #[error("the request is malformed")]
    Malformed,
    /// `typ` is not `oauth-authz-req+jwt`.
    #[error("the request has another typ")]
    Type,
    /// `alg` is not ES256.
    #[error("the request must be signed with ES256")]
    Algorithm,
    /// An unsigned request where that is not allowed, or a prefix that can't be signed.
    #[error("the request is not signed as its client identifier demands")]
    Unsigned,
    /// The client identifier is malformed or of a prefix not taken here.
    #[error("the client identifier is not supported")]
    ClientId,
    /// The link and the request name different clients.
    #[error("the link and the request name different clients")]
    ForeignClient,
    /// The certificate is not the one that the client identifier names.
    #[error("the certificate is not the client's")]
    Certificate,
    /// The certificates lead to no root that this wallet trusts, or are expired.
    #[error("the verifier's certificate is not trusted")]
    Untrusted,
    /// The signature is wrong.
    #[error("the request's signature is wrong")]
    Signature,
    /// `aud` is neither the symbolic one nor this wallet.
    #[error("the request is for another wallet")]
    Audience,
    /// Over the Digital Credentials API: the page is none of those that the request was made for.
    #[error("the request comes from a page that it was not made for")]
    Origin,
    /// Expired or not yet valid.
    #[error("the request is expired or not yet valid")]
    Time,
    /// The nonce that this wallet sent is missing or another.
    #[error("the request does not repeat the wallet's nonce")]
    WalletNonce,
    /// `nonce` is missing, too short, or has foreign characters.
    #[error("the nonce is malformed")]
    Nonce,
    /// `state` is too long or has foreign characters.
    #[error("the state is malformed")]
    State,
    /// `response_uri` is missing, no https address, beside a `redirect_uri`, or not the client's.
    #[error("the response address is not the client's")]
    ResponseUri,
    /// `response_mode` is none of the channel by which the request came.
    #[error("the response mode is not supported here")]
    ResponseMode,
    /// `response_type` is not `vp_token`.
    #[error("the response type is not supported")]
    ResponseType,
    /// No query, one against the rules of DCQL, or a scope instead of one.
    #[error("the request has no well-formed query")]
    Query,
    /// No format asked for is one that both sides know.
    #[error("the request asks for no format that is known here")]
    Formats,
    /// The response must be encrypted and no key fits.
    #[error("the request has no key to encrypt to")]
    EncryptionKey,
    /// Transaction data of an unknown type or with wrong content.
    #[error("the transaction data is not understood")]
    TransactionData,
}

impl Refusal {
    /// The code for the verifier, and for the wallet's own log and screen (§8.5).
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Refusal::TransactionData => Code::InvalidTransactionData,
            Refusal::Formats => Code::VpFormatsNotSupported,
            Refusal::ResponseType => Code::UnsupportedResponseType,
            Refusal::Signature | Refusal::Type | Refusal::Algorithm | Refusal::Malformed => {
                Code::InvalidRequestObject
            }
            Refusal::Certificate | Refusal::Untrusted => Code::InvalidClient,
            _ => Code::InvalidRequest,
        }
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> OAuthError {
        OAuthError::new(refusal.code(), refusal.to_string())
    }
}

//! OAuth 2.0, OpenID4VCI 1.0, OpenID4VP 1.0 and OpenID Connect: the messages and the rules of both parties.
//!
//! Nothing here opens a socket, reads a clock or keeps a row. A caller passes the bytes it received, the time in
//! seconds, and closures where a value of its own must be recognised (a nonce it sealed, a certificate it trusts); it
//! gets back a value that is valid by construction, or a refusal whose code is the one the standard names.
//! What may be used only once (a `jti`, a code, a nonce) is returned to the caller with the time until which it has
//! to be remembered: consuming it is the store's work, in the store's transaction.
//!
//! | Module | Standard |
//! |---|---|
//! | [`error`] | RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3, RFC 9207 |
//! | [`form`], [`json`], [`link`] | bounded input: forms, JSON, web addresses |
//! | [`pkce`] | RFC 7636, `S256` only |
//! | [`token`] | RFC 6749 §4.1.3, §5.1 and §6, OpenID4VCI §6 |
//! | [`dpop`] | RFC 9449 |
//! | [`approval`] | our own: what the login asks of the phone |
//! | [`attestation`] | attestation-based client authentication, a draft |
//! | [`metadata`] | RFC 8414, OpenID4VCI §12, OpenID Connect Discovery |
//! | [`vci`] | OpenID4VCI 1.0 |
//! | [`vp`] | OpenID4VP 1.0 |
//! | [`oidc`] | OpenID Connect Core 1.0, RFC 9126 |

pub mod approval;
pub mod attestation;
pub mod dpop;
pub mod error;
pub mod form;
pub mod json;
mod jwt;
pub mod link;
pub mod metadata;
pub mod oidc;
pub mod pkce;
pub mod token;
pub mod vci;
pub mod vp;

pub use error::{Code, ErrorResponse, OAuthError};

//! The addresses of the issuer, below the public base URL.

/// Credential issuer metadata (OpenID4VCI 1.0 §12.2.2).
pub(super) const CREDENTIAL_ISSUER: &str = "/.well-known/openid-credential-issuer";
/// Authorization server metadata (RFC 8414 §3).
pub(super) const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The DID document of a did:web (did:web method §3.2).
pub(super) const DID_DOCUMENT: &str = "/.well-known/did.json";
/// Offers by reference; the sealed handle follows.
pub(super) const OFFERS: &str = "/issuance/offers/";
/// The token endpoint.
pub(super) const TOKEN: &str = "/issuance/token";
/// The nonce endpoint.
pub(super) const NONCE: &str = "/issuance/nonce";
/// The credential endpoint.
pub(super) const CREDENTIAL: &str = "/issuance/credential";
/// The notification endpoint.
pub(super) const NOTIFICATION: &str = "/issuance/notification";

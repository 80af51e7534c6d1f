//! The addresses of the issuer, below the public base URL.

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

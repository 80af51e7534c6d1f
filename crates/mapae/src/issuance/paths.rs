//! The addresses of the issuer, below the public base URL.

/// Offers by reference; the sealed handle follows.
pub(super) const OFFERS: &str = "/issuance/offers/";
/// The endpoint for pushed authorization requests (RFC 9126).
pub(super) const PAR: &str = "/issuance/par";
/// The authorization endpoint: pages for the holder's browser.
pub(super) const AUTHORIZE: &str = "/issuance/authorize";
/// The token endpoint.
pub(super) const TOKEN: &str = "/issuance/token";
/// The nonce endpoint.
pub(super) const NONCE: &str = "/issuance/nonce";
/// The credential endpoint.
pub(super) const CREDENTIAL: &str = "/issuance/credential";
/// The deferred credential endpoint.
pub(super) const DEFERRED: &str = "/issuance/deferred-credential";
/// The notification endpoint.
pub(super) const NOTIFICATION: &str = "/issuance/notification";

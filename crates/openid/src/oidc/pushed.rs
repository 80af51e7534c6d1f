//! Pushed authorization requests (RFC 9126): the types; keeping the pushed form is the store's.

use serde::{Deserialize, Serialize};

/// How every `request_uri` of a pushed request begins (§2.2).
pub const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// The answer to a pushed request, with status 201.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedResponse {
    /// To be used once, by the same client.
    pub request_uri: String,
    /// Seconds.
    pub expires_in: u64,
}

impl PushedResponse {
    /// An answer under a fresh random reference.
    #[must_use]
    pub fn new(reference: &str, expires_in: u64) -> PushedResponse {
        PushedResponse { request_uri: format!("{REQUEST_URI_PREFIX}{reference}"), expires_in }
    }

    /// The reference in a `request_uri`, if it is a pushed one of a bounded length.
    #[must_use]
    pub fn reference(request_uri: &str) -> Option<&str> {
        request_uri.strip_prefix(REQUEST_URI_PREFIX).filter(|reference| (1..=4096).contains(&reference.len()))
    }
}

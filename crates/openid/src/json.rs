//! JSON from strangers: bounded in bytes and depth, no member twice, before any value is built.

use serde::de::DeserializeOwned;

use crate::error::{Code, OAuthError};

/// Bound for small messages: errors, nonces, notifications, offers.
pub const SMALL: usize = 16 * 1024;
/// Bound for requests with proofs and for metadata.
pub const LARGE: usize = 512 * 1024;

/// Why JSON was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than the bound.
    #[error("the JSON is too large")]
    TooLarge,
    /// Not JSON, nested too deeply, with a member twice, or not of the expected shape.
    #[error("the JSON is malformed")]
    Malformed,
}

impl From<JsonError> for OAuthError {
    fn from(refusal: JsonError) -> OAuthError {
        OAuthError::new(Code::InvalidRequest, refusal.to_string())
    }
}

/// Reads a JSON object of at most `max` bytes; unknown members are ignored, as every standard here asks.
///
/// # Errors
/// Too large or malformed.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, JsonError> {
    if bytes.len() > max {
        return Err(JsonError::TooLarge);
    }
    if !is_object(bytes) {
        return Err(JsonError::Malformed);
    }
    keys::strict_json::parse(bytes).map_err(|_| JsonError::Malformed)
}

/// Reads a JSON array of at most `max` bytes.
///
/// # Errors
/// Too large or malformed.
pub fn parse_list<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<Vec<T>, JsonError> {
    if bytes.len() > max {
        return Err(JsonError::TooLarge);
    }
    keys::strict_json::parse(bytes).map_err(|_| JsonError::Malformed)
}

/// Whether the text begins as an object: serde would read a struct from an array of its members in order as well.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

#[cfg(test)]
mod tests;

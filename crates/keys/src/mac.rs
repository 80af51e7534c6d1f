//! HMAC-SHA-256 (RFC 2104) and comparison in constant time.

use subtle::ConstantTimeEq;

use crate::backend;

/// The HMAC-SHA-256 of the parts, one after another, under `key`.
///
/// The parts are simply joined: where two of them vary in length, the caller puts a length or a separator between.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    backend::hmac_sha256(key, parts)
}

/// Whether two byte strings are equal, in time that depends on their length only.
pub fn eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests;

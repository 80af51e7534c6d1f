//! Text forms of bytes: base64url without padding (RFC 4648 §5, RFC 7515 §2), base64 of `x5c`, and hex.
//!
//! Decoding is strict: no padding where none belongs, no spaces, no other alphabet, no left-over bits. A value has
//! one text only, so that two texts never mean the same token.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// The text is not what its encoding allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid encoding of bytes")]
pub struct EncodingError;

/// Bytes as base64url without padding.
pub fn b64url_encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends the base64url of `bytes` to `out`.
pub fn b64url_encode_into(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// Reads base64url without padding.
pub fn b64url_decode(text: &str) -> Result<Vec<u8>, EncodingError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| EncodingError)
}

/// Reads base64url of exactly `N` bytes.
pub fn b64url_decode_array<const N: usize>(text: &str) -> Result<[u8; N], EncodingError> {
    // Refuse by length before any work: the text of N bytes has one length.
    if text.len() != b64url_len(N) {
        return Err(EncodingError);
    }
    b64url_decode(text)?.try_into().map_err(|_| EncodingError)
}

/// How long the base64url of `bytes` bytes is.
pub const fn b64url_len(bytes: usize) -> usize {
    (bytes / 3) * 4 + (bytes % 3 * 4).div_ceil(3)
}

/// Bytes as base64 with padding (only `x5c` wants it, RFC 7515 §4.1.6).
pub fn b64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64 with padding.
pub fn b64_decode(text: &str) -> Result<Vec<u8>, EncodingError> {
    STANDARD.decode(text).map_err(|_| EncodingError)
}

/// Bytes as lower-case hex.
pub fn hex_encode(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads hex of either case.
pub fn hex_decode(text: &str) -> Result<Vec<u8>, EncodingError> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(EncodingError);
    }
    let value = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(EncodingError);
    pairs.iter().map(|[high, low]| Ok(value(*high)? << 4 | value(*low)?)).collect()
}

#[cfg(test)]
mod tests;

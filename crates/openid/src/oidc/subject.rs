//! Pairwise subjects (OpenID Connect Core §8.1).

use keys::{encoding, mac};

/// `sub` for a sector: `HMAC-SHA-256(key, sector ‖ 0x00 ‖ link id)` in base64url.
///
/// The zero byte keeps the two apart, since neither a host name nor a link id holds one. The link id is random and
/// belongs to the person, so that `sub` survives a re-issued badge and a move to another agency.
#[must_use]
pub fn pairwise_subject(key: &[u8], sector: &str, link_id: &str) -> String {
    encoding::b64url_encode(&mac::hmac_sha256(key, &[sector.as_bytes(), &[0], link_id.as_bytes()]))
}

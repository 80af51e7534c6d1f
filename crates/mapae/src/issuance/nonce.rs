//! Nonces: sealed tokens, no row until one is used. Any replica recognises them.
//!
//! Two kinds that can't be taken for each other: `c_nonce` for key proofs (OpenID4VCI 1.0 §7), consumed once by the
//! commit that issues, and the DPoP nonce (RFC 9449 §8), which only shows that a proof is fresh.

use crate::operations::tokens::TokenError;
use crate::operations::{Platform, id, limits};

/// The seal and the single-use mark of a `c_nonce`.
pub(super) const C_NONCE: &str = "c-nonce";
/// The seal of a DPoP nonce.
const DPOP_NONCE: &str = "dpop-nonce";

/// What a `c_nonce` says: the id to be consumed, and until when that has to be remembered.
#[derive(serde::Serialize, serde::Deserialize)]
struct CNonce {
    id: String,
    until: i64,
}

/// A fresh `c_nonce`.
pub(super) fn c_nonce(platform: &Platform) -> Result<String, TokenError> {
    let until = platform.now_ms().saturating_add(limits::C_NONCE_LIFE.get());
    platform.tokens.seal(C_NONCE, &CNonce { id: id::new(), until }, until)
}

/// Whether a text is a `c_nonce` of ours that is still fresh. Whether it was used, the commit finds out.
pub(super) fn is_c_nonce(platform: &Platform, text: &str, now_ms: i64) -> bool {
    platform.tokens.open::<CNonce>(C_NONCE, text, now_ms).is_ok()
}

/// The id under which a fresh `c_nonce` is consumed, and until when (ms).
fn consumable(platform: &Platform, text: &str) -> Option<(String, i64)> {
    let nonce: CNonce = platform.tokens.open(C_NONCE, text, platform.now_ms()).ok()?;
    Some((nonce.id, nonce.until))
}

/// The same of all nonces of a request; `None` if one is no longer fresh.
pub(super) fn all_consumable(platform: &Platform, texts: &[String]) -> Option<Vec<(String, i64)>> {
    texts.iter().map(|text| consumable(platform, text)).collect()
}

/// A fresh DPoP nonce.
pub(super) fn dpop_nonce(platform: &Platform) -> Result<String, TokenError> {
    platform.tokens.seal(DPOP_NONCE, &(), platform.now_ms().saturating_add(limits::DPOP_NONCE_LIFE.get()))
}

/// Whether a text is a DPoP nonce of ours that is still fresh.
pub(super) fn is_dpop_nonce(platform: &Platform, text: &str, now_ms: i64) -> bool {
    platform.tokens.open::<()>(DPOP_NONCE, text, now_ms).is_ok()
}

//! Sealed tokens: nonces, QR states, DPoP nonces, access tokens. Nothing is stored until one is consumed.
//!
//! A token is `b64url(seal(aad = "token" ‖ purpose, expiry (i64, big-endian) ‖ JSON))` under the platform's token keys.
//! The purpose is bound: a token for one purpose never opens as another.

use std::sync::{PoisonError, RwLock};

use keys::seal::KeyRing;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits;

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not one of ours, for another purpose, or changed.
    #[error("the token is not valid")]
    Invalid,
    /// Ours, but its time is over.
    #[error("the token has expired")]
    Expired,
}

/// Makes and opens sealed tokens.
#[derive(Debug)]
pub struct Tokens {
    ring: RwLock<KeyRing>,
}

impl Tokens {
    pub(super) fn new(ring: KeyRing) -> Self {
        Self { ring: RwLock::new(ring) }
    }

    fn ring(&self) -> std::sync::RwLockReadGuard<'_, KeyRing> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn replace_ring(&self, ring: KeyRing) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    /// Seals `value` for `purpose` until `expires_ms`.
    pub fn seal<T: Serialize>(
        &self,
        purpose: &str,
        value: &T,
        expires_ms: i64,
    ) -> Result<String, TokenError> {
        let mut plain = keys::Zeroizing::new(expires_ms.to_be_bytes().to_vec());
        serde_json::to_writer(&mut *plain, value).map_err(|_| TokenError::Invalid)?;
        let token = self.ring().seal_token(&aad(purpose), &plain);
        if token.len() > limits::TOKEN_BYTES.size() { Err(TokenError::Invalid) } else { Ok(token) }
    }

    /// Opens a token made for the same `purpose` that has not expired at `now_ms`.
    pub fn open<T: DeserializeOwned>(
        &self,
        purpose: &str,
        token: &str,
        now_ms: i64,
    ) -> Result<T, TokenError> {
        if token.len() > limits::TOKEN_BYTES.size() {
            return Err(TokenError::Invalid);
        }
        let plain = self.ring().open_token(&aad(purpose), token).map_err(|_| TokenError::Invalid)?;
        let (expiry, json) = plain.split_first_chunk::<8>().ok_or(TokenError::Invalid)?;
        if i64::from_be_bytes(*expiry) <= now_ms {
            return Err(TokenError::Expired);
        }
        serde_json::from_slice(json).map_err(|_| TokenError::Invalid)
    }
}

fn aad(purpose: &str) -> Vec<u8> {
    [b"token\0", purpose.as_bytes()].concat()
}

#[cfg(test)]
mod tests;

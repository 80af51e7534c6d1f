//! Values sealed at rest: AES-256-GCM-SIV (RFC 8452) under a ring of keys, each value naming its key.
//!
//! ```text
//! 0x01 ‖ key id (u32, big-endian) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)
//! ```
//!
//! The associated data binds a value to its place (table, column, row), so that it does not open anywhere else; format
//! byte and key id are bound too. GCM-SIV, because a repeated nonce (a restored machine image) then tells only that
//! two equal values are equal. Rotation: a new key becomes current, old ones still open, and [`KeyRing::is_current`]
//! tells which values are to be sealed again.

use std::{collections::BTreeMap, fmt};

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use crate::{
    encoding::{b64url_decode, b64url_encode},
    kdf, random,
};

const FORMAT: u8 = 1;
const HEAD: usize = 5;
const NONCE: usize = 12;
const TAG: usize = 16;

/// How many bytes a sealed value is longer than its plain one.
pub const OVERHEAD: usize = HEAD + NONCE + TAG;

/// Why a sealed value did not open, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of an unknown format.
    #[error("the sealed value is malformed")]
    Malformed,
    /// Sealed under a key that is not in the ring.
    #[error("the sealed value names key {0}, which is not in the ring")]
    UnknownKey(u32),
    /// Changed, moved to another place, or sealed under another key of the same id.
    #[error("the sealed value does not open here")]
    Refused,
}

/// A 256-bit key that seals; wiped from memory when dropped.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// A fresh random key.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The key's bytes.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// A key for one purpose that follows from this one (HKDF-SHA-256).
    pub fn derive(&self, purpose: &[u8]) -> Self {
        Self(kdf::hkdf_sha256::<32>(self.0.as_slice(), b"mapae seal", purpose))
    }

    fn cipher(&self) -> Aes256GcmSiv {
        Aes256GcmSiv::new(&(*self.0).into())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// The current key and the older ones that still open.
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: u32,
    current_key: SealKey,
    older: BTreeMap<u32, SealKey>,
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(id: u32, key: SealKey) -> Self {
        Self { current: id, current_key: key, older: BTreeMap::new() }
    }

    /// The ring with an older key that may still open, never seal. The current key's id is not replaced by it.
    pub fn with_older(mut self, id: u32, key: SealKey) -> Self {
        if id != self.current {
            self.older.insert(id, key);
        }
        self
    }

    /// Makes `key` the current one; the former current one still opens.
    pub fn rotate(&mut self, id: u32, key: SealKey) {
        let former = std::mem::replace(&mut self.current_key, key);
        self.older.insert(self.current, former);
        self.older.remove(&id);
        self.current = id;
    }

    /// The id of the current key.
    pub fn current_id(&self) -> u32 {
        self.current
    }

    /// The ids of all keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.current).chain(self.older.keys().copied())
    }

    /// Whether `sealed` was made with the current key; if not, it is to be sealed again.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        key_id_of(sealed) == Ok(self.current)
    }

    /// Seals `plain` for the place that `aad` names.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let [a, b, c, d] = self.current.to_be_bytes();
        let head = [FORMAT, a, b, c, d];
        let nonce = random::bytes::<NONCE>();
        let bound = bind(&head, aad);
        let payload = Payload { msg: plain, aad: &bound };
        let mut out = Vec::with_capacity(OVERHEAD + plain.len());
        out.extend_from_slice(&head);
        out.extend_from_slice(&nonce);
        match self.current_key.cipher().encrypt(&nonce.into(), payload) {
            Ok(sealed) => out.extend_from_slice(&sealed),
            Err(_) => too_large(),
        }
        out
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let id = key_id_of(sealed)?;
        let key = if id == self.current { Some(&self.current_key) } else { self.older.get(&id) };
        let key = key.ok_or(SealError::UnknownKey(id))?;
        let (head, rest) = sealed.split_first_chunk::<HEAD>().ok_or(SealError::Malformed)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Malformed)?;
        let bound = bind(head, aad);
        let payload = Payload { msg: sealed, aad: &bound };
        let plain = key.cipher().decrypt(nonce.into(), payload).map_err(|_| SealError::Refused)?;
        Ok(Zeroizing::new(plain))
    }

    /// Seals into text: base64url of [`seal`](Self::seal).
    pub fn seal_token(&self, aad: &[u8], plain: &[u8]) -> String {
        b64url_encode(&self.seal(aad, plain))
    }

    /// Opens what [`seal_token`](Self::seal_token) made.
    pub fn open_token(&self, aad: &[u8], token: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open(aad, &b64url_decode(token).map_err(|_| SealError::Malformed)?)
    }
}

/// The id of the key a value was sealed with.
pub fn key_id_of(sealed: &[u8]) -> Result<u32, SealError> {
    match sealed {
        [FORMAT, a, b, c, d, rest @ ..] if rest.len() >= NONCE + TAG => {
            Ok(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => Err(SealError::Malformed),
    }
}

/// Head and place together; the head has a fixed length, so the two can't be mistaken.
fn bind(head: &[u8; HEAD], aad: &[u8]) -> Vec<u8> {
    [head.as_slice(), aad].concat()
}

/// RFC 8452 §6 bounds a plaintext at 2^36 bytes, more than any process of ours holds.
#[allow(clippy::panic, reason = "64 GiB in one value can't come from bounded input")]
fn too_large() -> ! {
    panic!("a value of 64 GiB can't be sealed")
}

#[cfg(test)]
mod tests;

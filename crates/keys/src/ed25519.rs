//! Ed25519 (RFC 8032) for signed notes, whose readers know no other signature (C2SP signed-note, type 0x01).

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::{BadSignature, KeyError};

/// An Ed25519 private key.
pub struct Ed25519Key(Ed25519KeyPair);

impl Ed25519Key {
    /// The key that follows from a 32-byte seed (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// Never for 32 bytes; the engine's own.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| KeyError::Malformed)
    }

    /// The public half.
    pub fn public_key(&self) -> [u8; 32] {
        let mut public = [0; 32];
        for (to, from) in public.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        public
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key(…)")
    }
}

/// Whether `signature` (64 bytes) is that key's over `message`.
///
/// # Errors
/// It is not.
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).map_err(|_| BadSignature)
}

#[cfg(test)]
mod tests;

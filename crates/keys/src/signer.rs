//! Who can sign: a key in memory, one sealed on disk, or one that never leaves its HSM.

use std::sync::Arc;

use crate::{PublicKey, Signature};

/// The key could not sign: its store is away, or refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key could not sign: {0}")]
pub struct SignError(pub String);

/// A P-256 private key as its users see it (ES256).
///
/// Synchronous on purpose: a software key takes microseconds. A key that signs elsewhere and later (WebCrypto, a
/// remote HSM) uses [`SigningInput`](crate::jws::SigningInput): bytes out, signature in.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` (hashing it with SHA-256).
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign(message)
    }
}

impl<S: Signer + ?Sized> Signer for Box<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign(message)
    }
}

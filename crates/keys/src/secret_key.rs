//! A P-256 private key in memory.

use std::fmt;

use zeroize::Zeroizing;

use crate::{KeyError, PublicKey, SignError, Signature, Signer, backend, kdf, random};

/// A P-256 private key, wiped from memory when dropped.
pub struct SecretKey {
    bytes: Zeroizing<[u8; 32]>,
    scalar: backend::Scalar,
    public: PublicKey,
}

impl SecretKey {
    /// A fresh random key.
    pub fn generate() -> Self {
        loop {
            // A random number is out of range once in 2^32 draws; then draw again.
            let bytes = Zeroizing::new(random::bytes::<32>());
            if let Ok(key) = Self::from_bytes(&bytes) {
                return key;
            }
        }
    }

    /// The key of this scalar, big-endian, in 1..n.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let scalar = backend::Scalar::parse(bytes).map_err(|_| KeyError::OffCurve)?;
        let public = PublicKey::from_sec1(&scalar.public_point().map_err(|_| KeyError::OffCurve)?)?;
        Ok(Self { bytes: Zeroizing::new(*bytes), scalar, public })
    }

    /// The scalar, big-endian.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.bytes.clone()
    }

    /// The key that follows from a secret: the first in-range output of HKDF-SHA-256 with `info ‖ 0`, `info ‖ 1`, …
    ///
    /// Same input, same key, on every engine. A second draw is needed once in 2^32.
    pub fn derive(ikm: &[u8], salt: &[u8], info: &[u8]) -> Self {
        let mut info = [info, &[0]].concat();
        loop {
            if let Ok(key) = Self::from_bytes(&kdf::hkdf_sha256::<32>(ikm, salt, &info)) {
                return key;
            }
            if let Some(counter) = info.last_mut() {
                *counter = counter.wrapping_add(1);
            }
        }
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The x coordinate both sides share (ECDH, SP 800-56A §5.7.1.2). Never a key itself: derive one from it.
    pub fn agree(&self, peer: &PublicKey) -> Zeroizing<[u8; 32]> {
        // Both halves were checked when they were made, and P-256 has no small subgroup: there is nothing to refuse.
        match self.scalar.agree(peer.as_sec1(), peer.point()) {
            Ok(shared) => shared,
            Err(_) => unreachable_agreement(),
        }
    }
}

/// Two valid keys of a prime-order curve always agree; without a result nothing may go on.
#[allow(clippy::panic, reason = "continuing with a made-up secret would be worse than a stop")]
fn unreachable_agreement() -> ! {
    panic!("ECDH of two valid keys failed: out of memory")
}

impl Signer for SecretKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.scalar.sign(message).map(Signature::made).map_err(|_| SignError("the engine failed".into()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

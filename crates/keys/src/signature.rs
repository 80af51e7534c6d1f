//! An ECDSA signature on P-256 with SHA-256 (ES256).

use crate::der::{tlv, unsigned};

/// The signature does not fit message and key, or is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// An ES256 signature: r ‖ s, each 32 bytes big-endian, both in 1..n (RFC 7518 §3.4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Reads the 64 bytes r ‖ s.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadSignature> {
        let parsed = p256::ecdsa::Signature::from_slice(bytes).map_err(|_| BadSignature)?;
        Ok(Self(parsed.to_bytes().into()))
    }

    /// The 64 bytes r ‖ s.
    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }

    /// The 64 bytes r ‖ s, borrowed.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Reads the DER form that X.509 carries (RFC 3279 §2.2.3).
    pub fn from_der(der: &[u8]) -> Result<Self, BadSignature> {
        let parsed = p256::ecdsa::Signature::from_der(der).map_err(|_| BadSignature)?;
        Ok(Self(parsed.to_bytes().into()))
    }

    /// The DER form.
    pub fn to_der(&self) -> Vec<u8> {
        let (r, s) = self.0.split_at(32);
        tlv(0x30, &[&unsigned(r), &unsigned(s)])
    }

    /// What the engine just made.
    pub(crate) fn made(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({})", crate::encoding::b64url_encode(&self.0))
    }
}

#[cfg(test)]
mod tests;

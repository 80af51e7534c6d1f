//! RustCrypto: portable, constant time, compiles to WebAssembly.

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use p256::ecdsa::{
    SigningKey, VerifyingKey,
    signature::{Signer, Verifier},
};
use sha2::Digest;
use zeroize::Zeroizing;

use super::Refused;

/// A point of the curve, ready to verify and to agree with.
#[derive(Clone)]
pub(crate) struct Point(VerifyingKey);

impl Point {
    /// Reads an uncompressed point and checks that it lies on the curve (SEC 1 §2.3.4).
    pub(crate) fn parse(sec1: &[u8; 65]) -> Result<Self, Refused> {
        VerifyingKey::from_sec1_bytes(sec1).map(Self).map_err(|_| Refused)
    }

    /// A browser verifies a handful of signatures: there is nothing to prepare.
    pub(crate) fn prepare(&self, _sec1: &[u8; 65]) {}

    pub(crate) fn is_prepared(&self) -> bool {
        true
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Refused> {
        let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| Refused)?;
        self.0.verify(message, &signature).map_err(|_| Refused)
    }
}

/// A private scalar, ready to sign and to agree.
pub(crate) struct Scalar(SigningKey);

impl Scalar {
    pub(crate) fn parse(bytes: &[u8; 32]) -> Result<Self, Refused> {
        SigningKey::from_slice(bytes).map(Self).map_err(|_| Refused)
    }

    pub(crate) fn public_point(&self) -> Result<[u8; 65], Refused> {
        self.0.verifying_key().to_sec1_point(false).as_bytes().try_into().map_err(|_| Refused)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; 64], Refused> {
        let signature: p256::ecdsa::Signature = self.0.try_sign(message).map_err(|_| Refused)?;
        Ok(signature.to_bytes().into())
    }

    pub(crate) fn agree(&self, _peer_sec1: &[u8; 65], peer: &Point) -> Result<Zeroizing<[u8; 32]>, Refused> {
        let shared = p256::ecdh::diffie_hellman(self.0.as_nonzero_scalar(), peer.0.as_affine());
        Ok(Zeroizing::new((*shared.raw_secret_bytes()).into()))
    }
}

#[derive(Clone)]
pub(crate) struct Sha256State(sha2::Sha256);

impl Sha256State {
    pub(crate) fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(data).into()
}

pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104 §2: a key longer than a block is hashed first, a shorter one filled up with zeros.
    let hashed = sha256(key);
    let key = if key.len() > 64 { &hashed } else { key };
    let mut block = Zeroizing::new([0u8; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<sha2::Sha256>::new(&(*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// AES-GCM with a key of 16 or 32 bytes; the tag is appended.
pub(crate) fn aes_gcm_seal(
    key: &[u8],
    nonce: &[u8; 12],
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Refused> {
    let payload = Payload { msg: plain, aad };
    let sealed = match key.len() {
        16 => Aes128Gcm::new_from_slice(key).map_err(|_| Refused)?.encrypt(nonce.into(), payload),
        32 => Aes256Gcm::new_from_slice(key).map_err(|_| Refused)?.encrypt(nonce.into(), payload),
        _ => return Err(Refused),
    };
    sealed.map_err(|_| Refused)
}

/// Opens what [`aes_gcm_seal`] made.
pub(crate) fn aes_gcm_open(
    key: &[u8],
    nonce: &[u8; 12],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, Refused> {
    let payload = Payload { msg: sealed, aad };
    let plain = match key.len() {
        16 => Aes128Gcm::new_from_slice(key).map_err(|_| Refused)?.decrypt(nonce.into(), payload),
        32 => Aes256Gcm::new_from_slice(key).map_err(|_| Refused)?.decrypt(nonce.into(), payload),
        _ => return Err(Refused),
    };
    plain.map_err(|_| Refused)
}

//! aws-lc-rs: assembly for the server, ten times faster at P-256.

use std::sync::OnceLock;

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, ECDH_P256, UnparsedPublicKey},
    digest, hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
    },
};
use zeroize::Zeroizing;

use super::Refused;
use super::table::Table;

/// A point of the curve, parsed once so that each verification is the bare operation.
pub(crate) struct Point {
    parsed: ParsedPublicKey,
    table: OnceLock<Table>,
}

impl Point {
    /// Reads an uncompressed point and checks that it lies on the curve (SEC 1 §2.3.4).
    pub(crate) fn parse(sec1: &[u8; 65]) -> Result<Self, Refused> {
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, sec1).map_err(|_| Refused)?;
        Ok(Self { parsed, table: OnceLock::new() })
    }

    /// Lays out what makes verifications cheaper; `sec1` is this point.
    pub(crate) fn prepare(&self, sec1: &[u8; 65]) {
        if self.table.get().is_none()
            && let Ok(table) = Table::new(sec1)
        {
            self.table.get_or_init(|| table);
        }
    }

    pub(crate) fn is_prepared(&self) -> bool {
        self.table.get().is_some()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Refused> {
        match self.table.get() {
            Some(table) => table.verify(message, signature),
            None => self.parsed.verify_sig(message, signature).map_err(|_| Refused),
        }
    }
}

/// A private scalar: one form to agree, another, made when first needed, to sign.
pub(crate) struct Scalar {
    bytes: Zeroizing<[u8; 32]>,
    agreement: agreement::PrivateKey,
    signing: OnceLock<EcdsaKeyPair>,
}

impl Scalar {
    pub(crate) fn parse(bytes: &[u8; 32]) -> Result<Self, Refused> {
        // The engine reduces nothing and we accept nothing it would have to: 0 < scalar < n.
        p256::NonZeroScalar::try_from(bytes.as_slice()).map_err(|_| Refused)?;
        let agreement = agreement::PrivateKey::from_private_key(&ECDH_P256, bytes).map_err(|_| Refused)?;
        Ok(Self { bytes: Zeroizing::new(*bytes), agreement, signing: OnceLock::new() })
    }

    pub(crate) fn public_point(&self) -> Result<[u8; 65], Refused> {
        let public = self.agreement.compute_public_key().map_err(|_| Refused)?;
        public.as_ref().try_into().map_err(|_| Refused)
    }

    fn signing_key(&self) -> Result<&EcdsaKeyPair, Refused> {
        if let Some(key) = self.signing.get() {
            return Ok(key);
        }
        let key = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            self.bytes.as_slice(),
            &self.public_point()?,
        )
        .map_err(|_| Refused)?;
        debug_assert_eq!(key.public_key().as_ref().len(), 65);
        Ok(self.signing.get_or_init(|| key))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; 64], Refused> {
        let signature = self.signing_key()?.sign(&SystemRandom::new(), message).map_err(|_| Refused)?;
        signature.as_ref().try_into().map_err(|_| Refused)
    }

    pub(crate) fn agree(&self, peer_sec1: &[u8; 65], _peer: &Point) -> Result<Zeroizing<[u8; 32]>, Refused> {
        let peer = UnparsedPublicKey::new(&ECDH_P256, peer_sec1.as_slice());
        agreement::agree(&self.agreement, peer, Refused, |secret| {
            let mut out = Zeroizing::new([0; 32]);
            if secret.len() != out.len() {
                return Err(Refused);
            }
            out.copy_from_slice(secret);
            Ok(out)
        })
    }
}

#[derive(Clone)]
pub(crate) struct Sha256State(digest::Context);

impl Sha256State {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        array(self.0.finish().as_ref())
    }
}

/// The 32 bytes of a SHA-256 output.
#[allow(clippy::expect_used, reason = "SHA-256 gives 32 bytes by definition")]
fn array(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("SHA-256 gives 32 bytes")
}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, data).as_ref())
}

pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    array(context.sign().as_ref())
}

fn aead_key(key: &[u8]) -> Result<LessSafeKey, Refused> {
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        32 => &AES_256_GCM,
        _ => return Err(Refused),
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| Refused)
}

/// AES-GCM with a key of 16 or 32 bytes; the tag is appended.
pub(crate) fn aes_gcm_seal(
    key: &[u8],
    nonce: &[u8; 12],
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Refused> {
    let mut buffer = Vec::with_capacity(plain.len() + 16);
    buffer.extend_from_slice(plain);
    aead_key(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
        .map_err(|_| Refused)?;
    Ok(buffer)
}

/// Opens what [`aes_gcm_seal`] made.
pub(crate) fn aes_gcm_open(
    key: &[u8],
    nonce: &[u8; 12],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, Refused> {
    let mut buffer = sealed.to_vec();
    let length = aead_key(key)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
        .map_err(|_| Refused)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

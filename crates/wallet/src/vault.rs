//! The vault: one encrypted blob, replaced whole.
//!
//! ```text
//! offset  bytes  meaning
//! 0       4      "MPVT"
//! 4       1      format version, 1
//! 5       1      length of the key hint (0..=255)
//! 6       n      key hint: how the shell finds or derives the vault key (kind, salt, cost); opaque here
//! 6+n     12     nonce, random for each write
//! 18+n    …      AES-256-GCM ciphertext and 16-byte tag; associated data: bytes 0..6+n
//! ```
//!
//! The plaintext is a `u32` big-endian length, that many bytes of content, and zeros up to a multiple of
//! [`PADDING`] bytes, so that the size of the file does not tell how often the badge was used.
//! A vault key encrypts fewer than 2^32 writes, the limit for random nonces (SP 800-38D §8.3).

use core::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::{Zeroize, Zeroizing};

const MAGIC: [u8; 4] = *b"MPVT";
const VERSION: u8 = 1;
const FIXED: usize = 6;
const NONCE: usize = 12;
const TAG: usize = 16;

/// The content is padded to a multiple of this many bytes.
pub const PADDING: usize = 4096;

/// Largest blob that is read (8 MiB).
pub const MAX_BLOB: usize = 8 << 20;

/// The key that encrypts the vault; wiped when dropped.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; 32]>);

impl VaultKey {
    /// A fresh random key.
    pub fn generate() -> VaultKey {
        VaultKey(Zeroizing::new(keys::random::bytes::<32>()))
    }

    /// A key that the shell derived (passphrase, passkey PRF) or unwrapped.
    pub fn from_bytes(bytes: [u8; 32]) -> VaultKey {
        VaultKey(Zeroizing::new(bytes))
    }

    /// For wrapping by the shell.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(…)")
    }
}

/// Why a blob is not a vault or does not open. None of these texts holds personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Too short, too long, or something else altogether.
    #[error("this is not a Mapae vault")]
    NotAVault,
    /// Written by a newer wallet.
    #[error("this vault has format {0}, which this wallet does not know")]
    Version(u8),
    /// Another key, or bytes were changed.
    #[error("the vault does not open with this key, or it was damaged")]
    DoesNotOpen,
    /// The hint is longer than 255 bytes or the content longer than the limit.
    #[error("too large for a vault")]
    TooLarge,
}

impl VaultError {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            VaultError::NotAVault => "vault_unknown_format",
            VaultError::Version(_) => "vault_newer_version",
            VaultError::DoesNotOpen => "vault_does_not_open",
            VaultError::TooLarge => "vault_too_large",
        }
    }
}

/// Encrypts `content` under `key`; `hint` is stored in clear, authenticated.
pub fn seal(key: &VaultKey, hint: &[u8], content: &[u8]) -> Result<Vec<u8>, VaultError> {
    let hint_length = u8::try_from(hint.len()).map_err(|_| VaultError::TooLarge)?;
    let content_length = u32::try_from(content.len()).map_err(|_| VaultError::TooLarge)?;
    let padded = (content.len() + 4).div_ceil(PADDING) * PADDING;
    if padded + FIXED + hint.len() + NONCE + TAG > MAX_BLOB {
        return Err(VaultError::TooLarge);
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(padded));
    plain.extend_from_slice(&content_length.to_be_bytes());
    plain.extend_from_slice(content);
    plain.resize(padded, 0);

    let mut blob = Vec::with_capacity(padded + FIXED + hint.len() + NONCE + TAG);
    blob.extend_from_slice(&MAGIC);
    blob.push(VERSION);
    blob.push(hint_length);
    blob.extend_from_slice(hint);
    let nonce = keys::random::bytes::<NONCE>();
    let sealed = cipher(key)?
        .encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: &blob })
        .map_err(|_| VaultError::TooLarge)?;
    blob.extend_from_slice(&nonce);
    blob.extend_from_slice(&sealed);
    Ok(blob)
}

/// Decrypts a blob made by [`seal`].
pub fn open(key: &VaultKey, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (header, rest) = split(blob)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or(VaultError::NotAVault)?;
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| VaultError::NotAVault)?;
    let mut plain = Zeroizing::new(
        cipher(key)?
            .decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: header })
            .map_err(|_| VaultError::DoesNotOpen)?,
    );
    let (length, content) = plain.split_at_checked(4).ok_or(VaultError::NotAVault)?;
    let length: [u8; 4] = length.try_into().map_err(|_| VaultError::NotAVault)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| VaultError::NotAVault)?;
    let content = Zeroizing::new(content.get(..length).ok_or(VaultError::NotAVault)?.to_vec());
    plain.zeroize();
    Ok(content)
}

/// The hint of a blob, readable before any key is known. It is authentic only once [`open`] succeeded.
pub fn hint(blob: &[u8]) -> Result<&[u8], VaultError> {
    split(blob)?.0.get(FIXED..).ok_or(VaultError::NotAVault)
}

fn split(blob: &[u8]) -> Result<(&[u8], &[u8]), VaultError> {
    if blob.len() > MAX_BLOB {
        return Err(VaultError::TooLarge);
    }
    let [m0, m1, m2, m3, version, hint_length, ..] = blob else { return Err(VaultError::NotAVault) };
    if [*m0, *m1, *m2, *m3] != MAGIC {
        return Err(VaultError::NotAVault);
    }
    if *version != VERSION {
        return Err(VaultError::Version(*version));
    }
    let (header, rest) =
        blob.split_at_checked(FIXED + usize::from(*hint_length)).ok_or(VaultError::NotAVault)?;
    if rest.len() < NONCE + TAG + PADDING { Err(VaultError::NotAVault) } else { Ok((header, rest)) }
}

fn cipher(key: &VaultKey) -> Result<Aes256Gcm, VaultError> {
    Aes256Gcm::new_from_slice(key.0.as_slice()).map_err(|_| VaultError::DoesNotOpen)
}

#[cfg(test)]
mod tests;

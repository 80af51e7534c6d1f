//! secp256k1 keys: who signs transactions.

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use revm_primitives::{Address, B256, keccak256};
use zeroize::Zeroizing;

/// A secret key that signs transactions. Never printed.
#[derive(Clone)]
pub struct SecretKey {
    key: SigningKey,
    address: Address,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey").field("address", &self.address).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// A key of these 32 bytes; `None` for the few that are no key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_slice(bytes).ok()?;
        let address = address_of(key.verifying_key());
        Some(Self { key, address })
    }

    /// A new key of the system's randomness.
    pub fn generate() -> Self {
        loop {
            if let Some(key) = Self::from_bytes(&Zeroizing::new(keys::random::bytes())) {
                return key;
            }
        }
    }

    /// The 32 bytes, to be sealed.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }

    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a hash, deterministically (RFC 6979), with the low `s` that chains ask for: parity of y, r, s.
    pub(super) fn sign(&self, hash: &B256) -> Option<(bool, [u8; 32], [u8; 32])> {
        let (signature, recovery) = self.key.sign_prehash_recoverable(hash.as_slice()).ok()?;
        let (r, s) = signature.split_bytes();
        Some((recovery.is_y_odd(), r.into(), s.into()))
    }
}

/// Whose signature this is; `None` where it is nobody's, or has the high `s` that would give one act two names.
pub(super) fn recover(hash: &B256, odd: bool, r: &[u8; 32], s: &[u8; 32]) -> Option<Address> {
    let signature = Signature::from_scalars(*r, *s).ok()?;
    if signature.normalize_s().is_some() {
        return None;
    }
    let key =
        VerifyingKey::recover_from_prehash(hash.as_slice(), &signature, RecoveryId::new(odd, false)).ok()?;
    Some(address_of(&key))
}

fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_encoded_point(false);
    let hash = keccak256(point.as_bytes().get(1..).unwrap_or_default());
    Address::from_slice(hash.as_slice().get(12..).unwrap_or(&[0; 20]))
}

/// Reads `0x…` with 40 digits; letters of mixed case must be the checksum (EIP-55).
pub fn address_of_text(text: &str) -> Option<Address> {
    let digits = text.strip_prefix("0x")?;
    let address: Address = text.parse().ok().filter(|_| digits.len() == 40)?;
    let one_case =
        !digits.bytes().any(|b| b.is_ascii_uppercase()) || !digits.bytes().any(|b| b.is_ascii_lowercase());
    (one_case || address.to_checksum(None) == text).then_some(address)
}

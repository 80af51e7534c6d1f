//! Keys from secrets: HKDF-SHA-256 (RFC 5869) and the Concat KDF of ECDH-ES (RFC 7518 §4.6.2).

use zeroize::Zeroizing;

use crate::{backend, digest::Sha256};

/// `N` bytes of key from `ikm` by HKDF-SHA-256.
///
/// `N` is at most 8,160 (255 hashes, RFC 5869 §2.3); more does not compile.
pub fn hkdf_sha256<const N: usize>(ikm: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "HKDF gives at most 255 blocks") };
    let prk = Zeroizing::new(backend::hmac_sha256(salt, &[ikm]));
    let mut out = Zeroizing::new([0; N]);
    let mut previous = Zeroizing::new([0u8; 32]);
    for (chunk, counter) in out.chunks_mut(32).zip(1u8..=255) {
        let before: &[u8] = if counter == 1 { &[] } else { previous.as_slice() };
        let block = backend::hmac_sha256(prk.as_slice(), &[before, info, &[counter]]);
        *previous = block;
        for (to, from) in chunk.iter_mut().zip(block) {
            *to = from;
        }
    }
    out
}

/// The key of `N` ≤ 32 bytes that ECDH-ES derives from the shared secret (NIST SP 800-56A §5.8.1 as RFC 7518 uses it).
pub(crate) fn concat_kdf(
    shared: &[u8; 32],
    algorithm: &str,
    apu: &[u8],
    apv: &[u8],
    key_bytes: usize,
) -> Zeroizing<Vec<u8>> {
    let mut hash = Sha256::new();
    hash.update(&1u32.to_be_bytes()).update(shared);
    for field in [algorithm.as_bytes(), apu, apv] {
        // Every field is bounded by the envelope it came in, far below 2^32.
        hash.update(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes()).update(field);
    }
    let bits = u32::try_from(key_bytes * 8).unwrap_or(u32::MAX);
    hash.update(&bits.to_be_bytes());
    let block = Zeroizing::new(hash.finish());
    Zeroizing::new(block.iter().copied().take(key_bytes).collect())
}

#[cfg(test)]
mod tests;

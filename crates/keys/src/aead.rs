//! AES-256-GCM for protocols that number their messages (NIST SP 800-38D §8.2.1): the caller never uses a nonce twice under
//! one key.

use crate::backend;

/// Why nothing was sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message can't be opened with this key")]
pub struct AeadError;

/// Encrypts `plain`; the tag of 16 bytes is appended.
pub fn seal(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, AeadError> {
    backend::aes_gcm_seal(key, nonce, aad, plain).map_err(|_| AeadError)
}

/// Decrypts what [`seal`] made under the same key, nonce and associated data.
pub fn open(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, AeadError> {
    backend::aes_gcm_open(key, nonce, aad, sealed).map_err(|_| AeadError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_bit_of_anything_opens_nothing() {
        let (key, nonce) = ([7; 32], [9; 12]);
        let sealed = seal(&key, &nonce, b"said beside", b"said").unwrap();
        assert_eq!(open(&key, &nonce, b"said beside", &sealed).unwrap(), b"said");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, &nonce, b"said beside", &changed), Err(AeadError));
        }
        assert_eq!(open(&key, &[8; 12], b"said beside", &sealed), Err(AeadError));
        assert_eq!(open(&[6; 32], &nonce, b"said beside", &sealed), Err(AeadError));
        assert_eq!(open(&key, &nonce, b"said otherwise", &sealed), Err(AeadError));
        assert_eq!(open(&key, &nonce, b"said beside", &sealed[..15]), Err(AeadError));
    }
}

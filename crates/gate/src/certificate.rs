//! A reader's certificate: the gate authority says that this key is that controller's. 153 bytes, small enough for a
//! short APDU beside the reader's signature.
//!
//! ```text
//! 01 ‖ group (16) ‖ x (32) ‖ y (32) ‖ not before (u32, s) ‖ not after (u32, s) ‖ signature (64)
//! ```

use alloc::vec::Vec;

use keys::{PublicKey, SignError, Signature, Signer};

/// Bytes of a certificate.
pub const LENGTH: usize = BODY + 64;
const BODY: usize = 89;
const FORMAT: u8 = 1;
const LABEL: &[u8] = b"mapae-gate/1 reader certificate";

/// The certificate of a controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderCertificate {
    /// The controller's own 16 bytes.
    pub group: [u8; 16],
    /// Its key.
    pub key: PublicKey,
    /// Seconds since 1970.
    pub not_before: u32,
    /// Seconds since 1970.
    pub not_after: u32,
}

impl ReaderCertificate {
    fn body(&self) -> Vec<u8> {
        let [_, point @ ..] = self.key.as_sec1();
        let mut body = Vec::with_capacity(LENGTH);
        body.push(FORMAT);
        body.extend_from_slice(&self.group);
        body.extend_from_slice(point);
        body.extend(self.not_before.to_be_bytes());
        body.extend(self.not_after.to_be_bytes());
        body
    }

    /// The signed bytes.
    ///
    /// # Errors
    /// The authority's key could not sign.
    pub fn sign(&self, authority: &dyn Signer) -> Result<Vec<u8>, SignError> {
        let mut bytes = self.body();
        let signature = authority.sign(&[LABEL, &bytes].concat())?;
        bytes.extend_from_slice(signature.as_bytes());
        Ok(bytes)
    }

    /// Reads a certificate that one of these authorities signed and that is good now; `None` for any other.
    pub fn verify(bytes: &[u8], authorities: &[PublicKey], now_s: i64) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (body, signature) = bytes.split_at(BODY);
        let signature = Signature::from_bytes(signature).ok()?;
        let (&[format], rest) = body.split_first_chunk::<1>()?;
        let (group, rest) = rest.split_first_chunk::<16>()?;
        let (point, rest) = rest.split_first_chunk::<64>()?;
        let (not_before, not_after) = rest.split_first_chunk::<4>()?;
        let not_before = u32::from_be_bytes(*not_before);
        let not_after = u32::from_be_bytes(not_after.try_into().ok()?);
        let good = i64::from(not_before) <= now_s && now_s < i64::from(not_after);
        let signed = [LABEL, body].concat();
        if format != FORMAT || !good || !authorities.iter().any(|key| key.verify(&signed, &signature).is_ok())
        {
            return None;
        }
        let key = PublicKey::from_sec1(&[&[4], point.as_slice()].concat()).ok()?;
        Some(Self { group: *group, key, not_before, not_after })
    }
}

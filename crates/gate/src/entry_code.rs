//! The entry code: what a phone without NFC shows as a QR code. Signed by the gate key, good for ten seconds, once.
//!
//! ```text
//! "MG1:" ‖ base64url( evidence (5) ‖ at (u32, s) ‖ nonce (8) ‖ signature (64) ‖ pass )
//! ```

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use keys::encoding::{b64url_decode, b64url_encode};
use keys::{PublicKey, SignError, Signature, Signer};

use crate::pass::{MAX_PASS, Pass, PassError};
use crate::wire::Evidence;

/// How long a code counts (s).
pub const LIFE_S: i64 = 10;
/// How far the phone's clock may be ahead (s).
const SKEW_S: i64 = 5;
const PREFIX: &str = "MG1:";
const LABEL: &[u8] = b"mapae-gate/1 entry code";
const HEAD: usize = 17;
/// The longest code (characters).
pub const MAX_TEXT: usize = 4 + (HEAD + 64 + MAX_PASS) * 4 / 3 + 4;

/// Why a code is refused before any decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// No entry code.
    #[error("this is no entry code")]
    Malformed,
    /// Its signature or pass does not hold.
    #[error("the code's proof does not hold")]
    Proof,
    /// More than ten seconds old, or of the future.
    #[error("the code has run out")]
    Old,
    /// It came before.
    #[error("the code was used")]
    Used,
}

/// A code whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryCode {
    /// What the pass says.
    pub pass: Pass,
    /// The phone's word about its lock.
    pub evidence: Evidence,
    nonce: [u8; 8],
    at_s: i64,
}

/// A code before its signature, for gate keys that sign elsewhere (WebCrypto).
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    head: Vec<u8>,
    pass: &'a [u8],
}

impl<'a> Draft<'a> {
    /// A code for this moment.
    pub fn new(pass: &'a [u8], evidence: Evidence, now_s: i64) -> Self {
        let at = u32::try_from(now_s).unwrap_or(0).to_be_bytes();
        let nonce = keys::random::bytes::<8>();
        Self { head: [evidence.to_bytes().as_slice(), &at, &nonce].concat(), pass }
    }

    /// What the gate key signs.
    pub fn signing_input(&self) -> Vec<u8> {
        [LABEL, &self.head, &keys::sha256(self.pass)].concat()
    }

    /// The text of the code.
    pub fn finish(self, signature: &Signature) -> String {
        let bytes = [self.head.as_slice(), signature.as_bytes(), self.pass].concat();
        format!("{PREFIX}{}", b64url_encode(&bytes))
    }
}

/// Makes a code for this moment.
///
/// # Errors
/// The gate key could not sign.
pub fn make(pass: &[u8], evidence: Evidence, now_s: i64, signer: &dyn Signer) -> Result<String, SignError> {
    let draft = Draft::new(pass, evidence, now_s);
    let signature = signer.sign(&draft.signing_input())?;
    Ok(draft.finish(&signature))
}

impl EntryCode {
    /// Reads a code that is good now.
    ///
    /// # Errors
    /// See [`CodeError`]; whether it was used is for [`UsedCodes`].
    pub fn verify(text: &str, authorities: &[PublicKey], now_s: i64) -> Result<Self, CodeError> {
        if text.len() > MAX_TEXT {
            return Err(CodeError::Malformed);
        }
        let body = text.strip_prefix(PREFIX).ok_or(CodeError::Malformed)?;
        let bytes = b64url_decode(body).map_err(|_| CodeError::Malformed)?;
        let (head, rest) = bytes.split_at_checked(HEAD).ok_or(CodeError::Malformed)?;
        let (signature, pass) = rest.split_at_checked(64).ok_or(CodeError::Malformed)?;
        let (evidence, rest) = head.split_at_checked(5).ok_or(CodeError::Malformed)?;
        let evidence = Evidence::parse(evidence).ok_or(CodeError::Malformed)?;
        let [a, b, c, d, nonce @ ..] = rest else { return Err(CodeError::Malformed) };
        let at_s = i64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        let verified = Pass::verify(pass, authorities).map_err(|error| match error {
            PassError::Malformed => CodeError::Malformed,
            _ => CodeError::Proof,
        })?;
        let signed = [LABEL, head, &keys::sha256(pass)].concat();
        Signature::from_bytes(signature)
            .and_then(|signature| verified.key.verify(&signed, &signature))
            .map_err(|_| CodeError::Proof)?;
        if !(at_s - SKEW_S..at_s + LIFE_S).contains(&now_s) {
            return Err(CodeError::Old);
        }
        let nonce = nonce.try_into().map_err(|_| CodeError::Malformed)?;
        Ok(Self { pass: verified, evidence, nonce, at_s })
    }
}

/// Codes that came at this controller and are not over yet.
#[derive(Debug, Clone, Default)]
pub struct UsedCodes(BTreeMap<[u8; 8], i64>);

impl UsedCodes {
    /// Marks a code as used.
    ///
    /// # Errors
    /// It was used before.
    pub fn use_once(&mut self, code: &EntryCode, now_s: i64) -> Result<(), CodeError> {
        self.0.retain(|_, at| now_s < *at + LIFE_S);
        match self.0.insert(code.nonce, code.at_s) {
            None => Ok(()),
            Some(_) => Err(CodeError::Used),
        }
    }
}

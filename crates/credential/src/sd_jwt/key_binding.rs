//! What a holder sends: the chosen claims, bound to one verifier and one request (RFC 9901 §4.3, §7.2, §7.3).

use keys::encoding::{b64url_decode_array, b64url_encode};
use keys::jws::{Header, JwsError, SigningInput, Typ, Unverified};
use keys::{PublicKey, Signature, sha256};
use serde::{Deserialize, Serialize};

use super::{KEY_BINDING_TYP, MAX_KEY_BINDING, SD_ALG, SdJwt};
use crate::path::ClaimPath;

/// Why claims can't be presented.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error("the credential has no claim at that path")]
    NoSuchClaim(ClaimPath),
    #[error("the credential is a presentation already")]
    AlreadyBound,
}

/// Why a key binding JWT does not bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyBindingError {
    #[error("there is no key binding")]
    Missing,
    #[error("the key binding is malformed")]
    Malformed,
    #[error("the key binding is another kind of token")]
    Type,
    #[error("the key binding is signed in another way than ES256")]
    Algorithm,
    #[error("the key binding is not signed by the holder's key")]
    Signature,
    #[error("the key binding is for another presentation")]
    Hash,
}

impl SdJwt {
    /// The credential with only those disclosures that the paths need. A path to an object or array tells all of it.
    pub fn select(&self, paths: &[ClaimPath]) -> Result<Presentation, SelectError> {
        if self.has_key_binding() {
            return Err(SelectError::AlreadyBound);
        }
        if let Some(path) = paths.iter().find(|path| path.select(self.dangerous_claims()).is_err()) {
            return Err(SelectError::NoSuchClaim(path.clone()));
        }
        let jwt_end = self.text.find('~').map_or(self.text.len(), |at| at + 1);
        let mut text = self.text.get(..jwt_end).unwrap_or_default().to_owned();
        for disclosure in &self.disclosures {
            if paths.iter().any(|path| path.touches(&disclosure.path)) {
                text.push_str(self.text.get(disclosure.range.clone()).unwrap_or_default());
                text.push('~');
            }
        }
        Ok(Presentation { text })
    }

    /// Checks the key binding JWT under the holder's key: type, signature and that it covers this very text.
    /// Nonce, audience and age are the caller's to compare.
    pub fn check_key_binding(&self, holder: &PublicKey) -> Result<KeyBindingClaims, KeyBindingError> {
        let jwt = self.key_binding.as_deref().ok_or(KeyBindingError::Missing)?;
        let unverified = Unverified::parse(jwt, MAX_KEY_BINDING).map_err(|_| KeyBindingError::Malformed)?;
        let verified = unverified.verify(holder, Typ::Is(KEY_BINDING_TYP)).map_err(|error| match error {
            JwsError::AlgorithmRefused => KeyBindingError::Algorithm,
            JwsError::TypeRefused => KeyBindingError::Type,
            _ => KeyBindingError::Signature,
        })?;
        let claims: KeyBindingClaims = verified.claims().map_err(|_| KeyBindingError::Malformed)?;
        if b64url_decode_array::<32>(&claims.sd_hash) != Ok(sha256(self.text.as_bytes())) {
            return Err(KeyBindingError::Hash);
        }
        Ok(claims)
    }
}

/// The payload of a key binding JWT whose signature and hash are right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyBindingClaims {
    /// When the holder signed, seconds since 1970.
    pub iat: i64,
    /// The verifier it is for.
    pub aud: String,
    /// The nonce of the request.
    pub nonce: String,
    /// base64url of the SHA-256 of the presentation before it.
    pub sd_hash: String,
    /// base64url of the SHA-256 of each `transaction_data` string (OpenID4VP 1.0 §B.3.3.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transaction_data_hashes: Vec<String>,
    /// The algorithm of those hashes; `sha-256` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_data_hashes_alg: Option<String>,
}

/// An SD-JWT ready to be presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    text: String,
}

/// What a presentation is bound to.
#[derive(Debug, Clone, Copy)]
pub struct KeyBinding<'a> {
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The verifier's client id.
    pub audience: &'a str,
    /// Seconds since 1970.
    pub issued_at: i64,
    /// SHA-256 of each `transaction_data` string of the request.
    pub transaction_data_hashes: &'a [[u8; 32]],
}

impl Presentation {
    /// The presentation without key binding, for verifiers that ask for none.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the holder's key must sign.
    pub fn key_binding(self, binding: &KeyBinding<'_>) -> BoundPresentation {
        let hashes: Vec<String> =
            binding.transaction_data_hashes.iter().map(|hash| b64url_encode(hash)).collect();
        let claims = KeyBindingClaims {
            iat: binding.issued_at,
            aud: binding.audience.to_owned(),
            nonce: binding.nonce.to_owned(),
            sd_hash: b64url_encode(&sha256(self.text.as_bytes())),
            transaction_data_hashes_alg: (!hashes.is_empty()).then(|| SD_ALG.to_owned()),
            transaction_data_hashes: hashes,
        };
        // Strings and numbers: nothing can fail.
        let payload = serde_json::to_vec(&claims).unwrap_or_default();
        BoundPresentation {
            text: self.text,
            input: SigningInput::new(&Header::es256(KEY_BINDING_TYP), &payload),
        }
    }
}

/// A presentation that only lacks the holder's signature.
#[derive(Debug, Clone)]
pub struct BoundPresentation {
    text: String,
    input: SigningInput,
}

impl BoundPresentation {
    /// The bytes that the key of the credential's `cnf` signs with ES256.
    pub fn as_bytes(&self) -> &[u8] {
        self.input.as_bytes()
    }

    /// The SD-JWT+KB.
    pub fn finish(mut self, signature: &Signature) -> String {
        self.text.push_str(&self.input.finish(signature));
        self.text
    }
}

//! JSON Web Signatures in compact form (RFC 7515), in stages that can't be confused.
//!
//! ```text
//! text ──parse──▶ Unverified ──verify(key, typ)──▶ Verified ──claims()──▶ your type
//!                     └─ dangerous_payload(): for finding the key, never for deciding
//! ```
//!
//! Strict on purpose (RFC 8725): a bounded length, exactly three parts, no padding, no repeated member anywhere, no
//! `crit`, and the algorithm is the verifier's choice, never the token's: ES256, or RS256 where that is asked for.

mod header;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use header::{Header, MAX_X5C};

use crate::{
    PublicKey, SignError, Signature, Signer,
    encoding::{b64url_decode, b64url_encode_into, b64url_len},
    strict_json::{self, JsonError},
};

/// The longest header that is read, in bytes of its JSON.
pub const MAX_HEADER: usize = 16 * 1024;

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than the caller allows.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of unpadded base64url, or the header is no JSON object.
    #[error("the token is malformed")]
    Malformed,
    /// A JSON member appears twice in header or payload.
    #[error("the token has a repeated member")]
    DuplicateMember,
    /// The header demands extensions to be understood (`crit`); there are none.
    #[error("the token names critical extensions")]
    CriticalHeader,
    /// Another algorithm than the one this verifier pins: `none`, HMAC, RSA, or any else.
    #[error("the token's algorithm is refused")]
    AlgorithmRefused,
    /// Another `typ` than this place takes.
    #[error("the token's type is refused")]
    TypeRefused,
    /// The signature does not fit.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// The payload is not the JSON that is asked for.
    #[error("the token's claims are malformed")]
    Claims,
    /// The key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// The `typ` a verifier takes (RFC 8725 §3.11); compared without case and without `application/`.
#[derive(Debug, Clone, Copy)]
pub enum Typ<'a> {
    /// Whatever it is, or none.
    Any,
    /// This type.
    Is(&'a str),
    /// One of these types.
    OneOf(&'a [&'a str]),
}

impl Typ<'_> {
    fn takes(&self, typ: Option<&str>) -> bool {
        let same =
            |wanted: &str| typ.is_some_and(|typ| media_type(typ).eq_ignore_ascii_case(media_type(wanted)));
        match self {
            Self::Any => true,
            Self::Is(wanted) => same(wanted),
            Self::OneOf(wanted) => wanted.iter().any(|wanted| same(wanted)),
        }
    }
}

/// The type without the `application/` that RFC 7515 §4.1.9 lets one leave away.
fn media_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

/// Signs `payload` under `header`, whose `alg` is `ES256`.
pub fn sign(signer: &dyn Signer, header: &Header, payload: &[u8]) -> Result<String, JwsError> {
    sign_encoded(signer, &EncodedHeader::new(header), payload)
}

/// Signs `payload` under a header that was encoded before.
pub fn sign_encoded(signer: &dyn Signer, header: &EncodedHeader, payload: &[u8]) -> Result<String, JwsError> {
    if !header.es256 {
        return Err(JwsError::AlgorithmRefused);
    }
    let input = SigningInput::with(header, payload);
    let signature = signer.sign(input.as_bytes())?;
    Ok(input.finish(&signature))
}

/// A header in its final form, for the many tokens that share one (an issuer's `x5c` never changes between copies).
#[derive(Debug, Clone)]
pub struct EncodedHeader {
    text: String,
    es256: bool,
}

impl EncodedHeader {
    /// Encodes `header`.
    pub fn new(header: &Header) -> Self {
        let json = header.to_json();
        let mut text = String::with_capacity(b64url_len(json.len()) + 1);
        b64url_encode_into(&json, &mut text);
        text.push('.');
        Self { text, es256: header.alg == "ES256" }
    }
}

/// What is to be signed, for keys that sign elsewhere: bytes out, signature in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningInput(String);

impl SigningInput {
    /// Header and payload, encoded (RFC 7515 §5.1).
    pub fn new(header: &Header, payload: &[u8]) -> Self {
        Self::with(&EncodedHeader::new(header), payload)
    }

    /// An encoded header and a payload.
    pub fn with(header: &EncodedHeader, payload: &[u8]) -> Self {
        // One allocation for the whole token: the signature's 86 characters and its dot are already counted.
        let mut text = String::with_capacity(header.text.len() + b64url_len(payload.len()) + 87);
        text.push_str(&header.text);
        b64url_encode_into(payload, &mut text);
        Self(text)
    }

    /// The bytes to sign.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The finished token.
    pub fn finish(self, signature: &Signature) -> String {
        self.finish_raw(signature.as_bytes())
    }

    /// The finished token with a signature of another algorithm (RS256).
    pub fn finish_raw(mut self, signature: &[u8]) -> String {
        self.0.push('.');
        b64url_encode_into(signature, &mut self.0);
        self.0
    }
}

/// A well-formed token whose signature nobody has checked.
#[derive(Debug, Clone)]
pub struct Unverified {
    /// `header.payload` as it was signed.
    signed: String,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Unverified {
    /// Reads a token of at most `max_len` characters.
    pub fn parse(text: &str, max_len: usize) -> Result<Self, JwsError> {
        if text.len() > max_len {
            return Err(JwsError::TooLong);
        }
        let malformed = |_| JwsError::Malformed;
        let (signed, signature) = text.rsplit_once('.').ok_or(JwsError::Malformed)?;
        // The header holds no dot, and neither may the payload: base64url has none.
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
        if header.len() > b64url_len(MAX_HEADER) {
            return Err(JwsError::TooLong);
        }
        let header = Header::from_json(&b64url_decode(header).map_err(malformed)?)?;
        let payload = b64url_decode(payload).map_err(malformed)?;
        let signature = b64url_decode(signature).map_err(malformed)?;
        Ok(Self { signed: signed.to_owned(), header, payload, signature })
    }

    /// The header, believed by nobody yet: use it to find the key, then [`verify`](Self::verify).
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload before any check: to find the key, never to decide.
    pub fn dangerous_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload before any check, read as `T`: to find the key, never to decide.
    pub fn dangerous_claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        claims(&self.payload)
    }

    /// The same as a JSON object.
    pub fn dangerous_members(&self) -> Result<Map<String, Value>, JwsError> {
        match strict_json::value(&self.payload).map_err(unread)? {
            Value::Object(members) => Ok(members),
            _ => Err(JwsError::Claims),
        }
    }

    /// Checks algorithm (ES256), type and signature, in this order.
    pub fn verify(self, key: &PublicKey, typ: Typ<'_>) -> Result<Verified, JwsError> {
        self.check(key, typ)?;
        Ok(Verified { header: self.header, payload: self.payload })
    }

    /// The same where the token is kept as it is, its payload having been read before.
    pub fn check(&self, key: &PublicKey, typ: Typ<'_>) -> Result<(), JwsError> {
        self.pin("ES256", typ)?;
        let signature = Signature::from_bytes(&self.signature).map_err(|_| JwsError::BadSignature)?;
        key.verify(self.signed.as_bytes(), &signature).map_err(|_| JwsError::BadSignature)
    }

    /// Checks a token of the login's second algorithm, RS256.
    #[cfg(feature = "aws-lc")]
    pub fn verify_rs256(self, key: &crate::Jwk, typ: Typ<'_>) -> Result<Verified, JwsError> {
        self.pin("RS256", typ)?;
        crate::rsa::verify_rs256(key, self.signed.as_bytes(), &self.signature)
            .map_err(|_| JwsError::BadSignature)?;
        Ok(Verified { header: self.header, payload: self.payload })
    }

    fn pin(&self, alg: &str, typ: Typ<'_>) -> Result<(), JwsError> {
        if self.header.alg != alg {
            return Err(JwsError::AlgorithmRefused);
        }
        if !typ.takes(self.header.typ.as_deref()) {
            return Err(JwsError::TypeRefused);
        }
        Ok(())
    }
}

/// A token whose signature verified. It exists only after the check.
#[derive(Debug, Clone)]
pub struct Verified {
    header: Header,
    payload: Vec<u8>,
}

impl Verified {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, owned.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// The payload as `T`; JSON with a repeated member is refused.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        claims(&self.payload)
    }
}

fn claims<T: DeserializeOwned>(payload: &[u8]) -> Result<T, JwsError> {
    strict_json::parse(payload).map_err(unread)
}

fn unread(error: JsonError) -> JwsError {
    match error {
        JsonError::DuplicateMember => JwsError::DuplicateMember,
        JsonError::Malformed => JwsError::Claims,
    }
}

#[cfg(test)]
mod tests;

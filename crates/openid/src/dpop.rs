//! Demonstrating Proof of Possession (RFC 9449): proofs made by a client and judged by a server.
//!
//! A proof that verifies is not yet accepted: its [`VerifiedProof::replay_id`] must be consumed once by the caller and
//! remembered until [`VerifiedProof::replay_until`]; after that the time window refuses it by itself.

use keys::jws::{Header, SigningInput};
use keys::{PublicKey, SignError, Signer, encoding};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Code, OAuthError};
use crate::jwt::{self, JwtError};

/// The JWT type (§4.2).
pub const TYP: &str = "dpop+jwt";
/// The request header that carries the proof.
pub const HEADER: &str = "DPoP";
/// The response header that carries a nonce (§8.1).
pub const NONCE_HEADER: &str = "DPoP-Nonce";
/// How old a proof may be, in seconds.
pub const MAX_AGE_S: i64 = 120;
/// How far ahead of ours a client's clock may run, in seconds.
pub const MAX_AHEAD_S: i64 = 30;
/// Longest `jti`, in bytes.
pub const MAX_JTI: usize = 128;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

/// The request that a proof is made for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The request's address; query and fragment are left out of the proof.
    pub url: &'a str,
    /// The access token sent with it, if any.
    pub access_token: Option<&'a str>,
    /// The nonce the server last gave, if any.
    pub nonce: Option<&'a str>,
}

impl Request<'_> {
    /// Makes a proof with the client's key; `jti` is fresh and random, `now` in seconds.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn prove(&self, signer: &dyn Signer, jti: &str, now: i64) -> Result<String, SignError> {
        jwt::finish(self.signing_input(signer.public_key(), jti, now), signer)
    }

    /// The unsigned proof, for a key that signs elsewhere (WebCrypto, HSM).
    #[must_use]
    pub fn signing_input(&self, key: &PublicKey, jti: &str, now: i64) -> SigningInput {
        let header = Header::es256(TYP).with_jwk(key.to_jwk());
        let claims = Claims {
            jti: jti.to_owned(),
            htm: self.method.to_owned(),
            htu: self.url.split(['?', '#']).next().unwrap_or_default().to_owned(),
            iat: now,
            ath: self.access_token.map(token_hash),
            nonce: self.nonce.map(str::to_owned),
        };
        jwt::signing_input(&header, &claims)
    }
}

/// What a server expects of a proof.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the request that carried it.
    pub method: &'a str,
    /// The address of the request as the client addressed it (public base URL + path).
    pub url: &'a str,
    /// The access token beside it, with the thumbprint it is bound to (`cnf.jkt`); `None` at the token endpoint.
    pub token: Option<BoundToken<'a>>,
    /// Recognises a nonce of ours that is still fresh; `None` where no nonce is asked for.
    pub nonce: Option<&'a dyn Fn(&str) -> bool>,
    /// Seconds since 1970.
    pub now: i64,
}

impl std::fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expected")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// An access token and the key it is bound to.
#[derive(Clone, Copy)]
pub struct BoundToken<'a> {
    /// The token as received.
    pub access_token: &'a str,
    /// The RFC 7638 thumbprint it was issued to.
    pub jkt: &'a str,
}

impl std::fmt::Debug for BoundToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoundToken").field("jkt", &self.jkt).finish_non_exhaustive()
    }
}

/// Why a proof was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no proof where one is required.
    #[error("the DPoP header is missing")]
    Missing,
    /// Not a JWT with the required claims.
    #[error("the DPoP proof is malformed")]
    Malformed,
    /// `typ` is not `dpop+jwt`.
    #[error("the DPoP proof has another typ")]
    Type,
    /// `alg` is not ES256.
    #[error("the DPoP proof must be signed with ES256")]
    Algorithm,
    /// The `jwk` header is missing, private or not on P-256.
    #[error("the DPoP proof must carry a public P-256 jwk")]
    Key,
    /// The signature does not verify with its own `jwk`.
    #[error("the DPoP proof signature is wrong")]
    Signature,
    /// Made for another method.
    #[error("htm does not match the request")]
    Method,
    /// Made for another address.
    #[error("htu does not match the request")]
    Address,
    /// `iat` lies outside the window.
    #[error("iat is too old or in the future")]
    Time,
    /// `ath` is missing or of another token.
    #[error("ath does not match the access token")]
    TokenHash,
    /// The access token is bound to another key.
    #[error("the access token is bound to another key")]
    ForeignKey,
    /// The nonce is missing.
    #[error("a nonce is required")]
    NonceMissing,
    /// The nonce is not ours or no longer fresh.
    #[error("the nonce is unknown or stale")]
    NonceUnknown,
    /// The proof was used before; given by the caller that consumed its id.
    #[error("the DPoP proof was used before")]
    Replayed,
}

impl Refusal {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Refusal::NonceMissing | Refusal::NonceUnknown => Code::UseDpopNonce,
            Refusal::ForeignKey => Code::InvalidToken,
            _ => Code::InvalidDpopProof,
        }
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> OAuthError {
        OAuthError::new(refusal.code(), refusal.to_string())
    }
}

impl From<JwtError> for Refusal {
    fn from(error: JwtError) -> Refusal {
        match error {
            JwtError::Malformed => Refusal::Malformed,
            JwtError::Type => Refusal::Type,
            JwtError::Algorithm => Refusal::Algorithm,
            JwtError::Key => Refusal::Key,
            JwtError::Signature => Refusal::Signature,
        }
    }
}

/// A proof whose signature, request, time and nonce hold.
#[derive(Clone, Debug)]
pub struct VerifiedProof {
    key: PublicKey,
    jkt: String,
    replay_id: String,
    iat: i64,
    nonce: Option<String>,
}

impl VerifiedProof {
    /// The client's key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key's RFC 7638 thumbprint, to bind an access token to (`cnf.jkt`, §6.1).
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// What must be consumed once: a hash over key, address and `jti` (§11.1).
    #[must_use]
    pub fn replay_id(&self) -> &str {
        &self.replay_id
    }

    /// Until when it must be remembered, in seconds.
    #[must_use]
    pub fn replay_until(&self) -> i64 {
        self.iat.saturating_add(MAX_AGE_S).saturating_add(1)
    }

    /// The nonce it carried, if any.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }
}

/// Judges a proof (§4.3). Exactly one `DPoP` header must have been sent; pass `None` if there was none.
///
/// # Errors
/// The first rule that does not hold.
pub fn verify(proof: Option<&str>, expected: &Expected<'_>) -> Result<VerifiedProof, Refusal> {
    let unverified = jwt::parse(proof.ok_or(Refusal::Missing)?, jwt::SHORT, TYP)?;
    let key = jwt::embedded_key(&unverified)?;
    let claims: Claims = jwt::verify(unverified, &key, TYP)?;
    if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
        return Err(Refusal::Malformed);
    }
    if claims.htm != expected.method {
        return Err(Refusal::Method);
    }
    let address = normalized(expected.url).ok_or(Refusal::Address)?;
    if normalized(&claims.htu).as_deref() != Some(address.as_str()) {
        return Err(Refusal::Address);
    }
    if claims.iat > expected.now.saturating_add(MAX_AHEAD_S)
        || claims.iat < expected.now.saturating_sub(MAX_AGE_S)
    {
        return Err(Refusal::Time);
    }
    let jkt = key.thumbprint();
    if let Some(token) = expected.token {
        let made = token_hash(token.access_token);
        if !claims.ath.as_deref().is_some_and(|ath| keys::mac::eq(ath.as_bytes(), made.as_bytes())) {
            return Err(Refusal::TokenHash);
        }
        if jkt != token.jkt {
            return Err(Refusal::ForeignKey);
        }
    }
    if let Some(known) = expected.nonce {
        let nonce = claims.nonce.as_deref().ok_or(Refusal::NonceMissing)?;
        if !known(nonce) {
            return Err(Refusal::NonceUnknown);
        }
    }
    let replay_id =
        encoding::b64url_encode(&keys::sha256(format!("{jkt}\n{address}\n{}", claims.jti).as_bytes()));
    Ok(VerifiedProof { key, jkt, replay_id, iat: claims.iat, nonce: claims.nonce })
}

/// `ath`: the hash of an access token (§4.2).
#[must_use]
pub fn token_hash(access_token: &str) -> String {
    encoding::b64url_encode(&keys::sha256(access_token.as_bytes()))
}

/// An address without query and fragment, normalised by syntax and scheme (§4.3, RFC 3986 §6.2.2 and §6.2.3).
fn normalized(address: &str) -> Option<String> {
    if address.len() > crate::link::MAX_URL {
        return None;
    }
    let mut url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = normalized_path(url.path());
    Some(format!("{}{path}", url.origin().ascii_serialization()))
}

fn normalized_path(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            rest = after;
            let byte = u8::try_from(high << 4 | low).unwrap_or_default();
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(char::from(first));
        }
    }
    out
}

#[cfg(test)]
mod tests;

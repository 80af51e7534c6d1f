//! Attestation-based client authentication: the wallet provider vouches for a wallet, the wallet proves its key.
//!
//! A draft, kept in this one module: [`DRAFT`] names the text followed. OpenID4VCI 1.0 Appendix E builds its wallet
//! attestation on it and adds `wallet_name`, `wallet_link` and `status`.

use keys::jwk::Jwk;
use keys::jws::{Header, SigningInput};
use keys::{PublicKey, SignError, Signer, encoding};
use serde::{Deserialize, Serialize};

use crate::error::{Code, OAuthError};
use crate::jwt::{self, JwtError};

/// draft-ietf-oauth-attestation-based-client-auth, this number.
pub const DRAFT: u8 = 11;
/// The authentication method's name in metadata.
pub const METHOD: &str = "attest_jwt_client_auth";
/// The request header with the attestation.
pub const HEADER: &str = "OAuth-Client-Attestation";
/// The request header with the proof of possession.
pub const POP_HEADER: &str = "OAuth-Client-Attestation-PoP";
/// The response header with a fresh challenge.
pub const CHALLENGE_HEADER: &str = "OAuth-Client-Attestation-Challenge";
/// `typ` of the attestation.
pub const TYP: &str = "oauth-client-attestation+jwt";
/// `typ` of the proof of possession.
pub const POP_TYP: &str = "oauth-client-attestation-pop+jwt";
/// How old a proof of possession may be, in seconds.
pub const POP_MAX_AGE_S: i64 = 120;
/// Clock difference tolerated, in seconds.
pub const SKEW_S: i64 = 30;

/// The confirmation claim (RFC 7800 §3.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Confirmation {
    /// The confirmed public key.
    pub jwk: Jwk,
}

/// What the wallet provider says about a wallet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The wallet provider, where the attestation names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The `client_id`: one value for all wallets of a kind (OpenID4VCI §15.4.4). An absent one reads as empty, and is
    /// refused as such.
    #[serde(default)]
    pub sub: String,
    /// Issued at, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Not before, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Expires at, seconds.
    pub exp: i64,
    /// The key of this wallet instance.
    pub cnf: Confirmation,
    /// The wallet's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet_name: Option<String>,
    /// Where to read more about the wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet_link: Option<String>,
    /// Where to ask whether the attestation still stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<serde_json::Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PopClaims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    aud: String,
    jti: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
}

/// How an attestation points at the key that signed it; a caller resolves it to a key it trusts.
#[derive(Clone, Debug, Default)]
pub struct KeyHint {
    /// The certificates in `x5c`, DER, leaf first; empty if there are none.
    pub x5c: Vec<Vec<u8>>,
    /// `kid`, if any.
    pub kid: Option<String>,
    /// `iss` as claimed, unverified.
    pub claimed_issuer: Option<String>,
}

/// Finds the public key of a trusted attester for a hint, or says that there is none.
pub type Attesters<'a> = &'a dyn Fn(&KeyHint) -> Option<PublicKey>;

/// Signs an attestation as the wallet provider; `x5c` leaf first, without the root (HAIP 1.0 §4.4.1).
///
/// # Errors
/// The key refused to sign.
pub fn attest(claims: &Claims, signer: &dyn Signer, x5c: &[Vec<u8>]) -> Result<String, SignError> {
    jwt::sign(signer, &jwt::header_with_chain(TYP, x5c), claims)
}

/// A proof of possession to be made by the attested key.
#[derive(Clone, Copy, Debug)]
pub struct Pop<'a> {
    /// The wallet's `client_id`, the attestation's `sub`.
    pub client_id: &'a str,
    /// The authorization server's issuer identifier.
    pub audience: &'a str,
    /// The challenge the server gave, if any.
    pub challenge: Option<&'a str>,
    /// A fresh random id.
    pub jti: &'a str,
    /// Seconds.
    pub now: i64,
}

impl Pop<'_> {
    /// The unsigned proof, for a key that signs elsewhere.
    #[must_use]
    pub fn signing_input(&self) -> SigningInput {
        let claims = PopClaims {
            iss: Some(self.client_id.to_owned()),
            aud: self.audience.to_owned(),
            jti: self.jti.to_owned(),
            iat: self.now,
            challenge: self.challenge.map(str::to_owned),
        };
        jwt::signing_input(&Header::es256(POP_TYP), &claims)
    }

    /// Makes the proof with a key at hand.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn prove(&self, signer: &dyn Signer) -> Result<String, SignError> {
        jwt::finish(self.signing_input(), signer)
    }
}

/// What a server expects.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// This server's issuer identifier, the proof's `aud`.
    pub audience: &'a str,
    /// `client_id` of the request, if it has one.
    pub client_id: Option<&'a str>,
    /// Whom we trust to attest wallets.
    pub attesters: Attesters<'a>,
    /// Recognises a challenge of ours that is still fresh; `None` where none is asked for.
    pub challenge: Option<&'a dyn Fn(&str) -> bool>,
    /// Oldest `iat` accepted, as an age in seconds; an attestation without `iat` lives by its `exp`.
    pub max_age: Option<i64>,
    /// Seconds.
    pub now: i64,
}

impl std::fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expected").field("audience", &self.audience).finish_non_exhaustive()
    }
}

/// Why a wallet was not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No attestation where one is required.
    #[error("the client attestation is missing")]
    Missing,
    /// An attestation without proof of possession.
    #[error("the proof of possession is missing")]
    PopMissing,
    /// The attestation is not a JWT with the required claims (`exp`, `cnf`).
    #[error("the client attestation is malformed")]
    Malformed,
    /// The attestation has another `typ` or `alg`.
    #[error("the client attestation has another typ or alg")]
    Type,
    /// Nobody we trust signed it.
    #[error("the client attester is not trusted")]
    UntrustedAttester,
    /// The attester's signature is wrong.
    #[error("the client attestation signature is wrong")]
    Signature,
    /// `exp` has passed or `nbf`/`iat` lie ahead.
    #[error("the client attestation is expired or not yet valid")]
    Expired,
    /// Older than the server accepts.
    #[error("the client attestation is not fresh enough")]
    Stale,
    /// `sub` is missing or empty.
    #[error("the client attestation has no sub")]
    NoSubject,
    /// `sub` is another than the request's `client_id`.
    #[error("the client attestation is for another client_id")]
    ForeignClient,
    /// The proof of possession is not a JWT of the right type with the required claims.
    #[error("the proof of possession is malformed")]
    PopMalformed,
    /// The proof of possession is by another key than the attested one.
    #[error("the proof of possession is by another key")]
    PopSignature,
    /// The proof of possession is for another server.
    #[error("the proof of possession is for another audience")]
    PopAudience,
    /// The proof of possession is too old or from the future.
    #[error("the proof of possession is too old or in the future")]
    PopTime,
    /// The challenge is missing, not ours or no longer fresh.
    #[error("the proof of possession must carry the challenge")]
    Challenge,
    /// The proof of possession was used before; given by the caller that consumed its id.
    #[error("the proof of possession was used before")]
    Replayed,
}

impl Refusal {
    /// The code on the wire (draft §6.4).
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Refusal::Challenge => Code::UseAttestationChallenge,
            Refusal::Stale => Code::UseFreshAttestation,
            Refusal::Missing => Code::InvalidClient,
            _ => Code::InvalidClientAttestation,
        }
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> OAuthError {
        OAuthError::new(refusal.code(), refusal.to_string())
    }
}

/// A wallet that proved what its provider vouches for.
#[derive(Clone, Debug)]
pub struct AttestedClient {
    claims: Claims,
    key: PublicKey,
    replay_id: String,
    replay_until: i64,
}

impl AttestedClient {
    /// The `client_id`.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.claims.sub
    }

    /// All that the provider said.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The wallet instance's key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What must be consumed once.
    #[must_use]
    pub fn replay_id(&self) -> &str {
        &self.replay_id
    }

    /// Until when it must be remembered, in seconds.
    #[must_use]
    pub fn replay_until(&self) -> i64 {
        self.replay_until
    }
}

/// Judges the two headers of a request (draft §6).
///
/// # Errors
/// The first rule that does not hold.
pub fn verify(
    attestation: Option<&str>,
    pop: Option<&str>,
    expected: &Expected<'_>,
) -> Result<AttestedClient, Refusal> {
    let unverified =
        jwt::parse(attestation.ok_or(Refusal::Missing)?, jwt::LONG, TYP).map_err(|e| match e {
            JwtError::Type | JwtError::Algorithm => Refusal::Type,
            _ => Refusal::Malformed,
        })?;
    let pop = pop.ok_or(Refusal::PopMissing)?;
    let hint = jwt::key_hint(&unverified);
    let attester = (expected.attesters)(&hint).ok_or(Refusal::UntrustedAttester)?;
    let claims: Claims = jwt::verify(unverified, &attester, TYP).map_err(|e| match e {
        JwtError::Signature => Refusal::Signature,
        _ => Refusal::Malformed,
    })?;
    let ahead = expected.now.saturating_add(SKEW_S);
    let starts = claims.nbf.into_iter().chain(claims.iat).max();
    if claims.exp <= expected.now || starts.is_some_and(|at| at > ahead) {
        return Err(Refusal::Expired);
    }
    if let (Some(max_age), Some(iat)) = (expected.max_age, claims.iat)
        && iat < expected.now.saturating_sub(max_age)
    {
        return Err(Refusal::Stale);
    }
    if claims.sub.is_empty() {
        return Err(Refusal::NoSubject);
    }
    if expected.client_id.is_some_and(|id| id != claims.sub) {
        return Err(Refusal::ForeignClient);
    }
    let key = PublicKey::from_signing_jwk(&claims.cnf.jwk).map_err(|_| Refusal::Malformed)?;

    let unverified = jwt::parse(pop, jwt::SHORT, POP_TYP).map_err(|_| Refusal::PopMalformed)?;
    let pop: PopClaims = jwt::verify(unverified, &key, POP_TYP).map_err(|e| match e {
        JwtError::Signature => Refusal::PopSignature,
        _ => Refusal::PopMalformed,
    })?;
    if pop.aud != expected.audience {
        return Err(Refusal::PopAudience);
    }
    if pop.jti.is_empty()
        || pop.jti.len() > crate::dpop::MAX_JTI
        || pop.iss.is_some_and(|iss| iss != claims.sub)
    {
        return Err(Refusal::PopMalformed);
    }
    if pop.iat > ahead || pop.iat < expected.now.saturating_sub(POP_MAX_AGE_S) {
        return Err(Refusal::PopTime);
    }
    if let Some(known) = expected.challenge
        && !pop.challenge.as_deref().is_some_and(known)
    {
        return Err(Refusal::Challenge);
    }
    let replay_id =
        encoding::b64url_encode(&keys::sha256(format!("{}\n{}", key.thumbprint(), pop.jti).as_bytes()));
    let replay_until = pop.iat.saturating_add(POP_MAX_AGE_S).saturating_add(1);
    Ok(AttestedClient { claims, key, replay_id, replay_until })
}

#[cfg(test)]
mod tests;

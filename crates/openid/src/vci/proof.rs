//! Proofs of the keys that credentials are bound to (OpenID4VCI 1.0 Appendices D and F).
//!
//! Two ways: a `jwt` proof signed by each key (or by one key, with an attestation over all keys of the batch), or an
//! `attestation` that vouches for the keys without any of them signing.

use keys::jws::{Header, SigningInput};
use keys::{Jwk, PublicKey, SignError, Signer, encoding};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attestation::Attesters;
use crate::error::{Code, OAuthError};
use crate::jwt::{self, JwtError};
use crate::metadata::KeyAttestationsRequired;

/// `typ` of a key proof (Appendix F.1).
pub const TYP: &str = "openid4vci-proof+jwt";
/// `typ` of a key attestation (Appendix D.1).
pub const ATTESTATION_TYP: &str = "key-attestation+jwt";
/// How old a proof may be, in seconds; the nonce has a shorter life of its own.
pub const MAX_AGE_S: i64 = 300;
/// Clock difference tolerated, in seconds.
pub const SKEW_S: i64 = 30;
/// Most proofs or attested keys read in one request, whatever the issuer's batch size.
pub const MAX_KEYS: usize = 128;

/// `proofs` of a credential request: exactly one type of proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proofs {
    /// JWTs, each signed by the key it names.
    Jwt(Vec<String>),
    /// One key attestation.
    Attestation(String),
}

impl Proofs {
    pub(super) fn from_value(value: Value) -> Result<Proofs, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidProof, why);
        let Value::Object(members) = value else { return Err(refused("proofs is not an object")) };
        let mut members = members.into_iter();
        let (Some((kind, list)), None) = (members.next(), members.next()) else {
            return Err(refused("proofs must hold exactly one type of proof"));
        };
        let Value::Array(list) = list else { return Err(refused("the proofs are not a list")) };
        if list.is_empty() || list.len() > MAX_KEYS {
            return Err(refused("the list of proofs is empty or too long"));
        }
        let texts: Option<Vec<String>> = list
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Some(text),
                _ => None,
            })
            .collect();
        let mut texts = texts.ok_or_else(|| refused("a proof is not a text"))?;
        match kind.as_str() {
            "jwt" => Ok(Proofs::Jwt(texts)),
            "attestation" => match (texts.pop(), texts.is_empty()) {
                (Some(attestation), true) => Ok(Proofs::Attestation(attestation)),
                _ => Err(refused("exactly one attestation is expected")),
            },
            _ => Err(refused("this type of proof is not supported")),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Proofs::Jwt(list) => serde_json::json!({ "jwt": list }),
            Proofs::Attestation(attestation) => serde_json::json!({ "attestation": [attestation] }),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ProofClaims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    aud: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

/// A proof to be made by a holder key.
#[derive(Clone, Copy, Debug)]
pub struct ProofRequest<'a> {
    /// The credential issuer identifier.
    pub issuer: &'a str,
    /// `c_nonce`, if the issuer has a nonce endpoint.
    pub nonce: Option<&'a str>,
    /// `client_id`; left out where the token was got without one.
    pub client_id: Option<&'a str>,
    /// An attestation over all keys of the batch.
    pub key_attestation: Option<&'a str>,
    /// Seconds.
    pub now: i64,
}

impl ProofRequest<'_> {
    /// The unsigned proof, for a key that signs elsewhere.
    #[must_use]
    pub fn signing_input(&self, key: &PublicKey) -> SigningInput {
        let mut header = Header::es256(TYP).with_jwk(key.to_jwk());
        if let Some(attestation) = self.key_attestation {
            header = header.with("key_attestation", attestation);
        }
        let claims = ProofClaims {
            iss: self.client_id.map(str::to_owned),
            aud: self.issuer.to_owned(),
            iat: self.now,
            nonce: self.nonce.map(str::to_owned),
        };
        jwt::signing_input(&header, &claims)
    }

    /// Makes the proof with a key at hand.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn prove(&self, signer: &dyn Signer) -> Result<String, SignError> {
        jwt::finish(self.signing_input(signer.public_key()), signer)
    }
}

/// What a wallet provider or key store says about keys (Appendix D.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyAttestation {
    /// Who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Issued at, seconds.
    pub iat: i64,
    /// Expires at, seconds; required with the `jwt` proof type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// The keys, all of one key store.
    pub attested_keys: Vec<Jwk>,
    /// How well the key store resists (Appendix D.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_storage: Vec<String>,
    /// How well the person's authentication to it resists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_authentication: Vec<String>,
    /// Where the key store's certification is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certification: Option<String>,
    /// `c_nonce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Where to ask whether the attestation still stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

impl KeyAttestation {
    /// Signs the attestation as wallet provider; `x5c` leaf first, without the root.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn sign(&self, signer: &dyn Signer, x5c: &[Vec<u8>]) -> Result<String, SignError> {
        jwt::sign(signer, &jwt::header_with_chain(ATTESTATION_TYP, x5c), self)
    }
}

/// What an issuer expects of proofs.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The credential issuer identifier, the proofs' audience.
    pub issuer: &'a str,
    /// Recognises a `c_nonce` of ours that is still fresh; consuming it is the caller's next step.
    pub nonce: &'a dyn Fn(&str) -> bool,
    /// The client of the access token; `None` after anonymous access.
    pub client_id: Option<&'a str>,
    /// Most keys in one request (the published batch size).
    pub max_keys: usize,
    /// Whom we trust to attest keys; `None` refuses every attestation.
    pub attesters: Option<Attesters<'a>>,
    /// What attestations must show; `None` asks for none.
    pub attestation_required: Option<&'a KeyAttestationsRequired>,
    /// Seconds.
    pub now: i64,
}

impl std::fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expected").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why proofs were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There are none.
    #[error("proofs is missing")]
    Missing,
    /// More keys than the issuer's batch size.
    #[error("more keys than batch_size")]
    TooMany,
    /// Not a JWT with the required claims.
    #[error("a proof is malformed")]
    Malformed,
    /// `typ` is not `openid4vci-proof+jwt`.
    #[error("a proof has another typ")]
    Type,
    /// `alg` is not ES256.
    #[error("a proof must be signed with ES256")]
    Algorithm,
    /// The key is missing, named twice, private, not on P-256, or not resolvable.
    #[error("a proof does not name one public P-256 key")]
    Key,
    /// The signature is not by the named key.
    #[error("a proof's signature is wrong")]
    Signature,
    /// Two proofs or attested keys are the same key.
    #[error("a key stands twice")]
    RepeatedKey,
    /// `aud` is not this issuer.
    #[error("a proof is for another audience")]
    Audience,
    /// `iss` is another client, or present after anonymous access.
    #[error("a proof is by another client")]
    ForeignClient,
    /// `iat` lies outside the window.
    #[error("a proof is too old or from the future")]
    Time,
    /// A proof has no nonce.
    #[error("a proof has no nonce")]
    NonceMissing,
    /// A nonce is not ours, or no longer fresh.
    #[error("a proof's nonce is unknown or stale")]
    NonceUnknown,
    /// An attestation is required and absent.
    #[error("a key attestation is required")]
    AttestationMissing,
    /// An attestation is no well-formed JWT of its type.
    #[error("the key attestation is malformed")]
    AttestationMalformed,
    /// Nobody we trust signed the attestation.
    #[error("the key attestation is by an untrusted attester")]
    AttestationUntrusted,
    /// The attestation's signature is wrong.
    #[error("the key attestation's signature is wrong")]
    AttestationSignature,
    /// The attestation has expired, is from the future, or lacks `exp` where it is required.
    #[error("the key attestation is expired or without exp")]
    AttestationExpired,
    /// The attestation does not show what the issuer demands.
    #[error("the key attestation shows too low a level")]
    AttestationLevel,
    /// The proof is signed by a key that its attestation does not name.
    #[error("the proof's key is not among the attested keys")]
    NotAttested,
}

impl Refusal {
    /// The code on the wire (§8.3.1.2).
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Refusal::NonceUnknown => Code::InvalidNonce,
            Refusal::TooMany => Code::InvalidCredentialRequest,
            _ => Code::InvalidProof,
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

/// Keys whose holder proved them, in the order of the request.
#[derive(Clone, Debug)]
pub struct VerifiedKeys {
    keys: Vec<PublicKey>,
    nonces: Vec<String>,
    attestation: Option<KeyAttestation>,
}

impl VerifiedKeys {
    /// One credential may be bound to each.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The distinct nonces, each to be consumed once (mostly one).
    #[must_use]
    pub fn nonces(&self) -> &[String] {
        &self.nonces
    }

    /// The attestation, if there was one.
    #[must_use]
    pub fn attestation(&self) -> Option<&KeyAttestation> {
        self.attestation.as_ref()
    }
}

/// Judges the proofs of a credential request (Appendix F.4).
///
/// # Errors
/// The first rule that does not hold.
pub fn verify(proofs: Option<&Proofs>, expected: &Expected<'_>) -> Result<VerifiedKeys, Refusal> {
    let mut verified = VerifiedKeys { keys: Vec::new(), nonces: Vec::new(), attestation: None };
    match proofs.ok_or(Refusal::Missing)? {
        Proofs::Attestation(attestation) => {
            let attestation = verify_attestation(attestation, expected, false)?;
            verified.take_attested(attestation, expected)?;
        }
        Proofs::Jwt(list) => {
            if list.len() > expected.max_keys {
                return Err(Refusal::TooMany);
            }
            for proof in list {
                verify_one(proof, expected, &mut verified)?;
            }
        }
    }
    if expected.attestation_required.is_some() && verified.attestation.is_none() {
        return Err(Refusal::AttestationMissing);
    }
    Ok(verified)
}

impl VerifiedKeys {
    fn take_key(&mut self, key: PublicKey, expected: &Expected<'_>) -> Result<(), Refusal> {
        if self.keys.contains(&key) {
            return Err(Refusal::RepeatedKey);
        }
        if self.keys.len() >= expected.max_keys {
            return Err(Refusal::TooMany);
        }
        self.keys.push(key);
        Ok(())
    }

    fn take_nonce(&mut self, nonce: Option<&str>, expected: &Expected<'_>) -> Result<(), Refusal> {
        let nonce = nonce.ok_or(Refusal::NonceMissing)?;
        if !self.nonces.iter().any(|known| known == nonce) {
            if !(expected.nonce)(nonce) {
                return Err(Refusal::NonceUnknown);
            }
            self.nonces.push(nonce.to_owned());
        }
        Ok(())
    }

    fn take_attested(&mut self, attestation: KeyAttestation, expected: &Expected<'_>) -> Result<(), Refusal> {
        self.take_nonce(attestation.nonce.as_deref(), expected)?;
        for jwk in &attestation.attested_keys {
            let key = PublicKey::from_signing_jwk(jwk).map_err(|_| Refusal::AttestationMalformed)?;
            self.take_key(key, expected)?;
        }
        self.attestation = Some(attestation);
        Ok(())
    }
}

fn verify_one(proof: &str, expected: &Expected<'_>, verified: &mut VerifiedKeys) -> Result<(), Refusal> {
    let unverified = jwt::parse(proof, jwt::LONG, TYP)?;
    let header = unverified.header();
    let attestation = match header.extra.get("key_attestation") {
        None => None,
        Some(Value::String(text)) => Some(verify_attestation(text, expected, true)?),
        Some(_) => return Err(Refusal::AttestationMalformed),
    };
    let key = match (&header.jwk, &header.kid, &header.x5c) {
        (Some(jwk), None, None) => PublicKey::from_signing_jwk(jwk).map_err(|_| Refusal::Key)?,
        (None, Some(kid), None) => named_key(kid, attestation.as_ref()).ok_or(Refusal::Key)?,
        _ => return Err(Refusal::Key),
    };
    let claims: ProofClaims = jwt::verify(unverified, &key, TYP)?;
    if claims.aud != expected.issuer {
        return Err(Refusal::Audience);
    }
    if claims.iss.is_some() && claims.iss.as_deref() != expected.client_id {
        return Err(Refusal::ForeignClient);
    }
    if outside_window(claims.iat, expected.now) {
        return Err(Refusal::Time);
    }
    verified.take_nonce(claims.nonce.as_deref(), expected)?;
    match attestation {
        None => verified.take_key(key, expected),
        Some(attestation) => {
            let named = |jwk: &Jwk| PublicKey::from_jwk(jwk).is_ok_and(|attested| attested == key);
            if !attestation.attested_keys.iter().any(named) {
                return Err(Refusal::NotAttested);
            }
            verified.take_attested(attestation, expected)
        }
    }
}

/// The key that `kid` means: an attested one (by its own `kid`, thumbprint or place), or that of a did:jwk.
fn named_key(kid: &str, attestation: Option<&KeyAttestation>) -> Option<PublicKey> {
    if let Some(attestation) = attestation {
        let keys = &attestation.attested_keys;
        let by_name =
            |jwk: &&Jwk| jwk.kid.as_deref() == Some(kid) || jwk.thumbprint().is_ok_and(|t| t == kid);
        let jwk = keys.iter().find(by_name).or_else(|| keys.get(kid.parse::<usize>().ok()?))?;
        return PublicKey::from_signing_jwk(jwk).ok();
    }
    let (did, _) = kid.split_once('#')?;
    let json = encoding::b64url_decode(did.strip_prefix("did:jwk:")?).ok()?;
    PublicKey::from_signing_jwk(&crate::json::parse(&json, 4096).ok()?).ok()
}

fn outside_window(iat: i64, now: i64) -> bool {
    iat > now.saturating_add(SKEW_S) || iat < now.saturating_sub(MAX_AGE_S)
}

fn verify_attestation(
    text: &str,
    expected: &Expected<'_>,
    with_jwt: bool,
) -> Result<KeyAttestation, Refusal> {
    let unverified =
        jwt::parse(text, jwt::LONG, ATTESTATION_TYP).map_err(|_| Refusal::AttestationMalformed)?;
    let attesters = expected.attesters.ok_or(Refusal::AttestationUntrusted)?;
    let attester = attesters(&jwt::key_hint(&unverified)).ok_or(Refusal::AttestationUntrusted)?;
    let attestation: KeyAttestation =
        jwt::verify(unverified, &attester, ATTESTATION_TYP).map_err(|error| match error {
            JwtError::Signature => Refusal::AttestationSignature,
            _ => Refusal::AttestationMalformed,
        })?;
    if attestation.attested_keys.is_empty() || attestation.attested_keys.len() > MAX_KEYS {
        return Err(Refusal::AttestationMalformed);
    }
    let expired = match attestation.exp {
        Some(exp) => exp <= expected.now,
        None => with_jwt || outside_window(attestation.iat, expected.now),
    };
    if expired || attestation.iat > expected.now.saturating_add(SKEW_S) {
        return Err(Refusal::AttestationExpired);
    }
    if let Some(required) = expected.attestation_required {
        let shows =
            |wanted: &[String], has: &[String]| wanted.is_empty() || has.iter().any(|h| wanted.contains(h));
        if !shows(&required.key_storage, &attestation.key_storage)
            || !shows(&required.user_authentication, &attestation.user_authentication)
        {
            return Err(Refusal::AttestationLevel);
        }
    }
    Ok(attestation)
}

#[cfg(test)]
mod tests;

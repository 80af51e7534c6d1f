//! Signed JWTs as the protocols here use them: one algorithm, an explicit type, bounded, and a key chosen by the caller.

use keys::jws::{Header, SigningInput, Typ, Unverified};
use keys::{PublicKey, SignError, Signer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attestation::KeyHint;

/// Longest proof-like JWT (DPoP, key proof, proof of possession), in bytes.
pub(crate) const SHORT: usize = 24 * 1024;
/// Longest JWT with certificates or many keys in it, in bytes.
pub(crate) const LONG: usize = 128 * 1024;

/// Why a JWT was refused before its claims were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwtError {
    /// Too long, not a JWS, or its header or claims have the wrong shape.
    Malformed,
    /// Another `typ`.
    Type,
    /// Another `alg` than ES256: `none`, a MAC, or one that this profile does not take.
    Algorithm,
    /// The key is missing or not on P-256.
    Key,
    /// The signature is not by this key.
    Signature,
}

/// Reads a JWT and pins `typ` and `alg`; nothing is verified yet.
pub(crate) fn parse(text: &str, max: usize, typ: &str) -> Result<Unverified, JwtError> {
    let unverified = Unverified::parse(text, max).map_err(|_| JwtError::Malformed)?;
    let header = unverified.header();
    if header.alg != "ES256" {
        return Err(JwtError::Algorithm);
    }
    if header.typ.as_deref() != Some(typ) {
        return Err(JwtError::Type);
    }
    Ok(unverified)
}

/// Verifies the signature and reads the claims.
pub(crate) fn verify<T: DeserializeOwned>(
    unverified: Unverified,
    key: &PublicKey,
    typ: &str,
) -> Result<T, JwtError> {
    let verified = unverified.verify(key, Typ::Is(typ)).map_err(|_| JwtError::Signature)?;
    if !crate::json::is_object(verified.payload()) {
        return Err(JwtError::Malformed);
    }
    verified.claims().map_err(|_| JwtError::Malformed)
}

/// The public key in the header's `jwk`.
pub(crate) fn embedded_key(unverified: &Unverified) -> Result<PublicKey, JwtError> {
    let jwk = unverified.header().jwk.as_ref().ok_or(JwtError::Key)?;
    PublicKey::from_signing_jwk(jwk).map_err(|_| JwtError::Key)
}

/// A header with certificates, leaf first; none leaves `x5c` out.
pub(crate) fn header_with_chain(typ: &str, x5c: &[Vec<u8>]) -> Header {
    let header = Header::es256(typ);
    if x5c.is_empty() { header } else { header.with_x5c(x5c.to_vec()) }
}

/// Header and claims ready to be signed, by a key that may live elsewhere.
pub(crate) fn signing_input<T: Serialize>(header: &Header, claims: &T) -> SigningInput {
    // Our claim types hold strings, numbers and JSON values only: writing them to memory can't fail.
    SigningInput::new(header, &serde_json::to_vec(claims).unwrap_or_default())
}

/// Signs with a key at hand.
pub(crate) fn sign<T: Serialize>(
    signer: &dyn Signer,
    header: &Header,
    claims: &T,
) -> Result<String, SignError> {
    finish(signing_input(header, claims), signer)
}

/// Completes a signing input with a key at hand.
pub(crate) fn finish(input: SigningInput, signer: &dyn Signer) -> Result<String, SignError> {
    let signature = signer.sign(input.as_bytes())?;
    Ok(input.finish(&signature))
}

/// How a JWT points at its signer's key.
pub(crate) fn key_hint(unverified: &Unverified) -> KeyHint {
    #[derive(serde::Deserialize)]
    struct Issuer {
        iss: Option<String>,
    }
    let header = unverified.header();
    KeyHint {
        x5c: header.x5c.clone().unwrap_or_default(),
        kid: header.kid.clone(),
        claimed_issuer: unverified.dangerous_claims::<Issuer>().ok().and_then(|payload| payload.iss),
    }
}

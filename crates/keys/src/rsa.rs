//! RSA for relying parties of the login that know RS256 only (RFC 7518 §3.3).

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair},
};
use x509_cert::der::{Decode, Reader, SliceReader, asn1::UintRef};
use zeroize::Zeroizing;

use crate::{
    BadSignature, Jwk, KeyError, SignError,
    encoding::{b64url_decode, b64url_encode},
};

/// An RSA private key.
pub struct RsaKey {
    pair: RsaKeyPair,
    jwk: Jwk,
}

impl RsaKey {
    /// A fresh key of 2048, 3072 or 4096 bits.
    pub fn generate(bits: u32) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(KeyError::Unsupported),
        };
        RsaKeyPair::generate(size).map_err(|_| KeyError::Malformed).and_then(Self::of)
    }

    /// Reads a PKCS #8 `PrivateKeyInfo`.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed).and_then(Self::of)
    }

    fn of(pair: RsaKeyPair) -> Result<Self, KeyError> {
        // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 §A.1.1).
        let numbers = SliceReader::new(pair.public_key().as_ref())
            .and_then(|mut der| der.sequence(|inner| Ok((UintRef::decode(inner)?, UintRef::decode(inner)?))));
        let (n, e) = numbers.map_err(|_: x509_cert::der::Error| KeyError::Malformed)?;
        let number = |number: UintRef<'_>| Some(b64url_encode(number.as_bytes()));
        let jwk = Jwk { kty: "RSA".into(), n: number(n), e: number(e), ..Jwk::default() };
        Ok(Self { pair, jwk })
    }

    /// The PKCS #8 `PrivateKeyInfo`, wiped when dropped.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der: Pkcs8V1Der<'static> = self.pair.as_der().map_err(|_| KeyError::Malformed)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The public half, with nothing but the key.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Signs `message`: RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn sign_rs256(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| SignError("the engine failed".into()))?;
        Ok(signature)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").field("jwk", &self.jwk).finish_non_exhaustive()
    }
}

/// Checks an RS256 signature; keys from 2048 to 8192 bits that say nothing against that use.
pub fn verify_rs256(jwk: &Jwk, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    if jwk.kty != "RSA" || !jwk.may_verify("RS256") {
        return Err(BadSignature);
    }
    let number = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| text.len() <= 1400).ok_or(BadSignature)?;
        b64url_decode(text).map_err(|_| BadSignature)
    };
    let key = PublicKeyComponents { n: number(&jwk.n)?, e: number(&jwk.e)? };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).map_err(|_| BadSignature)
}

#[cfg(test)]
mod tests;

//! A signature around JSON (JAdES, ETSI TS 119 182-1): B-B, and B-T with a timestamp.
//!
//! The flattened JSON serialization of a JWS (RFC 7515 §7.2.2). The signed header names algorithm, time (`iat`),
//! certificate (`x5t#S256`) and chain (`x5c`); a timestamp stands in `etsiU` (§5.3.4), over the encoded signature.

use keys::encoding::{b64_decode, b64_encode, b64url_decode, b64url_encode};
use keys::x509::{Certificate, Purpose};
use keys::{Signature, sha256, strict_json};
use serde::{Deserialize, Serialize};

use crate::cades::Checked;
use crate::check::{Finding, Trust};
use crate::cms::CmsError;
use crate::tsp::Timestamp;

/// The largest signed JSON that is read, in bytes.
pub const MAX_JADES: usize = 4 * 1024 * 1024;
/// How many certificates the header may carry.
const MAX_CHAIN: usize = 8;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    cty: String,
    iat: i64,
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
    x5c: Vec<String>,
}

/// What is to be signed: bytes out, signature in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    protected: String,
    payload: String,
}

impl Input {
    /// Header and payload, which is JSON; `chain` begins with the signer's certificate.
    ///
    /// # Errors
    /// No certificate, or the header has no encoding.
    pub fn new(payload: &[u8], chain: &[Certificate], time: i64) -> Result<Self, CmsError> {
        let signer = chain.first().ok_or(CmsError::SignerMissing)?;
        let header = Header {
            alg: "ES256".into(),
            cty: "json".into(),
            iat: time,
            thumbprint: b64url_encode(&signer.sha256()),
            x5c: chain.iter().map(|certificate| b64_encode(certificate.der())).collect(),
        };
        let header = serde_json::to_vec(&header).map_err(|_| CmsError::Malformed)?;
        Ok(Self { protected: b64url_encode(&header), payload: b64url_encode(payload) })
    }

    /// The bytes to sign (ES256; RFC 7515 §5.1).
    pub fn to_sign(&self) -> Vec<u8> {
        [self.protected.as_bytes(), b".", self.payload.as_bytes()].concat()
    }

    /// Joins it with its signature.
    pub fn finish(self, signature: &Signature) -> Signed {
        let signature = b64url_encode(signature.as_bytes());
        Signed { protected: self.protected, payload: self.payload, signature, header: None }
    }
}

/// A signed JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    payload: String,
    protected: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    header: Option<Unsigned>,
    signature: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsigned {
    #[serde(rename = "etsiU")]
    properties: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureTimestamp {
    #[serde(rename = "sigTst")]
    stamp: Tokens,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tokens {
    #[serde(rename = "tstTokens")]
    tokens: Vec<Token>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    val: String,
}

impl Signed {
    /// The SHA-256 that a timestamp is asked for (TS 119 182-1 §5.3.4).
    pub fn imprint(&self) -> [u8; 32] {
        sha256(self.signature.as_bytes())
    }

    /// Adds the timestamp token of this signature.
    ///
    /// # Errors
    /// It has no encoding.
    pub fn with_timestamp(mut self, token: &[u8]) -> Result<Self, CmsError> {
        let stamp = SignatureTimestamp { stamp: Tokens { tokens: vec![Token { val: b64_encode(token) }] } };
        let property = serde_json::to_vec(&stamp).map_err(|_| CmsError::Malformed)?;
        self.header = Some(Unsigned { properties: vec![b64url_encode(&property)] });
        Ok(self)
    }

    /// The JSON.
    ///
    /// # Errors
    /// It has no encoding.
    pub fn to_json(&self) -> Result<Vec<u8>, CmsError> {
        serde_json::to_vec(self).map_err(|_| CmsError::Malformed)
    }

    fn token(&self) -> Result<Option<Timestamp>, Finding> {
        let Some(header) = &self.header else { return Ok(None) };
        let malformed = || Finding::Signature(CmsError::Malformed);
        let [property] = header.properties.as_slice() else { return Err(malformed()) };
        let property = b64url_decode(property).map_err(|_| malformed())?;
        let stamp: SignatureTimestamp = strict_json::parse(&property).map_err(|_| malformed())?;
        let [token] = stamp.stamp.tokens.as_slice() else { return Err(malformed()) };
        let token = b64_decode(&token.val).map_err(|_| malformed())?;
        Timestamp::read(&token).map(Some).map_err(Finding::Timestamp)
    }
}

/// Checks a signed JSON and returns its payload with what was found.
///
/// # Errors
/// The first [`Finding`] that refuses it.
pub fn check(json: &[u8], trust: &Trust<'_>) -> Result<(Vec<u8>, Checked), Finding> {
    let refused = Finding::Signature;
    if json.len() > MAX_JADES {
        return Err(refused(CmsError::TooLarge));
    }
    let malformed = || refused(CmsError::Malformed);
    let signed: Signed = strict_json::parse(json).map_err(|_| malformed())?;
    let header = b64url_decode(&signed.protected).map_err(|_| malformed())?;
    let header: Header = strict_json::parse(&header).map_err(|_| malformed())?;
    if header.alg != "ES256" || header.x5c.len() > MAX_CHAIN {
        return Err(refused(CmsError::Unsupported));
    }
    let chain: Vec<Certificate> = header
        .x5c
        .iter()
        .map(|one| Certificate::parse(&b64_decode(one).ok()?).ok())
        .collect::<Option<_>>()
        .ok_or_else(malformed)?;
    let own = chain.first().ok_or(refused(CmsError::SignerMissing))?;
    if b64url_encode(&own.sha256()) != header.thumbprint {
        return Err(refused(CmsError::OtherCertificate));
    }
    let payload = b64url_decode(&signed.payload).map_err(|_| malformed())?;
    let input = Input { protected: signed.protected.clone(), payload: signed.payload.clone() };
    let signature = b64url_decode(&signed.signature).map_err(|_| malformed())?;
    let signature = Signature::from_bytes(&signature).map_err(|_| refused(CmsError::BadSignature))?;
    own.public_key().verify(&input.to_sign(), &signature).map_err(|_| refused(CmsError::BadSignature))?;
    let stamp = signed.token()?;
    let mut brought = chain.clone();
    brought.extend(stamp.iter().flat_map(Timestamp::certificates).cloned());
    let proven_at = match &stamp {
        None => None,
        Some(stamp) => {
            let authority = stamp.verify(&signed.imprint()).map_err(Finding::Timestamp)?;
            let checked =
                crate::check::certificate(authority, &brought, Purpose::TimeStamp, stamp.time, trust);
            checked.map_err(|finding| match finding {
                Finding::Untrusted => Finding::TimestampUntrusted,
                other => other,
            })?;
            Some(stamp.time)
        }
    };
    crate::check::certificate(own, &brought, Purpose::Document, proven_at.unwrap_or(trust.now), trust)?;
    Ok((payload, Checked { certificate: own.clone(), proven_at, claimed_at: Some(header.iat) }))
}

#[cfg(test)]
mod tests;

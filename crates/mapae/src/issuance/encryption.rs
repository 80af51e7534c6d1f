//! Encrypted requests and responses (OpenID4VCI 1.0 §10): ECDH-ES on P-256 with AES-GCM, no compression.
//!
//! The key follows from a seed under the KEK; seeds that were rotated away still open what was sealed to them while
//! wallets keep old metadata.

use http::{HeaderMap, header};
use keys::{Jwk, SecretKey};
use openid::vci::ResponseEncryption;
use openid::{Code, OAuthError};

use super::EncryptionPolicy;
use crate::operations::{Platform, SecretName};

/// A key that wallets encrypt to.
#[derive(Debug)]
pub(super) struct RequestKey {
    kid: String,
    key: SecretKey,
}

impl RequestKey {
    fn of(seed: &[u8; 32]) -> Self {
        let key = SecretKey::derive(seed, b"", b"mapae credential request");
        Self { kid: key.public_key().thumbprint(), key }
    }

    fn jwk(&self) -> Jwk {
        self.key.public_key().to_jwk().with_kid(self.kid.clone()).with_alg("ECDH-ES").with_use("enc")
    }
}

/// The keys, the one that the metadata publishes first.
fn request_keys(platform: &Platform) -> &[RequestKey] {
    platform.local.issuance.request_keys.get_or_init(|| {
        let seeds = platform.keys.every_secret(SecretName::CredentialRequest);
        seeds.map(|seed| RequestKey::of(&seed.bytes)).collect()
    })
}

/// The public key for the metadata.
pub(super) fn published(platform: &Platform) -> Option<Jwk> {
    request_keys(platform).first().map(RequestKey::jwk)
}

/// The key that opens an encrypted request, or `None` for a plain one; `malformed` is the code of a body of neither
/// media type.
///
/// # Errors
/// `invalid_encryption_parameters` for a request encrypted to no key of ours, or a plain one where encryption is
/// required.
pub(super) fn key_of<'p>(
    platform: &'p Platform,
    headers: &HeaderMap,
    body: &[u8],
    malformed: Code,
) -> Result<Option<&'p SecretKey>, OAuthError> {
    let refused = |why| OAuthError::new(Code::InvalidEncryptionParameters, why);
    if has_type(headers, "application/json") {
        return match platform.config.issuance.encryption {
            EncryptionPolicy::Required => Err(refused("the request must be encrypted")),
            EncryptionPolicy::Offered => Ok(None),
        };
    }
    if !has_type(headers, "application/jwt") {
        return Err(OAuthError::new(malformed, "the body must be application/json or application/jwt"));
    }
    let text = std::str::from_utf8(body).map_err(|_| refused("the request is no JWE"))?;
    let head = keys::jwe::header(text.trim()).map_err(|_| refused("alg, enc or zip is not offered"))?;
    let known = request_keys(platform);
    let key = match &head.kid {
        Some(kid) => known.iter().find(|key| key.kid == *kid),
        None => known.first(),
    };
    key.map(|key| Some(&key.key)).ok_or_else(|| refused("kid is no key of this issuer"))
}

/// Judges how the response is to be encrypted. The wish must itself have come encrypted, or whoever is in between could
/// put a key of their own in its place (§8.2, §9.1).
///
/// # Errors
/// `invalid_encryption_parameters`.
pub(super) fn judge(
    platform: &Platform,
    wish: Option<&ResponseEncryption>,
    came_encrypted: bool,
) -> Result<(), OAuthError> {
    let refused = |why| Err(OAuthError::new(Code::InvalidEncryptionParameters, why));
    match wish {
        None if platform.config.issuance.encryption == EncryptionPolicy::Required => {
            refused("the response must be encrypted")
        }
        Some(_) if !came_encrypted => {
            refused("a request with credential_response_encryption must be encrypted")
        }
        _ => Ok(()),
    }
}

/// Whether the body is of this media type.
pub(super) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

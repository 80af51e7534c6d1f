//! `private_key_jwt`: a client authenticates by a JWT that it signs (OpenID Connect Core §9, RFC 7523 §2.2 and §3).
//!
//! ES256 only, so that no key can be taken for another algorithm's. The `jti` of a verified assertion is the caller's to
//! consume once.

use keys::jws::{Header, SigningInput, Typ, Unverified};
use keys::{PublicKey, SignError, Signer, encoding};
use serde::{Deserialize, Serialize};

use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::jwt;

/// `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The authentication method's name in metadata.
pub const METHOD: &str = "private_key_jwt";
/// How long an assertion may be good from now on, in seconds.
pub const MAX_LIFE_S: i64 = 600;
/// How far a client's clock may be from ours, in seconds.
pub const SKEW_S: i64 = 60;
/// Longest `jti`, in bytes.
const MAX_JTI: usize = 256;
/// What `typ` may be; most clients write `JWT` or nothing.
const TYPES: &[&str] = &["JWT", "client-authentication+jwt"];

/// One value or several: `aud` may be either (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    /// Whether one of `names` is meant.
    #[must_use]
    pub fn names(&self, names: &[&str]) -> bool {
        match self {
            Audience::One(one) => names.contains(&one.as_str()),
            Audience::Several(several) => several.iter().any(|one| names.contains(&one.as_str())),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    jti: String,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// An assertion as received: only whose it says it is may be looked at.
#[derive(Clone, Debug)]
pub struct ClientAssertion {
    unverified: Unverified,
    client_id: String,
}

/// What an assertion is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Names of ours that `aud` may hold: issuer, token endpoint, the endpoint called (RFC 9126 §2).
    pub audiences: &'a [&'a str],
    /// Whether `aud` has to be the first of them, as one text (FAPI 2.0 Security Profile §5.3.2.1).
    pub strict: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// An assertion whose signature and claims hold; it counts once `replay_id` is consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// What must be consumed once.
    pub replay_id: String,
    /// Until when that has to be remembered, in seconds.
    pub replay_until: i64,
}

impl ClientAssertion {
    /// Reads the assertion of a request, if it carries one.
    ///
    /// # Errors
    /// `invalid_client` for another type, another algorithm, a malformed one, or one whose client differs from `client_id`.
    pub fn read(form: &Form) -> Result<Option<ClientAssertion>, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidClient, why);
        let (kind, text) = match (form.get("client_assertion_type"), form.get("client_assertion")) {
            (None, None) => return Ok(None),
            (Some(kind), Some(text)) => (kind, text),
            _ => return Err(refused("client_assertion and client_assertion_type belong together")),
        };
        if kind != ASSERTION_TYPE {
            return Err(refused("client_assertion_type is unknown"));
        }
        let unverified =
            Unverified::parse(text, jwt::SHORT).map_err(|_| refused("the client assertion is malformed"))?;
        if unverified.header().alg != "ES256" {
            return Err(refused("the client assertion must be signed with ES256"));
        }
        let claims: Claims =
            unverified.dangerous_claims().map_err(|_| refused("the client assertion is malformed"))?;
        if form.get("client_id").is_some_and(|id| id != claims.sub) {
            return Err(refused("client_id differs from the client assertion"));
        }
        if form.get("client_secret").is_some() {
            return Err(OAuthError::new(Code::InvalidRequest, "two client authentications at once"));
        }
        Ok(Some(ClientAssertion { unverified, client_id: claims.sub }))
    }

    /// Whose assertion it says it is.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The key's name, where the header has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.unverified.header().kid.as_deref()
    }

    /// Judges signature and claims (RFC 7523 §3).
    ///
    /// # Errors
    /// `invalid_client`, the first rule that does not hold.
    pub fn verify(self, key: &PublicKey, expected: &Expected<'_>) -> Result<VerifiedAssertion, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidClient, why);
        let typ = if self.unverified.header().typ.is_some() { Typ::OneOf(TYPES) } else { Typ::Any };
        let verified =
            self.unverified.verify(key, typ).map_err(|_| refused("the client assertion does not verify"))?;
        let claims: Claims = verified.claims().map_err(|_| refused("the client assertion is malformed"))?;
        if claims.iss != self.client_id || claims.sub != self.client_id {
            return Err(refused("iss and sub of a client assertion are the client"));
        }
        let meant = match (expected.strict, &claims.aud) {
            (true, Audience::One(one)) => expected.audiences.first() == Some(&one.as_str()),
            (true, Audience::Several(_)) => false,
            (false, audience) => audience.names(expected.audiences),
        };
        if !meant {
            return Err(refused("the client assertion is meant for somebody else"));
        }
        let now = expected.now;
        if claims.exp <= now.saturating_sub(SKEW_S) {
            return Err(refused("the client assertion has expired"));
        }
        if claims.exp > now.saturating_add(MAX_LIFE_S).saturating_add(SKEW_S) {
            return Err(refused("the client assertion is good for too long"));
        }
        let later = now.saturating_add(SKEW_S);
        if claims.nbf.is_some_and(|nbf| nbf > later) || claims.iat.is_some_and(|iat| iat > later) {
            return Err(refused("the client assertion is from the future"));
        }
        if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
            return Err(refused("the client assertion has no jti of a fitting length"));
        }
        let replay = format!("{}\n{}", self.client_id, claims.jti);
        Ok(VerifiedAssertion {
            replay_id: encoding::b64url_encode(&keys::sha256(replay.as_bytes())),
            replay_until: claims.exp.saturating_add(SKEW_S).saturating_add(1),
        })
    }

    /// Makes an assertion, as a client does; `jti` is fresh and random, good for one minute from `now`.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn make(
        signer: &dyn Signer,
        kid: &str,
        client_id: &str,
        audience: &str,
        jti: &str,
        now: i64,
    ) -> Result<String, SignError> {
        let claims = Claims {
            iss: client_id.to_owned(),
            sub: client_id.to_owned(),
            aud: Audience::One(audience.to_owned()),
            jti: jti.to_owned(),
            exp: now.saturating_add(60),
            iat: Some(now),
            nbf: None,
        };
        let input: SigningInput = jwt::signing_input(&Header::es256("JWT").with_kid(kid), &claims);
        jwt::finish(input, signer)
    }
}

#[cfg(test)]
mod tests;

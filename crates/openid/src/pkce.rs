//! Proof Key for Code Exchange (RFC 7636), `S256` only: `plain` protects nothing that the redirect does not already show.

use keys::encoding;

use crate::error::{Code, OAuthError};

/// The one challenge method.
pub const METHOD: &str = "S256";

/// The client's secret for one authorization request: 43 to 128 unreserved characters (§4.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier(String);

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

impl Verifier {
    /// A fresh verifier of 256 random bits.
    #[must_use]
    pub fn random() -> Verifier {
        Verifier(keys::random::token())
    }

    /// Reads a verifier from a token request.
    ///
    /// # Errors
    /// `invalid_request` if its length or characters are not §4.1's.
    pub fn parse(text: &str) -> Result<Verifier, OAuthError> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Verifier(text.to_owned()))
        } else {
            Err(OAuthError::new(Code::InvalidRequest, "code_verifier is malformed"))
        }
    }

    /// The text for the token request.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The challenge for the authorization request: `BASE64URL(SHA256(verifier))` (§4.2).
    #[must_use]
    pub fn challenge(&self) -> Challenge {
        Challenge(encoding::b64url_encode(&keys::sha256(self.0.as_bytes())))
    }
}

/// The public half, bound to the authorization code (§4.4).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Challenge(String);

impl Challenge {
    /// Reads `code_challenge` and `code_challenge_method`; an absent method means `plain` (§4.3) and is refused.
    ///
    /// # Errors
    /// `invalid_request` for a missing or malformed challenge or another method.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Challenge, OAuthError> {
        let challenge = challenge.ok_or_else(|| {
            OAuthError::new(Code::InvalidRequest, "code_challenge is missing: PKCE is required")
        })?;
        if method != Some(METHOD) {
            return Err(OAuthError::new(Code::InvalidRequest, "code_challenge_method must be S256"));
        }
        Challenge::try_from(challenge.to_owned())
            .map_err(|_| OAuthError::new(Code::InvalidRequest, "code_challenge is malformed"))
    }

    /// The text for the authorization request.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Judges the verifier of a token request, in constant time (§4.6).
    ///
    /// # Errors
    /// `invalid_grant` if it is missing or does not match, `invalid_request` if malformed.
    pub fn check(&self, verifier: Option<&str>) -> Result<(), OAuthError> {
        let verifier =
            verifier.ok_or_else(|| OAuthError::new(Code::InvalidGrant, "code_verifier is missing"))?;
        let made = Verifier::parse(verifier)?.challenge();
        if keys::mac::eq(made.0.as_bytes(), self.0.as_bytes()) {
            Ok(())
        } else {
            Err(OAuthError::new(Code::InvalidGrant, "code_verifier does not match"))
        }
    }
}

impl TryFrom<String> for Challenge {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Challenge, &'static str> {
        match encoding::b64url_decode(&text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Challenge(text)),
            _ => Err("not the base64url of a SHA-256 hash"),
        }
    }
}

impl From<Challenge> for String {
    fn from(challenge: Challenge) -> String {
        challenge.0
    }
}

#[cfg(test)]
mod tests;

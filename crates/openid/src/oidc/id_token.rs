//! ID tokens (OpenID Connect Core §2) and userinfo (§5.3).

use keys::jws::{Header, SigningInput};
use keys::{SignError, Signer, encoding};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which signature a client's ID tokens carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdTokenAlgorithm {
    /// P-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSA, for relying parties that know nothing else.
    #[serde(rename = "RS256")]
    Rs256,
}

/// The claims of an ID token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdToken {
    /// The provider.
    pub iss: String,
    /// The person, as this client knows them.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Expires at, seconds.
    pub exp: i64,
    /// Issued at, seconds.
    pub iat: i64,
    /// Logged in at, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// From the authorization request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The level of authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Its means (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Half of the hash of the access token beside it (§3.1.3.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// The session, for logout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The party the token was issued to, where it differs from `aud`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azp: Option<String>,
    /// Claims about the person.
    #[serde(flatten)]
    pub claims: Map<String, Value>,
}

/// A key that signs ID tokens, with its name in the provider's JWKS.
#[derive(Clone, Copy)]
pub enum IdTokenSigner<'a> {
    /// ES256.
    Es256 {
        /// The key.
        signer: &'a dyn Signer,
        /// Its name.
        kid: &'a str,
    },
    /// RS256.
    #[cfg(feature = "aws-lc")]
    Rs256 {
        /// The key.
        key: &'a keys::rsa::RsaKey,
        /// Its name.
        kid: &'a str,
    },
}

impl std::fmt::Debug for IdTokenSigner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdTokenSigner").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

impl IdTokenSigner<'_> {
    /// Which signature it makes.
    #[must_use]
    pub fn algorithm(&self) -> IdTokenAlgorithm {
        match self {
            IdTokenSigner::Es256 { .. } => IdTokenAlgorithm::Es256,
            #[cfg(feature = "aws-lc")]
            IdTokenSigner::Rs256 { .. } => IdTokenAlgorithm::Rs256,
        }
    }

    /// Signs any claims under a `typ` (`JWT` for ID tokens, `logout+jwt` for logout tokens).
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, SignError> {
        let payload =
            serde_json::to_vec(claims).map_err(|_| SignError("the claims are no JSON".to_owned()))?;
        match self {
            IdTokenSigner::Es256 { signer, kid } => {
                let input = SigningInput::new(&Header::es256(typ).with_kid(*kid), &payload);
                crate::jwt::finish(input, *signer)
            }
            #[cfg(feature = "aws-lc")]
            IdTokenSigner::Rs256 { key, kid } => {
                let input = SigningInput::new(&Header::rs256(typ).with_kid(*kid), &payload);
                let signature = key.sign_rs256(input.as_bytes())?;
                Ok(input.finish_raw(&signature))
            }
        }
    }
}

impl IdToken {
    /// Signs the token.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn sign(&self, signer: &IdTokenSigner<'_>) -> Result<String, SignError> {
        signer.sign("JWT", self)
    }
}

/// `at_hash` and `c_hash`: the left half of SHA-256 of a token or code (§3.1.3.6), for ES256 and RS256.
#[must_use]
pub fn token_hash(token: &str) -> String {
    let hash = keys::sha256(token.as_bytes());
    let (left, _) = hash.split_at(16);
    encoding::b64url_encode(left)
}

/// A userinfo response (§5.3.2): `sub` always, then the granted claims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserInfo {
    /// The same as in the ID token.
    pub sub: String,
    /// The granted claims.
    #[serde(flatten)]
    pub claims: Map<String, Value>,
}

//! JSON Web Keys (RFC 7517), public ones only.

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{KeyError, digest::sha256, encoding::b64url_encode};

/// A public key in JSON: P-256 (`x`, `y`) or RSA (`n`, `e`); of other kinds only what names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Read")]
pub struct Jwk {
    /// Key type: `EC` or `RSA` (RFC 7517 §4.1).
    pub kty: String,
    /// Curve: `P-256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// x coordinate, 32 bytes in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// y coordinate, 32 bytes in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// RSA modulus in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA exponent in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// The algorithm the key is for, such as `ES256` or `ECDH-ES` (§4.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig` or `enc` (§4.2).
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub use_: Option<String>,
    /// The key's name (§4.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// What `key_ops` of a key that was read allows (§4.3). Not written: ours say `use`.
    #[serde(skip)]
    pub operations: Operations,
}

/// What a public key may do by its `key_ops`; without them, both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations {
    /// Check signatures.
    pub verify: bool,
    /// Agree on another key.
    pub agree: bool,
}

impl Default for Operations {
    fn default() -> Self {
        Self { verify: true, agree: true }
    }
}

impl Operations {
    fn named(names: &[String]) -> Self {
        // Browsers write no operations at all for the public half of an agreement: that says nothing.
        if names.is_empty() {
            return Self::default();
        }
        let any = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
        Self { verify: any(&["verify"]), agree: any(&["deriveKey", "deriveBits"]) }
    }
}

/// What may stand in a JWK that we read; private members only to refuse them.
#[derive(Deserialize)]
struct Read {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    use_: Option<String>,
    key_ops: Option<Vec<String>>,
    kid: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl TryFrom<Read> for Jwk {
    type Error = KeyError;

    fn try_from(read: Read) -> Result<Self, KeyError> {
        let private = [&read.d, &read.p, &read.q, &read.dp, &read.dq, &read.qi, &read.k];
        if private.iter().any(|member| member.is_some()) {
            return Err(KeyError::Private);
        }
        let Read { kty, crv, x, y, n, e, alg, use_, key_ops, kid, .. } = read;
        let operations = key_ops.as_deref().map(Operations::named).unwrap_or_default();
        Ok(Self { kty, crv, x, y, n, e, alg, use_, kid, operations })
    }
}

impl Jwk {
    /// The same key under a name.
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The same key for one algorithm.
    pub fn with_alg(mut self, alg: impl Into<String>) -> Self {
        self.alg = Some(alg.into());
        self
    }

    /// The same key for `sig` or `enc`.
    pub fn with_use(mut self, use_: impl Into<String>) -> Self {
        self.use_ = Some(use_.into());
        self
    }

    /// Whether the key says nothing against checking signatures of this algorithm (§4.2 to §4.4).
    pub fn may_verify(&self, alg: &str) -> bool {
        self.operations.verify && self.is_for("sig", alg)
    }

    /// Whether the key says nothing against agreeing on a content key with it, by ECDH-ES.
    pub fn may_agree(&self) -> bool {
        self.operations.agree && self.is_for("enc", "ECDH-ES")
    }

    fn is_for(&self, use_: &str, alg: &str) -> bool {
        self.use_.as_deref().is_none_or(|named| named == use_)
            && self.alg.as_deref().is_none_or(|named| named == alg)
    }

    /// The key as a JSON value, for use inside other messages.
    pub fn to_value(&self) -> serde_json::Value {
        let members = [
            ("kty", Some(&self.kty)),
            ("crv", self.crv.as_ref()),
            ("x", self.x.as_ref()),
            ("y", self.y.as_ref()),
            ("n", self.n.as_ref()),
            ("e", self.e.as_ref()),
            ("alg", self.alg.as_ref()),
            ("use", self.use_.as_ref()),
            ("kid", self.kid.as_ref()),
        ];
        members
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value.as_str().into())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// The SHA-256 thumbprint in base64url (RFC 7638 §3), for keys of kind EC and RSA.
    pub fn thumbprint(&self) -> Result<String, KeyError> {
        // Only base64url and registered names may be put between quotes without escaping.
        let plain = |text: &Option<String>| match text {
            Some(text) if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') => {
                Ok(text.clone())
            }
            _ => Err(KeyError::Malformed),
        };
        let text = match self.kty.as_str() {
            "EC" => format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                plain(&self.crv)?,
                plain(&self.x)?,
                plain(&self.y)?
            ),
            "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, plain(&self.e)?, plain(&self.n)?),
            _ => return Err(KeyError::Unsupported),
        };
        Ok(b64url_encode(&sha256(text.as_bytes())))
    }
}

/// A JWK Set (RFC 7517 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys, in the order of the publisher.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// The key of that name; none where two keys bear it, for nobody could say which is meant.
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        let mut named = self.keys.iter().filter(|key| key.kid.as_deref() == Some(kid));
        named.next().filter(|_| named.next().is_none())
    }
}

#[cfg(test)]
mod tests;

//! The JOSE header of a signature (RFC 7515 §4.1).

use serde_json::{Map, Value};

use super::JwsError;
use crate::{
    Jwk,
    encoding::{b64_decode, b64_encode},
    strict_json::{self, JsonError},
};

/// How many certificates an `x5c` may carry.
pub const MAX_X5C: usize = 8;

/// The header of a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The algorithm, `ES256` for all we sign (`RS256` for some ID tokens).
    pub alg: String,
    /// The media type, such as `dc+sd-jwt`.
    pub typ: Option<String>,
    /// The key's name.
    pub kid: Option<String>,
    /// The key itself (RFC 9449: the DPoP key). Public; a private one is refused.
    pub jwk: Option<Jwk>,
    /// The certificates of the key as DER, leaf first.
    pub x5c: Option<Vec<Vec<u8>>>,
    /// All other members.
    pub extra: Map<String, Value>,
}

impl Header {
    /// A header for ES256 with this `typ`.
    pub fn es256(typ: impl Into<String>) -> Self {
        Self { alg: "ES256".into(), typ: Some(typ.into()), ..Self::default() }
    }

    /// A header for RS256 with this `typ`.
    pub fn rs256(typ: impl Into<String>) -> Self {
        Self { alg: "RS256".into(), typ: Some(typ.into()), ..Self::default() }
    }

    /// The same with a key name.
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The same with the key itself.
    pub fn with_jwk(mut self, jwk: Jwk) -> Self {
        self.jwk = Some(jwk);
        self
    }

    /// The same with the key's certificates, leaf first, DER.
    pub fn with_x5c(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.x5c = Some(chain);
        self
    }

    /// The same with one more member.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// The JSON, known members first.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut out =
            Vec::with_capacity(256 + self.x5c.iter().flatten().map(|c| c.len() * 4 / 3 + 8).sum::<usize>());
        let mut separator = b'{';
        let mut member = |name: &str, value: Value| {
            out.push(separator);
            separator = b',';
            // `Value` writes itself without fail: names are strings and numbers finite.
            out.extend_from_slice(Value::from(name).to_string().as_bytes());
            out.push(b':');
            out.extend_from_slice(value.to_string().as_bytes());
        };
        member("alg", self.alg.as_str().into());
        if let Some(typ) = &self.typ {
            member("typ", typ.as_str().into());
        }
        if let Some(kid) = &self.kid {
            member("kid", kid.as_str().into());
        }
        if let Some(jwk) = &self.jwk {
            member("jwk", jwk.to_value());
        }
        if let Some(chain) = &self.x5c {
            member("x5c", chain.iter().map(|der| Value::from(b64_encode(der))).collect());
        }
        for (name, value) in &self.extra {
            if !matches!(name.as_str(), "alg" | "typ" | "kid" | "jwk" | "x5c") {
                member(name, value.clone());
            }
        }
        out.push(b'}');
        out
    }

    /// Reads the JSON of a header, refusing repeated members, `crit`, and members of a wrong kind.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, JwsError> {
        let mut members = match strict_json::value(json) {
            Ok(Value::Object(members)) => members,
            Err(JsonError::DuplicateMember) => return Err(JwsError::DuplicateMember),
            Ok(_) | Err(JsonError::Malformed) => return Err(JwsError::Malformed),
        };
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(JwsError::CriticalHeader);
        }
        let mut text = |name: &str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(JwsError::Malformed),
        };
        let alg = text("alg")?.ok_or(JwsError::Malformed)?;
        let (typ, kid) = (text("typ")?, text("kid")?);
        let jwk =
            members.remove("jwk").map(serde_json::from_value).transpose().map_err(|_| JwsError::Malformed)?;
        let x5c = members.remove("x5c").map(certificates).transpose()?;
        Ok(Self { alg, typ, kid, jwk, x5c, extra: members })
    }
}

/// The DER of each certificate in an `x5c`, which holds at least one (RFC 7515 §4.1.6).
fn certificates(value: Value) -> Result<Vec<Vec<u8>>, JwsError> {
    let Value::Array(items) = value else { return Err(JwsError::Malformed) };
    if items.is_empty() || items.len() > MAX_X5C {
        return Err(JwsError::Malformed);
    }
    let der =
        |item: Value| b64_decode(item.as_str().ok_or(JwsError::Malformed)?).map_err(|_| JwsError::Malformed);
    items.into_iter().map(der).collect()
}

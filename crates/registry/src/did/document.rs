//! DID documents: ours as we make them, and any as far as a reader needs it.

use keys::{Jwk, PublicKey};
use serde_json::{Map, Value, json};

use super::base58;
use super::name::Did;
use crate::contract::MAX_DOCUMENT;

/// An agency's key.
#[derive(Debug, Clone)]
pub struct IssuerKey {
    pub key: PublicKey,
    /// Whether it still signs. One that does not stays in the document, so that what it signed can be checked.
    pub signs: bool,
}

/// A DID document that is one: an object, of this DID, of at most 8 KiB.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Map<String, Value>);

/// Why bytes are no DID document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the document is larger than {MAX_DOCUMENT} bytes")]
    TooLarge,
    #[error("the document is malformed")]
    Malformed,
    #[error("the document is of another DID")]
    OtherDid,
}

impl Document {
    /// An agency's document. `web`: its did:web; `service`: where its issuer answers.
    pub fn of_agency(did: Did, keys: &[IssuerKey], web: Option<&str>, issuer: Option<&str>) -> Self {
        let mut methods = Vec::new();
        let mut signing = Vec::new();
        for IssuerKey { key, signs } in keys {
            let name = format!("{did}#{}", key.thumbprint());
            methods.push(method_jwk(&name, &did.to_string(), key));
            let twin = format!("{name}-multikey");
            methods.push(json!({
                "id": twin,
                "type": "Multikey",
                "controller": did.to_string(),
                "publicKeyMultibase": multibase(key),
            }));
            if *signs {
                signing.push(Value::String(name));
                signing.push(Value::String(twin));
            }
        }
        let mut document = Map::new();
        document.insert("@context".into(), context());
        document.insert("id".into(), did.to_string().into());
        if let Some(web) = web {
            document.insert("alsoKnownAs".into(), json!([web]));
        }
        document.insert("verificationMethod".into(), methods.into());
        document.insert("assertionMethod".into(), signing.into());
        if let Some(issuer) = issuer {
            let id = format!("{did}#issuer");
            document.insert(
                "service".into(),
                json!([{ "id": id, "type": "OpenID4VCIssuer", "serviceEndpoint": issuer }]),
            );
        }
        Self(document)
    }

    /// A document with one key and nothing else, as did:jwk and did:key have it.
    pub(super) fn of_key(did: &str, method: Value, uses: &[&str]) -> Self {
        let name = method.get("id").cloned().unwrap_or(Value::Null);
        let mut document = Map::new();
        document.insert("@context".into(), context());
        document.insert("id".into(), did.into());
        document.insert("verificationMethod".into(), json!([method]));
        for relation in uses {
            document.insert((*relation).into(), json!([name]));
        }
        Self(document)
    }

    /// Reads a document of a DID. A member that stands twice is refused: two readers would see two documents.
    pub fn parse(did: &str, bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLarge);
        }
        let Value::Object(document) =
            keys::strict_json::parse(bytes).map_err(|_| DocumentError::Malformed)?
        else {
            return Err(DocumentError::Malformed);
        };
        match document.get("id").and_then(Value::as_str) {
            Some(id) if id == did => Ok(Self(document)),
            Some(_) => Err(DocumentError::OtherDid),
            None => Err(DocumentError::Malformed),
        }
    }

    /// The document in its one form: members sorted, no space between (RFC 8785 for what we put in).
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical(&Value::Object(self.0.clone())).into_bytes()
    }

    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// The same document under another name: a did:web that mirrors a did:mapae. Verification methods are renamed too.
    pub fn mirrored(&self, from: &str, to: &str) -> Self {
        fn renamed(value: &Value, from: &str, to: &str) -> Value {
            match value {
                Value::String(text) => match text.strip_prefix(from) {
                    Some(rest) if rest.is_empty() || rest.starts_with('#') => {
                        Value::String(format!("{to}{rest}"))
                    }
                    _ => value.clone(),
                },
                Value::Array(items) => items.iter().map(|item| renamed(item, from, to)).collect(),
                Value::Object(members) => {
                    let each = members.iter().map(|(name, value)| (name.clone(), renamed(value, from, to)));
                    Value::Object(each.collect())
                }
                other => other.clone(),
            }
        }
        let mut document = match renamed(&Value::Object(self.0.clone()), from, to) {
            Value::Object(document) => document,
            _ => Map::new(),
        };
        document.insert("alsoKnownAs".into(), json!([from]));
        Self(document)
    }

    /// Every P-256 key that stands in the document, whether or not it still signs.
    pub fn keys(&self) -> Vec<PublicKey> {
        let methods = self.0.get("verificationMethod").and_then(Value::as_array);
        let key = |method: &Value| {
            let jwk: Jwk = serde_json::from_value(method.get("publicKeyJwk")?.clone()).ok()?;
            PublicKey::from_jwk(&jwk).ok()
        };
        methods.into_iter().flatten().filter_map(key).collect()
    }

    /// The P-256 keys that sign credentials, each with the name of its verification method.
    pub fn signing_keys(&self) -> Vec<(String, PublicKey)> {
        let list = |name: &str| self.0.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let methods = list("verificationMethod");
        let key = |reference: Value| {
            // A relation names a method or holds one.
            let method = match &reference {
                Value::String(name) => {
                    methods.iter().find(|method| method.get("id").and_then(Value::as_str) == Some(name))?
                }
                embedded => embedded,
            };
            let name = method.get("id").and_then(Value::as_str)?.to_owned();
            let jwk: Jwk = serde_json::from_value(method.get("publicKeyJwk")?.clone()).ok()?;
            Some((name, PublicKey::from_jwk(&jwk).ok()?))
        };
        list("assertionMethod").into_iter().filter_map(key).collect()
    }
}

pub(super) fn method_jwk(name: &str, controller: &str, key: &PublicKey) -> Value {
    json!({
        "id": name,
        "type": "JsonWebKey",
        "controller": controller,
        "publicKeyJwk": key.to_jwk().to_value(),
    })
}

fn context() -> Value {
    json!(["https://www.w3.org/ns/did/v1", "https://www.w3.org/ns/cid/v1"])
}

/// A P-256 key as Multikey has it (CID 1.0 §2.2.2): `z` and Base58 of `80 24 ‖ compressed point`.
pub fn multibase(key: &PublicKey) -> String {
    let [_, x @ .., last] = key.as_sec1();
    let mut bytes = vec![0x80, 0x24, 2 + (last & 1)];
    bytes.extend(x.iter().take(32));
    format!("z{}", base58::encode(&bytes))
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            let each = sorted
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

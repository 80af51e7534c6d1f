//! did:jwk and did:key: the identifier is the key, and nobody is asked.

use keys::encoding::{b64url_decode, b64url_encode};
use keys::{Jwk, PublicKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde_json::json;

use super::base58;
use super::document::{Document, method_jwk, multibase};

/// The document of a did:jwk with a P-256 key; `None` for other keys and for what is malformed.
pub fn from_jwk(did: &str) -> Option<Document> {
    let bytes = b64url_decode(did.strip_prefix("did:jwk:")?).ok()?;
    // A private key in the name is refused by the reader.
    let jwk: Jwk = keys::strict_json::parse(&bytes).ok()?;
    let key = PublicKey::from_jwk(&jwk).ok()?;
    let method = method_jwk(&format!("{did}#0"), did, &key);
    let uses: &[&str] = match jwk.use_.as_deref() {
        Some("sig") => &["assertionMethod", "authentication", "capabilityInvocation", "capabilityDelegation"],
        Some("enc") => &["keyAgreement"],
        None => &[
            "assertionMethod",
            "authentication",
            "capabilityInvocation",
            "capabilityDelegation",
            "keyAgreement",
        ],
        Some(_) => return None,
    };
    Some(Document::of_key(did, method, uses))
}

/// The did:jwk of a key.
pub fn jwk_did(key: &PublicKey) -> String {
    format!("did:jwk:{}", b64url_encode(key.to_jwk().to_value().to_string().as_bytes()))
}

/// The document of a did:key with a P-256 key (`zDn…`); `None` for other keys and for what is malformed.
pub fn from_key(did: &str) -> Option<Document> {
    let name = did.strip_prefix("did:key:")?;
    let bytes = base58::decode(name.strip_prefix('z')?)?;
    let point = bytes.strip_prefix(&[0x80, 0x24])?;
    if point.len() != 33 {
        return None;
    }
    let whole = p256::PublicKey::from_sec1_bytes(point).ok()?.to_sec1_point(false);
    let key = PublicKey::from_sec1(whole.as_bytes()).ok()?;
    let method = json!({
        "id": format!("{did}#{name}"),
        "type": "JsonWebKey",
        "controller": did,
        "publicKeyJwk": key.to_jwk().to_value(),
    });
    let uses =
        ["assertionMethod", "authentication", "capabilityInvocation", "capabilityDelegation", "keyAgreement"];
    Some(Document::of_key(did, method, &uses))
}

/// The did:key of a key.
pub fn key_did(key: &PublicKey) -> String {
    format!("did:key:{}", multibase(key))
}

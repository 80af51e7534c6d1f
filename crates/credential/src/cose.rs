//! What our COSE messages (RFC 9052) have in common: ES256, and the signer's certificates in the header.

use ciborium::Value;
use coset::{CoseSign1, Header, Label, RegisteredLabelWithPrivate, iana};
use keys::{PublicKey, Signature};

/// COSE header `x5chain` (RFC 9360 §2).
pub(crate) const X5CHAIN: i64 = 33;

/// The protected header `{1: -7}`: ES256 and nothing else.
pub(crate) const ES256: [u8; 3] = [0xa1, 0x01, 0x26];

/// The value of a header parameter that has no member of its own.
pub(crate) fn header_value(header: &Header, label: i64) -> Option<&Value> {
    header.rest.iter().find(|(name, _)| *name == Label::Int(label)).map(|(_, value)| value)
}

/// Whether the message says that it is signed by ES256, and asks for nothing that is not known here.
pub(crate) fn is_es256(sign1: &CoseSign1) -> bool {
    let header = &sign1.protected.header;
    let es256 = RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256);
    header.alg == Some(es256) && header.crit.is_empty()
}

/// Whether `key` made the signature over `input`, a `Sig_structure`.
pub(crate) fn verifies(key: &PublicKey, signature: &[u8], input: &[u8]) -> bool {
    Signature::from_bytes(signature).is_ok_and(|signature| key.verify(input, &signature).is_ok())
}

/// Certificates as a header value: one as a byte string, several as an array (RFC 9360 §2).
pub(crate) fn x5chain(chain: &[Vec<u8>]) -> Option<Value> {
    match chain {
        [] => None,
        [leaf] => Some(Value::Bytes(leaf.clone())),
        many => Some(Value::Array(many.iter().cloned().map(Value::Bytes).collect())),
    }
}

/// Reads what [`x5chain`] writes.
pub(crate) fn certificates(value: &Value) -> Option<Vec<Vec<u8>>> {
    match value {
        Value::Bytes(leaf) => Some(vec![leaf.clone()]),
        Value::Array(chain) => chain.iter().map(|der| der.as_bytes().cloned()).collect(),
        _ => None,
    }
}

//! A leaf of the tree: the text that follows from a record's columns, and its hash.

use serde_json::{Value, json};

/// First element of every leaf.
const VERSION: &str = "mapae-audit-1";

/// Exactly the texts in the columns of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) actor: String,
    pub(super) duty: String,
    pub(super) act: String,
    pub(super) subject: String,
    pub(super) detail: String,
    /// Hex of the commitment to the personal part, or nothing.
    pub(super) commitment: String,
}

impl Leaf {
    /// The JSON array that is hashed.
    pub(super) fn to_value(&self) -> Value {
        json!([
            VERSION,
            self.id,
            self.at,
            self.actor,
            self.duty,
            self.act,
            self.subject,
            self.detail,
            self.commitment
        ])
    }

    /// RFC 6962 §2.1: a leaf is hashed with a 0x00 before it.
    pub(super) fn hash(&self) -> [u8; 32] {
        keys::sha256(&[b"\0", self.to_value().to_string().as_bytes()].concat())
    }

    /// Reads the array back; nothing for another version or shape.
    pub(super) fn from_value(value: &Value) -> Option<Leaf> {
        let [version, id, at, actor, duty, act, subject, detail, commitment] = value.as_array()?.as_slice()
        else {
            return None;
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (version.as_str() == Some(VERSION)).then_some(())?;
        Some(Leaf {
            id: text(id)?,
            at: at.as_i64()?,
            actor: text(actor)?,
            duty: text(duty)?,
            act: text(act)?,
            subject: text(subject)?,
            detail: text(detail)?,
            commitment: text(commitment)?,
        })
    }
}

/// What a leaf says of a personal part: SHA-256 over salt and text.
pub(super) fn commitment(salt: &[u8], personal: &[u8]) -> [u8; 32] {
    keys::sha256(&[salt, personal].concat())
}

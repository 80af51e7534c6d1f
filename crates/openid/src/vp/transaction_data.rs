//! Transaction data (OpenID4VP 1.0 §8.4, Appendix B.3.3): what a presentation authorizes beyond itself.

use keys::encoding;
use serde_json::{Map, Value};

/// Most entries in one request.
pub(super) const MAX_ENTRIES: usize = 8;
/// Longest entry, in bytes of base64url.
const MAX_ENTRY: usize = 16 * 1024;

/// The type that a wallet of ours shows: a title and the facts that are approved with it.
///
/// Members: `title`, a text of 1 to 200 characters; `facts`, an object of at most 20 texts of at most 500 characters each.
/// Returned by the profile of Appendix B.3.3.1 (`transaction_data_hashes`).
pub const APPROVE: &str = "urn:mapae:transaction:approve";

/// One entry of `transaction_data`.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionData {
    /// What kind of transaction.
    pub kind: String,
    /// Ids of the credential queries that may authorize it; one of them does.
    pub credential_ids: Vec<String>,
    /// The members of its type.
    pub members: Map<String, Value>,
    encoded: String,
}

impl TransactionData {
    /// Makes an entry; `members` are those that its type defines.
    #[must_use]
    pub fn new(kind: &str, credential_ids: &[&str], members: Map<String, Value>) -> TransactionData {
        let mut object = members.clone();
        object.insert("type".to_owned(), kind.into());
        object.insert("credential_ids".to_owned(), credential_ids.to_vec().into());
        TransactionData {
            kind: kind.to_owned(),
            credential_ids: credential_ids.iter().map(|id| (*id).to_owned()).collect(),
            members,
            encoded: encoding::b64url_encode(Value::Object(object).to_string().as_bytes()),
        }
    }

    /// Reads an entry; `None` if it is not the base64url of a bounded object with `type` and `credential_ids`, or asks
    /// for another hash than SHA-256.
    #[must_use]
    pub fn parse(encoded: &str) -> Option<TransactionData> {
        if encoded.len() > MAX_ENTRY {
            return None;
        }
        let json = encoding::b64url_decode(encoded).ok()?;
        let mut members: Map<String, Value> = crate::json::parse(&json, MAX_ENTRY).ok()?;
        let Some(Value::String(kind)) = members.remove("type") else { return None };
        let Some(Value::Array(ids)) = members.remove("credential_ids") else { return None };
        let credential_ids: Option<Vec<String>> =
            ids.iter().map(|id| id.as_str().map(str::to_owned)).collect();
        let credential_ids = credential_ids.filter(|ids| !ids.is_empty() && ids.len() <= 16)?;
        match members.get("transaction_data_hashes_alg") {
            None => {}
            Some(Value::Array(algorithms)) if algorithms.iter().any(|name| name == "sha-256") => {}
            Some(_) => return None,
        }
        Some(TransactionData { kind, credential_ids, members, encoded: encoded.to_owned() })
    }

    /// Whether an entry of a type that is defined here has that type's members and no other; of other types nothing is
    /// known.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        if self.kind != APPROVE {
            return true;
        }
        let text = |value: &Value, longest: usize| {
            value.as_str().is_some_and(|text| (1..=longest).contains(&text.chars().count()))
        };
        let facts = |facts: &Value| {
            facts
                .as_object()
                .is_some_and(|facts| facts.len() <= 20 && facts.values().all(|fact| text(fact, 500)))
        };
        let known = ["title", "facts", "transaction_data_hashes_alg"];
        self.members.get("title").is_some_and(|title| text(title, 200))
            && self.members.get("facts").is_none_or(facts)
            && self.members.keys().all(|name| known.contains(&name.as_str()))
    }

    /// The entry as it stands in the request.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// Its entry in `transaction_data_hashes` of the key binding: SHA-256 over the encoded text.
    #[must_use]
    pub fn hash(&self) -> String {
        encoding::b64url_encode(&keys::sha256(self.encoded.as_bytes()))
    }
}

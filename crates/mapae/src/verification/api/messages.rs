//! What the API takes and tells.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a relying party wants to know.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"claims": ["name", "inst_code", "department"]}))]
pub(super) struct Create {
    /// Badge claims to ask for: each must be registered for the relying party.
    #[serde(default)]
    #[schema(max_items = 32)]
    pub(super) claims: Vec<String>,
    /// Instead of `claims`, a DCQL query (OpenID4VP 1.0 §6) for one badge.
    #[serde(default)]
    pub(super) dcql_query: Option<Value>,
    /// For a wallet on the same device: where it returns to, with a `response_code` that the result is then kept for.
    /// One of the registered redirect URIs.
    #[serde(default)]
    #[schema(max_length = 512)]
    pub(super) redirect_uri: Option<String>,
}

/// A request that waits for a wallet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "AQAAAAFf0k…", "link": "openid4vp://?client_id=x509_hash%3A…&request_uri=…",
    "request_uri": "https://mapae.example/verification/requests/AQAAAAE…", "expires_in": 300}))]
pub(super) struct Created {
    /// Handle for picking up the result. Keep it secret: it opens the result.
    pub(super) id: String,
    /// For a QR or a button.
    pub(super) link: String,
    /// The request object's address, for wallets that are started otherwise.
    pub(super) request_uri: String,
    /// Seconds until the request ends.
    pub(super) expires_in: i64,
}

/// Where a verification stands.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schema(example = json!({"state": "verified", "claims": {"name": {"ko": "김예시"}, "inst_code": "1741000"},
    "issuer": {"id": "https://mapae.example", "name": "마패", "key": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
    "type": "https://mapae.example/types/badge", "issued_at": 1795392000, "expires_at": 1796601600,
    "verified_at": 1795478400, "freshness": {"status": "valid", "status_age": 12, "trust_age": 40, "holder_age": 1}, "waived": []}))]
pub(super) enum Standing {
    /// No wallet has answered.
    Pending,
    /// The holder declined.
    Declined,
    /// The badge was shown and everything holds.
    Verified(Box<Outcome>),
}

/// Who, what, when, how fresh.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Outcome {
    /// The claims asked for, as disclosed.
    #[schema(value_type = Object)]
    pub(super) claims: Value,
    /// Who issued the badge.
    pub(super) issuer: Issuer,
    /// The credential type (`vct`).
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// When this copy was issued, in seconds; the start of its week.
    pub(super) issued_at: Option<i64>,
    /// When this copy ends, in seconds.
    pub(super) expires_at: Option<i64>,
    /// When it was verified, in seconds.
    pub(super) verified_at: i64,
    /// How old the facts are that this rests on.
    pub(super) freshness: Fresh,
    /// Checks that the policy waived: none for badges.
    #[schema(value_type = Vec<String>)]
    pub(super) waived: Value,
}

/// Who issued a badge.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Issuer {
    /// `iss`.
    pub(super) id: Option<String>,
    /// Name on the trust list.
    pub(super) name: String,
    /// Thumbprint of the key (RFC 7638).
    pub(super) key: String,
}

/// Ages in seconds.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Fresh {
    /// `valid`; anything else would have been refused.
    pub(super) status: String,
    /// Of the status list.
    pub(super) status_age: Option<i64>,
    /// Of the trust list.
    pub(super) trust_age: i64,
    /// Of the holder's signature.
    pub(super) holder_age: Option<i64>,
}

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
    /// Instead of `claims`, a DCQL query (OpenID4VP 1.0 §6): for the badge in either format, and for credentials of other
    /// issuers that are registered for the relying party. Each credential query names its type in `meta`.
    #[serde(default)]
    pub(super) dcql_query: Option<Value>,
    /// For a wallet on the same device: where it returns to, with a `response_code` that the result is then kept for.
    /// One of the registered redirect URIs.
    #[serde(default)]
    #[schema(max_length = 512)]
    pub(super) redirect_uri: Option<String>,
    /// What the holder authorizes with the presentation (OpenID4VP 1.0 §5.1): objects with `type`, `credential_ids` and the
    /// members of the type. Wallets of Mapae know `urn:mapae:transaction:approve` with `title` and `facts`.
    #[serde(default)]
    #[schema(max_items = 8, value_type = Vec<Object>)]
    pub(super) transaction_data: Vec<serde_json::Map<String, Value>>,
    /// Bring the result to the registered webhook as a signed event. Not beside `redirect_uri`, whose result belongs to one
    /// browser.
    #[serde(default)]
    pub(super) webhook: bool,
    /// Also make requests for the Digital Credentials API of browsers, for a page of this origin: that of a registered
    /// redirect URI.
    #[serde(default)]
    #[schema(max_length = 512)]
    pub(super) origin: Option<String>,
}

/// A request that waits for a wallet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "AQAAAAFf0k…", "reference": "d2FpdGluZyBmb3IgeW91",
    "link": "openid4vp://?client_id=x509_hash%3A…&request_uri=…",
    "request_uri": "https://mapae.example/verification/requests/AQAAAAE…",
    "page": "https://mapae.example/verify/AQAAAAE…", "expires_in": 300}))]
pub(super) struct Created {
    /// Handle for picking up the result. Keep it secret: it opens the result.
    pub(super) id: String,
    /// The verification's public name: the `reference` of its event.
    pub(super) reference: String,
    /// For a QR or a button.
    pub(super) link: String,
    /// The request object's address, for wallets that are started otherwise.
    pub(super) request_uri: String,
    /// A page of this server with QR, button and the browser's own way to a wallet: send the person there instead of drawing
    /// your own.
    pub(super) page: String,
    /// For a page of your own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digital_credentials: Option<ForPage>,
    /// Seconds until the request ends.
    pub(super) expires_in: i64,
}

/// What a page hands to the Digital Credentials API, and where the answer goes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ForPage {
    /// The value of `digital.requests` in `navigator.credentials.get`: the signed request, then the unsigned one.
    #[schema(value_type = Vec<Object>)]
    pub(super) requests: Value,
    /// Post the `data` of the credential there, as JSON.
    pub(super) answer_uri: String,
}

/// Where a verification stands.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schema(example = json!({"state": "verified", "claims": {"name": {"ko": "김예시"}, "inst_code": "1741000"},
    "issuer": {"id": "https://mapae.example", "name": "마패", "key": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
    "type": "https://mapae.example/types/badge", "issued_at": 1795392000, "expires_at": 1796601600,
    "verified_at": 1795478400, "freshness": {"status": "valid", "status_age": 12, "trust_age": 40, "holder_age": 1}, "waived": [],
    "credentials": [{"query": "badge", "claims": {"name": {"ko": "김예시"}, "inst_code": "1741000"},
        "issuer": {"id": "https://mapae.example", "name": "마패", "key": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
        "type": "https://mapae.example/types/badge", "issued_at": 1795392000, "expires_at": 1796601600,
        "verified_at": 1795478400, "freshness": {"status": "valid", "status_age": 12, "trust_age": 40, "holder_age": 1},
        "waived": [], "authorizes": []}]}))]
pub(super) enum Standing {
    /// No wallet has answered.
    Pending,
    /// The wallet said no.
    Declined {
        /// Why, in the words of OpenID4VP 1.0 §8.5: `access_denied` where the holder declined or holds nothing that was asked
        /// for.
        error: String,
    },
    /// What was asked for was shown and everything holds.
    Verified(Box<Outcome>),
}

/// Who, what, when, how fresh: of the first credential that was asked for, and of each.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Outcome {
    #[serde(flatten)]
    pub(super) first: Facts,
    /// One for each credential that was shown, in the order of the query.
    pub(super) credentials: Vec<Credential>,
}

/// One credential that was shown.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Credential {
    /// Id of the credential query that it answers: `badge` where only `claims` were given.
    pub(super) query: String,
    #[serde(flatten)]
    pub(super) facts: Facts,
    /// The entries of `transaction_data` that it authorizes, by their place.
    pub(super) authorizes: Vec<usize>,
}

/// Who, what, when, how fresh.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Facts {
    /// The claims asked for, as disclosed.
    #[schema(value_type = Object)]
    pub(super) claims: Value,
    /// Who issued it.
    pub(super) issuer: Issuer,
    /// The credential type (`vct`), or the document type.
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
    /// Checks that were waived: none for badges.
    #[schema(value_type = Vec<String>)]
    pub(super) waived: Value,
}

/// Who issued a credential.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Issuer {
    /// `iss`.
    pub(super) id: Option<String>,
    /// Name on the trust list, or as the operator entered it.
    pub(super) name: String,
    /// Thumbprint of the key (RFC 7638).
    pub(super) key: String,
}

/// Ages in seconds.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Fresh {
    /// `valid`; `absent` where another issuer's credential names no list and need not; `not_checked` where that was waived.
    pub(super) status: String,
    /// Of the status list.
    pub(super) status_age: Option<i64>,
    /// Of the trust list; none for another issuer's root.
    pub(super) trust_age: Option<i64>,
    /// Of the holder's signature.
    pub(super) holder_age: Option<i64>,
}

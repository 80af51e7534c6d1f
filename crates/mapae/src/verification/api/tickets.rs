//! The sealed tickets of a verification, and the query they carry.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refused::ApiRefused;
use crate::operations::Platform;
use crate::verification::exchange;
use crate::verification::seed::Seed;

/// Purpose of a [`Handle`].
pub(super) const HANDLE: &str = "verification-handle";
/// Purpose of a [`Request`].
pub(super) const REQUEST: &str = "verification-request";
/// Purpose of an [`Exchanged`].
pub(super) const EXCHANGE: &str = "verification-exchange";

/// What the relying party keeps.
#[derive(Serialize, Deserialize)]
pub(super) struct Handle {
    #[serde(rename = "s")]
    pub(super) seed: Seed,
    #[serde(rename = "p")]
    pub(super) party: String,
    #[serde(rename = "c")]
    pub(super) response_code: bool,
    #[serde(rename = "e")]
    pub(super) ends_ms: i64,
}

/// What the link carries.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Request {
    #[serde(rename = "s")]
    pub(super) seed: Seed,
    #[serde(rename = "p")]
    pub(super) party: String,
    #[serde(rename = "q")]
    pub(super) wanted: Wanted,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) redirect_uri: Option<String>,
}

/// A query, as short as it can be said: it has to fit into a QR.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Wanted {
    #[serde(rename = "c")]
    Claims(Vec<String>),
    #[serde(rename = "d")]
    Dcql(Value),
}

/// What `response_uri` carries.
#[derive(Serialize, Deserialize)]
pub(super) struct Exchanged {
    #[serde(rename = "q")]
    pub(super) request: Request,
    #[serde(rename = "x")]
    pub(super) salt: String,
    #[serde(rename = "i")]
    pub(super) at_s: i64,
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) wallet_nonce: Option<String>,
}

/// The DCQL query that is asked.
pub(super) fn query(platform: &Platform, wanted: &Wanted) -> Result<Value, ApiRefused> {
    Ok(match wanted {
        Wanted::Dcql(query) => query.clone(),
        Wanted::Claims(names) => {
            let mut credential = json!({
                "id": "badge",
                "format": "dc+sd-jwt",
                "meta": { "vct_values": [exchange::badge(platform)?.vct] },
            });
            if let (false, Some(members)) = (names.is_empty(), credential.as_object_mut()) {
                let claims: Vec<Value> = names.iter().map(|name| json!({ "path": [name] })).collect();
                members.insert("claims".to_owned(), claims.into());
            }
            json!({ "credentials": [credential] })
        }
    })
}

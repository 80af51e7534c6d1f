//! The sealed tickets of a verification, and the query they carry.

use openid::vp::{PartyName, TransactionData};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::refused::ApiRefused;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};
use crate::verification::exchange;
use crate::verification::exchange::Ask;
use crate::verification::relying_party;
use crate::verification::seed::{Seed, open_under, seal_under};

/// Purpose of a [`Handle`].
pub(super) const HANDLE: &str = "verification-handle";
/// Purpose of a [`Request`].
pub(super) const REQUEST: &str = "verification-request";
/// Purpose of an [`Exchanged`].
pub(super) const EXCHANGE: &str = "verification-exchange";
/// Where a query lies that is too long for a link.
const KEPT: &str = "verification_request/sealed";

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
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) webhook: bool,
}

/// What is asked, as short as it can be said: it has to fit into a QR.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Wanted {
    #[serde(rename = "c")]
    Claims(Vec<String>),
    #[serde(rename = "d")]
    Dcql(Box<Full>),
    /// A [`Full`] that is too long: it lies in the store, sealed under a key of the seed.
    #[serde(rename = "k")]
    Kept,
}

/// A query in full.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Full {
    #[serde(rename = "q")]
    pub(super) dcql: Value,
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) transaction_data: Vec<String>,
}

/// What `response_uri`, or a page's answer address, carries.
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
    /// The page's origin, where it goes through the Digital Credentials API.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
}

/// The query for badge claims.
pub(super) fn badge_query(platform: &Platform, names: &[String]) -> Result<Value, ApiRefused> {
    let mut credential = json!({
        "id": "badge",
        "format": "dc+sd-jwt",
        "meta": { "vct_values": [exchange::badge(platform)?.vct] },
    });
    if let (false, Some(members)) = (names.is_empty(), credential.as_object_mut()) {
        let claims: Vec<Value> = names.iter().map(|name| json!({ "path": [name] })).collect();
        members.insert("claims".to_owned(), claims.into());
    }
    Ok(json!({ "credentials": [credential] }))
}

/// What a wallet is asked for this request; nothing any more once the relying party is no longer registered.
pub(super) async fn ask(platform: &Platform, request: &Request) -> Result<Ask, ApiRefused> {
    let (dcql, transaction_data) = match &request.wanted {
        Wanted::Claims(names) => (badge_query(platform, names)?, Vec::new()),
        Wanted::Dcql(full) => (full.dcql.clone(), full.transaction_data.clone()),
        Wanted::Kept => {
            let full = kept(platform, &request.seed).await?;
            (full.dcql, full.transaction_data)
        }
    };
    let party = relying_party::find(&platform.store, &request.party).await?.ok_or(ApiRefused::Unknown)?;
    let party = Some(PartyName { name_ko: party.name_ko, name_en: party.name_en });
    Ok(Ask { dcql, context: None, party, transaction_data })
}

/// The entries as they stand in requests.
pub(super) fn transactions(entries: Vec<Map<String, Value>>) -> Result<Vec<String>, ApiRefused> {
    let refused = |why: &str| ApiRefused::Query(format!("transaction_data: {why}"));
    if entries.len() > limits::VERIFICATION_TRANSACTIONS.size() {
        return Err(refused("too many entries"));
    }
    let entry = |mut members: Map<String, Value>| {
        let Some(Value::String(kind)) = members.remove("type") else {
            return Err(refused("`type` is no text"));
        };
        let ids = members.remove("credential_ids").unwrap_or_default();
        let ids: Vec<String> =
            serde_json::from_value(ids).map_err(|_| refused("`credential_ids` is no list of texts"))?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let made = TransactionData::new(&kind, &ids, members);
        // What can't be read back, no wallet reads.
        match TransactionData::parse(made.encoded()) {
            Some(read) if read.is_well_formed() => Ok(made.encoded().to_owned()),
            _ => Err(refused("an entry is malformed or too long")),
        }
    };
    entries.into_iter().map(entry).collect()
}

/// Keeps a query beside its link, until the last answer to it may come.
pub(super) async fn keep(
    platform: &Platform,
    seed: &Seed,
    full: &Full,
    until_ms: i64,
) -> Result<(), ApiRefused> {
    let plain = serde_json::to_vec(full).map_err(|_| ApiRefused::TooLong)?;
    if plain.len() > limits::VERIFICATION_QUERY.size() {
        return Err(ApiRefused::TooLong);
    }
    let (id, sealed) = (seed.id(), seal_under(&*seed.derive("query"), KEPT, &plain));
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            let sql = "INSERT INTO verification_request (id, sealed, expires_at) VALUES ($1, $2, $3)";
            tx.execute(sql, params![id, sealed, until_ms]).await
        })
    });
    unit.await.map_err(|error: StoreError| ApiRefused::Store(error))?;
    Ok(())
}

async fn kept(platform: &Platform, seed: &Seed) -> Result<Full, ApiRefused> {
    let sql = "SELECT sealed FROM verification_request WHERE id = $1 AND expires_at > $2";
    let row = platform.store.fetch_optional(sql, params![seed.id(), platform.now_ms()]).await?;
    let sealed = row.ok_or(ApiRefused::Gone)?.bytes("sealed")?;
    let broken = || ApiRefused::Internal("a kept query does not open");
    let plain = open_under(&*seed.derive("query"), KEPT, &sealed).map_err(|_| broken())?;
    serde_json::from_slice(&plain).map_err(|_| broken())
}

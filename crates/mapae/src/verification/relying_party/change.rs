//! What two persons agreed on becomes the registration: one conditional statement, over the version that they saw.

use super::secrets::hash;
use openid::approval::Level;

use super::{Purposes, Registration, Secrets, json, level_text};
use crate::operations::store::{StoreError, Tx, params};

/// A registration that was approved, with what the server's own road does not know.
#[derive(Clone, Debug)]
pub struct Approved<'a> {
    /// The registration, checked.
    pub registration: &'a Registration,
    /// The sector that the check returned.
    pub sector: &'a str,
    /// Why it asks for each claim.
    pub purposes: &'a Purposes,
    /// Names of the networks that a login may start in; empty for all of the operator's.
    pub networks: &'a [String],
    /// It is given made-up values only.
    pub test: bool,
    /// When it ends, in milliseconds.
    pub expires_at: i64,
    /// Who asked.
    pub asked_by: &'a str,
    /// Who approved.
    pub approved_by: &'a str,
}

/// Registers it, or changes the registration whose version is `base`; returns the secrets that are new. `None` if the id is
/// taken, or the registration is no longer the one that was seen.
///
/// # Errors
/// The store.
pub async fn put(
    tx: &mut Tx,
    approved: &Approved<'_>,
    base: Option<i64>,
) -> Result<Option<Secrets>, StoreError> {
    let now_ms = tx.now_ms();
    let it = approved.registration;
    let current = tx
        .fetch_optional(
            "SELECT secret_hash, api_key_hash FROM relying_party WHERE id = $1",
            params![it.id.as_str()],
        )
        .await?;
    let (secret, api_key) = match &current {
        Some(row) => (row.opt_bytes("secret_hash")?, row.opt_bytes("api_key_hash")?),
        None => (None, None),
    };
    let secrets = Secrets {
        client_secret: (!it.public && secret.is_none()).then(keys::random::token),
        api_key: (it.api && api_key.is_none()).then(keys::random::token),
    };
    let secret = if it.public { None } else { secret.or_else(|| hash(&secrets.client_secret)) };
    let api_key = if it.api { api_key.or_else(|| hash(&secrets.api_key)) } else { None };
    let purposes = serde_json::to_string(approved.purposes)
        .map_err(|error| StoreError::Column("purposes".to_owned(), error.to_string()))?;
    let mut values = params![
        it.id.as_str(),
        it.name_ko.as_str(),
        it.name_en.as_str(),
        json(&it.redirect_uris),
        json(&it.claims),
        it.level.as_str(),
        level_text(it.acr.on_phone()),
        it.subject.as_str(),
        approved.sector,
        it.id_token_alg.as_str(),
        secret,
        api_key,
        purposes,
        json(approved.networks),
        i64::from(approved.test),
        approved.expires_at,
        approved.asked_by,
        approved.approved_by,
        it.acr == Level::Hardware,
        it.remembers,
    ];
    let sql = match base {
        None => {
            values.push(now_ms.into());
            "INSERT INTO relying_party (id, name_ko, name_en, redirect_uris, claims, level, acr, subject, sector, id_token_alg, \
             secret_hash, api_key_hash, purposes, networks, test, expires_at, asked_by, approved_by, hardware, remembers, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
             ON CONFLICT (id) DO NOTHING"
        }
        Some(base) => {
            values.push(base.into());
            "UPDATE relying_party SET name_ko = $2, name_en = $3, redirect_uris = $4, claims = $5, level = $6, acr = $7, \
             subject = $8, sector = $9, id_token_alg = $10, secret_hash = $11, api_key_hash = $12, purposes = $13, \
             networks = $14, test = $15, expires_at = $16, asked_by = $17, approved_by = $18, hardware = $19, remembers = $20, \
             disabled_at = NULL, version = version + 1 WHERE id = $1 AND version = $21"
        }
    };
    let rows = tx.execute(sql, values).await?;
    Ok((rows == 1).then_some(secrets))
}

/// Something of the registration was changed on the server: what waits for approval is then no longer what was seen.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered.
pub async fn touch(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE relying_party SET version = version + 1 WHERE id = $1";
    if tx.execute(sql, params![id]).await? == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Ends a registration at once, with every login that came of it; `false` if it was disabled before.
///
/// # Errors
/// The store.
pub async fn disable(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE relying_party SET disabled_at = $2, ended_at = $2, version = version + 1 \
             WHERE id = $1 AND disabled_at IS NULL",
            params![id, now_ms],
        )
        .await?;
    Ok(rows == 1)
}

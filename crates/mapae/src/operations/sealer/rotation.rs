//! `mapae keys rotate-data`: a new data key, without stopping anything.
//!
//! ```text
//! 1. next    the new key is in the table; every process opens with it after its next look (every 5 s), none seals yet
//! 2. active  processes seal with it from their next look on; the old key still opens
//! 3. again   every sealed column is walked through, 500 rows a commit, and sealed again; a row that changed meanwhile
//!            is left to its writer
//! 4. check   the whole database is searched for values under older keys: a column nobody registered is told by name
//! ```
//!
//! Each step can be killed and run again. Retired keys stay in the table: a backup from before needs them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::SealedColumn;
use crate::operations::kek::KekError;
use crate::operations::server_keys::{KeysError, SecretName};
use crate::operations::store::{Engine, StoreError, params};
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits};

/// Every sealed column, with the row id its values were sealed for.
pub const SEALED: &[SealedColumn] = &[
    SealedColumn::new("employee", "personal", "id"),
    SealedColumn::new("employee", "rrn_tag", "id"),
    SealedColumn::new("employee", "external_id", "id"),
    SealedColumn::new("employee", "user_name", "id"),
    SealedColumn::new("staff_account", "totp_secret", "id"),
    SealedColumn::new("staff_duty_request", "reason", "id"),
    SealedColumn::new("login_browser", "name", "id"),
    SealedColumn::new("employment_held", "payload", "id"),
    SealedColumn::new("employment_held", "reason", "id"),
    SealedColumn::new("employee_portrait", "sealed", "employee_id"),
    SealedColumn::new("audit_personal", "sealed", "record_id"),
    SealedColumn::new("notification_outbox", "payload", "id"),
    SealedColumn::new("notification_demo_inbox", "payload", "id"),
    SealedColumn::new("notification_push", "subscription", "id"),
    SealedColumn::new("notification_contact", "phone", "employee_id"),
    SealedColumn::new("notification_contact", "pending", "employee_id"),
    SealedColumn::new("verification_event", "sealed", "id"),
    SealedColumn::new("personnel_post", "sealed", "id"),
    SealedColumn::new("personnel_correction", "said", "id"),
    SealedColumn::new("personnel_correction", "answer", "id"),
    SealedColumn::new("loss_card", "number", "employee_id"),
    SealedColumn::new("application", "seen_phone", "id"),
    SealedColumn::new("application_comment", "body", "id"),
    SealedColumn::new("application_said", "said", "application_id"),
    SealedColumn::new("application_event", "note", "id"),
    SealedColumn::new("credential_request", "typed", "id"),
    SealedColumn::new("credential_request", "reason", "id"),
    SealedColumn::new("document_key", "sealed", "id"),
    SealedColumn::new("certificate_document", "content", "id"),
    SealedColumn::new("certificate_document", "pdf", "id"),
    SealedColumn::new("signing_request", "facts", "id"),
    SealedColumn::new("signing_request", "refusal", "id"),
    SealedColumn::new("signing_piece", "sealed", "id"),
    SealedColumn::new("signing_signer", "opened", "id"),
    SealedColumn::new("signing_signer", "signature", "id"),
    // Bound to account and device: a key moved to another device does not open (protocols.md §5). The next PIN's key
    // is sealed as the one it will become, and goes first: it may become it while we are at work.
    SealedColumn {
        table: "account_passkey",
        column: "share",
        key: "id",
        place: "account_id || '|' || credential_id",
        sealed_as: "share",
    },
    PIN_NEXT,
    SealedColumn { column: "pin_key", ..PIN_NEXT },
];

const PIN_NEXT: SealedColumn = SealedColumn {
    table: "account",
    column: "pin_next",
    key: "id",
    place: "id || '|' || device_thumbprint",
    sealed_as: "pin_key",
};

/// Why a rotation did not finish. Run it again: it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{table}.{column}, row {row}: the value does not open; restore it from a backup")]
    DoesNotOpen { table: &'static str, column: &'static str, row: String },
    #[error(
        "values under older keys remain in {0}: the columns have to be named in the list of sealed columns"
    )]
    LeftBehind(String),
}

/// What a rotation did.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Rotated {
    pub key_id: u32,
    /// Values sealed again.
    pub sealed_again: u64,
}

/// Looks for new keys now and then, as long as the server runs.
pub async fn follow(platform: Arc<Platform>, mut stop: Stop) {
    while stop.sleep(limits::KEYS_REFRESH.duration()).await {
        if let Err(error) = refresh(&platform).await {
            tracing::warn!(%error, "the key table cannot be read");
        }
    }
}

/// Takes over the keys of the table as they are now.
pub async fn refresh(platform: &Platform) -> Result<(), KeysError> {
    platform.sealer.replace_ring(platform.keys.fresh_ring(&platform.store, SecretName::Data).await?);
    platform.tokens.replace_ring(platform.keys.fresh_ring(&platform.store, SecretName::Token).await?);
    Ok(platform.keys.kek().refresh().map_err(KekError::from)?)
}

/// Rotates the data key. `others_notice` is how long every other process may take to look at the table.
pub async fn rotate_data(
    platform: &Platform,
    others_notice: Duration,
    mut progress: impl FnMut(&SealedColumn, u64),
) -> Result<Rotated, RotationError> {
    let (keys, store, now) = (&platform.keys, &platform.store, platform.now_ms());
    let key_id = keys.prepare(store, SecretName::Data, now).await?;
    refresh(platform).await?;
    tokio::time::sleep(others_notice).await;
    keys.switch(store, SecretName::Data, key_id, now).await?;
    refresh(platform).await?;
    tokio::time::sleep(others_notice).await;
    let sealed_again = seal_again(platform, &mut progress).await?;
    let left = left_behind(platform).await?;
    if left.is_empty() {
        Ok(Rotated { key_id, sealed_again })
    } else {
        Err(RotationError::LeftBehind(left.join(", ")))
    }
}

/// Seals again whatever is under an older key: the third step, also alone after an interrupted rotation.
pub async fn seal_again(
    platform: &Platform,
    progress: &mut impl FnMut(&SealedColumn, u64),
) -> Result<u64, RotationError> {
    let mut all = 0;
    for column in SEALED {
        let mut after = String::new();
        loop {
            let (last, changed) = seal_page(platform, column, &after).await?;
            all += changed;
            progress(column, all);
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    Ok(all)
}

/// One page of one column; the last key of it, or `None` at the end.
async fn seal_page(
    platform: &Platform,
    column: &SealedColumn,
    after: &str,
) -> Result<(Option<String>, u64), RotationError> {
    let SealedColumn { table, column: name, key, place, sealed_as } = *column;
    // Only constants of the list above go into the text.
    let select = format!(
        "SELECT {key} AS key, {place} AS place, {name} AS sealed FROM {table} \
         WHERE {key} > $1 AND {name} IS NOT NULL ORDER BY {key} LIMIT 500"
    );
    let rows = platform.store.fetch_all(AssertSqlSafe(select), params![after]).await?;
    let mut last = None;
    let mut again = Vec::new();
    for row in &rows {
        let (row_key, place, sealed) = (row.text("key")?, row.text("place")?, row.bytes("sealed")?);
        if !platform.sealer.is_current(&sealed) {
            let plain = platform
                .sealer
                .open(table, name, &place, &sealed)
                .map_err(|_| RotationError::DoesNotOpen { table, column: name, row: row_key.clone() })?;
            again.push((row_key.clone(), platform.sealer.seal(table, sealed_as, &place, &plain), sealed));
        }
        last = Some(row_key);
    }
    let update: Arc<str> = format!("UPDATE {table} SET {name} = $1 WHERE {key} = $2 AND {name} = $3").into();
    let changed: Result<u64, StoreError> = if again.is_empty() {
        Ok(0)
    } else {
        platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let mut changed = 0;
                    for (key, new, old) in again {
                        changed +=
                            tx.execute(AssertSqlSafe(Arc::clone(&update)), params![new, key, old]).await?;
                    }
                    Ok(changed)
                })
            })
            .await
    };
    Ok((last, changed?))
}

/// Seals the key of every PIN again under the token's newest key for PINs; how many were. May be stopped and run again.
pub async fn seal_pins_again(platform: &Platform) -> Result<u64, RotationError> {
    platform.keys.kek().refresh().map_err(KekError::from).map_err(KeysError::from)?;
    let mut all = 0;
    for column in ["pin_next", "pin_key"] {
        let mut after = String::new();
        loop {
            let select = format!(
                "SELECT id AS key, id || '|' || device_thumbprint AS place, {column} AS sealed FROM account \
                 WHERE id > $1 AND {column} IS NOT NULL ORDER BY id LIMIT 500"
            );
            let rows = platform.store.fetch_all(AssertSqlSafe(select), params![after.as_str()]).await?;
            let Some(last) = rows.last() else { break };
            after = last.text("key")?;
            let mut again = Vec::new();
            for row in &rows {
                let (place, sealed) = (row.text("place")?, row.bytes("sealed")?);
                if platform.sealer.is_current_pin(&place, &sealed) {
                    continue;
                }
                let key = platform.sealer.open_pin(&place, &sealed)?.ok_or_else(|| {
                    let row = row.text("key").unwrap_or_default();
                    RotationError::DoesNotOpen { table: "account", column, row }
                })?;
                again.push((row.text("key")?, platform.sealer.seal_pin(&place, &key)?, sealed));
            }
            let update: Arc<str> =
                format!("UPDATE account SET {column} = $1 WHERE id = $2 AND {column} = $3").into();
            let unit = platform.store.write(move |tx| {
                Box::pin(async move {
                    let mut changed = 0;
                    for (key, new, old) in again {
                        let update = AssertSqlSafe(Arc::clone(&update));
                        changed += tx.execute(update, params![new, key, old]).await?;
                    }
                    Ok::<u64, StoreError>(changed)
                })
            });
            all += unit.await?;
        }
    }
    Ok(all)
}

/// Columns that still hold values under another key than the current one, wherever in the database they are.
pub async fn left_behind(platform: &Platform) -> Result<Vec<String>, StoreError> {
    let columns = match platform.store.engine() {
        Engine::Sqlite => {
            "SELECT m.name AS t, p.name AS c FROM sqlite_master m JOIN pragma_table_info(m.name) p \
             WHERE m.type = 'table' AND p.type = 'BLOB' AND m.name <> 'platform_key' ORDER BY 1, 2"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT) AS t, CAST(column_name AS TEXT) AS c FROM information_schema.columns \
             WHERE table_schema = current_schema() AND data_type = 'bytea' AND table_name <> 'platform_key' ORDER BY 1, 2"
        }
    };
    let current = platform.sealer.current_key();
    let mut left = Vec::new();
    for row in platform.store.fetch_all(columns, params![]).await? {
        let (table, column) = (row.text("t")?, row.text("c")?);
        for id in 1..current {
            let head = [[1_u8].as_slice(), &id.to_be_bytes()].concat();
            // Names come from the database's own catalogue, not from outside.
            let found = format!(
                "SELECT CAST(1 AS BIGINT) AS found FROM \"{table}\" WHERE substr(\"{column}\", 1, 5) = $1 LIMIT 1"
            );
            if platform.store.fetch_optional(AssertSqlSafe(found), params![head]).await?.is_some() {
                left.push(format!("{table}.{column}"));
                break;
            }
        }
    }
    Ok(left)
}

//! Whole databases from one engine to the other: a move, a backup, a restore.
//!
//! ```text
//! source ── one read transaction ──▶ pages of a table, in the order of its key ──▶ target, a commit for each page
//!                                                                                   with the key of its last row
//! ```
//!
//! A copy that was interrupted goes on after that key. At its end every row is read again on both sides and hashed; the
//! copy counts only if all digests agree. A backup is a SQLite file made this way from either engine, and carries its
//! digests with it, so that it can be checked years later with nothing but the file.

pub mod backup;
pub mod cli;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sqlx::AssertSqlSafe;

pub use rows::{Digest, digest};

use super::limits;
use super::store::{
    Row, STATEMENT_ROWS, Snapshot, Store, StoreError, Table, Tx, Value, catalogue, params, places,
};

/// Tables that belong to one store and are not carried to another.
const OWN: &[&str] = &["schema_migration", "store_copy", "job_turn"];

/// Why a copy did not come to its end, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the target holds a platform already (table {0} has rows); give an empty database")]
    NotEmpty(String),
    #[error("the target holds the beginning of another copy; give an empty database")]
    OtherCopy,
    #[error(
        "table {0} of the source changed while it was copied: stop every server on it and run this again"
    )]
    Changed(String),
    #[error("table {0} is not the same in the copy: give an empty database and run this again")]
    Differs(String),
    #[error("this file is no backup of Mapae, or its making did not come to an end")]
    NoBackup,
    #[error("table {0} of the backup was changed after it was made, or the file is damaged")]
    Damaged(String),
    #[error("{0}")]
    Keys(String),
    #[error("{0}: {1}")]
    File(String, std::io::Error),
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Copied {
    pub tables: usize,
    pub rows: u64,
}

/// Told while it goes on: the table, and how many rows of all are done.
pub type Progress<'p> = &'p mut (dyn FnMut(&str, u64) + Send);

/// The tables that are carried, each after those it refers to.
pub async fn tables() -> Result<Vec<Table>, StoreError> {
    let mut tables = catalogue().await?;
    tables.retain(|table| !OWN.contains(&table.name.as_str()));
    Ok(tables)
}

/// Copies everything of `source` into `target`, which is empty or holds the beginning of this very copy; `label` names it.
pub async fn copy(
    source: &mut Snapshot,
    target: &Store,
    label: &str,
    progress: Progress<'_>,
) -> Result<Copied, TransferError> {
    let tables = tables().await?;
    begin(target, &tables, label).await?;
    let mut copied = Copied { tables: tables.len(), rows: 0 };
    for table in &tables {
        let (mut after, done) = stands(target, table).await?;
        copied.rows += done;
        loop {
            let page = page(source, table, after.as_deref(), limits::TRANSFER_ROWS.size()).await?;
            let Some(last) = page.last() else { break };
            let key = key_of(table, last)?;
            let count = page.len();
            put(target, table, page, &key).await?;
            copied.rows += count as u64;
            after = Some(key);
            progress(&table.name, copied.rows);
        }
    }
    Ok(copied)
}

/// Compares every row of both sides; the digests are kept in the target.
pub async fn verify(
    source: &mut Snapshot,
    target: &Store,
    progress: Progress<'_>,
) -> Result<Copied, TransferError> {
    let tables = tables().await?;
    let mut seen = target.snapshot().await?;
    let mut verified = Copied { tables: tables.len(), rows: 0 };
    let mut digests = Vec::with_capacity(tables.len());
    for table in &tables {
        let theirs = digest(source, table).await?;
        if theirs != digest(&mut seen, table).await? {
            return Err(TransferError::Differs(table.name.clone()));
        }
        verified.rows += theirs.rows;
        digests.push((table.name.clone(), theirs));
        progress(&table.name, verified.rows);
    }
    seen.close().await?;
    keep(target, digests).await?;
    Ok(verified)
}

async fn keep(target: &Store, digests: Vec<(String, Digest)>) -> Result<(), StoreError> {
    target
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                for (name, digest) in digests {
                    tx.execute(
                        "INSERT INTO store_copy (name, rows, digest, at) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (name) DO UPDATE SET rows = $2, digest = $3, at = $4",
                        params![name, i64::try_from(digest.rows).unwrap_or(i64::MAX), digest.sum, now_ms],
                    )
                    .await?;
                }
                Ok(())
            })
        })
        .await
}

/// Whether this very copy came to the end of its comparison before: what was changed in the target since is meant.
async fn is_verified(target: &Store, label: &str) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) AS n FROM store_copy WHERE (name = '' AND after = $1) OR (name <> '' AND digest IS NOT NULL)";
    let tables = i64::try_from(tables().await?.len()).unwrap_or(i64::MAX);
    Ok(target.fetch_one(sql, params![label]).await?.int("n")? == tables + 1)
}

/// Declares the copy whole: from here on the store may be opened.
pub async fn finish(target: &Store) -> Result<(), StoreError> {
    target.write(|tx| Box::pin(async move { finish_in(tx).await })).await
}

/// [`finish`] in the caller's transaction.
pub async fn finish_in(tx: &mut Tx) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    tx.execute("UPDATE store_copy SET rows = 1, at = $1 WHERE name = ''", params![now_ms]).await.map(|_| ())
}

/// Whether a copy into this store has begun and not come to its end.
pub async fn is_under_way(store: &Store) -> Result<bool, StoreError> {
    let sql = "SELECT rows FROM store_copy WHERE name = '' AND rows = 0";
    Ok(store.fetch_optional(sql, params![]).await?.is_some())
}

/// Makes the target ready: an empty one loses the rows that its migrations made; one with this copy's beginning goes on.
async fn begin(target: &Store, tables: &[Table], label: &str) -> Result<(), TransferError> {
    let sql = "SELECT after, rows FROM store_copy WHERE name = ''";
    if let Some(header) = target.fetch_optional(sql, params![]).await? {
        let same = header.opt_text("after")?.as_deref() == Some(label) && header.int("rows")? == 0;
        return if same { Ok(()) } else { Err(TransferError::OtherCopy) };
    }
    // Whoever ran a platform here made its keys first.
    for name in ["platform_key", "agency", "audit_record"] {
        let sql = format!("SELECT CAST(1 AS BIGINT) AS one FROM {name} LIMIT 1");
        if target.fetch_optional(AssertSqlSafe(sql), params![]).await?.is_some() {
            return Err(TransferError::NotEmpty(name.to_owned()));
        }
    }
    let names: Vec<String> = tables.iter().rev().map(|table| table.name.clone()).collect();
    let label = label.to_owned();
    target
        .write(move |tx| {
            Box::pin(async move {
                for name in names {
                    tx.execute(AssertSqlSafe(format!("DELETE FROM {name}")), params![]).await?;
                }
                let now_ms = tx.now_ms();
                let sql = "INSERT INTO store_copy (name, after, rows, at) VALUES ('', $1, 0, $2)";
                tx.execute(sql, params![label, now_ms]).await
            })
        })
        .await
        .map(|_: u64| ())
        .map_err(TransferError::from)
}

/// How far the copy of a table has come: after which key, and how many rows.
async fn stands(target: &Store, table: &Table) -> Result<(Option<Vec<Value>>, u64), TransferError> {
    let sql = "SELECT after, rows FROM store_copy WHERE name = $1";
    let Some(row) = target.fetch_optional(sql, params![table.name.as_str()]).await? else {
        return Ok((None, 0));
    };
    let after = row.opt_text("after")?.map(|text| rows::read_key(table, &text)).transpose()?;
    Ok((after, row.int("rows")?.unsigned_abs()))
}

/// Rows after a key, in the order of the key; fewer when they are large.
async fn page(
    source: &mut Snapshot,
    table: &Table,
    after: Option<&[Value]>,
    most: usize,
) -> Result<Vec<Vec<Value>>, StoreError> {
    let rows = rows::select(source, table, after, most).await?;
    let mut page = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for row in &rows {
        let values = values(table, row)?;
        bytes += values.iter().map(rows::size).sum::<usize>();
        page.push(values);
        if bytes >= limits::TRANSFER_BYTES.size() {
            break;
        }
    }
    Ok(page)
}

fn values(table: &Table, row: &Row) -> Result<Vec<Value>, StoreError> {
    table.columns.iter().map(|column| column.of(row)).collect()
}

/// The values of the primary key in a row.
fn key_of(table: &Table, row: &[Value]) -> Result<Vec<Value>, StoreError> {
    let named = table.columns.iter().zip(row);
    let find = |wanted: &str| {
        let found = named.clone().find(|(column, _)| column.name == wanted);
        found.map(|(_, value)| value.clone())
    };
    let missing = || StoreError::Column(table.name.clone(), "has a key without a column".to_owned());
    table.key.iter().map(|column| find(&column.name).ok_or_else(missing)).collect()
}

async fn put(
    target: &Store,
    table: &Table,
    page: Vec<Vec<Value>>,
    key: &[Value],
) -> Result<(), TransferError> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", table.name, columns.join(", "));
    let width = columns.len();
    let (name, after) = (table.name.clone(), rows::write_key(key));
    let count = i64::try_from(page.len()).unwrap_or(i64::MAX);
    let head: Arc<str> = head.into();
    target
        .write(move |tx| {
            Box::pin(async move {
                for rows in page.chunks(STATEMENT_ROWS) {
                    let sql = format!("{head}{}", places(rows.len(), width));
                    tx.execute(AssertSqlSafe(sql), rows.concat()).await?;
                }
                let now_ms = tx.now_ms();
                tx.execute(
                    "INSERT INTO store_copy (name, after, rows, at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (name) DO UPDATE SET after = $2, rows = store_copy.rows + $3, at = $4",
                    params![name, after, count, now_ms],
                )
                .await
            })
        })
        .await
        .map(|_: u64| ())
        .map_err(TransferError::from)
}

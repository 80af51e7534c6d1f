//! Reading the log at the console: numbered records, newest first, and the last checkpoint.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::AuditError;
use crate::operations::Platform;
use crate::operations::store::{Row, StoreError, Value, params};

/// A numbered record. Its personal part stays sealed.
#[derive(Clone, Debug)]
pub struct Listed {
    pub sequence: i64,
    pub id: String,
    pub at: i64,
    pub actor: String,
    pub duty: String,
    pub act: String,
    pub subject: String,
    pub detail: String,
    /// It has, or had, a personal part.
    pub personal: bool,
}

/// What is looked for; empty means everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// An act, or the part before its dot (`badge`).
    pub act: Option<String>,
    /// Whoever did it, or what it was done to.
    pub id: Option<String>,
    /// From this moment (ms).
    pub from: Option<i64>,
    /// Before this moment (ms).
    pub until: Option<i64>,
}

/// Records below the number `before` (from the newest if `None`), newest first.
pub async fn search(
    platform: &Platform,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let mut params = params![before.unwrap_or(i64::MAX)];
    let mut sql = String::from(
        "SELECT sequence, id, at, actor, duty, act, subject, detail, personal_commitment FROM audit_record \
         WHERE sequence IS NOT NULL AND sequence < $1",
    );
    let mut place = |value: Value| {
        params.push(value);
        format!("${}", params.len())
    };
    if let Some(act) = &filter.act {
        // A whole act has the index's order; a part of one does not, and is found by the log's.
        if act.contains('.') {
            let _ = write!(sql, " AND act = {}", place(act.as_str().into()));
        } else {
            // `badge` finds `badge.suspended`: all that sorts between "badge." and "badge/".
            let (low, high) = (place(format!("{act}.").into()), place(format!("{act}/").into()));
            let _ = write!(sql, " AND act >= {low} AND act < {high}");
        }
    }
    if let Some(id) = &filter.id {
        let id = place(id.as_str().into());
        let _ = write!(sql, " AND (actor = {id} OR subject = {id})");
    }
    if let Some(from) = filter.from {
        let _ = write!(sql, " AND at >= {}", place(from.into()));
    }
    if let Some(until) = filter.until {
        let _ = write!(sql, " AND at < {}", place(until.into()));
    }
    let limit = place(limit.into());
    let _ = write!(sql, " ORDER BY sequence DESC LIMIT {limit}");
    let rows = platform.store.fetch_all(AssertSqlSafe(sql), params).await?;
    rows.iter().map(listed).collect()
}

fn listed(row: &Row) -> Result<Listed, StoreError> {
    Ok(Listed {
        sequence: row.int("sequence")?,
        id: row.text("id")?,
        at: row.int("at")?,
        actor: row.text("actor")?,
        duty: row.text("duty")?,
        act: row.text("act")?,
        subject: row.text("subject")?,
        detail: row.text("detail")?,
        personal: row.opt_bytes("personal_commitment")?.is_some(),
    })
}

/// The log's last checkpoint and how many records wait for a number.
#[derive(Clone, Debug)]
pub struct Head {
    pub size: i64,
    /// When the checkpoint was signed (ms); `None` while the log is empty.
    pub signed_at: Option<i64>,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
    pub unnumbered: i64,
}

/// Where the log stands.
pub async fn head(platform: &Platform) -> Result<Head, AuditError> {
    let store = &platform.store;
    let size = store.fetch_one("SELECT size FROM audit_head WHERE id = 1", params![]).await?.int("size")?;
    let checkpoint = store
        .fetch_optional("SELECT note, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1", params![])
        .await?;
    let (note, signed_at) = match checkpoint {
        Some(row) => (row.text("note")?, Some(row.int("at")?)),
        None => (String::new(), None),
    };
    let unnumbered = store
        .fetch_one(
            // In the order of the index over these alone; without it the whole log is counted.
            "SELECT COUNT(*) AS rows_left FROM (SELECT id FROM audit_record WHERE sequence IS NULL ORDER BY id \
             LIMIT 1000000) AS waiting",
            params![],
        )
        .await?
        .int("rows_left")?;
    Ok(Head { size, signed_at, note, unnumbered })
}

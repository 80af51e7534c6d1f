//! After the last kill: what was promised stands, and nothing stands twice.

use std::path::Path;

use super::acts::{Book, lock};
use crate::bench::AnyError;
use crate::bench::ground;
use crate::bench::process::mapae;
use crate::operations::Platform;
use crate::operations::store::params;

/// What a store must never hold, whatever was killed when: each row that such a query finds is something done twice.
const TWICE: &[(&str, &str)] = &[
    (
        "two live badges of one official",
        "SELECT employee_id AS what FROM badge WHERE state IN ('active', 'suspended') \
         GROUP BY employee_id HAVING COUNT(*) > 1",
    ),
    (
        "a badge issued twice",
        "SELECT subject AS what FROM audit_record WHERE act = 'badge.issued' GROUP BY subject HAVING COUNT(*) > 1",
    ),
    (
        "a badge stopped twice",
        "SELECT subject AS what FROM audit_record WHERE act = 'badge.suspended' GROUP BY subject HAVING COUNT(*) > 1",
    ),
    (
        "two badges from one offer",
        "SELECT badge_id AS what FROM issuance_offer WHERE state = 'issued' AND kind <> 'renewal' \
         GROUP BY badge_id HAVING COUNT(*) > 1",
    ),
    (
        "a login with two sessions",
        "SELECT attempt AS what FROM login_session GROUP BY attempt HAVING COUNT(*) > 1",
    ),
    (
        "a number of the audit log given twice",
        "SELECT MIN(id) AS what FROM audit_record WHERE sequence IS NOT NULL GROUP BY sequence HAVING COUNT(*) > 1",
    ),
];

/// Halves of something: one part was stored and the other was not.
const TORN: &[(&str, &str)] = &[
    (
        "a badge without its audit record",
        "SELECT id AS what FROM badge WHERE NOT EXISTS \
         (SELECT 1 FROM audit_record WHERE subject = badge.id AND act = 'badge.issued')",
    ),
    (
        "an audit record of a badge that is not there",
        "SELECT subject AS what FROM audit_record WHERE act = 'badge.issued' AND NOT EXISTS \
         (SELECT 1 FROM badge WHERE badge.id = audit_record.subject)",
    ),
    (
        "an offer that was issued without its badge",
        "SELECT id AS what FROM issuance_offer WHERE state = 'issued' AND NOT EXISTS \
         (SELECT 1 FROM badge WHERE badge.id = issuance_offer.badge_id)",
    ),
    (
        "a stopped badge whose audit record is missing",
        "SELECT id AS what FROM badge WHERE state = 'suspended' AND NOT EXISTS \
         (SELECT 1 FROM audit_record WHERE subject = badge.id AND act = 'badge.suspended')",
    ),
    (
        "a redeemed login without its session",
        "SELECT id AS what FROM login_attempt WHERE redeemed_at IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM login_session WHERE attempt = login_attempt.id)",
    ),
];

/// Compares the store with what people were told.
pub(super) async fn compare(platform: &Platform, book: &Book) -> Result<(), AnyError> {
    let issued = lock(&book.issued).clone();
    for n in issued {
        if state_of(platform, n).await?.is_none() {
            lock(&book.lost).push(format!("official {n} was told of a badge that is not there"));
        }
    }
    let stopped = lock(&book.stopped).clone();
    for n in stopped {
        if state_of(platform, n).await?.as_deref() != Some("suspended") {
            lock(&book.lost).push(format!("official {n} was told that the badge is stopped, and it is not"));
        }
    }
    for (fault, sql) in TWICE {
        for row in platform.store.fetch_all(*sql, params![]).await? {
            lock(&book.twice).push(format!("{fault}: {}", row.text("what")?));
        }
    }
    for (fault, sql) in TORN {
        for row in platform.store.fetch_all(*sql, params![]).await? {
            lock(&book.lost).push(format!("{fault}: {}", row.text("what")?));
        }
    }
    Ok(())
}

async fn state_of(platform: &Platform, n: u64) -> Result<Option<String>, AnyError> {
    let employee = ground::employee(platform, n).await?;
    let row = platform
        .store
        .fetch_optional("SELECT state FROM badge WHERE employee_id = $1", params![employee])
        .await?;
    Ok(row.map(|row| row.text("state")).transpose()?)
}

/// The audit log, copied and proven by the program as an auditor runs it; records in it.
pub(super) async fn prove_audit_log(config: &Path, folder: &Path) -> Result<u64, AnyError> {
    let copy = folder.join("audit.jsonl");
    let exported = mapae(config)?.args(["audit", "export", "--json"]).arg(&copy).output().await?;
    let verified = mapae(config)?.args(["audit", "verify", "--json"]).arg(&copy).output().await?;
    if !exported.status.success() || !verified.status.success() {
        let said = [exported.stderr, verified.stderr].concat();
        return Err(format!("the audit log: {}", String::from_utf8_lossy(&said)).into());
    }
    let proven: serde_json::Value = serde_json::from_slice(&verified.stdout)?;
    proven.get("size").and_then(serde_json::Value::as_u64).ok_or_else(|| "the proof has no size".into())
}

/// Text messages of which nobody knows whether they arrived once or twice: told, never hidden.
pub(super) async fn doubts(platform: &Platform) -> Result<i64, AnyError> {
    let sql = "SELECT CAST(COALESCE(SUM(doubts), 0) AS BIGINT) AS n FROM notification_outbox";
    Ok(platform.store.fetch_one(sql, params![]).await?.int("n")?)
}

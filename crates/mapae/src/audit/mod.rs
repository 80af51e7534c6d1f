//! The audit log: every state change and every look at personal data leaves a record in its own transaction.
//!
//! A record is a leaf of an RFC 6962 tree: `leaf_hash = SHA-256(0x00 ‖ leaf)`, where the leaf is the JSON array
//!
//! ```text
//! ["mapae-audit-1", id, at, actor, duty, act, subject, detail, personal commitment in hex or ""]
//! ```
//!
//! of exactly the texts in the columns, so that a page of code in any language can check it. Personal parts are not in
//! the leaf: it carries `SHA-256(salt ‖ personal)` with a 128-bit salt of their own, which is deleted with them.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::config::Section;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, Sealer, id};

#[cfg(test)]
mod tests;

/// Who did what to what. Ids only: a name belongs into the personal part.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Employee id, account id, or `system`.
    pub actor: &'a str,
    /// The duty in which it was done: `applicant`, `department_head`, `hr_manager`, `holder`, `system` …
    pub duty: &'a str,
    /// What was done: `application.submitted`, `badge.suspended` …
    pub act: &'a str,
    /// The id of what it was done to.
    pub subject: &'a str,
    /// What else is worth knowing and names nobody.
    pub detail: serde_json::Value,
}

/// Writes a record; if it cannot be written, the transaction it describes fails.
pub async fn record(tx: &mut Tx, record: Record<'_>) -> Result<(), StoreError> {
    insert(tx, &id::new(), record, None).await
}

/// Writes a record with a personal part, sealed apart and committed to by a salted hash.
pub async fn record_with_personal(
    tx: &mut Tx,
    sealer: &Sealer,
    record: Record<'_>,
    personal: &serde_json::Value,
) -> Result<(), StoreError> {
    let record_id = id::new();
    let plain = personal.to_string();
    let salt = keys::random::bytes::<16>();
    let commitment = keys::sha256(&[salt.as_slice(), plain.as_bytes()].concat());
    insert(tx, &record_id, record, Some(commitment)).await?;
    let sealed = sealer.seal("audit_personal", "sealed", &record_id, plain.as_bytes());
    tx.execute(
        "INSERT INTO audit_personal (record_id, salt, sealed) VALUES ($1, $2, $3)",
        params![record_id, salt, sealed],
    )
    .await?;
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    record_id: &str,
    record: Record<'_>,
    commitment: Option<[u8; 32]>,
) -> Result<(), StoreError> {
    let at = tx.now_ms();
    let detail = record.detail.to_string();
    let hash =
        leaf_hash(&leaf(record_id, at, &record, &detail, commitment.as_ref().map(<[u8; 32]>::as_slice)));
    tx.execute(
        "INSERT INTO audit_record (id, at, actor, duty, act, subject, detail, personal_commitment, leaf_hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            record_id,
            at,
            record.actor,
            record.duty,
            record.act,
            record.subject,
            detail,
            commitment.map(|c| c.to_vec()),
            hash
        ],
    )
    .await?;
    Ok(())
}

fn leaf(record_id: &str, at: i64, record: &Record<'_>, detail: &str, commitment: Option<&[u8]>) -> String {
    let commitment = commitment.map(keys::encoding::hex_encode).unwrap_or_default();
    serde_json::json!([
        "mapae-audit-1",
        record_id,
        at,
        record.actor,
        record.duty,
        record.act,
        record.subject,
        detail,
        commitment
    ])
    .to_string()
}

/// RFC 6962 §2.1: a leaf is hashed with a 0x00 before it, an inner node with 0x01.
fn leaf_hash(leaf: &str) -> [u8; 32] {
    keys::sha256(&[b"\0", leaf.as_bytes()].concat())
}

/// The `[audit]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Starts the workers of this folder.
pub fn start(_platform: &Arc<Platform>, _tasks: &mut Tasks) {}

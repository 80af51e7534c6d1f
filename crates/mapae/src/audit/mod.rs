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
//!
//! * `leaf`, `tree`, `checkpoint`: the arithmetic, without a database.
//! * `sequencer`: numbers committed records within a quarter of a second and signs the checkpoint.
//! * `tiles`: what everybody may read: checkpoint and hash tiles.
//! * `copy`, `verify`: a copy for auditors, and its check, which needs nothing else.
//! * `retention`: deletes personal parts whose time is over.

mod checkpoint;
pub mod cli;
mod copy;
mod leaf;
mod lost;
mod retention;
mod search;
mod sequencer;
mod tiles;
mod tree;
mod verify;

use std::sync::Arc;

use http::StatusCode;
use keys::ed25519::Ed25519Key;
use sqlx::AssertSqlSafe;
use utoipa_axum::router::OpenApiRouter;

pub use self::lost::Beyond;
pub use self::search::{Filter, Head, Listed, head, search};

use self::checkpoint::LogKey;
use self::leaf::{Leaf, commitment};
use crate::operations::config::Section;
use crate::operations::server_keys::SecretName;
use crate::operations::store::{STATEMENT_ROWS, StoreError, Tx, Value, params, places};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, Problem, Sealer, id};

#[cfg(test)]
mod tests;

/// Numbers what is committed, where no server runs whose sequencer would; how many records got a number.
///
/// # Errors
/// The store's, or a head that does not fit its records.
pub async fn number(platform: &Platform) -> Result<u64, AuditError> {
    sequencer::number_all(platform).await
}

/// Numbers what is committed, as the sequencer does a moment later.
#[cfg(test)]
pub(crate) async fn number_all_for_tests(platform: &Platform) {
    sequencer::number_all(platform).await.expect("numbered");
}

/// A copy of the whole log.
#[cfg(test)]
pub(crate) async fn export_for_tests(platform: &Platform, out: &std::path::Path) {
    let mut file = std::fs::File::create(out).expect("file");
    copy::write(platform, &mut file, false, &|_| {}).await.expect("copied");
}

/// A copy that proves itself under this key.
#[cfg(test)]
pub(crate) fn prove_for_tests(copy: &std::path::Path, key: &str) {
    let file = std::io::BufReader::new(std::fs::File::open(copy).expect("file"));
    verify::verify(file, LogKey::parse(key).as_ref(), None).expect("proven");
}

/// Why the log could not be read, numbered or copied.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the log's key: {0}")]
    Key(String),
    #[error(
        "the head of the audit log does not fit its records: check the database and restore it if need be"
    )]
    Head,
    #[error("there is no such part of the log")]
    Nothing,
    #[error("copy of the audit log: {0}")]
    Copy(String),
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Problem {
        match error {
            AuditError::Nothing => Problem::new(StatusCode::NOT_FOUND, "not_found"),
            AuditError::Store(error) => error.into(),
            other => Problem::internal(&other),
        }
    }
}

/// The key that signs checkpoints, and what readers know of it.
fn log_key(platform: &Platform) -> Result<(Ed25519Key, LogKey), AuditError> {
    let unusable = |error: &dyn std::fmt::Display| AuditError::Key(error.to_string());
    let secret = platform.keys.secret(SecretName::AuditCheckpoint).map_err(|error| unusable(&error))?;
    let key = Ed25519Key::from_seed(&secret.bytes).map_err(|error| unusable(&error))?;
    let base = &platform.config.public.base_url;
    let host = base.host_str().unwrap_or("localhost");
    let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
    let log = LogKey::new(&format!("{host}{port}/audit"), &key);
    Ok((key, log))
}

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
    insert(tx, &id::new(), &record, None).await
}

macro_rules! into_record {
    () => {
        "INSERT INTO audit_record (id, at, actor, duty, act, subject, detail, personal_commitment, leaf_hash) VALUES "
    };
}
const INSERT: &str = concat!(into_record!(), "($1, $2, $3, $4, $5, $6, $7, $8, $9)");

/// Writes many records in few statements: for a measurement at full size.
pub async fn record_many(tx: &mut Tx, records: &[Record<'_>]) -> Result<(), StoreError> {
    for some in records.chunks(STATEMENT_ROWS) {
        let rows = some.iter().flat_map(|record| row(tx.now_ms(), &id::new(), record, None)).collect();
        let sql = format!(concat!(into_record!(), "{}"), places(some.len(), 9));
        // Fixed words and placeholders.
        tx.execute(AssertSqlSafe(sql), rows).await?;
    }
    Ok(())
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
    insert(tx, &record_id, &record, Some(commitment(&salt, plain.as_bytes()))).await?;
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
    record: &Record<'_>,
    commitment: Option<[u8; 32]>,
) -> Result<(), StoreError> {
    let row = row(tx.now_ms(), record_id, record, commitment);
    tx.execute(INSERT, row).await?;
    Ok(())
}

/// A record as it is stored, with the hash of its leaf.
fn row(at: i64, record_id: &str, record: &Record<'_>, commitment: Option<[u8; 32]>) -> Vec<Value> {
    let leaf = Leaf {
        id: record_id.to_owned(),
        at,
        actor: record.actor.to_owned(),
        duty: record.duty.to_owned(),
        act: record.act.to_owned(),
        subject: record.subject.to_owned(),
        detail: record.detail.to_string(),
        commitment: commitment.map(|hash| keys::encoding::hex_encode(&hash)).unwrap_or_default(),
    };
    let hash = leaf.hash();
    params![
        leaf.id,
        leaf.at,
        leaf.actor,
        leaf.duty,
        leaf.act,
        leaf.subject,
        leaf.detail,
        commitment.map(|c| c.to_vec()),
        hash
    ]
}

/// After a restore: the log goes on from what the backup holds, under a key of its own that the caller makes. Records that
/// came after the backup were signed under the former key, and checkpoints by it cover what is not here any more.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM audit_checkpoint", params![]).await
}

/// How many records the log holds under numbers.
///
/// # Errors
/// The store, or a damaged head.
pub async fn size(platform: &Platform) -> Result<u64, AuditError> {
    Ok(sequencer::head(&platform.store).await?.size())
}

/// What a copy of the log holds beyond `size` records, by act; the badges that were stopped or ended among them.
///
/// # Errors
/// The copy is none, or of another log.
pub fn beyond(platform: &Platform, copy: &std::path::Path, size: u64) -> Result<Beyond, AuditError> {
    lost::beyond(&log_key(platform)?.1, copy, size)
}

/// The size that a checkpoint of this log covers.
///
/// # Errors
/// It is none of this log's.
pub fn covered(platform: &Platform, note: &str) -> Result<u64, AuditError> {
    let (_, log) = log_key(platform)?;
    log.open(note).map(|checkpoint| checkpoint.size).map_err(|error| AuditError::Key(error.to_string()))
}

/// The log's public key as its readers note it down (C2SP signed-note verifier key).
pub fn public_key(platform: &Platform) -> Result<String, AuditError> {
    Ok(log_key(platform)?.1.text())
}

/// The `[audit]` section of the configuration.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub personal_days: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { personal_days: 1_095 }
    }
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "personal_days",
        "How long the personal part of an audit record is kept, in days. The record itself, which names nobody, stays.",
    )];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::from(tiles::routes())
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    sequencer::start(platform, tasks);
    retention::start(platform, tasks);
}

//! A copy of the log for auditors: JSON lines that can be checked with nothing but the copy and the log's public key.
//!
//! ```text
//! {"mapae_audit_copy":1,"log":"badge.example/audit+1a2b3c4d+AQ…"}
//! {"number":0,"hash":"<hex>","record":["mapae-audit-1", …],"personal":{"salt":"<hex>","text":"…"}}
//! {"checkpoint":"badge.example/audit\n1\n…"}
//! ```
//!
//! Records come in the order of their numbers. After the record that completes it, each checkpoint that was signed
//! stands as a line of its own. `personal` stands only where it was asked for and is not deleted yet.

use std::io::Write;

use keys::encoding::{hex_decode, hex_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::leaf::Leaf;
use super::{AuditError, log_key};
use crate::operations::store::{Row, StoreError, params};
use crate::operations::{Platform, limits};

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heading {
    pub(super) mapae_audit_copy: u32,
    pub(super) log: String,
}

/// The form of the copy.
pub(super) const FORM: u32 = 1;

/// A record's line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordLine {
    pub(super) number: u64,
    pub(super) hash: String,
    pub(super) record: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) personal: Option<Personal>,
}

/// A personal part that still exists.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Personal {
    pub(super) salt: String,
    pub(super) text: String,
}

/// A checkpoint's line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointLine {
    pub(super) checkpoint: String,
}

/// Writes the whole log; `personal` adds what is personal, which then has to be kept as carefully as the database.
/// Returns the number of records. `progress` is told how many are written.
pub(super) async fn write(
    platform: &Platform,
    out: &mut (dyn Write + Send),
    personal: bool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, AuditError> {
    let (_, log) = log_key(platform)?;
    line(out, &Heading { mapae_audit_copy: FORM, log: log.text() })?;
    let mut next = 0_i64;
    let mut checkpoints = 0_i64;
    loop {
        let rows = platform
            .store
            .fetch_all(
                "SELECT r.*, p.salt, p.sealed FROM audit_record r LEFT JOIN audit_personal p ON p.record_id = r.id \
                 WHERE r.sequence >= $1 AND r.sequence < $2 ORDER BY r.sequence",
                params![next, next + limits::AUDIT_PAGE.get()],
            )
            .await?;
        let end = next + i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let notes = platform
            .store
            .fetch_all(
                "SELECT size, note FROM audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size",
                params![checkpoints, end],
            )
            .await?;
        let mut notes = notes.iter().peekable();
        for row in &rows {
            line(out, &record(platform, row, personal)?)?;
            next = row.int("sequence")? + 1;
            while let Some(note) = notes.next_if(|note| note.int("size").is_ok_and(|size| size <= next)) {
                line(out, &CheckpointLine { checkpoint: note.text("note")? })?;
                checkpoints = note.int("size")?;
            }
        }
        progress(next.unsigned_abs());
        if rows.is_empty() {
            return Ok(next.unsigned_abs());
        }
    }
}

fn line(out: &mut (dyn Write + Send), value: &impl Serialize) -> Result<(), AuditError> {
    let mut text = serde_json::to_vec(value).map_err(|error| AuditError::Copy(error.to_string()))?;
    text.push(b'\n');
    out.write_all(&text).map_err(|error| AuditError::Copy(error.to_string()))
}

fn record(platform: &Platform, row: &Row, with_personal: bool) -> Result<RecordLine, AuditError> {
    let leaf = leaf_of(row)?;
    let personal = match (row.opt_bytes("salt")?, row.opt_bytes("sealed")?) {
        (Some(salt), Some(sealed)) if with_personal => {
            let text = platform
                .sealer
                .open("audit_personal", "sealed", &leaf.id, &sealed)
                .map_err(|error| AuditError::Copy(format!("record {}: {error}", leaf.id)))?;
            let text = String::from_utf8(text.to_vec())
                .map_err(|_| AuditError::Copy(format!("record {}: no text", leaf.id)))?;
            Some(Personal { salt: hex_encode(&salt), text })
        }
        _ => None,
    };
    Ok(RecordLine {
        number: row.int("sequence")?.unsigned_abs(),
        hash: hex_encode(&row.bytes("leaf_hash")?),
        record: leaf.to_value(),
        personal,
    })
}

/// The leaf that follows from a row of `audit_record`.
pub(super) fn leaf_of(row: &Row) -> Result<Leaf, StoreError> {
    let commitment = row.opt_bytes("personal_commitment")?;
    Ok(Leaf {
        id: row.text("id")?,
        at: row.int("at")?,
        actor: row.text("actor")?,
        duty: row.text("duty")?,
        act: row.text("act")?,
        subject: row.text("subject")?,
        detail: row.text("detail")?,
        commitment: commitment.as_deref().map(hex_encode).unwrap_or_default(),
    })
}

/// Hex of exactly 32 bytes.
pub(super) fn hash_of(hex: &str) -> Option<[u8; 32]> {
    hex_decode(hex).ok()?.try_into().ok()
}

//! What a copy of the log knows that a restored store does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::Serialize;

use super::AuditError;
use super::checkpoint::LogKey;
use super::copy::RecordLine;
use super::verify;

/// Acts that stop a badge or end it.
const STOPS: [&str; 4] = ["badge.suspended", "badge.revoked", "badge.replaced", "badge.expired"];

/// Records after those that a restored store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Beyond {
    /// Records of the copy.
    pub copied: u64,
    /// How many were lost, by act.
    pub acts: BTreeMap<String, u64>,
    /// Badges that were stopped and not made good again: whether for a time or for good.
    #[serde(skip)]
    pub suspended: BTreeSet<String>,
    #[serde(skip)]
    pub ended: BTreeSet<String>,
}

/// Reads a copy that proves itself, as `mapae audit verify` does, and tells what it holds from record `size` on.
pub(super) fn beyond(log: &LogKey, copy: &Path, size: u64) -> Result<Beyond, AuditError> {
    let named = |error: &dyn std::fmt::Display| AuditError::Copy(format!("{}: {error}", copy.display()));
    let open = || File::open(copy).map(BufReader::new).map_err(|error| named(&error));
    let proven = verify::verify(open()?, Some(log), None).map_err(|fault| named(&fault))?;
    let mut beyond = Beyond { copied: proven.size, ..Beyond::default() };
    for line in open()?.lines().skip(1) {
        let line = line.map_err(|error| named(&error))?;
        // A checkpoint's line is none of these.
        let Ok(record) = serde_json::from_str::<RecordLine>(&line) else { continue };
        if record.number < size {
            continue;
        }
        let text =
            |name: &str| record.record.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let (act, subject) = (text("act").to_owned(), text("subject").to_owned());
        match act.as_str() {
            "badge.suspended" => {
                beyond.suspended.insert(subject);
            }
            "badge.resumed" => {
                beyond.suspended.remove(&subject);
            }
            act if STOPS.contains(&act) => {
                beyond.ended.insert(subject);
            }
            _ => {}
        }
        *beyond.acts.entry(act).or_default() += 1;
    }
    Ok(beyond)
}

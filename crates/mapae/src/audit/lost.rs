//! What a copy of the log knows that a restored store does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::Serialize;

use super::AuditError;
use super::checkpoint::LogKey;
use super::copy::RecordLine;
use super::leaf::Leaf;
use super::verify;

/// Acts that end a badge.
const ENDS: [&str; 3] = ["badge.revoked", "badge.replaced", "badge.expired"];

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
    /// Wallet accounts that five wrong PINs locked, and nobody unlocked.
    #[serde(skip)]
    pub locked: BTreeSet<String>,
    /// Browsers that their owners took away.
    #[serde(skip)]
    pub browsers: BTreeSet<String>,
    /// Issuing keys that were retired, or (true) revoked.
    #[serde(skip)]
    pub issuing_keys: BTreeMap<String, bool>,
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
        // The copy has proven itself: every record is a leaf.
        let Some(Leaf { act, subject, detail, .. }) = Leaf::from_value(&record.record) else { continue };
        match act.as_str() {
            "badge.suspended" => {
                beyond.suspended.insert(subject);
            }
            "badge.resumed" => {
                beyond.suspended.remove(&subject);
            }
            "account.locked" => {
                beyond.locked.insert(subject);
            }
            "account.unlocked" | "account.new_pin" => {
                beyond.locked.remove(&subject);
            }
            "login.browser_ended" => {
                let detail: serde_json::Value = serde_json::from_str(&detail).unwrap_or_default();
                let browser = detail.get("browser").and_then(serde_json::Value::as_str);
                beyond.browsers.extend(browser.map(str::to_owned));
            }
            "issuer_key.retired" => {
                beyond.issuing_keys.entry(subject).or_default();
            }
            "issuer_key.revoked" => {
                beyond.issuing_keys.insert(subject, true);
            }
            act if ENDS.contains(&act) => {
                beyond.ended.insert(subject);
            }
            _ => {}
        }
        *beyond.acts.entry(act).or_default() += 1;
    }
    Ok(beyond)
}

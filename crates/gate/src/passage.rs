//! The passage log: one JSON line for each thing that happened, each line naming the hash of the one before.
//!
//! A controller keeps the lines on disk and uploads them as they are. Whoever takes them checks the chain: none is left
//! out, changed or written twice. A line knows a badge by its `gate_ref` only.

use alloc::format;
use alloc::string::String;

use keys::encoding::b64url_encode;
use serde::{Deserialize, Serialize};

use crate::feed::Direction;
use crate::pass::GateRef;

/// The longest line (bytes).
pub const MAX_LINE: usize = 1_024;
const LABEL: &[u8] = b"mapae-gate/1 passage";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When (ms), by the time the controller believes.
    pub at: i64,
    /// At which door.
    pub door: GateRef,
    /// Which way.
    pub direction: Direction,
    /// Whether the door opened.
    pub opened: bool,
    /// Code of the reason ([`crate::decision::Reason::code`]), of a failed tap or of an alarm.
    pub code: String,
    /// Whose badge, where one proved itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_ref: Option<GateRef>,
    /// By which grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Under which grace order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Age of what the controller knew (ms).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<i64>,
    /// Number of the last record that the controller knew.
    pub seq: u64,
    /// The fast way, the standard way, a code: `fast`, `standard`, `code`; empty for alarms.
    #[serde(default)]
    pub way: String,
}

/// A line as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Format: 1.
    pub v: u32,
    /// Number, from 1, without a gap.
    pub n: u64,
    /// Hash of the line before (base64url); empty for the first.
    pub prev: String,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A line that does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No line of ours.
    #[error("the line is malformed")]
    Malformed,
    /// A line is missing, was changed or stands twice.
    #[error("the line does not follow the one before")]
    Broken,
}

/// Where a chain stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Number of the last line.
    pub n: u64,
    /// Its hash (base64url).
    pub head: String,
}

impl Chain {
    /// The next line, without its line feed, and the chain with it. The caller moves on once the line is safe.
    ///
    /// # Errors
    /// It would be longer than [`MAX_LINE`].
    pub fn next(&self, entry: Entry) -> Result<(String, Self), ChainError> {
        let line = Line { v: 1, n: self.n.saturating_add(1), prev: self.head.clone(), entry };
        let text = serde_json::to_string(&line).map_err(|_| ChainError::Malformed)?;
        if text.len() > MAX_LINE {
            return Err(ChainError::Malformed);
        }
        let head = hash(&text);
        Ok((text, Self { n: line.n, head }))
    }

    /// Reads the line that follows.
    ///
    /// # Errors
    /// It does not follow, or is none.
    pub fn follow(&self, text: &str) -> Result<(Line, Self), ChainError> {
        if text.len() > MAX_LINE || text.contains('\n') {
            return Err(ChainError::Malformed);
        }
        let line: Line = keys::strict_json::parse(text.as_bytes()).map_err(|_| ChainError::Malformed)?;
        if line.v != 1 || line.n != self.n.saturating_add(1) || line.prev != self.head {
            return Err(ChainError::Broken);
        }
        let head = hash(text);
        Ok((line.clone(), Self { n: line.n, head }))
    }
}

/// The hash of a line.
fn hash(text: &str) -> String {
    b64url_encode(&keys::sha256(&[LABEL, b"\n", format!("{text}\n").as_bytes()].concat()))
}

//! Checking a copy of the log: complete, in order, unchanged, and the same log that somebody saw before.

use std::io::BufRead;

use keys::encoding::{b64_encode, hex_decode, hex_encode};

use super::checkpoint::{Checkpoint, LogKey, NoteError};
use super::copy::{CheckpointLine, FORM, Heading, RecordLine, hash_of};
use super::leaf::{Leaf, commitment};
use super::tree::Tree;

/// A line of a copy is at most this long.
const MOST_LINE: u64 = 1 << 20;

/// What a copy proves.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Proven {
    /// The log's verifier key.
    pub(super) log: String,
    /// Records in the copy, all of them under the last checkpoint.
    pub(super) size: u64,
    /// Root of the tree, base64 as in the checkpoint.
    pub(super) root: String,
    /// Checkpoints that were checked on the way.
    pub(super) checkpoints: u64,
    /// Personal parts that were in the copy and fit what their records say.
    pub(super) personal: u64,
}

/// The first thing that is wrong with a copy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("line {line}: this is no copy of an audit log: {reason}")]
    Form { line: u64, reason: String },
    #[error("the copy was made of another log: it names {found}, not the key that was given")]
    Log { found: String },
    #[error("record {number} is missing: record {found} stands in its place (removed, inserted or moved)")]
    Order { number: u64, found: u64 },
    #[error("record {number} was changed: its text has another hash than the one that was numbered")]
    Changed { number: u64 },
    #[error("record {number}: its personal part was changed")]
    Personal { number: u64 },
    #[error("checkpoint over {size} records: {reason}")]
    Note { size: u64, reason: NoteError },
    #[error("a record from {first} to {last} was changed together with its hash: the checkpoint over {size} records has another root", last = size - 1)]
    Root { first: u64, size: u64 },
    #[error(
        "the copy holds {records} records and no checkpoint after record {last}: its end was cut off, or it was never signed"
    )]
    End { records: u64, last: u64 },
    #[error(
        "the log was forked: the checkpoint seen before over {size} records has another root than the copy"
    )]
    Fork { size: u64 },
    #[error("the copy ends before record {size}, which the checkpoint seen before covers")]
    Shorter { size: u64 },
    #[error("line {line}: cannot be read: {reason}")]
    Read { line: u64, reason: String },
}

/// Checks a copy. `key` is the log's key as the auditor knows it; without one the copy's own word counts. `seen` is a
/// checkpoint that was kept earlier: the copy must extend it.
pub(super) fn verify(input: impl BufRead, key: Option<&LogKey>, seen: Option<&str>) -> Result<Proven, Fault> {
    let mut copy = Copy::open(input, key)?;
    let seen =
        seen.map(|note| copy.log.open(note).map_err(|reason| Fault::Note { size: 0, reason })).transpose()?;
    let mut met_seen = seen.is_none_or(|seen| seen.size == 0);
    while let Some((line, text)) = copy.next()? {
        let form = |reason: &dyn std::fmt::Display| Fault::Form { line, reason: reason.to_string() };
        if text.starts_with("{\"checkpoint\"") {
            let note: CheckpointLine = serde_json::from_str(&text).map_err(|error| form(&error))?;
            copy.checkpoint(&note.checkpoint)?;
            continue;
        }
        let record: RecordLine = serde_json::from_str(&text).map_err(|error| form(&error))?;
        copy.record(&record).map_err(|fault| fault.unwrap_or_else(|| form(&"no audit record")))?;
        if let Some(seen) = seen.filter(|seen| seen.size == copy.tree.size()) {
            if seen.root != copy.tree.root() {
                return Err(Fault::Fork { size: seen.size });
            }
            met_seen = true;
        }
    }
    copy.end(seen.filter(|_| !met_seen))
}

struct Copy<R> {
    input: R,
    line: u64,
    log: LogKey,
    tree: Tree,
    /// Size of the last checkpoint that fitted.
    signed: u64,
    checkpoints: u64,
    personal: u64,
}

impl<R: BufRead> Copy<R> {
    fn open(input: R, key: Option<&LogKey>) -> Result<Self, Fault> {
        let form = |reason: String| Fault::Form { line: 1, reason };
        let mut input = input;
        let text = read_line(&mut input, 1)?.ok_or_else(|| form("it is empty".into()))?;
        let heading: Heading = serde_json::from_str(&text).map_err(|error| form(error.to_string()))?;
        if heading.mapae_audit_copy != FORM {
            return Err(form(format!("its form is {}, not {FORM}", heading.mapae_audit_copy)));
        }
        let log = LogKey::parse(&heading.log).ok_or_else(|| form("its log key cannot be read".into()))?;
        if key.is_some_and(|key| *key != log) {
            return Err(Fault::Log { found: heading.log });
        }
        Ok(Self { input, line: 1, log, tree: Tree::default(), signed: 0, checkpoints: 0, personal: 0 })
    }

    fn next(&mut self) -> Result<Option<(u64, String)>, Fault> {
        self.line += 1;
        Ok(read_line(&mut self.input, self.line)?.map(|text| (self.line, text)))
    }

    /// `Err(None)` when the line is no record.
    fn record(&mut self, line: &RecordLine) -> Result<(), Option<Fault>> {
        let number = self.tree.size();
        if line.number != number {
            return Err(Some(Fault::Order { number, found: line.number }));
        }
        let leaf = Leaf::from_value(&line.record).ok_or(None)?;
        let hash = leaf.hash();
        if hash_of(&line.hash) != Some(hash) {
            return Err(Some(Fault::Changed { number }));
        }
        if let Some(personal) = &line.personal {
            let salt = hex_decode(&personal.salt).map_err(|_| None)?;
            if hex_encode(&commitment(&salt, personal.text.as_bytes())) != leaf.commitment {
                return Err(Some(Fault::Personal { number }));
            }
            self.personal += 1;
        }
        self.tree.append(hash, |_| ());
        Ok(())
    }

    fn checkpoint(&mut self, note: &str) -> Result<(), Fault> {
        let size = self.tree.size();
        let Checkpoint { size: signed, root } =
            self.log.open(note).map_err(|reason| Fault::Note { size, reason })?;
        if signed != size {
            return Err(Fault::Order { number: size, found: signed });
        }
        if root != self.tree.root() {
            return Err(Fault::Root { first: self.signed, size });
        }
        self.signed = size;
        self.checkpoints += 1;
        Ok(())
    }

    fn end(self, not_met: Option<Checkpoint>) -> Result<Proven, Fault> {
        let records = self.tree.size();
        if records != self.signed || records == 0 {
            return Err(Fault::End { records, last: self.signed });
        }
        if let Some(seen) = not_met {
            return Err(Fault::Shorter { size: seen.size });
        }
        Ok(Proven {
            log: self.log.text(),
            size: records,
            root: b64_encode(&self.tree.root()),
            checkpoints: self.checkpoints,
            personal: self.personal,
        })
    }
}

/// A line without its end, or nothing at the end of the file.
fn read_line(input: &mut impl BufRead, line: u64) -> Result<Option<String>, Fault> {
    use std::io::Read as _;
    let failed = |reason: String| Fault::Read { line, reason };
    let mut bytes = Vec::new();
    let read =
        input.take(MOST_LINE).read_until(b'\n', &mut bytes).map_err(|error| failed(error.to_string()))?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(bytes).map(Some).map_err(|_| failed("it is no UTF-8".into())),
        Some(_) if read as u64 == MOST_LINE => Err(failed("it is longer than 1 MiB".into())),
        Some(_) => Err(failed("it has no end: the copy was cut off".into())),
    }
}

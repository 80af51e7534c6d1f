//! The passage log on disk. A line is safe before the door opens; what was cut off by a loss of power is cut away.

use std::io;

use gate::passage::{Chain, Entry, Line};
use serde::{Deserialize, Serialize};

use super::disk::Folder;
use crate::operations::limits;

const LOG: &str = "passages.log";
const UPLOADED: &str = "uploaded.json";

/// How far the log was uploaded; the chain of what is there begins after it, or earlier.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Uploaded {
    n: u64,
    head: String,
}

/// The log.
#[derive(Debug)]
pub struct Log {
    folder: Folder,
    chain: Chain,
    /// Lines that the server does not have, oldest first.
    waiting: Vec<String>,
    uploaded: Uploaded,
    bytes: usize,
}

impl Log {
    /// Reads the log; gives it with everything that stands there, for those who want to know who went where.
    ///
    /// # Errors
    /// The disk fails, or somebody changed the log.
    pub fn open(folder: Folder) -> io::Result<(Self, Vec<Line>)> {
        let damaged = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{LOG}: {why}"));
        let uploaded: Uploaded = match folder.read(UPLOADED)? {
            Some(text) => serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?,
            None => Uploaded::default(),
        };
        let text = folder.read(LOG)?.unwrap_or_default();
        // What has no line feed was being written when the power went: its door did not open.
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
        if whole.len() != text.len() {
            folder.replace(LOG, whole.as_bytes())?;
        }
        let mut chain = match whole.lines().next().map(serde_json::from_str::<Line>) {
            Some(Ok(first)) => Chain { n: first.n.saturating_sub(1), head: first.prev },
            Some(Err(error)) => return Err(damaged(error.to_string())),
            None => Chain { n: uploaded.n, head: uploaded.head.clone() },
        };
        let (mut waiting, mut all) = (Vec::new(), Vec::new());
        for text in whole.lines() {
            let (line, next) = chain.follow(text).map_err(|error| damaged(error.to_string()))?;
            chain = next;
            if line.n > uploaded.n {
                waiting.push(text.to_owned());
            }
            all.push(line);
        }
        Ok((Self { folder, chain, waiting, uploaded, bytes: whole.len() }, all))
    }

    /// Writes an entry and waits until it is safe.
    ///
    /// # Errors
    /// The disk is full or fails, or too much waits: then no door opens.
    pub fn write(&mut self, entry: Entry) -> io::Result<()> {
        if self.bytes >= limits::GATE_LOG.size() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "too many passages wait for the server"));
        }
        let (line, next) =
            self.chain.next(entry).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.folder.append(LOG, &line)?;
        self.bytes += line.len() + 1;
        self.waiting.push(line);
        self.chain = next;
        Ok(())
    }

    /// The next lines to upload, with the number of the last of them.
    pub fn to_upload(&self) -> Vec<String> {
        self.waiting.iter().take(limits::GATE_PASSAGE_LINES.size()).cloned().collect()
    }

    /// How many lines wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Number of the last line.
    pub fn last(&self) -> u64 {
        self.chain.n
    }

    /// The server has everything up to this number.
    ///
    /// # Errors
    /// The disk fails; then the same lines are sent again, and taken once.
    pub fn uploaded(&mut self, n: u64) -> io::Result<()> {
        let mut head = self.uploaded.head.clone();
        let mut done = 0;
        for text in &self.waiting {
            let Ok(line) = serde_json::from_str::<Line>(text) else { break };
            if line.n > n {
                break;
            }
            let before = Chain { n: line.n.saturating_sub(1), head: line.prev };
            if let Ok((_, after)) = before.follow(text) {
                head = after.head;
            }
            done += 1;
        }
        if done == 0 {
            return Ok(());
        }
        let number = self.uploaded.n.max(n.min(self.chain.n));
        let uploaded = Uploaded { n: number, head };
        self.folder.replace(UPLOADED, &serde_json::to_vec(&uploaded)?)?;
        self.uploaded = uploaded;
        self.waiting.drain(..done);
        // Half of the room is used: what the server has goes. Whoever is inside is remembered in memory until a restart.
        if self.waiting.is_empty() && self.bytes > limits::GATE_LOG.size() / 2 {
            self.folder.replace(LOG, b"")?;
            self.bytes = 0;
        }
        Ok(())
    }
}

//! The signed pages on disk, and the book that is made of them.

use std::io;

use gate::decision::{Applied, Book};
use gate::feed::{Kind, Page};
use gate::pass::GateRef;
use keys::PublicKey;

use super::disk::Folder;
use crate::operations::limits;

const SNAPSHOT: &str = "snapshot.pages";
const DELTA: &str = "delta.pages";
const BEACON: &str = "beacon.page";

/// Why a page was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not signed by the feed, not for this controller, or malformed.
    #[error("a page is not the feed's: {0}")]
    Forged(#[from] keys::jws::JwsError),
    /// Something is missing in between.
    #[error("a page is missing")]
    Gap,
    /// The disk is full or fails.
    #[error("a page can't be kept: {0}")]
    Disk(#[from] io::Error),
}

/// The pages of one controller.
#[derive(Debug)]
pub struct Cache {
    folder: Folder,
    key: PublicKey,
    controller: String,
    tiles: Vec<String>,
    deltas: usize,
}

impl Cache {
    /// Reads what is there. A page that is not the feed's any more, or does not follow, ends the reading: what comes after
    /// it is told again.
    ///
    /// # Errors
    /// The disk fails.
    pub fn open(folder: Folder, key: PublicKey, controller: String) -> io::Result<(Self, Book)> {
        let mut book = Book::default();
        let mut cache = Self { folder, key, controller, tiles: Vec::new(), deltas: 0 };
        let whole = |name: &str| cache.folder.read(name).map(Option::unwrap_or_default);
        let (snapshot, delta, beacon) = (whole(SNAPSHOT)?, whole(DELTA)?, whole(BEACON)?);
        for line in snapshot.lines().chain(delta.lines()).chain(beacon.lines()) {
            let Ok(page) = Page::verify(line, &cache.key, &cache.controller) else { break };
            if book.apply(page).0 == Applied::Gap {
                break;
            }
        }
        cache.deltas = delta.lines().count();
        Ok((cache, book))
    }

    /// Takes a page in: verified, applied, kept. Gives the badges that it stopped.
    ///
    /// A stop counts at once, even where the disk is full: then the page is told again after a restart.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn take(&mut self, book: &mut Book, text: &str) -> Result<Vec<GateRef>, PageError> {
        let page = Page::verify(text, &self.key, &self.controller)?;
        let (kind, first, empty) = (page.kind, page.tile == 0, page.records.is_empty());
        let (applied, stopped) = book.apply(page);
        match (kind, applied) {
            (_, Applied::Gap) => {
                self.tiles.clear();
                return Err(PageError::Gap);
            }
            (_, Applied::Known) => {}
            (Kind::Snapshot, applied) => {
                if first {
                    self.tiles.clear();
                }
                self.tiles.push(text.to_owned());
                if applied == Applied::Done {
                    let all = std::mem::take(&mut self.tiles).join("\n");
                    self.folder.replace(SNAPSHOT, all.as_bytes())?;
                    self.folder.remove(DELTA)?;
                    self.folder.remove(BEACON)?;
                    self.deltas = 0;
                }
            }
            (Kind::Delta, _) if empty => self.folder.replace(BEACON, text.as_bytes())?,
            (Kind::Delta, _) => {
                self.folder.append(DELTA, text)?;
                self.deltas += 1;
            }
        }
        Ok(stopped)
    }

    /// Whether so many pages lie beside the snapshot that a new one is due.
    pub fn is_long(&self) -> bool {
        self.deltas >= limits::GATE_CACHE_DELTAS.size()
    }
}

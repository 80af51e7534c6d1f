//! What controllers were told before a restore, taken over from their disks: they know of stops that a backup does not.

use std::collections::BTreeMap;
use std::path::Path;

use credential::status_list::Status;
use gate::feed::{Kind, Page, Record};
use gate::pass::GateRef;
use serde::Serialize;

use super::controller::disk::{Folder, Papers};
use super::feed;
use crate::lifecycle::{self, Badge, BadgeState};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{KeyName, KeysError, Platform, limits};

/// How far the numbers of the feed skip ahead.
const SKIP: i64 = 1 << 32;

/// Why a controller's folder says nothing here.
#[derive(Debug, thiserror::Error)]
pub enum FolderRefused {
    #[error("{0}: it is no controller's folder: {1}")]
    Folder(String, String),
    #[error("{0}: no page in it is signed by this platform's feed")]
    Forged(String),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the controllers' pages said that the backup did not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TakenOver {
    pub controllers: u64,
    /// Badges suspended by this.
    pub suspended: u64,
    /// References that the backup does not know: they stay stopped at every gate.
    pub unknown: u64,
}

impl TakenOver {
    /// The sum of two.
    pub fn add(&mut self, other: &Self) {
        self.controllers += other.controllers;
        self.suspended += other.suspended;
        self.unknown += other.unknown;
    }
}

/// Takes over every badge that a controller was told to be stopped. Pages count by their signature, wherever the folder
/// came from. May be run again.
///
/// # Errors
/// See [`FolderRefused`].
pub async fn take_over(platform: &Platform, path: &Path) -> Result<TakenOver, FolderRefused> {
    let stopped = told(platform, path)?;
    let mut taken = TakenOver { controllers: 1, ..TakenOver::default() };
    for (gate_ref, at) in stopped {
        let text = String::from(gate_ref);
        let sql = "SELECT badge_id FROM gate_badge WHERE gate_ref = $1";
        let Some(row) = platform.store.fetch_optional(sql, params![&text]).await? else {
            taken.unknown += 1;
            platform
                .store
                .write::<_, StoreError, _>(move |tx| Box::pin(async move { keep(tx, &text, at).await }))
                .await?;
            continue;
        };
        let Some(badge) = Badge::find(&platform.store, &row.text("badge_id")?).await? else { continue };
        // It was stopped and not ended, or ended: the lists tell which; here the lesser is enough.
        if lifecycle::stop_as_published(platform, &badge, Status::Suspended).await?
            == Some(BadgeState::Suspended)
        {
            taken.suspended += 1;
        }
    }
    Ok(taken)
}

/// The references that the pages leave stopped, and since when.
fn told(platform: &Platform, path: &Path) -> Result<BTreeMap<GateRef, i64>, FolderRefused> {
    let shown = path.display().to_string();
    let folder = |error: &dyn std::fmt::Display| FolderRefused::Folder(shown.clone(), error.to_string());
    let disk = Folder::existing(path);
    let papers = disk.read("controller.json").map_err(|error| folder(&error))?;
    let papers = papers.ok_or_else(|| folder(&"controller.json is missing"))?;
    let papers: Papers = serde_json::from_str(&papers).map_err(|error| folder(&error))?;
    let key = platform.keys.signer(KeyName::GateFeed)?.public_key().clone();
    let (mut stopped, mut pages) = (BTreeMap::new(), 0_u64);
    for name in ["snapshot.pages", "delta.pages", "beacon.page"] {
        let text = disk.read(name).map_err(|error| folder(&error))?.unwrap_or_default();
        for line in text.lines() {
            let Ok(page) = Page::verify(line, &key, &papers.controller) else { continue };
            pages += 1;
            if page.kind == Kind::Snapshot && page.tile == 0 {
                stopped.clear();
            }
            for record in page.records {
                match record {
                    Record::Stopped { gate_ref, at } => {
                        stopped.insert(gate_ref, at);
                    }
                    Record::Resumed { gate_ref } => {
                        stopped.remove(&gate_ref);
                    }
                    _ => {}
                }
            }
        }
    }
    if pages == 0 { Err(FolderRefused::Forged(shown)) } else { Ok(stopped) }
}

/// A stopped reference without a badge: told to controllers as long as a pass or a grace order over it could last.
async fn keep(tx: &mut Tx, gate_ref: &str, at: i64) -> Result<(), StoreError> {
    let until = tx.now_ms().saturating_add(limits::GATE_PASS_LIFE.get());
    tx.execute(
        "INSERT INTO gate_badge (badge_id, employee_id, account_id, gate_ref, key_thumbprint, pass_until, stopped_at) \
         VALUES ($1, '', '', $2, '', $3, $4) ON CONFLICT DO NOTHING",
        params![format!("lost-{gate_ref}"), gate_ref, until, at],
    )
    .await?;
    Ok(())
}

/// After a restore: a new feed, numbered far ahead, which every controller takes whole; enrolment codes are void.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    feed::renew(tx).await?;
    tx.execute("UPDATE gate_feed_head SET seq = seq + $1 WHERE id = 1", params![SKIP]).await?;
    tx.execute("UPDATE gate_controller SET code_hash = NULL WHERE code_hash IS NOT NULL", params![]).await
}

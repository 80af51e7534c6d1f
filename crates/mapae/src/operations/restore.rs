//! A restore starts closed: whatever ended since the backup stays ended, and nothing that could be used once is good.
//!
//! ```text
//! backup ─▶ empty store, shut ─▶ published lists, controllers' pages, a copy of the audit log: every stop taken over
//!        ─▶ one transaction: offers, codes, sessions and tokens void; versions and numbers far ahead; new log key; open
//! ```
//!
//! The outside remembers more than a backup does. Status lists are public and signed; controllers keep the signed pages
//! that they were told; auditors keep copies of the log. Each is believed by its signature alone, wherever it was found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use credential::status_list::Status;
use serde::Serialize;

use super::store::{StoreError, Tx};
use super::{KeysError, Platform, SecretName, transfer};
use crate::{
    account, application, audit, gates, issuance, lifecycle, login, notification, relying_parties,
    signatures, staff, verification,
};

/// Where the outside's memory is.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// Status list tokens (`application/statuslist+jwt`), as they were published last; folders are read whole.
    pub lists: Vec<PathBuf>,
    /// Folders of gate controllers.
    pub controllers: Vec<PathBuf>,
    /// A copy of the audit log (`mapae audit export`).
    pub audit: Option<PathBuf>,
    /// The newest checkpoint that somebody kept.
    pub checkpoint: Option<PathBuf>,
}

/// Why a restored store could not be closed. It stays shut; run the restore again with what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Audit(#[from] audit::AuditError),
    #[error("{0}: {1}")]
    List(String, lifecycle::ListRefused),
    #[error(transparent)]
    Controller(#[from] gates::FolderRefused),
    #[error("{0}: {1}")]
    File(String, std::io::Error),
}

/// What was done and what is known to be lost.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Closed {
    pub lists: lifecycle::TakenOver,
    pub gates: gates::TakenOver,
    /// Badges stopped because the copy of the audit log says so.
    pub by_audit: u64,
    /// Accounts locked, browsers taken away and issuing keys ended because the copy of the audit log says so.
    pub taken_over: TakenOver,
    /// What was made void, by kind.
    pub void: BTreeMap<&'static str, u64>,
    pub audit: Lost,
    /// The audit log's new key; auditors note it down.
    pub log_key: String,
}

/// What else a copy of the audit log remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TakenOver {
    /// Accounts locked by five wrong PINs.
    pub locked: u64,
    /// Enrolled browsers that their owners took away.
    pub browsers: u64,
    /// Issuing keys retired or revoked.
    pub issuing_keys: u64,
}

/// What the log says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Lost {
    /// Records in the backup.
    pub restored: u64,
    /// Records that there were, as far as a copy or a checkpoint tells.
    pub known: u64,
    /// The difference.
    pub lost: u64,
    /// What they were, by act; only a copy tells.
    pub acts: BTreeMap<String, u64>,
}

/// Closes a store that was just restored, and opens it for servers. May be run again until it succeeds.
pub async fn close(platform: &Platform, remembered: &Remembered) -> Result<Closed, RestoreError> {
    let mut closed = Closed::default();
    let mut beyond = audit::Beyond::default();
    closed.audit.restored = audit::size(platform).await?;
    closed.audit.known = closed.audit.restored;
    if let Some(path) = &remembered.checkpoint {
        let size = audit::covered(platform, &read(path)?)?;
        closed.audit.known = closed.audit.known.max(size);
    }
    if let Some(copy) = &remembered.audit {
        beyond = audit::beyond(platform, copy, closed.audit.restored)?;
        for (status, badges) in [(Status::Suspended, &beyond.suspended), (Status::Invalid, &beyond.ended)] {
            for id in badges {
                closed.by_audit += u64::from(stop(platform, id, status).await?);
            }
        }
        closed.audit.known = closed.audit.known.max(beyond.copied);
        closed.audit.acts = std::mem::take(&mut beyond.acts);
    }
    closed.audit.lost = closed.audit.known - closed.audit.restored;
    for path in files(&remembered.lists)? {
        let taken = lifecycle::take_over(platform, &read(&path)?).await;
        closed.lists.add(taken.map_err(|why| RestoreError::List(path.display().to_string(), why))?);
    }
    for folder in &remembered.controllers {
        closed.gates.add(&gates::take_over(platform, folder).await?);
    }
    let secrets = [SecretName::Token, SecretName::AuditCheckpoint];
    let replacements = platform.keys.replacements(&platform.store, &secrets, platform.now_ms()).await?;
    let ahead = lifecycle::AfterRestore::now(platform)?;
    let told = serde_json::json!({
        "restored": closed.audit.restored,
        "lost": closed.audit.lost,
        "suspended": closed.lists.suspended + closed.gates.suspended,
        "ended": closed.lists.ended,
        "by_audit": closed.by_audit,
    });
    (closed.void, closed.taken_over) = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let void = make_void(tx).await?;
                let taken_over = TakenOver {
                    locked: account::lock_as_remembered(tx, &beyond.locked).await?,
                    browsers: login::end_browsers(tx, &beyond.browsers).await?,
                    issuing_keys: lifecycle::end_keys_as_remembered(tx, &beyond.issuing_keys).await?,
                };
                lifecycle::after_restore(tx, &ahead).await?;
                replacements.enter(tx).await?;
                audit::after_restore(tx).await?;
                let record = audit::Record {
                    actor: "operator",
                    duty: "operator",
                    act: "store.restored",
                    subject: "store",
                    detail: told,
                };
                audit::record(tx, record).await?;
                transfer::finish_in(tx).await?;
                Ok((void, taken_over))
            })
        })
        .await?;
    Ok(closed)
}

async fn make_void(tx: &mut Tx) -> Result<BTreeMap<&'static str, u64>, StoreError> {
    Ok(BTreeMap::from([
        ("offers", issuance::after_restore(tx).await?),
        ("invitations", application::after_restore(tx).await?),
        ("enrolments", account::after_restore(tx).await?),
        ("logins", login::after_restore(tx).await?),
        ("verifications", verification::after_restore(tx).await?),
        ("signing_requests", signatures::after_restore(tx).await?),
        ("messages", notification::after_restore(tx).await?),
        ("staff_sessions", staff::after_restore(tx).await?),
        ("registrations", relying_parties::after_restore(tx).await?),
        ("controller_codes", gates::after_restore(tx).await?),
    ]))
}

async fn stop(platform: &Platform, badge_id: &str, status: Status) -> Result<bool, StoreError> {
    match lifecycle::Badge::find(&platform.store, badge_id).await? {
        Some(badge) => Ok(lifecycle::stop_as_published(platform, &badge, status).await?.is_some()),
        None => Ok(false),
    }
}

fn read(path: &Path) -> Result<String, RestoreError> {
    std::fs::read_to_string(path).map_err(|error| RestoreError::File(path.display().to_string(), error))
}

/// The files named, and those in the folders named, in the order of their names: a week's first list comes before its next.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, RestoreError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| RestoreError::File(path, error)
    };
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed(path))? {
            let entry = entry.map_err(failed(path))?.path();
            if entry.extension().is_some_and(|end| end == "jwt") {
                inside.push(entry);
            }
        }
        inside.sort_by_key(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            // `…-2026-W48-10` comes after `…-2026-W48-9`.
            let (head, number) = name.rsplit_once('-').unwrap_or((&name, ""));
            (head.to_owned(), number.parse::<u64>().unwrap_or(0))
        });
        files.extend(inside);
    }
    Ok(files)
}

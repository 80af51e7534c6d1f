//! A store that was restored from a backup believes that nothing happened since. What was published says otherwise: here
//! it is taken over, before anybody is served.

use credential::status_list::Status;
use credential::status_list::week::Week;
use serde::Serialize;

use super::badge::Badge;
use super::change::{self, By, ChangeError};
use super::state::{BadgeState, Reason};
use super::status::published::{self, ListRefused};
use crate::credentials;
use crate::operations::server_keys::SecretName;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{KeysError, Platform};

/// How far the trust list's version skips ahead.
const SKIP: i64 = 1 << 32;

/// What lists said that the backup did not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TakenOver {
    pub lists: u64,
    /// Badges suspended by this.
    pub suspended: u64,
    /// Badges ended by this.
    pub ended: u64,
    /// Stopped badges that the backup does not hold: issued after it, or of a party it does not know.
    pub lost: Vec<Lost>,
}

/// A badge that is not in the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    pub issuing_did: String,
    pub slot: i64,
}

impl TakenOver {
    /// The sum of two.
    pub fn add(&mut self, other: Self) {
        self.lists += other.lists;
        self.suspended += other.suspended;
        self.ended += other.ended;
        for lost in other.lost {
            if !self.lost.contains(&lost) {
                self.lost.push(lost);
            }
        }
    }
}

/// Takes every entry of a published list over that is not valid. A badge that it calls suspended is suspended, one that it
/// calls invalid is ended; nothing is ever made good. May be run again.
pub async fn take_over(platform: &Platform, token: &str) -> Result<TakenOver, ListRefused> {
    let read = published::read(platform, token).await?;
    let mut taken = TakenOver { lists: 1, ..TakenOver::default() };
    for (slot, status) in read.stopped {
        let Some(badge) = Badge::in_slot(&platform.store, &read.did, slot).await? else {
            let (did, week, ends) = (read.did.clone(), read.week, status != Status::Suspended);
            let beside = platform
                .store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move {
                        let beside = credentials::stop_as_published(tx, &did, slot, ends).await?;
                        if beside.is_none() {
                            let state = if ends { "revoked" } else { "suspended" };
                            published::keep(tx, &did, slot, state, week).await?;
                        }
                        Ok(beside)
                    })
                })
                .await?;
            match beside {
                Some(true) if ends => taken.ended += 1,
                Some(true) => taken.suspended += 1,
                Some(false) => {}
                None => taken.lost.push(Lost { issuing_did: read.did.clone(), slot }),
            }
            continue;
        };
        match stop(platform, &badge, status).await? {
            Some(BadgeState::Suspended) => taken.suspended += 1,
            Some(_) => taken.ended += 1,
            None => {}
        }
    }
    Ok(taken)
}

/// Stops a badge as the outside knew it; the state it came to, if that was new.
pub(crate) async fn stop(
    platform: &Platform,
    badge: &Badge,
    status: Status,
) -> Result<Option<BadgeState>, StoreError> {
    let end = status != Status::Suspended;
    let goes_on = match (badge.state, end) {
        (BadgeState::Active, _) | (BadgeState::Suspended, true) => true,
        (BadgeState::Suspended, false) => false,
        (BadgeState::Revoked | BadgeState::Expired | BadgeState::Replaced, _) => false,
    };
    if !goes_on {
        return Ok(None);
    }
    let id = badge.id.clone();
    let stopped = platform
        .store
        .write::<_, ChangeError, _>(move |tx| {
            Box::pin(async move {
                match end {
                    true => change::revoke(tx, &id, &By::system(), Reason::Restored).await,
                    false => change::suspend(tx, &id, &By::system(), Reason::Restored).await,
                }
            })
        })
        .await;
    match stopped {
        Ok(badge) => Ok(Some(badge.state)),
        Err(ChangeError::Store(error)) => Err(error),
        // Ended in another way since it was read.
        Err(ChangeError::Unknown | ChangeError::NotAllowed { .. } | ChangeError::Overtaken) => Ok(None),
    }
}

/// Skips every number ahead that the outside has seen and this store has not.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx, platform: &AfterRestore) -> Result<(), StoreError> {
    published::skip_ahead(tx, platform.key_id, platform.week).await?;
    tx.execute("UPDATE trust_version SET version = version + $1 WHERE id = 1", params![SKIP]).await?;
    Ok(())
}

/// What [`after_restore`] has to know.
#[derive(Clone, Copy, Debug)]
pub struct AfterRestore {
    key_id: u32,
    week: i64,
}

impl AfterRestore {
    /// As of now.
    ///
    /// # Errors
    /// Never after a successful start.
    pub fn now(platform: &Platform) -> Result<Self, KeysError> {
        let key_id = platform.keys.secret(SecretName::StatusPermutation)?.id;
        Ok(Self { key_id, week: Week::of(platform.now_ms().div_euclid(1_000)).start() })
    }
}

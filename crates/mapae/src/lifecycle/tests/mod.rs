//! A badge's life on both stores: who may change it, what changes with it, and what the world sees of it.

mod changes;
mod crowd;
mod lists;
mod orders;
mod reminders;
mod trust;

use std::sync::Arc;

use credential::status_list::week::Week;

use super::{Badge, By, ChangeError, NewBadge, Reason};
use crate::operations::Platform;
use crate::operations::store::Tx;
use crate::testing::TestPlatform;

/// The DID that badges are issued under here.
fn did(platform: &Platform) -> String {
    crate::issuance::desk(platform).unwrap().did().to_owned()
}

/// What is to be entered for an employee, in a slot of its own, with `copies` copies of this week.
async fn new_badge(
    platform: &Platform,
    employee_id: &str,
    copies: i64,
    replaces: Option<&Badge>,
) -> NewBadge {
    let did = did(platform);
    let party = did.clone();
    let slot = platform
        .store
        .write(move |tx| Box::pin(async move { super::reserve_slot(tx, &party).await }))
        .await
        .unwrap();
    let now_ms = platform.now_ms();
    NewBadge {
        id: crate::operations::id::new(),
        employee_id: employee_id.to_owned(),
        account_id: None,
        application_id: None,
        kind: "first".to_owned(),
        credential_type: "badge".to_owned(),
        issuing_did: did,
        slot,
        replaces: replaces.map(|badge| badge.id.clone()),
        copy_week: Week::of(now_ms / 1000).start(),
        copies,
        issued_at: now_ms,
        valid_until: now_ms + 3 * 365 * 86_400_000,
    }
}

async fn enter(platform: &Platform, new: NewBadge) -> Result<Badge, ChangeError> {
    platform
        .store
        .write(move |tx| Box::pin(async move { super::create(tx, &new, &By::system()).await }))
        .await
}

pub(crate) async fn badge(platform: &Platform, employee_id: &str) -> Badge {
    let new = new_badge(platform, employee_id, 20, None).await;
    enter(platform, new).await.unwrap()
}

/// The three changes that people make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Suspend,
    Resume,
    Revoke,
}

async fn change_in(tx: &mut Tx, badge_id: &str, change: Change) -> Result<Badge, ChangeError> {
    let by = By { actor: "employee-7".to_owned(), duty: "security_officer".to_owned() };
    match change {
        Change::Suspend => super::suspend(tx, badge_id, &by, Reason::Loss).await,
        Change::Resume => super::resume(tx, badge_id, &by, Reason::Found).await,
        Change::Revoke => super::revoke(tx, badge_id, &by, Reason::Order).await,
    }
}

async fn change(platform: &Platform, badge_id: &str, change: Change) -> Result<Badge, ChangeError> {
    let badge_id = badge_id.to_owned();
    platform.store.write(move |tx| Box::pin(async move { change_in(tx, &badge_id, change).await })).await
}

async fn state(platform: &Platform, badge_id: &str) -> super::BadgeState {
    Badge::find(&platform.store, badge_id).await.unwrap().unwrap().state
}

/// A node whose standby is `standby`, and believed to keep up.
async fn beside(platform: &TestPlatform, standby: &TestPlatform) -> Arc<Platform> {
    let store = platform.replica().await.store.clone().beside(&standby.store);
    Platform::of(platform.config.clone(), store, platform.platform.clock.clone()).await.unwrap()
}

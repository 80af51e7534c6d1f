//! The changes of a badge's state, each complete in the transaction it is given.
//!
//! A suspension touches tables of four owners; the caller commits all of it or none. Every change, and the issue of a
//! badge, locks rows in the same order: offers, badge, credentials beside it, account, login, issuing party. Two changes that race on
//! PostgreSQL wait for each other and don't die of a deadlock.

use super::badge::{self, Badge, NewBadge};
use super::state::{BadgeState, Reason};
use super::{followers, party};
use crate::operations::store::{StoreError, Tx, params};
use crate::{audit, credentials, issuance};

/// Why a badge's state was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such badge.
    #[error("there is no such badge")]
    Unknown,
    /// The badge is in a state that leads nowhere that way; another change may have been first.
    #[error("a badge that is {from} can't become {to}")]
    NotAllowed {
        /// The state it is in.
        from: BadgeState,
        /// The state that was asked for.
        to: BadgeState,
    },
    /// The employee has another live badge, or the one to be replaced is no longer live: another issue was first.
    #[error("another badge of this employee was issued first")]
    Overtaken,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "badge_unknown",
            Self::NotAllowed { .. } => "badge_state",
            Self::Overtaken => "badge_overtaken",
            Self::Store(_) => "internal",
        }
    }
}

/// Who changes a badge, and in which duty: both go into the audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Employee id, or `system`.
    pub actor: String,
    /// The duty acted in, as the audit log writes it.
    pub duty: String,
}

impl By {
    /// The platform itself, by a rule and no person.
    pub fn system() -> Self {
        Self { actor: "system".to_owned(), duty: "system".to_owned() }
    }
}

/// Stops a badge and everything that hangs on it: its wallet account, its login sessions, its open offers and all
/// copies in every format. Nothing but [`resume`] undoes it.
///
/// Suspending a suspended badge is a success that changes nothing: a loss may be reported twice.
pub async fn suspend(tx: &mut Tx, badge_id: &str, by: &By, reason: Reason) -> Result<Badge, ChangeError> {
    Ok(stop(tx, badge_id, by, reason).await?.badge)
}

/// A badge that is suspended, and whether this very change suspended it: of many at once, one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub badge: Badge,
    pub by_this: bool,
}

async fn stop(tx: &mut Tx, badge_id: &str, by: &By, reason: Reason) -> Result<Stopped, ChangeError> {
    let badge = Badge::find_in(tx, badge_id).await?.ok_or(ChangeError::Unknown)?;
    issuance::void_offers(tx, &badge.employee_id).await?;
    let Some(badge) = move_to(tx, &badge, BadgeState::Suspended, reason).await? else {
        return match Badge::find_in(tx, badge_id).await?.ok_or(ChangeError::Unknown)? {
            now if now.state == BadgeState::Suspended => {
                let badge = outweigh(tx, now, by, reason).await?;
                Ok(Stopped { badge, by_this: false })
            }
            now => Err(ChangeError::NotAllowed { from: now.state, to: BadgeState::Suspended }),
        };
    };
    let held = credentials::suspend(tx, &badge).await?;
    followers::suspend(tx, &badge).await?;
    publish(tx, &badge).await?;
    credentials::publish(tx, &held).await?;
    record(tx, by, "badge.suspended", &badge).await?;
    Ok(Stopped { badge, by_this: true })
}

/// A loss that is reported while a leave has stopped the badge outweighs the leave: the return must not bring it back.
async fn outweigh(tx: &mut Tx, badge: Badge, by: &By, reason: Reason) -> Result<Badge, ChangeError> {
    if badge.reason != Reason::Leave || reason == Reason::Leave {
        return Ok(badge);
    }
    let rows = tx
        .execute(
            "UPDATE badge SET reason = $2 WHERE id = $1 AND state = 'suspended' AND reason = 'leave'",
            params![&badge.id, reason.as_str()],
        )
        .await?;
    if rows == 0 {
        return Ok(badge);
    }
    let badge = Badge { reason, ..badge };
    record(tx, by, "badge.suspended", &badge).await?;
    Ok(badge)
}

/// Makes an employee's badge good again if it was the leave that stopped it, and nothing else since.
pub async fn resume_after_leave(
    tx: &mut Tx,
    employee_id: &str,
    by: &By,
) -> Result<Option<Badge>, ChangeError> {
    let Some(badge) = Badge::live_of_employee_in(tx, employee_id).await? else { return Ok(None) };
    // Held first, then read: a loss reported at this moment is either seen here or waits for us.
    badge::hold(tx, &badge.id).await?;
    match Badge::find_in(tx, &badge.id).await? {
        Some(now) if now.state == BadgeState::Suspended && now.reason == Reason::Leave => {
            resume(tx, &now.id, by, Reason::Returned).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Ends whatever an employee has: the live badge, if there is one, and every offer that has not led to one yet.
pub async fn revoke_employee(
    tx: &mut Tx,
    employee_id: &str,
    by: &By,
    reason: Reason,
) -> Result<Option<Badge>, ChangeError> {
    issuance::void_offers(tx, employee_id).await?;
    match Badge::live_of_employee_in(tx, employee_id).await? {
        Some(badge) => match revoke(tx, &badge.id, by, reason).await {
            Ok(badge) => Ok(Some(badge)),
            // Another change ended it first.
            Err(ChangeError::NotAllowed { .. }) => Ok(None),
            Err(error) => Err(error),
        },
        None => Ok(None),
    }
}

/// Stops whatever an employee has: the live badge, if there is one, and every offer that has not led to one yet.
pub async fn suspend_employee(
    tx: &mut Tx,
    employee_id: &str,
    by: &By,
    reason: Reason,
) -> Result<Option<Badge>, ChangeError> {
    Ok(stop_employee(tx, employee_id, by, reason).await?.map(|stopped| stopped.badge))
}

/// [`suspend_employee`] that tells whether it was this change that stopped the badge.
pub async fn stop_employee(
    tx: &mut Tx,
    employee_id: &str,
    by: &By,
    reason: Reason,
) -> Result<Option<Stopped>, ChangeError> {
    issuance::void_offers(tx, employee_id).await?;
    match Badge::live_of_employee_in(tx, employee_id).await? {
        Some(badge) => stop(tx, &badge.id, by, reason).await.map(Some),
        None => Ok(None),
    }
}

/// Makes a suspended badge good again: the only way back there is, by a named person in a duty.
///
/// It brings no old session, offer or code back; those ended with the suspension.
pub async fn resume(tx: &mut Tx, badge_id: &str, by: &By, reason: Reason) -> Result<Badge, ChangeError> {
    let badge = Badge::find_in(tx, badge_id).await?.ok_or(ChangeError::Unknown)?;
    let Some(badge) = move_to(tx, &badge, BadgeState::Active, reason).await? else {
        return Err(not_allowed(tx, badge_id, BadgeState::Active).await?);
    };
    let held = credentials::resume(tx, &badge).await?;
    followers::resume(tx, &badge).await?;
    publish(tx, &badge).await?;
    credentials::publish(tx, &held).await?;
    record(tx, by, "badge.resumed", &badge).await?;
    Ok(badge)
}

/// Ends a badge for good.
pub async fn revoke(tx: &mut Tx, badge_id: &str, by: &By, reason: Reason) -> Result<Badge, ChangeError> {
    end(tx, badge_id, BadgeState::Revoked, by, reason).await
}

/// Ends a badge whose validity has run out.
pub(super) async fn expire(tx: &mut Tx, badge_id: &str) -> Result<Badge, ChangeError> {
    end(tx, badge_id, BadgeState::Expired, &By::system(), Reason::Expired).await
}

/// Enters a new badge with its first copies. The badge it replaces ends here, with all its copies in every format.
///
/// Of two issues that race, the one that finds the old badge live (or no live badge) wins; the other is
/// [`ChangeError::Overtaken`] and leaves nothing.
pub async fn create(tx: &mut Tx, new: &NewBadge, by: &By) -> Result<Badge, ChangeError> {
    if let Some(old_id) = &new.replaces {
        let old = Badge::find_in(tx, old_id).await?.ok_or(ChangeError::Overtaken)?;
        let old = move_to(tx, &old, BadgeState::Replaced, Reason::Replaced).await?;
        let old = old.ok_or(ChangeError::Overtaken)?;
        // The same phone goes on with the credentials it holds beside the badge; on another phone they are received anew.
        let held = match old.account_id.is_some() && old.account_id == new.account_id {
            true => Vec::new(),
            false => credentials::end(tx, &old).await?,
        };
        followers::replaced(tx, &old, new).await?;
        publish(tx, &old).await?;
        credentials::publish(tx, &held).await?;
        record(tx, by, "badge.replaced", &old).await?;
    }
    let badge = badge::insert(tx, new).await?.ok_or(ChangeError::Overtaken)?;
    followers::issued(tx, &badge).await?;
    record(tx, by, "badge.issued", &badge).await?;
    Ok(badge)
}

async fn end(
    tx: &mut Tx,
    badge_id: &str,
    to: BadgeState,
    by: &By,
    reason: Reason,
) -> Result<Badge, ChangeError> {
    let badge = Badge::find_in(tx, badge_id).await?.ok_or(ChangeError::Unknown)?;
    issuance::void_offers(tx, &badge.employee_id).await?;
    let Some(badge) = move_to(tx, &badge, to, reason).await? else {
        return Err(not_allowed(tx, badge_id, to).await?);
    };
    let held = credentials::end(tx, &badge).await?;
    followers::end(tx, &badge).await?;
    publish(tx, &badge).await?;
    credentials::publish(tx, &held).await?;
    let act = if to == BadgeState::Expired { "badge.expired" } else { "badge.revoked" };
    record(tx, by, act, &badge).await?;
    Ok(badge)
}

const RESUME: &str =
    "UPDATE badge SET state = $2, reason = $3, changed_at = $4 WHERE id = $1 AND state IN ('suspended')";
const SUSPEND: &str =
    "UPDATE badge SET state = $2, reason = $3, changed_at = $4 WHERE id = $1 AND state IN ('active')";
const END: &str = "UPDATE badge SET state = $2, reason = $3, changed_at = $4 WHERE id = $1 AND state IN ('active', 'suspended')";

/// Writes the state if the row is in a state that may become it; `None` if it is not, which no earlier read can tell.
async fn move_to(
    tx: &mut Tx,
    badge: &Badge,
    to: BadgeState,
    reason: Reason,
) -> Result<Option<Badge>, StoreError> {
    let now_ms = tx.now_ms();
    let sql = match to {
        BadgeState::Active => RESUME,
        BadgeState::Suspended => SUSPEND,
        BadgeState::Revoked | BadgeState::Expired | BadgeState::Replaced => END,
    };
    let rows = tx.execute(sql, params![&badge.id, to.as_str(), reason.as_str(), now_ms]).await?;
    Ok((rows == 1).then(|| Badge { state: to, reason, changed_at: now_ms, ..badge.clone() }))
}

async fn not_allowed(tx: &mut Tx, badge_id: &str, to: BadgeState) -> Result<ChangeError, StoreError> {
    let badge = Badge::find_in(tx, badge_id).await?;
    Ok(badge.map_or(ChangeError::Unknown, |badge| ChangeError::NotAllowed { from: badge.state, to }))
}

/// Lets the status lists see the change: the badge takes the issuing party's next version.
async fn publish(tx: &mut Tx, badge: &Badge) -> Result<(), StoreError> {
    let version = party::raise_status(tx, &badge.issuing_did).await?;
    tx.execute("UPDATE badge SET status_version = $2 WHERE id = $1", params![&badge.id, version]).await?;
    Ok(())
}

async fn record(tx: &mut Tx, by: &By, act: &str, badge: &Badge) -> Result<(), StoreError> {
    let detail = serde_json::json!({ "reason": badge.reason.as_str(), "kind": badge.kind });
    let record = audit::Record { actor: &by.actor, duty: &by.duty, act, subject: &badge.id, detail };
    audit::record(tx, record).await
}

//! What hangs on a badge in other folders: the wallet account that holds it, the sessions begun with it, at relying
//! parties and at the console, and its passes at gates.
//! Each owner changes its own table; here is only who is told of what, in which order.

use super::badge::{Badge, NewBadge};
use super::change::ChangeError;
use crate::operations::store::{StoreError, Tx};
use crate::{account, gates, login, staff};

/// The badge was entered: its account becomes the employee's active one. It may not have been closed or suspended
/// since its offer was made.
pub(super) async fn issued(tx: &mut Tx, badge: &Badge) -> Result<(), ChangeError> {
    match &badge.account_id {
        Some(account_id) if !account::badge_issued(tx, account_id).await? => Err(ChangeError::Overtaken),
        _ => Ok(()),
    }
}

/// The badge was suspended.
pub(super) async fn suspend(tx: &mut Tx, badge: &Badge) -> Result<(), StoreError> {
    if let Some(account_id) = &badge.account_id {
        account::suspend(tx, account_id).await?;
    }
    staff::badge_stopped(tx, &badge.employee_id).await?;
    login::suspend(tx, &badge.id).await?;
    gates::suspend(tx, &badge.id).await
}

/// The badge was resumed. Sessions that ended stay ended.
pub(super) async fn resume(tx: &mut Tx, badge: &Badge) -> Result<(), StoreError> {
    if let Some(account_id) = &badge.account_id {
        account::resume(tx, account_id).await?;
    }
    gates::resume(tx, &badge.id).await
}

/// The badge ended for good.
pub(super) async fn end(tx: &mut Tx, badge: &Badge) -> Result<(), StoreError> {
    if let Some(account_id) = &badge.account_id {
        account::end(tx, account_id).await?;
    }
    staff::badge_stopped(tx, &badge.employee_id).await?;
    login::suspend(tx, &badge.id).await?;
    gates::end(tx, &badge.id).await
}

/// The badge was replaced by a new one: its sessions end, and the former phone's account. The same account goes on as
/// it is: if it is suspended, the new badge is not issued to it.
pub(super) async fn replaced(tx: &mut Tx, old: &Badge, new: &NewBadge) -> Result<(), StoreError> {
    match &old.account_id {
        Some(account_id) if old.account_id != new.account_id => account::end(tx, account_id).await?,
        _ => {}
    }
    staff::badge_stopped(tx, &old.employee_id).await?;
    login::suspend(tx, &old.id).await?;
    gates::end(tx, &old.id).await
}

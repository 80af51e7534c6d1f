//! How an account stands is changed here: by the badge's life, by operators.

use wallet::account::messages::{AccountState, PushKind};

use super::passkey;
use super::record::{Account, pin_rests_until};
use crate::audit;
use crate::notification;
use crate::operations::Platform;
use crate::operations::store::{Store, StoreError, Tx, params};

/// An account as operators and consoles see it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Account id.
    pub id: String,
    /// Whose it is.
    pub employee_id: String,
    /// How it stands.
    pub state: AccountState,
    /// PIN tries left.
    pub tries_left: u32,
    /// When the PIN was last right, or set (ms).
    pub pin_right_at: i64,
    /// When the PIN was set (ms).
    pub pin_set_at: i64,
    /// When a forgotten PIN was replaced (ms).
    pub pin_reset_at: Option<i64>,
    /// Thumbprint (RFC 7638) of the device key.
    pub device: String,
}

impl Standing {
    /// Until when the PIN signs nothing and moves to no other device, because it replaced a forgotten one (ms);
    /// `None` once that is over.
    pub fn pin_rests_until(&self, now_ms: i64) -> Option<i64> {
        pin_rests_until(self.pin_reset_at, now_ms)
    }
}

/// How an account stands.
pub async fn standing(store: &Store, account_id: &str) -> Result<Option<Standing>, StoreError> {
    let account = Account::find(store, account_id).await?;
    Ok(account.map(|account| Standing {
        state: account.state(),
        tries_left: account.tries_left(),
        pin_reset_at: account.pin_reset_at,
        id: account.id,
        employee_id: account.employee_id,
        pin_right_at: account.pin_right_at,
        pin_set_at: account.pin_set_at,
        device: account.device_thumbprint,
    }))
}

/// The account of an employee that is not closed; the newest if a new phone waits beside the active one.
pub async fn of_employee(store: &Store, employee_id: &str) -> Result<Option<Standing>, StoreError> {
    let row = store
        .fetch_optional(
            "SELECT id FROM account WHERE employee_id = $1 AND state <> 'closed' ORDER BY created_at DESC, id DESC \
             LIMIT 1",
            params![employee_id],
        )
        .await?;
    match row {
        Some(row) => standing(store, &row.text("id")?).await,
        None => Ok(None),
    }
}

/// Suspends the account that holds a badge: from this commit on its device gets neither challenge nor approval, and
/// approvals given before are void. Only [`resume`] undoes it. Suspending twice changes nothing.
pub async fn suspend(tx: &mut Tx, account_id: &str) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE account SET suspended_at = $2 WHERE id = $1 AND suspended_at IS NULL AND state <> 'closed'",
            params![account_id, now_ms],
        )
        .await?;
    if rows == 1 {
        notification::tell(tx, account_id, PushKind::Suspended).await?;
    }
    tx.execute("DELETE FROM account_approval WHERE account_id = $1", params![account_id]).await?;
    Ok(())
}

/// Suspends every account of an employee that is not closed: the one with the badge, and a phone that waits for one.
pub async fn suspend_all(tx: &mut Tx, employee_id: &str) -> Result<(), StoreError> {
    let rows = tx
        .fetch_all(
            "SELECT id FROM account WHERE employee_id = $1 AND state <> 'closed' ORDER BY id LIMIT 8",
            params![employee_id],
        )
        .await?;
    for row in rows {
        suspend(tx, &row.text("id")?).await?;
    }
    Ok(())
}

/// Orders the phone of a suspended account to forget everything, the next time it asks. `false` if the account is not
/// suspended. A resume takes the order back; what the phone forgot until then comes back by a recovery or a re-issue.
pub async fn order_wipe(tx: &mut Tx, account_id: &str) -> Result<bool, StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE account SET wipe_ordered_at = $2 WHERE id = $1 AND suspended_at IS NOT NULL AND state <> 'closed'",
            params![account_id, now_ms],
        )
        .await?;
    Ok(rows == 1)
}

/// Why a phone was not ordered to forget everything.
#[derive(Debug, thiserror::Error)]
pub enum WipeError {
    /// Only a suspended account's phone: the suspension comes first.
    #[error("the account is not suspended")]
    NotSuspended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// [`order_wipe`] in a transaction of its own, by a person in a duty that the caller has checked.
pub async fn wipe(platform: &Platform, account_id: &str, actor: &str, duty: &str) -> Result<(), WipeError> {
    let (account, actor, duty) = (account_id.to_owned(), actor.to_owned(), duty.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                if !order_wipe(tx, &account).await? {
                    return Err(WipeError::NotSuspended);
                }
                let detail = serde_json::json!({});
                let act = "account.wipe_ordered";
                let record = audit::Record { actor: &actor, duty: &duty, act, subject: &account, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

/// Makes a suspended account usable again. PIN tries stay as they were: a locked account stays locked.
pub async fn resume(tx: &mut Tx, account_id: &str) -> Result<(), StoreError> {
    let rows = tx
        .execute(
            "UPDATE account SET suspended_at = NULL, wipe_ordered_at = NULL \
             WHERE id = $1 AND suspended_at IS NOT NULL AND state <> 'closed'",
            params![account_id],
        )
        .await?;
    if rows == 1 {
        notification::tell(tx, account_id, PushKind::Resumed).await?;
    }
    Ok(())
}

/// Ends the account for good: its badge was revoked, expired or replaced. The phone is told to wipe its vault.
pub async fn end(tx: &mut Tx, account_id: &str) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE account SET state = 'closed', closed_at = $2, pin_key = NULL, pin_next = NULL \
             WHERE id = $1 AND state <> 'closed'",
            params![account_id, now_ms],
        )
        .await?;
    if rows == 1 {
        notification::tell(tx, account_id, PushKind::Ended).await?;
    }
    tx.execute("DELETE FROM account_approval WHERE account_id = $1", params![account_id]).await?;
    tx.execute("DELETE FROM account_result WHERE account_id = $1", params![account_id]).await?;
    passkey::forget(tx, account_id).await
}

/// The account has received its badge and is the employee's active one from this commit on. Call it in the
/// transaction that creates the badge, after [`end`] for the account of the badge that is replaced.
///
/// `false` if the account was closed meanwhile; of two accounts that race to become the employee's active one, the
/// unique index lets one through and the other fails with [`StoreError::Unique`].
pub async fn badge_issued(tx: &mut Tx, account_id: &str) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE account SET state = 'active', moved_at = NULL WHERE id = $1 AND state <> 'closed' AND suspended_at IS NULL",
            params![account_id],
        )
        .await?;
    Ok(rows == 1)
}

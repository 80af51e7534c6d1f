//! How an account stands is changed here: by the badge's life, by operators.

use wallet::account::messages::AccountState;

use super::passkey;
use super::record::Account;
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
    /// Thumbprint (RFC 7638) of the device key.
    pub device: String,
}

/// How an account stands.
pub async fn standing(store: &Store, account_id: &str) -> Result<Option<Standing>, StoreError> {
    let account = Account::find(store, account_id).await?;
    Ok(account.map(|account| Standing {
        state: account.state(),
        tries_left: account.tries_left(),
        id: account.id,
        employee_id: account.employee_id,
        pin_right_at: account.pin_right_at,
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
    tx.execute(
        "UPDATE account SET suspended_at = $2 WHERE id = $1 AND suspended_at IS NULL AND state <> 'closed'",
        params![account_id, now_ms],
    )
    .await?;
    tx.execute("DELETE FROM account_approval WHERE account_id = $1", params![account_id]).await?;
    Ok(())
}

/// Makes a suspended account usable again. PIN tries stay as they were: a locked account stays locked.
pub async fn resume(tx: &mut Tx, account_id: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE account SET suspended_at = NULL WHERE id = $1 AND state <> 'closed'",
        params![account_id],
    )
    .await?;
    Ok(())
}

/// Ends the account for good: its badge was revoked, expired or replaced. The phone is told to wipe its vault.
pub async fn end(tx: &mut Tx, account_id: &str) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    tx.execute(
        "UPDATE account SET state = 'closed', closed_at = $2, pin_key = NULL, pin_next = NULL \
         WHERE id = $1 AND state <> 'closed'",
        params![account_id, now_ms],
    )
    .await?;
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
            "UPDATE account SET state = 'active' WHERE id = $1 AND state <> 'closed' AND suspended_at IS NULL",
            params![account_id],
        )
        .await?;
    Ok(rows == 1)
}

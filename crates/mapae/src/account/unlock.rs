//! Unlocking after five wrong PINs: two persons together, and a new PIN follows.
//!
//! The unlock makes an eight-digit code, shown once to the two persons, who hand it to the holder. Only with it, and
//! only under the device key, a new PIN is set. So neither the finder of a locked phone nor one person alone gets on.

use crate::audit;
use crate::operations::Platform;
use crate::operations::limits;
use crate::operations::store::{StoreError, params};

/// What the two persons hand to the holder.
#[derive(Debug, Clone)]
pub struct UnlockCode {
    /// Eight digits, shown once.
    pub code: String,
    /// When it ends (ms).
    pub expires_at: i64,
}

/// Why an account was not unlocked.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// Both have to be different persons, and neither the holder.
    #[error("it takes two different persons, neither of them the holder")]
    TwoPersons,
    /// There is no such account, it is closed or suspended, or it is not locked.
    #[error("the account is not locked")]
    NotLocked,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Unlocks a locked account, or makes another code for one whose code was lost. `first` and `second` are employee ids
/// whose duties the caller has checked.
pub async fn unlock(
    platform: &Platform,
    account_id: &str,
    first: &str,
    second: &str,
) -> Result<UnlockCode, UnlockError> {
    if first.is_empty() || second.is_empty() || first == second {
        return Err(UnlockError::TwoPersons);
    }
    let code = keys::random::digits(limits::UNLOCK_DIGITS.size());
    let hash = code_hash(platform, account_id, &code);
    let now_ms = platform.clock.now_ms();
    let expires_at = now_ms.saturating_add(limits::UNLOCK_LIFE.get());
    let (account, first, second) = (account_id.to_owned(), first.to_owned(), second.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let holder = tx
                    .fetch_optional("SELECT employee_id FROM account WHERE id = $1", params![&account])
                    .await?
                    .ok_or(UnlockError::NotLocked)?
                    .text("employee_id")?;
                if holder == first || holder == second {
                    return Err(UnlockError::TwoPersons);
                }
                let rows = tx
                    .execute(
                        "UPDATE account SET pin_key = NULL, pin_next = NULL, tries = 0, sequence = sequence + 1, \
                         unlock_hash = $2, unlock_tries = 0, unlock_expires_at = $3 \
                         WHERE id = $1 AND (tries >= 5 OR pin_key IS NULL) AND suspended_at IS NULL \
                         AND state <> 'closed'",
                        params![&account, hash, expires_at],
                    )
                    .await?;
                if rows != 1 {
                    return Err(UnlockError::NotLocked);
                }
                let detail = serde_json::json!({ "second": second });
                let act = "account.unlocked";
                let record = audit::Record { actor: &first, duty: "hr_manager", act, subject: &account, detail };
                audit::record(tx, record).await?;
                Ok(())
            })
        })
        .await?;
    Ok(UnlockCode { code, expires_at })
}

pub(super) fn code_hash(platform: &Platform, account: &str, code: &str) -> Vec<u8> {
    platform.sealer.blind_index("unlock-code", &format!("{account}:{code}"))
}

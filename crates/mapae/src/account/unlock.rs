//! Unlocking after five wrong PINs: two persons together, and a new PIN follows.
//!
//! The unlock makes an eight-digit code, shown once to the two persons, who hand it to the holder. Only with it, and
//! only under the device key, a new PIN is set. So neither the finder of a locked phone nor one person alone gets on.

use super::record::Account;
use super::standing::{Standing, standing};
use crate::audit;
use crate::operations::Platform;
use crate::operations::limits;
use crate::operations::store::{StoreError, Tx, params};

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
    /// Nobody asked for it, or the time for the second person is over.
    #[error("no first person asked for this unlock, or too long ago")]
    NotAsked,
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
    unlock_by(platform, account_id, first, second, false).await
}

/// The unlock; with `asked` it uses up the request of the first person, and there is none without one.
async fn unlock_by(
    platform: &Platform,
    account_id: &str,
    first: &str,
    second: &str,
    asked: bool,
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
                let used = tx
                    .execute(
                        "DELETE FROM account_unlock WHERE account_id = $1 AND first_id = $2 AND ends_at > $3",
                        params![&account, &first, now_ms],
                    )
                    .await?;
                if asked && used != 1 {
                    return Err(UnlockError::NotAsked);
                }
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

/// A locked account at the unlock desk.
#[derive(Debug, Clone)]
pub struct Locked {
    /// How it stands.
    pub standing: Standing,
    /// When it locked (ms).
    pub since: i64,
    /// The first person who asked for the unlock, and until when the second may confirm it (ms).
    pub asked: Option<(String, i64)>,
}

/// Locked accounts, the longest locked first.
pub async fn locked(platform: &Platform) -> Result<Vec<Locked>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT a.id, a.charged_at, u.first_id, u.ends_at FROM account a \
             LEFT JOIN account_unlock u ON u.account_id = a.id AND u.ends_at > $1 \
             WHERE a.tries >= 5 AND a.state <> 'closed' ORDER BY a.charged_at LIMIT $2",
            params![platform.now_ms(), limits::DESK_LOCKED.get()],
        )
        .await?;
    let mut locked = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(standing) = standing(&platform.store, &row.text("id")?).await? else { continue };
        let asked = match (row.opt_text("first_id")?, row.opt_int("ends_at")?) {
            (Some(first), Some(ends_at)) => Some((first, ends_at)),
            _ => None,
        };
        locked.push(Locked { standing, since: row.int("charged_at")?, asked });
    }
    Ok(locked)
}

/// The first of two persons asks; the second has [`limits::DESK_UNLOCK`] to confirm. Asking again begins anew.
pub async fn ask_unlock(platform: &Platform, account_id: &str, first: &str) -> Result<(), UnlockError> {
    let now_ms = platform.now_ms();
    let ends_at = now_ms.saturating_add(limits::DESK_UNLOCK.get());
    let (account_id, first) = (account_id.to_owned(), first.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let account = Account::find_in(tx, &account_id).await?.ok_or(UnlockError::NotLocked)?;
                if account.employee_id == first {
                    return Err(UnlockError::TwoPersons);
                }
                if account.closed || account.suspended_at.is_some() || account.tries_left() > 0 {
                    return Err(UnlockError::NotLocked);
                }
                tx.execute(
                    "INSERT INTO account_unlock (account_id, first_id, asked_at, ends_at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (account_id) DO UPDATE SET first_id = $2, asked_at = $3, ends_at = $4",
                    params![account_id.as_str(), first.as_str(), now_ms, ends_at],
                )
                .await?;
                let (act, detail) = ("account.unlock_asked", serde_json::json!({}));
                let record =
                    audit::Record { actor: &first, duty: "hr_manager", act, subject: &account_id, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

/// The second person confirms: [`unlock`], for the pair. The request is used up by it, whoever confirms at the same time.
pub async fn confirm_unlock(
    platform: &Platform,
    account_id: &str,
    second: &str,
) -> Result<UnlockCode, UnlockError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT first_id FROM account_unlock WHERE account_id = $1 AND ends_at > $2",
            params![account_id, platform.now_ms()],
        )
        .await?;
    let first = row.ok_or(UnlockError::NotAsked)?.text("first_id")?;
    unlock_by(platform, account_id, &first, second, true).await
}

/// Requests whose second person did not come.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM account_unlock WHERE ends_at <= $1", params![now_ms]).await?;
    Ok(())
}

pub(super) fn code_hash(platform: &Platform, account: &str, code: &str) -> Vec<u8> {
    platform.sealer.blind_index("unlock-code", &format!("{account}:{code}"))
}

//! Accounts and duties: made by the operator's command, each with its audit record.

use super::duty::Duty;
use super::password::{self, HashingFailed, Password};
use super::session;
use crate::audit;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, id, limits};

/// Why an account or a duty could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("an id is 3 to {} letters a-z, digits, dot, dash or underscore", limits::STAFF_LOGIN.get())]
    BadLogin,
    #[error("this id or this employee has an account already")]
    Taken,
    #[error("there is no such account")]
    Unknown,
    #[error("this duty follows from personnel and is never granted by hand")]
    NotGranted,
    #[error("an auditor may hold no duty that decides, and the other way round")]
    Conflict,
    #[error(transparent)]
    Password(#[from] password::BadPassword),
    #[error(transparent)]
    Hashing(#[from] HashingFailed),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An id that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login(String);

impl Login {
    /// 3 to 64 of `a-z 0-9 . - _`.
    pub fn new(text: &str) -> Result<Self, AccountError> {
        let fits = (3..=limits::STAFF_LOGIN.size()).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
        if fits && plain { Ok(Self(text.to_owned())) } else { Err(AccountError::BadLogin) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who writes into the audit log for a command on the server itself.
pub(super) const CONSOLE_OPERATOR: &str = "operator@server";

/// Makes an account for an employee. `false` if that very pair exists already: a repeated command is no error.
pub async fn add(
    platform: &Platform,
    login: Login,
    employee_id: &str,
    password: Password,
    by: &str,
) -> Result<bool, AccountError> {
    let hash = password::hash(&platform.local.staff.hashing, password).await?;
    let now = platform.clock.now_ms();
    let (employee_id, by, account_id) = (employee_id.to_owned(), by.to_owned(), id::new());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let made = tx
                    .execute(
                        "INSERT INTO staff_account (id, login, employee_id, password_hash, state, created_at, changed_at) \
                         VALUES ($1, $2, $3, $4, 'open', $5, $5) ON CONFLICT DO NOTHING",
                        params![account_id.as_str(), login.as_str(), employee_id.as_str(), hash, now],
                    )
                    .await?;
                if made == 0 {
                    let same = tx
                        .fetch_optional(
                            "SELECT id FROM staff_account WHERE login = $1 AND employee_id = $2",
                            params![login.as_str(), employee_id.as_str()],
                        )
                        .await?;
                    return if same.is_some() { Ok(false) } else { Err(AccountError::Taken) };
                }
                record(tx, &by, "staff.account_add", &account_id, serde_json::json!({ "employee": employee_id })).await?;
                Ok(true)
            })
        })
        .await
}

/// Gives a duty over an agency and those below it. `false` if it is held already.
pub async fn grant(
    platform: &Platform,
    employee_id: &str,
    duty: Duty,
    agency_code: &str,
    by: &str,
) -> Result<bool, AccountError> {
    let (employee_id, agency_code, by) = (employee_id.to_owned(), agency_code.to_owned(), by.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let by = (by.as_str(), Duty::Operator);
                grant_in(tx, &employee_id, duty, &agency_code, by).await
            })
        })
        .await
}

/// The grant, in the transaction of whoever decides it.
pub(super) async fn grant_in(
    tx: &mut crate::operations::store::Tx,
    employee_id: &str,
    duty: Duty,
    agency_code: &str,
    by: (&str, Duty),
) -> Result<bool, AccountError> {
    if !duty.is_granted() {
        return Err(AccountError::NotGranted);
    }
    let now = tx.now_ms();
    // The account's row is the lock under which duties of one person are weighed against each other.
    let locked = tx
        .execute(
            "UPDATE staff_account SET changed_at = $1 WHERE employee_id = $2 AND state = 'open'",
            params![now, employee_id],
        )
        .await?;
    if locked == 0 {
        return Err(AccountError::Unknown);
    }
    let held = tx
        .fetch_all(
            "SELECT duty FROM staff_duty WHERE employee_id = $1 AND ended_at IS NULL LIMIT 100",
            params![employee_id],
        )
        .await?;
    for row in held {
        if Duty::parse(&row.text("duty")?).is_some_and(|other| !duty.goes_with(other)) {
            return Err(AccountError::Conflict);
        }
    }
    let made = tx
        .execute(
            "INSERT INTO staff_duty (id, employee_id, duty, agency_code, granted_by, granted_at, ended_at) \
             VALUES ($1, $2, $3, $4, $5, $6, NULL) ON CONFLICT DO NOTHING",
            params![id::new(), employee_id, duty.as_str(), agency_code, by.0, now],
        )
        .await?;
    if made == 1 {
        record_as(tx, by, "staff.duty_grant", employee_id, told_duty(duty, agency_code)).await?;
    }
    Ok(made == 1)
}

/// Takes a duty away, in the transaction of whoever decides it. `false` if it is not held.
pub(super) async fn withdraw_in(
    tx: &mut crate::operations::store::Tx,
    employee_id: &str,
    duty: Duty,
    agency_code: &str,
    by: (&str, Duty),
) -> Result<bool, AccountError> {
    let now = tx.now_ms();
    let ended = tx
        .execute(
            "UPDATE staff_duty SET ended_at = $4 \
             WHERE employee_id = $1 AND duty = $2 AND agency_code = $3 AND ended_at IS NULL",
            params![employee_id, duty.as_str(), agency_code, now],
        )
        .await?;
    if ended == 1 {
        record_as(tx, by, "staff.duty_withdraw", employee_id, told_duty(duty, agency_code)).await?;
    }
    Ok(ended == 1)
}

fn told_duty(duty: Duty, agency_code: &str) -> serde_json::Value {
    serde_json::json!({ "duty": duty.as_str(), "agency": agency_code })
}

/// Sets a new password and ends every session of the account.
pub async fn set_password(
    platform: &Platform,
    login: Login,
    password: Password,
    by: &str,
) -> Result<(), AccountError> {
    let hash = password::hash(&platform.local.staff.hashing, password).await?;
    let now = platform.clock.now_ms();
    let by = by.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let row = tx
                    .fetch_optional(
                        "UPDATE staff_account SET password_hash = $1, changed_at = $2 WHERE login = $3 RETURNING id",
                        params![hash, now, login.as_str()],
                    )
                    .await?
                    .ok_or(AccountError::Unknown)?;
                let account_id = row.text("id")?;
                session::end_all(tx, &account_id).await?;
                record(tx, &by, "staff.password_set", &account_id, serde_json::json!({})).await?;
                Ok(())
            })
        })
        .await
}

/// Closes an account: nobody signs in with it, and every session ends now.
pub async fn close(platform: &Platform, login: Login, by: &str) -> Result<(), AccountError> {
    let now = platform.clock.now_ms();
    let by = by.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let row = tx
                    .fetch_optional(
                        "UPDATE staff_account SET state = 'closed', changed_at = $1 WHERE login = $2 RETURNING id",
                        params![now, login.as_str()],
                    )
                    .await?
                    .ok_or(AccountError::Unknown)?;
                let account_id = row.text("id")?;
                session::end_all(tx, &account_id).await?;
                record(tx, &by, "staff.account_close", &account_id, serde_json::json!({})).await?;
                Ok(())
            })
        })
        .await
}

async fn record(
    tx: &mut crate::operations::store::Tx,
    by: &str,
    act: &str,
    subject: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    record_as(tx, (by, Duty::Operator), act, subject, detail).await
}

async fn record_as(
    tx: &mut crate::operations::store::Tx,
    (actor, duty): (&str, Duty),
    act: &str,
    subject: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    audit::record(tx, audit::Record { actor, duty: duty.as_str(), act, subject, detail }).await
}

/// The employee who signs in with an id, unless the account is closed.
pub async fn employee_of(platform: &Platform, login: &Login) -> Result<Option<String>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT employee_id FROM staff_account WHERE login = $1 AND state <> 'closed'",
            params![login.as_str()],
        )
        .await?;
    row.map(|row| row.text("employee_id")).transpose()
}

/// The employment has ended: every duty and every session of the person ends in the transaction that says so. The
/// account itself stays; without an employment it opens nothing but the person's own past.
pub async fn employment_ended(
    tx: &mut crate::operations::store::Tx,
    employee_id: &str,
    by: &str,
) -> Result<(), StoreError> {
    let now = tx.now_ms();
    let account = tx
        .fetch_optional("SELECT id FROM staff_account WHERE employee_id = $1", params![employee_id])
        .await?;
    if let Some(account) = account {
        session::end_all(tx, &account.text("id")?).await?;
    }
    let ended = tx
        .execute(
            "UPDATE staff_duty SET ended_at = $2 WHERE employee_id = $1 AND ended_at IS NULL",
            params![employee_id, now],
        )
        .await?;
    if ended > 0 {
        let detail = serde_json::json!({ "duties": ended, "why": "employment_ended" });
        record(tx, by, "staff.duties_end", employee_id, detail).await?;
    }
    Ok(())
}

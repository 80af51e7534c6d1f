//! Giving and taking duties at the console: one HR manager asks, another confirms, and neither is the person concerned.
//!
//! The confirmation is one conditional update, so of any number at once one counts; what it does then, it does in the same
//! transaction, with the rules weighed anew.

use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::{self, AccountError};
use super::duty::Duty;
use super::extract::Actor;
use crate::audit;
use crate::operations::problem::Problem;
use crate::operations::store::{Row, StoreError, Tx, Value, params};
use crate::operations::{Platform, id, limits};
use crate::personnel::{self, Employee, PersonnelError};

const TABLE: &str = "staff_duty_request";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DutyAct)]
pub(super) enum Act {
    Grant,
    Withdraw,
}

impl Act {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Withdraw => "withdraw",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Grant, Self::Withdraw].into_iter().find(|act| act.as_str() == word)
    }

    /// The key of its name.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Grant => "staff.duties.grant",
            Self::Withdraw => "staff.duties.withdraw",
        }
    }
}

/// Why a duty was not asked for, given or taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum GrantError {
    #[error("no such request, agency or person in reach")]
    Unknown,
    #[error("the duty is missing")]
    Forbidden,
    #[error("nobody decides about their own duties")]
    Own,
    #[error("the second of the two has to be another person")]
    SamePerson,
    #[error("a reason is needed")]
    NoReason,
    #[error("there is no such duty to be given")]
    NoSuchDuty,
    #[error("the person has no account")]
    NoAccount,
    #[error("an auditor may hold no duty that decides")]
    Conflict,
    #[error("it is held already, or not held")]
    Nothing,
    #[error("the same is asked for already")]
    Asked,
    #[error("too much waits")]
    TooMany,
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AccountError> for GrantError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Conflict => Self::Conflict,
            AccountError::NotGranted => Self::NoSuchDuty,
            AccountError::Store(error) => Self::Store(error),
            _ => Self::NoAccount,
        }
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        let (status, code) = match error {
            GrantError::Unknown => (StatusCode::NOT_FOUND, "duty_request_unknown"),
            GrantError::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            GrantError::Own => (StatusCode::FORBIDDEN, "duty_own"),
            GrantError::SamePerson => (StatusCode::FORBIDDEN, "duty_same_person"),
            GrantError::NoReason => (StatusCode::UNPROCESSABLE_ENTITY, "application_no_reason"),
            GrantError::NoSuchDuty => (StatusCode::UNPROCESSABLE_ENTITY, "duty_not_granted"),
            GrantError::NoAccount => (StatusCode::CONFLICT, "duty_no_account"),
            GrantError::Conflict => (StatusCode::CONFLICT, "duty_conflict"),
            GrantError::Nothing => (StatusCode::CONFLICT, "duty_nothing"),
            GrantError::Asked => (StatusCode::CONFLICT, "duty_asked"),
            GrantError::TooMany => (StatusCode::CONFLICT, "duty_too_many"),
            GrantError::Personnel(error) => return error.into(),
            GrantError::Store(error) => return error.into(),
        };
        Self::new(status, code)
    }
}

/// What one HR manager asks for.
pub(super) struct Asking {
    pub(super) act: Act,
    pub(super) employee_id: String,
    pub(super) duty: Duty,
    /// What the duty reaches from.
    pub(super) agency_code: String,
    pub(super) reason: String,
}

/// The agencies whose duties an HR manager looks after; without that duty they have no business here.
fn hr_reach(who: &Actor) -> Result<Vec<String>, GrantError> {
    let reach = who.reaches_from(Duty::HrManager);
    if reach.is_empty() { Err(GrantError::Forbidden) } else { Ok(reach) }
}

/// Asks; nothing changes before another person confirms.
pub(super) async fn ask(platform: &Arc<Platform>, who: &Actor, asking: Asking) -> Result<String, GrantError> {
    let reach = hr_reach(who)?;
    let employee = personnel::employee(platform, &asking.employee_id).await?.ok_or(GrantError::Unknown)?;
    // Both have to be in reach: whom it is given to, and what it reaches from.
    if !personnel::is_under(platform, &employee.agency.code, &reach).await?
        || !personnel::is_under(platform, &asking.agency_code, &reach).await?
        || personnel::agency(platform, &asking.agency_code).await?.is_none()
    {
        return Err(GrantError::Unknown);
    }
    if asking.employee_id == who.employee_id {
        return Err(GrantError::Own);
    }
    if !asking.duty.is_granted() {
        return Err(GrantError::NoSuchDuty);
    }
    let reason: String = asking.reason.trim().chars().take(limits::APPLICATION_NOTE.size()).collect();
    if reason.is_empty() {
        return Err(GrantError::NoReason);
    }
    let held = super::duties_of(platform, &asking.employee_id).await?;
    let holds = held.iter().any(|held| held.duty == asking.duty && held.agency_code == asking.agency_code);
    if holds == (asking.act == Act::Grant) {
        return Err(GrantError::Nothing);
    }
    // Told at once, and weighed again when it is confirmed.
    if asking.act == Act::Grant && held.iter().any(|held| !asking.duty.goes_with(held.duty)) {
        return Err(GrantError::Conflict);
    }
    let request_id = id::new();
    let sealed = platform.sealer.seal(TABLE, "reason", &request_id, reason.as_bytes());
    let (by, made) = (who.employee_id.clone(), request_id.clone());
    platform
        .store
        .write::<_, GrantError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let (employee, duty, agency) =
                    (asking.employee_id.as_str(), asking.duty.as_str(), asking.agency_code.as_str());
                let account = tx
                    .fetch_optional(
                        "SELECT id FROM staff_account WHERE employee_id = $1 AND state = 'open'",
                        params![employee],
                    )
                    .await?;
                if account.is_none() {
                    return Err(GrantError::NoAccount);
                }
                tx.execute(
                    "UPDATE staff_duty_request SET state = 'expired' WHERE employee_id = $1 AND state = 'waiting' \
                     AND ends_at <= $2",
                    params![employee, now],
                )
                .await?;
                let waiting = tx
                    .fetch_one(
                        "SELECT COUNT(*) AS n FROM staff_duty_request WHERE agency_code = $1 AND state = 'waiting' \
                         AND ends_at > $2",
                        params![agency, now],
                    )
                    .await?;
                if waiting.int("n")? >= limits::STAFF_DUTY_REQUESTS.get() {
                    return Err(GrantError::TooMany);
                }
                let rows = tx
                    .execute(
                        "INSERT INTO staff_duty_request \
                         (id, act, employee_id, duty, agency_code, reason, state, asked_by, asked_at, ends_at) \
                         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8, $9) ON CONFLICT DO NOTHING",
                        params![
                            request_id.as_str(),
                            asking.act.as_str(),
                            employee,
                            duty,
                            agency,
                            sealed,
                            by.as_str(),
                            now,
                            now + limits::STAFF_DUTY_REQUEST.get()
                        ],
                    )
                    .await?;
                if rows != 1 {
                    return Err(GrantError::Asked);
                }
                let detail = serde_json::json!({
                    "act": asking.act.as_str(), "duty": duty, "agency": agency, "request": request_id,
                });
                note(tx, &by, "staff.duty_asked", employee, detail).await?;
                Ok(())
            })
        })
        .await?;
    Ok(made)
}

async fn note(
    tx: &mut Tx,
    by: &str,
    act: &str,
    subject: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    let duty = Duty::HrManager.as_str();
    audit::record(tx, audit::Record { actor: by, duty, act, subject, detail }).await
}

/// A request of somebody's reach, for those who may decide on it.
async fn in_reach(platform: &Platform, who: &Actor, request_id: &str) -> Result<Row, GrantError> {
    // Hidden rather than forbidden: whether there is such a request is nobody else's business.
    let reach = hr_reach(who).map_err(|_| GrantError::Unknown)?;
    if !id::is_id(request_id) {
        return Err(GrantError::Unknown);
    }
    let row = platform
        .store
        .fetch_optional(
            "SELECT act, employee_id, duty, agency_code, asked_by FROM staff_duty_request \
             WHERE id = $1 AND state = 'waiting' AND ends_at > $2",
            params![request_id, platform.now_ms()],
        )
        .await?
        .ok_or(GrantError::Unknown)?;
    if !personnel::is_under(platform, &row.text("agency_code")?, &reach).await? {
        return Err(GrantError::Unknown);
    }
    Ok(row)
}

/// The second person says yes: the duty is given or taken in the same transaction.
pub(super) async fn confirm(platform: &Platform, who: &Actor, request_id: &str) -> Result<(), GrantError> {
    let row = in_reach(platform, who, request_id).await?;
    let unreadable = |column: &str| StoreError::Column(column.to_owned(), "holds an unknown word".to_owned());
    let act = Act::parse(&row.text("act")?).ok_or_else(|| unreadable("act"))?;
    let duty = Duty::parse(&row.text("duty")?).ok_or_else(|| unreadable("duty"))?;
    let (employee_id, agency_code) = (row.text("employee_id")?, row.text("agency_code")?);
    if employee_id == who.employee_id {
        return Err(GrantError::Own);
    }
    if row.text("asked_by")? == who.employee_id {
        return Err(GrantError::SamePerson);
    }
    let (by, request_id) = (who.employee_id.clone(), request_id.to_owned());
    platform
        .store
        .write::<_, GrantError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let mine = tx
                    .execute(
                        "UPDATE staff_duty_request SET state = 'confirmed', decided_by = $2, decided_at = $3 \
                         WHERE id = $1 AND state = 'waiting' AND ends_at > $3 AND asked_by <> $2 AND employee_id <> $2",
                        params![request_id.as_str(), by.as_str(), now],
                    )
                    .await?;
                if mine != 1 {
                    return Err(GrantError::Unknown);
                }
                let by = (by.as_str(), Duty::HrManager);
                let done = match act {
                    Act::Grant => account::grant_in(tx, &employee_id, duty, &agency_code, by).await?,
                    Act::Withdraw => account::withdraw_in(tx, &employee_id, duty, &agency_code, by).await?,
                };
                if done { Ok(()) } else { Err(GrantError::Nothing) }
            })
        })
        .await
}

/// The request is taken back or refused; the person concerned may not.
pub(super) async fn drop_it(platform: &Platform, who: &Actor, request_id: &str) -> Result<(), GrantError> {
    let row = in_reach(platform, who, request_id).await?;
    let employee_id = row.text("employee_id")?;
    if employee_id == who.employee_id {
        return Err(GrantError::Own);
    }
    let (by, request_id) = (who.employee_id.clone(), request_id.to_owned());
    platform
        .store
        .write::<_, GrantError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let mine = tx
                    .execute(
                        "UPDATE staff_duty_request SET state = 'dropped', decided_by = $2, decided_at = $3 \
                         WHERE id = $1 AND state = 'waiting'",
                        params![request_id.as_str(), by.as_str(), now],
                    )
                    .await?;
                if mine != 1 {
                    return Err(GrantError::Unknown);
                }
                let detail = serde_json::json!({ "request": request_id });
                Ok(note(tx, &by, "staff.duty_dropped", &employee_id, detail).await?)
            })
        })
        .await
}

/// A duty somebody holds.
pub(super) struct HeldBy {
    pub(super) id: String,
    pub(super) person: Employee,
    pub(super) duty: Duty,
    pub(super) agency_code: String,
    pub(super) since: i64,
}

/// A request that waits.
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) act: Act,
    pub(super) person: Employee,
    pub(super) duty: Duty,
    pub(super) agency_code: String,
    pub(super) reason: String,
    pub(super) asked_by: String,
    /// Name of who asked.
    pub(super) asker: Option<personnel::Named>,
    pub(super) asked_at: i64,
    pub(super) ends_at: i64,
}

fn among(agencies: &[String], from: usize) -> String {
    (from..from + agencies.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

/// Who holds which duty in these agencies: a page of them after an id, in the order in which they were given.
pub(super) async fn holders(
    platform: &Platform,
    agencies: &[String],
    after: &str,
) -> Result<(Vec<HeldBy>, Option<String>), PersonnelError> {
    if agencies.is_empty() {
        return Ok((Vec::new(), None));
    }
    // Only placeholders and a number go into the text.
    let sql = format!(
        "SELECT id, employee_id, duty, agency_code, granted_at FROM staff_duty WHERE id > $1 AND ended_at IS NULL \
         AND agency_code IN ({}) ORDER BY id LIMIT {}",
        among(agencies, 2),
        limits::PAGE_ROWS.get() + 1
    );
    let values = std::iter::once(Value::from(after)).chain(agencies.iter().map(Value::from)).collect();
    let rows = platform.store.fetch_all(sqlx::AssertSqlSafe(sql), values).await?;
    let more = rows.len() > limits::PAGE_ROWS.size();
    let mut held = Vec::new();
    for row in rows.iter().take(limits::PAGE_ROWS.size()) {
        let person = personnel::employee(platform, &row.text("employee_id")?).await?;
        if let (Some(person), Some(duty)) = (person, Duty::parse(&row.text("duty")?)) {
            held.push(HeldBy {
                id: row.text("id")?,
                person,
                duty,
                agency_code: row.text("agency_code")?,
                since: row.int("granted_at")?,
            });
        }
    }
    let next = held.last().filter(|_| more).map(|last| last.id.clone());
    Ok((held, next))
}

/// What waits in these agencies, oldest first.
pub(super) async fn waiting(
    platform: &Platform,
    agencies: &[String],
) -> Result<Vec<Waiting>, PersonnelError> {
    if agencies.is_empty() {
        return Ok(Vec::new());
    }
    // Only placeholders and a number go into the text.
    let sql = format!(
        "SELECT id, act, employee_id, duty, agency_code, reason, asked_by, asked_at, ends_at FROM staff_duty_request \
         WHERE state = 'waiting' AND ends_at > $1 AND agency_code IN ({}) ORDER BY id LIMIT {}",
        among(agencies, 2),
        limits::STAFF_DUTY_REQUESTS.get()
    );
    let values =
        std::iter::once(Value::from(platform.now_ms())).chain(agencies.iter().map(Value::from)).collect();
    let mut waiting = Vec::new();
    for row in platform.store.fetch_all(sqlx::AssertSqlSafe(sql), values).await? {
        let id = row.text("id")?;
        let person = personnel::employee(platform, &row.text("employee_id")?).await?;
        let asked_by = row.text("asked_by")?;
        let asker = personnel::employee(platform, &asked_by).await?.map(|employee| employee.name);
        let (act, duty) = (Act::parse(&row.text("act")?), Duty::parse(&row.text("duty")?));
        if let (Some(person), Some(act), Some(duty)) = (person, act, duty) {
            waiting.push(Waiting {
                reason: platform.sealer.open_text(TABLE, "reason", &id, &row.bytes("reason")?)?,
                id,
                act,
                person,
                duty,
                agency_code: row.text("agency_code")?,
                asked_by,
                asker,
                asked_at: row.int("asked_at")?,
                ends_at: row.int("ends_at")?,
            });
        }
    }
    Ok(waiting)
}

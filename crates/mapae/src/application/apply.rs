//! What the applicant does: ask, send, take back.

use http::StatusCode;

use super::people;
use super::record::{self, Application, By, Entry, advance};
use super::said;
use super::state::{Act, Kind, State};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, id, limits};
use crate::personnel::{self, Eligibility, PersonnelError, Refused};

/// Why an application could not be made, sent or taken back.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("no such application")]
    Unknown,
    #[error("another application of this person is still open")]
    Open,
    #[error("not eligible: {}", .0.code)]
    NotEligible(Refused),
    #[error("the note is too long")]
    NoteTooLong,
    #[error("the idempotency key is empty or too long")]
    BadRequestKey,
    #[error("nobody above could decide")]
    NobodyDecides,
    #[error("this kind does not fit: a badge is active")]
    HasBadge,
    #[error("this kind does not fit: there is no badge to replace")]
    HasNoBadge,
    #[error("somebody moved the application meanwhile")]
    Moved,
    #[error("this cannot be done in state {0}")]
    NotInState(State),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Unknown => Self::new(StatusCode::NOT_FOUND, "application_unknown"),
            ApplyError::Open => Self::new(StatusCode::CONFLICT, "application_open"),
            ApplyError::NotEligible(refused) => not_eligible(refused),
            ApplyError::NoteTooLong => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_note_too_long")
                    .with("most", limits::APPLICATION_NOTE.get())
            }
            ApplyError::BadRequestKey => Self::new(StatusCode::BAD_REQUEST, "idempotency_key_bad"),
            ApplyError::NobodyDecides => Self::new(StatusCode::CONFLICT, "application_nobody_decides"),
            ApplyError::HasBadge => Self::new(StatusCode::CONFLICT, "application_has_badge"),
            ApplyError::HasNoBadge => Self::new(StatusCode::CONFLICT, "application_has_no_badge"),
            ApplyError::Moved => Self::new(StatusCode::CONFLICT, "application_moved"),
            ApplyError::NotInState(state) => {
                Self::new(StatusCode::CONFLICT, "application_not_in_state").with("state", state.as_str())
            }
            ApplyError::Personnel(error) => error.into(),
            ApplyError::Store(error) => error.into(),
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub kind: Kind,
    pub note: String,
    /// The caller's `Idempotency-Key`: the same key gets the same application.
    pub key: Option<String>,
    /// Send it at once, or keep it as a draft.
    pub submit: bool,
}

/// The refusal with its reason; the edge cannot know which language the reason is wanted in, so both stand there.
pub(super) fn not_eligible(refused: Refused) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "application_not_eligible")
        .with("reason_code", refused.code)
        .with("reason", refused.reason.ko)
        .with("reason_en", refused.reason.en)
}

/// Whether the person may have a badge now; the reason is shown to them word by word.
async fn eligible(platform: &Platform, employee_id: &str) -> Result<(), ApplyError> {
    match personnel::eligibility(platform, employee_id, platform.clock.now_ms()).await? {
        Eligibility::Allowed => Ok(()),
        Eligibility::Refused(refused) => Err(ApplyError::NotEligible(refused)),
    }
}

/// Makes an application, and sends it if asked to. `false` beside it means that the key had been used: it is the earlier one.
pub async fn apply(
    platform: &Platform,
    employee_id: &str,
    request: Request,
) -> Result<(Application, bool), ApplyError> {
    if request.note.chars().count() > limits::APPLICATION_NOTE.size() {
        return Err(ApplyError::NoteTooLong);
    }
    if let Some(key) = &request.key {
        if key.is_empty()
            || key.len() > limits::IDEMPOTENCY_KEY.size()
            || !key.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(ApplyError::BadRequestKey);
        }
        if let Some(earlier) = earlier(platform, employee_id, key).await? {
            return Ok((earlier, false));
        }
    }
    eligible(platform, employee_id).await?;
    match (request.kind, people::had_badge(platform, employee_id).await?) {
        (Kind::First, true) => return Err(ApplyError::HasBadge),
        (Kind::First, false) | (_, true) => {}
        (_, false) => return Err(ApplyError::HasNoBadge),
    }
    let employee = people::employee(platform, employee_id).await?;
    let head_department_id = personnel::deciding_department(platform, employee_id, &employee.department_id)
        .await?
        .ok_or(ApplyError::NobodyDecides)?;

    let now = platform.clock.now_ms();
    let state = if request.submit { State::Submitted } else { State::Draft };
    let application = Application {
        id: id::new(),
        employee_id: employee_id.to_owned(),
        agency_code: employee.agency.code.clone(),
        department_id: employee.department_id.clone(),
        head_department_id,
        kind: request.kind,
        state,
        since: now,
        created_at: now,
        ends_at: now + limits::APPLICATION_WAIT.get(),
        badge_id: None,
        seen_phone: None,
    };
    let act = if request.submit { Act::Submit } else { Act::Create };
    let entry = Entry::new(platform, act, By::applicant(employee_id), Some(request.note.trim()));
    let (row, key) = (application.clone(), request.key.clone());
    let sealed = request.submit.then(|| said::seal(platform, &row.id, &employee));
    let made = platform
        .store
        .write::<_, ApplyError, _>(move |tx| {
            Box::pin(async move {
                // The partial unique index decides between two that are made at once.
                let made = tx
                    .execute(
                        "INSERT INTO application (id, employee_id, agency_code, department_id, head_department_id, kind, \
                         state, state_since_at, created_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) \
                         ON CONFLICT DO NOTHING",
                        params![
                            row.id.as_str(),
                            row.employee_id.as_str(),
                            row.agency_code.as_str(),
                            row.department_id.as_str(),
                            row.head_department_id.as_str(),
                            row.kind.as_str(),
                            row.state.as_str(),
                            now,
                            row.ends_at
                        ],
                    )
                    .await?;
                if made != 1 {
                    return Ok(false);
                }
                if let Some(key) = key {
                    let first = tx
                        .execute(
                            "INSERT INTO application_request (employee_id, request_key, application_id, created_at) \
                             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                            params![row.employee_id.as_str(), key, row.id.as_str(), now],
                        )
                        .await?;
                    if first != 1 {
                        return Err(ApplyError::Moved);
                    }
                }
                // The applicant's own hand: nobody decides on their own application, the database says.
                tx.execute(
                    "INSERT INTO application_hand (application_id, person_id, step) VALUES ($1, $2, 'apply')",
                    params![row.id.as_str(), row.employee_id.as_str()],
                )
                .await?;
                if let Some(sealed) = sealed {
                    said::keep(tx, &row.id, sealed).await?;
                }
                entry.write(tx, &row.id, row.state, now).await?;
                Ok(true)
            })
        })
        .await?;
    if made {
        return Ok((application, true));
    }
    // A repeated request may have come while the first was being written.
    if let Some(key) = &request.key
        && let Some(earlier) = earlier(platform, employee_id, key).await?
    {
        return Ok((earlier, false));
    }
    Err(ApplyError::Open)
}

async fn earlier(
    platform: &Platform,
    employee_id: &str,
    key: &str,
) -> Result<Option<Application>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT application_id FROM application_request WHERE employee_id = $1 AND request_key = $2",
            params![employee_id, key],
        )
        .await?;
    match row {
        Some(row) => record::find(&platform.store, &row.text("application_id")?).await,
        None => Ok(None),
    }
}

/// The applicant's own application; somebody else's is unknown to them.
pub async fn own(
    platform: &Platform,
    employee_id: &str,
    application_id: &str,
) -> Result<Application, ApplyError> {
    record::find(&platform.store, application_id)
        .await?
        .filter(|application| application.employee_id == employee_id)
        .ok_or(ApplyError::Unknown)
}

/// Sends a draft, or one that was returned for completion.
pub async fn submit(
    platform: &Platform,
    employee_id: &str,
    application_id: &str,
    note: &str,
) -> Result<(), ApplyError> {
    if note.chars().count() > limits::APPLICATION_NOTE.size() {
        return Err(ApplyError::NoteTooLong);
    }
    let application = own(platform, employee_id, application_id).await?;
    if application.state != State::Draft {
        return Err(ApplyError::NotInState(application.state));
    }
    eligible(platform, employee_id).await?;
    // The person may have moved since: the department and its head are taken anew.
    let employee = people::employee(platform, employee_id).await?;
    let head = personnel::deciding_department(platform, employee_id, &employee.department_id)
        .await?
        .ok_or(ApplyError::NobodyDecides)?;
    let now = platform.clock.now_ms();
    let sealed = said::seal(platform, &application.id, &employee);
    let entry = Entry::new(platform, Act::Submit, By::applicant(employee_id), Some(note.trim()));
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let ends_at = now + limits::APPLICATION_WAIT.get();
                if !advance(tx, &application.id, State::Draft, entry, ends_at, now).await? {
                    return Err(ApplyError::Moved);
                }
                said::keep(tx, &application.id, sealed).await?;
                tx.execute(
                    "UPDATE application SET agency_code = $1, department_id = $2, head_department_id = $3 WHERE id = $4",
                    params![employee.agency.code, employee.department_id, head, application.id],
                )
                .await?;
                Ok(())
            })
        })
        .await
}

/// Takes the application back; an invitation that is out is void with it.
pub async fn withdraw(
    platform: &Platform,
    employee_id: &str,
    application_id: &str,
) -> Result<(), ApplyError> {
    let application = own(platform, employee_id, application_id).await?;
    let from = application.state;
    if from.after(Act::Withdraw).is_none() {
        return Err(ApplyError::NotInState(from));
    }
    let now = platform.clock.now_ms();
    let entry = Entry::bare(Act::Withdraw, By::applicant(employee_id));
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                if !advance(tx, &application.id, from, entry, application.ends_at, now).await? {
                    return Err(ApplyError::Moved);
                }
                super::invitation::void_of(tx, &application.id, "withdrawn").await?;
                Ok(())
            })
        })
        .await
}

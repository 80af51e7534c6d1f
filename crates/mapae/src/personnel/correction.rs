//! 정정 요청: an official says what is wrong in the HR record, and the agency's HR desk answers with a reason. The record itself is
//! changed where it comes from: the HR system, a file, or the personnel page.

use super::{PersonnelError, records};
use crate::audit;
use crate::operations::store::{Row, StoreError, Value, params};
use crate::operations::{Platform, id, limits};

const TABLE: &str = "personnel_correction";

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Phone,
    BirthDate,
    Department,
    Position,
    Rank,
    Portrait,
    Other,
}

impl Field {
    pub(super) const ALL: [Self; 8] = [
        Self::Name,
        Self::Phone,
        Self::BirthDate,
        Self::Department,
        Self::Position,
        Self::Rank,
        Self::Portrait,
        Self::Other,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Phone => "phone",
            Self::BirthDate => "birth_date",
            Self::Department => "department",
            Self::Position => "position",
            Self::Rank => "rank",
            Self::Portrait => "portrait",
            Self::Other => "other",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }

    /// The key of its name.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Name => "personnel.correction.name",
            Self::Phone => "personnel.correction.phone",
            Self::BirthDate => "personnel.correction.birth_date",
            Self::Department => "personnel.correction.department",
            Self::Position => "personnel.correction.position",
            Self::Rank => "personnel.correction.rank",
            Self::Portrait => "personnel.correction.portrait",
            Self::Other => "personnel.correction.other",
        }
    }
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Corrected,
    Refused,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Corrected => "corrected",
            Self::Refused => "refused",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Corrected, Self::Refused].into_iter().find(|state| state.as_str() == word)
    }

    /// Tone and key of its name.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Waiting => ("wait", "personnel.correction.waiting"),
            Self::Corrected => ("good", "personnel.correction.corrected"),
            Self::Refused => ("bad", "personnel.correction.refused"),
        }
    }
}

/// A request, opened.
pub(super) struct Correction {
    pub(super) id: String,
    pub(super) employee_id: String,
    pub(super) agency_code: String,
    pub(super) field: Field,
    pub(super) said: String,
    pub(super) state: State,
    pub(super) asked_at: i64,
    pub(super) answer: Option<String>,
    pub(super) answered_at: Option<i64>,
}

/// Why nothing was asked or answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum CorrectionError {
    #[error("no such request in reach")]
    Unknown,
    #[error("what is wrong, or the answer, is missing or too long")]
    Length,
    #[error("too many requests wait")]
    TooMany,
    #[error("somebody answered it already")]
    Answered,
    #[error("nobody answers their own request")]
    Own,
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn bounded(text: &str) -> Result<String, CorrectionError> {
    let text = text.trim();
    let fits = (1..=limits::APPLICATION_NOTE.size()).contains(&text.chars().count());
    if fits { Ok(text.to_owned()) } else { Err(CorrectionError::Length) }
}

/// The official asks.
pub(super) async fn ask(
    platform: &Platform,
    employee_id: &str,
    field: Field,
    said: &str,
) -> Result<(), CorrectionError> {
    let said = bounded(said)?;
    let agency = records::employee_agency(platform, employee_id).await?.ok_or(PersonnelError::NotFound)?;
    let request_id = id::new();
    let sealed = platform.sealer.seal(TABLE, "said", &request_id, said.as_bytes());
    let employee_id = employee_id.to_owned();
    platform
        .store
        .write::<_, CorrectionError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "INSERT INTO personnel_correction (id, employee_id, agency_code, field, said, state, asked_at) \
                         SELECT $1, $2, $3, $4, $5, 'waiting', $6 WHERE (SELECT COUNT(*) FROM personnel_correction \
                         WHERE employee_id = $2 AND state = 'waiting') < $7",
                        params![
                            request_id.as_str(),
                            employee_id.as_str(),
                            agency.code.as_str(),
                            field.as_str(),
                            sealed,
                            now,
                            limits::CORRECTIONS.get()
                        ],
                    )
                    .await?;
                if rows != 1 {
                    return Err(CorrectionError::TooMany);
                }
                let record = audit::Record {
                    actor: &employee_id,
                    duty: "applicant",
                    act: "personnel.correction_asked",
                    subject: &employee_id,
                    detail: serde_json::json!({ "field": field.as_str(), "request": request_id }),
                };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

fn of(platform: &Platform, row: &Row) -> Result<Correction, PersonnelError> {
    let unknown = |column: &str| StoreError::Column(column.to_owned(), "holds an unknown word".into());
    let id = row.text("id")?;
    let answer = match row.opt_bytes("answer")? {
        Some(sealed) => Some(platform.sealer.open_text(TABLE, "answer", &id, &sealed)?),
        None => None,
    };
    Ok(Correction {
        said: platform.sealer.open_text(TABLE, "said", &id, &row.bytes("said")?)?,
        employee_id: row.text("employee_id")?,
        agency_code: row.text("agency_code")?,
        field: Field::parse(&row.text("field")?).ok_or_else(|| unknown("field"))?,
        state: State::parse(&row.text("state")?).ok_or_else(|| unknown("state"))?,
        asked_at: row.int("asked_at")?,
        answered_at: row.opt_int("answered_at")?,
        answer,
        id,
    })
}

const COLUMNS: &str = "id, employee_id, agency_code, field, said, state, asked_at, answer, answered_at";

/// An official's own requests, newest first.
pub(super) async fn of_employee(
    platform: &Platform,
    employee_id: &str,
) -> Result<Vec<Correction>, PersonnelError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM personnel_correction WHERE employee_id = $1 ORDER BY id DESC LIMIT {}",
        limits::PAGE_ROWS.get()
    );
    // Only fixed words and a number go into the text.
    let rows = platform.store.fetch_all(sqlx::AssertSqlSafe(sql), params![employee_id]).await?;
    rows.iter().map(|row| of(platform, row)).collect()
}

/// The same for the file of what is held about somebody.
pub async fn corrections_told(
    platform: &Platform,
    employee_id: &str,
) -> Result<serde_json::Value, PersonnelError> {
    let told = of_employee(platform, employee_id).await?;
    let told = told.iter().map(|one| {
        serde_json::json!({
            "item": one.field.as_str(), "said": one.said, "state": one.state.as_str(), "asked": crate::pages::iso(one.asked_at),
            "answer": one.answer, "answered": one.answered_at.map(crate::pages::iso),
        })
    });
    Ok(told.collect())
}

/// What waits in these agencies, oldest first; at most a page of it.
pub(super) async fn waiting(
    platform: &Platform,
    agencies: &[String],
) -> Result<Vec<Correction>, PersonnelError> {
    if agencies.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=agencies.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM personnel_correction WHERE state = 'waiting' AND agency_code IN ({}) ORDER BY id LIMIT {}",
        places.join(", "),
        limits::PAGE_ROWS.get()
    );
    // Only placeholders, fixed words and a number go into the text.
    let values = agencies.iter().map(Value::from).collect();
    let rows = platform.store.fetch_all(sqlx::AssertSqlSafe(sql), values).await?;
    rows.iter().map(|row| of(platform, row)).collect()
}

/// HR answers; `reach` are the agencies of the duty that answers.
pub(super) async fn answer(
    platform: &Platform,
    actor: &str,
    reach: &[String],
    request_id: &str,
    state: State,
    reason: &str,
) -> Result<(), CorrectionError> {
    if !id::is_id(request_id) || reach.is_empty() {
        return Err(CorrectionError::Unknown);
    }
    let row = platform
        .store
        .fetch_optional(
            "SELECT employee_id, agency_code, state FROM personnel_correction WHERE id = $1",
            params![request_id],
        )
        .await?
        .ok_or(CorrectionError::Unknown)?;
    if !super::is_under(platform, &row.text("agency_code")?, reach).await? {
        return Err(CorrectionError::Unknown);
    }
    let employee_id = row.text("employee_id")?;
    if employee_id == actor {
        return Err(CorrectionError::Own);
    }
    let reason = bounded(reason)?;
    let sealed = platform.sealer.seal(TABLE, "answer", request_id, reason.as_bytes());
    let (request_id, actor) = (request_id.to_owned(), actor.to_owned());
    platform
        .store
        .write::<_, CorrectionError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "UPDATE personnel_correction SET state = $2, answer = $3, answered_by = $4, answered_at = $5 \
                         WHERE id = $1 AND state = 'waiting'",
                        params![request_id.as_str(), state.as_str(), sealed, actor.as_str(), now],
                    )
                    .await?;
                if rows != 1 {
                    return Err(CorrectionError::Answered);
                }
                let record = audit::Record {
                    actor: &actor,
                    duty: "hr_manager",
                    act: "personnel.correction_answered",
                    subject: &employee_id,
                    detail: serde_json::json!({ "request": request_id, "state": state.as_str() }),
                };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

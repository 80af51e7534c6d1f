//! Changes that wait for a person: held, released by two, dropped by one, or superseded by newer word from the source.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;

use super::rules::Event;
use crate::audit;
use crate::lifecycle::By;
use crate::operations::problem::Problem;
use crate::operations::store::{Store, StoreError, Tx, Value, params};
use crate::operations::{Platform, id, limits};
use crate::personnel::{self, PersonnelError};
use crate::staff::{Actor, Duty};

const TABLE: &str = "employment_held";

/// A change to be held.
#[derive(Clone, Debug)]
pub struct Held<'a> {
    /// Employee id, or code of an agency.
    pub subject: &'a str,
    pub agency_code: &'a str,
    pub event: Event,
    pub content_tag: &'a [u8],
    pub source: &'a str,
    pub told_by: &'a By,
    pub effective_at: i64,
    /// What is written when it is released; sealed here.
    pub payload: Vec<u8>,
}

/// Holds a change. The same change told again is the same held change; a newer one takes its place and has to be looked
/// at anew.
pub async fn hold(platform: &Platform, tx: &mut Tx, held: Held<'_>) -> Result<(), StoreError> {
    let waiting = tx
        .fetch_optional(
            "SELECT id, content_tag, effective_at FROM employment_held WHERE subject = $1 AND state = 'waiting'",
            params![held.subject],
        )
        .await?;
    if let Some(row) = waiting {
        if row.bytes("content_tag")? == held.content_tag || row.int("effective_at")? > held.effective_at {
            return Ok(());
        }
        supersede(tx, held.subject, held.effective_at).await?;
    }
    let held_id = id::new();
    let payload = platform.sealer.seal(TABLE, "payload", &held_id, &held.payload);
    let now = tx.now_ms();
    let rows = tx
        .execute(
            "INSERT INTO employment_held (id, subject, agency_code, event, payload, content_tag, source, told_by, \
             effective_at, created_at, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting') \
             ON CONFLICT DO NOTHING",
            params![
                held_id.as_str(),
                held.subject,
                held.agency_code,
                held.event.as_str(),
                payload,
                held.content_tag,
                held.source,
                held.told_by.actor.as_str(),
                held.effective_at,
                now
            ],
        )
        .await?;
    if rows == 0 {
        return Ok(());
    }
    metrics::counter!("mapae_employment_held_total").increment(1);
    let detail = serde_json::json!({ "held": held_id, "event": held.event.as_str() });
    let (actor, duty) = (held.told_by.actor.as_str(), held.told_by.duty.as_str());
    let act = "employment.held";
    audit::record(tx, audit::Record { actor, duty, act, subject: held.subject, detail }).await
}

/// The source has said something else since: what waits is no longer its word.
pub async fn supersede(tx: &mut Tx, subject: &str, effective_at: i64) -> Result<(), StoreError> {
    let now = tx.now_ms();
    tx.execute(
        "UPDATE employment_held SET state = 'superseded', decided_at = $3 \
         WHERE subject = $1 AND state = 'waiting' AND effective_at <= $2",
        params![subject, effective_at, now],
    )
    .await?;
    Ok(())
}

/// A held change as the console lists it. Whom it is about is personnel's to say.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: String,
    pub subject: String,
    pub agency_code: String,
    pub event: Event,
    pub source: String,
    pub created_at: i64,
    /// The first of the two who release.
    pub first_id: Option<String>,
}

/// What waits in these agencies, oldest first.
pub async fn waiting(platform: &Platform, agencies: &[String]) -> Result<Vec<Waiting>, StoreError> {
    if agencies.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=agencies.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT id, subject, agency_code, event, source, created_at, first_id FROM employment_held \
         WHERE state = 'waiting' AND agency_code IN ({}) ORDER BY id LIMIT {}",
        places.join(", "),
        limits::PAGE_ROWS.get()
    );
    // Only placeholders and a number go into the text.
    let rows = platform
        .store
        .fetch_all(sqlx::AssertSqlSafe(sql), agencies.iter().map(Value::from).collect())
        .await?;
    rows.iter()
        .map(|row| {
            let unknown = || StoreError::Column("event".into(), "unknown word".into());
            Ok(Waiting {
                id: row.text("id")?,
                subject: row.text("subject")?,
                agency_code: row.text("agency_code")?,
                event: Event::parse(&row.text("event")?).ok_or_else(unknown)?,
                source: row.text("source")?,
                created_at: row.int("created_at")?,
                first_id: row.opt_text("first_id")?,
            })
        })
        .collect()
}

/// The changes that wait for these subjects, by subject.
pub async fn pending(store: &Store, subjects: &[&str]) -> Result<HashMap<String, String>, StoreError> {
    if subjects.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=subjects.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT id, subject FROM employment_held WHERE state = 'waiting' AND subject IN ({})",
        places.join(", ")
    );
    // Only placeholders go into the text.
    let subjects = subjects.iter().map(|subject| Value::from(*subject)).collect();
    let rows = store.fetch_all(sqlx::AssertSqlSafe(sql), subjects).await?;
    rows.iter().map(|row| Ok((row.text("subject")?, row.text("id")?))).collect()
}

/// What somebody decides on a held change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is right; the second of two different people carries it out.
    Release,
    /// It was a mistake.
    Drop,
}

/// What came of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Another person has to say so too.
    First,
    Released,
    Dropped,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    #[error("no such held change, or none this person may see")]
    Unknown,
    #[error("nobody decides on their own employment")]
    Own,
    #[error("the second of the two has to be another person")]
    SamePerson,
    #[error("a reason is needed")]
    NoReason,
    #[error("the reason is too long")]
    ReasonTooLong,
    #[error("the record changed meanwhile: {0:?}")]
    Stale(personnel::Saved),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DecisionError> for Problem {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Unknown => Self::new(StatusCode::NOT_FOUND, "employment.held_unknown"),
            DecisionError::Own => Self::new(StatusCode::FORBIDDEN, "employment.own"),
            DecisionError::SamePerson => Self::new(StatusCode::CONFLICT, "employment.same_person"),
            DecisionError::NoReason => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_no_reason"),
            DecisionError::ReasonTooLong => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_note_too_long")
                    .with("most", limits::APPLICATION_NOTE.get())
            }
            DecisionError::Stale(_) => Self::new(StatusCode::CONFLICT, "employment.stale"),
            DecisionError::Personnel(error) => error.into(),
            DecisionError::Store(error) => error.into(),
        }
    }
}

/// Decides on one held change.
pub async fn decide(
    platform: &Arc<Platform>,
    who: &Actor,
    held_id: &str,
    decision: Decision,
    reason: &str,
) -> Result<Decided, DecisionError> {
    let reason = reason.trim();
    match reason.chars().count() {
        0 => return Err(DecisionError::NoReason),
        length if length > limits::APPLICATION_NOTE.size() => return Err(DecisionError::ReasonTooLong),
        _ => {}
    }
    if !id::is_id(held_id) {
        return Err(DecisionError::Unknown);
    }
    let row = platform
        .store
        .fetch_optional(
            "SELECT agency_code, subject FROM employment_held WHERE id = $1 AND state = 'waiting'",
            params![held_id],
        )
        .await?
        .ok_or(DecisionError::Unknown)?;
    let reach = who.reaches_from(Duty::HrManager);
    if !personnel::is_under(platform, &row.text("agency_code")?, &reach).await? {
        return Err(DecisionError::Unknown);
    }
    if row.text("subject")? == who.employee_id {
        return Err(DecisionError::Own);
    }
    let by = By { actor: who.employee_id.clone(), duty: Duty::HrManager.as_str().to_owned() };
    let sealed = platform.sealer.seal(TABLE, "reason", held_id, reason.as_bytes());
    let (inner, held_id) = (Arc::clone(platform), held_id.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                match decision {
                    Decision::Drop => drop_it(tx, &held_id, &by, sealed).await,
                    Decision::Release => release(&inner, tx, &held_id, &by, sealed).await,
                }
            })
        })
        .await
}

async fn drop_it(tx: &mut Tx, held_id: &str, by: &By, reason: Vec<u8>) -> Result<Decided, DecisionError> {
    let now = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE employment_held SET state = 'dropped', decided_id = $2, decided_at = $3, reason = $4 \
             WHERE id = $1 AND state = 'waiting'",
            params![held_id, by.actor.as_str(), now, reason],
        )
        .await?;
    if rows != 1 {
        return Err(DecisionError::Unknown);
    }
    note(tx, by, "employment.held_dropped", held_id).await?;
    Ok(Decided::Dropped)
}

async fn release(
    platform: &Arc<Platform>,
    tx: &mut Tx,
    held_id: &str,
    by: &By,
    reason: Vec<u8>,
) -> Result<Decided, DecisionError> {
    let now = tx.now_ms();
    let first = tx
        .execute(
            "UPDATE employment_held SET first_id = $2, first_at = $3, reason = $4 \
             WHERE id = $1 AND state = 'waiting' AND first_id IS NULL",
            params![held_id, by.actor.as_str(), now, reason.as_slice()],
        )
        .await?;
    if first == 1 {
        note(tx, by, "employment.held_first", held_id).await?;
        return Ok(Decided::First);
    }
    let row = tx
        .fetch_optional(
            "UPDATE employment_held SET state = 'released', decided_id = $2, decided_at = $3, reason = $4 \
             WHERE id = $1 AND state = 'waiting' AND first_id <> $2 RETURNING subject, payload, source",
            params![held_id, by.actor.as_str(), now, reason],
        )
        .await?;
    let Some(row) = row else {
        let waits = tx
            .fetch_optional(
                "SELECT id FROM employment_held WHERE id = $1 AND state = 'waiting'",
                params![held_id],
            )
            .await?;
        return Err(if waits.is_some() { DecisionError::SamePerson } else { DecisionError::Unknown });
    };
    note(tx, by, "employment.held_released", held_id).await?;
    let payload = platform
        .sealer
        .open(TABLE, "payload", held_id, &row.bytes("payload")?)
        .map_err(PersonnelError::from)?;
    let (subject, source) = (row.text("subject")?, row.text("source")?);
    match personnel::write_released(platform, tx, &subject, &payload, by, &source).await? {
        personnel::Saved::Changed | personnel::Saved::Unchanged => Ok(Decided::Released),
        other => Err(DecisionError::Stale(other)),
    }
}

async fn note(tx: &mut Tx, by: &By, act: &str, held_id: &str) -> Result<(), StoreError> {
    let detail = serde_json::json!({});
    audit::record(tx, audit::Record { actor: &by.actor, duty: &by.duty, act, subject: held_id, detail }).await
}

//! The console's gates: zones and doors, controllers and when they were heard, who may enter, why, and what went through.
//!
//! A security officer decides over the zones of the agencies that the duty reaches; an auditor reads. Passages are shown
//! without names: whose they were is not told here.

mod file;
mod now;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use gate::decision::Decision;
use gate::feed::{Escort, Grant, Who};
use gate::pass::GateRef;
use http::StatusCode;
use serde::Deserialize;
use time::macros::{format_description, offset};
use utoipa_axum::router::OpenApiRouter;

use self::read::{Board, board};
use super::setup::{self, By, SetupError, Whom};
use crate::operations::Platform;
use crate::operations::language;
use crate::operations::problem::Problem;
use crate::operations::store::params;
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::personnel;
use crate::staff::{Actor, Duty, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/gates", get(desk))
        .route("/gates/grants", post(give))
        .route("/gates/grants/file", post(file::give_many))
        .route("/gates/grants.csv", get(file::export))
        .route("/gates/now", get(now::now))
        .route("/gates/grants/{id}/end", post(end))
}

/// Why the desk does nothing.
#[derive(Debug, thiserror::Error)]
enum DeskError {
    #[error("the duty is missing")]
    Forbidden,
    #[error("no such zone or grant, or none that this duty reaches")]
    Unknown,
    #[error("no such agency or official")]
    Nobody,
    #[error("a field can't be read")]
    Field,
    #[error("line {0} of the file")]
    Line(usize, Box<Problem>),
    #[error("more lines than a file may have")]
    TooMany,
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Personnel(#[from] personnel::PersonnelError),
    #[error(transparent)]
    Store(#[from] crate::operations::store::StoreError),
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        let field = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code);
        match error {
            DeskError::Forbidden => Self::new(StatusCode::FORBIDDEN, "forbidden"),
            DeskError::Unknown => Self::new(StatusCode::NOT_FOUND, "gate_desk_unknown"),
            DeskError::Nobody => field("gate_desk_nobody"),
            DeskError::Field | DeskError::Setup(SetupError::Bounds(_)) => field("gate_desk_field"),
            DeskError::Setup(SetupError::Unknown(what)) if what.starts_with("gate pass") => {
                field("gate_desk_no_pass")
            }
            DeskError::Setup(SetupError::Unknown(_)) => field("gate_desk_schedule"),
            DeskError::Line(n, why) => field("gate_desk_line")
                .with("n", n)
                .with("why_ko", why.detail(language::Language::Ko))
                .with("why_en", why.detail(language::Language::En)),
            DeskError::TooMany => field("gate_desk_too_many"),
            DeskError::Setup(SetupError::Store(error)) | DeskError::Store(error) => error.into(),
            DeskError::Personnel(error) => error.into(),
        }
    }
}

/// A grant as the form and each line of a file say it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    zone: String,
    /// `person`, `agency` or `under`.
    kind: String,
    agency: String,
    number: String,
    /// Local time of Korea, `2026-12-01T09:00`; empty for none.
    from: String,
    until: String,
    schedule: String,
    /// `none`, `needed` or `gives`; empty is `none`.
    escort: String,
    /// Not empty for a visit, which has an end.
    visit: String,
}

/// The question who may enter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    zone: String,
    agency: String,
    number: String,
    at: String,
}

/// Its answer.
struct Explained {
    opens: bool,
    ko: &'static str,
    en: &'static str,
    code: &'static str,
    grant: Option<String>,
}

#[derive(Template)]
#[template(path = "gates/console.html")]
struct Desk {
    page: Page,
    board: Board,
    question: Question,
    explained: Option<Explained>,
    /// A file that was looked at.
    looked: Option<file::Looked>,
    problem: Option<String>,
    csrf: String,
}

/// What a page says beside what it always shows.
#[derive(Default)]
struct Told {
    question: Question,
    looked: Option<file::Looked>,
    problem: Option<Problem>,
}

/// Agencies whose zones somebody decides over; and those that they read.
fn reaches(who: &Actor) -> Result<(Vec<String>, Vec<String>), DeskError> {
    let decides = who.reaches_from(Duty::SecurityOfficer);
    let mut reads = who.reaches_from(Duty::Auditor);
    reads.extend(decides.iter().cloned());
    if reads.is_empty() { Err(DeskError::Forbidden) } else { Ok((decides, reads)) }
}

/// A zone that somebody decides over.
async fn decides_over(platform: &Platform, who: &Actor, zone: &str) -> Result<(), DeskError> {
    let (decides, _) = reaches(who)?;
    if decides.is_empty() {
        return Err(DeskError::Forbidden);
    }
    let sql = "SELECT agency_code FROM gate_zone WHERE id = $1";
    let row = platform.store.fetch_optional(sql, params![zone]).await?.ok_or(DeskError::Unknown)?;
    match personnel::is_under(platform, &row.text("agency_code")?, &decides).await? {
        true => Ok(()),
        false => Err(DeskError::Unknown),
    }
}

async fn show(page: Page, who: &Actor, platform: &Platform, told: Told) -> PageResult {
    let Told { question, looked, problem } = told;
    let (decides, reads) = reaches(who).map_err(|error| Fault::told(&page, error))?;
    let board = board(platform, &page, &decides, &reads).await.map_err(|error| Fault::told(&page, error))?;
    let (explained, problem) = match (problem, question.number.is_empty()) {
        (None, false) => match explain(platform, &board, &question).await {
            Ok(decision) => (Some(decision), None),
            Err(error) => (None, Some(Problem::from(error))),
        },
        (problem, _) => (None, problem),
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = Desk {
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        page,
        board,
        question,
        explained,
        looked,
    };
    Ok(render_with(status, &view))
}

async fn explain(platform: &Platform, board: &Board, question: &Question) -> Result<Explained, DeskError> {
    if !board.zones.iter().any(|zone| zone.id == question.zone) {
        return Err(DeskError::Unknown);
    }
    let employee = official(platform, &question.agency, &question.number).await?;
    let at = moment(&question.at)?.unwrap_or_else(|| platform.now_ms());
    let Decision { reason, grant, .. } = setup::explain(platform, &question.zone, &employee, at).await?;
    Ok(Explained { opens: reason.opens(), ko: reason.ko(), en: reason.en(), code: reason.code(), grant })
}

async fn official(platform: &Platform, agency: &str, number: &str) -> Result<String, DeskError> {
    let found = personnel::employee_by_number(platform, agency.trim(), number.trim()).await?;
    Ok(found.ok_or(DeskError::Nobody)?.id)
}

/// Local time of Korea as a field of a form says it.
fn moment(text: &str) -> Result<Option<i64>, DeskError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let local = time::PrimitiveDateTime::parse(text, format).map_err(|_| DeskError::Field)?;
    Ok(Some(local.assume_offset(offset!(+9)).unix_timestamp().saturating_mul(1_000)))
}

/// What was asked for, checked as far as one line can be.
async fn read_grant(platform: &Platform, who: &Actor, asked: &Asked) -> Result<(Whom, Grant), DeskError> {
    let zone = asked.zone.trim();
    decides_over(platform, who, zone).await?;
    let code = asked.agency.trim().to_owned();
    if personnel::agency(platform, &code).await?.is_none() {
        return Err(DeskError::Nobody);
    }
    let whom = match asked.kind.trim() {
        "person" => Whom::Person(official(platform, &code, &asked.number).await?),
        "agency" => Whom::Group(Who::Agency { code }),
        "under" => Whom::Group(Who::Under { code }),
        _ => return Err(DeskError::Field),
    };
    let escort = match asked.escort.trim() {
        "" | "none" => Escort::None,
        "needed" => Escort::Needed,
        "gives" => Escort::Gives,
        _ => return Err(DeskError::Field),
    };
    let schedule = Some(asked.schedule.trim()).filter(|id| !id.is_empty()).map(str::to_owned);
    if let Some(schedule) = &schedule {
        let sql = "SELECT id FROM gate_schedule WHERE id = $1";
        let row = platform.store.fetch_optional(sql, params![schedule]).await?;
        row.ok_or(DeskError::Setup(SetupError::Unknown("schedule")))?;
    }
    let (from, until) = (moment(&asked.from)?, moment(&asked.until)?);
    let backwards = matches!((from, until), (Some(from), Some(until)) if from >= until);
    if backwards || (until.is_none() && !asked.visit.is_empty()) {
        return Err(DeskError::Field);
    }
    let who = Who::Person { gate_ref: GateRef([0; 16]) };
    Ok((whom, Grant { id: String::new(), zone: zone.to_owned(), who, from, until, schedule, escort }))
}

fn by(who: &Actor) -> By {
    By { actor: who.employee_id.clone(), duty: Duty::SecurityOfficer.as_str() }
}

/// All of them or none.
async fn make(platform: &Platform, who: &Actor, grants: Vec<(Whom, Grant)>) -> Result<(), DeskError> {
    let by = by(who);
    platform
        .store
        .write::<_, SetupError, _>(move |tx| {
            let (by, grants) = (by.clone(), grants.clone());
            Box::pin(async move {
                for (whom, grant) in grants {
                    setup::grant(tx, &by, &whom, grant).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(())
}

async fn desk(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(question): Query<Question>,
) -> PageResult {
    let told = Told { question, ..Told::default() };
    show(page.signed_in(Area::Console, who.who()), &who, &platform, told).await
}

async fn answer(page: Page, who: &Actor, platform: &Platform, done: Result<(), DeskError>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    match done {
        Ok(()) => Ok(Redirect::to("/gates").into_response()),
        Err(error @ (DeskError::Forbidden | DeskError::Unknown)) => Err(Fault::told(&page, error)),
        Err(error) => {
            show(page, who, platform, Told { problem: Some(error.into()), ..Told::default() }).await
        }
    }
}

async fn give(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, asked): Posted<Actor, Asked>,
) -> PageResult {
    let done = match read_grant(&platform, &who, &asked).await {
        Ok(grant) => make(&platform, &who, vec![grant]).await,
        Err(error) => Err(error),
    };
    answer(page, &who, &platform, done).await
}

#[derive(Debug, Deserialize)]
struct Nothing {}

async fn take_back(platform: &Platform, who: &Actor, id: String) -> Result<(), DeskError> {
    if reaches(who)?.0.is_empty() {
        return Err(DeskError::Forbidden);
    }
    let sql = "SELECT zone_id FROM gate_grant WHERE id = $1";
    let row = platform.store.fetch_optional(sql, params![&id]).await?.ok_or(DeskError::Unknown)?;
    decides_over(platform, who, &row.text("zone_id")?).await?;
    let by = by(who);
    // One that somebody took back meanwhile is taken back: nothing more to say.
    platform
        .store
        .write::<_, SetupError, _>(move |tx| {
            let (by, id) = (by.clone(), id.clone());
            Box::pin(async move { Ok(setup::end_grant(tx, &by, &id).await?) })
        })
        .await?;
    Ok(())
}

async fn end(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let done = take_back(&platform, &who, id).await;
    answer(page, &who, &platform, done).await
}

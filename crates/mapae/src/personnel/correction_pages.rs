//! The pages of 정정 요청: the official's own, and the HR desk's queue.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::correction::{self, Correction, CorrectionError, Field, State};
use super::types::Employee;
use super::{PersonnelError, agencies_under, records};
use crate::audit;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::staff::{Actor, Applicant, Duty, Posted};

pub(super) fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/portal/corrections", get(own).post(ask))
}

pub(super) fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/corrections", get(queue)).route("/corrections/{id}/answer", post(answer))
}

impl From<CorrectionError> for Problem {
    fn from(error: CorrectionError) -> Self {
        match error {
            CorrectionError::Unknown => Self::new(StatusCode::NOT_FOUND, "personnel.not_found"),
            CorrectionError::Length => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "personnel.correction_length")
                    .with("most", limits::APPLICATION_NOTE.get())
            }
            CorrectionError::TooMany => Self::new(StatusCode::CONFLICT, "personnel.correction_too_many")
                .with("count", limits::CORRECTIONS.get()),
            CorrectionError::Answered => Self::new(StatusCode::CONFLICT, "personnel.correction_answered"),
            CorrectionError::Own => Self::new(StatusCode::FORBIDDEN, "personnel.correction_own"),
            CorrectionError::Personnel(error) => error.into(),
            CorrectionError::Store(error) => error.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "personnel/corrections.html")]
struct Own {
    page: Page,
    mine: Vec<Correction>,
    fields: [Field; 8],
    said: String,
    problem: Option<String>,
    csrf: String,
}

async fn show_own(
    page: Page,
    who: &Applicant,
    platform: &Platform,
    said: String,
    problem: Option<Problem>,
) -> PageResult {
    let mine = correction::of_employee(platform, &who.employee_id)
        .await
        .map_err(|error| Fault::told(&page, error))?;
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let problem = problem.map(|problem| problem.detail(page.lang));
    let csrf = who.session.csrf.clone();
    Ok(render_with(status, &Own { page, mine, fields: Field::ALL, said, problem, csrf }))
}

async fn own(page: Page, who: Applicant, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    show_own(page.signed_in(Area::Portal, who.who()), &who, &platform, String::new(), None).await
}

#[derive(Deserialize)]
struct AskForm {
    #[serde(default)]
    field: String,
    #[serde(default)]
    said: String,
}

async fn ask(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, AskForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let field = Field::parse(&form.field).unwrap_or(Field::Other);
    match correction::ask(&platform, &who.employee_id, field, &form.said).await {
        Ok(()) => Ok(Redirect::to("/portal/corrections").into_response()),
        Err(error @ (CorrectionError::Length | CorrectionError::TooMany)) => {
            show_own(page, &who, &platform, form.said, Some(error.into())).await
        }
        Err(error) => Err(Fault::told(&page, error)),
    }
}

struct Line {
    correction: Correction,
    /// Whose record it is about; `None` if it is gone.
    person: Option<Employee>,
}

#[derive(Template)]
#[template(path = "personnel/correction_queue.html")]
struct Queue {
    page: Page,
    lines: Vec<Line>,
    me: String,
    problem: Option<String>,
    csrf: String,
}

async fn show_queue(page: Page, who: &Actor, platform: &Platform, problem: Option<Problem>) -> PageResult {
    let told = |error: PersonnelError| Fault::told(&page, error);
    let from = who.reaches_from(Duty::HrManager);
    if from.is_empty() {
        return Err(Fault::told(&page, Problem::new(StatusCode::FORBIDDEN, "forbidden")));
    }
    let agencies = agencies_under(platform, from, limits::SEARCH_AGENCIES.size()).await.map_err(told)?;
    let mut lines = Vec::new();
    for correction in correction::waiting(platform, &agencies).await.map_err(told)? {
        let person = records::employee(platform, &correction.employee_id).await.map_err(told)?;
        lines.push(Line { correction, person });
    }
    note_look(platform, &who.employee_id, lines.len())
        .await
        .map_err(|error| Fault::told(&page, Problem::from(error)))?;
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let problem = problem.map(|problem| problem.detail(page.lang));
    let (me, csrf) = (who.employee_id.clone(), who.session.csrf.clone());
    Ok(render_with(status, &Queue { page, lines, me, problem, csrf }))
}

/// Names and what is wrong with them were read.
pub(super) async fn note_look(platform: &Platform, actor: &str, rows: usize) -> Result<(), StoreError> {
    let actor = actor.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let record = audit::Record {
                    actor: &actor,
                    duty: "hr_manager",
                    act: "personnel.correction_list",
                    subject: "corrections",
                    detail: serde_json::json!({ "rows": rows }),
                };
                audit::record(tx, record).await
            })
        })
        .await
}

async fn queue(page: Page, who: Actor, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    show_queue(page.signed_in(Area::Console, who.who()), &who, &platform, None).await
}

#[derive(Deserialize)]
struct AnswerForm {
    #[serde(default)]
    state: String,
    #[serde(default)]
    reason: String,
}

async fn answer(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, AnswerForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let state = State::parse(&form.state).filter(|state| *state != State::Waiting).unwrap_or(State::Refused);
    let reach = who.reaches_from(Duty::HrManager);
    match correction::answer(&platform, &who.employee_id, &reach, &id, state, &form.reason).await {
        Ok(()) => Ok(Redirect::to("/corrections").into_response()),
        Err(error @ (CorrectionError::Length | CorrectionError::Answered | CorrectionError::Own)) => {
            show_queue(page, &who, &platform, Some(error.into())).await
        }
        Err(error) => Err(Fault::told(&page, error)),
    }
}

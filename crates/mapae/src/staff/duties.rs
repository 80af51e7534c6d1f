//! 직무: who holds which duty over which agency, and what waits for a second person.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::duty::Duty;
use super::extract::{Actor, Posted};
use super::granting::{self, Act, Asking, GrantError, HeldBy, Waiting};
use crate::audit;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::personnel;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/duties", get(desk))
        .route("/duties/ask", post(ask))
        .route("/duties/{id}/confirm", post(confirm))
        .route("/duties/{id}/drop", post(drop_it))
}

#[derive(Template)]
#[template(path = "staff/duties.html")]
struct Duties {
    page: Page,
    held: Vec<HeldBy>,
    next: Option<String>,
    waiting: Vec<Waiting>,
    /// Whether this person asks and confirms, or only reads.
    may: bool,
    me: String,
    agency: String,
    duties: [Duty; 4],
    days: i64,
    problem: Option<String>,
    csrf: String,
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: String,
}

async fn desk(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(query): Query<After>,
) -> PageResult {
    show(page.signed_in(Area::Console, who.who()), &who, &platform, &query.after, None).await
}

async fn show(
    page: Page,
    who: &Actor,
    platform: &Platform,
    after: &str,
    problem: Option<Problem>,
) -> PageResult {
    let told = |error: Problem| Fault::told(&page, error);
    let may = who.holds(Duty::HrManager);
    let (agencies, duty) = reach(platform, who).await.map_err(|error| told(error.into()))?;
    let (held, next) =
        granting::holders(platform, &agencies, after).await.map_err(|error| told(error.into()))?;
    let waiting = granting::waiting(platform, &agencies).await.map_err(|error| told(error.into()))?;
    note_look(platform, &who.employee_id, duty, held.len()).await.map_err(|error| told(error.into()))?;
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = Duties {
        held,
        next,
        waiting,
        may,
        me: who.employee_id.clone(),
        agency: who.agency_code.clone(),
        duties: Duty::GRANTED,
        days: limits::STAFF_DUTY_REQUEST.get() / 86_400_000,
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        page,
    };
    Ok(render_with(status, &view))
}

/// The agencies whose duties somebody reads, and in which duty.
pub(super) async fn reach(platform: &Platform, who: &Actor) -> Result<(Vec<String>, Duty), GrantError> {
    let duty = if who.holds(Duty::HrManager) { Duty::HrManager } else { Duty::Auditor };
    let from = [Duty::HrManager, Duty::Auditor].into_iter().flat_map(|duty| who.reaches_from(duty)).collect();
    let agencies = personnel::agencies_under(platform, from, limits::SEARCH_AGENCIES.size()).await?;
    if agencies.is_empty() { Err(GrantError::Forbidden) } else { Ok((agencies, duty)) }
}

/// Names were shown.
pub(super) async fn note_look(
    platform: &Platform,
    actor: &str,
    duty: Duty,
    shown: usize,
) -> Result<(), StoreError> {
    let actor = actor.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (act, detail) = ("staff.duties_view", serde_json::json!({ "shown": shown }));
                let record =
                    audit::Record { actor: &actor, duty: duty.as_str(), act, subject: "duties", detail };
                audit::record(tx, record).await
            })
        })
        .await
}

#[derive(Deserialize)]
struct AskForm {
    #[serde(default)]
    act: String,
    /// The person's agency and number.
    #[serde(default)]
    agency: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    duty: String,
    /// What the duty reaches from; the person's agency if left out.
    #[serde(default)]
    over: String,
    #[serde(default)]
    reason: String,
}

async fn ask(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, AskForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let asked = async {
        if !who.holds(Duty::HrManager) {
            return Err(GrantError::Forbidden);
        }
        let (agency, over) = (form.agency.trim(), form.over.trim());
        let number: String = form.number.trim().chars().take(limits::DESK_SEARCH.size()).collect();
        let person = personnel::employee_by_number(&platform, agency, &number).await?;
        let asking = Asking {
            act: Act::parse(&form.act).unwrap_or(Act::Grant),
            employee_id: person.ok_or(GrantError::Unknown)?.id,
            duty: Duty::parse(&form.duty).ok_or(GrantError::NoSuchDuty)?,
            agency_code: if over.is_empty() { agency.to_owned() } else { over.to_owned() },
            reason: form.reason.clone(),
        };
        granting::ask(&platform, &who, asking).await.map(|_| ())
    };
    let asked = asked.await;
    answer(page, &who, &platform, asked).await
}

#[derive(Deserialize)]
struct Nothing {}

async fn confirm(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let done = granting::confirm(&platform, &who, &id).await;
    answer(page, &who, &platform, done).await
}

async fn drop_it(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let done = granting::drop_it(&platform, &who, &id).await;
    answer(page, &who, &platform, done).await
}

/// Back to the list, or the refusal above it; who has no business here gets the bare refusal.
async fn answer(page: Page, who: &Actor, platform: &Platform, done: Result<(), GrantError>) -> PageResult {
    match done {
        Ok(()) => Ok(Redirect::to("/duties").into_response()),
        Err(error @ (GrantError::Forbidden | GrantError::Unknown)) => Err(Fault::told(&page, error)),
        Err(error) => show(page, who, platform, "", Some(error.into())).await,
    }
}

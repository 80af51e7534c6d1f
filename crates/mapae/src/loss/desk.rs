//! The loss desk: what was reported in the agencies of a duty, what it stopped, and how fast.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use sqlx::AssertSqlSafe;
use utoipa_axum::router::OpenApiRouter;

use super::LossError;
use super::report::{self, Cause, Noted, Report, Way, select_report};
use crate::audit;
use crate::lifecycle::{Badge, By};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, Value, params};
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::personnel::{self, Named, PersonnelError};
use crate::staff::{Actor, Duty, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/loss", get(desk)).route("/people/{id}/loss", post(take))
}

/// The duties that stop a badge.
const DUTIES: [Duty; 2] = [Duty::SecurityOfficer, Duty::HrManager];

fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

struct Line {
    report: Noted,
    name: Named,
    by: Option<Named>,
    state: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "loss/desk.html")]
struct Desk {
    page: Page,
    lines: Vec<Line>,
    more: Option<String>,
}

#[derive(Deserialize)]
struct PageQuery {
    after: Option<String>,
}

/// Where the next page begins: time and id of the last row.
fn cursor(text: &str) -> Option<(i64, String)> {
    let (at, id) = text.split_once('.')?;
    crate::operations::id::is_id(id).then_some(())?;
    Some((at.parse().ok()?, id.to_owned()))
}

/// The reports of these agencies, newest first.
async fn reports(
    platform: &Platform,
    agencies: Vec<String>,
    after: Option<(i64, String)>,
) -> Result<Vec<Noted>, PersonnelError> {
    let mut params = params![];
    let mut place = |value: Value| {
        params.push(value);
        format!("${}", params.len())
    };
    let places: Vec<String> = agencies.into_iter().map(|code| place(code.into())).collect();
    let mut sql = format!(select_report!("WHERE agency_code IN ({})"), places.join(", "));
    if let Some((at, id)) = after {
        let (at, id) = (place(at.into()), place(id.into()));
        let _ = write!(sql, " AND (reported_at < {at} OR (reported_at = {at} AND id < {id}))");
    }
    let _ = write!(sql, " ORDER BY reported_at DESC, id DESC LIMIT {}", limits::LOSS_PAGE.get() + 1);
    let rows = platform.store.fetch_all(AssertSqlSafe(sql), params).await?;
    Ok(rows.iter().map(Noted::read).collect::<Result<_, _>>()?)
}

/// Names were read: without the note there is no list.
async fn note_list(platform: &Platform, actor: &str, rows: usize) -> Result<(), StoreError> {
    let actor = actor.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let detail = serde_json::json!({ "rows": rows });
                let act = "loss.list";
                let record = audit::Record { actor: &actor, duty: "console", act, subject: "loss", detail };
                audit::record(tx, record).await
            })
        })
        .await
}

async fn desk(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(query): Query<PageQuery>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let from: Vec<String> =
        DUTIES.into_iter().chain([Duty::Auditor]).flat_map(|duty| who.reaches_from(duty)).collect();
    if from.is_empty() {
        return Err(Fault::told(&page, Problem::new(StatusCode::FORBIDDEN, "forbidden")));
    }
    let agencies = personnel::agencies_under(&platform, from, limits::APPLICATION_SCOPE.size())
        .await
        .map_err(told(&page))?;
    let after = query.after.as_deref().and_then(cursor);
    let mut found = reports(&platform, agencies, after).await.map_err(told(&page))?;
    let more = found.len() > limits::LOSS_PAGE.size();
    found.truncate(limits::LOSS_PAGE.size());
    let more = found.last().filter(|_| more).map(|last| format!("{}.{}", last.reported_at, last.id));
    let mut names: HashMap<String, Named> = HashMap::new();
    let mut lines = Vec::with_capacity(found.len());
    for report in found {
        for id in [Some(&report.employee_id), report.reported_by.as_ref()].into_iter().flatten() {
            if !names.contains_key(id)
                && let Some(employee) = personnel::employee(&platform, id).await.map_err(told(&page))?
            {
                names.insert(id.clone(), employee.name);
            }
        }
        let badge = match &report.badge_id {
            Some(id) => Badge::find(&platform.store, id).await.map_err(told(&page))?,
            None => None,
        };
        lines.push(Line {
            name: names.get(&report.employee_id).cloned().unwrap_or_default(),
            by: report.reported_by.as_ref().and_then(|id| names.get(id)).cloned(),
            state: badge.map(|badge| badge.state.words()),
            report,
        });
    }
    note_list(&platform, &who.employee_id, lines.len()).await.map_err(told(&page))?;
    Ok(render(&Desk { page, lines, more }))
}

#[derive(Deserialize)]
struct TakenForm {
    cause: Cause,
    way: Way,
}

/// The duty in which somebody may stop this person's badge.
async fn duty_over(platform: &Platform, who: &Actor, employee_id: &str) -> Result<Duty, LossError> {
    let agency = personnel::employee_agency(platform, employee_id).await?.ok_or(LossError::Unknown)?;
    for duty in DUTIES {
        if personnel::is_under(platform, &agency.code, &who.reaches_from(duty)).await? {
            return Ok(duty);
        }
    }
    Err(LossError::Unknown)
}

async fn take(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, TakenForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let duty = duty_over(&platform, &who, &id).await.map_err(told(&page))?;
    if id == who.employee_id {
        return Err(Fault::told(&page, LossError::Own));
    }
    // What the public page and the portal prove by other means is not for a desk to claim.
    let way = if form.way == Way::Call { Way::Call } else { Way::Desk };
    let by = By { actor: who.employee_id.clone(), duty: duty.as_str().to_owned() };
    let reported = Report { employee_id: id.clone(), cause: form.cause, way, by: Some(by) };
    report::report(&platform, reported).await.map_err(told(&page))?;
    Ok(Redirect::to(&format!("/people/{id}")).into_response())
}

//! The rule table for everybody with a duty; changes by hand and held changes for HR managers.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::by_hand::{self, ChangeByHandError};
use super::held::{self, Decided, Decision, DecisionError};
use super::rules::RULES;
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::personnel::{self, EmployeeStatus, PersonnelError, Saved};
use crate::staff::{Actor, Duty, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/personnel", get(page))
        .route("/personnel/change", post(change_form))
        .route("/personnel/held", post(held_form))
        .routes(routes!(rules))
        .routes(routes!(held_changes))
        .routes(routes!(decide_held))
        .routes(routes!(change_status))
}

/// One line of the rule table.
#[derive(Serialize, ToSchema)]
struct RuleBody {
    event: &'static str,
    /// What the record says afterwards, where the event decides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<EmployeeStatus>,
    application: &'static str,
    badge: &'static str,
    /// Why, as the badge carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// What each personnel event does to application and badge.
#[utoipa::path(get, path = "/api/v1/console/personnel-rules", tag = "personnel", security(("session" = [])),
    responses((status = 200, body = Vec<RuleBody>)))]
async fn rules(_: Actor) -> Json<Vec<RuleBody>> {
    let word = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let rules = RULES.iter().map(|rule| RuleBody {
        event: rule.event.as_str(),
        status: rule.status,
        application: word(rule.application.key()),
        badge: word(rule.badge.key()),
        reason: rule.reason.map(|reason| reason.as_str()),
    });
    Json(rules.collect())
}

/// A change that waits for a person.
#[derive(Serialize, ToSchema)]
struct HeldBody {
    id: String,
    /// Employee id, or code of an agency that is to be excluded.
    subject: String,
    agency_code: String,
    event: &'static str,
    source: String,
    created_at: i64,
    /// Whether one of the two who release it has said so.
    first: bool,
}

async fn reach(platform: &Platform, who: &Actor) -> Result<Vec<String>, Problem> {
    let from = who.reaches_from(Duty::HrManager);
    if from.is_empty() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden"));
    }
    Ok(personnel::agencies_under(platform, from, limits::SEARCH_AGENCIES.size()).await?)
}

/// Held changes of the agencies in reach, oldest first; at most one page of them.
#[utoipa::path(get, path = "/api/v1/console/held-changes", tag = "personnel", security(("session" = [])),
    responses((status = 200, body = Vec<HeldBody>)))]
async fn held_changes(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<Vec<HeldBody>>, Problem> {
    let agencies = reach(&platform, &who).await?;
    let waiting = held::waiting(&platform, &agencies).await?;
    let body = waiting.into_iter().map(|held| HeldBody {
        id: held.id,
        subject: held.subject,
        agency_code: held.agency_code,
        event: held.event.as_str(),
        source: held.source,
        created_at: held.created_at,
        first: held.first_id.is_some(),
    });
    Ok(Json(body.collect()))
}

/// What is decided on a held change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HeldDecision {
    decision: Word,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Word {
    Release,
    Drop,
}

impl From<Word> for Decision {
    fn from(word: Word) -> Self {
        match word {
            Word::Release => Self::Release,
            Word::Drop => Self::Drop,
        }
    }
}

/// What came of it.
#[derive(Serialize, ToSchema)]
struct DecidedBody {
    /// `first` (another person has to say so too), `released` or `dropped`.
    outcome: &'static str,
}

impl From<Decided> for DecidedBody {
    fn from(decided: Decided) -> Self {
        Self {
            outcome: match decided {
                Decided::First => "first",
                Decided::Released => "released",
                Decided::Dropped => "dropped",
            },
        }
    }
}

/// Release (by two people, one after the other) or drop a held change.
#[utoipa::path(post, path = "/api/v1/console/held-changes/{id}", tag = "personnel", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = HeldDecision,
    responses((status = 200, body = DecidedBody)))]
async fn decide_held(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
    Path(id): Path<String>,
    body: Result<Json<HeldDecision>, JsonRejection>,
) -> Result<Json<DecidedBody>, Problem> {
    let Json(body) = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
    let decided = held::decide(&platform, &who, &id, body.decision.into(), &body.reason).await?;
    Ok(Json(decided.into()))
}

/// A new status of an employment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StatusChange {
    status: EmployeeStatus,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What became of a change by hand.
#[derive(Serialize, ToSchema)]
struct ChangedBody {
    /// `changed`, `unchanged` or `held`.
    outcome: &'static str,
}

fn outcome(saved: Saved) -> ChangedBody {
    let outcome = match saved {
        Saved::Held => "held",
        Saved::Unchanged => "unchanged",
        _ => "changed",
    };
    ChangedBody { outcome }
}

/// Change the status of an employment by hand; the rule table says what follows.
#[utoipa::path(post, path = "/api/v1/console/employees/{id}/status", tag = "personnel", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = StatusChange,
    responses((status = 200, body = ChangedBody)))]
async fn change_status(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
    Path(id): Path<String>,
    body: Result<Json<StatusChange>, JsonRejection>,
) -> Result<Json<ChangedBody>, Problem> {
    let Json(body) = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
    let saved = by_hand::change_status(&platform, &who, &id, body.status, &body.reason).await?;
    Ok(Json(outcome(saved)))
}

struct RuleLine {
    event: &'static str,
    status: &'static str,
    application: &'static str,
    badge: &'static str,
}

struct HeldLine {
    id: String,
    name: String,
    unit: String,
    event: &'static str,
    source: String,
    created_at: i64,
    first: bool,
    /// Whether this person has said so already.
    mine: bool,
}

#[derive(Template)]
#[template(path = "employment/page.html")]
struct View {
    page: Page,
    rules: Vec<RuleLine>,
    /// `None` for those who are no HR managers.
    held: Option<Vec<HeldLine>>,
    statuses: Vec<(&'static str, &'static str)>,
    percent: i64,
    at_least: i64,
    notice: Option<&'static str>,
    problem: Option<String>,
    csrf: String,
}

impl View {
    /// The ids of everything shown, for one decision on all of it.
    fn all_ids(&self) -> String {
        let held = self.held.iter().flatten();
        held.map(|line| line.id.as_str()).collect::<Vec<_>>().join(",")
    }
}

const fn status_key(status: EmployeeStatus) -> &'static str {
    match status {
        EmployeeStatus::Serving => "employment.status.serving",
        EmployeeStatus::Leave => "employment.status.leave",
        EmployeeStatus::Dispatched => "employment.status.dispatched",
        EmployeeStatus::Retired => "employment.status.retired",
        EmployeeStatus::Dead => "employment.status.dead",
    }
}

const STATUSES: [EmployeeStatus; 5] = [
    EmployeeStatus::Leave,
    EmployeeStatus::Serving,
    EmployeeStatus::Dispatched,
    EmployeeStatus::Retired,
    EmployeeStatus::Dead,
];

fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

async fn held_lines(
    page: &Page,
    who: &Actor,
    platform: &Platform,
    agencies: &[String],
) -> Result<Vec<HeldLine>, PersonnelError> {
    let mut lines = Vec::new();
    for waiting in held::waiting(platform, agencies).await? {
        let (name, unit) = match personnel::employee(platform, &waiting.subject).await? {
            Some(employee) => (
                page.pick(&employee.name.ko, &employee.name.en).to_owned(),
                format!(
                    "{} {}",
                    page.pick(&employee.agency.name.ko, &employee.agency.name.en),
                    page.pick(&employee.department.ko, &employee.department.en)
                ),
            ),
            None => {
                let agency = personnel::agency(platform, &waiting.agency_code).await?;
                let name = agency.map(|agency| page.pick(&agency.name.ko, &agency.name.en).to_owned());
                (name.unwrap_or_else(|| waiting.agency_code.clone()), String::new())
            }
        };
        lines.push(HeldLine {
            id: waiting.id,
            name,
            unit,
            event: waiting.event.key(),
            source: waiting.source,
            created_at: waiting.created_at,
            mine: waiting.first_id.as_deref() == Some(who.employee_id.as_str()),
            first: waiting.first_id.is_some(),
        });
    }
    Ok(lines)
}

async fn show(
    page: Page,
    who: &Actor,
    platform: &Arc<Platform>,
    notice: Option<&'static str>,
    problem: Option<Problem>,
) -> PageResult {
    let rules = RULES.iter().map(|rule| RuleLine {
        event: rule.event.key(),
        status: rule.status.map_or("employment.status.as_it_is", status_key),
        application: rule.application.key(),
        badge: rule.badge.key(),
    });
    let held = if who.holds(Duty::HrManager) {
        let agencies = reach(platform, who).await.map_err(told(&page))?;
        let lines = held_lines(&page, who, platform, &agencies).await.map_err(told(&page))?;
        if !lines.is_empty() {
            by_hand::note_look(platform, who, "employment.held_viewed", "-").await.map_err(told(&page))?;
        }
        Some(lines)
    } else {
        None
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = View {
        rules: rules.collect(),
        held,
        statuses: STATUSES.iter().map(|status| (status.as_str(), status_key(*status))).collect(),
        percent: platform.config.employment.ends_percent,
        at_least: platform.config.employment.ends_at_least,
        notice,
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        page,
    };
    Ok(render_with(status, &view))
}

fn managers_only(who: &Actor) -> Result<(), Problem> {
    if who.holds(Duty::HrManager) { Ok(()) } else { Err(Problem::new(StatusCode::FORBIDDEN, "forbidden")) }
}

async fn page(page: Page, who: Actor, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    show(page.signed_in(Area::Console, who.who()), &who, &platform, None, None).await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChangeForm {
    agency: String,
    number: String,
    status: String,
    reason: String,
}

async fn change_form(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, ChangeForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    managers_only(&who).map_err(told(&page))?;
    let Some(status) = EmployeeStatus::parse(&form.status) else {
        return Err(Fault::told(&page, Problem::of_status(StatusCode::BAD_REQUEST)));
    };
    let found = personnel::employee_by_number(&platform, form.agency.trim(), form.number.trim())
        .await
        .map_err(told(&page))?;
    let changed = match found {
        Some(employee) => by_hand::change_status(&platform, &who, &employee.id, status, &form.reason).await,
        None => Err(ChangeByHandError::Unknown),
    };
    match changed {
        Ok(Saved::Held) => show(page, &who, &platform, Some("employment.hand.held"), None).await,
        Ok(Saved::Unchanged) => show(page, &who, &platform, Some("employment.hand.unchanged"), None).await,
        Ok(_) => show(page, &who, &platform, Some("employment.hand.changed"), None).await,
        Err(error) => show(page, &who, &platform, None, Some(error.into())).await,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HeldForm {
    /// One id, or all that were shown, separated by commas.
    ids: String,
    decision: String,
    reason: String,
}

async fn held_form(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, HeldForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    managers_only(&who).map_err(told(&page))?;
    let decision = match form.decision.as_str() {
        "release" => Decision::Release,
        "drop" => Decision::Drop,
        _ => return Err(Fault::told(&page, Problem::of_status(StatusCode::BAD_REQUEST))),
    };
    let ids: Vec<&str> = form.ids.split(',').filter(|id| !id.is_empty()).collect();
    if ids.len() > limits::PAGE_ROWS.size() {
        return Err(Fault::told(&page, Problem::of_status(StatusCode::BAD_REQUEST)));
    }
    let one = ids.len() == 1;
    for id in ids {
        match held::decide(&platform, &who, id, decision, &form.reason).await {
            Ok(_) => {}
            // Of many, what somebody else decided meanwhile or what is not theirs to decide stays as it is.
            Err(
                DecisionError::Unknown
                | DecisionError::Own
                | DecisionError::SamePerson
                | DecisionError::Stale(_),
            ) if !one => {}
            Err(error) => return show(page, &who, &platform, None, Some(error.into())).await,
        }
    }
    Ok(Redirect::to("/personnel").into_response())
}

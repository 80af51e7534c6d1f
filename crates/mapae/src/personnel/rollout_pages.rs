//! 기관: the public page of agencies that issue, and the console's page of phases, exclusions, decisions and rules.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::rollout::{self, OptIn, OptInError, Plan, Rule, RuleError, RuleKind, Stage};
use super::types::{Agency, AgencyKind, Named};
use super::{PersonnelError, agencies_under, is_under, moment, records};
use crate::lifecycle::By;
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::personnel::Saved;
use crate::staff::{Actor, Duty, Posted};

/// Duties that read the roll-out.
const READ: [Duty; 3] = [Duty::Operator, Duty::HrManager, Duty::Auditor];

pub(super) fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/agencies", get(public))
}

pub(super) fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/agencies", get(list))
        .route("/agencies/{code}", get(one))
        .route("/agencies/{code}/plan", post(plan))
        .route("/agencies/{code}/opt-in", post(record_opt_in))
        .route("/agencies/{code}/opt-in/confirm", post(confirm_opt_in))
        .route("/agencies/{code}/opt-in/drop", post(drop_opt_in))
        .route("/agencies/{code}/rules", post(make_rule))
        .route("/agencies/{code}/rules/{id}/end", post(end_rule))
}

struct Issuing {
    agency: Agency,
    since: i64,
}

#[derive(Template)]
#[template(path = "personnel/public.html")]
struct Public {
    page: Page,
    central: Vec<Issuing>,
    local: Vec<Issuing>,
}

/// Which agencies issue, and since when. Names nobody; caches may keep it.
async fn public(page: Page, State(platform): State<Arc<Platform>>) -> PageResult {
    let all = platform.store.read_published(records::agencies).await;
    let all = all.map_err(|error| Fault::told(&page, error))?;
    let (mut central, mut local) = (Vec::new(), Vec::new());
    for agency in all {
        if Stage::of(&agency, page.now_ms) != Stage::Issuing {
            continue;
        }
        let Some(since) = rollout::issuing_since(&agency) else { continue };
        let list = if agency.kind == AgencyKind::Local { &mut local } else { &mut central };
        list.push(Issuing { agency, since });
    }
    let mut response = render(&Public { page, central, local });
    let seconds = limits::AGENCIES_CACHED.get() / 1_000;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={seconds}")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
    Ok(response)
}

struct Line {
    agency: Agency,
    stage: Stage,
}

#[derive(Template)]
#[template(path = "personnel/agencies.html")]
struct Agencies {
    page: Page,
    lines: Vec<Line>,
}

fn reach(who: &Actor) -> Vec<String> {
    READ.into_iter().flat_map(|duty| who.reaches_from(duty)).collect()
}

async fn list(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let from = reach(&who);
    if from.is_empty() {
        return Err(Fault::told(&page, Problem::new(StatusCode::FORBIDDEN, "forbidden")));
    }
    let told = |error: PersonnelError| Fault::told(&page, error);
    let codes = agencies_under(&platform, from, limits::SEARCH_AGENCIES.size()).await.map_err(told)?;
    let all = records::agencies(&platform.store).await.map_err(told)?;
    let lines = all
        .into_iter()
        .filter(|agency| codes.contains(&agency.code))
        .map(|agency| Line { stage: Stage::of(&agency, page.now_ms), agency })
        .collect();
    Ok(render(&Agencies { page, lines }))
}

#[derive(Template)]
#[template(path = "personnel/agency.html")]
struct One {
    page: Page,
    agency: Agency,
    stage: Stage,
    opt_in: Option<OptIn>,
    /// Names of who recorded and who confirmed.
    asker: String,
    confirmer: String,
    rules: Vec<Rule>,
    may_plan: bool,
    may_decide: bool,
    may_rule: bool,
    me: String,
    problem: Option<String>,
    held: bool,
    csrf: String,
}

impl One {
    fn is_local(&self) -> bool {
        self.agency.kind == AgencyKind::Local
    }

    fn phase_date(&self) -> String {
        self.agency.phase_at.map(|at| crate::pages::iso(at).chars().take(10).collect()).unwrap_or_default()
    }

    fn number_of(&self, value: &Option<i64>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }

    fn reason_ko(&self) -> &str {
        self.agency.reason.as_ref().map_or("", |reason| &reason.ko)
    }

    fn reason_en(&self) -> &str {
        self.agency.reason.as_ref().map_or("", |reason| &reason.en)
    }

    fn is_own(&self, rule: &Rule) -> bool {
        rule.agency_code == self.agency.code
    }
}

/// The agency, if one of the duties that read reaches it.
async fn found(platform: &Platform, who: &Actor, code: &str) -> Result<Agency, Problem> {
    let missing = || Problem::from(PersonnelError::NotFound);
    let agency = records::agency(platform, code).await?.ok_or_else(missing)?;
    if is_under(platform, &agency.code, &reach(who)).await? { Ok(agency) } else { Err(missing()) }
}

/// Whether a duty of theirs reaches the agency.
async fn has(platform: &Platform, who: &Actor, agency: &Agency, duty: Duty) -> Result<bool, PersonnelError> {
    is_under(platform, &agency.code, &who.reaches_from(duty)).await
}

/// The agency and in which of these duties somebody acts on it.
async fn acting(
    platform: &Platform,
    who: &Actor,
    code: &str,
    duties: &[Duty],
) -> Result<(Agency, By), Problem> {
    let agency = found(platform, who, code).await?;
    for duty in duties {
        if has(platform, who, &agency, *duty).await? {
            let by = By { actor: who.employee_id.clone(), duty: duty.as_str().to_owned() };
            return Ok((agency, by));
        }
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden"))
}

async fn one(
    page: Page,
    who: Actor,
    Path(code): Path<String>,
    State(platform): State<Arc<Platform>>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    show(page, &who, &platform, &code, Ok(Saved::Unchanged)).await
}

async fn named(
    platform: &Platform,
    page: &Page,
    employee_id: Option<&str>,
) -> Result<String, PersonnelError> {
    let Some(employee_id) = employee_id else { return Ok(String::new()) };
    let employee = records::employee(platform, employee_id).await?;
    Ok(employee
        .map(|employee| page.pick(&employee.name.ko, &employee.name.en).to_owned())
        .unwrap_or_default())
}

async fn show(
    page: Page,
    who: &Actor,
    platform: &Platform,
    code: &str,
    done: Result<Saved, Problem>,
) -> PageResult {
    let told = |error: Problem| Fault::told(&page, error);
    let personnel = |error: PersonnelError| Fault::told(&page, error);
    let agency = found(platform, who, code).await.map_err(told)?;
    let opt_in = rollout::opt_in(platform, &agency.code)
        .await
        .map_err(|error| Fault::told(&page, Problem::from(error)))?;
    let asker = named(platform, &page, opt_in.as_ref().map(|one| one.asked_by.as_str())).await;
    let confirmer = named(platform, &page, opt_in.as_ref().and_then(|one| one.decided_by.as_deref())).await;
    let may_plan = has(platform, who, &agency, Duty::Operator).await.map_err(personnel)?;
    let may_decide = has(platform, who, &agency, Duty::HrManager).await.map_err(personnel)?;
    let held = matches!(done, Ok(Saved::Held));
    let problem = done.err();
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = One {
        stage: Stage::of(&agency, page.now_ms),
        asker: asker.map_err(personnel)?,
        confirmer: confirmer.map_err(personnel)?,
        rules: rollout::rules(platform, &agency).await.map_err(personnel)?,
        may_plan,
        may_decide,
        may_rule: may_plan || may_decide,
        opt_in,
        me: who.employee_id.clone(),
        problem: problem.map(|problem| problem.detail(page.lang)),
        held,
        csrf: who.session.csrf.clone(),
        page,
        agency,
    };
    Ok(render_with(status, &view))
}

/// Back to the agency, or the refusal on its page; who has no business there gets the bare refusal.
async fn answer(
    page: Page,
    who: &Actor,
    platform: &Platform,
    code: &str,
    done: Result<Saved, Problem>,
) -> PageResult {
    match done {
        Ok(Saved::Held) => show(page, who, platform, code, done).await,
        Ok(_) => Ok(Redirect::to(&format!("/agencies/{code}")).into_response()),
        Err(problem) if matches!(problem.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => {
            Err(Fault::told(&page, problem))
        }
        Err(_) => show(page, who, platform, code, done).await,
    }
}

#[derive(Deserialize)]
struct PlanForm {
    #[serde(default)]
    eligible: String,
    #[serde(default)]
    reason_ko: String,
    #[serde(default)]
    reason_en: String,
    #[serde(default)]
    phase: String,
    #[serde(default)]
    phase_at: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    closed_network: String,
}

impl PlanForm {
    fn read(&self) -> Option<Plan> {
        let number = |text: &str, most: i64| match text.trim() {
            "" => Some(None),
            text => text.parse().ok().filter(|value| (1..=most).contains(value)).map(Some),
        };
        let text = |text: &str| -> Option<String> {
            let text = text.trim();
            (text.chars().count() <= limits::APPLICATION_NOTE.size()).then(|| text.to_owned())
        };
        let phase_at = match self.phase_at.trim() {
            "" => None,
            text => Some(moment::moment(text)?),
        };
        let reason = Named { ko: text(&self.reason_ko)?, en: text(&self.reason_en)? };
        let eligible = self.eligible == "yes";
        // Whoever is shut out reads why.
        if !eligible && reason.ko.is_empty() {
            return None;
        }
        Some(Plan {
            eligible,
            reason: (!eligible).then_some(reason),
            phase: number(&self.phase, 99)?,
            phase_at,
            target: number(&self.target, limits::AGENCY_TARGET.get())?,
            closed_network: self.closed_network == "yes",
        })
    }
}

async fn plan(
    page: Page,
    Path(code): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, PlanForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let done = async {
        let (agency, by) = acting(&platform, &who, &code, &[Duty::Operator]).await?;
        let plan = form
            .read()
            .ok_or_else(|| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "personnel.plan_incomplete"))?;
        match rollout::plan(&platform, &agency, plan, by).await? {
            Saved::Older => Err(Problem::new(StatusCode::CONFLICT, "personnel.plan_older")),
            saved => Ok(saved),
        }
    };
    let done = done.await;
    answer(page, &who, &platform, &code, done).await
}

impl From<OptInError> for Problem {
    fn from(error: OptInError) -> Self {
        let (status, code) = match error {
            OptInError::NotLocal => (StatusCode::CONFLICT, "personnel.opt_in_not_local"),
            OptInError::Incomplete => (StatusCode::UNPROCESSABLE_ENTITY, "personnel.opt_in_incomplete"),
            OptInError::Recorded => (StatusCode::CONFLICT, "personnel.opt_in_recorded"),
            OptInError::Nothing => (StatusCode::CONFLICT, "personnel.opt_in_nothing"),
            // Not a matter of the duty: another person of the same duty may.
            OptInError::SamePerson => (StatusCode::CONFLICT, "personnel.opt_in_same_person"),
            OptInError::Store(error) => return error.into(),
        };
        Self::new(status, code)
    }
}

#[derive(Deserialize)]
struct DecisionForm {
    #[serde(default)]
    number: String,
    #[serde(default)]
    decided_on: String,
}

async fn record_opt_in(
    page: Page,
    Path(code): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, DecisionForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let done = async {
        let (agency, by) = acting(&platform, &who, &code, &[Duty::HrManager]).await?;
        rollout::record_opt_in(&platform, &agency, &form.number, &form.decided_on, by).await?;
        Ok(Saved::Changed)
    };
    let done = done.await;
    answer(page, &who, &platform, &code, done).await
}

#[derive(Deserialize)]
struct Nothing {}

async fn confirm_opt_in(
    page: Page,
    Path(code): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let done = async {
        let (agency, by) = acting(&platform, &who, &code, &[Duty::HrManager]).await?;
        rollout::confirm_opt_in(&platform, &agency.code, by).await?;
        Ok(Saved::Changed)
    };
    let done = done.await;
    answer(page, &who, &platform, &code, done).await
}

async fn drop_opt_in(
    page: Page,
    Path(code): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let done = async {
        let (agency, by) = acting(&platform, &who, &code, &[Duty::HrManager]).await?;
        rollout::drop_opt_in(&platform, &agency.code, by).await?;
        Ok(Saved::Changed)
    };
    let done = done.await;
    answer(page, &who, &platform, &code, done).await
}

impl From<RuleError> for Problem {
    fn from(error: RuleError) -> Self {
        let (status, code) = match error {
            RuleError::Incomplete => (StatusCode::UNPROCESSABLE_ENTITY, "personnel.rule_incomplete"),
            RuleError::TooMany => (StatusCode::CONFLICT, "personnel.rule_too_many"),
            RuleError::Unknown => (StatusCode::NOT_FOUND, "personnel.not_found"),
            RuleError::Store(error) => return error.into(),
        };
        Self::new(status, code)
    }
}

#[derive(Deserialize)]
struct RuleForm {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    reason_ko: String,
    #[serde(default)]
    reason_en: String,
}

async fn make_rule(
    page: Page,
    Path(code): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, RuleForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let done = async {
        let (agency, by) = acting(&platform, &who, &code, &[Duty::HrManager, Duty::Operator]).await?;
        let kind = RuleKind::parse(&form.kind).ok_or(RuleError::Incomplete)?;
        let reason = Named { ko: form.reason_ko.clone(), en: form.reason_en.clone() };
        rollout::make_rule(&platform, &agency.code, kind, &form.value, reason, by).await?;
        Ok(Saved::Changed)
    };
    let done = done.await;
    answer(page, &who, &platform, &code, done).await
}

async fn end_rule(
    page: Page,
    Path((code, rule)): Path<(String, String)>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> Result<Response, Fault> {
    let page = page.signed_in(Area::Console, who.who());
    let done = async {
        let (agency, by) = acting(&platform, &who, &code, &[Duty::HrManager, Duty::Operator]).await?;
        rollout::end_rule(&platform, &agency.code, &rule, by).await?;
        Ok(Saved::Changed)
    };
    let done = done.await;
    answer(page, &who, &platform, &code, done).await
}

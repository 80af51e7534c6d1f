//! The desks of the duties: what waits for me, one application with everything needed to decide, lending a duty.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State as Shared};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::comment::{self, Said};
use super::decide::{self, Authority, DecideError, Decision};
use super::delegation::{self, DelegationKind, Lending};
use super::queue::{self, Cursor};
use super::record::{self, Application};
use super::said::{self, Changed};
use super::state::{State, Step};
use super::view::{self, Names, Station};
use super::{invitation, people};
use crate::audit;
use crate::notification::{self, Fate};
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::personnel::{Employee, PersonnelError};
use crate::staff::{Actor, Duty, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/", get(desk))
        .route("/applications", get(all))
        .route("/applications/{id}", get(one))
        .route("/applications/{id}/decision", post(decision))
        .route("/applications/{id}/invitation", post(invite_again))
        .route("/delegations", get(delegations).post(lend))
        .route("/delegations/{id}/end", post(take_back))
}

pub(super) fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

/// One line of a list.
pub(super) struct Line {
    pub(super) application: Application,
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) kind: &'static str,
    pub(super) state: (&'static str, &'static str),
    pub(super) age: &'static str,
    /// The HR record says something else than when the application was sent.
    pub(super) changed: bool,
}

fn age(now: i64, since: i64) -> &'static str {
    match now - since {
        age if age >= limits::APPLICATION_OVERDUE.get() => "overdue",
        age if age >= limits::APPLICATION_LATE.get() => "late",
        _ => "",
    }
}

pub(super) async fn lines(
    page: &Page,
    platform: &Platform,
    names: &mut Names,
    applications: Vec<Application>,
) -> Result<Vec<Line>, PersonnelError> {
    for application in &applications {
        names.learn(platform, &application.employee_id).await?;
    }
    let known: Vec<(&Application, &Employee)> = applications
        .iter()
        .filter_map(|application| Some((application, names.get(&application.employee_id)?)))
        .collect();
    let changed = said::differ(platform, page, &known).await?;
    let mut lines = Vec::with_capacity(applications.len());
    for application in applications {
        let (name, unit) = match names.learn(platform, &application.employee_id).await? {
            Some(employee) => (
                page.pick(&employee.name.ko, &employee.name.en).to_owned(),
                format!(
                    "{} {}",
                    page.pick(&employee.agency.name.ko, &employee.agency.name.en),
                    page.pick(&employee.department.ko, &employee.department.en)
                ),
            ),
            None => ("—".to_owned(), String::new()),
        };
        lines.push(Line {
            name,
            unit,
            kind: view::kind_key(application.kind),
            state: view::state_words(application.state),
            age: age(page.now_ms, application.since),
            changed: changed.contains(&application.id),
            application,
        });
    }
    Ok(lines)
}

/// What waits for somebody in one step.
struct Tray {
    title: &'static str,
    /// Its lines may be chosen and decided together.
    bulk: bool,
    lines: Vec<Line>,
    more: Option<String>,
    step: &'static str,
}

#[derive(Template)]
#[template(path = "application/desk.html")]
struct Desk {
    page: Page,
    trays: Vec<Tray>,
    stuck: Vec<Line>,
    duties: Vec<&'static str>,
    nothing: bool,
    csrf: String,
}

#[derive(Deserialize)]
struct PageQuery {
    step: Option<String>,
    state: Option<String>,
    after: Option<String>,
}

async fn desk(
    page: Page,
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
    Query(query): Query<PageQuery>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let mut names = Names::default();
    let mut trays = Vec::new();
    for (step, title) in [
        (Step::HeadApproval, "console.tray.head"),
        (Step::IdentityCheck, "console.tray.identity"),
        (Step::IssueApproval, "console.tray.approval"),
    ] {
        let after = query.after.as_deref().filter(|_| query.step.as_deref() == Some(step.as_str()));
        let listing = queue::waiting(&platform, &who, step, after.and_then(Cursor::parse), queue::rows(None))
            .await
            .map_err(told(&page))?;
        if !listing.applications.is_empty() {
            let lines =
                lines(&page, &platform, &mut names, listing.applications).await.map_err(told(&page))?;
            let bulk = super::bulk::BULK.contains(&step);
            trays.push(Tray { title, bulk, lines, more: listing.next, step: step.as_str() });
        }
    }
    let stuck = queue::stuck(&platform, &who).await.map_err(told(&page))?;
    let stuck = lines(&page, &platform, &mut names, stuck).await.map_err(told(&page))?;
    let mut duties: Vec<&'static str> = Vec::new();
    if delegation::holds(&platform, &who, Duty::DepartmentHead).await.map_err(told(&page))? {
        duties.push(Duty::DepartmentHead.key());
    }
    for held in &who.duties {
        if !duties.contains(&held.duty.key()) {
            duties.push(held.duty.key());
        }
    }
    let nothing = trays.is_empty() && stuck.is_empty();
    let csrf = who.session.csrf.clone();
    Ok(render(&Desk { page, trays, stuck, duties, nothing, csrf }))
}

#[derive(Template)]
#[template(path = "application/all.html")]
struct All {
    page: Page,
    lines: Vec<Line>,
    more: Option<String>,
    states: Vec<(&'static str, &'static str)>,
    chosen: String,
}

async fn all(
    page: Page,
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
    Query(query): Query<PageQuery>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let state = query.state.as_deref().and_then(State::parse);
    let after = query.after.as_deref().and_then(Cursor::parse);
    let listing =
        queue::of_agencies(&platform, &who, state, after, queue::rows(None)).await.map_err(told(&page))?;
    let lines =
        lines(&page, &platform, &mut Names::default(), listing.applications).await.map_err(told(&page))?;
    let states = State::ALL.into_iter().map(|state| (state.as_str(), view::state_words(state).0)).collect();
    let chosen = state.map_or(String::new(), |state| state.as_str().to_owned());
    Ok(render(&All { page, lines, more: listing.next, states, chosen }))
}

#[derive(Template)]
#[template(path = "application/one.html")]
struct One {
    page: Page,
    application: Application,
    employee: Employee,
    kind: &'static str,
    state: (&'static str, &'static str),
    stations: Vec<Station>,
    /// The step this person may take now.
    step: Option<Step>,
    behalf_of: Option<String>,
    /// Why the step is not theirs although they hold the duty.
    not_mine: Option<&'static str>,
    portrait: Option<String>,
    frozen_phone: Option<String>,
    seen: String,
    message: Option<Fate>,
    may_invite: bool,
    /// What the record says now and did not when the application was sent.
    changed: Vec<Changed>,
    /// What made the person's present badge untrue, and when.
    outdated: Option<(&'static str, i64)>,
    comments: Vec<Said>,
    may_comment: bool,
    problem: Option<String>,
    reason: String,
    csrf: String,
}

impl One {
    fn is_identity(&self) -> bool {
        self.step == Some(Step::IdentityCheck)
    }

    fn step_word(&self) -> &'static str {
        self.step.map_or("", Step::as_str)
    }

    fn approve_key(&self) -> &'static str {
        match self.step {
            Some(Step::IdentityCheck) => "console.approve.identity",
            Some(Step::IssueApproval) => "console.approve.issue",
            _ => "console.approve.head",
        }
    }

    fn approve_hint(&self) -> &'static str {
        match self.step {
            Some(Step::IdentityCheck) => "console.approve.identity.hint",
            Some(Step::IssueApproval) => "console.approve.issue.hint",
            _ => "console.approve.head.hint",
        }
    }
}

/// Whether somebody may look at an application: who may decide a step of it, who reads its agency, who decided before.
pub(super) async fn may_see(
    platform: &Platform,
    who: &Actor,
    application: &Application,
) -> Result<bool, DecideError> {
    for step in [Step::HeadApproval, Step::IdentityCheck] {
        if decide::authority(platform, who, application, step).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(people::reaches(platform, &who.reaches_from(Duty::SecurityOfficer), &application.agency_code).await?
        || people::reaches(platform, &who.reaches_from(Duty::Auditor), &application.agency_code).await?)
}

/// Notes that somebody looked at a person's record; without the note there is no look.
pub(super) async fn note_look(
    platform: &Platform,
    who: &Actor,
    application_id: &str,
) -> Result<(), StoreError> {
    let (actor, subject) = (who.employee_id.clone(), application_id.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                audit::record(
                    tx,
                    audit::Record {
                        actor: &actor,
                        duty: "console",
                        act: "application.view",
                        subject: &subject,
                        detail: serde_json::json!({}),
                    },
                )
                .await
            })
        })
        .await
}

async fn one(
    page: Page,
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> PageResult {
    show_one(page.signed_in(Area::Console, who.who()), &who, &platform, &id, None, String::new()).await
}

pub(super) async fn show_one(
    page: Page,
    who: &Actor,
    platform: &Platform,
    id: &str,
    problem: Option<Problem>,
    reason: String,
) -> PageResult {
    let application = record::find(&platform.store, id).await.map_err(told(&page))?;
    let Some(application) = application else { return Err(Fault::told(&page, DecideError::Unknown)) };
    if !may_see(platform, who, &application).await.map_err(told(&page))? {
        return Err(Fault::told(&page, DecideError::Unknown));
    }
    note_look(platform, who, &application.id).await.map_err(told(&page))?;
    let employee = people::employee(platform, &application.employee_id).await.map_err(told(&page))?;
    let stations = view::stations(platform, &application, page.lang).await.map_err(told(&page))?;
    let (mut step, mut behalf_of, mut not_mine) = (None, None, None);
    if let Some(awaited) = application.state.awaits()
        && let Some(Authority { behalf_of: lender, .. }) =
            decide::authority(platform, who, &application, awaited).await.map_err(told(&page))?
    {
        not_mine = decide::hindrance(platform, &application, awaited, &who.employee_id, lender.as_deref())
            .await
            .map_err(told(&page))?;
        if not_mine.is_none() {
            step = Some(awaited);
        }
        if let Some(lender) = lender {
            let mut names = Names::default();
            behalf_of = names
                .learn(platform, &lender)
                .await
                .map_err(told(&page))?
                .map(|lender| page.pick(&lender.name.ko, &lender.name.en).to_owned());
        }
    }
    let waits_for_phone = matches!(application.state, State::IssueApproved | State::Invited);
    let mut message = None;
    if waits_for_phone
        && let Some(message_id) =
            invitation::message_of(&platform.store, &application.id).await.map_err(told(&page))?
    {
        message = notification::fate(&platform.store, &message_id).await.map_err(told(&page))?;
    }
    let may_invite = waits_for_phone
        && application.employee_id != who.employee_id
        && decide::authority(platform, who, &application, Step::IssueApproval)
            .await
            .map_err(told(&page))?
            .is_some();
    let identity = step == Some(Step::IdentityCheck);
    let changed =
        said::changed(platform, &page, &application, &employee, identity).await.map_err(told(&page))?;
    let outdated = said::badge_outdated(platform, &application.employee_id).await.map_err(told(&page))?;
    let own = application.employee_id == who.employee_id;
    let comments = comment::said(platform, &page, &application.id, own).await.map_err(told(&page))?;
    let may_comment = !own && who.duties.iter().all(|held| held.duty != Duty::Auditor);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = One {
        kind: view::kind_key(application.kind),
        state: view::state_words(application.state),
        portrait: people::portrait(platform, &application.employee_id).await.map_err(told(&page))?,
        frozen_phone: application.frozen_phone(&platform.sealer),
        seen: people::record_digest(platform, &employee),
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        page,
        application,
        employee,
        stations,
        step,
        behalf_of,
        not_mine,
        message,
        may_invite,
        changed,
        outdated,
        comments,
        may_comment,
        reason,
    };
    Ok(render_with(status, &view))
}

#[derive(Deserialize)]
struct DecisionForm {
    step: String,
    decision: String,
    #[serde(default)]
    reason: String,
    seen: Option<String>,
}

async fn decision(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, DecisionForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let step = [Step::HeadApproval, Step::IdentityCheck, Step::IssueApproval]
        .into_iter()
        .find(|step| step.as_str() == form.step);
    let decided = match form.decision.as_str() {
        "approve" => Some(Decision::Approve { seen: form.seen }),
        "reject" => Some(Decision::Reject { reason: form.reason.clone() }),
        "return" => Some(Decision::Return { reason: form.reason.clone() }),
        _ => None,
    };
    let (Some(step), Some(decided)) = (step, decided) else {
        return Err(Fault::told(&page, Problem::of_status(StatusCode::BAD_REQUEST)));
    };
    match decide::decide(&platform, &who, &id, step, decided).await {
        Ok(_) => Ok(Redirect::to("/").into_response()),
        Err(error @ (DecideError::Unknown | DecideError::Store(_))) => Err(Fault::told(&page, error)),
        Err(error) => show_one(page, &who, &platform, &id, Some(error.into()), form.reason).await,
    }
}

#[derive(Deserialize)]
struct Nothing {}

async fn invite_again(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let application = record::find(&platform.store, &id).await.map_err(told(&page))?;
    let Some(application) = application else { return Err(Fault::told(&page, DecideError::Unknown)) };
    // Another agency's application is as unknown as none.
    if !may_see(&platform, &who, &application).await.map_err(told(&page))? {
        return Err(Fault::told(&page, DecideError::Unknown));
    }
    decide::invite_again(&platform, &who, &id).await.map_err(told(&page))?;
    Ok(Redirect::to(&format!("/applications/{id}")).into_response())
}

/// A lent duty as it is shown.
struct Lent {
    id: String,
    kind: &'static str,
    duty: &'static str,
    from: String,
    to: String,
    from_at: i64,
    until_at: i64,
    mine: bool,
}

#[derive(Template)]
#[template(path = "application/delegations.html")]
struct Delegations {
    page: Page,
    lent: Vec<Lent>,
    may_lend: Vec<Duty>,
    problem: Option<String>,
    today: String,
    csrf: String,
}

async fn show_delegations(
    page: Page,
    who: &Actor,
    platform: &Platform,
    problem: Option<Problem>,
) -> PageResult {
    let mut names = Names::default();
    let mut lent = Vec::new();
    for delegation in delegation::around(platform, &who.employee_id).await.map_err(told(&page))? {
        let mut name = Vec::with_capacity(2);
        for id in [&delegation.from_id, &delegation.to_id] {
            let employee = names.learn(platform, id).await.map_err(told(&page))?;
            name.push(employee.map_or("—".to_owned(), |e| page.pick(&e.name.ko, &e.name.en).to_owned()));
        }
        lent.push(Lent {
            kind: match delegation.kind {
                DelegationKind::Standing => "delegation.kind.standing",
                DelegationKind::Acting => "delegation.kind.acting",
            },
            duty: delegation.duty.key(),
            to: name.pop().unwrap_or_default(),
            from: name.pop().unwrap_or_default(),
            from_at: delegation.from_at,
            until_at: delegation.until_at,
            mine: delegation.from_id == who.employee_id,
            id: delegation.id,
        });
    }
    let mut may_lend = Vec::new();
    for duty in [Duty::DepartmentHead, Duty::HrManager] {
        if delegation::holds(platform, who, duty).await.map_err(told(&page))? {
            may_lend.push(duty);
        }
    }
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = Delegations {
        problem: problem.map(|problem| problem.detail(page.lang)),
        today: crate::pages::iso(page.now_ms).chars().take(10).collect(),
        csrf: who.session.csrf.clone(),
        page,
        lent,
        may_lend,
    };
    Ok(render_with(status, &view))
}

async fn delegations(page: Page, who: Actor, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    show_delegations(page.signed_in(Area::Console, who.who()), &who, &platform, None).await
}

#[derive(Deserialize)]
struct LendForm {
    kind: DelegationKind,
    duty: Duty,
    to_number: String,
    from: String,
    until: String,
}

async fn lend(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, LendForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (Some(from_at), Some(until)) = (crate::pages::day(&form.from), crate::pages::day(&form.until)) else {
        let problem = Problem::from(delegation::DelegateError::Period);
        return show_delegations(page, &who, &platform, Some(problem)).await;
    };
    let lending = Lending {
        kind: form.kind,
        duty: form.duty,
        to_number: form.to_number,
        from_at,
        until_at: until + 86_400_000,
    };
    match delegation::lend(&platform, &who, lending).await {
        Ok(_) => Ok(Redirect::to("/delegations").into_response()),
        Err(error) => show_delegations(page, &who, &platform, Some(error.into())).await,
    }
}

async fn take_back(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    delegation::take_back(&platform, &who, &id).await.map_err(told(&page))?;
    Ok(Redirect::to("/delegations").into_response())
}

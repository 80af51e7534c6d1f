//! One person and their badge: found by name or number, with everything that may be done about it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use wallet::account::messages::AccountState;

use super::reach::{self, DeskError};
use super::told;
use crate::application::{self, Application};
use crate::lifecycle::{self, Badge, BadgeState, By, ChangeError, Reason};
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::personnel::{self, Employee};
use crate::staff::{Actor, Duty, Posted};
use crate::{account, audit, loss, staff};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/people", get(find))
        .route("/people/{id}", get(one))
        .route("/people/{id}/resume", post(resume))
        .route("/people/{id}/revoke", post(revoke))
        .route("/people/{id}/wipe", post(wipe))
        .route("/people/{id}/codes", post(reset_codes))
        .route("/people/{id}/card", post(link_card))
        .route("/people/{id}/card/loss", post(card_lost))
}

#[derive(Deserialize)]
struct FindQuery {
    #[serde(default)]
    q: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/people.html")]
struct People {
    page: Page,
    q: String,
    found: Vec<Employee>,
    more: Option<String>,
    problem: Option<String>,
}

/// A number if it has a digit, else a name: Korean names have none.
fn search_of(q: &str, after: Option<String>) -> personnel::Search {
    let q = q.trim().to_owned();
    let is_number = q.chars().any(|letter| letter.is_ascii_digit());
    personnel::Search {
        number: is_number.then(|| q.clone()),
        name: (!is_number).then_some(q),
        agency: None,
        after: after.unwrap_or_default(),
        limit: limits::DESK_PEOPLE.size(),
    }
}

async fn find(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(query): Query<FindQuery>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let from = reach::from(&who, &reach::READ).map_err(told(&page))?;
    let q: String = query.q.trim().chars().take(limits::DESK_SEARCH.size()).collect();
    let (mut found, mut more, mut problem) = (Vec::new(), None, None);
    if !q.is_empty() {
        match personnel::search(&platform, from, &search_of(&q, query.after)).await {
            Ok(result) => (found, more) = (result.employees, result.next),
            Err(personnel::PersonnelError::SearchTooShort) => {
                problem = Some(Problem::from(personnel::PersonnelError::SearchTooShort).detail(page.lang));
            }
            Err(error) => return Err(Fault::told(&page, error)),
        }
        note_search(&platform, &who, &q, found.len()).await.map_err(told(&page))?;
    }
    Ok(render(&People { page, q, found, more, problem }))
}

/// What was looked for may be a name: it stands in the personal part.
async fn note_search(platform: &Arc<Platform>, who: &Actor, q: &str, found: usize) -> Result<(), StoreError> {
    let (inner, actor, q) = (Arc::clone(platform), who.employee_id.clone(), q.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let record = audit::Record {
                    actor: &actor,
                    duty: "console",
                    act: "personnel.search",
                    subject: "people",
                    detail: serde_json::json!({ "found": found }),
                };
                audit::record_with_personal(tx, &inner.sealer, record, &serde_json::json!({ "q": q })).await
            })
        })
        .await
}

#[derive(Template)]
#[template(path = "desk/person.html")]
struct Person {
    page: Page,
    employee: Employee,
    status: &'static str,
    portrait: Option<String>,
    badges: Vec<Badge>,
    account: Option<account::Standing>,
    account_state: &'static str,
    applications: Vec<Application>,
    reports: Vec<loss::Noted>,
    may_stop: bool,
    may_unlock: bool,
    /// Since when the person's sign-in asks for one-time codes.
    codes_since: Option<i64>,
    card: Option<loss::card::Card>,
    is_self: bool,
    problem: Option<String>,
    csrf: String,
}

impl Person {
    fn badge_is(&self, state: BadgeState) -> bool {
        self.badges.first().is_some_and(|badge| badge.state == state)
    }

    fn has_live(&self) -> bool {
        self.badges.first().is_some_and(|badge| badge.state.is_live())
    }

    fn is_locked(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.state == AccountState::Locked)
    }

    fn kind_key(&self, application: &Application) -> &'static str {
        application::kind_key(application.kind)
    }

    fn state_words(&self, application: &Application) -> (&'static str, &'static str) {
        application::state_words(application.state)
    }
}

/// The key of an account's state.
pub(super) fn account_key(state: AccountState) -> &'static str {
    match state {
        AccountState::Pending => "desk.account.pending",
        AccountState::Active => "desk.account.active",
        AccountState::Suspended => "desk.account.suspended",
        AccountState::Locked => "desk.account.locked",
        AccountState::NewPinNeeded => "desk.account.new_pin",
        AccountState::Closed => "desk.account.closed",
    }
}

async fn note_look(platform: &Platform, who: &Actor, duty: Duty, subject: &str) -> Result<(), StoreError> {
    let (actor, subject) = (who.employee_id.clone(), subject.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (act, detail) = ("personnel.view", serde_json::json!({}));
                let record =
                    audit::Record { actor: &actor, duty: duty.as_str(), act, subject: &subject, detail };
                audit::record(tx, record).await
            })
        })
        .await
}

async fn one(
    page: Page,
    who: Actor,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
) -> PageResult {
    show(page.signed_in(Area::Console, who.who()), &who, &platform, &id, None).await
}

async fn show(
    page: Page,
    who: &Actor,
    platform: &Platform,
    id: &str,
    problem: Option<Problem>,
) -> PageResult {
    let (employee, duty) = reach::person(platform, who, id, &reach::READ).await.map_err(told(&page))?;
    note_look(platform, who, duty, &employee.id).await.map_err(told(&page))?;
    let over = |duties| reach::duty_over(platform, who, &employee, duties);
    let may_stop = over(&reach::STOP).await.map_err(told(&page))?.is_some();
    let may_unlock = over(&reach::UNLOCK).await.map_err(told(&page))?.is_some();
    let account = account::of_employee(&platform.store, &employee.id).await.map_err(told(&page))?;
    let portrait = personnel::portrait(platform, &employee.id).await.map_err(told(&page))?;
    let view = Person {
        status: employee.status.key(),
        portrait: portrait
            .map(|(kind, image)| format!("data:{kind};base64,{}", keys::encoding::b64_encode(&image))),
        badges: Badge::of_employee(&platform.store, &employee.id).await.map_err(told(&page))?,
        account_state: account.as_ref().map_or("", |account| account_key(account.state)),
        account,
        applications: application::of_employee(&platform.store, &employee.id, 10)
            .await
            .map_err(told(&page))?,
        reports: loss::of_employee(&platform.store, &employee.id).await.map_err(told(&page))?,
        may_stop,
        may_unlock,
        card: loss::card::of_employee(platform, &employee.id).await.map_err(told(&page))?,
        codes_since: staff::has_codes(platform, &employee.id).await.map_err(told(&page))?,
        is_self: employee.id == who.employee_id,
        csrf: who.session.csrf.clone(),
        problem: problem.as_ref().map(|problem| problem.detail(page.lang)),
        page,
        employee,
    };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    Ok(render_with(status, &view))
}

/// The change of a badge that somebody asked for on a person's page.
struct Asked<'a> {
    employee: &'a Employee,
    duty: Duty,
    act: &'static str,
    /// What was written, for the personal part of the record.
    reason: String,
}

/// Runs a change of the live badge together with the record of why.
async fn change(
    platform: &Arc<Platform>,
    who: &Actor,
    asked: Asked<'_>,
    to: BadgeState,
    code: Reason,
) -> Result<(), Problem> {
    let (inner, employee_id, act) = (Arc::clone(platform), asked.employee.id.clone(), asked.act);
    let by = By { actor: who.employee_id.clone(), duty: asked.duty.as_str().to_owned() };
    let reason = asked.reason;
    platform
        .store
        .write::<_, ChangeError, _>(move |tx| {
            Box::pin(async move {
                let badge =
                    Badge::live_of_employee_in(tx, &employee_id).await?.ok_or(ChangeError::Unknown)?;
                match to {
                    BadgeState::Active => lifecycle::resume(tx, &badge.id, &by, code).await?,
                    _ => lifecycle::revoke(tx, &badge.id, &by, code).await?,
                };
                let record = audit::Record {
                    actor: &by.actor,
                    duty: &by.duty,
                    act,
                    subject: &badge.id,
                    detail: serde_json::json!({ "code": code.as_str() }),
                };
                let personal = serde_json::json!({ "reason": reason });
                Ok(audit::record_with_personal(tx, &inner.sealer, record, &personal).await?)
            })
        })
        .await
        .map_err(|error| match error {
            ChangeError::Store(error) => error.into(),
            other => Problem::new(StatusCode::CONFLICT, other.code()),
        })
}

#[derive(Deserialize)]
struct ResumeForm {
    code: String,
    #[serde(default)]
    reason: String,
}

fn written(reason: &str) -> Result<String, DeskError> {
    let reason: String = reason.trim().chars().take(limits::APPLICATION_NOTE.size()).collect();
    if reason.is_empty() { Err(DeskError::NoReason) } else { Ok(reason) }
}

async fn resume(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, ResumeForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (employee, duty) =
        reach::decides_on(&platform, &who, &id, &reach::STOP).await.map_err(told(&page))?;
    let code = match form.code.as_str() {
        "mistake" => Reason::Mistake,
        _ => Reason::Found,
    };
    let done = match written(&form.reason) {
        // A leave stopped it: the return makes it good again, by the rule table and not by a desk.
        Ok(_) if !employee.status.is_serving() => Err(DeskError::NotServing.into()),
        Ok(reason) => {
            let asked = Asked { employee: &employee, duty, act: "desk.resumed", reason };
            change(&platform, &who, asked, BadgeState::Active, code).await
        }
        Err(error) => Err(error.into()),
    };
    answer(page, &who, &platform, &id, done).await
}

#[derive(Deserialize)]
struct RevokeForm {
    code: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    name: String,
}

async fn revoke(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, RevokeForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (employee, duty) =
        reach::decides_on(&platform, &who, &id, &reach::STOP).await.map_err(told(&page))?;
    let code = match form.code.as_str() {
        "employment_ended" => Reason::EmploymentEnded,
        "compromised" => Reason::Compromised,
        "loss" => Reason::Loss,
        _ => Reason::Order,
    };
    // It can't be undone: the name has to be typed.
    let typed = form.name.trim();
    let named = typed == employee.name.ko || (!employee.name.en.is_empty() && typed == employee.name.en);
    let done = match written(&form.reason) {
        Err(error) => Err(error.into()),
        Ok(_) if !named => Err(DeskError::NotTheName.into()),
        Ok(reason) => {
            let asked = Asked { employee: &employee, duty, act: "desk.revoked", reason };
            change(&platform, &who, asked, BadgeState::Revoked, code).await
        }
    };
    answer(page, &who, &platform, &id, done).await
}

#[derive(Deserialize)]
struct Nothing {}

async fn wipe(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (employee, duty) =
        reach::decides_on(&platform, &who, &id, &reach::STOP).await.map_err(told(&page))?;
    let account = account::of_employee(&platform.store, &employee.id).await.map_err(told(&page))?;
    let Some(account) = account else { return Err(Fault::told(&page, DeskError::Unknown)) };
    let done = account::wipe(&platform, &account.id, &who.employee_id, duty.as_str()).await;
    let done = done.map_err(|error| match error {
        account::WipeError::NotSuspended => Problem::new(StatusCode::CONFLICT, "desk_not_suspended"),
        account::WipeError::Store(error) => error.into(),
    });
    answer(page, &who, &platform, &id, done).await
}

#[derive(Deserialize)]
struct WhyForm {
    #[serde(default)]
    reason: String,
}

/// The phone with the authenticator app is gone: a second person takes its codes away.
async fn reset_codes(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, WhyForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (employee, duty) =
        reach::decides_on(&platform, &who, &id, &reach::UNLOCK).await.map_err(told(&page))?;
    let done = match written(&form.reason) {
        Err(error) => Err(error.into()),
        Ok(reason) => {
            let by = (who.employee_id.as_str(), duty);
            staff::reset_codes(&platform, &employee.id, by, &reason).await.map_err(|error| match error {
                staff::ResetError::NotSetUp => Problem::new(StatusCode::CONFLICT, "staff_no_codes"),
                staff::ResetError::Store(error) => error.into(),
            })
        }
    };
    answer(page, &who, &platform, &id, done).await
}

#[derive(Deserialize)]
struct CardForm {
    #[serde(default)]
    number: String,
}

/// The number of the plastic card, as HR has it.
async fn link_card(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Actor, CardForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (employee, duty) =
        reach::decides_on(&platform, &who, &id, &reach::UNLOCK).await.map_err(told(&page))?;
    let by = By { actor: who.employee_id.clone(), duty: duty.as_str().to_owned() };
    let done = loss::card::link(&platform, &employee.id, &form.number, by).await;
    answer(page, &who, &platform, &id, done.map_err(Problem::from)).await
}

/// The plastic card is lost; the badge goes on.
async fn card_lost(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (employee, duty) =
        reach::decides_on(&platform, &who, &id, &reach::STOP).await.map_err(told(&page))?;
    let by = By { actor: who.employee_id.clone(), duty: duty.as_str().to_owned() };
    let done = loss::card::report(&platform, &employee.id, by).await;
    answer(page, &who, &platform, &id, done.map_err(Problem::from)).await
}

/// Back to the person, or the refusal on the same page.
async fn answer(
    page: Page,
    who: &Actor,
    platform: &Platform,
    id: &str,
    done: Result<(), Problem>,
) -> PageResult {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/people/{id}")).into_response()),
        Err(problem) => show(page, who, platform, id, Some(problem)).await,
    }
}

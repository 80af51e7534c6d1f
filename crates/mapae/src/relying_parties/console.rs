//! The desk of relying parties: who is registered, what waits for a second person, and what may be done about each.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use openid::approval::Level;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::error::PartyError;
use super::form::{self, Fields};
use super::proposal::{Fact, Proposal};
use super::request::{self, Waiting};
use crate::desk;
use crate::login::registration::{ClientKeys, Profile};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::personnel;
use crate::staff::{Actor, Duty, Posted};
use crate::verification::relying_party::{self, IdTokenAlg, RelyingParty, Secrets, Standing, Subject};
use crate::verification::{self, Accepted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/relying-parties", get(list))
        .route("/relying-parties/new", get(new))
        .route("/relying-parties/ask", post(ask))
        .route("/relying-parties/registered/{party}", get(one))
        .route("/relying-parties/registered/{party}/change", get(change))
        .route("/relying-parties/registered/{party}/renew", post(renew))
        .route("/relying-parties/registered/{party}/rotate", post(rotate))
        .route("/relying-parties/registered/{party}/end-old", post(end_old))
        .route("/relying-parties/registered/{party}/disable", post(disable))
        .route("/relying-parties/requests/{request}", get(waiting))
        .route("/relying-parties/requests/{request}/approve", post(approve))
        .route("/relying-parties/requests/{request}/drop", post(drop_it))
}

/// Operators look and act, auditors look.
fn reads(who: &Actor) -> Result<(), PartyError> {
    if who.holds(Duty::Auditor) { Ok(()) } else { request::operator(who) }
}

fn told<'p>(page: &'p Page) -> impl Fn(PartyError) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

/// Tone and key of where a registration stands.
fn state(party: &RelyingParty, now_ms: i64) -> (&'static str, &'static str) {
    let soon = now_ms.saturating_add(limits::PARTY_SOON.get());
    match party.standing {
        Standing::Disabled => ("bad", "party.state.disabled"),
        Standing::Expired => ("bad", "party.state.expired"),
        Standing::Live if party.expires_at.is_some_and(|at| at <= soon) => ("wait", "party.state.soon"),
        Standing::Live if party.test => ("wait", "party.state.test"),
        Standing::Live => ("good", "party.state.live"),
    }
}

struct Line {
    party: RelyingParty,
    state: (&'static str, &'static str),
}

struct Asked {
    waiting: Waiting,
    asker: String,
}

#[derive(Template)]
#[template(path = "relying_parties/list.html")]
struct List {
    page: Page,
    lines: Vec<Line>,
    next: Option<String>,
    waiting: Vec<Asked>,
    may: bool,
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: String,
}

/// The name of somebody, as the page's language has it; their id where they are no longer known.
async fn name_of(platform: &Platform, page: &Page, employee_id: &str) -> Result<String, PartyError> {
    let employee = personnel::employee(platform, employee_id).await?;
    Ok(employee.map_or_else(
        || employee_id.to_owned(),
        |employee| page.pick(&employee.name.ko, &employee.name.en).to_owned(),
    ))
}

async fn list(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(query): Query<After>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    reads(&who).map_err(told(&page))?;
    let rows = limits::PARTY_PAGE.get();
    let after: String = query.after.chars().take(relying_party::MAX_ID).collect();
    let found = relying_party::page(&platform.store, &after, rows.saturating_add(1)).await;
    let mut parties = found.map_err(|error| Fault::told(&page, error))?;
    let more = parties.len() > limits::PARTY_PAGE.size();
    parties.truncate(limits::PARTY_PAGE.size());
    let mut waiting = Vec::new();
    for one in request::all_waiting(&platform).await.map_err(told(&page))? {
        let asker = name_of(&platform, &page, &one.asked_by).await.map_err(told(&page))?;
        waiting.push(Asked { waiting: one, asker });
    }
    let next = parties.last().filter(|_| more).map(|party| party.id.clone());
    let now_ms = page.now_ms;
    let lines = parties.into_iter().map(|party| Line { state: state(&party, now_ms), party }).collect();
    let may = who.holds(Duty::Operator);
    Ok(render(&List { page, lines, next, waiting, may }))
}

#[derive(Template)]
#[template(path = "relying_parties/one.html")]
struct One {
    page: Page,
    party: RelyingParty,
    state: (&'static str, &'static str),
    facts: Vec<Fact>,
    foreign: Vec<Accepted>,
    by: Option<(String, String)>,
    /// The request that waits.
    waiting: Option<String>,
    may: bool,
    problem: Option<String>,
    csrf: String,
}

async fn show(
    page: Page,
    who: &Actor,
    platform: &Platform,
    id: &str,
    problem: Option<Problem>,
) -> PageResult {
    reads(who).map_err(told(&page))?;
    let party = relying_party::look(&platform.store, id).await;
    let party = party.map_err(|error| Fault::told(&page, error))?;
    let party = party.ok_or(PartyError::Unknown).map_err(told(&page))?;
    let proposal = Proposal::of(&platform.store, &party).await.map_err(told(&page))?;
    let mut foreign =
        verification::accepted(&platform.store).await.map_err(|error| Fault::told(&page, error))?;
    let by = match &party.by {
        None => None,
        Some((asked, approved)) => Some((
            name_of(platform, &page, asked).await.map_err(told(&page))?,
            name_of(platform, &page, approved).await.map_err(told(&page))?,
        )),
    };
    let waiting = request::all_waiting(platform).await.map_err(told(&page))?;
    let waiting = waiting.into_iter().find(|one| one.proposal.id == party.id).map(|one| one.id);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = One {
        state: state(&party, page.now_ms),
        facts: proposal.facts(platform, &page),
        foreign: foreign.remove(&party.id).unwrap_or_default(),
        by,
        waiting,
        may: who.holds(Duty::Operator) && !desk::is_own_client(&party.id),
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        party,
        page,
    };
    Ok(render_with(status, &view))
}

async fn one(
    page: Page,
    who: Actor,
    Path(party): Path<String>,
    State(platform): State<Arc<Platform>>,
) -> PageResult {
    show(page.signed_in(Area::Console, who.who()), &who, &platform, &party, None).await
}

/// A claim that may be asked for, as the form shows it.
struct Choice {
    name: String,
    label: String,
    chosen: bool,
    ko: String,
    en: String,
}

#[derive(Template)]
#[template(path = "relying_parties/form.html")]
struct Form {
    page: Page,
    it: Proposal,
    /// The version it was filled from; none for a new registration.
    seen: Option<i64>,
    /// Whether what is registered is a test: only that may stay or become one.
    may_test: bool,
    claims: Vec<Choice>,
    networks: Vec<(String, bool)>,
    problem: Option<String>,
    csrf: String,
}

impl Form {
    fn is_level(&self, level: &str) -> bool {
        self.it.level.as_str() == level
    }

    fn jwks(&self) -> &str {
        match &self.it.settings.keys {
            ClientKeys::Inline(set) => set,
            _ => "",
        }
    }

    fn jwks_uri(&self) -> &str {
        match &self.it.settings.keys {
            ClientKeys::Address(address) => address,
            _ => "",
        }
    }

    /// The switches: field, whether it is on, its text.
    fn switches(&self) -> [(&'static str, bool, &'static str); 5] {
        let settings = &self.it.settings;
        [
            ("pushed_only", settings.pushed_only, "party.rule.pushed"),
            ("signed_only", settings.signed_only, "party.rule.signed"),
            ("dpop_only", settings.dpop_only, "party.rule.dpop"),
            ("refresh", settings.refresh, "party.rule.refresh"),
            ("device", settings.device, "party.rule.device"),
        ]
    }
}

fn filled(
    platform: &Platform,
    page: Page,
    who: &Actor,
    it: Proposal,
    current: Option<&RelyingParty>,
    seen: Option<i64>,
    problem: Option<Problem>,
) -> PageResult {
    let badge =
        verification::badge(platform).map_err(|error| Fault::told(&page, Problem::internal(error)))?;
    let claims = badge
        .claims
        .iter()
        .filter(|claim| claim.only_for.is_none())
        .map(|claim| {
            let why = it.purposes.get(claim.name());
            Choice {
                name: claim.name().to_owned(),
                label: page.pick(&claim.label.ko, &claim.label.en).to_owned(),
                chosen: why.is_some(),
                ko: why.map(|why| why.ko.clone()).unwrap_or_default(),
                en: why.map(|why| why.en.clone()).unwrap_or_default(),
            }
        })
        .collect();
    let mut names: Vec<String> =
        platform.config.login.networks.iter().map(|network| network.name().to_owned()).collect();
    names.extend(it.networks.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
    names.dedup();
    let networks = names.into_iter().map(|name| (name.clone(), it.networks.contains(&name))).collect();
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = Form {
        claims,
        networks,
        may_test: current.is_none_or(|party| party.test),
        seen,
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        it,
        page,
    };
    Ok(render_with(status, &view))
}

async fn new(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    request::operator(&who).map_err(told(&page))?;
    filled(&platform, page, &who, Proposal::blank(), None, None, None)
}

async fn change(
    page: Page,
    who: Actor,
    Path(party): Path<String>,
    State(platform): State<Arc<Platform>>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let party = request::changeable(&platform, &who, &party).await.map_err(told(&page))?;
    let it = Proposal::of(&platform.store, &party).await.map_err(told(&page))?;
    let seen = Some(party.version);
    filled(&platform, page, &who, it, Some(&party), seen, None)
}

async fn ask(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, fields): Posted<Actor, Fields>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    request::operator(&who).map_err(told(&page))?;
    let seen = fields.get("seen").and_then(|seen| seen.parse().ok());
    let it = form::read(&fields).map_err(told(&page))?;
    match request::ask(&platform, &who, it.clone(), seen).await {
        Ok(made) => Ok(Redirect::to(&format!("/relying-parties/requests/{made}")).into_response()),
        Err(error @ (PartyError::Forbidden | PartyError::Unknown)) => Err(Fault::told(&page, error)),
        Err(error) => {
            // What was typed stays on the page.
            let current = relying_party::look(&platform.store, &it.id).await;
            let current = current.map_err(|error| Fault::told(&page, error))?;
            let current = current.filter(|_| seen.is_some());
            filled(&platform, page, &who, it, current.as_ref(), seen, Some(error.into()))
        }
    }
}

#[derive(Deserialize)]
struct Nothing {}

/// Asks for another year, with everything as it is.
async fn renew(
    page: Page,
    Path(party): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let party = request::changeable(&platform, &who, &party).await.map_err(told(&page))?;
    let it = Proposal::of(&platform.store, &party).await.map_err(told(&page))?;
    match request::ask(&platform, &who, it, Some(party.version)).await {
        Ok(made) => Ok(Redirect::to(&format!("/relying-parties/requests/{made}")).into_response()),
        Err(error) => show(page, &who, &platform, &party.id, Some(error.into())).await,
    }
}

/// One thing before and after.
struct Compared {
    key: &'static str,
    before: Vec<String>,
    after: Vec<String>,
    differs: bool,
}

#[derive(Template)]
#[template(path = "relying_parties/request.html")]
struct Request {
    page: Page,
    it: Waiting,
    asker: String,
    rows: Vec<Compared>,
    changes: bool,
    mine: bool,
    may: bool,
    problem: Option<String>,
    csrf: String,
}

async fn show_request(
    page: Page,
    who: &Actor,
    platform: &Platform,
    id: &str,
    problem: Option<Problem>,
) -> PageResult {
    reads(who).map_err(told(&page))?;
    let it = request::waiting(platform, id).await.map_err(told(&page))?;
    let current = relying_party::look(&platform.store, &it.proposal.id).await;
    let current = current.map_err(|error| Fault::told(&page, error))?;
    let before = match &current {
        Some(party) => {
            Proposal::of(&platform.store, party).await.map_err(told(&page))?.facts(platform, &page)
        }
        None => Vec::new(),
    };
    let rows: Vec<Compared> = it
        .proposal
        .facts(platform, &page)
        .into_iter()
        .map(|after| {
            let before = before.iter().find(|fact| fact.key == after.key);
            let before = before.map(|fact| fact.lines.clone()).unwrap_or_default();
            Compared { key: after.key, differs: before != after.lines, before, after: after.lines }
        })
        .collect();
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = Request {
        asker: name_of(platform, &page, &it.asked_by).await.map_err(told(&page))?,
        changes: it.base.is_some(),
        mine: it.asked_by == who.employee_id,
        may: who.holds(Duty::Operator),
        rows,
        it,
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        page,
    };
    Ok(render_with(status, &view))
}

async fn waiting(
    page: Page,
    who: Actor,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
) -> PageResult {
    show_request(page.signed_in(Area::Console, who.who()), &who, &platform, &id, None).await
}

#[derive(Template)]
#[template(path = "relying_parties/secrets.html")]
struct Told {
    page: Page,
    id: String,
    secrets: Secrets,
    /// Until when the old ones work, where there are any.
    overlap: Option<i64>,
}

async fn approve(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    match request::approve(&platform, &who, &id).await {
        // The secrets are in this answer and nowhere else.
        Ok((it, secrets)) => Ok(render(&Told { page, id: it.id, secrets, overlap: None })),
        Err(error @ (PartyError::Forbidden | PartyError::Unknown)) => Err(Fault::told(&page, error)),
        Err(error) => show_request(page, &who, &platform, &id, Some(error.into())).await,
    }
}

async fn drop_it(
    page: Page,
    Path(id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    request::drop_it(&platform, &who, &id).await.map_err(told(&page))?;
    Ok(Redirect::to("/relying-parties").into_response())
}

async fn rotate(
    page: Page,
    Path(party): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    match request::rotate(&platform, &who, &party).await {
        Ok(secrets) => {
            let overlap = Some(platform.now_ms().saturating_add(limits::PARTY_OVERLAP.get()));
            Ok(render(&Told { page, id: party, secrets, overlap }))
        }
        Err(error) => refused(page, &who, &platform, &party, error).await,
    }
}

async fn end_old(
    page: Page,
    Path(party): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    match request::end_old(&platform, &who, &party).await {
        Ok(()) => Ok(back(&party)),
        Err(error) => refused(page, &who, &platform, &party, error).await,
    }
}

#[derive(Deserialize)]
struct Why {
    #[serde(default)]
    reason: String,
}

async fn disable(
    page: Page,
    Path(party): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, why): Posted<Actor, Why>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    match request::disable(&platform, &who, &party, &why.reason).await {
        Ok(()) => Ok(back(&party)),
        Err(error) => refused(page, &who, &platform, &party, error).await,
    }
}

fn back(party: &str) -> axum::response::Response {
    Redirect::to(&format!("/relying-parties/registered/{party}")).into_response()
}

/// The refusal on the page it is about; who has no business here gets the bare one.
async fn refused(page: Page, who: &Actor, platform: &Platform, party: &str, error: PartyError) -> PageResult {
    match error {
        PartyError::Forbidden | PartyError::Unknown => Err(Fault::told(&page, error)),
        error => show(page, who, platform, party, Some(error.into())).await,
    }
}

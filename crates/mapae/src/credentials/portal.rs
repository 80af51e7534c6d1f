//! The official's page: what may be asked for, what was, and the way to the phone.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use credential::types::{Claim, ClaimKind, CredentialType, Source};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::held::Held;
use super::request::{self, AskError, Request, RequestState, Typed};
use crate::issuance;
use crate::lifecycle::{Badge, BadgeState};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::staff::{Applicant, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/portal/credentials", get(list).post(ask))
        .route("/portal/credentials/{id}/offer", post(offer))
        .route("/portal/credentials/{id}/withdrawal", post(withdraw))
}

/// Prefix of the names under which a form sends the values of claims.
pub(super) const FIELD: &str = "claim.";

/// A field that somebody types into, made from the type's file.
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) hint: Option<String>,
    pub(super) required: bool,
    pub(super) longest: u16,
    pub(super) date: bool,
    pub(super) choices: Vec<String>,
}

impl Field {
    pub(super) fn of(page: &Page, kind: &CredentialType, claim: &Claim, place: &str) -> Self {
        Self {
            id: format!("{place}-{}-{}", kind.id, claim.name()),
            name: format!("{FIELD}{}", claim.name()),
            label: page.pick(&claim.label.ko, &claim.label.en).to_owned(),
            hint: claim.description.as_ref().map(|text| page.pick(&text.ko, &text.en).to_owned()),
            required: claim.mandatory,
            longest: claim.longest,
            date: claim.kind == ClaimKind::Date,
            choices: claim.choices.clone(),
        }
    }
}

/// The values of claims among what a form sent.
pub(super) fn typed(form: &std::collections::BTreeMap<String, String>) -> Typed {
    let values = form.iter().filter_map(|(name, text)| Some((name.strip_prefix(FIELD)?, text)));
    values
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(name, text)| (name.to_owned(), text.clone()))
        .collect()
}

struct Mine {
    request: Request,
    name: String,
    state: &'static str,
    face: &'static str,
    held: bool,
}

impl Mine {
    fn open(&self) -> bool {
        matches!(self.request.state, RequestState::Waiting | RequestState::Approved)
    }

    fn may_receive(&self) -> bool {
        self.request.state == RequestState::Approved
    }
}

struct Offered {
    id: String,
    name: String,
    description: String,
    by_hr: bool,
    fields: Vec<Field>,
}

#[derive(Template)]
#[template(path = "credentials/portal.html")]
struct PortalPage {
    page: Page,
    mine: Vec<Mine>,
    types: Vec<Offered>,
    badge: bool,
    problem: Option<String>,
    csrf: String,
}

fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

/// The key of a request's state, and the face of its mark.
pub(super) fn words(state: RequestState, held: Option<BadgeState>) -> (&'static str, &'static str) {
    match (state, held) {
        (RequestState::Waiting, _) => ("credentials.state.waiting", "wait"),
        (RequestState::Approved, Some(BadgeState::Active)) => ("credentials.state.held", "good"),
        (RequestState::Approved, Some(_)) => ("credentials.state.stopped", "wait"),
        (RequestState::Approved, None) => ("credentials.state.approved", "good"),
        (RequestState::Rejected, _) => ("credentials.state.rejected", "bad"),
        (RequestState::Withdrawn, _) => ("credentials.state.withdrawn", ""),
        (RequestState::Revoked, _) => ("credentials.state.revoked", "bad"),
    }
}

/// The name of a type, or its id where its file is gone.
pub(super) fn type_name(platform: &Platform, page: &Page, id: &str) -> Result<String, AskError> {
    let kind = issuance::desk(platform)?.kind(id);
    Ok(kind.map_or_else(|| id.to_owned(), |kind| page.pick(&kind.name.ko, &kind.name.en).to_owned()))
}

async fn show(page: Page, who: &Applicant, platform: &Platform, problem: Option<Problem>) -> PageResult {
    let requests = Request::of_employee(platform, &who.employee_id).await.map_err(told(&page))?;
    let mut mine = Vec::with_capacity(requests.len());
    for request in requests {
        let held = Held::live_of_request(&platform.store, &request.id).await.map_err(told(&page))?;
        let (state, face) = words(request.state, held.as_ref().map(|held| held.state));
        let name = type_name(platform, &page, &request.credential_type).map_err(told(&page))?;
        mine.push(Mine { name, state, face, held: held.is_some(), request });
    }
    let types = request::open_to(platform, &who.employee_id).await.map_err(told(&page))?;
    let types = types
        .into_iter()
        .map(|kind| Offered {
            id: kind.id.clone(),
            name: page.pick(&kind.name.ko, &kind.name.en).to_owned(),
            description: page.pick(&kind.description.ko, &kind.description.en).to_owned(),
            by_hr: request::is_looked_at(kind),
            fields: kind
                .typed_by(Source::Applicant)
                .map(|claim| Field::of(&page, kind, claim, "ask"))
                .collect(),
        })
        .collect();
    let badge = Badge::live_of_employee(&platform.store, &who.employee_id).await.map_err(told(&page))?;
    let badge = badge.is_some_and(|badge| badge.state == BadgeState::Active);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let problem = problem.map(|problem| problem.detail(page.lang));
    Ok(render_with(status, &PortalPage { page, mine, types, badge, problem, csrf: who.session.csrf.clone() }))
}

async fn list(page: Page, who: Applicant, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    show(page.signed_in(Area::Portal, who.who()), &who, &platform, None).await
}

#[derive(Deserialize)]
struct AskForm {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, String>,
}

async fn ask(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, AskForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    match request::ask(&platform, &who.employee_id, &form.kind, &typed(&form.rest)).await {
        Ok(_) => Ok(Redirect::to("/portal/credentials").into_response()),
        Err(AskError::Value(claim)) => {
            // Named as the form names it.
            let label =
                issuance::desk(&platform).ok().and_then(|desk| desk.kind(&form.kind)).and_then(|kind| {
                    let claim = kind.claim(&claim)?;
                    Some(page.pick(&claim.label.ko, &claim.label.en).to_owned())
                });
            let problem = AskError::Value(label.unwrap_or(claim)).into();
            show(page, &who, &platform, Some(problem)).await
        }
        Err(error @ AskError::Store(_)) => Err(Fault::told(&page, error)),
        Err(error) => show(page, &who, &platform, Some(error.into())).await,
    }
}

#[derive(Deserialize)]
struct Nothing {}

#[derive(Template)]
#[template(path = "credentials/offer.html")]
struct OfferPage {
    page: Page,
    link: String,
    code: String,
    ends_at: i64,
    qr: String,
}

async fn offer(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let (offer, code) = request::offer(&platform, &who.employee_id, &id).await.map_err(told(&page))?;
    let qr = crate::pages::qr::address(&offer.link)
        .ok_or_else(|| Fault::told(&page, Problem::internal("the link does not fit into a QR code")))?;
    Ok(render(&OfferPage { page, link: offer.link, code, ends_at: offer.expires_at, qr }))
}

async fn withdraw(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    request::withdraw(&platform, &who.employee_id, &id).await.map_err(told(&page))?;
    Ok(Redirect::to("/portal/credentials").into_response())
}

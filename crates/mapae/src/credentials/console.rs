//! The HR desk: what waits, with the fields that the type's file leaves to it, and what was approved.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use credential::types::{Source, text_in};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::decide::{self, DecideError, Decision};
use super::held::Held;
use super::portal::{self, Field};
use super::request::{self, AskError, Request, RequestState};
use crate::issuance;
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::personnel;
use crate::staff::{Actor, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/credentials", get(list))
        .route("/credentials/{id}/approval", post(approve))
        .route("/credentials/{id}/rejection", post(reject))
        .route("/credentials/{id}/revocation", post(revoke))
}

struct Line {
    request: Request,
    name: String,
    unit: String,
    kind: String,
    state: &'static str,
    face: &'static str,
    /// What the official typed: label and value.
    said: Vec<(String, String)>,
    fields: Vec<Field>,
    own: bool,
}

#[derive(Template)]
#[template(path = "credentials/console.html")]
struct ConsolePage {
    page: Page,
    waiting: Vec<Line>,
    approved: Vec<Line>,
    problem: Option<String>,
    csrf: String,
}

fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

async fn lines(
    page: &Page,
    who: &Actor,
    platform: &Platform,
    state: RequestState,
) -> Result<Vec<Line>, AskError> {
    let mut lines = Vec::new();
    let agencies = decide::agencies(platform, who).await?;
    for request in Request::of_agencies(platform, &agencies, state).await? {
        let employee = personnel::employee(platform, &request.employee_id).await?;
        let (name, unit) = employee.map_or_else(
            || ("—".to_owned(), String::new()),
            |employee| {
                let unit = page.pick(&employee.department.ko, &employee.department.en);
                (page.pick(&employee.name.ko, &employee.name.en).to_owned(), unit.to_owned())
            },
        );
        let kind = issuance::desk(platform)?.kind(&request.credential_type);
        let values = request::typed(platform, &request.id).await?.unwrap_or_default();
        let said = kind.into_iter().flat_map(|kind| &kind.claims).filter_map(|claim| {
            let text = text_in(values.get(claim.name())?, page.lang.tag())?;
            Some((page.pick(&claim.label.ko, &claim.label.en).to_owned(), text.to_owned()))
        });
        let mut fields = Vec::new();
        if let Some(kind) = kind {
            let typed = kind.typed_by(Source::Approver);
            fields.extend(typed.map(|claim| Field::of(page, kind, claim, &request.id)));
        }
        let held = Held::live_of_request(&platform.store, &request.id).await?;
        let (words, face) = portal::words(request.state, held.map(|held| held.state));
        lines.push(Line {
            said: said.collect(),
            fields,
            kind: portal::type_name(platform, page, &request.credential_type)?,
            own: request.employee_id == who.employee_id,
            state: words,
            face,
            name,
            unit,
            request: request.clone(),
        });
    }
    Ok(lines)
}

async fn show(page: Page, who: &Actor, platform: &Platform, problem: Option<Problem>) -> PageResult {
    let waiting = lines(&page, who, platform, RequestState::Waiting).await.map_err(told(&page))?;
    let approved = lines(&page, who, platform, RequestState::Approved).await.map_err(told(&page))?;
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let problem = problem.map(|problem| problem.detail(page.lang));
    let csrf = who.session.csrf.clone();
    Ok(render_with(status, &ConsolePage { page, waiting, approved, problem, csrf }))
}

async fn list(page: Page, who: Actor, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    decide::on_duty(&who).map_err(told(&page))?;
    show(page, &who, &platform, None).await
}

async fn done(page: Page, who: &Actor, platform: &Platform, outcome: Result<(), DecideError>) -> PageResult {
    match outcome {
        Ok(()) => Ok(Redirect::to("/credentials").into_response()),
        Err(error @ DecideError::Store(_)) => Err(Fault::told(&page, error)),
        Err(error) => show(page, who, platform, Some(error.into())).await,
    }
}

#[derive(Deserialize)]
struct ApproveForm {
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, String>,
}

async fn approve(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, ApproveForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    decide::on_duty(&who).map_err(told(&page))?;
    let decision = Decision::Approve(portal::typed(&form.rest));
    let outcome = decide::decide(&platform, &who, &id, decision).await;
    done(page, &who, &platform, outcome).await
}

#[derive(Deserialize)]
struct ReasonForm {
    #[serde(default)]
    reason: String,
}

async fn reject(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, ReasonForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    decide::on_duty(&who).map_err(told(&page))?;
    let outcome = decide::decide(&platform, &who, &id, Decision::Reject(form.reason)).await;
    done(page, &who, &platform, outcome).await
}

async fn revoke(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, ReasonForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    decide::on_duty(&who).map_err(told(&page))?;
    let outcome = decide::revoke(&platform, &who, &id, &form.reason).await;
    done(page, &who, &platform, outcome).await
}

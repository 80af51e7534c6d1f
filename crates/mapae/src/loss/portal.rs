//! The holder's own pages: report a loss while signed in, and print the code that works without the phone.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::card::{self, Card};
use super::code;
use super::report::{self, Cause, Receipt, Report, Way};
use crate::lifecycle::{Badge, BadgeState, By};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::staff::{Applicant, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/portal/loss", get(form).post(stop))
        .route("/portal/loss/code", post(make_code))
        .route("/portal/loss/card", post(card_lost))
}

fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

#[derive(Template)]
#[template(path = "loss/portal.html")]
struct LossPage {
    page: Page,
    badge: Option<Badge>,
    receipt: Option<Receipt>,
    code_made_at: Option<i64>,
    card: Option<Card>,
    csrf: String,
}

impl LossPage {
    fn is_active(&self) -> bool {
        self.badge.as_ref().is_some_and(|badge| badge.state == BadgeState::Active)
    }
}

async fn show(page: Page, who: &Applicant, platform: &Platform, receipt: Option<Receipt>) -> PageResult {
    let badge = Badge::live_of_employee(&platform.store, &who.employee_id).await.map_err(told(&page))?;
    let code_made_at = code::made_at(platform, &who.employee_id).await.map_err(told(&page))?;
    let card = card::of_employee(platform, &who.employee_id).await.map_err(told(&page))?;
    Ok(render(&LossPage { page, badge, receipt, code_made_at, card, csrf: who.session.csrf.clone() }))
}

async fn form(page: Page, who: Applicant, State(platform): State<Arc<Platform>>) -> PageResult {
    show(page.signed_in(Area::Portal, who.who()), &who, &platform, None).await
}

#[derive(Deserialize)]
struct LossForm {
    cause: Cause,
}

async fn stop(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, LossForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let by = By { actor: who.employee_id.clone(), duty: "applicant".to_owned() };
    let reported =
        Report { employee_id: who.employee_id.clone(), cause: form.cause, way: Way::Portal, by: Some(by) };
    let receipt = report::report(&platform, reported).await.map_err(told(&page))?;
    show(page, &who, &platform, Some(receipt)).await
}

/// The plastic card is lost; the badge goes on.
async fn card_lost(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let by = By { actor: who.employee_id.clone(), duty: "applicant".to_owned() };
    card::report(&platform, &who.employee_id, by).await.map_err(told(&page))?;
    Ok(Redirect::to("/portal/loss").into_response())
}

#[derive(Template)]
#[template(path = "loss/code.html")]
struct CodePage {
    page: Page,
    code: String,
    address: String,
}

#[derive(Deserialize)]
struct Nothing {}

/// Shown in the answer itself and stored nowhere, as a sheet to print.
async fn make_code(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let code = code::make(&platform, &who.employee_id).await.map_err(told(&page))?;
    let address = platform.config.public.base_url.join("loss").map(String::from).unwrap_or_default();
    Ok(render(&CodePage { page, code, address }))
}

//! The public page: a code on paper stops a badge, at night and from any browser. It tells nothing about anybody.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::report::{self, Cause, Receipt, Report, Way};
use super::{LossError, code};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::staff::Source;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/loss", get(form).post(stop))
}

#[derive(Template)]
#[template(path = "loss/public.html")]
struct LossPage<'a> {
    page: Page,
    duty_phone: &'a str,
    receipt: Option<Receipt>,
    problem: Option<String>,
}

fn show(page: Page, platform: &Platform, receipt: Option<Receipt>, problem: Option<Problem>) -> PageResult {
    let page = page.of(Area::Public);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = LossPage {
        problem: problem.map(|problem| problem.detail(page.lang)),
        page,
        duty_phone: &platform.config.loss.duty_phone,
        receipt,
    };
    Ok(render_with(status, &view))
}

async fn form(page: Page, State(platform): State<Arc<Platform>>) -> PageResult {
    show(page, &platform, None, None)
}

#[derive(Deserialize)]
struct CodeForm {
    code: String,
    cause: Cause,
}

/// No session travels with this form and the code is its whole authority, so it needs no CSRF token.
async fn stop(
    page: Page,
    source: Source,
    State(platform): State<Arc<Platform>>,
    Form(form): Form<CodeForm>,
) -> PageResult {
    let owner = match code::owner(&platform, &form.code, source.0).await {
        Ok(owner) => owner,
        Err(error @ (LossError::WrongCode { .. } | LossError::TooMany { .. })) => {
            return show(page, &platform, None, Some(error.into()));
        }
        Err(error) => return Err(Fault::told(&page, error)),
    };
    let reported =
        report::report(&platform, Report { employee_id: owner, cause: form.cause, way: Way::Code, by: None });
    let receipt = reported.await.map_err(|error| Fault::told(&page, error))?;
    show(page, &platform, Some(receipt), None)
}

//! 증명서함: what was printed, and printing more.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::document::{self, Document};
use super::{share, shelf};
use crate::operations::problem::Problem;
use crate::operations::{Language, Platform};
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::staff::{Applicant, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/portal/certificates", get(list))
        .route("/portal/certificates/{id}/pdf", get(pdf))
        .route("/portal/credentials/{id}/document", post(print))
}

/// An approved request that may be printed.
struct Printable {
    id: String,
    name: String,
    asked_at: i64,
    korean: bool,
    english: bool,
}

#[derive(Template)]
#[template(path = "certificates/portal.html")]
struct PortalPage {
    page: Page,
    documents: Vec<Document>,
    printable: Vec<Printable>,
    problem: Option<String>,
    csrf: String,
}

fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

async fn show(page: Page, who: &Applicant, platform: &Platform, problem: Option<Problem>) -> PageResult {
    let shelf = shelf::shelf(platform, &who.employee_id).await.map_err(told(&page))?;
    let printable = shelf
        .requests
        .into_iter()
        .filter(|wanted| !wanted.printable.is_empty())
        .map(|wanted| Printable {
            name: page.pick(&wanted.kind.name.ko, &wanted.kind.name.en).to_owned(),
            asked_at: wanted.request.created_at,
            korean: wanted.printable.contains(&Language::Ko),
            english: wanted.printable.contains(&Language::En),
            id: wanted.request.id,
        })
        .collect();
    let documents = shelf.printed;
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let problem = problem.map(|problem| problem.detail(page.lang));
    Ok(render_with(
        status,
        &PortalPage { page, documents, printable, problem, csrf: who.session.csrf.clone() },
    ))
}

async fn list(page: Page, who: Applicant, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    show(page.signed_in(Area::Portal, who.who()), &who, &platform, None).await
}

#[derive(Deserialize)]
struct PrintForm {
    language: String,
}

async fn print(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, PrintForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let lang = if form.language == "en" { Language::En } else { Language::Ko };
    match document::print(&platform, &who.employee_id, &id, lang).await {
        Ok(_) => Ok(Redirect::to("/portal/certificates").into_response()),
        Err(error) => show(page, &who, &platform, Some(error.into())).await,
    }
}

async fn pdf(
    page: Page,
    who: Applicant,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let file = Document::pdf(&platform, &who.employee_id, &id).await.map_err(told(&page))?;
    let file = file.ok_or_else(|| Fault::told(&page, Problem::of_status(StatusCode::NOT_FOUND)))?;
    Ok(share::download(file))
}

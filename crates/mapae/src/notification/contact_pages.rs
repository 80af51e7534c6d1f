//! 알림 받기: the official's own page for the language of messages and the second phone.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::contact::{self, Contact, ContactError};
use crate::operations::problem::Problem;
use crate::operations::{Language, Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::staff::{Applicant, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/portal/notices", get(show_page))
        .route("/portal/notices/language", post(language))
        .route("/portal/notices/contact", post(begin))
        .route("/portal/notices/contact/confirm", post(confirm))
        .route("/portal/notices/contact/remove", post(remove))
}

impl From<ContactError> for Problem {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Number => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "contact_number"),
            ContactError::Same => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "contact_same"),
            ContactError::TooMany => Self::new(StatusCode::TOO_MANY_REQUESTS, "contact_too_many")
                .with("count", limits::CONTACT_SENDS.get()),
            ContactError::NoCode => Self::new(StatusCode::CONFLICT, "contact_no_code"),
            ContactError::WrongCode { tries_left } => {
                Self::new(StatusCode::FORBIDDEN, "contact_wrong_code").with("tries_left", tries_left)
            }
            ContactError::Personnel(error) => error.into(),
            ContactError::Store(error) => error.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "notification/contact.html")]
struct Notices {
    page: Page,
    language: Language,
    contact: Contact,
    problem: Option<String>,
    csrf: String,
}

async fn show(page: Page, who: &Applicant, platform: &Platform, problem: Option<Problem>) -> PageResult {
    let told = |error| Fault::told(&page, Problem::from(error));
    let language = contact::language_of(platform, &who.employee_id).await.map_err(told)?;
    let contact = contact::contact(platform, &who.employee_id).await.map_err(told)?;
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let problem = problem.map(|problem| problem.detail(page.lang));
    Ok(render_with(status, &Notices { page, language, contact, problem, csrf: who.session.csrf.clone() }))
}

async fn show_page(page: Page, who: Applicant, State(platform): State<Arc<Platform>>) -> PageResult {
    show(page.signed_in(Area::Portal, who.who()), &who, &platform, None).await
}

async fn answer(
    page: Page,
    who: &Applicant,
    platform: &Platform,
    done: Result<(), ContactError>,
) -> PageResult {
    match done {
        Ok(()) => Ok(Redirect::to("/portal/notices").into_response()),
        Err(error @ (ContactError::Store(_) | ContactError::Personnel(_))) => Err(Fault::told(&page, error)),
        Err(error) => show(page, who, platform, Some(error.into())).await,
    }
}

#[derive(Deserialize)]
struct LanguageForm {
    #[serde(default)]
    language: String,
}

async fn language(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, LanguageForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let chosen = Language::ALL.into_iter().find(|one| one.tag() == form.language).unwrap_or_default();
    let done = contact::choose_language(&platform, &who.employee_id, chosen, false).await;
    answer(page, &who, &platform, done.map_err(ContactError::from)).await
}

#[derive(Deserialize)]
struct NumberForm {
    #[serde(default)]
    phone: String,
}

async fn begin(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, NumberForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let done = contact::begin(&platform, &who.employee_id, &form.phone).await;
    answer(page, &who, &platform, done).await
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

async fn confirm(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, CodeForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let done = contact::confirm(&platform, &who.employee_id, &form.code).await;
    answer(page, &who, &platform, done).await
}

#[derive(Deserialize)]
struct Nothing {}

async fn remove(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let done = contact::remove(&platform, &who.employee_id).await;
    answer(page, &who, &platform, done.map_err(ContactError::from)).await
}

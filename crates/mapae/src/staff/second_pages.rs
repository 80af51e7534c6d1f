//! The pages of one-time codes: the second step at the door, setting up, and one's own sign-in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::Policy;
use super::extract::{Actor, Posted, Source, cookie};
use super::pages::{before_the_session, form, is_bound, welcome};
use super::second_factor::{self, Begun};
use super::session::{Door, SignInError};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Area, Fault, Page, PageResult, qr, render, render_with};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/sign-in/code", post(console_code))
        .route("/sign-in/set-up", post(console_set_up))
        .route("/account", get(account))
        .route("/account/codes", post(begin))
        .route("/account/codes/confirm", post(confirm))
}

#[derive(Template)]
#[template(path = "staff/code.html")]
struct CodePage<'a> {
    page: &'a Page,
    door: Door,
    csrf: &'a str,
    ticket: &'a str,
    refusal: Option<String>,
}

/// Asks for the code; the ticket says that the password was right.
pub(super) fn ask(page: &Page, door: Door, ticket: &str, refused: Option<Problem>) -> Response {
    let page = page.clone().of(door.area());
    let status = refused.as_ref().map_or(StatusCode::OK, Problem::status);
    let refusal = refused.map(|problem| problem.detail(page.lang));
    before_the_session(status, |csrf, status| {
        render_with(status, &CodePage { page: &page, door, csrf, ticket, refusal })
    })
}

#[derive(Template)]
#[template(path = "staff/set_up.html")]
struct SetUpPage<'a> {
    page: &'a Page,
    /// Where the code is sent to, and where one goes who leaves.
    action: &'a str,
    leave: &'a str,
    csrf: &'a str,
    ticket: &'a str,
    begun: &'a Begun,
    qr: String,
    refusal: Option<String>,
}

impl SetUpPage<'_> {
    fn drawing(&self) -> askama::filters::Safe<&str> {
        askama::filters::Safe(&self.qr)
    }
}

/// The QR before the first session.
pub(super) async fn set_up_at_the_door(
    platform: &Platform,
    page: &Page,
    door: Door,
    ticket: &str,
    refused: Option<Problem>,
) -> PageResult {
    let begun = match second_factor::set_up_at_the_door(platform, door, ticket).await {
        Ok(begun) => begun,
        Err(error) => return refused_at_the_door(page, door, error),
    };
    let page = page.clone().of(door.area());
    let status = refused.as_ref().map_or(StatusCode::OK, Problem::status);
    let refusal = refused.map(|problem| problem.detail(page.lang));
    let drawn = qr::svg(&begun.link).unwrap_or_default();
    Ok(before_the_session(status, |csrf, status| {
        let view = SetUpPage {
            page: &page,
            action: "/sign-in/set-up",
            leave: door.sign_in(),
            csrf,
            ticket,
            begun: &begun,
            qr: drawn,
            refusal,
        };
        render_with(status, &view)
    }))
}

/// Back to the first step, with the reason; only what must not happen becomes a page of its own.
fn refused_at_the_door(page: &Page, door: Door, error: SignInError) -> PageResult {
    match error {
        SignInError::Refused | SignInError::TicketRefused | SignInError::Throttled { .. } => {
            let problem = Problem::from(error);
            Ok(form(page, door, problem.status(), "", Some(problem.detail(page.lang))))
        }
        error => Err(Fault::told(page, error)),
    }
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    ticket: String,
    code: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    csrf: String,
}

pub(super) async fn portal_code(
    page: Page,
    source: Source,
    headers: HeaderMap,
    State(platform): State<Arc<Platform>>,
    Form(sent): Form<CodeForm>,
) -> PageResult {
    code(&platform, Door::Portal, &page, source, &headers, sent).await
}

async fn console_code(
    page: Page,
    source: Source,
    headers: HeaderMap,
    State(platform): State<Arc<Platform>>,
    Form(sent): Form<CodeForm>,
) -> PageResult {
    code(&platform, Door::Console, &page, source, &headers, sent).await
}

fn foreign_form(page: &Page, door: Door) -> PageResult {
    let problem = Problem::new(StatusCode::FORBIDDEN, "csrf_refused");
    Ok(form(page, door, problem.status(), "", Some(problem.detail(page.lang))))
}

async fn code(
    platform: &Platform,
    door: Door,
    page: &Page,
    source: Source,
    headers: &HeaderMap,
    sent: CodeForm,
) -> PageResult {
    if !is_bound(headers, &sent.csrf) {
        return foreign_form(page, door);
    }
    let earlier = cookie(headers, door.cookie());
    match second_factor::finish(platform, door, &sent.ticket, &sent.code, source.0, earlier).await {
        Ok(signed_in) => Ok(welcome(platform.now_ms(), door, headers, &signed_in)),
        Err(error @ SignInError::CodeRefused) => Ok(ask(page, door, &sent.ticket, Some(error.into()))),
        Err(error) => refused_at_the_door(page, door, error),
    }
}

async fn console_set_up(
    page: Page,
    source: Source,
    headers: HeaderMap,
    State(platform): State<Arc<Platform>>,
    Form(sent): Form<CodeForm>,
) -> PageResult {
    let door = Door::Console;
    if !is_bound(&headers, &sent.csrf) {
        return foreign_form(&page, door);
    }
    let earlier = cookie(&headers, door.cookie());
    let first = (sent.token.as_str(), sent.code.as_str());
    match second_factor::finish_at_the_door(&platform, door, &sent.ticket, first, source.0, earlier).await {
        Ok(signed_in) => Ok(welcome(platform.now_ms(), door, &headers, &signed_in)),
        Err(error @ SignInError::CodeRefused) => {
            set_up_at_the_door(&platform, &page, door, &sent.ticket, Some(error.into())).await
        }
        Err(error) => refused_at_the_door(&page, door, error),
    }
}

#[derive(Template)]
#[template(path = "staff/account.html")]
struct AccountPage {
    page: Page,
    began: &'static str,
    began_at: i64,
    codes_since: Option<i64>,
    offered: bool,
    duties: Vec<(&'static str, String)>,
    csrf: String,
}

/// One's own sign-in: how this session began, and what opens the next one.
async fn account(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let told = |error| Fault::told(&page, Problem::from(error));
    let codes_since = second_factor::has_codes(&platform, &who.employee_id).await.map_err(told)?;
    let view = AccountPage {
        began: who.session.began.key(),
        began_at: who.session.created_at,
        codes_since,
        offered: platform.config.staff.second_factor != Policy::Off,
        duties: who.duties.iter().map(|held| (held.duty.key(), held.agency_code.clone())).collect(),
        csrf: who.session.csrf.clone(),
        page,
    };
    Ok(render(&view))
}

#[derive(Deserialize)]
struct Nothing {}

async fn begin(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    show_set_up(page.signed_in(Area::Console, who.who()), &platform, &who, None).await
}

async fn show_set_up(page: Page, platform: &Platform, who: &Actor, refused: Option<Problem>) -> PageResult {
    let begun =
        second_factor::set_up(platform, &who.session).await.map_err(|error| Fault::told(&page, error))?;
    let status = refused.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = SetUpPage {
        page: &page,
        action: "/account/codes/confirm",
        leave: "/account",
        csrf: &who.session.csrf,
        ticket: "",
        qr: qr::svg(&begun.link).unwrap_or_default(),
        begun: &begun,
        refusal: refused.map(|problem| problem.detail(page.lang)),
    };
    Ok(render_with(status, &view))
}

#[derive(Deserialize)]
struct FirstCode {
    #[serde(default)]
    token: String,
    #[serde(default)]
    code: String,
}

async fn confirm(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, sent): Posted<Actor, FirstCode>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    match second_factor::confirm(&platform, &who.session, &sent.token, &sent.code).await {
        Ok(true) => Ok(Redirect::to("/account").into_response()),
        Ok(false) => Err(Fault::told(&page, Problem::new(StatusCode::CONFLICT, "staff_codes_are_set_up"))),
        Err(error @ (SignInError::CodeRefused | SignInError::TicketRefused)) => {
            show_set_up(page, &platform, &who, Some(error.into())).await
        }
        Err(error) => Err(Fault::told(&page, error)),
    }
}

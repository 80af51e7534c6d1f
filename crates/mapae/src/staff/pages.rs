//! The sign-in door of portal and console.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::extract::{Actor, Applicant, Posted, Source, cookie};
use super::password::Attempt;
use super::second_pages;
use super::session::{self, Door, SignInError, SignedIn};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Fault, Page, PageResult, render_with};

/// The cookie that binds a sign-in form to the browser it was shown in, before there is a session.
const FORM_COOKIE: &str = "__Host-mapae-form";
/// The cookie that says where a browser goes after signing in.
const RETURN_COOKIE: &str = "__Host-mapae-return";
/// What such an address begins with: a wallet's request for a badge.
const RETURN_TO: &str = "/issuance/authorize?";
/// Longest such address, in bytes; browsers keep 4,096 of a cookie.
const MAX_RETURN: usize = 3_800;

pub(super) fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/portal/sign-in", get(portal_form).post(portal_sign_in))
        .route("/portal/sign-in/code", post(second_pages::portal_code))
        .route("/portal/sign-out", post(portal_sign_out))
}

pub(super) fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/sign-in", get(console_form).post(console_sign_in))
        .route("/sign-out", post(console_sign_out))
}

#[derive(Template)]
#[template(path = "staff/sign_in.html")]
struct SignInPage<'a> {
    page: &'a Page,
    door: Door,
    csrf: &'a str,
    login: &'a str,
    refusal: Option<String>,
    demo_accounts: &'static [super::demo::Account],
}

/// A cookie of the kind every sign-in uses.
pub(crate) fn host_cookie(name: &str, value: &str, max_age_s: i64) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age_s}"
    ))
    .ok()
}

/// A form before there is a session: it carries a token that the browser also has as a cookie.
pub(super) fn before_the_session(
    status: StatusCode,
    make: impl FnOnce(&str, StatusCode) -> Response,
) -> Response {
    let csrf = keys::random::token();
    let mut response = make(&csrf, status);
    if let Some(cookie) = host_cookie(FORM_COOKIE, &csrf, 3_600) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Whether a form comes back from the browser it was shown in: signing somebody in as somebody else (login CSRF) needs
/// the cookie that came with it.
pub(super) fn is_bound(headers: &HeaderMap, csrf: &str) -> bool {
    cookie(headers, FORM_COOKIE)
        .is_some_and(|cookie| !cookie.is_empty() && keys::mac::eq(cookie.as_bytes(), csrf.as_bytes()))
}

/// Sends somebody to the door who comes back to `path` of this listener once they are in.
pub(crate) fn door_and_back(door: Door, path: &str) -> Response {
    let mut response = Redirect::to(door.sign_in()).into_response();
    let age = limits::STAFF_RETURN.get() / 1_000;
    if leads_back(path)
        && let Some(cookie) = host_cookie(RETURN_COOKIE, path, age)
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// The addresses that a sign-in may lead back to: a planted cookie leads nowhere else.
fn leads_back(path: &str) -> bool {
    path.starts_with(RETURN_TO)
        && path.len() <= MAX_RETURN
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%+=&?/*".contains(&b))
}

/// Lets somebody in: the session's cookie, and the way home or back to where they came from.
pub(crate) fn welcome(now_ms: i64, door: Door, headers: &HeaderMap, signed_in: &SignedIn) -> Response {
    let back = cookie(headers, RETURN_COOKIE).filter(|path| door == Door::Portal && leads_back(path));
    let mut response = Redirect::to(back.unwrap_or(door.home())).into_response();
    let age = (signed_in.ends_at - now_ms) / 1_000;
    let forgotten = back.and_then(|_| host_cookie(RETURN_COOKIE, "", 0));
    let cookies =
        [host_cookie(door.cookie(), &signed_in.token, age), host_cookie(FORM_COOKIE, "", 0), forgotten];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

pub(super) fn form(
    page: &Page,
    door: Door,
    status: StatusCode,
    login: &str,
    refusal: Option<String>,
) -> Response {
    let page = page.clone().of(door.area());
    let demo_accounts = if page.demo { super::demo::accounts_at(door) } else { &[] };
    before_the_session(status, |csrf, status| {
        render_with(status, &SignInPage { page: &page, door, csrf, login, refusal, demo_accounts })
    })
}

async fn portal_form(page: Page) -> Response {
    form(&page, Door::Portal, StatusCode::OK, "", None)
}

async fn console_form(page: Page) -> Response {
    form(&page, Door::Console, StatusCode::OK, "", None)
}

#[derive(Deserialize)]
struct Credentials {
    login: String,
    password: Attempt,
    #[serde(default)]
    csrf: String,
}

async fn portal_sign_in(
    page: Page,
    source: Source,
    headers: HeaderMap,
    State(platform): State<Arc<Platform>>,
    Form(credentials): Form<Credentials>,
) -> PageResult {
    sign_in(&platform, Door::Portal, &page, source, &headers, credentials).await
}

async fn console_sign_in(
    page: Page,
    source: Source,
    headers: HeaderMap,
    State(platform): State<Arc<Platform>>,
    Form(credentials): Form<Credentials>,
) -> PageResult {
    sign_in(&platform, Door::Console, &page, source, &headers, credentials).await
}

async fn sign_in(
    platform: &Platform,
    door: Door,
    page: &Page,
    source: Source,
    headers: &HeaderMap,
    credentials: Credentials,
) -> PageResult {
    if !is_bound(headers, &credentials.csrf) {
        let problem = Problem::new(StatusCode::FORBIDDEN, "csrf_refused");
        return Ok(form(
            page,
            door,
            StatusCode::FORBIDDEN,
            &credentials.login,
            Some(problem.detail(page.lang)),
        ));
    }
    let earlier = cookie(headers, door.cookie());
    let signed_in =
        session::sign_in(platform, door, &credentials.login, credentials.password, source.0, earlier).await;
    match signed_in {
        Ok(signed_in) => Ok(welcome(platform.clock.now_ms(), door, headers, &signed_in)),
        Err(SignInError::CodeNeeded { ticket }) => Ok(second_pages::ask(page, door, &ticket, None)),
        Err(SignInError::SetUpNeeded { ticket }) => {
            second_pages::set_up_at_the_door(platform, page, door, &ticket, None).await
        }
        Err(error @ (SignInError::Refused | SignInError::Throttled { .. })) => {
            let problem = Problem::from(error);
            Ok(form(page, door, problem.status(), &credentials.login, Some(problem.detail(page.lang))))
        }
        Err(error) => Err(Fault::told(page, error)),
    }
}

#[derive(Deserialize)]
struct Nothing {}

async fn portal_sign_out(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Applicant, Nothing>,
) -> PageResult {
    who.session.end(&platform).await.map_err(|error| Fault::told(&page, error))?;
    Ok(signed_out(Door::Portal))
}

async fn console_sign_out(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    who.session.end(&platform).await.map_err(|error| Fault::told(&page, error))?;
    Ok(signed_out(Door::Console))
}

fn signed_out(door: Door) -> Response {
    let mut response = Redirect::to(door.sign_in()).into_response();
    if let Some(cookie) = host_cookie(door.cookie(), "", 0) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

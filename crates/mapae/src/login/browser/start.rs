//! Beginning a login in an enrolled browser: its passkey signs for this login, and the page may draw a QR.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use wallet::account::messages::PasskeyAssertion;

use super::{begin, by_credential};
use crate::account::{self, PasskeyRefusal};
use crate::login::page::{self, PageError, PageState, Standing};
use crate::login::ticket::{Start, Ticket};
use crate::login::{assets, record};
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::pages::{Page, render};
use crate::staff;
use crate::verification::relying_party::{RelyingParty, StartLevel};

/// Where the login page leads to.
pub(in crate::login) const PATH: &str = "/login/browser";
/// The credential of this browser, so that it need not be looked for among all passkeys of the site.
const COOKIE: &str = "__Host-mapae-enrolled";

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route(PATH, get(show))
        .route("/login/browser/options", post(options))
        .route("/login/browser/start", post(go))
}

/// The cookie that remembers a credential.
pub(super) fn remember(credential: &str) -> Option<HeaderValue> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let short = credential.len() <= 1_400 && credential.bytes().all(plain);
    short.then(|| staff::host_cookie(COOKIE, credential, limits::LOGIN_BROWSER_KEPT.get() / 1_000)).flatten()
}

/// Why an enrolled browser did not begin a login.
#[derive(Debug, thiserror::Error)]
enum StartRefused {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("this login has begun elsewhere or is over")]
    State,
    #[error("this login may begin anywhere, or is a device's")]
    NotNeeded,
    #[error("no browser is enrolled with this passkey")]
    NotEnrolled,
    #[error("the passkey may be on other devices, which this level does not take")]
    Synced,
    #[error(transparent)]
    Passkey(#[from] PasskeyRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StartRefused> for Problem {
    fn from(refused: StartRefused) -> Problem {
        match refused {
            StartRefused::Page(error) => error.into(),
            StartRefused::State => Problem::new(StatusCode::CONFLICT, "login_browser_state"),
            StartRefused::NotNeeded => Problem::new(StatusCode::CONFLICT, "login_browser_not_needed"),
            StartRefused::NotEnrolled => Problem::new(StatusCode::FORBIDDEN, "login_browser_unknown"),
            StartRefused::Synced => Problem::new(StatusCode::FORBIDDEN, "login_browser_synced"),
            StartRefused::Passkey(refusal) => refusal.into(),
            StartRefused::Store(error) => error.into(),
        }
    }
}

/// A login of this browser that waits, and its relying party.
async fn waiting(
    platform: &Platform,
    headers: &HeaderMap,
    login: &str,
) -> Result<(Start, RelyingParty), StartRefused> {
    let Standing { start, state } = page::standing(platform, headers, login).await?;
    let party = page::party(platform, &start).await?;
    if state != PageState::Waiting {
        return Err(StartRefused::State);
    }
    if party.level == StartLevel::Low || start.device.is_some() || start.network.is_some() {
        return Err(StartRefused::NotNeeded);
    }
    Ok((start, party))
}

#[derive(Template)]
#[template(path = "login/browser/start.html")]
struct Begin {
    page: Page,
    name: String,
    login: String,
    back: String,
    stylesheet: &'static str,
    script: &'static str,
}

#[derive(Deserialize)]
struct Held {
    login: String,
}

async fn show(
    State(platform): State<Arc<Platform>>,
    page: Page,
    headers: HeaderMap,
    Query(held): Query<Held>,
) -> Response {
    match waiting(&platform, &headers, &held.login).await {
        Ok((_, party)) => render(&Begin {
            name: page.lang.pick(&party.name_ko, &party.name_en).to_owned(),
            back: page::with_login("/login/continue", &held.login),
            login: held.login,
            stylesheet: assets::stylesheet_address(),
            script: assets::browser_script_address(),
            page,
        }),
        Err(StartRefused::Page(error)) => page::refuse(page, error),
        Err(refused) => Problem::from(refused).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    login: String,
}

/// What the browser needs to use its passkey for this login and no other.
async fn options(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(asking): Json<Asking>,
) -> Result<Response, Problem> {
    let (start, _) = waiting(&platform, &headers, &asking.login).await?;
    let known = staff::cookie(&headers, COOKIE);
    let options = account::browser_request(&platform, &start.seed.id(), known)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(json!({ "options": options }))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beginning {
    login: String,
    credential: PasskeyAssertion,
}

async fn go(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(asked): Json<Beginning>,
) -> Result<Response, Problem> {
    let login = begun(&platform, &headers, &asked).await?;
    let next = page::with_login("/login/continue", &login);
    let mut response = ([(CACHE_CONTROL, "no-store")], Json(json!({ "next": next }))).into_response();
    if let Some(cookie) = remember(&asked.credential.id) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The login's ticket, once its browser has proved that it is enrolled.
async fn begun(platform: &Platform, headers: &HeaderMap, asked: &Beginning) -> Result<String, StartRefused> {
    let (start, party) = waiting(platform, headers, &asked.login).await?;
    let enrolled = by_credential(platform, &asked.credential.id).await?.ok_or(StartRefused::NotEnrolled)?;
    if enrolled.passkey.synced && party.level == StartLevel::High {
        return Err(StartRefused::Synced);
    }
    let attempt = start.seed.id();
    let (count, challenged) =
        account::browser_asserted(platform, &attempt, &asked.credential, &enrolled.passkey)?;
    let until = start.expires_ms().saturating_add(limits::LOGIN_PAGE_KEPT.get());
    let party = party.id.clone();
    platform
        .store
        .write::<_, StartRefused, _>(move |tx| {
            Box::pin(async move {
                challenged.use_up(tx).await?;
                begin(tx, &enrolled, count, &attempt, until).await?;
                let detail = json!({ "attempt": attempt, "browser": enrolled.id });
                Ok(record(tx, "login.browser_began", None, &party, detail).await?)
            })
        })
        .await?;
    let start = Start { enrolled: true, ..start };
    Ok(start.seal(platform, until).map_err(PageError::from)?)
}

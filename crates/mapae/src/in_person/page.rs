//! Routes: the page, its script, and both ends of a meeting.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::extract::{Path, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use utoipa_axum::router::OpenApiRouter;

use super::relay::{self, Channel, Refused};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Page, PageResult, render};
use crate::wallet_app;

const SCRIPT: &str = include_str!("check.js");

static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| {
    let hash = keys::encoding::b64url_encode(&keys::sha256(SCRIPT.as_bytes()));
    format!("/assets/check.js?v={}", hash.get(..12).unwrap_or_default())
});

/// Own files and compiled WebAssembly only; the camera's picture and WebSockets, of which a code names the address: this
/// server's, or this very machine's.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; \
     connect-src 'self' wss: ws://localhost:* ws://127.0.0.1:*; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/check", get(show))
        .route("/assets/check.js", get(script))
        .route("/in-person/{channel}/phone", get(phone))
        .route("/in-person/{channel}", get(reader))
}

async fn script() -> Response {
    let head =
        [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "max-age=31536000, immutable")];
    (head, SCRIPT).into_response()
}

#[derive(Template)]
#[template(path = "in_person/page.html")]
struct Check {
    page: Page,
    script: &'static str,
    /// The module that verifies and the one that reads codes; without them the page says what is missing.
    modules: Option<wallet_app::Modules>,
}

async fn show(page: Page) -> PageResult {
    let view = Check { script: &SCRIPT_ADDRESS, modules: wallet_app::modules(), page };
    let mut response = render(&view)?;
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(self), geolocation=(), microphone=()"),
    );
    Ok(response)
}

async fn phone(
    State(platform): State<Arc<Platform>>,
    Path(channel): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let came = match Channel::parse(&channel).map(|channel| platform.local.in_person.relay.wait(&channel)) {
        Some(Ok(came)) => came,
        Some(Err(refused)) => return problem(refused).into_response(),
        None => return Problem::of_status(StatusCode::NOT_FOUND).into_response(),
    };
    bounded(upgrade).on_upgrade(move |socket| relay::hold(socket, came))
}

async fn reader(
    State(platform): State<Arc<Platform>>,
    Path(channel): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let phone = match Channel::parse(&channel).map(|channel| platform.local.in_person.relay.call(&channel)) {
        Some(Ok(phone)) => phone,
        Some(Err(refused)) => return problem(refused).into_response(),
        None => return Problem::of_status(StatusCode::NOT_FOUND).into_response(),
    };
    bounded(upgrade).on_upgrade(async move |socket| {
        // A phone that left in this moment closes the reader with it.
        let _ = phone.send(socket);
    })
}

fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    let most = limits::IN_PERSON_MESSAGE.size();
    upgrade.max_message_size(most).max_frame_size(most)
}

fn problem(refused: Refused) -> Problem {
    match refused {
        Refused::NoPhone => Problem::new(StatusCode::NOT_FOUND, "in_person_no_phone"),
        Refused::Taken => Problem::new(StatusCode::CONFLICT, "in_person_taken"),
        Refused::Full => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "in_person_full"),
    }
}

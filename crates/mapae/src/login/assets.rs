//! Script and stylesheet of the login page. Their addresses carry their hashes, so browsers may keep them for a year.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::operations::Platform;

const SCRIPT: &str = include_str!("assets/login.js");
const BROWSER_SCRIPT: &str = include_str!("assets/browser.js");
const STYLESHEET: &str = include_str!("assets/login.css");

static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| address("/assets/login.js", SCRIPT));
static BROWSER_SCRIPT_ADDRESS: LazyLock<String> =
    LazyLock::new(|| address("/assets/browser.js", BROWSER_SCRIPT));
static STYLESHEET_ADDRESS: LazyLock<String> = LazyLock::new(|| address("/assets/login.css", STYLESHEET));

fn address(path: &str, content: &str) -> String {
    let hash = keys::encoding::b64url_encode(&keys::sha256(content.as_bytes()));
    format!("{path}?v={}", hash.get(..12).unwrap_or_default())
}

/// `/assets/login.js?v=…`.
pub(super) fn script_address() -> &'static str {
    &SCRIPT_ADDRESS
}

/// `/assets/browser.js?v=…`.
pub(super) fn browser_script_address() -> &'static str {
    &BROWSER_SCRIPT_ADDRESS
}

/// `/assets/login.css?v=…`.
pub(super) fn stylesheet_address() -> &'static str {
    &STYLESHEET_ADDRESS
}

/// The files.
pub(super) fn routes() -> Router<Arc<Platform>> {
    Router::new()
        .route("/assets/login.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route(
            "/assets/browser.js",
            get(|| async { asset("text/javascript; charset=utf-8", BROWSER_SCRIPT) }),
        )
        .route("/assets/login.css", get(|| async { asset("text/css; charset=utf-8", STYLESHEET) }))
}

fn asset(kind: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], content).into_response()
}

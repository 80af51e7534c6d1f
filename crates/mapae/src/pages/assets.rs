//! The files every page links to. The stylesheet's address carries its hash, so browsers may keep it for a year.

use std::sync::{Arc, LazyLock};

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;
use crate::operations::language::Language;

/// The one stylesheet.
pub const STYLESHEET: &str = include_str!("mapae.css");
const EMBLEM: &str = include_str!("emblem.svg");
const MARK: &str = include_str!("mark.svg");
const ICONS: &str = include_str!("icons.svg");

static STYLESHEET_ADDRESS: LazyLock<String> = LazyLock::new(|| {
    let hash = keys::encoding::b64url_encode(&keys::sha256(STYLESHEET.as_bytes()));
    format!("/assets/mapae.css?v={}", hash.get(..12).unwrap_or_default())
});

/// `/assets/mapae.css?v=…`.
pub(super) fn stylesheet_address() -> &'static str {
    &STYLESHEET_ADDRESS
}

/// The assets and the language switch; both listeners carry them.
pub fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route(
            "/assets/mapae.css",
            get(|| async { asset("text/css; charset=utf-8", STYLESHEET, "max-age=31536000, immutable") }),
        )
        .route("/assets/emblem.svg", get(|| async { asset("image/svg+xml", EMBLEM, "max-age=86400") }))
        .route("/assets/mark.svg", get(|| async { asset("image/svg+xml", MARK, "max-age=86400") }))
        .route("/assets/icons.svg", get(|| async { asset("image/svg+xml", ICONS, "max-age=86400") }))
        .route("/language", get(switch))
}

fn asset(kind: &'static str, content: &'static str, cache: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, cache)], content).into_response()
}

#[derive(Deserialize)]
struct Switch {
    to: String,
    back: String,
}

/// Remembers a language and goes back to a page of this server, never elsewhere.
async fn switch(Query(switch): Query<Switch>) -> Response {
    let lang = Language::ALL.into_iter().find(|language| language.tag() == switch.to).unwrap_or_default();
    let cookie = format!("lang={}; Path=/; Max-Age=31536000; SameSite=Lax", lang.tag());
    ([(SET_COOKIE, cookie)], Redirect::to(local(&switch.back))).into_response()
}

/// The path if it stays on this server, else `/`.
pub(super) fn local(path: &str) -> &str {
    let stays = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if stays { path } else { "/" }
}

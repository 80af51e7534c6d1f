//! A desk without a gate: any tablet with a browser reads entry codes and shows what the controller decides, in and out.
//!
//! ```text
//! GET  /kiosk?door=ID        the page; where the zone has a door of the other direction, both are offered
//! POST /doors/ID/code        an entry code as text; answers as the line does (`wire.rs`)
//! GET  /scan/read.{js,wasm}  the wallet app's QR reader, for browsers that have none
//! ```
//!
//! Codes come by the camera, or typed by a reader that plays a keyboard. An entry code holds no name and no portrait, and
//! a controller knows none: the page says so, and where a face has to be compared that is done by a presentation
//! (docs/in-person.md). Nothing that is read is kept but the passage itself.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gate::pass::GateRef;
use http::{StatusCode, header};

use super::display::file;
use super::{Controller, wire};
use crate::wallet_app;

/// The kiosk's routes beside the display's.
pub(super) fn routes() -> Router<Arc<Controller>> {
    Router::new()
        .route("/kiosk", get(page))
        .route(
            "/kiosk.css",
            get(|| async { file("text/css; charset=utf-8", include_str!("display/kiosk.css")) }),
        )
        .route(
            "/kiosk.js",
            get(|| async { file("text/javascript; charset=utf-8", include_str!("display/kiosk.js")) }),
        )
        .route("/scan/read.js", get(|| async { reader("js") }))
        .route("/scan/read.wasm", get(|| async { reader("wasm") }))
        .route("/doors/{id}/code", post(code).layer(DefaultBodyLimit::max(gate::entry_code::MAX_TEXT + 2)))
}

/// The camera, and the reader's module; nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async fn page(State(controller): State<Arc<Controller>>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let check = crate::pages::escape(&format!("{}/check", controller.papers().server));
    (headers, include_str!("display/kiosk.html").replace("@CHECK@", &check))
}

fn reader(extension: &str) -> Response {
    match wallet_app::qr_reader(extension) {
        Some((kind, content)) => ([(header::CONTENT_TYPE, kind)], content).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn code(State(controller): State<Arc<Controller>>, Path(id): Path<String>, body: Bytes) -> Response {
    let known = |id: &GateRef| controller.doors().iter().any(|door| door.id == *id);
    let Some(door) = GateRef::try_from(id).ok().filter(known) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match std::str::from_utf8(&body) {
        Ok(text) => axum::Json(wire::told(&controller.code(door, text.trim()))).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

//! The installable wallet app under `/wallet/`: its files as they were built, and nothing else.
//!
//! The app is static: it knows nobody, sets no cookie and speaks to the account role (`/wallet/v1/…`), the issuer and the
//! verifier like any other phone. Files whose name carries their hash are kept for ever, the page and the service worker
//! are asked for again each time.

mod files;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Fault, Page};
use files::File;

/// Where the app's pages are: set-up, the wallet itself, and where links that are meant for it lead.
const PAGES: [&str; 3] = ["/wallet/", "/wallet/install", "/wallet/open"];

/// Only own files and compiled WebAssembly run, markup is never made from text, and nothing is fetched from or sent
/// to another server. Pictures may be `data:` (QR codes) and `blob:` (the camera's frame). A document to be signed is drawn by
/// the browser's own PDF viewer, from bytes that this page checked: `blob:` again, which inherits this policy.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; frame-src blob:; object-src blob:; connect-src 'self'; manifest-src 'self'; \
     worker-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'; trusted-types mapae";

/// What the phone may ask its browser for.
const PERMISSIONS: &str = "camera=(self), publickey-credentials-create=(self), publickey-credentials-get=(self), \
     geolocation=(), microphone=(), payment=(), usb=(), serial=(), bluetooth=()";

/// The public listener's routes.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    let mut routes = OpenApiRouter::new()
        .route("/wallet", get(|| async { Redirect::permanent("/wallet/") }))
        .route("/wallet/about.json", get(about))
        .route("/wallet/{file}", get(file));
    for page in PAGES {
        routes = routes.route(page, get(index));
    }
    routes
}

/// The app's QR reader, its script (`js`) or module (`wasm`): media type and content, if the app was built.
pub fn qr_reader(extension: &str) -> Option<(&'static str, std::borrow::Cow<'static, [u8]>)> {
    let file = files::hashed("scan", extension)?;
    Some((file.kind(), file.content))
}

/// Whether this file was built.
pub fn has(name: &str) -> bool {
    files::find(name).is_some()
}

/// Whether the app is in this binary.
pub fn is_here() -> bool {
    files::find("index.html").is_some()
}

/// What the app has to know of this server before it speaks to it.
async fn about(State(platform): State<Arc<Platform>>) -> Response {
    Json(serde_json::json!({ "demo": platform.config.demo.enabled })).into_response()
}

/// The one page of the app; which screen it shows is the app's own affair.
async fn index(page: Page, headers: HeaderMap) -> Response {
    match files::find("index.html") {
        Some(file) => answer(file, &headers),
        None => missing(&page),
    }
}

async fn file(Path(name): Path<String>, page: Page, headers: HeaderMap) -> Response {
    match files::find(&name) {
        Some(file) => answer(file, &headers),
        None if is_here() => Problem::of_status(StatusCode::NOT_FOUND).into_response(),
        None => missing(&page),
    }
}

/// A binary that was built without the app says which command builds it.
fn missing(page: &Page) -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "wallet_app_missing");
    Fault::told(page, problem).into_response()
}

fn answer(file: File, asked: &HeaderMap) -> Response {
    let accepts =
        asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let gzip = accepts.split(',').any(|part| {
        let mut part = part.split(';');
        part.next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip"))
            && part.next().is_none_or(|quality| quality.trim() != "q=0")
    });
    let (kind, hashed) = (file.kind(), file.is_hashed());
    let (body, encoded) = match file.compressed.filter(|_| gzip) {
        Some(compressed) => (compressed, true),
        None => (file.content, false),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, kind);
    set(header::VARY, "accept-encoding");
    set(header::CACHE_CONTROL, if hashed { "public, max-age=31536000, immutable" } else { "no-cache" });
    if encoded {
        set(header::CONTENT_ENCODING, "gzip");
    }
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    set(HeaderName::from_static("cross-origin-embedder-policy"), "require-corp");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    response
}

//! What every request passes on its way in and out: request id, time limit, panic guard, security headers, problems in
//! the right language, one log line and the metrics.

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;

use super::language::Language;
use super::limits;
use super::problem::Problem;
use super::traces::Traces;

/// The id of a request: in the log line, in the header `x-request-id`, in a problem's `instance`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing from elsewhere, nothing inline. A page that needs another policy sets its own header.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), geolocation=(), microphone=(), payment=()",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// The outermost layer of every listener.
pub(super) async fn edge(
    listener: &'static str,
    traces: Traces,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let id = RequestId(keys::encoding::hex_encode(&keys::random::bytes::<8>()));
    let language = Language::of(request.headers());
    let method = request.method().clone();
    // The template, never the path itself: a path may hold an invitation handle or an employee's id.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "-".to_owned(), |m| m.as_str().to_owned());
    request.extensions_mut().insert(id.clone());

    let span = traces.request(listener, &method, &route, &id.0, request.headers());
    let guarded = AssertUnwindSafe(span.around(next.run(request))).catch_unwind();
    let (mut response, why) = match tokio::time::timeout(limits::HTTP_REQUEST_TIME.duration(), guarded).await
    {
        Ok(Ok(response)) => (response, None),
        Ok(Err(_)) => (Problem::internal("a handler panicked").into_response(), Some("panic")),
        Err(_) => (Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout").into_response(), Some("timeout")),
    };
    response = explain(response, language, &id.0).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }

    let status = response.status().as_u16();
    let elapsed = begun.elapsed();
    metrics::histogram!("mapae_http_request_seconds", "listener" => listener).record(elapsed.as_secs_f64());
    metrics::counter!("mapae_http_requests_total", "listener" => listener, "status" => class(status))
        .increment(1);
    span.answered(status, why);
    tracing::info!(
        request_id = %id.0, trace_id = span.trace_id(), listener, method = known(&method), route, status,
        us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX), "request"
    );
    response
}

/// A method of RFC 9110 or RFC 5789; any other word is a stranger's.
pub(super) fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// Tells a problem in the language of the request, and makes one of a bare error status.
async fn explain(response: Response, language: Language, id: &str) -> Response {
    if let Some(problem) = response.extensions().get::<Problem>() {
        let mut told = problem.render(language, Some(id));
        keep_headers(&response, &mut told);
        return told;
    }
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| !kind.starts_with("text/plain")) {
        return response; // an OAuth error or a page: said in its own words already
    }
    let (parts, body) = response.into_parts();
    let reason = axum::body::to_bytes(body, 4 * 1_024).await.unwrap_or_default();
    let mut problem = Problem::of_status(status);
    if status.is_client_error() && !reason.is_empty() {
        problem = problem.with("reason", String::from_utf8_lossy(&reason).into_owned());
    }
    let mut told = problem.render(language, Some(id));
    keep_headers(&Response::from_parts(parts, Body::empty()), &mut told);
    told
}

/// `Allow`, `WWW-Authenticate`, cookies: what the handler set stays.
fn keep_headers(from: &Response, to: &mut Response) {
    for (name, value) in from.headers() {
        let ours =
            [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_LANGUAGE, header::RETRY_AFTER];
        if !ours.contains(name) || !to.headers().contains_key(name) {
            to.headers_mut().append(name.clone(), value.clone());
        }
    }
}

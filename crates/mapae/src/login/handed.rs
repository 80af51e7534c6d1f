//! The browser's own way to a wallet (W3C Digital Credentials API; OpenID4VP 1.0 Appendix A): the page asks the browser, which
//! opens a wallet on this device or finds a phone beside it, tells it which page asks, and gives the page its answer.
//!
//! No number is compared: the answer is bound to this page's origin, and the page to the browser's cookie. So it serves
//! relying parties of every level.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use openid::vp::DcProtocol;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::page::{self, PageState, Standing};
use super::response::{self, LoginRefused, Made};
use super::ticket::{Exchange, Ticket};
use crate::operations::Platform;
use crate::operations::problem::{Problem, ProblemBody};

/// The page that asks.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoginPage)]
pub(super) struct Asking {
    /// The sealed login of the page.
    #[schema(max_length = 4096)]
    login: String,
}

/// What the page hands to the browser.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LoginRequests)]
pub(super) struct Requests {
    /// `digital.requests` of `navigator.credentials.get`: the signed request alone, because the holder approves it by its hash.
    #[schema(value_type = Vec<Object>)]
    requests: Value,
    /// Where the page brings the `data` of the credential that came back.
    answer_uri: String,
}

fn other_browser() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "login_other_browser")
}

/// A request for the page that holds this login, in the browser that began it.
#[utoipa::path(post, path = "/login/handed", tag = "login", request_body = Asking,
    responses((status = OK, body = Requests),
        (status = BAD_REQUEST, body = ProblemBody, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json", description = "`login_other_browser`"),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json", description = "`login_answered`"),
        (status = GONE, body = ProblemBody, content_type = "application/problem+json", description = "`login_request_expired`")))]
pub(super) async fn ask(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(asking): Json<Asking>,
) -> Result<Response, Problem> {
    let Standing { start, state } = page::standing(&platform, &headers, &asking.login).await?;
    match state {
        PageState::Waiting => {}
        PageState::OtherBrowser => return Err(other_browser()),
        PageState::Expired => return Err(LoginRefused::Expired.into()),
        _ => return Err(LoginRefused::Answered.into()),
    }
    let Made { text, ticket } = response::make(&platform, start.handed(), None).await?;
    let requests = Requests {
        requests: json!([{ "protocol": DcProtocol::Signed.as_str(), "data": { "request": text } }]),
        answer_uri: format!("/login/handed/{ticket}"),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(requests)).into_response())
}

/// Takes what the browser gave to the page. The page then asks how its login stands, as it does anyway.
#[utoipa::path(post, path = "/login/handed/{ticket}", tag = "login",
    request_body(content = Object, content_type = "application/json"),
    params(("ticket" = String, Path, description = "From `answer_uri`", max_length = 4096, pattern = "^[A-Za-z0-9_-]+$")),
    responses((status = OK, description = "Taken", body = Object),
        (status = BAD_REQUEST, body = ProblemBody, content_type = "application/problem+json", description = "`presentation_refused` with its reason"),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json", description = "`login_other_browser`, or why the badge or its approval does not do"),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json", description = "`login_answered`"),
        (status = GONE, body = ProblemBody, content_type = "application/problem+json", description = "`login_request_expired`")))]
pub(super) async fn answer(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let exchange = Exchange::open(&platform, &ticket).map_err(LoginRefused::from)?;
    let start = exchange.draw.handed().ok_or(LoginRefused::Invalid)?;
    if !page::is_of_browser(start, &headers) {
        return Err(other_browser());
    }
    let acknowledgement = response::answer(&platform, exchange, &ticket, &body).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(acknowledgement)).into_response())
}

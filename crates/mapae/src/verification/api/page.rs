//! The page that asks: QR and button for wallets that are opened by a link, and the browser's own way (Digital Credentials
//! API) where it has one. A relying party may send its visitors here, or do the same on a page of its own.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;

use super::messages::ForPage;
use super::refused::ApiRefused;
use super::tickets::{REQUEST, Request, ask};
use super::wallet::{self, Begun};
use crate::operations::Platform;
use crate::operations::problem::{Problem, ProblemBody};
use crate::pages::{Fault, Page, PageResult, qr, render};
use crate::verification::{exchange, relying_party};

const SCRIPT: &str = include_str!("page.js");

static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| {
    let hash = keys::encoding::b64url_encode(&keys::sha256(SCRIPT.as_bytes()));
    format!("/assets/verify.js?v={}", hash.get(..12).unwrap_or_default())
});

/// The page's script.
pub(super) fn asset_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/assets/verify.js", get(script))
}

/// The page, and what its script asks.
pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/verify/{ticket}", get(show))
        .route("/verification/pages/{ticket}", post(requests).get(state))
}

async fn script() -> Response {
    let head =
        [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "max-age=31536000, immutable")];
    (head, SCRIPT).into_response()
}

#[derive(Template)]
#[template(path = "verification/api/page.html")]
struct Verify {
    page: Page,
    script: &'static str,
    ticket: String,
    name: String,
    link: String,
    /// None where the result belongs to the wallet's own browser.
    qr: Option<String>,
    claims: Vec<String>,
    answered: bool,
}

async fn show(page: Page, State(platform): State<Arc<Platform>>, Path(ticket): Path<String>) -> PageResult {
    let told = |problem: Problem| Fault::told(&page, problem);
    let request = opened(&platform, &ticket).map_err(|error| told(error.into()))?;
    let party =
        relying_party::find(&platform.store, &request.party).await.map_err(|error| told(error.into()))?;
    let party = party.ok_or_else(|| told(ApiRefused::Unknown.into()))?;
    let asked = ask(&platform, &request).await.map_err(|error| told(error.into()))?;
    let answered = wallet::is_answered(&platform, &request.seed).await.map_err(|error| told(error.into()))?;
    let address = format!("{}/verification/requests/{ticket}", platform.config.public.origin());
    let link = exchange::link(&platform, address).map_err(|error| told(ApiRefused::from(error).into()))?;
    let view = Verify {
        script: &SCRIPT_ADDRESS,
        ticket,
        name: page.lang.pick(&party.name_ko, &party.name_en).to_owned(),
        qr: if request.redirect_uri.is_none() { qr::svg(&link) } else { None },
        link,
        claims: claims(&platform, &page, &asked.dcql),
        answered,
        page,
    };
    Ok(render(&view))
}

/// What is asked for, as people read it: our own claims by their label, others by their path.
fn claims(platform: &Platform, page: &Page, dcql: &serde_json::Value) -> Vec<String> {
    let Ok(query) = credential::dcql::Query::from_value(dcql) else { return Vec::new() };
    let badge = exchange::badge(platform).ok();
    let mut labels = Vec::new();
    for credential in &query.credentials {
        let format = credential::types::Format::from_name(&credential.format);
        for claim in &credential.claims {
            let known = badge.zip(format).and_then(|(badge, format)| badge.claim_at(format, &claim.path));
            let label = match known {
                Some(known) => page.lang.pick(&known.label.ko, &known.label.en).to_owned(),
                None => claim.path.to_string(),
            };
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    labels
}

fn opened(platform: &Platform, ticket: &str) -> Result<Request, ApiRefused> {
    Ok(platform.tokens.open(REQUEST, ticket, platform.now_ms())?)
}

/// A fresh pair of requests for this page.
async fn requests(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    let request = opened(&platform, &ticket)?;
    let origin = platform.config.public.base_url.origin().ascii_serialization();
    let made = for_page(&platform, request, origin).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(made)).into_response())
}

/// Requests for a page of an origin, and where it brings the answer.
pub(super) async fn for_page(
    platform: &Platform,
    request: Request,
    origin: String,
) -> Result<ForPage, ApiRefused> {
    let begun = Begun::new(platform, request, None, Some(origin))?;
    let ask = ask(platform, begun.request()).await?;
    let requests = exchange::page_requests(platform, &ask, begun.parts())?;
    Ok(ForPage { requests, answer_uri: begun.address })
}

/// Whether somebody has answered, for a page that shows a QR to another phone.
async fn state(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    let request = opened(&platform, &ticket)?;
    let answered = wallet::is_answered(&platform, &request.seed).await?;
    let state = if answered { "answered" } else { "pending" };
    Ok(([(CACHE_CONTROL, "no-store")], Json(json!({ "state": state }))).into_response())
}

/// Bring the answer of a page.
///
/// The `data` of the credential that `navigator.credentials.get` gave to your page, as it is. The address is the
/// `answer_uri` of the request; it works for the page of that origin and no other, because the answer is bound to it.
#[utoipa::path(post, path = "/verification/answers/{ticket}", tag = "verification",
    request_body(content = Object, content_type = "application/json"),
    params(("ticket" = String, Path, description = "From `answer_uri`", max_length = 4096, pattern = "^[A-Za-z0-9_-]+$")),
    responses(
        (status = OK, description = "`redirect_uri` with a `response_code`, where the request named one", body = Object),
        (status = BAD_REQUEST, body = ProblemBody, content_type = "application/problem+json", description = "`presentation_refused` with its reason"),
        (status = NOT_FOUND, body = ProblemBody, content_type = "application/problem+json", description = "`verification_unknown`"),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json", description = "`verification_answered`"),
        (status = GONE, body = ProblemBody, content_type = "application/problem+json", description = "`verification_gone`")))]
pub(super) async fn answer(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let acknowledgement = wallet::answer(&platform, &ticket, true, &body).await?;
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")], Json(acknowledgement)).into_response())
}

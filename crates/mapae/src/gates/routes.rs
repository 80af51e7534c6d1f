//! What controllers ask: enrolment, papers, the feed, and where passages go.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::sse::Sse;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::enrolment::{self, Enrol, Enrolled};
use super::feed;
use super::passages::{self, Taken, Upload};
use crate::operations::{Platform, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(enrol))
        .routes(routes!(papers))
        .routes(routes!(pages))
        .routes(routes!(take))
}

/// Enrol a gate controller with its one-time code and a key of its own.
#[utoipa::path(
    post, path = "/gates/v1/enrol", operation_id = "gate_enrol", tag = "gates", request_body = Enrol,
    responses((status = 200, body = Enrolled))
)]
async fn enrol(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Enrol>,
) -> Result<Json<Enrolled>, Problem> {
    Ok(Json(enrolment::enrol(&platform, body).await?))
}

/// Token and certificate anew. Headers: `authorization: DPoP <token>` and `dpop`, as in all that follows.
#[utoipa::path(
    post, path = "/gates/v1/papers", operation_id = "gate_papers", tag = "gates",
    responses((status = 200, body = Enrolled))
)]
async fn papers(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
) -> Result<Json<Enrolled>, Problem> {
    Ok(Json(enrolment::renew(&platform, &headers).await?))
}

/// From where a controller goes on.
#[derive(Debug, Deserialize)]
struct From {
    #[serde(default)]
    feed: String,
    #[serde(default)]
    after: u64,
}

/// The feed, as server-sent events named `page`, each a signed page (JWS). A page at least every 15 seconds.
#[utoipa::path(
    get, path = "/gates/v1/feed", operation_id = "gate_feed", tag = "gates",
    params(
        ("feed" = Option<String>, Query, description = "The feed that the controller knows; without it, everything is told."),
        ("after" = Option<u64>, Query, description = "Number of the last record it knows.", maximum = 9223372036854775807_i64),
    ),
    responses((status = 200, description = "Pages, until one side ends the connection.", body = String, content_type = "text/event-stream"))
)]
async fn pages(
    State(platform): State<Arc<Platform>>,
    Query(known): Query<From>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (controller, _) = enrolment::known(&platform, &headers, "GET", "/feed").await?;
    let stream = feed::connect(platform, controller, known.feed, known.after).await?;
    let mut response = Sse::new(stream).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Take lines of the passage log.
#[utoipa::path(
    post, path = "/gates/v1/passages", operation_id = "gate_passages", tag = "gates", request_body = Upload,
    responses((status = 200, body = Taken))
)]
async fn take(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<Upload>,
) -> Result<Json<Taken>, Problem> {
    let (controller, _) = enrolment::known(&platform, &headers, "POST", "/passages").await?;
    Ok(Json(passages::take(&platform, controller, body).await?))
}

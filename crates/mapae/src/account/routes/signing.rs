//! Documents that wait for the holder's signature.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wallet::account::messages::{Envelope, OpenedSigning, RefusedSigning, WaitingDocuments};

use super::Answered;
use crate::account::device::from_header;
use crate::account::signing;
use crate::operations::{Platform, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(document))
        .routes(routes!(open))
        .routes(routes!(refuse))
}

/// The documents that wait for the holder. Header `authorization: Device <device-signed request>`.
#[utoipa::path(get, path = "/wallet/v1/signatures", tag = "wallet", operation_id = "signing_list", responses((status = 200, body = WaitingDocuments)))]
async fn list(State(platform): State<Arc<Platform>>, headers: HeaderMap) -> Answered<WaitingDocuments> {
    Ok(Json(signing::list(&platform, from_header(&headers)?).await?))
}

/// The bytes of a document whose turn it is. Header `authorization: Device <device-signed request>`.
#[utoipa::path(get, path = "/wallet/v1/signatures/{request}/document", tag = "wallet", operation_id = "signing_seen", params(
    ("request" = String, Path, description = "The signing request's id.", max_length = 36),
), responses((status = 200, description = "The PDF", body = Vec<u8>, content_type = "application/pdf")))]
async fn document(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(request): Path<String>,
) -> Result<Response, Problem> {
    let pdf = signing::document(&platform, from_header(&headers)?, &request).await?;
    Ok(([(CONTENT_TYPE, "application/pdf"), (CACHE_CONTROL, "no-store")], pdf).into_response())
}

/// A certificate for one signature.
#[utoipa::path(post, path = "/wallet/v1/signatures/open", tag = "wallet", operation_id = "signing_open", request_body = Envelope, responses((status = 200, body = OpenedSigning)))]
async fn open(State(platform): State<Arc<Platform>>, Json(body): Json<Envelope>) -> Answered<OpenedSigning> {
    Ok(Json(signing::open(&platform, &body.signed).await?))
}

/// Say no, and why.
#[utoipa::path(post, path = "/wallet/v1/signatures/refuse", tag = "wallet", operation_id = "signing_refuse", request_body = Envelope, responses((status = 200, body = RefusedSigning)))]
async fn refuse(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<RefusedSigning> {
    Ok(Json(signing::refuse(&platform, &body.signed).await?))
}

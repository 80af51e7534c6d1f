//! Certificates that anybody can check: asked for, printed, fetched and shared by the holder's phone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wallet::account::messages::{CertificateAsked, CertificateLink, Certificates, Envelope};

use super::Answered;
use crate::account::certificates;
use crate::account::device::from_header;
use crate::operations::{Platform, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(list, ask))
        .routes(routes!(print))
        .routes(routes!(file))
        .routes(routes!(share))
}

/// What the holder may ask for, asked for and has. Header `authorization: Device <device-signed request>`.
#[utoipa::path(get, path = "/wallet/v1/certificates", tag = "wallet", operation_id = "wallet_certificates", responses((status = 200, body = Certificates)))]
async fn list(State(platform): State<Arc<Platform>>, headers: HeaderMap) -> Answered<Certificates> {
    Ok(Json(certificates::list(&platform, from_header(&headers)?).await?))
}

/// Ask for a certificate.
#[utoipa::path(post, path = "/wallet/v1/certificates", tag = "wallet", operation_id = "wallet_certificate_ask", request_body = Envelope, responses((status = 200, body = CertificateAsked)))]
async fn ask(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<CertificateAsked> {
    Ok(Json(certificates::ask(&platform, &body.signed).await?))
}

/// Print an approved request in one language.
#[utoipa::path(post, path = "/wallet/v1/certificates/print", tag = "wallet", operation_id = "wallet_certificate_print", request_body = Envelope, responses((status = 200, body = Certificates)))]
async fn print(State(platform): State<Arc<Platform>>, Json(body): Json<Envelope>) -> Answered<Certificates> {
    Ok(Json(certificates::print(&platform, &body.signed).await?))
}

/// The sealed file of a certificate. Header `authorization: Device <device-signed request>`.
#[utoipa::path(get, path = "/wallet/v1/certificates/{document}/file", tag = "wallet", operation_id = "wallet_certificate_file", params(
    ("document" = String, Path, description = "The certificate's id.", max_length = 36),
), responses((status = 200, description = "The PDF", body = Vec<u8>, content_type = "application/pdf")))]
async fn file(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(document): Path<String>,
) -> Result<Response, Problem> {
    let pdf = certificates::file(&platform, from_header(&headers)?, &document).await?;
    Ok(([(CONTENT_TYPE, "application/pdf"), (CACHE_CONTROL, "no-store")], pdf).into_response())
}

/// Make a link to a certificate that opens once.
#[utoipa::path(post, path = "/wallet/v1/certificates/links", tag = "wallet", operation_id = "wallet_certificate_share", request_body = Envelope, responses((status = 200, body = CertificateLink)))]
async fn share(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<CertificateLink> {
    Ok(Json(certificates::share(&platform, &body.signed).await?))
}

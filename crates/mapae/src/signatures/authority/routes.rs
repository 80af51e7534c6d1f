//! What anyone may ask: the certificates, the lists, answers, timestamps.
//!
//! The formats are those of RFC 5280, RFC 6960 and RFC 3161, so they stand beside the OpenAPI description, not in it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use keys::encoding::hex_encode;
use keys::x509::Certificate;
use serde::Serialize;
use signing::tsp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::revocation::{Whose, answer, list};
use super::{AuthorityError, open};
use crate::operations::{Platform, Problem};

/// Where the list of the root is.
pub(super) const ROOT_LIST: &str = "documents/root.crl";
/// Where the list of the authority is.
pub(super) const AUTHORITY_LIST: &str = "documents/authority.crl";
/// Where questions about certificates are answered.
pub(super) const ANSWERS: &str = "ocsp";

/// The routes.
pub fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(authority))
        .route("/documents/root.crt", get(root_certificate))
        .route("/documents/authority.crt", get(authority_certificate))
        .route("/documents/root.crl", get(root_list))
        .route("/documents/authority.crl", get(authority_list))
        .route("/ocsp", post(ocsp))
        .route("/tsa", post(timestamp))
}

/// A certificate to be trusted, or below one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Published {
    /// The common name.
    name: String,
    /// The SHA-256 of the certificate: what to compare over another way.
    fingerprint: String,
    /// Good until then: seconds since 1970.
    not_after: i64,
    /// Where its DER is.
    certificate: String,
    /// Where its list of revoked certificates is.
    list: String,
}

/// Who stands behind signed documents.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Chain {
    /// The platform's root: the one to trust.
    root: Published,
    /// The authority for documents below it.
    authority: Published,
    /// Where timestamps are given (RFC 3161).
    timestamps: String,
    /// Where questions about certificates are answered (RFC 6960).
    answers: String,
}

/// The certificates that stand behind signed documents, with their fingerprints.
#[utoipa::path(
    get, path = "/documents/authority", operation_id = "document_authority", tag = "signatures",
    responses((status = 200, body = Chain))
)]
async fn authority(State(platform): State<Arc<Platform>>) -> Result<Json<Chain>, Problem> {
    let authority = open(&platform).await?;
    let at = |path: &str| platform.config.public.base_url.join(path).map(String::from).unwrap_or_default();
    let published = |certificate: &Certificate, file: &str, list: &str| Published {
        name: certificate.subject_common_name().unwrap_or_default().to_owned(),
        fingerprint: hex_encode(&certificate.sha256()),
        not_after: certificate.not_after(),
        certificate: at(file),
        list: at(list),
    };
    Ok(Json(Chain {
        root: published(platform.keys.root(), "documents/root.crt", ROOT_LIST),
        authority: published(authority.certificate(), "documents/authority.crt", AUTHORITY_LIST),
        timestamps: at("tsa"),
        answers: at(ANSWERS),
    }))
}

fn as_type(kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const CERTIFICATE_TYPE: &str = "application/pkix-cert";
const LIST_TYPE: &str = "application/pkix-crl";

async fn root_certificate(State(platform): State<Arc<Platform>>) -> Response {
    as_type(CERTIFICATE_TYPE, platform.keys.root().der().to_vec())
}

async fn authority_certificate(State(platform): State<Arc<Platform>>) -> Result<Response, Problem> {
    Ok(as_type(CERTIFICATE_TYPE, open(&platform).await?.certificate().der().to_vec()))
}

async fn root_list(State(platform): State<Arc<Platform>>) -> Result<Response, Problem> {
    Ok(as_type(LIST_TYPE, list(&platform, Whose::Root).await?))
}

async fn authority_list(State(platform): State<Arc<Platform>>) -> Result<Response, Problem> {
    Ok(as_type(LIST_TYPE, list(&platform, Whose::Authority).await?))
}

fn is_type(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == kind.as_bytes())
}

async fn ocsp(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if !is_type(&headers, "application/ocsp-request") {
        return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(as_type("application/ocsp-response", answer(&platform, &body).await?))
}

async fn timestamp(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if !is_type(&headers, tsp::REQUEST_TYPE) {
        return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let now_s = platform.now_ms().div_euclid(1_000);
    let answer = open(&platform).await?.time().answer(&body, now_s);
    let answer = answer.map_err(|error| AuthorityError::Key("timestamp", error.to_string()))?;
    Ok(as_type(tsp::RESPONSE_TYPE, answer.into_der()))
}

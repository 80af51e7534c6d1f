//! What the world fetches: status lists and the trust list. Nobody asks about a person here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::status::{self, ListName};
use super::trust;
use crate::operations::{Platform, Problem};

pub(super) fn public() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(status_lists))
        .routes(routes!(status_list))
        .routes(routes!(trust_list))
        .routes(routes!(root_certificate))
}

const STATUS_JWT: &str = "application/statuslist+jwt";
const STATUS_CWT: &str = "application/statuslist+cwt";
const TRUST_JWT: &str = "application/mapae-trust-list+jwt";
/// A cache in between may serve a list this long; consumers keep it for its `ttl`.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=5, must-revalidate");

/// The addresses of all status lists (Token Status List §9.3).
#[derive(Serialize, ToSchema)]
struct StatusLists {
    status_lists: Vec<String>,
}

/// Where every status list is that is served now (Token Status List §9): for verifiers that fetch ahead of use offline.
#[utoipa::path(
    get,
    path = "/status",
    operation_id = "status_lists",
    tag = "lists",
    responses((status = 200, body = StatusLists))
)]
async fn status_lists(State(platform): State<Arc<Platform>>) -> Result<Response, Problem> {
    let status_lists = status::all_uris(&platform).await?;
    let headers = [
        (header::CACHE_CONTROL, CACHED),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    Ok((headers, Json(StatusLists { status_lists })).into_response())
}

/// A status list (Token Status List §8): as JWT, or as CWT where `Accept` prefers that.
#[utoipa::path(
    get,
    path = "/status/{list}",
    operation_id = "status_list",
    tag = "lists",
    params(("list" = String, Path, description = "The list's name, as in a credential's `status.status_list.uri`.", max_length = 128)),
    responses(
        (status = 200, description = "The signed list.", content(
            (String = "application/statuslist+jwt"),
            (Vec<u8> = "application/statuslist+cwt"),
        )),
        (status = 304, description = "It is the one named in `If-None-Match`."),
        (status = 404, description = "There is no such list, or all its credentials have expired.", body = crate::operations::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "Neither form is accepted.", body = crate::operations::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn status_list(
    State(platform): State<Arc<Platform>>,
    Path(list): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(form) = preferred(&headers, &[STATUS_JWT, STATUS_CWT]) else {
        return Err(Problem::of_status(StatusCode::NOT_ACCEPTABLE));
    };
    let not_found = || Problem::of_status(StatusCode::NOT_FOUND);
    let name = ListName::parse(&list).ok_or_else(not_found)?;
    let signed = status::signed(&platform, &name).await.map_err(Problem::internal)?.ok_or_else(not_found)?;
    let tag = format!("\"{}-{}\"", signed.tag, if form == STATUS_CWT { "cwt" } else { "jwt" });
    let body = || match form {
        STATUS_CWT => signed.cwt.to_vec().into_response(),
        _ => signed.jwt.to_string().into_response(),
    };
    Ok(cached(&headers, form, &tag, body))
}

/// Of whom the trust list is asked.
#[derive(Debug, Deserialize)]
struct OfIssuer {
    issuer: Option<String>,
}

/// The trust list: whose keys may issue which credential types. With `issuer`, the entries of that issuer alone, signed in
/// the same form and with the same version: enough for a phone that was offered something by it.
#[utoipa::path(
    get,
    path = "/trust-list",
    operation_id = "trust_list",
    tag = "lists",
    params(("issuer" = Option<String>, Query, description = "`iss` of the credentials in question.", max_length = 1024)),
    responses(
        (status = 200, description = "The signed list, good for at most 48 hours.", body = String, content_type = "application/mapae-trust-list+jwt"),
        (status = 304, description = "It is the one named in `If-None-Match`."),
    )
)]
async fn trust_list(
    State(platform): State<Arc<Platform>>,
    Query(asked): Query<OfIssuer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let signed = match &asked.issuer {
        None => trust::served(&platform).await,
        Some(issuer) => trust::signed_of(&platform, issuer).await,
    };
    let signed = signed.map_err(Problem::internal)?;
    let tag = format!("\"{}\"", signed.tag);
    Ok(cached(&headers, TRUST_JWT, &tag, || signed.jwt.to_string().into_response()))
}

fn cached(headers: &HeaderMap, kind: &'static str, tag: &str, body: impl FnOnce() -> Response) -> Response {
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == tag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, CACHED);
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    // Any web page may verify a credential.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Which of the offered types `Accept` likes best (RFC 9110 §12.5.1); the first where it has no preference.
fn preferred(headers: &HeaderMap, offered: &[&'static str]) -> Option<&'static str> {
    let mut accept =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if accept.peek().is_none() {
        return offered.first().copied();
    }
    let ranges: Vec<(String, f32)> = accept.flat_map(|value| value.split(',')).map(range).collect();
    let quality = |kind: &str| {
        let major = kind.split('/').next().unwrap_or_default();
        let of = |wanted: &str| ranges.iter().find(|(range, _)| range == wanted).map(|(_, quality)| *quality);
        of(kind).or_else(|| of(&format!("{major}/*"))).or_else(|| of("*/*")).unwrap_or(0.0)
    };
    // The first of equals: `max_by` would take the last.
    offered
        .iter()
        .copied()
        .filter(|kind| quality(kind) > 0.0)
        .reduce(|best, kind| if quality(kind) > quality(best) { kind } else { best })
}

fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';');
    let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok());
    (kind, quality.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(accept: &'static str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        preferred(&headers, &[STATUS_JWT, STATUS_CWT])
    }

    #[test]
    fn the_form_of_a_list_is_negotiated() {
        assert_eq!(preferred(&HeaderMap::new(), &[STATUS_JWT, STATUS_CWT]), Some(STATUS_JWT));
        assert_eq!(asked("*/*"), Some(STATUS_JWT));
        assert_eq!(asked("application/statuslist+cwt"), Some(STATUS_CWT));
        assert_eq!(asked("application/statuslist+jwt;q=0.5, application/statuslist+cwt"), Some(STATUS_CWT));
        assert_eq!(asked("application/statuslist+cwt;q=0, */*;q=0.1"), Some(STATUS_JWT));
        assert_eq!(asked("text/html"), None);
    }
}

/// The platform's root certificate (RFC 7468 PEM): the anchor under which issuer, verifier and list keys are known.
/// Compare its fingerprint over another way before you trust it.
#[utoipa::path(
    get,
    path = "/root.pem",
    operation_id = "root_certificate",
    tag = "lists",
    responses((status = 200, description = "The certificate.", body = String, content_type = "application/pem-certificate-chain"))
)]
async fn root_certificate(State(platform): State<Arc<Platform>>) -> Response {
    let encoded = keys::encoding::b64_encode(platform.keys.root().der());
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    // Base64 is ASCII: every line of 64 characters is whole.
    for line in encoded.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    ([(header::CONTENT_TYPE, "application/pem-certificate-chain")], pem).into_response()
}

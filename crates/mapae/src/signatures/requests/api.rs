//! The API of relying parties: ask officials to sign a document, see how it stands, fetch it, take it back.

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use keys::encoding::b64_decode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::SigningError;
use super::asking::{self, Ask, Asker, Whose};
use super::document;
use super::request::{Request, State as Standing, signers};
use crate::operations::problem::{Problem, ProblemBody};
use crate::operations::{Platform, id, limits};
use crate::verification::relying_party::{self, RelyingParty};

/// The routes, described for the OpenAPI document.
pub fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .layer(DefaultBodyLimit::max(limits::SIGNING_BODY.size()))
        .routes(routes!(look, withdraw))
        .routes(routes!(signed))
        .merge(super::csc::routes())
}

/// A signer: an official by their agency and number.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignerBody {
    /// The agency's institution code (행정표준코드).
    #[schema(max_length = 7)]
    inst_code: String,
    /// The number in the agency.
    #[schema(max_length = 32)]
    employee_number: String,
}

/// What is to be signed, by whom, what for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "예시 협약서", "purpose": "예시 협약 체결", "document": "JVBERi0xLjcK…",
    "signers": [{"inst_code": "1741000", "employee_number": "2020-000760"}], "expires_in": 86400, "webhook": true}))]
pub(super) struct Create {
    /// What the document is called; the signers read it. 1 to 120 characters.
    #[schema(max_length = 120)]
    title: String,
    /// What the signature is for; it stands in the signature as its reason. 1 to 160 characters.
    #[schema(max_length = 160)]
    purpose: String,
    /// The PDF, base64; at most 16 MiB before encoding.
    document: String,
    /// Who signs, in this order: each gets the document with the signatures of those before.
    #[schema(min_items = 1, max_items = 16)]
    signers: Vec<SignerBody>,
    /// Seconds until the deadline: 5 minutes to 30 days.
    #[schema(minimum = 300, maximum = 2592000)]
    expires_in: i64,
    /// Bring word of the end to the registered webhook, as a signed event.
    #[serde(default)]
    webhook: bool,
}

/// How a signer stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SignerStanding {
    /// The place in the order, from 1.
    place: i64,
    /// `waiting`, `signed` or `refused`.
    state: String,
    /// When they signed or refused, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    acted_at: Option<i64>,
}

/// How a signing request stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "019ab1c4-1b7e-7000-8000-000000000001", "state": "waiting", "place": 1,
    "document_hash": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "created_at": 1795478400000_i64,
    "expires_at": 1795564800000_i64, "signers": [{"place": 1, "state": "waiting"}]}))]
pub(super) struct RequestStanding {
    /// The request's id.
    id: String,
    /// `waiting`, `assembling` (a signature is being put into the document), `signed` (by all), `refused`, `expired` or
    /// `withdrawn`.
    state: &'static str,
    /// Whose turn it is, from 1.
    place: i64,
    /// SHA-256 of the document as it is now, base64url: of what was sent in until the first signature.
    document_hash: String,
    /// Why it was refused, in the signer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was asked for, milliseconds since 1970.
    created_at: i64,
    /// The deadline, milliseconds since 1970.
    expires_at: i64,
    /// The signers in their order.
    signers: Vec<SignerStanding>,
}

pub(super) async fn caller(platform: &Platform, headers: &HeaderMap) -> Result<RelyingParty, SigningError> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, key) = value.and_then(|value| value.split_once(' ')).ok_or(SigningError::Unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(SigningError::Unauthorized);
    }
    let party = relying_party::by_api_key(&platform.store, key).await?.ok_or(SigningError::Unauthorized)?;
    match party.standing {
        relying_party::Standing::Expired => Err(SigningError::PartyExpired),
        _ => Ok(party),
    }
}

/// The caller as one who asks.
pub(super) fn asker(party: RelyingParty) -> Asker {
    Asker {
        has_webhook: party.webhook_url.is_some(),
        whose: Whose::Party(party.id),
        name: party.name_ko,
        name_en: party.name_en,
    }
}

/// The caller's own request.
pub(super) async fn own(
    platform: &Platform,
    headers: &HeaderMap,
    id: &str,
) -> Result<(String, Request), SigningError> {
    let party = caller(platform, headers).await?;
    let found = if id::is_id(id) { Request::find(platform, id).await? } else { None };
    let own = found.filter(|request| request.relying_party.as_deref() == Some(&party.id));
    Ok((party.id, own.ok_or(SigningError::Unknown)?))
}

async fn standing(platform: &Platform, request: Request) -> Result<RequestStanding, SigningError> {
    let all = signers(platform, &request.id).await?;
    Ok(RequestStanding {
        state: request.state.as_str(),
        place: request.place,
        document_hash: request.document_hash,
        reason: request.refusal,
        created_at: request.created_at,
        expires_at: request.ends_at,
        signers: all
            .into_iter()
            .map(|one| SignerStanding { place: one.place, state: one.state, acted_at: one.acted_at })
            .collect(),
        id: request.id,
    })
}

const NO_STORE: [(http::HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// Ask officials to sign a PDF.
///
/// Each signer's phone shows the document, recomputes what it signs, and signs by a key made for this one signature after
/// the PIN. Poll the request, or be told by your webhook.
#[utoipa::path(post, path = "/api/v1/signatures", operation_id = "signing_create", tag = "signatures", request_body = Create,
    params(("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses(
        (status = CREATED, body = RequestStanding),
        (status = BAD_REQUEST, body = ProblemBody, content_type = "application/problem+json", description = "`signing_text`, `signing_deadline`, `signing_signers`, `signing_webhook`"),
        (status = UNAUTHORIZED, body = ProblemBody, content_type = "application/problem+json", description = "`signing_unauthorized`"),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json", description = "`signing_party_expired`"),
        (status = PAYLOAD_TOO_LARGE, body = ProblemBody, content_type = "application/problem+json", description = "`signing_size`"),
        (status = UNPROCESSABLE_ENTITY, body = ProblemBody, content_type = "application/problem+json", description = "`document_pdf`, `signing_signer`"),
        (status = TOO_MANY_REQUESTS, body = ProblemBody, content_type = "application/problem+json", description = "`signing_full`")))]
async fn create(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(create): Json<Create>,
) -> Result<Response, Problem> {
    let party = caller(&platform, &headers).await?;
    let ask = Ask {
        title: create.title,
        purpose: create.purpose,
        pdf: b64_decode(&create.document).map_err(|_| SigningError::Size)?,
        signers: create.signers.into_iter().map(|one| (one.inst_code, one.employee_number)).collect(),
        expires_in: create.expires_in,
        webhook: create.webhook,
    };
    let request = asking::ask(&platform, asker(party), ask).await?;
    let standing = standing(&platform, request).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(standing)).into_response())
}

/// How a request stands.
#[utoipa::path(get, path = "/api/v1/signatures/{id}", operation_id = "signing_look", tag = "signatures",
    params(("id" = String, Path, description = "The request's id", max_length = 36),
        ("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses(
        (status = OK, body = RequestStanding),
        (status = UNAUTHORIZED, body = ProblemBody, content_type = "application/problem+json", description = "`signing_unauthorized`"),
        (status = NOT_FOUND, body = ProblemBody, content_type = "application/problem+json", description = "`signing_unknown`")))]
async fn look(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (_, request) = own(&platform, &headers, &id).await?;
    Ok((NO_STORE, Json(standing(&platform, request).await?)).into_response())
}

/// Take a request back, or forget one that ended with its document.
///
/// A signature that was given stands in the document first: `signing_over` until then.
#[utoipa::path(delete, path = "/api/v1/signatures/{id}", operation_id = "signing_withdraw", tag = "signatures",
    params(("id" = String, Path, description = "The request's id", max_length = 36),
        ("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses(
        (status = NO_CONTENT),
        (status = UNAUTHORIZED, body = ProblemBody, content_type = "application/problem+json", description = "`signing_unauthorized`"),
        (status = NOT_FOUND, body = ProblemBody, content_type = "application/problem+json", description = "`signing_unknown`"),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json", description = "`signing_over`")))]
async fn withdraw(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let (party, request) = own(&platform, &headers, &id).await?;
    asking::withdraw(&platform, &request, Whose::Party(party)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The document with everybody's signature: PAdES B-LT, kept for 30 days.
///
/// It begins with the very bytes that were sent in.
#[utoipa::path(get, path = "/api/v1/signatures/{id}/document", operation_id = "signing_document", tag = "signatures",
    params(("id" = String, Path, description = "The request's id", max_length = 36),
        ("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses(
        (status = OK, description = "The PDF", body = Vec<u8>, content_type = "application/pdf"),
        (status = UNAUTHORIZED, body = ProblemBody, content_type = "application/problem+json", description = "`signing_unauthorized`"),
        (status = NOT_FOUND, body = ProblemBody, content_type = "application/problem+json", description = "`signing_unknown`"),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json", description = "`signing_not_signed`")))]
async fn signed(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (_, request) = own(&platform, &headers, &id).await?;
    if request.state != Standing::Signed {
        return Err(SigningError::NotSigned.into());
    }
    let pdf = document::read(&platform, &request.id, request.revision, &request.document_hash).await?;
    Ok(([(CONTENT_TYPE, "application/pdf"), (CACHE_CONTROL, "no-store")], pdf).into_response())
}

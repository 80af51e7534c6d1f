//! The same requests in the words of the Cloud Signature Consortium's API, version 2: `credentials/list`,
//! `credentials/info`, `signatures/signDoc` in asynchronous mode, `signatures/signPolling`.
//!
//! A credential is an official who holds a badge, named `inst_code/employee_number`; its key is made on the phone for each
//! signature, so it has no certificate before. `signHash` is not there: the phone signs nothing that it was not shown.
//! Shaped on the API, without a claim of conformance.

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use keys::encoding::{b64_decode, b64_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wallet::account::messages::MAX_SIGNED_AT_ONCE;

use super::SigningError;
use super::api::{asker, caller, own};
use super::asking::{self, Ask};
use super::document;
use super::request::State as Standing;
use crate::lifecycle::{Badge, BadgeState};
use crate::operations::{Language, Platform, Problem, limits};
use crate::personnel;

/// ecdsa-with-SHA256 (RFC 5758 §3.2).
const ALGORITHM: &str = "1.2.840.10045.4.3.2";

/// The routes, described for the OpenAPI document.
pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(sign_document))
        .layer(DefaultBodyLimit::max(limits::SIGNING_BODY.size()))
        .routes(routes!(info))
        .routes(routes!(list))
        .routes(routes!(credential))
        .routes(routes!(poll))
}

/// An error as the API has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CscError)]
pub(super) struct ErrorBody {
    /// `invalid_request`, `invalid_token`, `access_denied` or `server_error`.
    error: &'static str,
    /// What happened and what to do next; it begins with the stable code.
    error_description: String,
}

/// A refusal in the API's form.
struct Refused(SigningError);

impl<E: Into<SigningError>> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem::from(self.0);
        let (status, error) = match problem.status() {
            StatusCode::UNAUTHORIZED => (StatusCode::UNAUTHORIZED, "invalid_token"),
            StatusCode::FORBIDDEN => (StatusCode::BAD_REQUEST, "access_denied"),
            other if other.is_server_error() => (other, "server_error"),
            StatusCode::PAYLOAD_TOO_LARGE => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
            StatusCode::TOO_MANY_REQUESTS => (StatusCode::TOO_MANY_REQUESTS, "invalid_request"),
            _ => (StatusCode::BAD_REQUEST, "invalid_request"),
        };
        let error_description = format!("{}: {}", problem.code(), problem.detail(Language::En));
        (status, [(CACHE_CONTROL, "no-store")], Json(ErrorBody { error, error_description })).into_response()
    }
}

/// A body in JSON; one that is none is refused in the API's form.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Response> {
        let read = Json::<T>::from_request(request, state).await;
        read.map(|Json(body)| Body(body)).map_err(|refused| {
            let status = match refused.status() {
                StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::BAD_REQUEST,
            };
            let told = ErrorBody { error: "invalid_request", error_description: refused.body_text() };
            (status, [(CACHE_CONTROL, "no-store")], Json(told)).into_response()
        })
    }
}

type Answered<T> = Result<Json<T>, Refused>;

/// What is asked of the service itself.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct InfoBody {
    /// Language of the answer; there is one.
    #[schema(max_length = 16)]
    lang: Option<String>,
}

/// What the service is and can.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CscInfo)]
pub(super) struct Info {
    /// Version of the specification whose names are used.
    specs: &'static str,
    name: &'static str,
    logo: String,
    region: &'static str,
    lang: &'static str,
    description: &'static str,
    /// `external`: the API key of the relying party as bearer token.
    #[serde(rename = "authType")]
    auth_type: Vec<&'static str>,
    methods: Vec<&'static str>,
}

/// What the service is and can.
#[utoipa::path(post, path = "/csc/v2/info", operation_id = "csc_info", tag = "signatures", request_body = InfoBody,
    responses((status = OK, body = Info), (status = BAD_REQUEST, body = ErrorBody)))]
async fn info(State(platform): State<Arc<Platform>>, Body(body): Body<InfoBody>) -> Json<Info> {
    // One language is spoken here, whichever was asked for.
    let _ = body.lang;
    Json(Info {
        specs: "2.0.0.2",
        name: "Mapae",
        logo: format!("{}/wallet/icon-192.png", platform.config.public.origin()),
        region: "KR",
        lang: "ko-KR",
        description: "Signatures of officials, each by a key made on the phone for it",
        auth_type: vec!["external"],
        methods: vec!["credentials/list", "credentials/info", "signatures/signDoc", "signatures/signPolling"],
    })
}

/// Whose credentials.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ListBody {
    /// `inst_code/employee_number`.
    #[serde(rename = "userID")]
    #[schema(max_length = 64)]
    user: String,
}

/// The credentials of a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CscCredentials)]
pub(super) struct Listed {
    /// One where the official holds a badge in use, else none.
    #[serde(rename = "credentialIDs")]
    credentials: Vec<String>,
}

/// Institution code and number, if they are those of an official with a badge in use.
async fn holder(platform: &Platform, name: &str) -> Result<Option<(String, String)>, SigningError> {
    let Some((agency, number)) = name.split_once('/') else { return Ok(None) };
    let Some(employee) = personnel::employee_by_number(platform, agency, number).await? else {
        return Ok(None);
    };
    let badge = Badge::live_of_employee(&platform.store, &employee.id).await?;
    let active = badge.is_some_and(|badge| badge.state == BadgeState::Active);
    Ok(active.then(|| (agency.to_owned(), number.to_owned())))
}

/// The credentials of an official: one, or none without a badge in use.
#[utoipa::path(post, path = "/csc/v2/credentials/list", operation_id = "csc_credentials_list", tag = "signatures", request_body = ListBody,
    params(("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses((status = OK, body = Listed), (status = UNAUTHORIZED, body = ErrorBody), (status = BAD_REQUEST, body = ErrorBody)))]
async fn list(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Body(body): Body<ListBody>,
) -> Answered<Listed> {
    caller(&platform, &headers).await?;
    let found = holder(&platform, &body.user).await?;
    Ok(Json(Listed { credentials: found.map(|_| body.user).into_iter().collect() }))
}

/// Which credential.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CredentialBody {
    /// As listed.
    #[serde(rename = "credentialID")]
    #[schema(max_length = 64)]
    credential: String,
}

/// How a credential signs.
#[utoipa::path(post, path = "/csc/v2/credentials/info", operation_id = "csc_credentials_info", tag = "signatures", request_body = CredentialBody,
    params(("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses((status = OK, body = Object), (status = UNAUTHORIZED, body = ErrorBody), (status = BAD_REQUEST, body = ErrorBody)))]
async fn credential(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Body(body): Body<CredentialBody>,
) -> Answered<serde_json::Value> {
    caller(&platform, &headers).await?;
    holder(&platform, &body.credential).await?.ok_or(SigningError::Signer(1))?;
    Ok(Json(json!({
        "description": "A key made on the phone for each signature, certified for ten minutes",
        "key": { "status": "enabled", "algo": [ALGORITHM], "len": 256, "curve": "1.2.840.10045.3.1.7" },
        "auth": { "mode": "explicit" },
        "SCAL": "2",
        "multisign": MAX_SIGNED_AT_ONCE,
        "lang": "ko-KR",
    })))
}

/// A document to be signed.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct DocumentBody {
    /// The PDF, base64.
    document: String,
    /// `P`: PAdES.
    #[schema(max_length = 1)]
    signature_format: String,
    /// `AdES-B-LT`, or nothing.
    #[serde(default)]
    #[schema(max_length = 16)]
    conformance_level: Option<String>,
    /// What the document is called: the signer reads it.
    #[schema(max_length = 120)]
    label: String,
    /// What the signature is for; it stands in the signature.
    #[schema(max_length = 160)]
    purpose: String,
}

/// What is to be signed by whom.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"credentialID": "1741000/2020-000760", "operationMode": "A", "validity_period": 3600000,
    "documents": [{"document": "JVBERi0xLjcK…", "signature_format": "P", "conformance_level": "AdES-B-LT",
        "label": "예시 협약서", "purpose": "예시 협약 체결"}]}))]
pub(super) struct SignBody {
    /// As listed.
    #[serde(rename = "credentialID")]
    #[schema(max_length = 64)]
    credential: String,
    /// One document.
    #[schema(min_items = 1, max_items = 1)]
    documents: Vec<DocumentBody>,
    /// `A`: the answer comes by `signatures/signPolling`.
    #[serde(rename = "operationMode")]
    #[schema(max_length = 1)]
    operation_mode: String,
    /// Milliseconds until the deadline: 5 minutes to 30 days; a day where nothing is said.
    #[serde(default)]
    #[schema(minimum = 300000, maximum = 2592000000_i64)]
    validity_period: Option<i64>,
}

/// The signature is asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CscAsked)]
pub(super) struct Asked {
    /// For `signatures/signPolling`: the signing request's id.
    #[serde(rename = "responseID")]
    response: String,
}

/// Ask an official to sign a PDF; the answer is polled for.
#[utoipa::path(post, path = "/csc/v2/signatures/signDoc", operation_id = "csc_sign_doc", tag = "signatures", request_body = SignBody,
    params(("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses((status = OK, body = Asked), (status = UNAUTHORIZED, body = ErrorBody), (status = BAD_REQUEST, body = ErrorBody),
        (status = PAYLOAD_TOO_LARGE, body = ErrorBody), (status = TOO_MANY_REQUESTS, body = ErrorBody)))]
async fn sign_document(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Body(body): Body<SignBody>,
) -> Answered<Asked> {
    let party = caller(&platform, &headers).await?;
    let SignBody { credential, documents, operation_mode, validity_period } = body;
    if operation_mode != "A" {
        return Err(SigningError::Malformed("operationMode").into());
    }
    let mut documents = documents.into_iter();
    let (Some(document), None) = (documents.next(), documents.next()) else {
        return Err(SigningError::Malformed("documents").into());
    };
    let level = document.conformance_level.as_deref().unwrap_or("AdES-B-LT");
    if document.signature_format != "P" || level != "AdES-B-LT" {
        return Err(SigningError::Malformed("signature_format").into());
    }
    let signer = holder(&platform, &credential).await?.ok_or(SigningError::Signer(1))?;
    let ask = Ask {
        title: document.label,
        purpose: document.purpose,
        pdf: b64_decode(&document.document).map_err(|_| SigningError::Size)?,
        signers: vec![signer],
        expires_in: validity_period.unwrap_or(86_400_000).div_euclid(1_000),
        webhook: false,
    };
    let request = asking::ask(&platform, asker(party), ask).await?;
    Ok(Json(Asked { response: request.id }))
}

/// Which signature.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct PollBody {
    /// From `signatures/signDoc`.
    #[serde(rename = "responseID")]
    #[schema(max_length = 36)]
    response: String,
}

/// The signed document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CscSigned)]
pub(super) struct Signed {
    /// The PDF with its signature, base64.
    #[serde(rename = "DocumentWithSignature")]
    documents: Vec<String>,
}

/// Fetch the signed document: 202 while it waits.
#[utoipa::path(post, path = "/csc/v2/signatures/signPolling", operation_id = "csc_sign_polling", tag = "signatures", request_body = PollBody,
    params(("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses((status = OK, body = Signed), (status = ACCEPTED, body = Asked), (status = UNAUTHORIZED, body = ErrorBody), (status = BAD_REQUEST, body = ErrorBody)))]
async fn poll(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Body(body): Body<PollBody>,
) -> Result<Response, Refused> {
    let (_, request) = own(&platform, &headers, &body.response).await?;
    match request.state {
        Standing::Waiting | Standing::Assembling => {
            Ok((StatusCode::ACCEPTED, Json(Asked { response: request.id })).into_response())
        }
        Standing::Signed => {
            let pdf =
                document::read(&platform, &request.id, request.revision, &request.document_hash).await?;
            let signed = Signed { documents: vec![b64_encode(&pdf)] };
            Ok(([(CACHE_CONTROL, "no-store")], Json(signed)).into_response())
        }
        Standing::Refused | Standing::Expired | Standing::Withdrawn => Err(SigningError::Over.into()),
    }
}

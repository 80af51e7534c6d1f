//! The same for programs, under `/api/v1`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State as Shared};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::decide::{self, Decision};
use super::held::Held;
use super::request::{self, Request, RequestState};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::staff::{Actor, Applicant};

pub(super) fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(my_requests, make_request))
        .routes(routes!(offer))
        .routes(routes!(withdraw))
}

pub(super) fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(waiting)).routes(routes!(decision)).routes(routes!(revocation))
}

/// A request for a credential beside the badge.
#[derive(Serialize, ToSchema)]
struct CredentialRequestBody {
    id: String,
    employee_id: String,
    agency_code: String,
    /// Id of the type's file.
    credential_type: String,
    state: RequestState,
    /// Why it was rejected or revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// State of the credential received on it, while one is live: `active` or `suspended`.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
    created_at: i64,
    changed_at: i64,
}

async fn told(platform: &Platform, request: Request) -> Result<CredentialRequestBody, Problem> {
    let held = Held::live_of_request(&platform.store, &request.id).await?;
    Ok(CredentialRequestBody {
        held: held.map(|held| held.state.as_str().to_owned()),
        id: request.id,
        employee_id: request.employee_id,
        agency_code: request.agency_code,
        credential_type: request.credential_type,
        state: request.state,
        reason: request.reason,
        created_at: request.created_at,
        changed_at: request.changed_at,
    })
}

/// Requests.
#[derive(Serialize, ToSchema)]
struct CredentialRequestList {
    requests: Vec<CredentialRequestBody>,
}

fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    body.map(|Json(value)| value).map_err(|rejection| Problem::of_status(rejection.status()))
}

/// My requests, newest first.
#[utoipa::path(get, path = "/api/v1/portal/credential-requests", tag = "credentials", security(("session" = [])),
    responses((status = 200, body = CredentialRequestList)))]
async fn my_requests(
    who: Applicant,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<CredentialRequestList>, Problem> {
    let mut requests = Vec::new();
    for request in Request::of_employee(&platform, &who.employee_id).await? {
        requests.push(told(&platform, request).await?);
    }
    Ok(Json(CredentialRequestList { requests }))
}

/// What is asked for.
#[derive(Deserialize, ToSchema)]
struct AskBody {
    /// Id of the type's file.
    #[schema(max_length = 40)]
    credential_type: String,
    /// What the type's file leaves to the applicant, by name of the claim.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// Ask for a credential beside the badge.
#[utoipa::path(post, path = "/api/v1/portal/credential-requests", tag = "credentials", security(("session" = [])),
    request_body = AskBody, responses((status = 201, body = CredentialRequestBody)))]
async fn make_request(
    who: Applicant,
    Shared(platform): Shared<Arc<Platform>>,
    asked: Result<Json<AskBody>, JsonRejection>,
) -> Result<(StatusCode, Json<CredentialRequestBody>), Problem> {
    let asked = body(asked)?;
    let made = request::ask(&platform, &who.employee_id, &asked.credential_type, &asked.values).await?;
    Ok((StatusCode::CREATED, Json(told(&platform, made).await?)))
}

/// An offer of an approved credential (OpenID4VCI 1.0 §4).
#[derive(Serialize, ToSchema)]
struct CredentialOfferBody {
    /// `openid-credential-offer://?credential_offer_uri=…`, to be shown as a QR code.
    link: String,
    /// Where the wallet fetches the offer.
    credential_offer_uri: String,
    /// What the wallet asks the holder for.
    tx_code: String,
    /// When the offer ends, epoch milliseconds.
    ends_at: i64,
}

/// Offer an approved credential to my wallet; an offer before it ends.
#[utoipa::path(post, path = "/api/v1/portal/credential-requests/{id}/offer", tag = "credentials", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 201, body = CredentialOfferBody)))]
async fn offer(
    who: Applicant,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<(StatusCode, Json<CredentialOfferBody>), Problem> {
    let (offer, tx_code) = request::offer(&platform, &who.employee_id, &id).await?;
    let body = CredentialOfferBody {
        link: offer.link,
        credential_offer_uri: offer.uri,
        tx_code,
        ends_at: offer.expires_at,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Take a request back, or give a received credential back.
#[utoipa::path(post, path = "/api/v1/portal/credential-requests/{id}/withdrawal", tag = "credentials", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 204)))]
async fn withdraw(
    who: Applicant,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<StatusCode, Problem> {
    request::withdraw(&platform, &who.employee_id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Requests that wait for the HR desk, oldest first.
#[utoipa::path(get, path = "/api/v1/console/credential-requests", tag = "credentials", security(("session" = [])),
    responses((status = 200, body = CredentialRequestList)))]
async fn waiting(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<CredentialRequestList>, Problem> {
    decide::on_duty(&who)?;
    let mut requests = Vec::new();
    let agencies = decide::agencies(&platform, &who).await?;
    for request in Request::of_agencies(&platform, &agencies, RequestState::Waiting).await? {
        requests.push(told(&platform, request).await?);
    }
    Ok(Json(CredentialRequestList { requests }))
}

/// What the HR desk decides.
#[derive(Deserialize, ToSchema)]
struct CredentialDecision {
    approve: bool,
    /// What the type's file leaves to the approver, by name of the claim.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// Why it is rejected.
    #[serde(default)]
    #[schema(max_length = 300)]
    reason: String,
}

/// Approve or reject a request.
#[utoipa::path(post, path = "/api/v1/console/credential-requests/{id}/decision", tag = "credentials", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = CredentialDecision, responses((status = 204)))]
async fn decision(
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    decided: Result<Json<CredentialDecision>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    decide::on_duty(&who)?;
    let decided = body(decided)?;
    let decision = match decided.approve {
        true => Decision::Approve(decided.values),
        false => Decision::Reject(decided.reason),
    };
    decide::decide(&platform, &who, &id, decision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why an approval is taken back.
#[derive(Deserialize, ToSchema)]
struct CredentialRevocation {
    #[schema(min_length = 1, max_length = 300)]
    reason: String,
}

/// Take an approval back; the credential ends with all its copies.
#[utoipa::path(post, path = "/api/v1/console/credential-requests/{id}/revocation", tag = "credentials", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = CredentialRevocation, responses((status = 204)))]
async fn revocation(
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    revoked: Result<Json<CredentialRevocation>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    decide::on_duty(&who)?;
    decide::revoke(&platform, &who, &id, &body(revoked)?.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

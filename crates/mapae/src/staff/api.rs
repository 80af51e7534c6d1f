//! Signing in for programs: a bearer token of the same sessions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::duty::Duty;
use super::extract::{Actor, Applicant, Source};
use super::password::Attempt;
use super::second_factor;
use super::session::{self, Door, SignInError};
use crate::operations::Platform;
use crate::operations::problem::Problem;

pub(super) fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(portal_sign_in, portal_sign_out)).routes(routes!(portal_me))
}

pub(super) fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(console_sign_in, console_sign_out)).routes(routes!(console_me))
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => Self::new(StatusCode::UNAUTHORIZED, "sign_in_refused"),
            SignInError::Throttled { retry_after_ms } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "sign_in_throttled")
                    .with("retry_after_ms", retry_after_ms)
                    .with("minutes", retry_after_ms / 60_000 + 1)
            }
            SignInError::CodeNeeded { .. } => Self::new(StatusCode::UNAUTHORIZED, "sign_in_code_needed"),
            SignInError::SetUpNeeded { .. } => Self::new(StatusCode::FORBIDDEN, "sign_in_set_up_needed"),
            SignInError::CodeRefused => Self::new(StatusCode::UNAUTHORIZED, "sign_in_code_refused"),
            SignInError::TicketRefused => Self::new(StatusCode::UNAUTHORIZED, "sign_in_ticket_refused"),
            SignInError::Sealing => Self::internal("a token of a sign-in can't be sealed or opened"),
            SignInError::Hashing(error) => Self::internal(error),
            SignInError::Store(error) => error.into(),
        }
    }
}

/// Id and password.
#[derive(Deserialize, ToSchema)]
pub(super) struct SignInRequest {
    #[schema(min_length = 1, max_length = 64, example = "kim.yesi")]
    login: String,
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    password: Attempt,
    /// The one-time code, of whoever has set codes up.
    #[serde(default)]
    #[schema(max_length = 16, example = "123456")]
    code: Option<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionBody {
    /// Send it as `Authorization: Bearer`.
    token: String,
    /// When it ends at the latest, epoch milliseconds.
    ends_at: i64,
}

/// A duty and the agency it reaches from.
#[derive(Serialize, ToSchema)]
pub(super) struct DutyBody {
    duty: Duty,
    agency_code: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    employee_id: String,
    name: String,
    unit: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    duties: Vec<DutyBody>,
}

/// A JSON body that could not be read, as a problem.
pub(crate) fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    body.map(|Json(value)| value).map_err(|rejection| Problem::of_status(rejection.status()))
}

async fn sign_in(
    platform: &Platform,
    door: Door,
    source: Source,
    request: Result<Json<SignInRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<SessionBody>), Problem> {
    let request = body(request)?;
    let signed_in = session::sign_in(platform, door, &request.login, request.password, source.0, None).await;
    let signed_in = match (signed_in, &request.code) {
        (Err(SignInError::CodeNeeded { ticket }), Some(code)) => {
            second_factor::finish(platform, door, &ticket, code, source.0, None).await?
        }
        (signed_in, _) => signed_in?,
    };
    let body = SessionBody { token: signed_in.token.to_string(), ends_at: signed_in.ends_at };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Sign in to the portal.
#[utoipa::path(post, path = "/api/v1/portal/session", tag = "staff", request_body = SignInRequest,
    responses((status = 201, body = SessionBody)))]
async fn portal_sign_in(
    source: Source,
    State(platform): State<Arc<Platform>>,
    request: Result<Json<SignInRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<SessionBody>), Problem> {
    sign_in(&platform, Door::Portal, source, request).await
}

/// Sign out of the portal.
#[utoipa::path(delete, path = "/api/v1/portal/session", tag = "staff", security(("session" = [])),
    responses((status = 204)))]
async fn portal_sign_out(
    who: Applicant,
    State(platform): State<Arc<Platform>>,
) -> Result<StatusCode, Problem> {
    who.session.end(&platform).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is signed in at the portal.
#[utoipa::path(get, path = "/api/v1/portal/me", tag = "staff", security(("session" = [])),
    responses((status = 200, body = Me)))]
async fn portal_me(who: Applicant) -> Json<Me> {
    Json(Me { employee_id: who.employee_id, name: who.name.ko, unit: who.unit.ko, duties: Vec::new() })
}

/// Sign in to the console.
#[utoipa::path(post, path = "/api/v1/console/session", tag = "staff", request_body = SignInRequest,
    responses((status = 201, body = SessionBody)))]
async fn console_sign_in(
    source: Source,
    State(platform): State<Arc<Platform>>,
    request: Result<Json<SignInRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<SessionBody>), Problem> {
    sign_in(&platform, Door::Console, source, request).await
}

/// Sign out of the console.
#[utoipa::path(delete, path = "/api/v1/console/session", tag = "staff", security(("session" = [])),
    responses((status = 204)))]
async fn console_sign_out(who: Actor, State(platform): State<Arc<Platform>>) -> Result<StatusCode, Problem> {
    who.session.end(&platform).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is signed in at the console, and with which duties.
#[utoipa::path(get, path = "/api/v1/console/me", tag = "staff", security(("session" = [])),
    responses((status = 200, body = Me)))]
async fn console_me(who: Actor) -> Json<Me> {
    let duties = who
        .duties
        .into_iter()
        .map(|held| DutyBody { duty: held.duty, agency_code: held.agency_code })
        .collect();
    Json(Me { employee_id: who.employee_id, name: who.name.ko, unit: who.unit.ko, duties })
}

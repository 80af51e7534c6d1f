//! Duties for programs: the same reading, asking and confirming as at the console's page.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::body;
use super::duties;
use super::duty::Duty;
use super::extract::Actor;
use super::granting::{self, Act, Asking};
use crate::operations::Platform;
use crate::operations::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(held)).routes(routes!(waiting, ask)).routes(routes!(decide))
}

/// Where a page begins.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DutyQuery {
    /// `next` of the page before.
    #[param(max_length = 36)]
    #[serde(default)]
    after: String,
}

/// A duty somebody holds.
#[derive(Serialize, ToSchema)]
struct HeldDuty {
    employee_id: String,
    duty: Duty,
    /// The agency it reaches from.
    agency_code: String,
    /// Epoch milliseconds.
    since: i64,
}

/// A page of duties.
#[derive(Serialize, ToSchema)]
struct HeldDuties {
    duties: Vec<HeldDuty>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Who holds which duty in the agencies in reach.
#[utoipa::path(get, path = "/api/v1/console/duties", tag = "staff", security(("session" = [])), params(DutyQuery),
    responses((status = 200, body = HeldDuties)))]
async fn held(
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(query): Query<DutyQuery>,
) -> Result<Json<HeldDuties>, Problem> {
    let (agencies, duty) = duties::reach(&platform, &who).await?;
    let (held, next) = granting::holders(&platform, &agencies, &query.after).await?;
    duties::note_look(&platform, &who.employee_id, duty, held.len()).await?;
    let duties = held.into_iter().map(|held| HeldDuty {
        employee_id: held.person.id,
        duty: held.duty,
        agency_code: held.agency_code,
        since: held.since,
    });
    Ok(Json(HeldDuties { duties: duties.collect(), next }))
}

/// A request that waits for a second person.
#[derive(Serialize, ToSchema)]
struct WaitingDuty {
    id: String,
    act: Act,
    employee_id: String,
    duty: Duty,
    agency_code: String,
    reason: String,
    /// Employee id of who asked.
    asked_by: String,
    /// Epoch milliseconds.
    asked_at: i64,
    /// Until when another person has to confirm.
    ends_at: i64,
}

/// The requests that wait in the agencies in reach, oldest first.
#[utoipa::path(get, path = "/api/v1/console/duty-requests", tag = "staff", security(("session" = [])),
    responses((status = 200, body = Vec<WaitingDuty>)))]
async fn waiting(
    who: Actor,
    State(platform): State<Arc<Platform>>,
) -> Result<Json<Vec<WaitingDuty>>, Problem> {
    let (agencies, duty) = duties::reach(&platform, &who).await?;
    let waiting = granting::waiting(&platform, &agencies).await?;
    duties::note_look(&platform, &who.employee_id, duty, waiting.len()).await?;
    let body = waiting.into_iter().map(|one| WaitingDuty {
        id: one.id,
        act: one.act,
        employee_id: one.person.id,
        duty: one.duty,
        agency_code: one.agency_code,
        reason: one.reason,
        asked_by: one.asked_by,
        asked_at: one.asked_at,
        ends_at: one.ends_at,
    });
    Ok(Json(body.collect()))
}

/// What is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DutyRequest {
    act: Act,
    #[schema(max_length = 36)]
    employee_id: String,
    duty: Duty,
    /// The agency the duty reaches from.
    #[schema(min_length = 7, max_length = 7)]
    agency_code: String,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// A request that was made.
#[derive(Serialize, ToSchema)]
struct MadeRequest {
    id: String,
}

/// Ask that a duty be given or withdrawn; another HR manager confirms.
#[utoipa::path(post, path = "/api/v1/console/duty-requests", tag = "staff", security(("session" = [])),
    request_body = DutyRequest, responses((status = 201, body = MadeRequest)))]
async fn ask(
    who: Actor,
    State(platform): State<Arc<Platform>>,
    request: Result<Json<DutyRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeRequest>), Problem> {
    let request = body(request)?;
    let asking = Asking {
        act: request.act,
        employee_id: request.employee_id,
        duty: request.duty,
        agency_code: request.agency_code,
        reason: request.reason,
    };
    let id = granting::ask(&platform, &who, asking).await?;
    Ok((StatusCode::CREATED, Json(MadeRequest { id })))
}

/// What a second person says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DutyDecision {
    decision: DutyWord,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DutyWord {
    Confirm,
    Drop,
}

/// Confirm a request, or drop it.
#[utoipa::path(post, path = "/api/v1/console/duty-requests/{id}", tag = "staff", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = DutyDecision, responses((status = 204)))]
async fn decide(
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Path(id): Path<String>,
    decision: Result<Json<DutyDecision>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    match body(decision)?.decision {
        DutyWord::Confirm => granting::confirm(&platform, &who, &id).await?,
        DutyWord::Drop => granting::drop_it(&platform, &who, &id).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

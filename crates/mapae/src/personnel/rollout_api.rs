//! The agencies that issue, and corrections, for programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State as Shared};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::correction::{self, State};
use super::rollout::{self, Stage};
use super::types::{AgencyKind, Named};
use super::{PersonnelError, agencies_under, records};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::staff::{Actor, Duty};

pub(super) fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(issuing))
}

pub(super) fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(corrections)).routes(routes!(answer))
}

/// An agency whose officials can have a badge now.
#[derive(Serialize, ToSchema)]
struct IssuingAgency {
    /// 행정표준코드
    code: String,
    name: Named,
    kind: AgencyKind,
    /// Epoch milliseconds.
    since: i64,
}

/// Which agencies issue, and since when.
#[utoipa::path(get, path = "/api/v1/agencies", tag = "personnel", responses((status = 200, body = Vec<IssuingAgency>)))]
async fn issuing(
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<([(header::HeaderName, HeaderValue); 1], Json<Vec<IssuingAgency>>), Problem> {
    let now = platform.now_ms();
    let agencies = platform.store.read_published(records::agencies).await?;
    let issuing = agencies.into_iter().filter(|agency| Stage::of(agency, now) == Stage::Issuing);
    let body = issuing.filter_map(|agency| {
        let since = rollout::issuing_since(&agency)?;
        Some(IssuingAgency { code: agency.code, name: agency.name, kind: agency.kind, since })
    });
    let seconds = limits::AGENCIES_CACHED.get() / 1_000;
    let kept = HeaderValue::from_str(&format!("public, max-age={seconds}"))
        .unwrap_or(HeaderValue::from_static("no-store"));
    Ok(([(header::CACHE_CONTROL, kept)], Json(body.collect())))
}

/// A request for correction that waits.
#[derive(Serialize, ToSchema)]
struct WaitingCorrection {
    id: String,
    employee_id: String,
    agency_code: String,
    /// What is said to be wrong.
    item: &'static str,
    said: String,
    /// Epoch milliseconds.
    asked_at: i64,
}

/// The requests for correction that wait in the agencies in reach, oldest first.
#[utoipa::path(get, path = "/api/v1/console/corrections", tag = "personnel", security(("session" = [])),
    responses((status = 200, body = Vec<WaitingCorrection>)))]
async fn corrections(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<Vec<WaitingCorrection>>, Problem> {
    let from = who.reaches_from(Duty::HrManager);
    if from.is_empty() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden"));
    }
    let agencies = agencies_under(&platform, from, limits::SEARCH_AGENCIES.size()).await?;
    let waiting = correction::waiting(&platform, &agencies).await?;
    super::correction_pages::note_look(&platform, &who.employee_id, waiting.len())
        .await
        .map_err(PersonnelError::from)?;
    let body = waiting.into_iter().map(|one| WaitingCorrection {
        id: one.id,
        employee_id: one.employee_id,
        agency_code: one.agency_code,
        item: one.field.as_str(),
        said: one.said,
        asked_at: one.asked_at,
    });
    Ok(Json(body.collect()))
}

/// What HR answers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CorrectionAnswer {
    /// Whether the record was corrected.
    corrected: bool,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Answer a request for correction.
#[utoipa::path(post, path = "/api/v1/console/corrections/{id}", tag = "personnel", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = CorrectionAnswer, responses((status = 204)))]
async fn answer(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
    Path(id): Path<String>,
    body: Result<Json<CorrectionAnswer>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
    let state = if body.corrected { State::Corrected } else { State::Refused };
    let reach = who.reaches_from(Duty::HrManager);
    correction::answer(&platform, &who.employee_id, &reach, &id, state, &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

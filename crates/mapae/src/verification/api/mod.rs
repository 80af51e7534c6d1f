//! The verification API of relying parties: ask a wallet, pick up the result once.
//!
//! A request is created without a row: its id is a sealed handle that only the relying party holds. The answer is judged
//! when it comes, and its result lies sealed under a key of that handle until it is picked up or five minutes old.

mod messages;
mod refused;
mod tickets;
mod wallet;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use credential::dcql;
use credential::types::Format;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::messages::{Create, Created, Standing};
use self::refused::ApiRefused;
use self::tickets::{HANDLE, Handle, REQUEST, Request, Wanted, query};
use super::exchange;
use super::relying_party::{self, RelyingParty};
use super::seed::{Seed, open_under};
use crate::operations::problem::{Problem, ProblemBody};
use crate::operations::store::{Store, StoreError, params};
use crate::operations::{Platform, limits};

/// Where a result lies sealed.
const PLACE: &str = "verification_result/sealed";
/// Claims that no relying party is ever shown.
const NEVER: &[&str] = &["link_id"];

/// The routes, described for the OpenAPI document.
pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(pick_up))
        .route("/verification/requests/{ticket}", get(wallet::request_by_get).post(wallet::request_by_post))
        .route("/verification/responses/{ticket}", post(wallet::respond))
}

async fn caller(platform: &Platform, headers: &HeaderMap) -> Result<RelyingParty, ApiRefused> {
    let value =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(ApiRefused::Unauthorized)?;
    let (scheme, key) = value.split_once(' ').ok_or(ApiRefused::Unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiRefused::Unauthorized);
    }
    relying_party::by_api_key(&platform.store, key).await?.ok_or(ApiRefused::Unauthorized)
}

/// Ask a wallet.
///
/// The answer comes to this server; poll the handle for it. The handle is the only key to the result.
#[utoipa::path(post, path = "/api/v1/verifications", tag = "verification", request_body = Create,
    params(("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses(
        (status = CREATED, body = Created),
        (status = BAD_REQUEST, body = ProblemBody, content_type = "application/problem+json", description = "`verification_query`, `verification_redirect`, `verification_too_long`"),
        (status = UNAUTHORIZED, body = ProblemBody, content_type = "application/problem+json", description = "`verification_unauthorized`"),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json", description = "`verification_claim`")))]
async fn create(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(create): Json<Create>,
) -> Result<Response, Problem> {
    let party = caller(&platform, &headers).await?;
    Ok(begin(&platform, &party, create)?)
}

fn begin(platform: &Platform, party: &RelyingParty, create: Create) -> Result<Response, ApiRefused> {
    let wanted = match create.dcql_query {
        Some(_) if !create.claims.is_empty() => {
            return Err(ApiRefused::Query("give either claims or dcql_query".to_owned()));
        }
        Some(query) => Wanted::Dcql(query),
        None => Wanted::Claims(create.claims),
    };
    check(platform, party, &wanted)?;
    if create.redirect_uri.as_deref().is_some_and(|uri| !party.redirects_to(uri)) {
        return Err(ApiRefused::Redirect);
    }
    let now_ms = platform.now_ms();
    let ends_ms = now_ms.saturating_add(limits::VERIFICATION_REQUEST.get());
    let seed = Seed::fresh();
    let handle = Handle {
        seed: seed.clone(),
        party: party.id.clone(),
        response_code: create.redirect_uri.is_some(),
        ends_ms,
    };
    let request = Request { seed, party: party.id.clone(), wanted, redirect_uri: create.redirect_uri };
    let tokens = &platform.tokens;
    // An answer may come in the last moment and then waits its own five minutes.
    let until = ends_ms + limits::VERIFICATION_ANSWER.get() + limits::VERIFICATION_RESULT.get();
    let id = tokens.seal(HANDLE, &handle, until)?;
    let ticket = tokens.seal(REQUEST, &request, ends_ms).map_err(|_| ApiRefused::TooLong)?;
    if ticket.len() > limits::VERIFICATION_TICKET.size() {
        return Err(ApiRefused::TooLong);
    }
    let request_uri = format!("{}/verification/requests/{ticket}", platform.config.public.origin());
    let link = exchange::link(platform, request_uri.clone())?;
    let created = Created { id, link, request_uri, expires_in: limits::VERIFICATION_REQUEST.get() / 1_000 };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(created)).into_response())
}

/// Whether `party` may ask this at all.
fn check(platform: &Platform, party: &RelyingParty, wanted: &Wanted) -> Result<(), ApiRefused> {
    let query = dcql::Query::from_value(&query(platform, wanted)?)
        .map_err(|error| ApiRefused::Query(error.to_string()))?;
    let badge = exchange::badge(platform)?;
    let [credential] = query.credentials.as_slice() else {
        return Err(ApiRefused::Query("one credential can be asked for".to_owned()));
    };
    let format = Format::from_name(&credential.format).filter(|format| badge.is_issued_as(*format));
    let kind = match format {
        Some(Format::SdJwtVc) => Some(badge.vct.as_str()),
        Some(Format::Mdoc) => badge.doctype.as_deref(),
        None => None,
    };
    let (Some(format), Some(kind)) = (format, kind) else {
        return Err(ApiRefused::Query("the badge can be asked for as dc+sd-jwt or mso_mdoc".to_owned()));
    };
    if !credential.meta.allows(&[kind]) || credential.multiple {
        return Err(ApiRefused::Query("the badge can be asked for, once, by its type".to_owned()));
    }
    if !credential.require_cryptographic_holder_binding {
        return Err(ApiRefused::Query("holder binding is always required".to_owned()));
    }
    // Without a list of claims DCQL asks for none that can be withheld (OpenID4VP 1.0 §6.4.1).
    for claim in &credential.claims {
        // What is no claim of the badge is nobody's: it is refused by its own name.
        let known = badge.claim_at(format, &claim.path);
        let unknown = claim.path.to_string();
        let name = known.map_or(unknown.as_str(), credential::types::Claim::name);
        if NEVER.contains(&name) || !party.claims.iter().any(|registered| registered == name) {
            return Err(ApiRefused::Claim(name.to_owned()));
        }
    }
    Ok(())
}

/// The code with which a wallet on the same device returned.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct PickUp {
    /// Needed where the request named a `redirect_uri`: it came back to the browser in the query.
    response_code: Option<String>,
}

/// Pick up the result.
///
/// A result is given once and deleted in the same step.
#[utoipa::path(get, path = "/api/v1/verifications/{id}", tag = "verification",
    params(("id" = String, Path, description = "The handle", max_length = 4096, pattern = "^[A-Za-z0-9_-]+$"), PickUp,
        ("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses(
        (status = OK, body = Standing),
        (status = UNAUTHORIZED, body = ProblemBody, content_type = "application/problem+json", description = "`verification_unauthorized`"),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json", description = "`verification_response_code`"),
        (status = NOT_FOUND, body = ProblemBody, content_type = "application/problem+json", description = "`verification_unknown`"),
        (status = GONE, body = ProblemBody, content_type = "application/problem+json", description = "`verification_gone`: picked up, or nobody answered in time")))]
async fn pick_up(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<PickUp>,
) -> Result<Response, Problem> {
    let party = caller(&platform, &headers).await?;
    let standing = take(&platform, &party, &id, query.response_code).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(standing)).into_response())
}

async fn take(
    platform: &Platform,
    party: &RelyingParty,
    id: &str,
    response_code: Option<String>,
) -> Result<Standing, ApiRefused> {
    let handle: Handle = platform.tokens.open(HANDLE, id, platform.now_ms())?;
    if handle.party != party.id {
        return Err(ApiRefused::Unknown);
    }
    let row_id = handle.seed.id();
    let now_ms = platform.now_ms();
    let row = platform
        .store
        .fetch_optional(
            "SELECT sealed FROM verification_result WHERE id = $1 AND expires_at > $2",
            params![row_id.as_str(), now_ms],
        )
        .await?;
    let Some(row) = row else {
        let answered = platform
            .store
            .fetch_optional(
                "SELECT id FROM once WHERE purpose = $1 AND id = $2",
                params!["verification", row_id.as_str()],
            )
            .await?;
        let over =
            answered.is_some() || now_ms >= handle.ends_ms.saturating_add(limits::VERIFICATION_ANSWER.get());
        return if over { Err(ApiRefused::Gone) } else { Ok(Standing::Pending) };
    };
    if handle.response_code {
        let expected = handle.seed.text("response code");
        let given = response_code.unwrap_or_default();
        if !keys::mac::eq(given.as_bytes(), expected.as_bytes()) {
            return Err(ApiRefused::ResponseCode);
        }
    }
    let deleted = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute("DELETE FROM verification_result WHERE id = $1", params![row_id.as_str()]).await
            })
        })
        .await
        .map_err(|error: StoreError| ApiRefused::Store(error))?;
    if deleted == 0 {
        return Err(ApiRefused::Gone);
    }
    let broken = || ApiRefused::Internal("a verification result does not open");
    let plain =
        open_under(&*handle.seed.derive("result"), PLACE, &row.bytes("sealed")?).map_err(|_| broken())?;
    serde_json::from_slice(&plain).map_err(|_| broken())
}

/// Deletes results that nobody picked up in time; returns how many.
pub(super) async fn sweep(store: &Store, now_ms: i64) -> Result<u64, StoreError> {
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM verification_result WHERE id IN \
                     (SELECT id FROM verification_result WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    params![now_ms, limits::VERIFICATION_SWEEP_ROWS.get()],
                )
                .await
            })
        })
        .await
}

//! The verification API of relying parties: ask a wallet, pick up the result once.
//!
//! A request is created without a row, unless it is too long for a QR: its id is a sealed handle that only the relying party
//! holds. The answer is judged when it comes, and its result lies sealed under a key of that handle until it is picked up,
//! brought to the relying party's webhook, or five minutes old.

mod asked;
mod messages;
mod page;
mod refused;
mod tickets;
mod wallet;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::asked::registered_name;
use self::messages::{Create, Created, Standing};
use self::refused::ApiRefused;
use self::tickets::{Full, HANDLE, Handle, REQUEST, Request, Wanted, badge_query};
use super::relying_party::{self, RelyingParty};
use super::seed::{Seed, open_under};
use super::{exchange, foreign, webhook};
use crate::operations::problem::{Problem, ProblemBody};
use crate::operations::store::{Store, StoreError, params};
use crate::operations::{Platform, limits};

/// Where a result lies sealed.
const PLACE: &str = "verification_result/sealed";

/// Files that pages link to.
pub(super) fn asset_routes() -> OpenApiRouter<Arc<Platform>> {
    page::asset_routes()
}

/// The routes, described for the OpenAPI document.
pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(pick_up))
        .route("/verification/requests/{ticket}", get(wallet::request_by_get).post(wallet::request_by_post))
        .route("/verification/responses/{ticket}", post(wallet::respond))
        .routes(routes!(page::answer))
        .routes(routes!(jwks))
        .merge(page::routes())
}

/// The key that signs webhook events.
#[utoipa::path(get, path = "/verification/jwks", tag = "verification",
    responses((status = OK, description = "A JWK Set (RFC 7517)", body = Object)))]
async fn jwks(State(platform): State<Arc<Platform>>) -> Result<Response, Problem> {
    let keys = webhook::jwks(&platform).ok_or_else(|| Problem::internal("the verifier's key is missing"))?;
    Ok(([(CACHE_CONTROL, "max-age=300")], Json(keys)).into_response())
}

async fn caller(platform: &Platform, headers: &HeaderMap) -> Result<RelyingParty, ApiRefused> {
    let value =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(ApiRefused::Unauthorized)?;
    let (scheme, key) = value.split_once(' ').ok_or(ApiRefused::Unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiRefused::Unauthorized);
    }
    let party = relying_party::by_api_key(&platform.store, key).await?.ok_or(ApiRefused::Unauthorized)?;
    if party.standing == relying_party::Standing::Expired { Err(ApiRefused::Expired) } else { Ok(party) }
}

/// Ask a wallet.
///
/// The answer comes to this server; poll the handle for it, or have it brought to your webhook. The handle is the only key to
/// the result.
#[utoipa::path(post, path = "/api/v1/verifications", tag = "verification", request_body = Create,
    params(("Authorization" = String, Header, description = "`Bearer` and the API key of the relying party", example = "Bearer dGhpcyBpcyBub3QgYSByZWFsIGtleQ")),
    responses(
        (status = CREATED, body = Created),
        (status = BAD_REQUEST, body = ProblemBody, content_type = "application/problem+json", description = "`verification_query`, `verification_redirect`, `verification_origin`, `verification_webhook`, `verification_too_long`"),
        (status = UNAUTHORIZED, body = ProblemBody, content_type = "application/problem+json", description = "`verification_unauthorized`"),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json", description = "`verification_claim`, `verification_party_expired`")))]
async fn create(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(create): Json<Create>,
) -> Result<Response, Problem> {
    let party = caller(&platform, &headers).await?;
    Ok(begin(&platform, &party, create).await?)
}

async fn begin(platform: &Platform, party: &RelyingParty, create: Create) -> Result<Response, ApiRefused> {
    let transaction_data = tickets::transactions(create.transaction_data)?;
    let dcql = match create.dcql_query {
        Some(_) if !create.claims.is_empty() => {
            return Err(ApiRefused::Query("give either claims or dcql_query".to_owned()));
        }
        Some(dcql) => dcql,
        None => badge_query(platform, &create.claims)?,
    };
    let foreign = foreign::of(&platform.store, &party.id).await?;
    asked::check(platform, party, &foreign, &dcql, &transaction_data)?;
    if create.redirect_uri.as_deref().is_some_and(|uri| !party.redirects_to(uri)) {
        return Err(ApiRefused::Redirect);
    }
    if create.origin.as_deref().is_some_and(|origin| !party.has_origin(origin)) {
        return Err(ApiRefused::Origin);
    }
    if create.webhook && (party.webhook_url.is_none() || create.redirect_uri.is_some()) {
        return Err(ApiRefused::Webhook);
    }
    let now_ms = platform.now_ms();
    let ends_ms = now_ms.saturating_add(limits::VERIFICATION_REQUEST.get());
    // An answer may come in the last moment and then waits its own five minutes.
    let answered_ms = ends_ms.saturating_add(limits::VERIFICATION_ANSWER.get());
    let seed = Seed::fresh();
    let response_code = create.redirect_uri.is_some();
    let handle = Handle { seed: seed.clone(), party: party.id.clone(), response_code, ends_ms };
    let until = answered_ms.saturating_add(limits::VERIFICATION_RESULT.get());
    let id = platform.tokens.seal(HANDLE, &handle, until)?;
    let wanted = if dcql == badge_query(platform, &create.claims)? && transaction_data.is_empty() {
        Wanted::Claims(create.claims)
    } else {
        Wanted::Dcql(Box::new(Full { dcql, transaction_data }))
    };
    let mut request = Request {
        seed: seed.clone(),
        party: party.id.clone(),
        wanted,
        redirect_uri: create.redirect_uri,
        webhook: create.webhook,
    };
    let ticket = match sealed(platform, &request, ends_ms) {
        Some(ticket) => ticket,
        None => {
            let Wanted::Dcql(full) = std::mem::replace(&mut request.wanted, Wanted::Kept) else {
                return Err(ApiRefused::TooLong);
            };
            let ticket = sealed(platform, &request, ends_ms).ok_or(ApiRefused::TooLong)?;
            tickets::keep(platform, &seed, &full, answered_ms).await?;
            ticket
        }
    };
    let base = platform.config.public.origin();
    let request_uri = format!("{base}/verification/requests/{ticket}");
    let digital_credentials = match create.origin {
        Some(origin) => Some(page::for_page(platform, request, origin).await?),
        None => None,
    };
    let created = Created {
        id,
        reference: seed.id(),
        link: exchange::link(platform, request_uri.clone())?,
        request_uri,
        page: format!("{base}/verify/{ticket}"),
        digital_credentials,
        expires_in: limits::VERIFICATION_REQUEST.get() / 1_000,
    };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(created)).into_response())
}

/// The ticket of a request, if it is short enough for a link.
fn sealed(platform: &Platform, request: &Request, ends_ms: i64) -> Option<String> {
    let ticket = platform.tokens.seal(REQUEST, request, ends_ms).ok()?;
    (ticket.len() <= limits::VERIFICATION_TICKET.size()).then_some(ticket)
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
                // What was picked up needs not be brought any more.
                webhook::forget(tx, &row_id).await?;
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

/// Deletes results that nobody picked up in time, events that nobody acknowledged, and queries that nobody answered; returns
/// how many results.
pub(super) async fn sweep(store: &Store, now_ms: i64) -> Result<u64, StoreError> {
    let rows = limits::VERIFICATION_SWEEP_ROWS.get();
    store
        .write(move |tx| {
            Box::pin(async move {
                webhook::sweep(tx, now_ms).await?;
                tx.execute(
                    "DELETE FROM verification_request WHERE id IN \
                     (SELECT id FROM verification_request WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    params![now_ms, rows],
                )
                .await?;
                tx.execute(
                    "DELETE FROM verification_result WHERE id IN \
                     (SELECT id FROM verification_result WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    params![now_ms, rows],
                )
                .await
            })
        })
        .await
}

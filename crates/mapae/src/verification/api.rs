//! The verification API of relying parties: ask a wallet, pick up the result once.
//!
//! A request is created without a row: its id is a sealed handle that only the relying party holds. The answer is judged
//! when it comes, and its result lies sealed under a key of that handle until it is picked up or five minutes old.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use credential::dcql;
use credential::verify::{AcceptedTypes, HolderBinding, Policy, StatusRule, StatusVerdict, Unproven};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use openid::vp::{Acknowledgement, FetchMethod};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exchange::{self, Answer, AnswerRefused, Ask, Exchange};
use super::relying_party::{self, RelyingParty};
use super::seed::{Seed, open_under, seal_under};
use crate::operations::problem::{Problem, ProblemBody};
use crate::operations::store::{Store, StoreError, params};
use crate::operations::tokens::TokenError;
use crate::operations::{Platform, limits, once};

const HANDLE: &str = "verification-handle";
const REQUEST: &str = "verification-request";
const EXCHANGE: &str = "verification-exchange";
/// Where a result lies sealed.
const PLACE: &str = "verification_result/sealed";
/// Claims that no relying party is ever shown.
const NEVER: &[&str] = &["link_id"];

/// The routes, described for the OpenAPI document.
pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(pick_up))
        .route("/verification/requests/{ticket}", axum::routing::get(request_by_get).post(request_by_post))
        .route("/verification/responses/{ticket}", axum::routing::post(respond))
}

/// What a relying party wants to know.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"claims": ["name", "inst_code", "department"]}))]
struct Create {
    /// Badge claims to ask for: each must be registered for the relying party.
    #[serde(default)]
    #[schema(max_items = 32)]
    claims: Vec<String>,
    /// Instead of `claims`, a DCQL query (OpenID4VP 1.0 §6) for one badge.
    #[serde(default)]
    dcql_query: Option<Value>,
    /// For a wallet on the same device: where it returns to, with a `response_code` that the result is then kept for.
    /// One of the registered redirect URIs.
    #[serde(default)]
    #[schema(max_length = 512)]
    redirect_uri: Option<String>,
}

/// A request that waits for a wallet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "AQAAAAFf0k…", "link": "openid4vp://?client_id=x509_hash%3A…&request_uri=…",
    "request_uri": "https://mapae.example/verification/requests/AQAAAAE…", "expires_in": 300}))]
struct Created {
    /// Handle for picking up the result. Keep it secret: it opens the result.
    id: String,
    /// For a QR or a button.
    link: String,
    /// The request object's address, for wallets that are started otherwise.
    request_uri: String,
    /// Seconds until the request ends.
    expires_in: i64,
}

/// Where a verification stands.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schema(example = json!({"state": "verified", "claims": {"name": {"ko": "김예시"}, "inst_code": "1741000"},
    "issuer": {"id": "https://mapae.example", "name": "마패", "key": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
    "type": "https://mapae.example/types/badge", "issued_at": 1795392000, "expires_at": 1796601600,
    "verified_at": 1795478400, "freshness": {"status": "valid", "status_age": 12, "trust_age": 40, "holder_age": 1}, "waived": []}))]
enum Standing {
    /// No wallet has answered.
    Pending,
    /// The holder declined.
    Declined,
    /// The badge was shown and everything holds.
    Verified(Box<Outcome>),
}

/// Who, what, when, how fresh.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Outcome {
    /// The claims asked for, as disclosed.
    #[schema(value_type = Object)]
    claims: Value,
    /// Who issued the badge.
    issuer: Issuer,
    /// The credential type (`vct`).
    #[serde(rename = "type")]
    kind: String,
    /// When this copy was issued, in seconds; the start of its week.
    issued_at: Option<i64>,
    /// When this copy ends, in seconds.
    expires_at: Option<i64>,
    /// When it was verified, in seconds.
    verified_at: i64,
    /// How old the facts are that this rests on.
    freshness: Fresh,
    /// Checks that the policy waived: none for badges.
    #[schema(value_type = Vec<String>)]
    waived: Value,
}

/// Who issued a badge.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Issuer {
    /// `iss`.
    id: Option<String>,
    /// Name on the trust list.
    name: String,
    /// Thumbprint of the key (RFC 7638).
    key: String,
}

/// Ages in seconds.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Fresh {
    /// `valid`; anything else would have been refused.
    status: String,
    /// Of the status list.
    status_age: Option<i64>,
    /// Of the trust list.
    trust_age: i64,
    /// Of the holder's signature.
    holder_age: Option<i64>,
}

/// What the relying party keeps.
#[derive(Serialize, Deserialize)]
struct Handle {
    #[serde(rename = "s")]
    seed: Seed,
    #[serde(rename = "p")]
    party: String,
    #[serde(rename = "c")]
    response_code: bool,
    #[serde(rename = "e")]
    ends_ms: i64,
}

/// What the link carries.
#[derive(Clone, Serialize, Deserialize)]
struct Request {
    #[serde(rename = "s")]
    seed: Seed,
    #[serde(rename = "p")]
    party: String,
    #[serde(rename = "q")]
    wanted: Wanted,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<String>,
}

/// A query, as short as it can be said: it has to fit into a QR.
#[derive(Clone, Serialize, Deserialize)]
enum Wanted {
    #[serde(rename = "c")]
    Claims(Vec<String>),
    #[serde(rename = "d")]
    Dcql(Value),
}

/// What `response_uri` carries.
#[derive(Serialize, Deserialize)]
struct Exchanged {
    #[serde(rename = "q")]
    request: Request,
    #[serde(rename = "x")]
    salt: String,
    #[serde(rename = "i")]
    at_s: i64,
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    wallet_nonce: Option<String>,
}

/// Why the API refused.
#[derive(Debug, thiserror::Error)]
enum ApiRefused {
    #[error("the API key is missing or unknown")]
    Unauthorized,
    #[error("the query is not one that can be asked")]
    Query(String),
    #[error("the relying party may not ask for this claim")]
    Claim(String),
    #[error("the redirect URI is not registered")]
    Redirect,
    #[error("the query is too long")]
    TooLong,
    #[error("there is no such verification")]
    Unknown,
    #[error("the verification has expired or was picked up")]
    Gone,
    #[error("the result is kept for the browser that the wallet returned to")]
    ResponseCode,
    #[error("the request was answered before")]
    Answered,
    #[error(transparent)]
    Answer(#[from] AnswerRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Internal(&'static str),
}

impl From<exchange::RequestError> for ApiRefused {
    fn from(_: exchange::RequestError) -> ApiRefused {
        ApiRefused::Internal("a request object can't be made")
    }
}

impl From<TokenError> for ApiRefused {
    fn from(error: TokenError) -> ApiRefused {
        match error {
            TokenError::Expired => ApiRefused::Gone,
            TokenError::Invalid => ApiRefused::Unknown,
        }
    }
}

impl From<ApiRefused> for Problem {
    fn from(refused: ApiRefused) -> Problem {
        match refused {
            ApiRefused::Unauthorized => Problem::new(StatusCode::UNAUTHORIZED, "verification_unauthorized"),
            ApiRefused::Query(reason) => {
                Problem::new(StatusCode::BAD_REQUEST, "verification_query").with("reason", reason)
            }
            ApiRefused::Claim(claim) => {
                Problem::new(StatusCode::FORBIDDEN, "verification_claim").with("claim", claim)
            }
            ApiRefused::Redirect => Problem::new(StatusCode::BAD_REQUEST, "verification_redirect"),
            ApiRefused::TooLong => Problem::new(StatusCode::BAD_REQUEST, "verification_too_long"),
            ApiRefused::Unknown => Problem::new(StatusCode::NOT_FOUND, "verification_unknown"),
            ApiRefused::Gone => Problem::new(StatusCode::GONE, "verification_gone"),
            ApiRefused::ResponseCode => Problem::new(StatusCode::FORBIDDEN, "verification_response_code"),
            ApiRefused::Answered => Problem::new(StatusCode::CONFLICT, "verification_answered"),
            ApiRefused::Answer(refused) => refused.into(),
            ApiRefused::Store(error) => error.into(),
            ApiRefused::Internal(cause) => Problem::internal(cause),
        }
    }
}

impl From<AnswerRefused> for Problem {
    fn from(refused: AnswerRefused) -> Problem {
        let reason = match &refused {
            AnswerRefused::Protocol(error) => error.error.as_str(),
            AnswerRefused::Plain => "response_not_encrypted",
            AnswerRefused::Presentation(refusal) => refusal.code(),
            AnswerRefused::Query(_) => "query_not_answered",
            AnswerRefused::Request(_) => return Problem::internal(refused),
            AnswerRefused::Trust(_) => return Problem::internal(refused),
            AnswerRefused::Store(_) => {
                let AnswerRefused::Store(error) = refused else { return Problem::internal("store") };
                return error.into();
            }
        };
        Problem::new(StatusCode::BAD_REQUEST, "presentation_refused").with("reason", reason)
    }
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
    let vct = exchange::badge(platform)?.vct.as_str();
    let [credential] = query.credentials.as_slice() else {
        return Err(ApiRefused::Query("one credential can be asked for".to_owned()));
    };
    if credential.format != "dc+sd-jwt" || !credential.meta.allows(&[vct]) || credential.multiple {
        return Err(ApiRefused::Query("the badge can be asked for, once, as dc+sd-jwt".to_owned()));
    }
    if !credential.require_cryptographic_holder_binding {
        return Err(ApiRefused::Query("holder binding is always required".to_owned()));
    }
    // Without a list of claims DCQL asks for none that can be withheld (OpenID4VP 1.0 §6.4.1).
    for claim in &credential.claims {
        let name = claim.path.top().unwrap_or_default();
        if NEVER.contains(&name) || !party.claims.iter().any(|registered| registered == name) {
            return Err(ApiRefused::Claim(name.to_owned()));
        }
    }
    Ok(())
}

fn query(platform: &Platform, wanted: &Wanted) -> Result<Value, ApiRefused> {
    Ok(match wanted {
        Wanted::Dcql(query) => query.clone(),
        Wanted::Claims(names) => {
            let mut credential = json!({
                "id": "badge",
                "format": "dc+sd-jwt",
                "meta": { "vct_values": [exchange::badge(platform)?.vct] },
            });
            if let (false, Some(members)) = (names.is_empty(), credential.as_object_mut()) {
                let claims: Vec<Value> = names.iter().map(|name| json!({ "path": [name] })).collect();
                members.insert("claims".to_owned(), claims.into());
            }
            json!({ "credentials": [credential] })
        }
    })
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
    params(("id" = String, Path, description = "The handle", max_length = 4096), PickUp,
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

async fn request_by_get(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    Ok(request(&platform, &ticket, None)?)
}

async fn request_by_post(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let wallet_nonce = FetchMethod::read_wallet_nonce(&body).map_err(AnswerRefused::from)?;
    Ok(request(&platform, &ticket, wallet_nonce)?)
}

fn request(platform: &Platform, ticket: &str, wallet_nonce: Option<String>) -> Result<Response, ApiRefused> {
    let now_ms = platform.now_ms();
    let request: Request = platform.tokens.open(REQUEST, ticket, now_ms)?;
    let salt = keys::encoding::b64url_encode(&keys::random::bytes::<12>());
    let exchanged = Exchanged { request, salt, at_s: now_ms.div_euclid(1_000), wallet_nonce };
    let until = now_ms.saturating_add(limits::VERIFICATION_ANSWER.get());
    let ticket = platform.tokens.seal(EXCHANGE, &exchanged, until).map_err(|_| ApiRefused::TooLong)?;
    let secret = exchanged.request.seed.exchange(&exchanged.salt);
    let response_uri = response_uri(platform, &ticket);
    let ask = Ask { dcql: query(platform, &exchanged.request.wanted)?, context: None };
    let text = exchange::request_object(platform, &ask, parts(&exchanged, &secret, &response_uri))?;
    let head = [(CONTENT_TYPE, "application/oauth-authz-req+jwt"), (CACHE_CONTROL, "no-store")];
    Ok((head, text).into_response())
}

fn response_uri(platform: &Platform, ticket: &str) -> String {
    format!("{}/verification/responses/{ticket}", platform.config.public.origin())
}

fn parts<'a>(exchanged: &'a Exchanged, secret: &'a Seed, response_uri: &'a str) -> Exchange<'a> {
    Exchange {
        seed: secret,
        response_uri,
        at_s: exchanged.at_s,
        wallet_nonce: exchanged.wallet_nonce.as_deref(),
    }
}

async fn respond(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let acknowledgement = answer(&platform, &ticket, &body).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(acknowledgement)).into_response())
}

/// Judges an answer and keeps its result; refused ones leave the request open, so that the holder can try again.
async fn answer(platform: &Platform, ticket: &str, body: &[u8]) -> Result<Acknowledgement, ApiRefused> {
    let exchanged: Exchanged = platform.tokens.open(EXCHANGE, ticket, platform.now_ms())?;
    let seed = &exchanged.request.seed;
    let secret = seed.exchange(&exchanged.salt);
    let response_uri = response_uri(platform, ticket);
    let ask = Ask { dcql: query(platform, &exchanged.request.wanted)?, context: None };
    let policy = policy(platform)?;
    let judged = exchange::judge(platform, &ask, &policy, parts(&exchanged, &secret, &response_uri), body);
    let standing = match judged.await? {
        Answer::Presented(presented) => {
            Standing::Verified(Box::new(told(platform, &exchanged, presented.verified)?))
        }
        Answer::Declined => Standing::Declined,
    };
    let plain =
        serde_json::to_vec(&standing).map_err(|_| ApiRefused::Internal("a result can't be written"))?;
    let sealed = seal_under(&*seed.derive("result"), PLACE, &plain);
    let (id, party) = (seed.id(), exchanged.request.party.clone());
    let kept = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let forgotten =
                    now_ms + limits::VERIFICATION_REQUEST.get() + 2 * limits::VERIFICATION_ANSWER.get();
                if !once::consume(tx, "verification", &id, forgotten).await? {
                    return Ok(false);
                }
                tx.execute(
                    "INSERT INTO verification_result (id, relying_party, sealed, created_at, expires_at) \
                     VALUES ($1, $2, $3, $4, $5)",
                    params![id, party, sealed, now_ms, now_ms + limits::VERIFICATION_RESULT.get()],
                )
                .await?;
                Ok::<bool, StoreError>(true)
            })
        })
        .await?;
    if !kept {
        return Err(ApiRefused::Answered);
    }
    Ok(match &exchanged.request.redirect_uri {
        Some(address) => Acknowledgement::with_response_code(address, &seed.text("response code")),
        None => Acknowledgement::default(),
    })
}

/// Every check is made; nothing is waived.
fn policy(platform: &Platform) -> Result<Policy, ApiRefused> {
    Ok(Policy {
        types: AcceptedTypes::OneOf(vec![exchange::badge(platform)?.vct.clone()]),
        required: Vec::new(),
        holder_binding: HolderBinding::Required { max_age: limits::VERIFICATION_ANSWER.get() / 1_000 },
        status: StatusRule::Checked {
            max_age: limits::VERIFICATION_STATUS_AGE.get() / 1_000,
            unknown: Unproven::Refuse,
            absent: Unproven::Refuse,
        },
    })
}

/// The result in the API's words, with the claims that were asked for and no other.
fn told(
    platform: &Platform,
    exchanged: &Exchanged,
    verified: credential::verify::Verified,
) -> Result<Outcome, ApiRefused> {
    let broken = |_| ApiRefused::Internal("a result can't be written");
    let asked = dcql::Query::from_value(&query(platform, &exchanged.request.wanted)?).ok();
    let names: Vec<String> = asked
        .iter()
        .flat_map(|query| &query.credentials)
        .flat_map(|credential| &credential.claims)
        .filter_map(|claim| claim.path.top().map(str::to_owned))
        .collect();
    let disclosed = verified.claims.as_object().into_iter().flatten();
    let claims: Map<String, Value> = disclosed
        .filter(|(name, _)| names.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let status_age = match verified.freshness.status {
        StatusVerdict::Valid { age } => Some(age),
        StatusVerdict::Unknown | StatusVerdict::Absent | StatusVerdict::NotChecked => None,
    };
    Ok(Outcome {
        claims: Value::Object(claims),
        issuer: Issuer { id: verified.issuer.iss, name: verified.issuer.name.ko, key: verified.issuer.jkt },
        kind: verified.vct,
        issued_at: verified.issued_at,
        expires_at: verified.expires_at,
        verified_at: platform.now_ms().div_euclid(1_000),
        freshness: Fresh {
            status: if status_age.is_some() { "valid" } else { "not_checked" }.to_owned(),
            status_age,
            trust_age: verified.freshness.trust,
            holder_age: verified.freshness.holder_binding,
        },
        waived: serde_json::to_value(&verified.waived).map_err(broken)?,
    })
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

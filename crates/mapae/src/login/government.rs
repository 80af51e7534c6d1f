//! The government adapter: the addresses, link and questions that relying parties of Korean government systems were built
//! against, answered by the login that everybody else uses. Off unless `login.government` is set.
//!
//! ```text
//! web  ─ /oauth2/authorize ─▶ the login page                  as /oidc/authorize
//! app  ─ /oauth2/authorize?web_login=false ─▶ nonce, link      row login_app
//! app  ─ bmc://verify_vp?… ─▶ the wallet, which asks its holder and answers here
//! app  ─ /mobile/txCheck ─▶ WAITING, COMPLETE, TIMEOUT, ERROR  by the PKCE verifier
//! app  ─ /login ─▶ redirect with a code, once                  by the nonce, after COMPLETE
//! both ─ /oauth2/token, /oauth2/userinfo, /oauth2/connect/logout
//! ```
//!
//! The nonce is seen by whatever app opens the link, so it opens nothing: a code comes only after the app that has the PKCE
//! verifier was told COMPLETE, once, and is worth nothing without that verifier. What the old interface can't do is bind the
//! phone that answers to the app that asked: it serves relying parties of level `low` only (docs/security/cross-device.md).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::CACHE_CONTROL;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use openid::form::Form;
use openid::{Code as Refusal, OAuthError, pkce};
use serde::Serialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;

use super::attempt::{self, Outcome};
use super::page::{self, PageError};
use super::ticket::{Start, Ticket};
use super::token::{MAX_REQUEST, TokenFault};
use super::{authorize, logout, provider, response, token};
use crate::issuance;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::pages::Page;
use crate::staff::Source;
use crate::verification::relying_party::{RelyingParty, StartLevel};

/// Routes of the public listener; where the adapter is off nothing is there.
pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/oauth2/authorize", get(begin))
        .route(
            "/oauth2/token",
            post(async |_: On, state, headers, body| token::token(state, headers, body).await),
        )
        .route("/oauth2/userinfo", get(userinfo).post(userinfo))
        .route(
            "/oauth2/connect/logout",
            get(async |_: On, state, page, query| logout::by_get(state, page, query).await),
        )
        .route("/mobile/txCheck", get(check_by_get).post(check_by_post))
        .route("/login", post(finish))
}

/// That the operator has switched the adapter on; without it there is no such address.
struct On;

impl FromRequestParts<Arc<Platform>> for On {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, platform: &Arc<Platform>) -> Result<On, Problem> {
        if platform.config.login.government { Ok(On) } else { Err(Problem::of_status(StatusCode::NOT_FOUND)) }
    }
}

async fn userinfo(_: On, state: State<Arc<Platform>>, method: Method, headers: HeaderMap) -> Response {
    provider::userinfo(state, method, headers).await
}

/// What an app is told that begins a login.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    /// 64 hexadecimal digits; stands in the link, and is what `/login` asks for.
    nonce: String,
    /// Opens the wallet on this phone.
    deep_link: String,
    /// Seconds until the login is over.
    expires_in: u64,
}

/// What a question at `/mobile/txCheck` is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Waiting,
    Complete,
    Timeout,
    Error,
}

#[derive(Serialize)]
struct Checked {
    status: Status,
    /// Why, where the login was refused: a stable code. The old interface did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

async fn begin(
    _: On,
    State(platform): State<Arc<Platform>>,
    page: Page,
    source: Source,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let text = query.clone().unwrap_or_default();
    let in_app = Form::parse_bounded(text.as_bytes(), MAX_REQUEST)
        .is_ok_and(|form| form.get("web_login").is_some_and(|value| value.eq_ignore_ascii_case("false")));
    if !in_app {
        return authorize::by_get(State(platform), page, source, headers, RawQuery(query)).await;
    }
    match begin_in_app(&platform, source, &headers, text.as_bytes()).await {
        Ok(begun) => ([(CACHE_CONTROL, "no-store")], Json(begun)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn begin_in_app(
    platform: &Platform,
    Source(peer): Source,
    headers: &HeaderMap,
    query: &[u8],
) -> Result<Begun, TokenFault> {
    let (party, start) = authorize::without_page(platform, headers, peer, query).await?;
    if party.level != StartLevel::Low {
        let why =
            "this interface serves relying parties of level low only: nothing binds the phone to the app";
        return Err(OAuthError::new(Refusal::UnauthorizedClient, why).into());
    }
    let now_ms = platform.now_ms();
    let until = now_ms.saturating_add(limits::LOGIN_APP.get());
    let start = Start { in_app: true, ..start };
    let ticket = |what| move |_| TokenFault::Internal(what);
    // The link ends with its time; a login that was approved within it waits for its app.
    let waits = until.saturating_add(limits::LOGIN_GRANT.get());
    let sealed = start.seal(platform, waits).map_err(ticket("a start can't be sealed"))?;
    let drawn = start.tapped().seal(platform, until).map_err(ticket("a link can't be sealed"))?;
    let nonce = keys::encoding::hex_encode(&keys::random::bytes::<32>());
    let link = link(platform, &party, &nonce, &drawn)?;
    let row = Row {
        challenge: start.grant.code_challenge.as_str().to_owned(),
        nonce: keys::sha256(nonce.as_bytes()).to_vec(),
        attempt: start.seed.id(),
        party: party.id,
        ticket: sealed,
    };
    platform.store.write(move |tx| Box::pin(async move { insert(tx, &row, now_ms, until).await })).await?;
    Ok(Begun { nonce, deep_link: link, expires_in: limits::LOGIN_APP.duration().as_secs() })
}

/// The link in the old form, with what a wallet of OpenID4VP needs beside it.
fn link(platform: &Platform, party: &RelyingParty, nonce: &str, ticket: &str) -> Result<String, TokenFault> {
    let issuer = issuance::desk(platform).map_err(|_| TokenFault::Internal("there is no issuer"))?;
    let request_uri = response::request_address(platform, ticket);
    let old = Form::default()
        .with("appName", &party.name_ko)
        .with("type", "VERIFY")
        .with("spDid", issuer.did())
        .with("serviceCode", &party.id)
        .with("callBackUrl", &request_uri)
        .with("nonce", nonce)
        .with("encryptType", "2");
    let address = format!("bmc://verify_vp?{}", old.encode());
    crate::verification::link_to(platform, request_uri, &address)
        .map_err(|_| TokenFault::Internal("a link can't be made"))
}

struct Row {
    challenge: String,
    nonce: Vec<u8>,
    attempt: String,
    party: String,
    ticket: String,
}

async fn insert(tx: &mut Tx, row: &Row, now_ms: i64, until: i64) -> Result<(), TokenFault> {
    let waiting = tx
        .fetch_one(
            "SELECT COUNT(*) AS n FROM login_app WHERE relying_party = $1 AND expires_at > $2",
            params![row.party.as_str(), now_ms],
        )
        .await?;
    if waiting.int("n")? >= limits::LOGIN_APPS.get() {
        let why = "too many apps wait for a login";
        return Err(OAuthError::new(Refusal::TemporarilyUnavailable, why).into());
    }
    let rows = tx
        .execute(
            "INSERT INTO login_app (challenge, nonce, attempt, relying_party, ticket, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            params![
                row.challenge.as_str(),
                row.nonce.clone(),
                row.attempt.as_str(),
                row.party.as_str(),
                row.ticket.as_str(),
                until
            ],
        )
        .await?;
    if rows != 1 {
        return Err(OAuthError::new(Refusal::InvalidRequest, "code_challenge was used before").into());
    }
    super::record(tx, "login.app_begun", None, &row.party, json!({ "attempt": row.attempt })).await?;
    Ok(())
}

async fn check_by_get(_: On, State(platform): State<Arc<Platform>>, RawQuery(query): RawQuery) -> Response {
    check(&platform, query.unwrap_or_default().as_bytes()).await
}

async fn check_by_post(_: On, State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    check(&platform, &body).await
}

async fn check(platform: &Platform, encoded: &[u8]) -> Response {
    match checked(platform, encoded).await {
        Ok(checked) => ([(CACHE_CONTROL, "no-store")], Json(checked)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

/// How the login of a PKCE verifier stands. Whoever has the verifier began it.
async fn checked(platform: &Platform, encoded: &[u8]) -> Result<Checked, TokenFault> {
    let form = Form::parse_bounded(encoded, MAX_REQUEST).map_err(OAuthError::from)?;
    let verifier = form.require("codeVerifier")?;
    let verifier = pkce::Verifier::parse(verifier)
        .map_err(|_| OAuthError::new(Refusal::InvalidRequest, "codeVerifier has not the form of RFC 7636"))?;
    let challenge = verifier.challenge().as_str().to_owned();
    let sql = "SELECT attempt, expires_at FROM login_app WHERE challenge = $1";
    let row = platform.store.fetch_optional(sql, params![challenge.as_str()]).await?;
    let plain = |status| Checked { status, code: None };
    let Some(row) = row else { return Ok(plain(Status::Timeout)) };
    let concluded = attempt::concluded(&platform.store, &row.text("attempt")?).await?;
    Ok(match concluded.map(|concluded| concluded.outcome) {
        Some(Outcome::Granted) => {
            seen(platform, challenge).await?;
            plain(Status::Complete)
        }
        Some(refused) => Checked { status: Status::Error, code: Some(refused.as_str()) },
        None if row.int("expires_at")? <= platform.now_ms() => plain(Status::Timeout),
        None => plain(Status::Waiting),
    })
}

/// The app knows: from now on its code may be fetched.
async fn seen(platform: &Platform, challenge: String) -> Result<(), StoreError> {
    let now_ms = platform.now_ms();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE login_app SET seen_at = $2 WHERE challenge = $1 AND seen_at IS NULL";
                tx.execute(sql, params![challenge, now_ms]).await.map(drop)
            })
        })
        .await
}

/// Sends the app back with its code. `username` and `password` both carry the nonce; older clients send another name.
async fn finish(_: On, State(platform): State<Arc<Platform>>, page: Page, body: Bytes) -> Response {
    match finished(&platform, &body).await {
        Ok(Some(start)) => page::hand_over(&platform, &start).await,
        Ok(None) => page::fault(page, |text| &text.expired, "login_expired"),
        Err(PageError::Invalid) => page::fault(page, |text| &text.bad_request, "login_invalid"),
        Err(error) => page::refuse(page, error),
    }
}

/// The login of a nonce, for the first that asks after the app was told of it.
async fn finished(platform: &Platform, body: &[u8]) -> Result<Option<Start>, PageError> {
    let form = Form::parse_bounded(body, MAX_REQUEST).map_err(|_| PageError::Invalid)?;
    let nonce = form.get("password").ok_or(PageError::Invalid)?;
    let hash = keys::sha256(nonce.as_bytes()).to_vec();
    let taken = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                // The row stays, so that its challenge is not used again; its nonce is good for nothing more.
                let sql = "UPDATE login_app SET nonce = $2 WHERE nonce = $1 AND seen_at IS NOT NULL RETURNING ticket";
                let spent = keys::random::bytes::<32>().to_vec();
                let row = tx.fetch_optional(sql, params![hash, spent]).await?;
                row.map(|row| row.text("ticket")).transpose()
            })
        })
        .await?;
    // Who comes later than an approved login waits begins anew.
    Ok(taken.and_then(|ticket| Start::open(platform, &ticket).ok()))
}

/// Removes what is over; returns how many.
///
/// # Errors
/// The store.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM login_app WHERE challenge IN \
         (SELECT challenge FROM login_app WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        params![now_ms.saturating_sub(limits::LOGIN_GRANT.get()), limits::LOGIN_SWEEP_ROWS.get()],
    )
    .await
}

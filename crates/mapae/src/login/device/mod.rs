//! Logins of devices that have no browser (RFC 8628): VPN clients, terminals, meeting rooms.
//!
//! ```text
//! device ─ /oidc/device ─▶ device code, user code              row login_device
//! person ─ /device ──────▶ types the user code ─▶ login page   the phone names relying party, device code and place
//! device ─ /oidc/token ──▶ authorization_pending … tokens      the attempt's row is the device code's one use
//! ```
//!
//! Off until the operator names networks: a device begins in one of them only. A person far away who is sent a user code by
//! somebody else would log that person in; who can begin at all is inside already, and the phone shows code and place.

mod page;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use openid::form::Form;
use openid::oidc::device::{DeviceAuthorization, UserCode};
use openid::{Code as Refusal, OAuthError};
use serde_json::json;

pub(super) use self::page::{ask, enter};
use super::authentication;
use super::claims;
use super::ticket::{Device, Ticket};
use super::token::{MAX_REQUEST, TokenFault};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::staff::Source;
use crate::verification::Seed;

const PATH: &str = "/oidc/device";

/// The answer (RFC 8628 §3.2).
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = LoginDevice)]
struct Reply {
    /// For the device alone.
    device_code: String,
    /// For the person.
    user_code: String,
    /// Where the person types it.
    verification_uri: String,
    /// Seconds until both end.
    expires_in: u64,
    /// Seconds between two questions at the token endpoint.
    interval: u64,
}

/// Begins the login of a device.
#[utoipa::path(post, path = "/oidc/device", tag = "login",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", example = "client_id=vpn&scope=openid%20badge"),
    responses((status = OK, body = Reply), (status = BAD_REQUEST, description = "An OAuth error: `unauthorized_client` for a client that is not registered for it, or a network that the operator has not named"),
        (status = UNAUTHORIZED, description = "`invalid_client`")))]
pub(super) async fn begin(
    State(platform): State<Arc<Platform>>,
    Source(peer): Source,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TokenFault> {
    let form = Form::parse_bounded(&body, MAX_REQUEST).map_err(OAuthError::from)?;
    let caller = authentication::caller(&platform, &headers, &form, PATH).await?;
    let refused = |why| TokenFault::from(OAuthError::new(Refusal::UnauthorizedClient, why));
    if !caller.settings.device {
        return Err(refused("this client is not registered for devices"));
    }
    let network = platform.config.login.network(peer, &headers);
    let network = network.filter(|at| platform.config.login.may_start(&caller.party, *at));
    let network = network.ok_or_else(|| refused("devices log in from registered networks only"))?;
    let scopes: Vec<String> = form.get("scope").unwrap_or("openid").split(' ').map(str::to_owned).collect();
    let scopes: Vec<String> =
        scopes.into_iter().filter(|scope| claims::SCOPES.contains(&scope.as_str())).collect();
    if !scopes.iter().any(|scope| scope == "openid") {
        return Err(OAuthError::new(Refusal::InvalidScope, "scope must contain openid").into());
    }
    let now_ms = platform.now_ms();
    let until = now_ms.saturating_add(limits::LOGIN_DEVICE.get());
    let (party, level) = (caller.party.id.clone(), caller.party.acr);
    let device = Device { seed: Seed::fresh(), client_id: party.clone(), scopes, level, network };
    let device_code =
        device.seal(&platform, until).map_err(|_| TokenFault::Internal("a device code can't be sealed"))?;
    let user_code = UserCode::fresh(|| {
        let [byte] = keys::random::bytes::<1>();
        byte
    });
    let row = Row {
        code: hash(&platform, &user_code),
        attempt: device.seed.id(),
        party,
        ticket: device_code.clone(),
    };
    let proofs = caller.proofs.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                proofs.consume(tx).await?;
                insert(tx, &row, now_ms, until).await
            })
        })
        .await?;
    let told = DeviceAuthorization {
        device_code,
        user_code: user_code.to_string(),
        verification_uri: format!("{}/device", platform.config.public.origin()),
        expires_in: limits::LOGIN_DEVICE.duration().as_secs(),
        interval: limits::LOGIN_DEVICE_INTERVAL.duration().as_secs(),
    };
    let DeviceAuthorization { device_code, user_code, verification_uri, expires_in, interval } = told;
    let reply = Reply { device_code, user_code, verification_uri, expires_in, interval };
    Ok(([(CACHE_CONTROL, "no-store")], Json(reply)).into_response())
}

struct Row {
    code: Vec<u8>,
    attempt: String,
    party: String,
    ticket: String,
}

/// The keyed hash of a user code: 34 bits could be found from a bare one.
fn hash(platform: &Platform, code: &UserCode) -> Vec<u8> {
    platform.sealer.blind_index("login_device", code.letters()).to_vec()
}

async fn insert(tx: &mut Tx, row: &Row, now_ms: i64, until: i64) -> Result<(), TokenFault> {
    let waiting = tx
        .fetch_one(
            "SELECT COUNT(*) AS n FROM login_device WHERE relying_party = $1 AND expires_at > $2",
            params![row.party.as_str(), now_ms],
        )
        .await?;
    let busy = || OAuthError::new(Refusal::TemporarilyUnavailable, "too many devices wait for a login");
    if waiting.int("n")? >= limits::LOGIN_DEVICES.get() {
        return Err(busy().into());
    }
    let interval = limits::LOGIN_DEVICE_INTERVAL.get();
    let rows = tx
        .execute(
            "INSERT INTO login_device (code, attempt, relying_party, ticket, interval_ms, asked_at, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            params![
                row.code.clone(),
                row.attempt.as_str(),
                row.party.as_str(),
                row.ticket.as_str(),
                interval,
                now_ms.saturating_sub(interval),
                now_ms,
                until
            ],
        )
        .await?;
    if rows != 1 {
        // The same eight letters are on somebody else's screen.
        return Err(busy().into());
    }
    super::record(tx, "login.device_begun", None, &row.party, json!({ "attempt": row.attempt })).await?;
    Ok(())
}

/// Whether a device asks in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    InTime,
    /// From now on it must wait five seconds longer (§3.5).
    TooSoon,
    Unknown,
}

/// A device asks for its tokens: one conditional statement judges the time.
///
/// # Errors
/// The store.
pub(super) async fn asks(platform: &Platform, attempt: &str) -> Result<Asking, StoreError> {
    let (attempt, now_ms) = (attempt.to_owned(), platform.now_ms());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let in_time = tx
                    .execute(
                        "UPDATE login_device SET asked_at = $2 WHERE attempt = $1 AND asked_at + interval_ms <= $2",
                        params![attempt.as_str(), now_ms],
                    )
                    .await?;
                if in_time == 1 {
                    return Ok(Asking::InTime);
                }
                let slower = tx
                    .execute(
                        "UPDATE login_device SET asked_at = $2, interval_ms = interval_ms + $3 WHERE attempt = $1",
                        params![attempt.as_str(), now_ms, limits::LOGIN_DEVICE_INTERVAL.get()],
                    )
                    .await?;
                Ok(if slower == 1 { Asking::TooSoon } else { Asking::Unknown })
            })
        })
        .await
}

/// What a user code stands for, while its time lasts.
async fn of_code(platform: &Platform, code: &UserCode) -> Result<Option<Device>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT ticket FROM login_device WHERE code = $1 AND expires_at > $2",
            params![hash(platform, code), platform.now_ms()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Device::open(platform, &row.text("ticket")?).ok())
}

/// Removes what is over; returns how many.
///
/// # Errors
/// The store.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    let rows = limits::LOGIN_SWEEP_ROWS.get();
    let devices = tx
        .execute(
            "DELETE FROM login_device WHERE code IN \
             (SELECT code FROM login_device WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
            params![now_ms, rows],
        )
        .await?;
    tx.execute("DELETE FROM login_throttle WHERE window_ends_at < $1", params![now_ms]).await?;
    Ok(devices)
}

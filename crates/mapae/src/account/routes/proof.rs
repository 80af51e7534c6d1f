//! The ways back: a deleted wallet, and a forgotten PIN.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wallet::account::messages::{
    AccountStatus, Envelope, Moved, Otp, OtpSent, PasskeyOptions, ProofStatus, Recovery, RecoveryStarted,
    RecoveryStatus, SaltKept,
};

use super::{Answered, bearer};
use crate::account::{device_only, forgotten_pin, recovery};
use crate::operations::Platform;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(salt))
        .routes(routes!(recovery_options))
        .routes(routes!(recovery_begin, recovery_status))
        .routes(routes!(recovery_otp))
        .routes(routes!(recovery_device))
        .routes(routes!(forgotten_pin_begin))
        .routes(routes!(forgotten_pin_otp))
        .routes(routes!(reset_pin))
}

/// Leave the PIN's salt here, sealed by a secret that the server does not know.
#[utoipa::path(post, path = "/wallet/v1/salt", tag = "wallet", request_body = Envelope, responses((status = 200, body = SaltKept)))]
async fn salt(State(platform): State<Arc<Platform>>, Json(body): Json<Envelope>) -> Answered<SaltKept> {
    Ok(Json(device_only::keep_salt(&platform, &body.signed).await?))
}

/// Options for the browser to use the passkey of a wallet whose app was deleted.
#[utoipa::path(post, path = "/wallet/v1/recovery/options", tag = "wallet", responses((status = 200, body = PasskeyOptions)))]
async fn recovery_options(State(platform): State<Arc<Platform>>) -> Answered<PasskeyOptions> {
    Ok(Json(recovery::options(&platform)?))
}

/// Begin to bring a deleted wallet back; a one-time password goes to the phone.
#[utoipa::path(post, path = "/wallet/v1/recovery", tag = "wallet", request_body = Recovery, responses((status = 200, body = RecoveryStarted)))]
async fn recovery_begin(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Recovery>,
) -> Answered<RecoveryStarted> {
    Ok(Json(recovery::begin(&platform, body).await?))
}

/// How far a recovery is. Header `authorization: Bearer <token of the recovery>`, as in the next two steps.
#[utoipa::path(get, path = "/wallet/v1/recovery", tag = "wallet", responses((status = 200, body = RecoveryStatus)))]
async fn recovery_status(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
) -> Answered<RecoveryStatus> {
    Ok(Json(recovery::status(&platform, bearer(&headers)).await?))
}

/// Give the one-time password back.
#[utoipa::path(post, path = "/wallet/v1/recovery/otp", tag = "wallet", request_body = Otp, responses((status = 200, body = RecoveryStatus)))]
async fn recovery_otp(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<Otp>,
) -> Answered<RecoveryStatus> {
    Ok(Json(recovery::otp(&platform, bearer(&headers), &body).await?))
}

/// Prove the PIN and move the account to this device.
#[utoipa::path(post, path = "/wallet/v1/recovery/device", tag = "wallet", request_body = Envelope, responses((status = 200, body = Moved)))]
async fn recovery_device(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<Envelope>,
) -> Answered<Moved> {
    Ok(Json(recovery::move_device(&platform, bearer(&headers), &body.signed).await?))
}

/// Say who the holder is, in place of a forgotten PIN; a one-time password goes to the phone.
#[utoipa::path(post, path = "/wallet/v1/pin/forgotten", tag = "wallet", request_body = Envelope, responses((status = 200, body = OtpSent)))]
async fn forgotten_pin_begin(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<OtpSent> {
    Ok(Json(forgotten_pin::begin(&platform, &body.signed).await?))
}

/// Give the one-time password back.
#[utoipa::path(post, path = "/wallet/v1/pin/forgotten/otp", tag = "wallet", request_body = Envelope, responses((status = 200, body = ProofStatus)))]
async fn forgotten_pin_otp(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<ProofStatus> {
    Ok(Json(forgotten_pin::otp(&platform, &body.signed).await?))
}

/// Set a new PIN in place of the forgotten one, with the passkey.
#[utoipa::path(post, path = "/wallet/v1/pin/reset", tag = "wallet", request_body = Envelope, responses((status = 200, body = AccountStatus)))]
async fn reset_pin(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<AccountStatus> {
    Ok(Json(forgotten_pin::reset(&platform, &body.signed).await?))
}

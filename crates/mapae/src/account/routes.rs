//! The wallet provider's REST API under `/wallet/v1`.

mod certificates;
mod proof;
mod push;
mod signing;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wallet::account::messages::{
    AccountStatus, Activate, Activated, Answer, Approved, ChallengeGiven, Envelope, GatePassGiven, Identity,
    KeyAttested, Offered, OnboardingStatus, Otp, OtpSent, PasskeyOptions, PasskeyRegistered,
    PasskeyRegistration, Registered, ResultKeys, ShareGiven, WalletAttested,
};

use super::device::{credentials, from_header};
use super::{device_only, gate, instruct, onboarding, passkey, registration};
use crate::operations::{Platform, Problem};

type Answered<T> = Result<Json<T>, Problem>;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(activate))
        .routes(routes!(onboarding_status))
        .routes(routes!(identity))
        .routes(routes!(otp))
        .routes(routes!(passkey_options))
        .routes(routes!(passkey_register))
        .routes(routes!(passkey_challenge))
        .routes(routes!(passkey_share))
        .routes(routes!(register))
        .routes(routes!(challenge))
        .routes(routes!(instructions))
        .routes(routes!(result))
        .routes(routes!(account))
        .routes(routes!(approvals))
        .routes(routes!(offers))
        .routes(routes!(key_attestations))
        .routes(routes!(wallet_attestations))
        .routes(routes!(gate_pass))
        .routes(routes!(new_pin))
        .routes(routes!(result_keys))
        .merge(certificates::routes())
        .merge(proof::routes())
        .merge(push::routes())
        .merge(signing::routes())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "Bearer")
}

/// Start an enrolment with the handle from the message and the code from the portal.
#[utoipa::path(post, path = "/wallet/v1/activate", tag = "wallet", request_body = Activate, responses((status = 200, body = Activated)))]
async fn activate(State(platform): State<Arc<Platform>>, Json(body): Json<Activate>) -> Answered<Activated> {
    Ok(Json(onboarding::activate(&platform, body).await?))
}

/// How far an enrolment is. Header `authorization: Bearer <token of the activation>`, as in the next three steps.
#[utoipa::path(get, path = "/wallet/v1/onboarding", tag = "wallet", responses((status = 200, body = OnboardingStatus)))]
async fn onboarding_status(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
) -> Answered<OnboardingStatus> {
    Ok(Json(onboarding::status(&platform, bearer(&headers)).await?))
}

/// Say who the holder is; a one-time password goes to the phone.
#[utoipa::path(post, path = "/wallet/v1/identity", tag = "wallet", request_body = Identity, responses((status = 200, body = OtpSent)))]
async fn identity(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<Identity>,
) -> Answered<OtpSent> {
    Ok(Json(onboarding::identity(&platform, bearer(&headers), body).await?))
}

/// Give the one-time password back.
#[utoipa::path(post, path = "/wallet/v1/otp", tag = "wallet", request_body = Otp, responses((status = 200, body = OnboardingStatus)))]
async fn otp(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<Otp>,
) -> Answered<OnboardingStatus> {
    Ok(Json(onboarding::otp(&platform, bearer(&headers), &body).await?))
}

/// Options for the browser to create the passkey. Header `authorization: Bearer <token of the activation>`.
#[utoipa::path(post, path = "/wallet/v1/passkey/options", tag = "wallet", responses((status = 200, body = PasskeyOptions)))]
async fn passkey_options(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
) -> Answered<PasskeyOptions> {
    Ok(Json(passkey::creation_options(&platform, bearer(&headers)).await?))
}

/// Keep the passkey that the browser created. Header `authorization: Bearer <token of the activation>`.
#[utoipa::path(post, path = "/wallet/v1/passkey/register", tag = "wallet", request_body = PasskeyRegistration, responses((status = 200, body = PasskeyRegistered)))]
async fn passkey_register(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<PasskeyRegistration>,
) -> Answered<PasskeyRegistered> {
    Ok(Json(passkey::register(&platform, bearer(&headers), body).await?))
}

/// Options for the browser to use the passkey, for one purpose.
#[utoipa::path(post, path = "/wallet/v1/passkey/challenge", tag = "wallet", request_body = Envelope, responses((status = 200, body = PasskeyOptions)))]
async fn passkey_challenge(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<PasskeyOptions> {
    Ok(Json(device_only::passkey_challenge(&platform, &body.signed).await?))
}

/// The server's share of the vault's key, for the device key and a fresh assertion.
#[utoipa::path(post, path = "/wallet/v1/passkey/share", tag = "wallet", request_body = Envelope, responses((status = 200, body = ShareGiven)))]
async fn passkey_share(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<ShareGiven> {
    Ok(Json(device_only::share(&platform, &body.signed).await?))
}

/// Register device key and PIN key.
#[utoipa::path(post, path = "/wallet/v1/register", tag = "wallet", request_body = Envelope, responses((status = 200, body = Registered)))]
async fn register(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<Envelope>,
) -> Answered<Registered> {
    Ok(Json(registration::register(&platform, bearer(&headers), &body.signed).await?))
}

/// A challenge for one PIN instruction.
#[utoipa::path(post, path = "/wallet/v1/challenge", tag = "wallet", request_body = Envelope, responses((status = 200, body = ChallengeGiven)))]
async fn challenge(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<ChallengeGiven> {
    Ok(Json(instruct::challenge(&platform, &body.signed).await?))
}

/// One PIN instruction. Right or wrong, the answer is signed and can be asked for again.
#[utoipa::path(post, path = "/wallet/v1/instructions", tag = "wallet", request_body = Envelope, responses((status = 200, body = Answer)))]
async fn instructions(State(platform): State<Arc<Platform>>, Json(body): Json<Envelope>) -> Answered<Answer> {
    Ok(Json(instruct::instruct(&platform, &body.signed).await?))
}

/// The result of an instruction whose reply was lost. Header `authorization: Device <device-signed request>`.
#[utoipa::path(get, path = "/wallet/v1/results/{sequence}", tag = "wallet", params(
    ("sequence" = u64, Path, description = "The instruction's sequence number.", maximum = 9223372036854775807_i64),
), responses((status = 200, body = Answer)))]
async fn result(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Path(sequence): Path<u64>,
) -> Answered<Answer> {
    Ok(Json(instruct::result(&platform, from_header(&headers)?, sequence).await?))
}

/// How the account stands. Header `authorization: Device <device-signed request>`.
#[utoipa::path(get, path = "/wallet/v1/account", tag = "wallet", responses((status = 200, body = AccountStatus)))]
async fn account(State(platform): State<Arc<Platform>>, headers: HeaderMap) -> Answered<AccountStatus> {
    Ok(Json(device_only::standing(&platform, from_header(&headers)?).await?))
}

/// Approve a login request with the device key alone.
#[utoipa::path(post, path = "/wallet/v1/approvals", tag = "wallet", request_body = Envelope, responses((status = 200, body = Approved)))]
async fn approvals(State(platform): State<Arc<Platform>>, Json(body): Json<Envelope>) -> Answered<Approved> {
    Ok(Json(device_only::approve(&platform, &body.signed).await?))
}

/// A fresh offer of the badge or of its next batch of copies.
#[utoipa::path(post, path = "/wallet/v1/offers", tag = "wallet", request_body = Envelope, responses((status = 200, body = Offered)))]
async fn offers(State(platform): State<Arc<Platform>>, Json(body): Json<Envelope>) -> Answered<Offered> {
    Ok(Json(device_only::offer(&platform, &body.signed).await?))
}

/// Vouch for holder keys towards an issuer.
#[utoipa::path(post, path = "/wallet/v1/key-attestations", tag = "wallet", request_body = Envelope, responses((status = 200, body = KeyAttested)))]
async fn key_attestations(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<KeyAttested> {
    Ok(Json(device_only::attest_keys(&platform, &body.signed).await?))
}

/// Vouch for this wallet towards an issuer.
#[utoipa::path(post, path = "/wallet/v1/wallet-attestations", tag = "wallet", request_body = Envelope, responses((status = 200, body = WalletAttested)))]
async fn wallet_attestations(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<WalletAttested> {
    Ok(Json(device_only::attest_wallet(&platform, &body.signed).await?))
}

/// A gate pass for the gate key of this phone, for at most a day.
#[utoipa::path(post, path = "/wallet/v1/gate-pass", tag = "wallet", request_body = Envelope, responses((status = 200, body = GatePassGiven)))]
async fn gate_pass(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<GatePassGiven> {
    Ok(Json(gate::gate_pass(&platform, &body.signed).await?))
}

/// Set a new PIN after two persons unlocked the account.
#[utoipa::path(post, path = "/wallet/v1/pin", tag = "wallet", request_body = Envelope, responses((status = 200, body = AccountStatus)))]
async fn new_pin(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<AccountStatus> {
    Ok(Json(device_only::new_pin(&platform, &body.signed).await?))
}

/// The keys that sign results.
#[utoipa::path(get, path = "/wallet/v1/keys", tag = "wallet", responses((status = 200, body = ResultKeys)))]
async fn result_keys(State(platform): State<Arc<Platform>>) -> Answered<ResultKeys> {
    Ok(Json(ResultKeys { keys: registration::result_keys(&platform)? }))
}

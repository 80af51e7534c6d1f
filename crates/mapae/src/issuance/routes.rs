//! The issuer's endpoints. A handler reads headers and body, asks the service, and writes the answer.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use openid::dpop::{BoundToken, VerifiedProof};
use openid::error::Scheme;
use openid::form::Form;
use openid::token::TokenRequest;
use openid::vci::NonceResponse;
use openid::{Code, OAuthError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{self, Proofs, dpop_proof, single};
use super::credential::Reply;
use super::encryption::has_type;
use super::refusal::{Refused, internal};
use super::token::{ACCESS_TOKEN, AccessToken};
use super::{
    authorize, credential, deferred, desk, metadata, nonce, notification, offer, paths, pushed, token,
};
use crate::operations::server_keys::KeyName;
use crate::operations::{Platform, Problem, limits};

type Shared = State<Arc<Platform>>;

pub(super) fn public() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(credential_issuer))
        .routes(routes!(authorization_server))
        .route("/.well-known/openid-credential-issuer/{*path}", get(credential_issuer_of_path))
        .route("/.well-known/oauth-authorization-server/{*path}", get(authorization_server_of_path))
        .routes(routes!(did_document))
        .routes(routes!(type_metadata))
        .routes(routes!(offer_by_reference))
        .routes(routes!(pushed_request_endpoint))
        .routes(routes!(token_endpoint))
        .routes(routes!(nonce_endpoint))
        .routes(routes!(credential_endpoint))
        .routes(routes!(deferred_credential_endpoint))
        .routes(routes!(notification_endpoint))
        .merge(authorize::pages().into())
}

/// Credential issuer metadata (OpenID4VCI 1.0 §12.2), signed where `Accept` prefers `application/jwt`.
#[utoipa::path(get, path = "/.well-known/openid-credential-issuer", tag = "issuance",
    responses((status = 200, description = "What is issued, and how.", content((Object = "application/json"), (String = "application/jwt")))))]
async fn credential_issuer(State(platform): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    let desk = desk(&platform).map_err(Problem::internal)?;
    let document = metadata::credential_issuer(&platform, desk);
    let mut response = if wants_signed(&headers) {
        let signer = platform.keys.signer(KeyName::Issuer).map_err(Problem::internal)?;
        let now = platform.now_ms().div_euclid(1000);
        let until = now.saturating_add(limits::SIGNED_METADATA_LIFE.get().div_euclid(1000));
        let chain = platform.keys.chain(KeyName::Issuer);
        let signed = document.sign(signer.as_ref(), &chain, now, Some(until)).map_err(Problem::internal)?;
        let mut response = signed.into_response();
        describe(&mut response, "application/jwt", PUBLIC);
        response
    } else {
        public_json(&document)
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Authorization server metadata (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "issuance",
    responses((status = 200, description = "The endpoints and what they ask.", body = Object)))]
async fn authorization_server(State(platform): Shared) -> Result<Response, Problem> {
    let policy = platform.config.issuance.wallet_attestation;
    let desk = desk(&platform).map_err(Problem::internal)?;
    Ok(public_json(&metadata::authorization_server(desk, platform.config.public.origin(), policy)))
}

/// The same for an issuer identifier with a path, which stands behind the well-known name (OpenID4VCI 1.0 §12.2.2,
/// RFC 8414 §3.1).
async fn credential_issuer_of_path(
    state: Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    own_path(&state.0, &path)?;
    credential_issuer(state, headers).await
}

async fn authorization_server_of_path(state: Shared, Path(path): Path<String>) -> Result<Response, Problem> {
    own_path(&state.0, &path)?;
    authorization_server(state).await
}

fn own_path(platform: &Platform, path: &str) -> Result<(), Problem> {
    let own = platform.config.public.base_url.path().trim_matches('/');
    if own.is_empty() || own != path.trim_end_matches('/') {
        return Err(Problem::of_status(StatusCode::NOT_FOUND));
    }
    Ok(())
}

/// Whether the signed form is asked for before the plain one (RFC 9110 §12.5.1); where both are alike, plain it is.
fn wants_signed(headers: &HeaderMap) -> bool {
    let quality = |wanted: &str| {
        let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let named = ranges.flat_map(|value| value.split(',')).filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().filter(|kind| kind.eq_ignore_ascii_case(wanted))?;
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            weight.filter(|_| !kind.is_empty())
        });
        named.fold(0.0_f32, f32::max)
    };
    quality("application/jwt") > quality("application/json")
}

/// The DID document of the issuing DID.
#[utoipa::path(get, path = "/.well-known/did.json", tag = "issuance",
    responses((status = 200, description = "The DID document.", body = Object)))]
async fn did_document(State(platform): Shared) -> Result<Response, Problem> {
    let desk = desk(&platform).map_err(Problem::internal)?;
    let signer = platform.keys.signer(KeyName::Issuer).map_err(Problem::internal)?;
    Ok(public_json(&metadata::did_document(desk.did(), signer.public_key())))
}

/// The type metadata of a credential type (SD-JWT VC §5), under its `vct`.
#[utoipa::path(get, path = "/types/{name}", tag = "issuance",
    params(("name" = String, Path, description = "The type's name.", max_length = 64)),
    responses((status = 200, description = "Names, claims and labels.", body = Object)))]
async fn type_metadata(State(platform): Shared, Path(name): Path<String>) -> Result<Response, Problem> {
    let desk = desk(&platform).map_err(Problem::internal)?;
    let vct = format!("{}/types/{name}", platform.config.public.origin().trim_end_matches('/'));
    let kind = desk.types().find(|kind| kind.vct == vct);
    let kind = kind.ok_or_else(|| Problem::of_status(StatusCode::NOT_FOUND))?;
    let mut response = ::credential::type_metadata::document(kind).into_response();
    describe(&mut response, "application/json", PUBLIC);
    Ok(response)
}

/// A credential offer by reference (OpenID4VCI 1.0 §4.1.3).
#[utoipa::path(get, path = "/issuance/offers/{handle}", tag = "issuance",
    params(("handle" = String, Path, description = "The handle in the offer's address.", max_length = 4096, pattern = "^[A-Za-z0-9_-]+$")),
    responses((status = 200, description = "The offer.", body = Object)))]
async fn offer_by_reference(
    State(platform): Shared,
    Path(handle): Path<String>,
) -> Result<Response, Response> {
    let offer = offer::by_handle(&platform, &handle).await.map_err(IntoResponse::into_response)?;
    let gone = || Problem::new(StatusCode::GONE, "issuance.offer_gone").into_response();
    Ok(private_json(&offer.ok_or_else(gone)?))
}

/// The endpoint for pushed authorization requests (RFC 9126).
#[utoipa::path(post, path = "/issuance/par", tag = "issuance",
    params(("DPoP" = Option<String>, Header, description = "A DPoP proof (RFC 9449 §10.1) of the key that the code shall be bound to.")),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 201, description = "`request_uri` for the authorization endpoint, good once.", body = Object),
        (status = 400, description = "Refused, with a code of RFC 6749, RFC 9126, RFC 9396 or RFC 9449.", body = Object),
        (status = 401, description = "The wallet's attestation does not hold.", body = Object),
    ))]
async fn pushed_request_endpoint(State(platform): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let answer = async {
        let form = form_of(&headers, &body)?;
        let dpop = match headers.contains_key("dpop") {
            true => Some(dpop_proof(&platform, &headers, paths::PAR, None)?),
            false => None,
        };
        let wallet = client::attested(&platform, &headers, form.get("client_id"))?;
        pushed::answer(&platform, &form, Proofs { dpop, wallet }).await
    };
    let response = match answer.await {
        Ok(pushed) => (StatusCode::CREATED, private_json(&pushed)).into_response(),
        Err(refused) => refused.into_response(),
    };
    with_dpop_nonce(&platform, response)
}

/// The form of a request, if it is one.
fn form_of(headers: &HeaderMap, body: &[u8]) -> Result<Form, OAuthError> {
    if !has_type(headers, "application/x-www-form-urlencoded") {
        let text = "the body must be application/x-www-form-urlencoded";
        return Err(OAuthError::new(Code::InvalidRequest, text));
    }
    Ok(Form::parse(body)?)
}

/// The token endpoint (OpenID4VCI 1.0 §6).
#[utoipa::path(post, path = "/issuance/token", tag = "issuance",
    params(("DPoP" = Option<String>, Header, description = "A DPoP proof (RFC 9449).")),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token bound to the proof's key.", body = Object),
        (status = 400, description = "Refused, with a code of RFC 6749, RFC 9449 or OpenID4VCI 1.0.", body = Object),
        (status = 401, description = "The wallet's attestation does not hold.", body = Object),
    ))]
async fn token_endpoint(State(platform): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let answer = async {
        let form = form_of(&headers, &body)?;
        let request = TokenRequest::parse(&form)?;
        let dpop = Some(dpop_proof(&platform, &headers, paths::TOKEN, None)?);
        let wallet = client::attested(&platform, &headers, request.client_id())?;
        token::answer(&platform, request, Proofs { dpop, wallet }).await
    };
    let response = match answer.await {
        Ok(token) => private_json(&token),
        Err(refused) => refused.into_response(),
    };
    with_dpop_nonce(&platform, response)
}

/// The nonce endpoint (OpenID4VCI 1.0 §7).
#[utoipa::path(post, path = "/issuance/nonce", tag = "issuance",
    responses((status = 200, description = "A nonce for key proofs; the header DPoP-Nonce has one for DPoP proofs.", body = Object)))]
async fn nonce_endpoint(State(platform): Shared) -> Response {
    let response = match nonce::c_nonce(&platform) {
        Ok(c_nonce) => private_json(&NonceResponse { c_nonce }),
        Err(error) => Refused::from(error).into_response(),
    };
    with_dpop_nonce(&platform, response)
}

/// The credential endpoint (OpenID4VCI 1.0 §8).
#[utoipa::path(post, path = "/issuance/credential", tag = "issuance",
    params(
        ("Authorization" = Option<String>, Header, description = "`DPoP` and the access token."),
        ("DPoP" = Option<String>, Header, description = "A DPoP proof with `ath` (RFC 9449)."),
    ),
    request_body(content((Object = "application/json"), (String = "application/jwt"))),
    responses(
        (status = 200, description = "One credential for each proved key; as a JWE where the request asked for it.",
            content((Object = "application/json"), (String = "application/jwt"))),
        (status = 202, description = "To be asked for at the deferred credential endpoint: an approval is awaited.",
            content((Object = "application/json"), (String = "application/jwt"))),
        (status = 400, description = "Refused, with a code of OpenID4VCI 1.0 §8.3.1.2.", body = Object),
        (status = 401, description = "The access token or its proof does not hold.", body = Object),
        (status = 403, description = "The token does not reach this credential.", body = Object),
    ))]
async fn credential_endpoint(State(platform): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let answer = async {
        let (token, proof) = bound_token(&platform, &headers, paths::CREDENTIAL)?;
        credential::answer(&platform, &token, proof, &headers, &body).await
    };
    with_dpop_nonce(&platform, credentials(answer.await))
}

/// The deferred credential endpoint (OpenID4VCI 1.0 §9).
#[utoipa::path(post, path = "/issuance/deferred-credential", tag = "issuance",
    params(
        ("Authorization" = Option<String>, Header, description = "`DPoP` and the access token."),
        ("DPoP" = Option<String>, Header, description = "A DPoP proof with `ath` (RFC 9449)."),
    ),
    request_body(content((Object = "application/json"), (String = "application/jwt"))),
    responses(
        (status = 200, description = "One credential for each key proved before.",
            content((Object = "application/json"), (String = "application/jwt"))),
        (status = 202, description = "The approval is still awaited.",
            content((Object = "application/json"), (String = "application/jwt"))),
        (status = 400, description = "Refused, with a code of OpenID4VCI 1.0 §9.3.", body = Object),
        (status = 401, description = "The access token or its proof does not hold.", body = Object),
    ))]
async fn deferred_credential_endpoint(State(platform): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let answer = async {
        let (token, proof) = bound_token(&platform, &headers, paths::DEFERRED)?;
        deferred::answer(&platform, &token, proof, &headers, &body).await
    };
    with_dpop_nonce(&platform, credentials(answer.await))
}

/// A credential response, encrypted where its request asked for it; errors never are (§8.3.1.2).
fn credentials(answer: Result<Reply, Refused>) -> Response {
    let reply = answer.and_then(|(response, encryption)| {
        let status = StatusCode::from_u16(response.status()).unwrap_or(StatusCode::OK);
        let mut reply = match &encryption {
            None => (status, response.to_json()).into_response(),
            Some(encryption) => (status, response.to_jwe(encryption)?).into_response(),
        };
        let kind = if encryption.is_some() { "application/jwt" } else { "application/json" };
        describe(&mut reply, kind, PRIVATE);
        Ok(reply)
    });
    reply.unwrap_or_else(|refused| refused.at_resource().into_response())
}

/// The notification endpoint (OpenID4VCI 1.0 §11).
#[utoipa::path(post, path = "/issuance/notification", tag = "issuance",
    params(
        ("Authorization" = Option<String>, Header, description = "`DPoP` and the access token."),
        ("DPoP" = Option<String>, Header, description = "A DPoP proof with `ath` (RFC 9449)."),
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 204, description = "Noted."),
        (status = 400, description = "Refused, with a code of OpenID4VCI 1.0 §11.3.", body = Object),
        (status = 401, description = "The access token or its proof does not hold.", body = Object),
    ))]
async fn notification_endpoint(State(platform): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let answer = async {
        let (token, _proof) = bound_token(&platform, &headers, paths::NOTIFICATION)?;
        needs_json(&headers, Code::InvalidNotificationRequest)?;
        notification::answer(&platform, &token, &body).await
    };
    let response = match answer.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refused.at_resource().into_response(),
    };
    with_dpop_nonce(&platform, response)
}

/// The access token of a request, with a proof of the key it is bound to.
fn bound_token(
    platform: &Platform,
    headers: &HeaderMap,
    path: &str,
) -> Result<(AccessToken, VerifiedProof), Refused> {
    let missing = || OAuthError::new(Code::InvalidToken, "a DPoP-bound access token is required");
    let value = single(headers, &header::AUTHORIZATION)?.ok_or_else(missing)?;
    let (scheme, text) = Scheme::parse_authorization(value)?;
    if scheme != Scheme::Dpop {
        return Err(missing().into());
    }
    let token: AccessToken = platform
        .tokens
        .open(ACCESS_TOKEN, text, platform.now_ms())
        .map_err(|_| OAuthError::new(Code::InvalidToken, "the access token is unknown or expired"))?;
    let bound = BoundToken { access_token: text, jkt: &token.jkt };
    let proof = dpop_proof(platform, headers, path, Some(bound))?;
    Ok((token, proof))
}

fn needs_json(headers: &HeaderMap, code: Code) -> Result<(), OAuthError> {
    if has_type(headers, "application/json") {
        Ok(())
    } else {
        Err(OAuthError::new(code, "the body must be application/json"))
    }
}

const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=300");
const PRIVATE: HeaderValue = HeaderValue::from_static("no-store");

fn public_json(value: &impl serde::Serialize) -> Response {
    let mut response = Json(value).into_response();
    describe(&mut response, "application/json", PUBLIC);
    response
}

fn private_json(value: &impl serde::Serialize) -> Response {
    let mut response = Json(value).into_response();
    describe(&mut response, "application/json", PRIVATE);
    response
}

fn describe(response: &mut Response, kind: &'static str, cache: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, cache);
}

/// Every answer brings the next DPoP nonce, so that only a wallet's very first request is sent twice (RFC 9449 §8.2).
fn with_dpop_nonce(platform: &Platform, mut response: Response) -> Response {
    match nonce::dpop_nonce(platform).map_err(|error| internal("nonce", &error)).map(HeaderValue::try_from) {
        Ok(Ok(nonce)) => {
            response.headers_mut().insert(HeaderName::from_static("dpop-nonce"), nonce);
            response
        }
        Ok(Err(error)) => internal("nonce", &error).into_response(),
        Err(refused) => refused.into_response(),
    }
}

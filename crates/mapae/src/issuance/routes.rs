//! The issuer's endpoints. A handler reads headers and body, asks the service, and writes the answer.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use openid::attestation::{self, AttestedClient};
use openid::dpop::{self, BoundToken, VerifiedProof};
use openid::error::Scheme;
use openid::form::Form;
use openid::token::TokenRequest;
use openid::vci::NonceResponse;
use openid::{Code, OAuthError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusal::{Refused, internal};
use super::token::{ACCESS_TOKEN, AccessToken};
use super::{
    AttestationPolicy, attesters, credential, desk, metadata, nonce, notification, offer, paths, token,
};
use crate::operations::server_keys::KeyName;
use crate::operations::{Platform, Problem};

type Shared = State<Arc<Platform>>;

pub(super) fn public() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(credential_issuer))
        .routes(routes!(authorization_server))
        .routes(routes!(did_document))
        .routes(routes!(type_metadata))
        .routes(routes!(offer_by_reference))
        .routes(routes!(token_endpoint))
        .routes(routes!(nonce_endpoint))
        .routes(routes!(credential_endpoint))
        .routes(routes!(notification_endpoint))
}

/// Credential issuer metadata (OpenID4VCI 1.0 §12.2).
#[utoipa::path(get, path = "/.well-known/openid-credential-issuer", tag = "issuance",
    responses((status = 200, description = "What is issued, and how.", body = Object)))]
async fn credential_issuer(State(platform): Shared) -> Result<Response, Problem> {
    let desk = desk(&platform).map_err(Problem::internal)?;
    Ok(public_json(&metadata::credential_issuer(desk, platform.config.public.origin())))
}

/// Authorization server metadata (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "issuance",
    responses((status = 200, description = "The token endpoint and what it asks.", body = Object)))]
async fn authorization_server(State(platform): Shared) -> Response {
    let policy = platform.config.issuance.wallet_attestation;
    public_json(&metadata::authorization_server(platform.config.public.origin(), policy))
}

/// The DID document of the issuing DID.
#[utoipa::path(get, path = "/.well-known/did.json", tag = "issuance",
    responses((status = 200, description = "The DID document.", body = Object)))]
async fn did_document(State(platform): Shared) -> Result<Response, Problem> {
    let desk = desk(&platform).map_err(Problem::internal)?;
    let signer = platform.keys.signer(KeyName::Issuer).map_err(Problem::internal)?;
    Ok(public_json(&metadata::did_document(desk.did(), signer.public_key())))
}

/// The type metadata of a credential type (SD-JWT VC §4), under its `vct`.
#[utoipa::path(get, path = "/types/{name}", tag = "issuance",
    params(("name" = String, Path, description = "The type's name.", max_length = 64)),
    responses((status = 200, description = "Names, claims and labels.", body = Object)))]
async fn type_metadata(State(platform): Shared, Path(name): Path<String>) -> Result<Response, Problem> {
    let kind = desk(&platform).map_err(Problem::internal)?.badge();
    if name != kind.id {
        return Err(Problem::of_status(StatusCode::NOT_FOUND));
    }
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
        if !has_type(&headers, "application/x-www-form-urlencoded") {
            let text = "the body must be application/x-www-form-urlencoded";
            return Err(Refused::from(OAuthError::new(Code::InvalidRequest, text)));
        }
        let form = Form::parse(&body).map_err(OAuthError::from)?;
        let request = TokenRequest::parse(&form)?;
        let proof = dpop_proof(&platform, &headers, paths::TOKEN, None)?;
        let wallet = attested_wallet(&platform, &headers, request.client_id())?;
        token::answer(&platform, request, proof, wallet).await
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
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "One credential for each proved key.", body = Object),
        (status = 400, description = "Refused, with a code of OpenID4VCI 1.0 §8.3.1.2.", body = Object),
        (status = 401, description = "The access token or its proof does not hold.", body = Object),
        (status = 403, description = "The token does not reach this credential.", body = Object),
    ))]
async fn credential_endpoint(State(platform): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let answer = async {
        let (token, proof) = bound_token(&platform, &headers, paths::CREDENTIAL)?;
        needs_json(&headers, Code::InvalidCredentialRequest)?;
        credential::answer(&platform, &token, proof, &body).await
    };
    let response = match answer.await {
        Ok(credentials) => {
            let mut response = credentials.to_json().into_response();
            describe(&mut response, "application/json", PRIVATE);
            response
        }
        Err(refused) => refused.at_resource().into_response(),
    };
    with_dpop_nonce(&platform, response)
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

fn dpop_proof(
    platform: &Platform,
    headers: &HeaderMap,
    path: &str,
    token: Option<BoundToken<'_>>,
) -> Result<VerifiedProof, Refused> {
    let now_ms = platform.now_ms();
    let known = |text: &str| nonce::is_dpop_nonce(platform, text, now_ms);
    let url = format!("{}{path}", platform.config.public.origin());
    let expected = dpop::Expected {
        method: "POST",
        url: &url,
        token,
        nonce: Some(&known),
        now: now_ms.div_euclid(1000),
    };
    let proof = single(headers, &HeaderName::from_static("dpop"))
        .map_err(|_| OAuthError::new(Code::InvalidDpopProof, "exactly one DPoP header is expected"))?;
    Ok(dpop::verify(proof, &expected)?)
}

/// The wallet, as far as the policy wants to know it (attestation-based client authentication).
fn attested_wallet(
    platform: &Platform,
    headers: &HeaderMap,
    client_id: Option<&str>,
) -> Result<Option<AttestedClient>, Refused> {
    let attestation = single(headers, &HeaderName::from_static("oauth-client-attestation"))?;
    let pop = single(headers, &HeaderName::from_static("oauth-client-attestation-pop"))?;
    match platform.config.issuance.wallet_attestation {
        AttestationPolicy::Off => return Ok(None),
        AttestationPolicy::Accepted if attestation.is_none() && pop.is_none() => return Ok(None),
        AttestationPolicy::Accepted | AttestationPolicy::Required => {}
    }
    let now_ms = platform.now_ms();
    let attester = attesters::of(platform, now_ms);
    let expected = attestation::Expected {
        audience: platform.config.public.origin(),
        client_id,
        attesters: &attester,
        challenge: None,
        max_age: None,
        now: now_ms.div_euclid(1000),
    };
    Ok(Some(attestation::verify(attestation, pop, &expected)?))
}

/// A header that may be sent once or not at all.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, OAuthError> {
    let refused = || OAuthError::new(Code::InvalidRequest, "a header is repeated or not ASCII");
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().map_err(|_| refused())).transpose()?;
    if values.next().is_some() { Err(refused()) } else { Ok(value) }
}

fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
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

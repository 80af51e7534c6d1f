//! What the provider publishes about itself, and userinfo.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use keys::JwkSet;
use openid::error::{Scheme, challenge_without_token};
use openid::metadata::OpenIdProvider;
use openid::{Code as Refusal, OAuthError};
use serde_json::{Map, Value};

use super::{TOKEN_CLAIMS, claims, session};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::server_keys::KeyName;
use crate::verification::open_under;

/// How long relying parties may keep discovery and keys.
const CACHE: &str = "public, max-age=300";

/// The provider's metadata (OpenID Connect Discovery 1.0 §4).
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "login",
    responses((status = OK, description = "OpenID provider metadata", body = Object)))]
pub(super) async fn configuration(State(platform): State<Arc<Platform>>) -> Response {
    ([(CACHE_CONTROL, CACHE)], Json(metadata(platform.config.public.origin()))).into_response()
}

/// The metadata of the provider at `issuer`.
pub fn metadata(issuer: &str) -> OpenIdProvider {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    OpenIdProvider {
        issuer: issuer.to_owned(),
        authorization_endpoint: format!("{issuer}/oidc/authorize"),
        token_endpoint: format!("{issuer}/oidc/token"),
        userinfo_endpoint: Some(format!("{issuer}/oidc/userinfo")),
        jwks_uri: format!("{issuer}/oidc/jwks"),
        scopes_supported: list(&claims::SCOPES),
        response_types_supported: list(&["code"]),
        response_modes_supported: list(&["query"]),
        grant_types_supported: list(&["authorization_code"]),
        acr_values_supported: list(&[super::ACR_BASE, super::ACR_PIN]),
        subject_types_supported: list(&["pairwise", "public"]),
        id_token_signing_alg_values_supported: list(&["ES256", "RS256"]),
        token_endpoint_auth_methods_supported: list(&["client_secret_basic", "client_secret_post", "none"]),
        code_challenge_methods_supported: list(&["S256"]),
        claims_supported: list(&claims::SUPPORTED),
        prompt_values_supported: list(&["none", "login", "consent", "select_account"]),
        ui_locales_supported: list(&["ko", "en"]),
        authorization_response_iss_parameter_supported: true,
        ..OpenIdProvider::default()
    }
}

/// The keys that sign ID tokens.
#[utoipa::path(get, path = "/oidc/jwks", tag = "login", responses((status = OK, description = "A JWK Set (RFC 7517)", body = Object)))]
pub(super) async fn jwks(State(platform): State<Arc<Platform>>) -> Response {
    match key_set(&platform) {
        Some(set) => ([(CACHE_CONTROL, CACHE)], Json(set)).into_response(),
        None => Problem::internal("a key of the provider is missing").into_response(),
    }
}

fn key_set(platform: &Platform) -> Option<JwkSet> {
    let elliptic = platform.keys.signer(KeyName::OpEs256).ok()?;
    let kid = elliptic.public_key().thumbprint();
    let elliptic = elliptic.public_key().to_jwk().with_kid(kid).with_alg("ES256").with_use("sig");
    let rsa = platform.keys.rsa().jwk().clone();
    let kid = rsa.thumbprint().ok()?;
    let rsa = rsa.with_kid(kid).with_alg("RS256").with_use("sig");
    Some(JwkSet { keys: vec![elliptic, rsa] })
}

/// What the relying party of an access token may know about its holder (OpenID Connect Core §5.3).
#[utoipa::path(get, path = "/oidc/userinfo", tag = "login",
    responses((status = OK, description = "Claims", body = Object,
        example = json!({"sub": "2BD8kWzN…", "name": "김예시", "cn": "김예시", "inst_code": "1741000", "instCode": "1741000",
            "department": "디지털정부과", "position": "사무관", "employee_number": "2026-00001"})),
        (status = UNAUTHORIZED, description = "`invalid_token`: unknown, expired, or the session was ended")))]
pub(super) async fn userinfo(State(platform): State<Arc<Platform>>, headers: HeaderMap) -> Response {
    match read(&platform, &headers).await {
        Ok(claims) => ([(CACHE_CONTROL, "no-store")], Json(claims)).into_response(),
        Err(Refused::NoToken) => {
            let challenge = HeaderValue::from_static(challenge_without_token(Scheme::Bearer));
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)], Json(Value::Object(Map::new())))
                .into_response()
        }
        Err(Refused::Token(error)) => {
            let challenge = HeaderValue::from_str(&error.www_authenticate(Scheme::Bearer));
            let mut response = super::token::oauth(&error);
            if let Ok(challenge) = challenge {
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        }
        Err(Refused::Problem(problem)) => problem.into_response(),
    }
}

enum Refused {
    NoToken,
    Token(OAuthError),
    Problem(Problem),
}

async fn read(platform: &Platform, headers: &HeaderMap) -> Result<Map<String, Value>, Refused> {
    let refused =
        || Refused::Token(OAuthError::new(Refusal::InvalidToken, "the token is unknown, expired or ended"));
    let value = headers.get(AUTHORIZATION).ok_or(Refused::NoToken)?;
    let value = value.to_str().map_err(|_| refused())?;
    let (scheme, token) = Scheme::parse_authorization(value).map_err(|_| refused())?;
    if scheme != Scheme::Bearer {
        return Err(refused());
    }
    let hash = keys::sha256(token.as_bytes()).to_vec();
    let found = session::by_token(&platform.store, hash, platform.now_ms()).await;
    let session = found.map_err(|error| Refused::Problem(error.into()))?.ok_or_else(refused)?;
    let broken = || Refused::Problem(Problem::internal("the claims of a session do not open"));
    let opened = open_under(token.as_bytes(), TOKEN_CLAIMS, &session.claims).map_err(|_| broken())?;
    let mut claims: Map<String, Value> = serde_json::from_slice(&opened).map_err(|_| broken())?;
    claims.insert("sub".to_owned(), Value::from(session.subject));
    Ok(claims)
}

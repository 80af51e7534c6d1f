//! What the provider publishes about itself, and userinfo.

use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use keys::JwkSet;
use openid::dpop::BoundToken;
use openid::error::{Scheme, challenge_without_token};
use openid::metadata::OpenIdProvider;
use openid::oidc::assertion::METHOD;
use openid::oidc::device::DEVICE_CODE;
use openid::{Code as Refusal, OAuthError};
use serde_json::{Map, Value};

use super::token::TokenFault;
use super::{TOKEN_CLAIMS, authentication, claims, session};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::server_keys::KeyName;
use crate::verification::open_under;

/// How a client proves itself where a public one has no business.
const CONFIDENTIAL: [&str; 3] = ["client_secret_basic", "client_secret_post", METHOD];
/// How long relying parties may keep discovery and keys.
const CACHE: &str = "public, max-age=300";

/// A document that stays the same while this process runs, with the mark by which a reader knows that it has it.
#[derive(Debug)]
pub(super) struct Document {
    text: Arc<str>,
    etag: HeaderValue,
}

impl Document {
    fn of<T: serde::Serialize>(value: &T) -> Option<Document> {
        let text = serde_json::to_string(value).ok()?;
        let hash = keys::encoding::b64url_encode(&keys::sha256(text.as_bytes()));
        let etag = HeaderValue::from_str(&format!("\"{}\"", hash.get(..22)?)).ok()?;
        Some(Document { text: text.into(), etag })
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let head = [(CACHE_CONTROL, HeaderValue::from_static(CACHE)), (ETAG, self.etag.clone())];
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut marks =
            known.flat_map(|value| value.split(',')).map(|mark| mark.trim().trim_start_matches("W/"));
        if marks.any(|mark| mark == "*" || mark.as_bytes() == self.etag.as_bytes()) {
            return (StatusCode::NOT_MODIFIED, head).into_response();
        }
        let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (head, kind, self.text.to_string()).into_response()
    }
}

fn remembered<T: serde::Serialize>(
    place: &OnceLock<Document>,
    make: impl FnOnce() -> Option<T>,
) -> Option<&Document> {
    if let Some(document) = place.get() {
        return Some(document);
    }
    let document = Document::of(&make()?)?;
    Some(place.get_or_init(|| document))
}

/// The provider's metadata (OpenID Connect Discovery 1.0 §4).
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "login",
    responses((status = OK, description = "OpenID provider metadata", body = Object),
        (status = NOT_MODIFIED, description = "The reader has it")))]
pub(super) async fn configuration(State(platform): State<Arc<Platform>>, headers: HeaderMap) -> Response {
    let make = || {
        let login = &platform.config.login;
        let devices = !login.networks.is_empty();
        let mut metadata = metadata(platform.config.public.origin());
        if devices {
            metadata.grant_types_supported.push(DEVICE_CODE.to_owned());
            metadata.device_authorization_endpoint =
                Some(format!("{}/oidc/device", platform.config.public.origin()));
        }
        Some(metadata)
    };
    match remembered(&platform.local.login.configuration, make) {
        Some(document) => document.answer(&headers),
        None => Problem::internal("the metadata can't be written").into_response(),
    }
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
        pushed_authorization_request_endpoint: Some(format!("{issuer}/oidc/par")),
        introspection_endpoint: Some(format!("{issuer}/oidc/introspect")),
        revocation_endpoint: Some(format!("{issuer}/oidc/revoke")),
        end_session_endpoint: Some(format!("{issuer}/oidc/logout")),
        scopes_supported: list(&claims::SCOPES),
        response_types_supported: list(&["code"]),
        response_modes_supported: list(&["query"]),
        grant_types_supported: list(&["authorization_code", "refresh_token"]),
        acr_values_supported: list(&super::ACRS.map(|(acr, _)| acr)),
        subject_types_supported: list(&["pairwise", "public"]),
        id_token_signing_alg_values_supported: list(&["ES256", "RS256"]),
        token_endpoint_auth_methods_supported: list(&[
            "client_secret_basic",
            "client_secret_post",
            METHOD,
            "none",
        ]),
        token_endpoint_auth_signing_alg_values_supported: list(&["ES256"]),
        introspection_endpoint_auth_methods_supported: list(&CONFIDENTIAL),
        introspection_endpoint_auth_signing_alg_values_supported: list(&["ES256"]),
        revocation_endpoint_auth_methods_supported: list(&[
            "client_secret_basic",
            "client_secret_post",
            METHOD,
            "none",
        ]),
        revocation_endpoint_auth_signing_alg_values_supported: list(&["ES256"]),
        request_object_signing_alg_values_supported: list(&["ES256"]),
        dpop_signing_alg_values_supported: list(&["ES256"]),
        claims_parameter_supported: true,
        request_parameter_supported: true,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        code_challenge_methods_supported: list(&["S256"]),
        claims_supported: list(&claims::SUPPORTED),
        prompt_values_supported: list(&["none", "login", "consent", "select_account"]),
        ui_locales_supported: list(&["ko", "en"]),
        authorization_response_iss_parameter_supported: true,
        ..OpenIdProvider::default()
    }
}

/// The keys that sign ID tokens.
#[utoipa::path(get, path = "/oidc/jwks", tag = "login",
    responses((status = OK, description = "A JWK Set (RFC 7517)", body = Object),
        (status = NOT_MODIFIED, description = "The reader has it")))]
pub(super) async fn jwks(State(platform): State<Arc<Platform>>, headers: HeaderMap) -> Response {
    match remembered(&platform.local.login.jwks, || key_set(&platform)) {
        Some(document) => document.answer(&headers),
        None => Problem::internal("a key of the provider is missing").into_response(),
    }
}

pub(super) fn key_set(platform: &Platform) -> Option<JwkSet> {
    let elliptic = platform.keys.signer(KeyName::OpEs256).ok()?;
    let kid = elliptic.public_key().thumbprint();
    let elliptic = elliptic.public_key().to_jwk().with_kid(kid).with_alg("ES256").with_use("sig");
    let rsa = platform.keys.rsa().jwk().clone();
    let kid = rsa.thumbprint().ok()?;
    let rsa = rsa.with_kid(kid).with_alg("RS256").with_use("sig");
    let mut keys = vec![elliptic, rsa];
    for key in platform.keys.beside() {
        let alg = if key.kty == "RSA" { "RS256" } else { "ES256" };
        keys.push(key.clone().with_kid(key.thumbprint().ok()?).with_alg(alg).with_use("sig"));
    }
    Some(JwkSet { keys })
}

/// What the relying party of an access token may know about its holder (OpenID Connect Core §5.3).
#[utoipa::path(get, path = "/oidc/userinfo", tag = "login",
    responses((status = OK, description = "Claims", body = Object,
        example = json!({"sub": "2BD8kWzN…", "name": "김예시", "cn": "김예시", "inst_code": "1741000", "instCode": "1741000",
            "department": "디지털정부과", "position": "사무관", "employee_number": "2026-00001"})),
        (status = UNAUTHORIZED, description = "`invalid_token`: unknown, expired, or the session was ended")))]
pub(super) async fn userinfo(
    State(platform): State<Arc<Platform>>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    match read(&platform, &method, &headers).await {
        Ok(claims) => ([(CACHE_CONTROL, "no-store")], Json(claims)).into_response(),
        Err(Refused::NoToken) => {
            let mut response = (StatusCode::UNAUTHORIZED, Json(Value::Object(Map::new()))).into_response();
            for scheme in [Scheme::Bearer, Scheme::Dpop] {
                let challenge = HeaderValue::from_static(challenge_without_token(scheme));
                response.headers_mut().append(WWW_AUTHENTICATE, challenge);
            }
            response
        }
        Err(Refused::Token(scheme, error)) => {
            let error = error.at_resource();
            let challenge = HeaderValue::from_str(&error.www_authenticate(scheme));
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
    Token(Scheme, OAuthError),
    Problem(Problem),
}

async fn read(
    platform: &Platform,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Map<String, Value>, Refused> {
    let refused = |scheme| {
        Refused::Token(
            scheme,
            OAuthError::new(Refusal::InvalidToken, "the token is unknown, expired or ended"),
        )
    };
    let value = headers.get(AUTHORIZATION).ok_or(Refused::NoToken)?;
    let value = value.to_str().map_err(|_| refused(Scheme::Bearer))?;
    let (scheme, token) = Scheme::parse_authorization(value).map_err(|_| refused(Scheme::Bearer))?;
    let found = session::by_token(&platform.store, token, platform.now_ms()).await;
    let session = found.map_err(|error| Refused::Problem(error.into()))?.ok_or_else(|| refused(scheme))?;
    match (&session.jkt, scheme) {
        (None, Scheme::Bearer) => {}
        (Some(jkt), Scheme::Dpop) => {
            let bound = BoundToken { access_token: token, jkt };
            let proofs =
                authentication::token_proof(platform, headers, method.as_str(), "/oidc/userinfo", bound)
                    .map_err(|error| Refused::Token(scheme, error))?;
            proofs.consume_alone(platform).await.map_err(|fault| match fault {
                TokenFault::OAuth(error) => Refused::Token(scheme, error),
                TokenFault::Store(error) => Refused::Problem(error.into()),
                TokenFault::Internal(cause) => Refused::Problem(Problem::internal(cause)),
            })?;
        }
        // A bound token shown as a bearer token is one that somebody copied (RFC 9449 §7.2), and the other way round it
        // was never bound.
        _ => return Err(refused(scheme)),
    }
    let broken = || Refused::Problem(Problem::internal("the claims of a session do not open"));
    let opened = open_under(token.as_bytes(), TOKEN_CLAIMS, &session.claims).map_err(|_| broken())?;
    let mut claims: Map<String, Value> = serde_json::from_slice(&opened).map_err(|_| broken())?;
    claims.insert("sub".to_owned(), Value::from(session.subject));
    Ok(claims)
}

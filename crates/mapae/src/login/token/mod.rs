//! The token endpoint: a code, a refresh token or a device code, with the client's proof of being itself, for tokens.

mod code;
mod device;
mod refresh;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use keys::Zeroizing;
use openid::approval::Level;
use openid::error::Scheme;
use openid::form::Form;
use openid::oidc::device::device_code;
use openid::token::TokenRequest;
use openid::{Code as Refusal, OAuthError};
use serde::Serialize;

use super::authentication::{self, Caller};
use super::claims::ClaimSet;
use super::ticket::{Refresh, Ticket};
use super::{TOKEN_CLAIMS, id_token};
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::verification::{Seed, seal_under};

/// Where tokens are given.
const PATH: &str = "/oidc/token";
/// Largest token request, in bytes.
pub(super) const MAX_REQUEST: usize = 16 * 1024;
/// Where claims lie sealed until the session is refreshed.
const REFRESH_CLAIMS: &str = "login_session/refresh_claims";

/// Why no token was given.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenFault {
    /// An error that the standard names.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something of ours is broken.
    #[error("{0}")]
    Internal(&'static str),
}

impl IntoResponse for TokenFault {
    fn into_response(self) -> Response {
        match self {
            TokenFault::OAuth(error) => oauth(&error),
            TokenFault::Store(error) => Problem::from(error).into_response(),
            TokenFault::Internal(cause) => Problem::internal(cause).into_response(),
        }
    }
}

/// An OAuth error as JSON (RFC 6749 §5.2).
pub(super) fn oauth(error: &OAuthError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = (status, [(CACHE_CONTROL, "no-store")], Json(error)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Basic realm=\"mapae\""));
    }
    response
}

/// A token response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3 and §12.2).
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Tokens {
    /// For userinfo and resource servers.
    access_token: String,
    /// `Bearer`, or `DPoP` where it is bound to a key (RFC 9449 §5).
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
    /// For the next tokens, where the relying party is registered for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// The scope granted.
    scope: String,
    /// Who logged in, signed.
    id_token: String,
    /// The ID token's `sid` once more. Keycloak, as a broker, finds the session that a logout token names by this alone
    /// (its issue 12142); everybody else ignores what it does not know (RFC 6749 §5.1).
    session_state: String,
}

/// Gives tokens for a code, a refresh token or a device code.
#[utoipa::path(post, path = "/oidc/token", tag = "login",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        example = "grant_type=authorization_code&code=AQAAAAE…&redirect_uri=http%3A%2F%2Flocalhost%3A8603%2Fcallback&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    responses((status = OK, body = Tokens), (status = BAD_REQUEST, description = "An OAuth error: `invalid_request`, `invalid_grant`, `invalid_scope`, `invalid_dpop_proof`, `unauthorized_client`, `unsupported_grant_type`, `authorization_pending`, `slow_down`, `access_denied`, `expired_token`"),
        (status = UNAUTHORIZED, description = "`invalid_client`")))]
pub(super) async fn token(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TokenFault> {
    let form = Form::parse_bounded(&body, MAX_REQUEST).map_err(OAuthError::from)?;
    let mut caller = authentication::caller(&platform, &headers, &form, PATH).await?;
    caller.bind(&platform, &headers, PATH)?;
    let tokens = match device_code(&form)? {
        Some(device_code) => device::redeem(&platform, &caller, device_code).await?,
        None => match TokenRequest::parse(&form)? {
            TokenRequest::AuthorizationCode(grant) => code::redeem(&platform, &caller, &grant).await?,
            TokenRequest::Refresh(grant) => refresh::redeem(&platform, &caller, &grant).await?,
            TokenRequest::PreAuthorizedCode(_) => {
                let why = "this grant type is not offered here";
                return Err(OAuthError::new(Refusal::UnsupportedGrantType, why).into());
            }
        },
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(tokens)).into_response())
}

fn refused(why: &'static str) -> TokenFault {
    TokenFault::from(OAuthError::new(Refusal::InvalidGrant, why))
}

/// Fresh tokens for claims, before a row says that they count.
struct Minted {
    access_token: String,
    /// The claims, sealed under the access token.
    claims: Vec<u8>,
    /// When the access token ends, in milliseconds.
    expires_ms: i64,
}

impl Minted {
    /// Makes an access token that ends with its session at the latest.
    fn new(claims: &Zeroizing<Vec<u8>>, now_ms: i64, ends_ms: i64) -> Minted {
        let access_token = keys::random::token();
        Minted {
            claims: seal_under(access_token.as_bytes(), TOKEN_CLAIMS, claims),
            expires_ms: now_ms.saturating_add(limits::LOGIN_SESSION.get()).min(ends_ms),
            access_token,
        }
    }

    fn hash(&self) -> Vec<u8> {
        keys::sha256(self.access_token.as_bytes()).to_vec()
    }
}

/// The claims as they lie under a refresh token.
fn seal_for_refresh(seed: &Seed, claims: &Zeroizing<Vec<u8>>) -> Vec<u8> {
    seal_under(&*seed.derive("claims"), REFRESH_CLAIMS, claims)
}

/// A session whose tokens count now, as the response tells it.
struct Opened<'a> {
    session: &'a str,
    subject: &'a str,
    level: Level,
    authenticated_ms: i64,
    nonce: Option<String>,
    scope: String,
    in_id_token: ClaimSet,
    claims: &'a Zeroizing<Vec<u8>>,
    refresh: Option<(Refresh, i64)>,
}

impl Opened<'_> {
    /// The response, with a freshly signed ID token.
    fn tell(
        self,
        platform: &Platform,
        caller: &Caller,
        minted: Minted,
        now_ms: i64,
    ) -> Result<Tokens, TokenFault> {
        let known = serde_json::from_slice(self.claims)
            .map_err(|_| TokenFault::Internal("the claims of a session can't be read"))?;
        let login = id_token::Login {
            subject: self.subject,
            level: self.level,
            authenticated_ms: self.authenticated_ms,
            nonce: self.nonce,
            session: self.session,
            access_token: &minted.access_token,
            claims: self.in_id_token.of_claims(&known),
        };
        let id_token = id_token::sign(platform, &caller.party, login, now_ms.div_euclid(1_000))
            .map_err(|_| TokenFault::Internal("the ID token could not be signed"))?;
        let refresh_token = self
            .refresh
            .map(|(ticket, until)| ticket.seal(platform, until))
            .transpose()
            .map_err(|_| TokenFault::Internal("a refresh token could not be sealed"))?;
        let scheme = if caller.proofs.jkt().is_some() { Scheme::Dpop } else { Scheme::Bearer };
        Ok(Tokens {
            expires_in: minted.expires_ms.saturating_sub(now_ms) / 1_000,
            access_token: minted.access_token,
            token_type: scheme.name(),
            refresh_token,
            scope: self.scope,
            id_token,
            session_state: self.session.to_owned(),
        })
    }
}

//! The token endpoint: a code, its verifier and the client's proof of being itself, for an ID token and an access token.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use openid::form::Form;
use openid::oidc::ClientCredentials;
use openid::token::{AuthorizationCodeGrant, TokenRequest};
use openid::{Code as Refusal, OAuthError};
use serde::Serialize;

use super::session::{self, NewSession, Redeemed};
use super::ticket::{Code, Ticket};
use super::{CODE_CLAIMS, TOKEN_CLAIMS, claims, id_token};
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, id, limits};
use crate::verification::relying_party::{self, RelyingParty};
use crate::verification::{open_under, seal_under};

/// Largest token request, in bytes.
const MAX_REQUEST: usize = 16 * 1024;

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

/// A token response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Tokens {
    /// For userinfo, as a bearer token.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
    /// The scope granted.
    scope: String,
    /// Who logged in, signed.
    id_token: String,
}

/// Redeems an authorization code.
#[utoipa::path(post, path = "/oidc/token", tag = "login",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        example = "grant_type=authorization_code&code=AQAAAAE…&redirect_uri=http%3A%2F%2Flocalhost%3A8603%2Fcallback&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    responses((status = OK, body = Tokens), (status = BAD_REQUEST, description = "An OAuth error: `invalid_request`, `invalid_grant`, `unsupported_grant_type`"),
        (status = UNAUTHORIZED, description = "`invalid_client`")))]
pub(super) async fn token(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TokenFault> {
    let form = Form::parse_bounded(&body, MAX_REQUEST).map_err(OAuthError::from)?;
    let party = client(&platform, &headers, &form).await?;
    let grant = match TokenRequest::parse(&form)? {
        TokenRequest::AuthorizationCode(grant) => grant,
        _ => {
            return Err(
                OAuthError::new(Refusal::UnsupportedGrantType, "only authorization_code is offered").into()
            );
        }
    };
    let tokens = redeem(&platform, &party, &grant).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(tokens)).into_response())
}

/// The client of a request: `client_secret_basic`, `client_secret_post`, or `none` for one that is registered without a
/// secret.
async fn client(platform: &Platform, headers: &HeaderMap, form: &Form) -> Result<RelyingParty, TokenFault> {
    let refused = || OAuthError::new(Refusal::InvalidClient, "client authentication failed");
    let header = headers.get(AUTHORIZATION).map(|value| value.to_str()).transpose().map_err(|_| refused())?;
    let credentials = ClientCredentials::read(header, form)?;
    let party = relying_party::find(&platform.store, &credentials.client_id).await?.ok_or_else(refused)?;
    let itself = match &credentials.client_secret {
        Some(secret) => party.secret_matches(secret),
        None => party.is_public(),
    };
    if itself { Ok(party) } else { Err(refused().into()) }
}

/// Judges the code, consumes it in one commit, then signs.
async fn redeem(
    platform: &Platform,
    party: &RelyingParty,
    grant: &AuthorizationCodeGrant,
) -> Result<Tokens, TokenFault> {
    let refused = |why: &'static str| TokenFault::from(OAuthError::new(Refusal::InvalidGrant, why));
    let code = Code::open(platform, &grant.code).map_err(|_| refused("the code is unknown or expired"))?;
    code.grant.redeem(grant, &party.client(&claims::SCOPES), None)?;

    let attempt = code.seed.id();
    let found = session::redeemable(&platform.store, &attempt).await?;
    let access_token = keys::random::token();
    let now_ms = platform.now_ms();
    let (sealed, known) = match &found {
        // A code that was redeemed before has no claims any more; the transaction finds that out and ends its session.
        Some(found) if !found.grant.claims.is_empty() => {
            let opened = open_under(&*code.seed.derive("claims"), CODE_CLAIMS, &found.grant.claims)
                .map_err(|_| TokenFault::Internal("the claims of a code do not open"))?;
            (seal_under(access_token.as_bytes(), TOKEN_CLAIMS, &opened), true)
        }
        _ => (Vec::new(), false),
    };
    let new = NewSession {
        id: id::new(),
        attempt,
        token_hash: keys::sha256(access_token.as_bytes()).to_vec(),
        claims: sealed,
        expires_ms: now_ms.saturating_add(limits::LOGIN_SESSION.get()),
    };
    let (session_id, badge, client_id) =
        (new.id.clone(), found.as_ref().map(|found| found.grant.badge.clone()), party.id.clone());
    let redeemed = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let redeemed = session::redeem(tx, &new, known, now_ms).await?;
                if redeemed == Redeemed::Replayed {
                    super::record(
                        tx,
                        "login.code_replayed",
                        badge.as_deref(),
                        &client_id,
                        serde_json::json!({}),
                    )
                    .await?;
                }
                Ok::<_, TokenFault>(redeemed)
            })
        })
        .await?;
    match (redeemed, found) {
        (Redeemed::Open, Some(found)) => {
            let token = id_token::sign(platform, party, &code, &found, &access_token, now_ms / 1_000)
                .map_err(|_| TokenFault::Internal("the ID token could not be signed"))?;
            tracing::debug!(session = %session_id, "a login was completed");
            Ok(Tokens {
                access_token,
                token_type: "Bearer",
                expires_in: limits::LOGIN_SESSION.get() / 1_000,
                scope: code.grant.scopes.join(" "),
                id_token: token,
            })
        }
        (Redeemed::Replayed, _) => Err(refused("the code was used before; its tokens are revoked")),
        _ => Err(refused("the code is unknown or expired")),
    }
}

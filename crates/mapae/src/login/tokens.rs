//! What may be asked and done about tokens: introspection (RFC 7662) and revocation (RFC 7009).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use openid::error::{MAX_ACCESS_TOKEN, Scheme};
use openid::form::Form;
use openid::oidc::{Confirmation, Introspection};
use openid::{Code as Refusal, OAuthError};
use serde_json::{Map, Value, json};

use super::authentication::{self, Caller};
use super::claims::ClaimSet;
use super::logout::Tell;
use super::session::{self, Session};
use super::ticket::{Refresh, Ticket};
use super::token::{MAX_REQUEST, TokenFault};
use super::{TOKEN_CLAIMS, acr};
use crate::operations::Platform;
use crate::operations::store::StoreError;
use crate::verification::open_under;

const INTROSPECT: &str = "/oidc/introspect";
const REVOKE: &str = "/oidc/revoke";

/// A token of either kind, with its session.
enum Found {
    Access(Session),
    /// The one that counts.
    Refresh(Session),
    /// One of a session that has another by now.
    OldRefresh(Session),
}

impl Found {
    fn session(&self) -> &Session {
        match self {
            Found::Access(session) | Found::Refresh(session) | Found::OldRefresh(session) => session,
        }
    }
}

async fn find(platform: &Platform, token: &str) -> Result<Option<Found>, StoreError> {
    let now_ms = platform.now_ms();
    if let Some(session) = session::by_token(&platform.store, token, now_ms).await? {
        return Ok(Some(Found::Access(session)));
    }
    let Ok(ticket) = Refresh::open(platform, token) else { return Ok(None) };
    let session = session::by_id(&platform.store, &ticket.session, now_ms).await?;
    Ok(session.map(|session| match session.refreshed == ticket.number {
        true => Found::Refresh(session),
        false => Found::OldRefresh(session),
    }))
}

async fn read(
    platform: &Platform,
    headers: &HeaderMap,
    body: &[u8],
    path: &str,
) -> Result<(Caller, String), TokenFault> {
    let form = Form::parse_bounded(body, MAX_REQUEST).map_err(OAuthError::from)?;
    let caller = authentication::caller(platform, headers, &form, path).await?;
    let token = form.require("token")?;
    if token.len() > MAX_ACCESS_TOKEN {
        return Err(OAuthError::new(Refusal::InvalidRequest, "token is too long").into());
    }
    let token = token.to_owned();
    caller.proofs.consume_alone(platform).await?;
    Ok((caller, token))
}

/// Tells a confidential client about a token: its own, or one of a client whose resources it serves.
#[utoipa::path(post, path = "/oidc/introspect", tag = "login",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", example = "token=kz8…"),
    responses((status = OK, description = "An introspection response (RFC 7662)", body = Object,
        example = json!({"active": true, "scope": "openid badge", "client_id": "mail", "token_type": "Bearer",
            "sub": "2BD8kWzN…", "acr": "urn:mapae:acr:base", "preferred_username": "2026-00001"})),
        (status = BAD_REQUEST, description = "`invalid_request`"), (status = UNAUTHORIZED, description = "`invalid_client`")))]
pub(super) async fn introspect(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TokenFault> {
    let (caller, token) = read(&platform, &headers, &body, INTROSPECT).await?;
    if !caller.is_confidential() {
        return Err(OAuthError::new(Refusal::InvalidClient, "a public client can't ask about tokens").into());
    }
    let found = find(&platform, &token).await?.filter(|found| {
        let party = &found.session().party;
        *party == caller.party.id || caller.settings.introspects.contains(party)
    });
    let told = match &found {
        // Whose token it is not learns the same as of a token that never was (§2.2).
        None | Some(Found::OldRefresh(_)) => Introspection::default(),
        Some(Found::Access(session)) => Introspection {
            token_type: Some(
                if session.jkt.is_some() { Scheme::Dpop } else { Scheme::Bearer }.name().to_owned(),
            ),
            exp: Some(session.expires_ms.div_euclid(1_000)),
            cnf: session.jkt.clone().map(|jkt| Confirmation { jkt }),
            claims: claims(&caller, session, &token)?,
            ..about(&platform, session)
        },
        Some(Found::Refresh(session)) => {
            Introspection { exp: Some(session.ends_ms.div_euclid(1_000)), ..about(&platform, session) }
        }
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(told)).into_response())
}

fn about(platform: &Platform, session: &Session) -> Introspection {
    Introspection {
        active: true,
        scope: Some(session.scope.clone()),
        client_id: Some(session.party.clone()),
        iss: Some(platform.config.public.origin().to_owned()),
        sub: Some(session.subject.clone()),
        iat: Some(session.token_ms.div_euclid(1_000)),
        auth_time: Some(session.authenticated_ms.div_euclid(1_000)),
        acr: Some(acr(session.level).to_owned()),
        sid: Some(session.id.clone()),
        ..Introspection::default()
    }
}

/// The claims that the token opens and the caller is registered for itself.
fn claims(caller: &Caller, session: &Session, token: &str) -> Result<Map<String, Value>, TokenFault> {
    let broken = |_| TokenFault::Internal("the claims of a session do not open");
    let opened = open_under(token.as_bytes(), TOKEN_CLAIMS, &session.claims).map_err(broken)?;
    let claims: Map<String, Value> =
        serde_json::from_slice(&opened).map_err(|_| TokenFault::Internal("claims can't be read"))?;
    Ok(ClaimSet::of_names(caller.party.claims.iter()).of_claims(&claims))
}

/// Gives a token back: its session ends, with every other token of it.
#[utoipa::path(post, path = "/oidc/revoke", tag = "login",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", example = "token=kz8…&token_type_hint=refresh_token"),
    responses((status = OK, description = "The token is worth nothing, whatever it was"),
        (status = BAD_REQUEST, description = "`invalid_request`"), (status = UNAUTHORIZED, description = "`invalid_client`")))]
pub(super) async fn revoke(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TokenFault> {
    let (caller, token) = read(&platform, &headers, &body, REVOKE).await?;
    let found = find(&platform, &token).await?.filter(|found| found.session().party == caller.party.id);
    if let Some(found) = found {
        let (id, badge, party) =
            (found.session().id.clone(), found.session().badge.clone(), caller.party.id.clone());
        platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let now_ms = tx.now_ms();
                    if session::end(tx, &id, "revoked", Tell::Nobody, now_ms).await? {
                        super::record(tx, "login.token_revoked", Some(&badge), &party, json!({})).await?;
                    }
                    Ok::<_, TokenFault>(())
                })
            })
            .await?;
    }
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response())
}

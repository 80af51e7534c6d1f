//! Pushed authorization requests (RFC 9126): judged when they come, kept by nobody.
//!
//! A `request_uri` is a sealed token with the judged request in it, so that who pushes a million of them fills no table. The
//! first browser that opens one consumes it; only that browser may open it again, as a reload does, and all its pages share
//! one answer.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use openid::form::Form;
use openid::oidc::{AuthorizeForm, PushedResponse};
use openid::{Code as Refusal, OAuthError};

use super::{MAX_REQUEST, judge, known_scopes, level};
use crate::login::authentication;
use crate::login::page::Browser;
use crate::login::ticket::{Pushed, Ticket};
use crate::login::token::TokenFault;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits, once};
use crate::verification::Seed;

/// Where requests are pushed.
pub(in crate::login) const PATH: &str = "/oidc/par";
/// What [`once`] calls pushed requests and the browsers that opened them.
const PUSHED: &str = "login-pushed";

/// The answer (RFC 9126 §2.2).
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = LoginPushed)]
struct Reply {
    /// For the authorization request, once.
    request_uri: String,
    /// Seconds.
    expires_in: u64,
}

/// Takes a pushed authorization request.
#[utoipa::path(post, path = "/oidc/par", tag = "login",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        example = "response_type=code&client_id=portal&redirect_uri=http%3A%2F%2Flocalhost%3A8603%2Fcallback&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"),
    responses((status = CREATED, body = Reply), (status = BAD_REQUEST, description = "An OAuth error"),
        (status = UNAUTHORIZED, description = "`invalid_client`")))]
pub(in crate::login) async fn push(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TokenFault> {
    let form = Form::parse_bounded(&body, MAX_REQUEST).map_err(OAuthError::from)?;
    let mut caller = authentication::caller(&platform, &headers, &form, PATH).await?;
    if form.get("request_uri").is_some() {
        return Err(OAuthError::new(Refusal::InvalidRequest, "a pushed request has no request_uri").into());
    }
    if headers.contains_key("dpop") {
        caller.bind(&platform, &headers, PATH)?;
    }
    let mut inner = Form::default();
    for (name, value) in
        form.iter().filter(|(name, _)| !name.starts_with("client_assertion") && *name != "client_secret")
    {
        inner.push(name, value);
    }
    if inner.get("client_id").is_none() {
        inner.push("client_id", &caller.party.id);
    }
    let asked = AuthorizeForm::from_form(known_scopes(inner)).map_err(|refusal| refusal.error().clone())?;
    let (mut request, _) = judge(&platform, &caller.party, &caller.settings, &asked)
        .await
        .map_err(|refusal| refusal.error().clone())?;
    level(&caller.party, &request)?;
    // The key of a proof beside the request is the one that the code will be bound to (RFC 9449 §10.1).
    match (caller.proofs.jkt(), &request.dpop_jkt) {
        (Some(proven), Some(named)) if proven != named => {
            return Err(
                OAuthError::new(Refusal::InvalidRequest, "dpop_jkt differs from the DPoP proof").into()
            );
        }
        (Some(proven), _) => request.dpop_jkt = Some(proven.to_owned()),
        (None, _) => {}
    }
    caller.proofs.consume_alone(&platform).await?;
    let life = limits::LOGIN_PUSHED;
    let until = platform.now_ms().saturating_add(life.get());
    let reference = Pushed { seed: Seed::fresh(), request }
        .seal(&platform, until)
        .map_err(|_| OAuthError::new(Refusal::InvalidRequest, "the request is too long"))?;
    let pushed = PushedResponse::new(&reference, life.duration().as_secs());
    let reply = Reply { request_uri: pushed.request_uri, expires_in: pushed.expires_in };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(reply)).into_response())
}

/// The request behind a reference, if it is one of ours, fresh, of this client, and no other browser has opened it.
pub(super) async fn take(
    platform: &Platform,
    reference: &str,
    client_id: &str,
    browser: &Browser,
) -> Result<Option<Pushed>, StoreError> {
    let Ok(pushed) = Pushed::open(platform, reference) else { return Ok(None) };
    if pushed.request.client_id != client_id {
        return Ok(None);
    }
    let id = pushed.seed.id();
    let mine = format!("{id} {}", browser.hash());
    let again = mine.clone();
    let until = platform.now_ms().saturating_add(limits::LOGIN_PUSHED.get());
    let first = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                Ok::<_, StoreError>(
                    once::consume(tx, PUSHED, &id, until).await?
                        && once::consume(tx, PUSHED, &mine, until).await?,
                )
            })
        })
        .await?;
    let allowed = first || once::is_consumed(&platform.store, PUSHED, &again).await?;
    Ok(allowed.then_some(pushed))
}

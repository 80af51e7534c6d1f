//! The authorization endpoint (OpenID Connect Core §3.1.2, RFC 6749 §4.1.1, RFC 7636, RFC 9207).
//!
//! Two kinds of refusal: where client or redirect URI are not known to be a relying party's own, a page, and never a
//! redirect; everything else goes back to the relying party with its `state` and our `iss`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use openid::approval::Level;
use openid::form::Form;
use openid::oidc::{AuthorizationRequest, AuthorizeForm, AuthorizeRefusal};
use openid::{Code as Refusal, OAuthError};

use super::page::{self, Browser, PageError, PageState};
use super::ticket::{Start, Ticket};
use super::{ACR_PIN, claims};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Language, Page};
use crate::verification::Seed;
use crate::verification::relying_party::{self, RelyingParty};

/// Largest authorization request, in bytes.
const MAX_REQUEST: usize = 16 * 1024;
/// Longest `state`; it travels in the page's ticket.
const MAX_STATE: usize = 512;
/// Longest `nonce`.
const MAX_NONCE: usize = 256;

/// An authorization request by GET.
pub(super) async fn by_get(
    State(platform): State<Arc<Platform>>,
    page: Page,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    authorize(&platform, page, &headers, query.unwrap_or_default().as_bytes()).await
}

/// An authorization request by POST.
pub(super) async fn by_post(
    State(platform): State<Arc<Platform>>,
    page: Page,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    authorize(&platform, page, &headers, &body).await
}

async fn authorize(platform: &Platform, mut page: Page, headers: &HeaderMap, encoded: &[u8]) -> Response {
    let Ok(request) = Form::parse_bounded(encoded, MAX_REQUEST).map(known_scopes) else {
        return page::fault(page, |text| &text.bad_request, "invalid_request");
    };
    let Ok(form) = AuthorizeForm::from_form(request) else {
        return page::fault(page, |text| &text.bad_client, "login_party_unknown");
    };
    let party = match relying_party::find(&platform.store, form.client_id()).await {
        Ok(Some(party)) => party,
        Ok(None) => return page::fault(page, |text| &text.bad_client, "login_party_unknown"),
        Err(error) => return Problem::from(error).into_response(),
    };
    let issuer = platform.config.public.origin();
    let request = match form.validate(&party.client(&claims::SCOPES), issuer) {
        Ok(request) => request,
        Err(AuthorizeRefusal::Page(_)) => {
            return page::fault(page, |text| &text.bad_redirect, "login_redirect_unknown");
        }
        Err(AuthorizeRefusal::Redirect { location, .. }) => return page::see_other(&location),
    };
    if let Some(language) = request.ui_locales.iter().find_map(|tag| language(tag)) {
        page.lang = language;
    }
    let browser = Browser::of(headers);
    let start = match start(platform, &party, &request, &browser) {
        Ok(start) => start,
        Err(error) => return page::see_other(&request.failure(&error, issuer)),
    };
    // The ticket outlives the page's time, so that an expired page can still say how to begin anew.
    let until = start.expires_ms().saturating_add(limits::LOGIN_PAGE_KEPT.get());
    let shown = start
        .seal(platform, until)
        .map_err(PageError::from)
        .and_then(|login| page::show(platform, page, &party, &start, &login, PageState::Waiting));
    match shown {
        Ok(mut response) => {
            browser.remember(&mut response);
            response
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The request without the scopes that nobody here knows: those are to be ignored (OpenID Connect Core §3.1.2.1).
fn known_scopes(form: Form) -> Form {
    let mut known = Form::default();
    for (name, value) in form.iter() {
        if name == "scope" {
            let words: Vec<&str> = value.split(' ').filter(|word| claims::SCOPES.contains(word)).collect();
            known.push(name, &words.join(" "));
        } else {
            known.push(name, value);
        }
    }
    known
}

/// Makes the login of a judged request.
fn start(
    platform: &Platform,
    party: &RelyingParty,
    request: &AuthorizationRequest,
    browser: &Browser,
) -> Result<Start, OAuthError> {
    for (name, value, longest) in [("state", &request.state, MAX_STATE), ("nonce", &request.nonce, MAX_NONCE)]
    {
        if value.as_ref().is_some_and(|value| value.len() > longest) {
            return Err(OAuthError::new(Refusal::InvalidRequest, format!("{name} is too long")));
        }
    }
    if request.is_silent() {
        return Err(OAuthError::new(Refusal::LoginRequired, "every login is approved on the phone"));
    }
    let stronger = request.acr_values.iter().any(|value| value == ACR_PIN);
    Ok(Start {
        seed: Seed::fresh(),
        browser: browser.hash(),
        grant: request.grant(),
        state: request.state.clone(),
        level: if stronger { Level::Pin } else { party.acr },
        at_ms: platform.now_ms(),
    })
}

/// One of our languages by its tag, region left out.
fn language(tag: &str) -> Option<Language> {
    let primary = tag.split('-').next().unwrap_or_default();
    Language::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
}

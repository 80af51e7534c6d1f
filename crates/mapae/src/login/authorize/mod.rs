//! The authorization endpoint (OpenID Connect Core §3.1.2, RFC 6749 §4.1.1, RFC 7636, RFC 9101, RFC 9126, RFC 9207).
//!
//! Two kinds of refusal: where client or redirect URI are not known to be a relying party's own, a page, and never a
//! redirect; everything else goes back to the relying party with its `state` and our `iss`.

mod pushed;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use openid::approval::Level;
use openid::form::Form;
use openid::oidc::{AuthorizationRequest, AuthorizeForm, AuthorizeRefusal, ClaimsRequest, RequestObject};
use openid::{Code as Refusal, OAuthError};

pub(super) use self::pushed::{__path_push, push};
use super::authentication::{self, registered};
use super::claims::ClaimSet;
use super::page::{self, Browser, PageError, PageState};
use super::registration::ClientSettings;
use super::ticket::{Pushed, Start, Ticket};
use super::token::TokenFault;
use super::{ACRS, claims, client_keys, id_token};
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::pages::{Language, Page};
use crate::staff::Source;
use crate::verification::Seed;
use crate::verification::relying_party::RelyingParty;

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
    Source(peer): Source,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    authorize(&platform, page, &headers, peer, query.unwrap_or_default().as_bytes()).await
}

/// An authorization request by POST.
pub(super) async fn by_post(
    State(platform): State<Arc<Platform>>,
    page: Page,
    Source(peer): Source,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    authorize(&platform, page, &headers, peer, &body).await
}

async fn authorize(
    platform: &Platform,
    mut page: Page,
    headers: &HeaderMap,
    peer: IpAddr,
    encoded: &[u8],
) -> Response {
    let Ok(request) = Form::parse_bounded(encoded, MAX_REQUEST).map(known_scopes) else {
        return page::fault(page, |text| &text.bad_request, "invalid_request");
    };
    let Ok(form) = AuthorizeForm::from_form(request) else {
        return page::fault(page, |text| &text.bad_client, "login_party_unknown");
    };
    let (party, settings) = match registered(platform, form.client_id()).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            return match authentication::has_expired(platform, form.client_id()).await {
                Ok(true) => page::fault(page, |text| &text.party_expired, "login_party_expired"),
                Ok(false) => page::fault(page, |text| &text.bad_client, "login_party_unknown"),
                Err(error) => Problem::from(error).into_response(),
            };
        }
        Err(error) => return Problem::from(error).into_response(),
    };
    let browser = Browser::of(headers);
    let begun = begin(platform, &party, &settings, &form, &browser).await;
    let (seed, request, by_party) = match begun {
        Ok(begun) => begun,
        Err(Unbegun::Told(AuthorizeRefusal::Redirect { location, .. })) => return page::see_other(&location),
        Err(Unbegun::Told(AuthorizeRefusal::Page(error))) => {
            return match error.error {
                Refusal::InvalidRequestUri => {
                    page::fault(page, |text| &text.expired, "login_request_uri_unknown")
                }
                Refusal::InvalidRequestObject => {
                    page::fault(page, |text| &text.bad_request, "login_request_object")
                }
                _ => page::fault(page, |text| &text.bad_redirect, "login_redirect_unknown"),
            };
        }
        Err(Unbegun::Store(error)) => return Problem::from(error).into_response(),
    };
    if let Some(language) = request.ui_locales.iter().find_map(|tag| language(tag)) {
        page.lang = language;
    }
    let issuer = platform.config.public.origin();
    let network = platform.config.login.network_for(&party, peer, headers);
    let start = match start(platform, &party, &request, &browser) {
        Ok(start) => {
            Start { seed: seed.unwrap_or(start.seed), network, by_party: by_party || start.by_party, ..start }
        }
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

/// Why a request led to no login.
enum Unbegun {
    Told(AuthorizeRefusal),
    Store(StoreError),
}

impl From<StoreError> for Unbegun {
    fn from(error: StoreError) -> Unbegun {
        Unbegun::Store(error)
    }
}

/// The judged request, whichever way it came: pushed, signed, or in the address; whether only the relying party can begin
/// it anew, and the seed that a pushed one brings along.
async fn begin(
    platform: &Platform,
    party: &RelyingParty,
    settings: &ClientSettings,
    form: &AuthorizeForm,
    browser: &Browser,
) -> Result<(Option<Seed>, AuthorizationRequest, bool), Unbegun> {
    if let Some(reference) = form.pushed() {
        let pushed = pushed::take(platform, reference, &party.id, browser).await?;
        let unknown = || {
            let why = "request_uri is unknown, expired or used";
            Unbegun::Told(AuthorizeRefusal::Page(OAuthError::new(Refusal::InvalidRequestUri, why)))
        };
        let Pushed { seed, request } = pushed.ok_or_else(unknown)?;
        // The registration may have changed since.
        if !party.client(&claims::SCOPES).redirects_to(&request.redirect_uri) {
            let why = "redirect_uri is not registered for this client";
            return Err(Unbegun::Told(AuthorizeRefusal::Page(OAuthError::new(Refusal::InvalidRequest, why))));
        }
        return Ok((Some(seed), request, true));
    }
    let issuer = platform.config.public.origin();
    let client = party.client(&claims::SCOPES);
    if settings.must_push() {
        let error = OAuthError::new(Refusal::InvalidRequest, "this client's requests must be pushed");
        return Err(Unbegun::Told(form.refuse(error, &client, issuer)));
    }
    let (request, signed) = judge(platform, party, settings, form).await.map_err(Unbegun::Told)?;
    Ok((None, request, signed))
}

/// Judges a request that was pushed or came in the address; `true` if it was signed.
pub(super) async fn judge(
    platform: &Platform,
    party: &RelyingParty,
    settings: &ClientSettings,
    form: &AuthorizeForm,
) -> Result<(AuthorizationRequest, bool), AuthorizeRefusal> {
    let issuer = platform.config.public.origin();
    let client = party.client(&claims::SCOPES);
    let refuse = |error: OAuthError| form.refuse(error, &client, issuer);
    // A client without keys can't sign: what it sends as `request` is refused as unsupported.
    let object = if settings.signs() { RequestObject::read(form.form()).map_err(refuse)? } else { None };
    let Some(object) = object else {
        if settings.signed_only {
            return Err(refuse(OAuthError::new(
                Refusal::InvalidRequest,
                "this client's requests must be signed",
            )));
        }
        let request = form.validate(&client, issuer)?;
        return Ok((hinted(platform, request).map_err(refuse)?, false));
    };
    let unknown = || OAuthError::new(Refusal::InvalidRequestObject, "the client has no such key");
    let key = client_keys::find(platform, &settings.keys, object.kid()).await;
    let key = key.ok_or_else(unknown).map_err(refuse)?;
    let now = platform.now_ms().div_euclid(1_000);
    let inner = object.verify(&key, &party.id, issuer, now).map_err(refuse)?;
    let signed = AuthorizeForm::from_form(known_scopes(inner))?;
    let request = signed.validate(&client, issuer)?;
    Ok((hinted(platform, request).map_err(refuse)?, true))
}

/// The request with the person that its `id_token_hint` names (OpenID Connect Core §3.1.2.1).
fn hinted(
    platform: &Platform,
    mut request: AuthorizationRequest,
) -> Result<AuthorizationRequest, OAuthError> {
    let Some(text) = request.id_token_hint.take() else { return Ok(request) };
    let unknown = || OAuthError::new(Refusal::InvalidRequest, "id_token_hint is no token of this client");
    let hint = id_token::read_back(platform, &text).filter(|hint| hint.aud == request.client_id);
    let sub = hint.ok_or_else(unknown)?.sub;
    if request.subject.as_ref().is_some_and(|asked| *asked != sub) {
        return Err(OAuthError::new(Refusal::InvalidRequest, "id_token_hint and claims name two persons"));
    }
    request.subject = Some(sub);
    Ok(request)
}

/// The request without the scopes that nobody here knows: those are to be ignored (OpenID Connect Core §3.1.2.1).
pub(super) fn known_scopes(form: Form) -> Form {
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

/// What must hold of a judged request before anybody is asked: its texts fit into a ticket, and what it asks can be given.
///
/// # Errors
/// `invalid_request`, `login_required`, `unmet_authentication_requirements`.
pub(super) fn level(party: &RelyingParty, request: &AuthorizationRequest) -> Result<Level, OAuthError> {
    for (name, value, longest) in [("state", &request.state, MAX_STATE), ("nonce", &request.nonce, MAX_NONCE)]
    {
        if value.as_ref().is_some_and(|value| value.len() > longest) {
            return Err(OAuthError::new(Refusal::InvalidRequest, format!("{name} is too long")));
        }
    }
    if request.is_silent() {
        return Err(OAuthError::new(Refusal::LoginRequired, "every login is approved on the phone"));
    }
    let named_level = |value: &str| ACRS.into_iter().find(|(acr, _)| *acr == value).map(|(_, level)| level);
    // The first that is known is the one preferred (OpenID Connect Core §3.1.2.1).
    let mut asked = request.acr_values.iter().find_map(|value| named_level(value));
    if let Some(acr) = claims::in_id_token(&request.claims, "acr") {
        let named = acr.value.iter().chain(acr.values.iter().flatten());
        let named: Vec<&str> = named.filter_map(serde_json::Value::as_str).collect();
        let known: Vec<Level> = named.iter().filter_map(|value| named_level(value)).collect();
        if acr.essential && !named.is_empty() && known.is_empty() {
            let why = "none of the levels asked for exists here";
            return Err(OAuthError::new(Refusal::UnmetAuthenticationRequirements, why));
        }
        // Of those that must be met any one is enough: the weakest; otherwise the first is preferred.
        let of_claim = if acr.essential { known.iter().min() } else { known.first() };
        asked = asked.max(of_claim.copied());
    }
    Ok(asked.map_or(party.acr, |level| level.max(party.acr)))
}

/// Makes the login of a judged request.
fn start(
    platform: &Platform,
    party: &RelyingParty,
    request: &AuthorizationRequest,
    browser: &Browser,
) -> Result<Start, OAuthError> {
    let level = level(party, request)?;
    let in_id_token = ClaimSet::of_names(request.claims.id_token.keys());
    let single = ClaimSet::of_names(request.claims.userinfo.keys()).with(in_id_token);
    Ok(Start {
        seed: Seed::fresh(),
        browser: browser.hash(),
        grant: request.grant(),
        state: request.state.clone(),
        level,
        at_ms: platform.now_ms(),
        wanted: ClaimSet::of_scopes(&request.scopes).with(single).asked_anew(request.wants_consent()),
        in_id_token,
        network: None,
        enrolled: false,
        // The page's own address for beginning anew has no room for these.
        by_party: request.subject.is_some() || request.claims != ClaimsRequest::default(),
        subject: request.subject.clone(),
        in_app: false,
        device: None,
    })
}

/// The login of a request that an app begins without a page: judged in the same way, refused as JSON.
///
/// # Errors
/// The refusal, or the store.
pub(super) async fn without_page(
    platform: &Platform,
    headers: &HeaderMap,
    peer: IpAddr,
    encoded: &[u8],
) -> Result<(RelyingParty, Start), TokenFault> {
    let request = Form::parse_bounded(encoded, MAX_REQUEST).map(known_scopes).map_err(OAuthError::from)?;
    let form = AuthorizeForm::from_form(request).map_err(|refused| refused.error().clone())?;
    let unknown = || OAuthError::new(Refusal::InvalidClient, "the relying party is not registered");
    let (party, settings) = registered(platform, form.client_id()).await?.ok_or_else(unknown)?;
    // No browser: nothing that holds a cookie can go on with it.
    let nobody = Browser::of(&HeaderMap::new());
    let begun = begin(platform, &party, &settings, &form, &nobody).await;
    let (seed, request, by_party) = begun.map_err(|refused| match refused {
        Unbegun::Told(refused) => TokenFault::from(refused.error().clone()),
        Unbegun::Store(error) => error.into(),
    })?;
    let network = platform.config.login.network_for(&party, peer, headers);
    let start = start(platform, &party, &request, &nobody)?;
    Ok((party, Start { seed: seed.unwrap_or(start.seed), network, by_party, ..start }))
}

/// One of our languages by its tag, region left out.
fn language(tag: &str) -> Option<Language> {
    let primary = tag.split('-').next().unwrap_or_default();
    Language::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
}

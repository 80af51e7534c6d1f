//! The authorization endpoint (OpenID4VCI 1.0 §5): the holder signs in at the portal, reads who wants what, and agrees.
//!
//! ```text
//! wallet ──push──▶ request_uri ──browser──▶ sign-in ─▶ consent ──code, iss──▶ wallet
//! ```
//!
//! Nothing is sent to an address that was not pushed and judged. What may not be issued is told on the page, with a way
//! back to the wallet.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use openid::form::Form;
use openid::{Code, OAuthError};
use serde::Deserialize;

use super::pushed::{self, PUSHED, Pushed};
use super::{Agreed, code, desk, paths};
use crate::application::{self, Standing, WalletOfferError};
use crate::operations::store::StoreError;
use crate::operations::{Platform, Problem, edge, limits, once};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::personnel::Named;
use crate::staff::{self, Applicant, Denied, Door, Posted};

/// What the seal of the ticket in the consent form is for.
const CONSENT: &str = "issuance-consent";

/// The pages.
pub(super) fn pages() -> Router<Arc<Platform>> {
    Router::new().route(paths::AUTHORIZE, get(ask).post(answer))
}

#[derive(Template)]
#[template(path = "issuance/consent.html")]
struct ConsentPage<'a> {
    page: &'a Page,
    /// As its provider vouches for it.
    wallet: Option<&'a str>,
    /// Where the answer goes.
    place: &'a str,
    credential: &'a str,
    who: &'a Named,
    waits: bool,
    action: &'a str,
    csrf: &'a str,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "issuance/stopped.html")]
struct StoppedPage<'a> {
    page: &'a Page,
    detail: String,
    back: &'a str,
}

/// Shows the consent page to whoever is signed in; sends others to the portal's door first.
async fn ask(
    page: Page,
    State(platform): State<Arc<Platform>>,
    RawQuery(query): RawQuery,
    who: Result<Applicant, Denied>,
) -> PageResult {
    let page = page.of(Area::Portal);
    let gone = || Problem::new(StatusCode::BAD_REQUEST, "issuance.request_gone");
    let form = Form::parse(query.unwrap_or_default().as_bytes()).map_err(|_| Fault::told(&page, gone()))?;
    // A request that was not pushed is refused where it comes: its addresses are nobody's yet.
    let (Some(client_id), Some(request_uri)) = (form.get("client_id"), form.get("request_uri")) else {
        return Err(Fault::told(&page, Problem::new(StatusCode::BAD_REQUEST, "issuance.not_pushed")));
    };
    let pushed = pushed::open(&platform, request_uri, client_id).ok_or_else(|| Fault::told(&page, gone()))?;
    let who = match who {
        Ok(who) => who,
        Err(Denied::Door(_)) => {
            let own = Form::default().with("client_id", client_id).with("request_uri", request_uri);
            let back = format!("{}?{}", paths::AUTHORIZE, own.encode());
            return Ok(staff::door_and_back(Door::Portal, &back));
        }
        Err(Denied::Problem(problem)) => return Err(Fault::told(&page, *problem)),
    };
    let page = page.signed_in(Area::Portal, who.who());
    let told = |error: StoreError| Fault::told(&page, error);
    if once::is_consumed(&platform.store, PUSHED, &pushed.id).await.map_err(told)? {
        return Err(Fault::told(&page, gone()));
    }
    if pushed.employee_id.as_ref().is_some_and(|id| *id != who.employee_id) {
        return stopped(
            &platform,
            &page,
            &pushed,
            Problem::new(StatusCode::FORBIDDEN, "issuance.of_another"),
        );
    }
    let standing = match application::right_of(&platform, &who.employee_id).await {
        Ok((_, standing)) => standing,
        Err(WalletOfferError::Store(error)) => return Err(told(error)),
        Err(refused) => {
            let problem = match refused {
                WalletOfferError::NothingApproved => {
                    Problem::new(StatusCode::CONFLICT, "issuance.no_application")
                }
                other => other.into(),
            };
            return stopped(&platform, &page, &pushed, problem);
        }
    };
    consent(&platform, &page, &who, &pushed, standing)
}

fn consent(
    platform: &Platform,
    page: &Page,
    who: &Applicant,
    pushed: &Pushed,
    standing: Standing,
) -> PageResult {
    let internal = |error: &dyn std::fmt::Display| Fault::told(page, Problem::internal(error.to_string()));
    let until_ms = platform.now_ms().saturating_add(limits::CONSENT_LIFE.get());
    let ticket = platform.tokens.seal(CONSENT, pushed, until_ms).map_err(|error| internal(&error))?;
    let badge = desk(platform).map_err(|error| internal(&error))?.badge();
    let view = ConsentPage {
        page,
        wallet: pushed.wallet.as_deref(),
        place: place(&pushed.request.redirect_uri),
        credential: page.pick(&badge.name.ko, &badge.name.en),
        who: &who.name,
        waits: standing == Standing::Pending,
        action: paths::AUTHORIZE,
        csrf: &who.session.csrf,
        ticket: &ticket,
    };
    let mut response = render(&view);
    // Browsers apply `form-action` to the redirect that follows the form, which leads to the wallet.
    let ours = edge::CONTENT_SECURITY_POLICY;
    let wallet = pushed.request.form_action().unwrap_or_default();
    let policy = ours.replace("form-action 'self'", &format!("form-action 'self' {wallet}"));
    let policy = HeaderValue::try_from(policy).map_err(|error| internal(&error))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// Scheme and host of an address, as a person recognises it.
fn place(address: &str) -> &str {
    let after = address.find("://").map_or(0, |at| at + 3);
    let end =
        address.get(after..).and_then(|rest| rest.find(['/', '?'])).map_or(address.len(), |at| after + at);
    address.get(..end).unwrap_or(address)
}

/// Tells why not, with a way back to the wallet.
fn stopped(platform: &Platform, page: &Page, pushed: &Pushed, problem: Problem) -> PageResult {
    let denied = OAuthError::new(Code::AccessDenied, "there is nothing that may be issued to this person");
    let back = pushed.request.failure(&denied, platform.config.public.origin());
    let view = StoppedPage { page, detail: problem.detail(page.lang), back: &back };
    Ok(crate::pages::render_with(problem.status(), &view))
}

#[derive(Deserialize)]
struct Answer {
    ticket: String,
    verdict: String,
}

/// Takes the holder's answer and goes back to the wallet.
async fn answer(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Answer { ticket, verdict }): Posted<Applicant, Answer>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let gone = || Fault::told(&page, Problem::new(StatusCode::BAD_REQUEST, "issuance.request_gone"));
    let pushed: Pushed = platform.tokens.open(CONSENT, &ticket, platform.now_ms()).map_err(|_| gone())?;
    let server = platform.config.public.origin();
    let back = |error: OAuthError| to_wallet(&pushed.request.failure(&error, server));
    let of_another = pushed.employee_id.as_ref().is_some_and(|id| *id != who.employee_id);
    if verdict != "agree" || of_another {
        return match end(&platform, pushed.id.clone()).await {
            Ok(true) => Ok(back(OAuthError::new(Code::AccessDenied, "the holder said no"))),
            Ok(false) => Err(gone()),
            Err(error) => Err(Fault::told(&page, error)),
        };
    }
    let agreed = Agreed {
        client_id: pushed.request.client_id.clone(),
        configurations: pushed.request.configurations.clone(),
        dpop_jkt: pushed.request.dpop_jkt.clone(),
    };
    let request = (PUSHED, pushed.id.clone());
    match application::agree_to_wallet(&platform, &who.employee_id, request, agreed).await {
        Ok(offer_id) => {
            let code = code::seal(&platform, &offer_id, &pushed)
                .map_err(|error| Fault::told(&page, Problem::internal(error.to_string())))?;
            Ok(to_wallet(&pushed.request.success(&code, server)))
        }
        Err(WalletOfferError::Answered) => Err(gone()),
        Err(WalletOfferError::Store(error)) => Err(Fault::told(&page, error)),
        // What the page had found good has changed since.
        Err(
            WalletOfferError::NotAllowed | WalletOfferError::NothingApproved | WalletOfferError::Suspended,
        ) => Ok(back(OAuthError::new(Code::AccessDenied, "there is nothing that may be issued any more"))),
    }
}

/// Ends a request without a code; `true` for the one caller that did.
async fn end(platform: &Platform, id: String) -> Result<bool, StoreError> {
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            let until_ms = tx.now_ms().saturating_add(limits::CONSENT_LIFE.get() * 2);
            once::consume(tx, PUSHED, &id, until_ms).await
        })
    });
    unit.await
}

fn to_wallet(address: &str) -> Response {
    let mut response = Redirect::to(address).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

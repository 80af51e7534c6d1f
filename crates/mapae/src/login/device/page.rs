//! Where a person types the code that a device shows, and is led to the login page.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Form, http::StatusCode};
use http::HeaderMap;
use openid::oidc::CodeGrant;
use openid::oidc::device::UserCode;
use openid::pkce;
use serde::Deserialize;

use super::of_code;
use crate::login::claims::ClaimSet;
use crate::login::page::{self, Browser, PageError, PageState};
use crate::login::texts::{Texts, texts};
use crate::login::ticket::{Device, Start, Ticket};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};
use crate::pages::{self, Page};
use crate::staff::Source;
use crate::verification::relying_party;

#[derive(Template)]
#[template(path = "login/device.html")]
struct AskPage {
    page: Page,
    text: &'static Texts,
    wrong: bool,
    waits: bool,
}

fn asked(page: Page, status: StatusCode, wrong: bool, waits: bool) -> Response {
    let text = texts(page.lang);
    pages::render_with(status, &AskPage { page, text, wrong, waits })
}

/// The empty page.
pub(in crate::login) async fn ask(page: Page) -> Response {
    asked(page, StatusCode::OK, false, false)
}

/// What is typed into it.
#[derive(Deserialize)]
pub(in crate::login) struct Typed {
    #[serde(default)]
    user_code: String,
}

/// A code was typed: the login page of the device that shows it, or the same page again. A wrong one is charged to the
/// address it comes from, before it is looked up.
pub(in crate::login) async fn enter(
    State(platform): State<Arc<Platform>>,
    page: Page,
    Source(peer): Source,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Response {
    let address = platform.config.login.address(peer, &headers);
    let found = async {
        if !charge(&platform, address).await? {
            return Ok::<_, StoreError>(Looked::MustWait);
        }
        let Some(code) = UserCode::read(&typed.user_code) else { return Ok(Looked::Unknown) };
        match of_code(&platform, &code).await? {
            Some(device) => {
                forgive(&platform, address).await?;
                Ok(Looked::Found(code, device))
            }
            None => Ok(Looked::Unknown),
        }
    };
    let (code, device) = match found.await {
        Ok(Looked::Found(code, device)) => (code, device),
        Ok(Looked::Unknown) => return asked(page, StatusCode::BAD_REQUEST, true, false),
        Ok(Looked::MustWait) => return asked(page, StatusCode::TOO_MANY_REQUESTS, false, true),
        Err(error) => return Problem::from(error).into_response(),
    };
    let browser = Browser::of(&headers);
    let start = start(&platform, &code, device, &browser);
    let party = match relying_party::find(&platform.store, &start.grant.client_id).await {
        Ok(Some(party)) => party,
        Ok(None) => return page::fault(page, |text| &text.bad_client, "login_party_unknown"),
        Err(error) => return Problem::from(error).into_response(),
    };
    let shown = start
        .seal(&platform, start.expires_ms())
        .map_err(PageError::from)
        .and_then(|login| page::show(&platform, page, &party, &start, &login, PageState::Waiting));
    match shown {
        Ok(mut response) => {
            browser.remember(&mut response);
            response
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

enum Looked {
    Found(UserCode, Device),
    Unknown,
    MustWait,
}

/// The login of a device as a page holds it. No code ever leaves it: nothing knows the verifier of its challenge, and there
/// is no address to send one to.
fn start(platform: &Platform, code: &UserCode, device: Device, browser: &Browser) -> Start {
    let Device { seed, client_id, scopes, level, network } = device;
    let grant = CodeGrant {
        client_id,
        redirect_uri: String::new(),
        code_challenge: pkce::Verifier::random().challenge(),
        dpop_jkt: None,
        scopes,
        nonce: None,
    };
    Start {
        seed,
        browser: browser.hash(),
        state: None,
        level,
        in_app: false,
        at_ms: platform.now_ms(),
        wanted: ClaimSet::of_scopes(&grant.scopes),
        in_id_token: ClaimSet::default(),
        network: Some(network),
        enrolled: false,
        subject: None,
        by_party: true,
        device: Some(code.to_string()),
        grant,
    }
}

fn subject(platform: &Platform, address: IpAddr) -> String {
    // One household or office behind IPv6 owns a /64.
    let network = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    };
    keys::encoding::hex_encode(&platform.sealer.blind_index("login_throttle", &network))
}

/// Charges one try to an address; `false` if it has had too many.
async fn charge(platform: &Platform, address: IpAddr) -> Result<bool, StoreError> {
    let (subject, now_ms) = (subject(platform, address), platform.now_ms());
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            let row = tx
                .fetch_one(
                    "INSERT INTO login_throttle (subject, failures, window_ends_at) VALUES ($1, 1, $2) \
                     ON CONFLICT (subject) DO UPDATE SET \
                     failures = CASE WHEN login_throttle.window_ends_at <= $3 THEN 1 ELSE login_throttle.failures + 1 END, \
                     window_ends_at = CASE WHEN login_throttle.window_ends_at <= $3 THEN $2 ELSE login_throttle.window_ends_at END \
                     RETURNING failures",
                    params![subject, now_ms.saturating_add(limits::LOGIN_DEVICE_WINDOW.get()), now_ms],
                )
                .await?;
            Ok::<_, StoreError>(row.int("failures")? <= limits::LOGIN_DEVICE_TRIES.get())
        })
    });
    unit.await
}

/// Takes the charge back after a code that was right.
async fn forgive(platform: &Platform, address: IpAddr) -> Result<(), StoreError> {
    let subject = subject(platform, address);
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            tx.execute(
                "UPDATE login_throttle SET failures = failures - 1 WHERE subject = $1 AND failures > 0",
                params![subject],
            )
            .await?;
            Ok::<_, StoreError>(())
        })
    });
    unit.await
}

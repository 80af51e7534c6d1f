//! RP-Initiated Logout 1.0: the relying party sends the browser here when somebody logs out there.
//!
//! This provider keeps no session in the browser, so what ends is the session of that one relying party. With an ID token of
//! ours it ends at once; without one nobody is known to have logged out, and a page says so. The browser is sent on only to an
//! address that is registered for this, and only for the relying party that the ID token or the request names.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use openid::form::Form;
use openid::link::with_query;
use openid::oidc::EndSession;
use serde_json::json;

use super::told::Tell;
use crate::login::texts::Ending;
use crate::login::{authentication, id_token, page, session};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::pages::Page;

/// Largest request, in bytes.
const MAX_REQUEST: usize = 16 * 1024;

/// A request to log out by GET.
pub(in crate::login) async fn by_get(
    State(platform): State<Arc<Platform>>,
    page: Page,
    RawQuery(query): RawQuery,
) -> Response {
    log_out(&platform, page, query.unwrap_or_default().as_bytes()).await
}

/// A request to log out by POST.
pub(in crate::login) async fn by_post(
    State(platform): State<Arc<Platform>>,
    page: Page,
    body: Bytes,
) -> Response {
    log_out(&platform, page, &body).await
}

async fn log_out(platform: &Platform, page: Page, encoded: &[u8]) -> Response {
    let read = Form::parse_bounded(encoded, MAX_REQUEST).ok().and_then(|form| EndSession::read(&form).ok());
    let Some(request) = read else {
        return page::fault(page, |text| &text.bad_request, "invalid_request");
    };
    let hint = match &request.id_token_hint {
        None => None,
        Some(text) => match id_token::read_back(platform, text) {
            Some(hint) => Some(hint),
            // A stranger's token proves nothing, and who sends one may not be who it says.
            None => return page::fault(page, |text| &text.bad_request, "logout_hint_unknown"),
        },
    };
    let client_id = match (&hint, &request.client_id) {
        (Some(hint), Some(named)) if hint.aud != *named => {
            return page::fault(page, |text| &text.bad_request, "logout_client_differs");
        }
        (Some(hint), _) => Some(hint.aud.clone()),
        (None, named) => named.clone(),
    };
    let registered = match &client_id {
        Some(id) => match authentication::registered(platform, id).await {
            Ok(found) => found,
            Err(error) => return Problem::from(error).into_response(),
        },
        None => None,
    };
    let target = match (&request.post_logout_redirect_uri, &registered) {
        (None, _) => None,
        (Some(uri), Some((_, settings))) if settings.logout_uris.contains(uri) => Some(uri),
        (Some(_), _) => return page::fault(page, |text| &text.bad_redirect, "logout_redirect_unknown"),
    };
    if let Some(hint) = &hint
        && let Some(sid) = &hint.sid
        && let Err(error) = end(platform, sid, &hint.aud).await
    {
        return Problem::from(error).into_response();
    }
    let said: fn(&'static crate::login::texts::Texts) -> &'static Ending =
        if hint.is_some() { |text| &text.logged_out } else { |text| &text.no_session };
    match target {
        Some(uri) => {
            let mut form = Form::default();
            if let Some(state) = &request.state {
                form.push("state", state);
            }
            let address = if request.state.is_some() { with_query(uri, &form) } else { uri.clone() };
            // With an ID token of ours the relying party is known to ask for one of its own sessions; without one the
            // person is asked to follow the link, so that no other page can send a browser around through us.
            if hint.is_some() { page::see_other(&address) } else { page::notice(page, said, Some(address)) }
        }
        None => page::notice(page, said, None),
    }
}

async fn end(platform: &Platform, sid: &str, party: &str) -> Result<(), StoreError> {
    let Some(found) = session::by_id(&platform.store, sid, platform.now_ms()).await? else { return Ok(()) };
    if found.party != party {
        return Ok(());
    }
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                if session::end(tx, &found.id, "logout", Tell::Nobody, now_ms).await? {
                    crate::login::record(tx, "login.logged_out", Some(&found.badge), &found.party, json!({}))
                        .await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await
}

//! The OpenID Connect provider whose authenticator is the badge.
//!
//! ```text
//! browser            this server                    phone
//!   ─ /oidc/authorize ─▶ page with QR and number
//!                        ◀─ /login/requests/… ───── scans
//!                        ◀─ account: approval ───── number, device key or PIN      (commit 1)
//!                        ◀─ /login/responses/… ──── presentation                   (commit 2: code)
//!   ◀─ code ─────────────
//! relying party ─ /oidc/token ─▶                                                   (commit 3: session)
//! ```
//!
//! Every login is a presentation: there is no session at the provider to ride on, so `prompt=none` is answered with
//! `login_required` and `auth_time` is always now. `acr` is what the account role recorded about this very request,
//! never the phone's word. Suspending a badge ends its sessions and codes in the same transaction.

mod assets;
mod authorize;
mod claims;
pub(crate) mod client;
mod id_token;
mod page;
mod provider;
mod response;
pub mod sample;
mod session;
mod texts;
mod ticket;
mod token;

#[cfg(test)]
pub(crate) mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::get;
use openid::approval::Level;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit;
use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::limits;
use crate::operations::server_keys::{KeysError, SecretName};
use crate::operations::store::{StoreError, Tx};
use crate::operations::tasks::Tasks;
use crate::verification::relying_party::RelyingParty;

pub use provider::metadata;

/// `acr` of a login that the device key approved.
pub const ACR_BASE: &str = "urn:mapae:acr:base";
/// `acr` of a login that a PIN instruction approved.
pub const ACR_PIN: &str = "urn:mapae:acr:pin";

/// Where claims lie sealed until the code is redeemed.
const CODE_CLAIMS: &str = "login_attempt/claims";
/// Where claims lie sealed while the session lives.
const TOKEN_CLAIMS: &str = "login_session/claims";

/// The `acr` value of a level.
pub const fn acr(level: Level) -> &'static str {
    match level {
        Level::Base => ACR_BASE,
        Level::Pin => ACR_PIN,
    }
}

/// The `[login]` section of the configuration.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub sample_listen: SocketAddr,
    pub sample_base_url: String,
    pub open_app: String,
}

impl Settings {
    /// What a link that opens the wallet on the browser's own device begins with: a scheme or an address.
    pub(crate) fn app(&self, origin: &str) -> String {
        match self.open_app.as_str() {
            "" if crate::wallet_app::is_here() => format!("{origin}/wallet/open"),
            "" => "openid4vp".to_owned(),
            set => set.to_owned(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sample_listen: SocketAddr::from(([127, 0, 0, 1], 8603)),
            sample_base_url: "http://localhost:8603".to_owned(),
            open_app: String::new(),
        }
    }
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        ("sample_listen", "Where the demo's sample relying party listens; it runs in demo mode only."),
        ("sample_base_url", "What a browser calls the sample relying party."),
        (
            "open_app",
            "What “open on this device” leads to: a scheme (openid4vp) for native apps, or the address of a web app. Empty means this server's wallet app, else openid4vp.",
        ),
    ];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(provider::configuration))
        .routes(routes!(provider::jwks))
        .routes(routes!(provider::userinfo))
        .route("/oidc/userinfo", axum::routing::post(provider::userinfo))
        .routes(routes!(token::token))
        .routes(routes!(page::poll))
        .route("/oidc/authorize", get(authorize::by_get).post(authorize::by_post))
        .route("/login/continue", get(page::go_on))
        .route("/login/return", get(page::back))
        .route("/login/cancel", get(page::cancel))
        .route("/login/requests/{ticket}", get(response::request_by_get).post(response::request_by_post))
        .route("/login/responses/{ticket}", axum::routing::post(response::respond))
        .merge(assets::routes().into())
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Starts the workers of this folder: the sweeper, and in demo mode the sample relying party.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let sweeper = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::LOGIN_SWEEP.duration()).await {
            while let Ok(rows) = session::sweep(&sweeper.store, sweeper.now_ms()).await
                && rows >= limits::LOGIN_SWEEP_ROWS.get().unsigned_abs()
            {}
        }
    });
    if platform.config.demo.enabled {
        let platform = Arc::clone(platform);
        tasks.spawn(move |stop| async move {
            if let Err(error) = sample::run(&platform, stop).await {
                tracing::warn!(%error, "the sample relying party does not run");
            }
        });
    }
}

/// What a claim is called for people.
pub(crate) fn claim_label(language: crate::pages::Language, name: &str) -> &'static str {
    claims::label(language, name)
}

/// The identifier under which a relying party knows the person with this link identifier: what its ID tokens say.
pub(crate) fn subject(platform: &Platform, party: &RelyingParty, link_id: &str) -> Result<String, KeysError> {
    let key = platform.keys.secret(SecretName::PairwiseSub)?;
    Ok(claims::subject(&*key.bytes, party, link_id))
}

/// Ends every session and every open code of a badge, in the transaction that suspends or ends it. A badge that is
/// resumed brings none of them back.
///
/// # Errors
/// The store.
pub async fn suspend(tx: &mut Tx, badge: &str) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    session::end_all(tx, badge, "suspended", now_ms).await?;
    Ok(())
}

/// Records a login event: the badge acts, the relying party is acted upon; no name stands in it.
async fn record(
    tx: &mut Tx,
    act: &str,
    badge: Option<&str>,
    party: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    let actor = badge.unwrap_or("unknown");
    audit::record(tx, audit::Record { actor, duty: "holder", act, subject: party, detail }).await
}

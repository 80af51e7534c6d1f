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
//! Beside the code flow: pushed and signed requests, clients that sign, tokens bound to a key, refresh tokens, introspection
//! and revocation, logins of devices without a browser, and logout in both directions. [`registration`] says which relying
//! party uses what.
//!
//! Every login is a presentation: there is no session at the provider to ride on, so `prompt=none` is answered with
//! `login_required` and `auth_time` is always now. `acr` is what the account role recorded about this very request,
//! never the phone's word. Suspending a badge ends its sessions and codes in the same transaction.

mod assets;
mod attempt;
mod authentication;
mod authorize;
mod browser;
mod claims;
pub mod cli;
pub(crate) mod client;
mod client_keys;
mod device;
mod government;
mod handed;
mod holder;
mod id_token;
mod logout;
mod networks;
mod page;
mod provider;
pub mod registration;
mod response;
pub mod sample;
mod session;
mod texts;
mod ticket;
mod token;
mod tokens;

#[cfg(test)]
pub(crate) mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::routing::get;
use http::HeaderMap;
use openid::approval::Level;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit;
use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::limits;
use crate::operations::server_keys::{KeysError, SecretName};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::verification::Network;
use crate::verification::relying_party::{RelyingParty, StartLevel};

pub use networks::NamedNetwork;
pub use provider::metadata;

/// `acr` of a login that the device key approved.
pub const ACR_BASE: &str = "urn:mapae:acr:base";
/// `acr` of a login that a PIN instruction approved.
pub const ACR_PIN: &str = "urn:mapae:acr:pin";
/// `acr` of a login that a PIN instruction approved on a phone with attested hardware.
pub const ACR_HARDWARE: &str = "urn:mapae:acr:hardware";
/// Every `acr` with its level, weakest first.
const ACRS: [(&str, Level); 3] =
    [(ACR_BASE, Level::Base), (ACR_PIN, Level::Pin), (ACR_HARDWARE, Level::Hardware)];

/// Where claims lie sealed until the code is redeemed.
const CODE_CLAIMS: &str = "login_attempt/claims";
/// Where claims lie sealed while the session lives.
const TOKEN_CLAIMS: &str = "login_session/claims";

/// The `acr` value of a level.
pub const fn acr(level: Level) -> &'static str {
    match level {
        Level::Base => ACR_BASE,
        Level::Pin => ACR_PIN,
        Level::Hardware => ACR_HARDWARE,
    }
}

/// The `[login]` section of the configuration.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub sample_listen: SocketAddr,
    pub sample_base_url: String,
    pub open_app: String,
    pub government: bool,
    pub networks: Vec<NamedNetwork>,
    pub proxies: Vec<Network>,
}

impl Settings {
    /// Whose request it is, behind the operator's own proxies.
    pub(crate) fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        networks::address(peer, headers, &self.proxies)
    }

    /// The number of the registered network that a request comes from.
    pub(crate) fn network(&self, peer: IpAddr, headers: &HeaderMap) -> Option<u8> {
        networks::number(&self.networks, self.address(peer, headers))
    }

    /// The same for a relying party: above level `low` only networks that it is registered for count.
    pub(crate) fn network_for(&self, party: &RelyingParty, peer: IpAddr, headers: &HeaderMap) -> Option<u8> {
        let at = self.network(peer, headers)?;
        (party.level == StartLevel::Low || self.may_start(party, at)).then_some(at)
    }

    /// Whether the network of this number is one that a relying party is registered for.
    pub(crate) fn may_start(&self, party: &RelyingParty, at: u8) -> bool {
        self.networks.get(usize::from(at)).is_some_and(|network| party.starts_in(network.name()))
    }

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
            government: false,
            networks: Vec::new(),
            proxies: Vec::new(),
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
        (
            "government",
            "Answers the addresses and the app link that relying parties of Korean government systems were built against (/oauth2/…, /mobile/txCheck, bmc://verify_vp). For level low only; see docs/integrate/government.md.",
        ),
        (
            "networks",
            "Registered networks, each with the name that phones show as the place of a browser: \"10.20.0.0/16=정부예시청사\". Relying parties above level low take a QR login from them only, and devices without a browser log in from them only: whoever is inside can begin a login that a phone outside is asked to approve.",
        ),
        (
            "proxies",
            "Networks of your own proxies, whose last entry in X-Forwarded-For is believed. Who can connect from there can claim any address.",
        ),
    ];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    client_keys: client_keys::Memory,
    configuration: OnceLock<provider::Document>,
    jwks: OnceLock<provider::Document>,
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(provider::configuration))
        .routes(routes!(provider::jwks))
        .routes(routes!(provider::userinfo))
        .route("/oidc/userinfo", axum::routing::post(provider::userinfo))
        .routes(routes!(token::token))
        .routes(routes!(authorize::push))
        .routes(routes!(tokens::introspect))
        .routes(routes!(tokens::revoke))
        .routes(routes!(device::begin))
        .route("/oidc/logout", get(logout::by_get).post(logout::by_post))
        .route("/device", get(device::ask).post(device::enter))
        .routes(routes!(page::poll))
        .routes(routes!(handed::ask))
        .routes(routes!(handed::answer))
        .route("/oidc/authorize", get(authorize::by_get).post(authorize::by_post))
        .route("/login/continue", get(page::go_on))
        .route("/login/return", get(page::back))
        .route("/login/cancel", get(page::cancel))
        .route("/login/requests/{ticket}", get(response::request_by_get).post(response::request_by_post))
        .route("/login/responses/{ticket}", axum::routing::post(response::respond))
        .merge(government::routes())
        .merge(browser::routes())
}

/// The holder's pages: logins that are alive, enrolled browsers.
pub fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    holder::routes().merge(browser::portal_routes())
}

/// Scripts and stylesheet of this folder's pages, the portal's among them.
pub fn asset_routes() -> OpenApiRouter<Arc<Platform>> {
    assets::routes().into()
}

/// Starts the workers of this folder: the sweeper, and in demo mode the sample relying party.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let sweeper = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::LOGIN_SWEEP.duration()).await {
            while let Ok(rows) = sweep(&sweeper).await
                && rows >= limits::LOGIN_SWEEP_ROWS.get().unsigned_abs()
            {}
        }
    });
    let teller = Arc::clone(platform);
    tasks.spawn(move |stop| logout::run(teller, stop));
    if platform.config.demo.enabled {
        let platform = Arc::clone(platform);
        tasks.spawn(move |stop| async move {
            if let Err(error) = sample::run(&platform, stop).await {
                tracing::warn!(%error, "the sample relying party does not run");
            }
        });
    }
}

/// Removes what is long over; returns how many rows.
async fn sweep(platform: &Platform) -> Result<u64, StoreError> {
    let now_ms = platform.now_ms();
    let before = now_ms.saturating_sub(limits::LOGIN_KEPT.get());
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            let sessions = session::sweep(tx, before).await?;
            let attempts = attempt::sweep(tx, before).await?;
            let devices = device::sweep(tx, now_ms).await? + government::sweep(tx, now_ms).await?;
            let browsers = browser::sweep(tx, now_ms).await?;
            let untold = tx.execute("DELETE FROM login_logout WHERE ends_at < $1", params![now_ms]).await?;
            Ok::<u64, StoreError>(sessions + attempts + devices + browsers + untold)
        })
    });
    unit.await
}

/// The identifier under which a relying party knows the person with this link identifier: what its ID tokens say.
pub(crate) fn subject(platform: &Platform, party: &RelyingParty, link_id: &str) -> Result<String, KeysError> {
    let key = platform.keys.secret(SecretName::PairwiseSub)?;
    Ok(claims::subject(&*key.bytes, party, link_id))
}

/// The browsers that an official has enrolled, as they are told about themselves.
pub(crate) async fn enrolled_browsers(
    platform: &Platform,
    employee_id: &str,
) -> Result<serde_json::Value, StoreError> {
    browser::told(platform, employee_id).await
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

/// Ends every session at a relying party, which is told of each, in the transaction that ends its registration.
///
/// # Errors
/// The store.
pub(crate) async fn end_party(tx: &mut Tx, party: &str) -> Result<u64, StoreError> {
    let now_ms = tx.now_ms();
    session::end_party(tx, party, now_ms).await
}

/// After a restore: every login is over.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    session::after_restore(tx).await
}

/// Takes browsers away again that their owners took away when a restored backup's time was over; how many were.
///
/// # Errors
/// The store.
pub async fn end_browsers(
    tx: &mut Tx,
    browsers: &std::collections::BTreeSet<String>,
) -> Result<u64, StoreError> {
    let mut ended = 0;
    for browser in browsers {
        ended += tx.execute("DELETE FROM login_browser WHERE id = $1", params![browser.as_str()]).await?;
    }
    Ok(ended)
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

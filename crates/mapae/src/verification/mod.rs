//! The OpenID4VP 1.0 verifier: asks wallets, judges their answers, and serves relying parties that want to do the same.
//!
//! [`exchange`] makes signed request objects and judges encrypted answers for whoever asks (the login, the API for
//! relying parties here); [`judge`] decides on each presentation; [`foreign`] knows which credentials of other issuers a
//! relying party takes; [`relying_party`] knows who may ask for what; [`webhook`] brings results to who wants them brought. A
//! request leaves no row behind until its answer is accepted, unless it is too long for a QR. Judging never asks the issuer
//! about a person (invariant 5) and has one total result (invariant 10).

mod api;
mod exchange;
mod foreign;
mod judge;
mod outgoing;
pub mod relying_party;
mod seed;
mod webhook;

pub mod cli;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use credential::verify::ChainCache;
use tokio::sync::Notify;
use utoipa_axum::router::OpenApiRouter;

pub use exchange::{
    Answer, AnswerRefused, Ask, Exchange, Place, Presented, RequestError, badge, client_id, judge, link,
    link_to, request_object,
};
pub use foreign::{Accepted, accepted};
pub use judge::{Rules, Shown};
pub use outgoing::Network;
pub(crate) use outgoing::{client as outgoing_client, get as fetch, judge as outgoing_address};
pub use seed::{Seed, open_under, seal_under};

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::limits;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;

/// How this verifier names itself to wallets (OpenID4VP 1.0 §5.9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientIdPrefix {
    /// By the hash of its certificate, as HAIP 1.0 §5 has it.
    #[default]
    X509Hash,
    /// By the host name in its certificate, which is that of `public.base_url`.
    X509SanDns,
}

/// The `[verification]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub client_id_prefix: ClientIdPrefix,
    pub private_networks: Vec<Network>,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "client_id_prefix",
            "How requests name this verifier: x509_hash (what HAIP demands), or x509_san_dns for wallets that know nothing else.",
        ),
        (
            "private_networks",
            "Private networks (CIDR, such as \"10.20.0.0/16\") in which webhooks of relying parties and status lists of other issuers may lie. Empty: public addresses only.",
        ),
    ];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug)]
pub struct Local {
    /// Issuers whose certificate chain was checked.
    pub(crate) chains: ChainCache,
    /// Status lists of other issuers.
    lists: foreign::lists::Memory,
    /// The client for addresses that others name.
    outgoing: OnceLock<reqwest::Client>,
    /// Wakes the worker that brings results.
    wake: Arc<Notify>,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            chains: ChainCache::new(limits::VERIFICATION_CHAINS.size()),
            lists: foreign::lists::Memory::default(),
            outgoing: OnceLock::new(),
            wake: Arc::default(),
        }
    }
}

/// Files that pages of this folder link to.
pub fn asset_routes() -> OpenApiRouter<Arc<Platform>> {
    api::asset_routes()
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    api::routes()
}

/// After a restore: no request is open, and no result waits to be picked up or told.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let mut over = 0;
    for sql in [
        "DELETE FROM verification_request",
        "DELETE FROM verification_event",
        "DELETE FROM verification_result",
    ] {
        over += tx.execute(sql, params![]).await?;
    }
    Ok(over)
}

/// Starts the workers of this folder: results are brought, and those that nobody took are deleted when their time is over.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let sweeper = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::VERIFICATION_SWEEP.duration()).await {
            if let Err(error) = api::sweep(&sweeper.store, sweeper.now_ms()).await {
                tracing::warn!(%error, "expired verification results could not be deleted");
            }
        }
    });
    let bringer = Arc::clone(platform);
    tasks.spawn(move |stop| webhook::run(bringer, stop));
}

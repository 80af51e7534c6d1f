//! The OpenID4VP 1.0 verifier: asks wallets, judges their answers, and serves relying parties that want to do the same.
//!
//! [`exchange`] makes signed request objects and judges encrypted answers for whoever asks (the login, the API for
//! relying parties here); [`relying_party`] knows who may ask for what. A request leaves no row behind until its answer
//! is accepted. Judging never asks the issuer about a person (invariant 5) and has one total result (invariant 10).

mod api;
mod exchange;
pub mod relying_party;
mod seed;

pub mod cli;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use credential::verify::ChainCache;
use utoipa_axum::router::OpenApiRouter;

pub use exchange::{
    Answer, AnswerRefused, Ask, Exchange, Presented, RequestError, badge, client_id, judge, link, link_to,
    request_object,
};
pub use seed::{Seed, open_under, seal_under};

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::limits;
use crate::operations::tasks::Tasks;

/// The `[verification]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug)]
pub struct Local {
    /// Issuers whose certificate chain was checked.
    pub(crate) chains: ChainCache,
}

impl Default for Local {
    fn default() -> Self {
        Self { chains: ChainCache::new(limits::VERIFICATION_CHAINS.size()) }
    }
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    api::routes()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Starts the workers of this folder: results nobody picked up are deleted when their time is over.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let sweeper = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::VERIFICATION_SWEEP.duration()).await {
            if let Err(error) = api::sweep(&sweeper.store, sweeper.now_ms()).await {
                tracing::warn!(%error, "expired verification results could not be deleted");
            }
        }
    });
}

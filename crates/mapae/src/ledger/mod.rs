//! The ledger: agencies' DIDs, whose key may issue what, and anchors of what we publish.
//!
//! ```text
//! registrar (offline, n of m) ──accredit──▶ ledger ──events──▶ follow ──▶ the trust list (lifecycle)
//! status lists, audit checkpoints ──one root a minute──▶ outbox ──▶ anchor ──▶ ledger
//! ```
//!
//! Nothing about a person goes there. Nothing waits for it either: issuing, login and gates go on while it is away, the
//! trust list stands as it was, and anchors queue. Until a ledger is set up (`mapae ledger init`) the trust list rests on
//! this server alone.

mod anchor;
mod ceremony;
pub mod cli;
mod fetch;
mod follow;
mod open;
mod record;
mod registrar;
mod routes;
mod standing;
#[cfg(feature = "otlp")]
mod traced;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

pub use ceremony::set_up_demo;
pub(crate) use record::setup;

use crate::operations::config::Section;
use crate::operations::store::StoreError;
use crate::operations::tasks::Tasks;
use crate::operations::{KeysError, Platform};

/// Why the ledger does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] registry::LedgerError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Statement(#[from] credential::trust::StatementError),
    #[error("no ledger is set up; `mapae ledger init` does it")]
    NotSetUp,
    #[error("a ledger is set up already")]
    SetUp,
    #[error("ledger.{key}: {reason}")]
    Configuration { key: &'static str, reason: String },
    #[error("{0}")]
    Files(String),
    #[error("what is to be anchored can't be read: {0}")]
    Source(String),
}

/// Where the chain is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Embedded,
    Rpc,
}

/// The `[ledger]` section of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub mode: Mode,
    pub file: PathBuf,
    pub chain_id: u64,
    pub endpoints: Vec<String>,
    pub finality: u64,
    pub serve_rpc: bool,
    pub did_web_hosts: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Embedded,
            file: "data/ledger.db".into(),
            chain_id: 20_260,
            endpoints: Vec::new(),
            finality: 0,
            serve_rpc: true,
            did_web_hosts: Vec::new(),
        }
    }
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "mode",
            "embedded: a chain in this process, one node, for one machine. rpc: a chain of others, behind endpoints.",
        ),
        (
            "file",
            "The embedded chain's file. Whoever writes it can write history that `mapae ledger verify` then refuses.",
        ),
        ("chain_id", "The chain's number. Endpoints of another chain are never believed."),
        (
            "endpoints",
            "JSON-RPC addresses; several, so that one may fail. An address may hold a token: it is not logged.",
        ),
        (
            "finality",
            "How many blocks above one make it final: 0 where the consensus takes nothing back (QBFT).",
        ),
        (
            "serve_rpc",
            "Answer questions about the embedded chain by JSON-RPC at /ledger/rpc. Nobody can write there.",
        ),
        ("did_web_hosts", "Hosts whose did:web documents the resolver fetches. Empty: none but our own."),
    ];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    chain: tokio::sync::Mutex<Option<open::Connection>>,
    opened: tokio::sync::Mutex<Option<Arc<open::Opened>>>,
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::from(routes::public())
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    follow::start(platform, tasks);
    anchor::start(platform, tasks);
}

/// What a DID leads to, by the resolver that serves `/1.0/identifiers`.
///
/// # Errors
/// The ledger is not set up, or does not answer.
pub(crate) async fn resolve(
    platform: &Platform,
    did: &str,
) -> Result<registry::did::Resolution, LedgerError> {
    Ok(open::opened(platform).await?.resolver.resolve(did).await)
}

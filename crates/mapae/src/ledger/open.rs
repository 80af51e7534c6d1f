//! The way to the chain, opened once in a process.

use std::sync::Arc;
use std::time::Duration;

use registry::did::Resolver;
use registry::embedded::{self, Chain};
use registry::ethereum::SecretKey;
use registry::json_rpc::{Options, Remote};
use registry::{Ledger, Registry, Sender};

use super::fetch::Web;
use super::record::Setup;
use super::{LedgerError, Mode, record};
use crate::operations::server_keys::SecretName;
use crate::operations::{Platform, limits};

/// A chain, whether or not a registry stands on it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) chain: Option<Chain>,
    pub(super) remote: Option<Arc<Remote>>,
}

/// The registry, found and checked.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) setup: Setup,
    pub(super) registry: Registry,
    pub(super) resolver: Resolver,
    pub(super) anchorer: Sender,
}

/// The chain of the configuration.
pub(super) async fn connect(platform: &Platform) -> Result<Connection, LedgerError> {
    let mut place = platform.local.ledger.chain.lock().await;
    if let Some(connection) = place.as_ref() {
        return Ok(connection.clone());
    }
    let settings = &platform.config.ledger;
    let connection = match settings.mode {
        Mode::Embedded => {
            if let Some(folder) = settings.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)
                    .map_err(|error| LedgerError::Files(format!("{}: {error}", folder.display())))?;
            }
            let clock = Arc::clone(&platform.clock);
            let options = embedded::Options { path: settings.file.clone(), chain_id: settings.chain_id };
            let chain = Chain::open(&options, Arc::new(move || clock.now_s().unsigned_abs())).await?;
            Connection { ledger: Arc::new(chain.clone()), chain: Some(chain), remote: None }
        }
        Mode::Rpc => {
            let endpoint = |text: &String| {
                text.parse().map_err(|_| LedgerError::Configuration {
                    key: "endpoints",
                    reason: "holds something that is no address".to_owned(),
                })
            };
            let endpoints = settings.endpoints.iter().map(endpoint).collect::<Result<_, _>>()?;
            let options = Options {
                endpoints,
                chain_id: settings.chain_id,
                finality: settings.finality,
                timeout: limits::LEDGER_REQUEST.duration(),
                receipt_timeout: limits::LEDGER_RECEIPT.duration(),
                resend: Duration::from_secs(5),
            };
            let remote = Arc::new(Remote::new(options)?);
            let ledger: Arc<dyn Ledger> = Arc::<Remote>::clone(&remote);
            #[cfg(feature = "otlp")]
            let ledger: Arc<dyn Ledger> = Arc::new(super::traced::Traced(ledger));
            Connection { ledger, chain: None, remote: Some(remote) }
        }
    };
    *place = Some(connection.clone());
    Ok(connection)
}

/// The registry, once it is set up and as long as it answers.
pub(super) async fn opened(platform: &Platform) -> Result<Arc<Opened>, LedgerError> {
    let mut place = platform.local.ledger.opened.lock().await;
    if let Some(opened) = place.as_ref() {
        return Ok(Arc::clone(opened));
    }
    let setup = record::setup(platform).await?.ok_or(LedgerError::NotSetUp)?;
    if setup.chain_id != platform.config.ledger.chain_id {
        let reason = format!(
            "is {}, but the registry was set up on {}",
            platform.config.ledger.chain_id, setup.chain_id
        );
        return Err(LedgerError::Configuration { key: "chain_id", reason });
    }
    let connection = connect(platform).await?;
    let registry = Registry::open(Arc::clone(&connection.ledger), setup.registry, setup.network).await?;
    let anchorer = Sender::new(Arc::clone(&connection.ledger), anchorer_key(platform)?);
    let resolver = Resolver::new(registry.clone(), Arc::new(Web::new(platform)));
    let opened = Arc::new(Opened { connection, setup, registry, resolver, anchorer });
    *place = Some(Arc::clone(&opened));
    Ok(opened)
}

/// The one key of the ledger that this server holds: it may anchor, nothing else.
pub(super) fn anchorer_key(platform: &Platform) -> Result<SecretKey, LedgerError> {
    let secret = platform.keys.secret(SecretName::LedgerAnchorer)?;
    SecretKey::from_bytes(&secret.bytes)
        .ok_or_else(|| LedgerError::Files("the anchorer's key is no key".to_owned()))
}

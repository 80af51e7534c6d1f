//! The ground the other folders stand on: configuration, store, keys, sealing, time, errors, listeners.
//!
//! A folder receives `Arc<Platform>` as the state of its handlers and finds everything there; there is no global state.

pub mod ceremony;
pub mod cli;
pub mod clock;
pub mod config;
pub(crate) mod courier;
pub mod doctor;
pub mod edge;
mod greeting;
pub mod hsm;
pub mod id;
pub mod kek;
pub mod language;
pub mod limits;
mod listener;
pub mod log;
pub mod metrics;
pub mod once;
mod openapi;
mod places;
pub mod problem;
pub mod restore;
pub mod roles;
pub mod sealer;
pub mod server;
pub mod server_keys;
pub mod signal;
pub mod store;
pub mod tasks;
mod tls;
pub mod tokens;
pub mod traces;
pub mod transfer;

use std::sync::Arc;

pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use language::Language;
pub use problem::Problem;
pub use sealer::Sealer;
pub use server_keys::{KeyName, KeysError, SecretName, ServerKeys};
pub use store::{Store, StoreError, Tx, params};
pub use tokens::Tokens;

/// Everything a use case needs, opened and ready.
#[derive(Debug)]
pub struct Platform {
    pub config: Config,
    pub store: Store,
    pub keys: ServerKeys,
    pub sealer: Sealer,
    pub tokens: Tokens,
    pub clock: Arc<dyn Clock>,
    pub http: reqwest::Client,
    /// Where spans go.
    pub(crate) traces: traces::Traces,
    /// What this process remembers for speed; nothing another replica would miss.
    pub local: Local,
}

macro_rules! local {
    ($($folder:ident),*) => {
        /// One field for each folder.
        #[derive(Debug, Default)]
        pub struct Local { $(pub $folder: crate::$folder::Local),* }
    };
}

local!(
    personnel,
    employment,
    staff,
    application,
    notification,
    account,
    credentials,
    certificates,
    issuance,
    lifecycle,
    verification,
    login,
    audit,
    loss,
    desk,
    ledger,
    in_person,
    gates,
    signatures
);

/// Why the platform could not start, and what to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kek(#[from] kek::KekError),
    #[error(transparent)]
    Keys(#[from] server_keys::KeysError),
    #[error(
        "a move or a restore into this database did not come to its end: run the same command again, which goes on where it stopped"
    )]
    Unfinished,
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
    #[error("[traces] {0}")]
    Traces(#[from] traces::TracesError),
}

impl Platform {
    /// Opens the store, creates and migrates it if needed, and opens or makes the keys.
    pub async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StartError> {
        let mut store = Store::open(&config.store.url, Arc::clone(&clock)).await?;
        if !config.store.replica_url.is_empty() {
            store = store.with_replica(&config.store.replica_url)?;
        }
        if transfer::is_under_way(&store).await? {
            return Err(StartError::Unfinished);
        }
        Self::of(config, store, clock).await
    }

    /// The platform of a store that was just restored and is not closed yet: nobody else may open it.
    pub(crate) async fn of(
        config: Config,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StartError> {
        let kek = match kek::Kek::read(&config)? {
            Some(kek) => kek,
            None if server_keys::exist(&store).await? => {
                return Err(kek::KekError::Missing { path: config.keys.file }.into());
            }
            None => kek::Kek::of_file(kek::make(&config.keys.file)?),
        };
        let host = config.public.base_url.host_str().unwrap_or("localhost").to_owned();
        let keys = ServerKeys::load(&store, kek.clone(), &host, clock.now_ms()).await?;
        let index = keys.secret(SecretName::Index)?.bytes.clone();
        let sealer = Sealer::new(keys.ring(SecretName::Data)?, index, kek);
        let tokens = Tokens::new(keys.ring(SecretName::Token)?);
        let http = reqwest::Client::builder()
            .connect_timeout(limits::HTTP_CLIENT_CONNECT.duration())
            .timeout(limits::HTTP_CLIENT_TIME.duration())
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("mapae/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let traces = traces::Traces::open(&config)?;
        Ok(Arc::new(Self {
            config,
            store,
            keys,
            sealer,
            tokens,
            clock,
            http,
            traces,
            local: Local::default(),
        }))
    }

    /// Now, in epoch milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

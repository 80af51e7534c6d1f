//! Keys that never leave their token: an HSM behind PKCS#11 2.40, loaded at run time from the path of its module.
//!
//! ```text
//! mapae-kek-1, -2, …   AES-256        seal every key of `platform_key`; the highest number seals, all open
//! mapae-pin-1, -2, …   AES-256        seal the public keys of PINs, under the data key
//! mapae-<name>         P-256, CKA_ID  sign; the row in the database names the id and keeps the public half
//! ```
//!
//! Every key is made inside, sensitive and not extractable. Handles are found once for each connection and kept; sessions
//! are kept in a pool. When the token goes away, whoever needs it next connects anew, at most once a second: nothing has
//! to be started again when it is back. A token call blocks, so it steps aside from the workers that serve requests.

mod connection;
mod key;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use cryptoki::types::AuthPin;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

pub use connection::HeldKey;
use connection::{Connection, Leased};
pub(super) use key::sealed_with;
pub use key::{KeyId, SealKind, TokenKey, is_token_sealed};

use super::traces::Span;
use super::{config, limits};

/// Why the token did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HsmError {
    /// The settings can't be used.
    #[error("[hsm] {0}")]
    Settings(String),
    /// Module, slot or token do not answer.
    #[error(
        "the token {label} does not answer: {reason}. Is it there, and is its PIN right? It is asked anew by itself"
    )]
    Away { label: String, reason: String },
    /// The token answers, and does not hold the key.
    #[error("the token holds no key {0}: is it the right token, restored completely?")]
    Missing(String),
    /// Two keys have one name.
    #[error("the token holds more than one key {0}: remove the one that was not meant")]
    Twice(String),
    /// Every session is in use.
    #[error("no session of the token came free in time")]
    Busy,
    /// What was sealed in the token does not open: changed, moved, or of another token.
    #[error("a value sealed in the token does not open")]
    Refused,
}

/// A token, and the connection to it.
pub struct Hsm {
    settings: config::Hsm,
    pin: AuthPin,
    connection: RwLock<Option<Connection>>,
    tried: Mutex<Tried>,
    away: AtomicBool,
}

#[derive(Default)]
struct Tried {
    /// How many connections there were.
    number: u64,
    failed: Option<(Instant, HsmError)>,
}

impl std::fmt::Debug for Hsm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hsm({})", self.settings.token)
    }
}

impl Hsm {
    /// Connects to the token of the settings; `None` where none is set.
    ///
    /// # Errors
    /// [`HsmError::Settings`], or the token does not answer.
    pub fn open(settings: &config::Hsm) -> Result<Option<Self>, HsmError> {
        if settings.module.as_os_str().is_empty() {
            return Ok(None);
        }
        let hsm = Self {
            pin: read_pin(&settings.pin_file)?,
            settings: settings.clone(),
            connection: RwLock::new(None),
            tried: Mutex::new(Tried::default()),
            away: AtomicBool::new(false),
        };
        aside(|| hsm.connected(None))?;
        Ok(Some(hsm))
    }

    /// The token's label.
    pub fn label(&self) -> &str {
        &self.settings.token
    }

    /// Whether signing keys of this name are made in the token.
    pub fn signs(&self, name: &str) -> bool {
        !self.settings.outside.iter().any(|outside| outside == name)
    }

    /// Whether the last use found the token away.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Uses the key-encryption key of this number once: what `/readyz` asks.
    ///
    /// # Errors
    /// It does not answer, or does not hold the key.
    pub fn probe(&self, number: u32) -> Result<(), HsmError> {
        self.seal(SealKind::Kek, number, b"probe", b"probe").map(|_| ())
    }

    /// Every key of ours in the token, with what may be done to it.
    ///
    /// # Errors
    /// The token.
    pub fn held(&self) -> Result<Vec<HeldKey>, HsmError> {
        self.act("token list", |connection, session| connection.held(session))
    }

    /// Does something in the token, which traces call `what`. Where it fails for the connection's sake, once more in a new
    /// one.
    fn act<T>(
        &self,
        what: &'static str,
        act: impl Fn(&Connection, &mut Leased<'_>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        let span = Span::child(what);
        let done = aside(|| {
            let mut broken = None;
            loop {
                let number = self.connected(broken)?;
                let done = self.once(&act);
                match done {
                    Err(HsmError::Away { .. } | HsmError::Missing(_)) if broken.is_none() => {
                        broken = Some(number);
                    }
                    Err(error) => {
                        self.away.store(matches!(error, HsmError::Away { .. }), Ordering::Relaxed);
                        return Err(error);
                    }
                    Ok(done) => {
                        self.away.store(false, Ordering::Relaxed);
                        return Ok(done);
                    }
                }
            }
        });
        if done.is_err() {
            span.failed("token");
        }
        done
    }

    fn once<T>(
        &self,
        act: &impl Fn(&Connection, &mut Leased<'_>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        let connection = self.connection.read().unwrap_or_else(PoisonError::into_inner);
        let connection = connection.as_ref().ok_or_else(|| self.gone("it is being connected".into()))?;
        let mut session = connection.session()?;
        let done = act(connection, &mut session);
        if done.is_err() {
            // Something may still be begun in it.
            session.spoil();
        }
        done
    }

    /// The number of a connection other than the broken one; makes it, unless that failed a moment ago.
    fn connected(&self, broken: Option<u64>) -> Result<u64, HsmError> {
        let usable = |connection: &Option<Connection>| {
            connection.as_ref().map(Connection::number).filter(|number| Some(*number) != broken)
        };
        if let Some(number) = usable(&self.connection.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(number);
        }
        let mut connection = self.connection.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = usable(&connection) {
            return Ok(number);
        }
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, error)) = &tried.failed
            && at.elapsed() < limits::HSM_AGAIN.duration()
        {
            return Err(error.clone());
        }
        if let Some(old) = connection.take() {
            old.end();
        }
        tried.number += 1;
        match Connection::make(tried.number, &self.settings, &self.pin) {
            Ok(made) => {
                if tried.number > 1 {
                    tracing::info!(token = %self.settings.token, "the token answers again");
                }
                tried.failed = None;
                *connection = Some(made);
                self.away.store(false, Ordering::Relaxed);
                Ok(tried.number)
            }
            Err(reason) => {
                let error = self.gone(reason);
                tracing::error!(%error, "hsm");
                tried.failed = Some((Instant::now(), error.clone()));
                self.away.store(true, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    fn gone(&self, reason: String) -> HsmError {
        HsmError::Away { label: self.settings.token.clone(), reason }
    }
}

/// Runs what blocks without keeping this worker's other tasks waiting.
fn aside<T>(blocking: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(blocking)
        }
        _ => blocking(),
    }
}

/// The PIN's file, which only its owner may read.
fn read_pin(path: &Path) -> Result<AuthPin, HsmError> {
    let at = |reason: String| HsmError::Settings(format!("pin_file {}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
    let text = keys::Zeroizing::new(text);
    super::kek::check_mode(path).map_err(|error| at(error.to_string()))?;
    let pin = text.trim_end_matches(['\r', '\n']);
    if pin.is_empty() { Err(at("is empty".into())) } else { Ok(AuthPin::new(pin.into())) }
}

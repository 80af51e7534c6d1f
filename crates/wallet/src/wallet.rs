//! The wallet: one vault, one shell.

use credential::trust::TrustList;
use keys::PublicKey;

use crate::ports::{
    Clock as _, DeviceKey, KeyError, KeyHandle, KeyStore, KeyUse, Shell, Storage as _, StorageError,
};
use crate::state::{Device, FORMAT, State};
use crate::usage::{self, Act, UsageRecord};
use crate::vault::{self, VaultError, VaultKey};

/// The vault could not be opened or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no vault yet.
    #[error("there is no wallet here yet")]
    Missing,
    /// There is one already.
    #[error("there is a wallet here already")]
    Exists,
    /// It does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It opens, but was written by a newer wallet or holds no wallet state.
    #[error("the vault was written by a newer wallet")]
    Newer,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OpenError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Missing => "vault_missing",
            OpenError::Exists => "vault_exists",
            OpenError::Vault(error) => error.code(),
            OpenError::Newer => "vault_newer_version",
            OpenError::Storage(StorageError::Full) => "storage_full",
            OpenError::Storage(_) => "storage_failed",
        }
    }
}

/// A wallet whose vault is open.
pub struct Wallet<S> {
    shell: S,
    key: VaultKey,
    hint: Vec<u8>,
    state: State,
    /// The trust list that was read last, and for which issuer.
    list: Option<(String, TrustList)>,
    /// The card of the tap that is under way; made when a reader first asks.
    pub(crate) card: Option<::gate::card::Card>,
}

impl<S> core::fmt::Debug for Wallet<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Wallet(…)")
    }
}

impl<S: Shell> Wallet<S> {
    /// Makes a new, empty wallet; `hint` is what the shell needs to find the key again.
    pub async fn create(shell: S, key: VaultKey, hint: Vec<u8>) -> Result<Wallet<S>, OpenError> {
        if shell.storage().load().await?.is_some() {
            return Err(OpenError::Exists);
        }
        let mut wallet = Wallet { shell, key, hint, state: State::default(), list: None, card: None };
        wallet.update(|_| ()).await?;
        Ok(wallet)
    }

    /// Opens the wallet that is there.
    pub async fn open(shell: S, key: VaultKey) -> Result<Wallet<S>, OpenError> {
        let blob = shell.storage().load().await?.ok_or(OpenError::Missing)?;
        let content = vault::open(&key, &blob)?;
        let hint = vault::hint(&blob)?.to_vec();
        let state: State = serde_json::from_slice(&content).map_err(|_| OpenError::Newer)?;
        if state.format > FORMAT {
            return Err(OpenError::Newer);
        }
        Ok(Wallet { shell, key, hint, state, list: None, card: None })
    }

    /// What the wallet remembers.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The trust list that was read last, if it was for this issuer.
    pub(crate) fn kept_list(&self, issuer: &str) -> Option<&TrustList> {
        self.list.as_ref().filter(|(of, _)| of == issuer).map(|(_, list)| list)
    }

    pub(crate) fn keep_list(&mut self, issuer: &str, list: Option<&TrustList>) {
        self.list = list.map(|list| (issuer.to_owned(), list.clone()));
    }

    /// The ports.
    pub fn shell(&self) -> &S {
        &self.shell
    }

    /// Gives the shell back; nothing is lost, everything is written at each step.
    pub fn into_shell(self) -> S {
        self.shell
    }

    /// Changes the state on disk and in memory, or neither.
    pub(crate) async fn update<R>(&mut self, change: impl FnOnce(&mut State) -> R) -> Result<R, OpenError> {
        let mut next = Box::new(self.state.clone());
        let value = change(&mut next);
        self.write(next).await?;
        Ok(value)
    }

    /// What [`Wallet::update`] does for every kind of change alike: compiled once, not once for each.
    async fn write(&mut self, mut next: Box<State>) -> Result<(), OpenError> {
        next.format = FORMAT;
        let content = zeroize::Zeroizing::new(
            serde_json::to_vec(&next).map_err(|error| StorageError::Failed(error.to_string()))?,
        );
        let blob = vault::seal(&self.key, &self.hint, &content)?;
        self.shell.storage().save(&blob).await?;
        self.state = *next;
        Ok(())
    }

    /// Writes the vault under another key (a new passphrase, a new passkey).
    pub async fn rekey(&mut self, key: VaultKey, hint: Vec<u8>) -> Result<(), OpenError> {
        let (old_key, old_hint) =
            (core::mem::replace(&mut self.key, key), core::mem::replace(&mut self.hint, hint));
        let written = self.update(|_| ()).await;
        if written.is_err() {
            (self.key, self.hint) = (old_key, old_hint);
        }
        written
    }

    /// Forgets account, credentials and keys, keeps nothing but the history.
    pub async fn wipe(&mut self) -> Result<(), OpenError> {
        let handles: Vec<KeyHandle> = self
            .state
            .device
            .iter()
            .map(|device| device.handle.clone())
            .chain(self.state.gate.iter().map(|gate| gate.key.handle.clone()))
            .chain(
                self.state.holdings.iter().flat_map(|held| held.copies.iter().map(|copy| copy.key.clone())),
            )
            .collect();
        self.update(|state| {
            *state = State { usage: core::mem::take(&mut state.usage), ..State::default() };
        })
        .await?;
        self.card = None;
        for handle in &handles {
            // The vault no longer names the key; a key store that fails here leaves a key that nothing can use.
            let _ = self.shell.keys().delete(handle).await;
        }
        Ok(())
    }

    /// Trusts issuers and requesters under these roots (DER) from now on.
    pub async fn trust(&mut self, anchors: &[Vec<u8>]) -> Result<(), OpenError> {
        self.update(|state| add_anchors(state, anchors.iter().map(|der| keys::encoding::b64url_encode(der))))
            .await
    }

    /// The device key, made when first asked for.
    pub(crate) async fn device(&mut self) -> Result<Signing<'_, S>, DeviceError> {
        if self.state.device.is_none() {
            let made = self.shell.keys().generate(KeyUse::Device).await?;
            let device = Device { handle: made.handle, public_key: made.public_key.to_jwk() };
            self.update(|state| state.device = Some(device)).await?;
        }
        self.device_key()
    }

    /// The device key that is there.
    pub(crate) fn device_key(&self) -> Result<Signing<'_, S>, DeviceError> {
        let device = self.state.device.as_ref().ok_or(DeviceError::Key(KeyError::Missing))?;
        let public_key =
            PublicKey::from_jwk(&device.public_key).map_err(|_| DeviceError::Key(KeyError::Missing))?;
        Ok(Signing { keys: self.shell.keys(), handle: &device.handle, public_key })
    }

    /// A key of the key store by its handle.
    pub(crate) fn signing<'a>(&'a self, handle: &'a KeyHandle, public_key: PublicKey) -> Signing<'a, S> {
        Signing { keys: self.shell.keys(), handle, public_key }
    }

    /// The roots under which issuers and requesters are known.
    pub(crate) fn anchors(&self) -> Vec<keys::x509::Certificate> {
        let parse = |text: &String| {
            let der = keys::encoding::b64url_decode(text).ok()?;
            keys::x509::Certificate::parse(&der).ok()
        };
        self.state.trust_anchors.iter().filter_map(parse).collect()
    }

    pub(crate) fn usage_record(&self, party: impl Into<String>, verified: bool, act: Act) -> UsageRecord {
        UsageRecord { at_ms: self.shell.clock().now_ms(), party: party.into(), verified, act }
    }

    pub(crate) async fn remember(&mut self, record: UsageRecord) -> Result<(), OpenError> {
        self.update(|state| usage::record(&mut state.usage, record)).await
    }
}

/// Adds roots that are not there yet.
pub(crate) fn add_anchors(state: &mut State, anchors: impl IntoIterator<Item = String>) {
    for anchor in anchors {
        if !state.trust_anchors.contains(&anchor) {
            state.trust_anchors.push(anchor);
        }
    }
}

/// The device key could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A key of the key store, ready to sign.
pub(crate) struct Signing<'a, S: Shell> {
    keys: &'a S::Keys,
    handle: &'a KeyHandle,
    public_key: PublicKey,
}

impl<S: Shell> DeviceKey for Signing<'_, S> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    async fn sign(&self, message: &[u8]) -> Result<keys::Signature, KeyError> {
        self.keys.sign(self.handle, message).await
    }
}

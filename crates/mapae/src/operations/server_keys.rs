//! The platform's own keys: made at the first start, sealed under the KEK, each with a number and a state.
//!
//! ```text
//! KEK (key file, or token) ─ seals ─▶ platform_key rows
//!                            ├ signing keys, each with a certificate under the platform root
//!                            └ secrets: data, token, index, identity, pairwise-sub, status-permutation
//! ```
//!
//! A name has one active key; retired ones still verify, open or are published. Replicas that start together agree,
//! because the row that was committed first wins and all read it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use keys::rsa::RsaKey;
use keys::seal::{KeyRing, SealKey};
use keys::x509::{Certificate, Kind};
use keys::{Signer, Zeroizing};

use super::kek::{Kek, KekError};
use super::store::{Store, StoreError, Tx, params};

mod carried;
mod made;
mod provider;
mod rows;

pub use carried::{Replacements, open_all, opens, seal_all_again};
pub use provider::Rotation;
use rows::{KeyRow, active, insert, read, sealed_row};
pub use rows::{ListedKey, list};

/// The signing keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// Signs the certificates of the others, nothing else.
    PlatformRoot,
    /// Signs credentials.
    Issuer,
    /// Signs status lists.
    StatusList,
    /// Signs the trust list.
    TrustList,
    /// Signs presentation requests.
    Verifier,
    /// Signs ID tokens (ES256).
    OpEs256,
    /// Signs ID tokens for relying parties that know RS256 only.
    OpRs256,
    /// Signs results of wallet instructions.
    InstructionResult,
    /// Signs wallet attestations.
    WalletAttestation,
    /// Signs for push services (VAPID). Browsers subscribe with it: a new one makes them subscribe anew.
    Push,
    /// Signs gate passes and the certificates of gate controllers: the root of trust at gates.
    GateAuthority,
    /// Signs the pages that gate controllers are told.
    GateFeed,
}

impl KeyName {
    const ALL: [Self; 12] = [
        Self::PlatformRoot,
        Self::Issuer,
        Self::StatusList,
        Self::TrustList,
        Self::Verifier,
        Self::OpEs256,
        Self::OpRs256,
        Self::InstructionResult,
        Self::WalletAttestation,
        Self::Push,
        Self::GateAuthority,
        Self::GateFeed,
    ];

    /// The name in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlatformRoot => "platform-root",
            Self::Issuer => "issuer",
            Self::StatusList => "status-list",
            Self::TrustList => "trust-list",
            Self::Verifier => "verifier",
            Self::OpEs256 => "op-es256",
            Self::OpRs256 => "op-rs256",
            Self::InstructionResult => "instruction-result",
            Self::WalletAttestation => "wallet-attestation",
            Self::Push => "push",
            Self::GateAuthority => "gate-authority",
            Self::GateFeed => "gate-feed",
        }
    }

    /// The certificate the key gets under the platform root, if it gets one.
    const fn certificate(self) -> Option<(Kind, &'static str)> {
        match self {
            Self::Issuer => Some((Kind::Issuer, "Mapae Issuer")),
            Self::StatusList => Some((Kind::StatusList, "Mapae Status List")),
            Self::TrustList => Some((Kind::TrustList, "Mapae Trust List")),
            Self::Verifier => Some((Kind::Verifier, "Mapae Verifier")),
            Self::WalletAttestation => Some((Kind::WalletAttestation, "Mapae Wallet Provider")),
            Self::PlatformRoot
            | Self::OpEs256
            | Self::OpRs256
            | Self::InstructionResult
            | Self::Push
            | Self::GateAuthority
            | Self::GateFeed => None,
        }
    }
}

/// The secrets that seal, hash and permute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretName {
    /// Seals personal columns.
    Data,
    /// Seals tokens.
    Token,
    /// Makes blind indexes.
    Index,
    /// Hashes resident registration numbers.
    Identity,
    /// Makes pairwise subject identifiers.
    PairwiseSub,
    /// Permutes status list indices.
    StatusPermutation,
    /// The seed of the key that signs the audit log's checkpoints.
    AuditCheckpoint,
    /// The secp256k1 key that anchors on the ledger.
    LedgerAnchorer,
    /// The seed of the key that wallets encrypt their credential requests to.
    CredentialRequest,
}

impl SecretName {
    const ALL: [Self; 9] = [
        Self::Data,
        Self::Token,
        Self::Index,
        Self::Identity,
        Self::PairwiseSub,
        Self::StatusPermutation,
        Self::AuditCheckpoint,
        Self::LedgerAnchorer,
        Self::CredentialRequest,
    ];

    /// The name in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Token => "token",
            Self::Index => "index",
            Self::Identity => "identity",
            Self::PairwiseSub => "pairwise-sub",
            Self::StatusPermutation => "status-permutation",
            Self::AuditCheckpoint => "audit-checkpoint",
            Self::LedgerAnchorer => "ledger-anchorer",
            Self::CredentialRequest => "credential-request",
        }
    }
}

/// Why the keys could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kek(#[from] KekError),
    #[error("key file or token is not the one this database was sealed with ({0}); restore the right one")]
    WrongKek(String),
    #[error("key {0}: {1}")]
    Unusable(String, String),
}

/// A secret with its number.
#[derive(Clone)]
pub struct Secret {
    pub id: u32,
    pub bytes: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({}, …)", self.id)
    }
}

struct SigningKey {
    signer: Arc<dyn Signer>,
    certificate: Option<Certificate>,
}

/// Every key of the platform, opened.
pub struct ServerKeys {
    signing: BTreeMap<KeyName, SigningKey>,
    rsa: Arc<RsaKey>,
    /// The provider's keys that are published beside those that sign.
    beside: Vec<keys::Jwk>,
    /// The issuer's next key, while it is being changed.
    following: Option<keys::PublicKey>,
    root: Certificate,
    secrets: BTreeMap<SecretName, Secrets>,
    kek: Kek,
}

#[derive(Clone)]
struct Secrets {
    active: Secret,
    older: Vec<Secret>,
}

impl std::fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerKeys(…)")
    }
}

/// Whether the database holds keys already.
pub(super) async fn exist(store: &Store) -> Result<bool, StoreError> {
    Ok(store.fetch_optional("SELECT name FROM platform_key LIMIT 1", params![]).await?.is_some())
}

impl ServerKeys {
    /// Opens the keys of this database, making what is missing. `host` goes into the verifier's certificate.
    pub(super) async fn load(store: &Store, kek: Kek, host: &str, now_ms: i64) -> Result<Self, KeysError> {
        let mut rows = read(store).await?;
        let complete =
            SecretName::ALL.iter().map(|n| n.as_str()).chain(KeyName::ALL.iter().map(|n| n.as_str()));
        let missing: Vec<&'static str> = complete
            .filter(|name| !rows.iter().any(|row| row.name == *name && row.state == "active"))
            .collect();
        if !missing.is_empty() {
            let made = made::make(&missing, &rows, &kek, host, now_ms)?;
            store.write(move |tx| Box::pin(async move { insert(tx, made).await })).await?;
            rows = read(store).await?;
        }
        Self::open(&rows, kek)
    }

    fn open(rows: &[KeyRow], kek: Kek) -> Result<Self, KeysError> {
        let mut signing = BTreeMap::new();
        let mut rsa = None;
        let mut root = None;
        for name in KeyName::ALL {
            let row = active(rows, name.as_str())?;
            let unusable = |reason: String| KeysError::Unusable(name.as_str().to_owned(), reason);
            if name == KeyName::OpRs256 {
                let plain = row.open(&kek)?;
                rsa = Some(Arc::new(RsaKey::from_pkcs8(&plain).map_err(|e| unusable(e.to_string()))?));
                continue;
            }
            let signer = row.signer(&kek)?;
            let certificate = row
                .certificate
                .as_deref()
                .map(Certificate::parse)
                .transpose()
                .map_err(|error| unusable(error.to_string()))?;
            if name == KeyName::PlatformRoot {
                root.clone_from(&certificate);
            }
            signing.insert(name, SigningKey { signer, certificate });
        }
        let mut secrets = BTreeMap::new();
        for name in SecretName::ALL {
            let active = active(rows, name.as_str())?.secret(&kek)?;
            let older = others(rows, name, &kek)?;
            secrets.insert(name, Secrets { active, older });
        }
        let missing = |name: KeyName| KeysError::Unusable(name.as_str().to_owned(), "is missing".into());
        let following = provider::following(rows, &kek)?;
        let mut beside = provider::beside(rows, KeyName::OpEs256, &kek)?;
        beside.extend(provider::beside(rows, KeyName::OpRs256, &kek)?);
        Ok(Self {
            beside,
            following,
            signing,
            rsa: rsa.ok_or_else(|| missing(KeyName::OpRs256))?,
            root: root.ok_or_else(|| missing(KeyName::PlatformRoot))?,
            secrets,
            kek,
        })
    }

    /// The P-256 key of this name. [`KeyName::OpRs256`] is not one: see [`Self::rsa`].
    ///
    /// # Errors
    /// Only for `OpRs256`.
    pub fn signer(&self, name: KeyName) -> Result<Arc<dyn Signer>, KeysError> {
        self.signing
            .get(&name)
            .map(|key| Arc::clone(&key.signer))
            .ok_or_else(|| KeysError::Unusable(name.as_str().to_owned(), "is no P-256 key".into()))
    }

    /// A new P-256 key for a room that keeps keys of its own, and what its row holds: in the token, if there is one that
    /// signs under this name.
    ///
    /// # Errors
    /// The token.
    pub(crate) fn new_signer(&self, name: &str) -> Result<made::NewSigner, KeysError> {
        made::new_signer(&self.kek, name)
    }

    /// The key of such a row.
    ///
    /// # Errors
    /// It is no key, or lies in a token that is not set.
    pub fn signer_of(&self, plain: &[u8]) -> Result<Arc<dyn Signer>, KeysError> {
        rows::signer("of a room", plain, &self.kek)
    }

    /// The certificate chain for `x5c`: leaf first, without the root (HAIP 1.0 §4.5). Empty for keys without one.
    pub fn chain(&self, name: KeyName) -> Vec<Vec<u8>> {
        let leaf = self.signing.get(&name).and_then(|key| key.certificate.as_ref());
        match name {
            KeyName::PlatformRoot => Vec::new(),
            _ => leaf.map(|certificate| vec![certificate.der().to_vec()]).unwrap_or_default(),
        }
    }

    /// The leaf certificate of a key, if it has one.
    pub fn certificate(&self, name: KeyName) -> Option<&Certificate> {
        self.signing.get(&name).and_then(|key| key.certificate.as_ref())
    }

    /// The platform's root certificate: what others install as their trust anchor.
    pub fn root(&self) -> &Certificate {
        &self.root
    }

    /// The RS256 key of the OpenID provider.
    pub fn rsa(&self) -> &Arc<RsaKey> {
        &self.rsa
    }

    /// The OpenID provider's public keys beside the two that sign: the next ones and the retired ones.
    pub fn beside(&self) -> &[keys::Jwk] {
        &self.beside
    }

    /// The key that will sign credentials after the present one, from the moment it is made.
    pub fn next_issuer(&self) -> Option<&keys::PublicKey> {
        self.following.as_ref()
    }

    /// What seals all others.
    pub(super) fn kek(&self) -> &Kek {
        &self.kek
    }

    /// The active secret of this name.
    ///
    /// # Errors
    /// Never after a successful start.
    pub fn secret(&self, name: SecretName) -> Result<&Secret, KeysError> {
        self.secrets
            .get(&name)
            .map(|secrets| &secrets.active)
            .ok_or_else(|| KeysError::Unusable(name.as_str().to_owned(), "is missing".into()))
    }

    /// A secret by number, active or retired: what was made with it names it.
    pub fn secret_by_id(&self, name: SecretName, id: u32) -> Option<&Secret> {
        let secrets = self.secrets.get(&name)?;
        std::iter::once(&secrets.active).chain(&secrets.older).find(|secret| secret.id == id)
    }

    /// Every secret of this name, the active one first.
    pub fn every_secret(&self, name: SecretName) -> impl Iterator<Item = &Secret> {
        self.secrets.get(&name).into_iter().flat_map(|kept| std::iter::once(&kept.active).chain(&kept.older))
    }

    /// The ring of a sealing secret as it was when the keys were opened.
    pub(super) fn ring(&self, name: SecretName) -> Result<KeyRing, KeysError> {
        let active = self.secret(name)?;
        let older = self.secrets.get(&name).map(|secrets| secrets.older.as_slice()).unwrap_or_default();
        Ok(ring(active, older))
    }

    /// The ring of a sealing secret as the database has it now.
    pub(super) async fn fresh_ring(&self, store: &Store, name: SecretName) -> Result<KeyRing, KeysError> {
        let rows = read(store).await?;
        let active = active(&rows, name.as_str())?.secret(&self.kek)?;
        Ok(ring(&active, &others(&rows, name, &self.kek)?))
    }

    /// Adds the next key of a secret: every process opens with it from its next look at the table, none seals yet.
    /// Returns the number of the one that is there already, if an earlier rotation stopped here.
    pub(super) async fn prepare(
        &self,
        store: &Store,
        name: SecretName,
        now_ms: i64,
    ) -> Result<u32, KeysError> {
        let rows = read(store).await?;
        let of_name = || rows.iter().filter(|row| row.name == name.as_str());
        if let Some(next) = of_name().find(|row| row.state == "next") {
            return Ok(next.key_id);
        }
        let id = of_name().map(|row| row.key_id).max().unwrap_or(0) + 1;
        let mut row = sealed_row(&self.kek, name.as_str(), id, &keys::random::bytes::<32>(), None, now_ms)?;
        row.state = "next".into();
        store.write(move |tx| Box::pin(async move { insert(tx, vec![row]).await })).await?;
        Ok(id)
    }

    /// Finishes the rotation of a secret.
    pub(super) async fn switch(
        &self,
        store: &Store,
        name: SecretName,
        id: u32,
        now_ms: i64,
    ) -> Result<(), KeysError> {
        store.write(move |tx| Box::pin(async move { promote(tx, name.as_str(), id, now_ms).await })).await?;
        Ok(())
    }
}

/// Makes the prepared key the active one and retires the present one; of several who finish a rotation one does.
pub(super) async fn promote(tx: &mut Tx, name: &str, id: u32, now_ms: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE platform_key SET state = 'retired', retired_at = $1 WHERE name = $2 AND state = 'active'",
        params![now_ms, name],
    )
    .await?;
    let rows = tx
        .execute(
            "UPDATE platform_key SET state = 'active' WHERE name = $1 AND key_id = $2 AND state = 'next'",
            params![name, id],
        )
        .await?;
    // Somebody else finished this rotation: leave theirs as it is.
    if rows == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

fn ring(active: &Secret, older: &[Secret]) -> KeyRing {
    let ring = KeyRing::new(active.id, SealKey::from_bytes(&active.bytes));
    older.iter().fold(ring, |ring, key| ring.with_older(key.id, SealKey::from_bytes(&key.bytes)))
}

/// Every key of a secret that opens but does not seal.
fn others(rows: &[KeyRow], name: SecretName, kek: &Kek) -> Result<Vec<Secret>, KeysError> {
    let others = rows.iter().filter(|row| row.name == name.as_str() && row.state != "active");
    others.map(|row| row.secret(kek)).collect()
}

#[cfg(test)]
mod tests;

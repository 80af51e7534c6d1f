//! The platform's own keys: made at the first start, sealed under the KEK, each with a number and a state.
//!
//! ```text
//! KEK (key file) ─ seals ─▶ platform_key rows
//!                            ├ signing keys, each with a certificate under the platform root
//!                            └ secrets: data, token, index, identity, pairwise-sub, status-permutation
//! ```
//!
//! A name has one active key; retired ones still verify, open or are published. Replicas that start together agree,
//! because the row that was committed first wins and all read it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use credential::status_list::week::Week;
use keys::rsa::RsaKey;
use keys::seal::{KeyRing, SealKey};
use keys::x509::{self, Certificate, Kind, Profile};
use keys::{SecretKey, Signer, Zeroizing};

use super::store::{Row, Store, StoreError, Tx, params};

mod carried;
mod provider;

pub use carried::{Replacements, open_all, opens, seal_all_again};
pub use provider::Rotation;

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
    #[error("the key file is not the one this database was sealed with ({0}); restore the right one")]
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
    root: Certificate,
    secrets: BTreeMap<SecretName, Secrets>,
    kek: KeyRing,
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

const YEAR_S: i64 = 365 * 24 * 3_600;
/// The country in our certificates.
const COUNTRY: &str = "KR";
const ROOT_YEARS: i64 = 20;
const LEAF_YEARS: i64 = 5;

/// Whether the database holds keys already.
pub(super) async fn exist(store: &Store) -> Result<bool, StoreError> {
    Ok(store.fetch_optional("SELECT name FROM platform_key LIMIT 1", params![]).await?.is_some())
}

impl ServerKeys {
    /// Opens the keys of this database, making what is missing. `host` goes into the verifier's certificate.
    pub(super) async fn load(
        store: &Store,
        kek: SealKey,
        host: &str,
        now_ms: i64,
    ) -> Result<Self, KeysError> {
        let kek = KeyRing::new(1, kek);
        let mut rows = read(store).await?;
        let complete =
            SecretName::ALL.iter().map(|n| n.as_str()).chain(KeyName::ALL.iter().map(|n| n.as_str()));
        let missing: Vec<&'static str> = complete
            .filter(|name| !rows.iter().any(|row| row.name == *name && row.state == "active"))
            .collect();
        if !missing.is_empty() {
            let made = make(&missing, &rows, &kek, host, now_ms)?;
            store.write(move |tx| Box::pin(async move { insert(tx, made).await })).await?;
            rows = read(store).await?;
        }
        Self::open(&rows, kek)
    }

    fn open(rows: &[KeyRow], kek: KeyRing) -> Result<Self, KeysError> {
        let mut signing = BTreeMap::new();
        let mut rsa = None;
        let mut root = None;
        for name in KeyName::ALL {
            let row = active(rows, name.as_str())?;
            let plain = row.open(&kek)?;
            let unusable = |reason: String| KeysError::Unusable(name.as_str().to_owned(), reason);
            if name == KeyName::OpRs256 {
                rsa = Some(Arc::new(RsaKey::from_pkcs8(&plain).map_err(|e| unusable(e.to_string()))?));
                continue;
            }
            let key = secret_key(name.as_str(), &plain)?;
            let certificate = row
                .certificate
                .as_deref()
                .map(Certificate::parse)
                .transpose()
                .map_err(|error| unusable(error.to_string()))?;
            if name == KeyName::PlatformRoot {
                root.clone_from(&certificate);
            }
            signing.insert(name, SigningKey { signer: Arc::new(key), certificate });
        }
        let mut secrets = BTreeMap::new();
        for name in SecretName::ALL {
            let active = active(rows, name.as_str())?.secret(&kek)?;
            let older = others(rows, name, &kek)?;
            secrets.insert(name, Secrets { active, older });
        }
        let missing = |name: KeyName| KeysError::Unusable(name.as_str().to_owned(), "is missing".into());
        let mut beside = provider::beside(rows, KeyName::OpEs256, &kek)?;
        beside.extend(provider::beside(rows, KeyName::OpRs256, &kek)?);
        Ok(Self {
            beside,
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
        let mut row = sealed_row(&self.kek, name.as_str(), id, &keys::random::bytes::<32>(), None, now_ms);
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
fn others(rows: &[KeyRow], name: SecretName, kek: &KeyRing) -> Result<Vec<Secret>, KeysError> {
    let others = rows.iter().filter(|row| row.name == name.as_str() && row.state != "active");
    others.map(|row| row.secret(kek)).collect()
}

/// A key as it may be shown.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ListedKey {
    pub name: String,
    pub key_id: i64,
    pub state: String,
    pub created_at: i64,
}

/// Every key, without itself.
pub async fn list(store: &Store) -> Result<Vec<ListedKey>, StoreError> {
    let sql = "SELECT name, key_id, state, created_at FROM platform_key ORDER BY name, key_id LIMIT 1000";
    let rows = store.fetch_all(sql, params![]).await?;
    let listed = rows.iter().map(|row| {
        Ok(ListedKey {
            name: row.text("name")?,
            key_id: row.int("key_id")?,
            state: row.text("state")?,
            created_at: row.int("created_at")?,
        })
    });
    listed.collect()
}

struct KeyRow {
    name: String,
    key_id: u32,
    state: String,
    sealed: Vec<u8>,
    certificate: Option<Vec<u8>>,
    created_at: i64,
}

impl KeyRow {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let id = row.int("key_id")?;
        Ok(Self {
            name: row.text("name")?,
            key_id: u32::try_from(id)
                .map_err(|_| StoreError::Column("key_id".into(), "is no key number".into()))?,
            state: row.text("state")?,
            sealed: row.bytes("sealed")?,
            certificate: row.opt_bytes("certificate")?,
            created_at: row.int("created_at")?,
        })
    }

    fn open(&self, kek: &KeyRing) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        kek.open(&place(&self.name, self.key_id), &self.sealed)
            .map_err(|_| KeysError::WrongKek(self.name.clone()))
    }

    fn secret(&self, kek: &KeyRing) -> Result<Secret, KeysError> {
        let plain = self.open(kek)?;
        let bytes = <[u8; 32]>::try_from(plain.as_slice())
            .map_err(|_| KeysError::Unusable(self.name.clone(), "has the wrong length".into()))?;
        Ok(Secret { id: self.key_id, bytes: Zeroizing::new(bytes) })
    }
}

fn place(name: &str, id: u32) -> Vec<u8> {
    [b"platform_key\0sealed\0", name.as_bytes(), b"\0", id.to_be_bytes().as_slice()].concat()
}

fn active<'a>(rows: &'a [KeyRow], name: &str) -> Result<&'a KeyRow, KeysError> {
    rows.iter()
        .find(|row| row.name == name && row.state == "active")
        .ok_or_else(|| KeysError::Unusable(name.to_owned(), "is missing".into()))
}

fn secret_key(name: &str, plain: &[u8]) -> Result<SecretKey, KeysError> {
    let unusable = |reason: String| KeysError::Unusable(name.to_owned(), reason);
    let bytes = <[u8; 32]>::try_from(plain).map_err(|_| unusable("has the wrong length".into()))?;
    SecretKey::from_bytes(&bytes).map_err(|error| unusable(error.to_string()))
}

async fn read(store: &Store) -> Result<Vec<KeyRow>, StoreError> {
    let rows = store
        .fetch_all(
            "SELECT name, key_id, state, sealed, certificate, created_at FROM platform_key \
             WHERE state <> 'revoked' ORDER BY name, key_id LIMIT 1000",
            params![],
        )
        .await?;
    rows.iter().map(KeyRow::of).collect()
}

async fn insert(tx: &mut Tx, rows: Vec<KeyRow>) -> Result<(), StoreError> {
    for row in rows {
        tx.execute(
            "INSERT INTO platform_key (name, key_id, state, sealed, certificate, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            params![row.name, row.key_id, row.state, row.sealed, row.certificate, row.created_at],
        )
        .await?;
    }
    Ok(())
}

fn sealed_row(
    kek: &KeyRing,
    name: &str,
    id: u32,
    plain: &[u8],
    certificate: Option<&Certificate>,
    now_ms: i64,
) -> KeyRow {
    KeyRow {
        name: name.to_owned(),
        key_id: id,
        state: "active".into(),
        sealed: kek.seal(&place(name, id), plain),
        certificate: certificate.map(|certificate| certificate.der().to_vec()),
        created_at: now_ms,
    }
}

/// Makes the missing keys. A new leaf goes under the existing root, or under the root made with it.
fn make(
    missing: &[&'static str],
    existing: &[KeyRow],
    kek: &KeyRing,
    host: &str,
    now_ms: i64,
) -> Result<Vec<KeyRow>, KeysError> {
    let unusable = |name: &str, reason: String| KeysError::Unusable(name.to_owned(), reason);
    // What a key signs says the first second of its week: the certificate holds then already (ISO/IEC 18013-5 §9.3.1).
    let now = now_ms.div_euclid(1_000);
    let from = Week::of(now).start().min(now - 3_600);
    let mut rows = Vec::new();
    for name in SecretName::ALL.iter().map(|name| name.as_str()).filter(|name| missing.contains(name)) {
        rows.push(sealed_row(kek, name, 1, &keys::random::bytes::<32>(), None, now_ms));
    }
    let root_name = KeyName::PlatformRoot.as_str();
    let (root_key, root) = if missing.contains(&root_name) {
        let key = SecretKey::generate();
        let certificate =
            x509::root_in(Some(COUNTRY), &key, "Mapae Platform Root", from, from + ROOT_YEARS * YEAR_S)
                .map_err(|error| unusable(root_name, error.to_string()))?;
        rows.push(sealed_row(kek, root_name, 1, key.to_bytes().as_slice(), Some(&certificate), now_ms));
        (key, certificate)
    } else {
        let row = active(existing, root_name)?;
        let der = row.certificate.as_deref().unwrap_or_default();
        let certificate = Certificate::parse(der).map_err(|error| unusable(root_name, error.to_string()))?;
        (secret_key(root_name, &row.open(kek)?)?, certificate)
    };
    for name in KeyName::ALL.into_iter().filter(|name| missing.contains(&name.as_str())) {
        let text = name.as_str();
        match name {
            KeyName::PlatformRoot => {}
            KeyName::OpRs256 => {
                let key = RsaKey::generate(2048).map_err(|error| unusable(text, error.to_string()))?;
                let plain = key.to_pkcs8().map_err(|error| unusable(text, error.to_string()))?;
                rows.push(sealed_row(kek, text, 1, &plain, None, now_ms));
            }
            _ => {
                let key = SecretKey::generate();
                let certificate = match name.certificate() {
                    None => None,
                    Some((kind, cn)) => {
                        let dns = if name == KeyName::Verifier { vec![host.to_owned()] } else { Vec::new() };
                        let profile = Profile {
                            country: Some(COUNTRY.to_owned()),
                            cn: cn.to_owned(),
                            dns,
                            uri: Vec::new(),
                            kind,
                        };
                        let to = from + LEAF_YEARS * YEAR_S;
                        let serial = x509::random_serial();
                        let made =
                            x509::issue(&root, &root_key, key.public_key(), &profile, from, to, serial)
                                .map_err(|error| unusable(text, error.to_string()))?;
                        Some(made)
                    }
                };
                rows.push(sealed_row(kek, text, 1, key.to_bytes().as_slice(), certificate.as_ref(), now_ms));
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;

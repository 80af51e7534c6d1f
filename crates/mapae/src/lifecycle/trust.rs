//! The trust list: whose keys may issue what, signed, refreshed and served at `/trust-list`.
//!
//! Our own verifier believes the signed list and nothing else: it verifies what it serves. A key ends *retired* in good
//! order (what it issued before holds until it expires) or *revoked* (nothing by it holds any more, whatever its date).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use credential::trust::{
    Anchor, KeyState, Statement, TrustEntry, TrustList, TrustListError, TrustSource as _,
};
use credential::types::Bilingual;

use super::change::{By, ChangeError};
use crate::issuance::DeskError;
use crate::operations::server_keys::{KeyName, KeysError};
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::{audit, issuance, ledger};

/// Why there is no trust list.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list could not be signed or did not verify.
    #[error(transparent)]
    List(#[from] TrustListError),
    /// The signing key is missing.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The credential type can't be read.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// The list as it is served, and as it was verified.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) jwt: Arc<str>,
    pub(super) tag: String,
    list: Arc<TrustList>,
    /// Whether the registrar vouched for each entry.
    by_registrar: bool,
    signed_at_ms: i64,
}

/// The last signatures in this process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    whole: Mutex<Option<Arc<Signed>>>,
    parts: Mutex<Parts>,
}

impl Memory {
    fn last(&self) -> Option<Arc<Signed>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Parts of one list, each of one issuer; the empty name is that of everybody who stands not on it.
#[derive(Debug, Default)]
struct Parts {
    of: String,
    signed: HashMap<String, Arc<Signed>>,
}

/// Lets the next list be signed anew.
pub(super) fn forget(platform: &Platform) {
    *platform.local.lifecycle.trust.whole.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Enters our issuing key for our credential types, under each name that they have, where it is not on the list yet: with
/// the first list that is signed.
async fn accredit(platform: &Platform) -> Result<(), TrustError> {
    let desk = issuance::desk(platform)?;
    let active = platform.keys.signer(KeyName::Issuer)?;
    // The next one stands on the list before it signs.
    for key in std::iter::once(active.public_key()).chain(platform.keys.next_issuer()) {
        let jkt = key.thumbprint();
        for name in desk.type_names() {
            accredit_for(platform, &jkt, name).await?;
        }
    }
    Ok(())
}

async fn accredit_for(platform: &Platform, jkt: &str, kind: &str) -> Result<(), TrustError> {
    let known = platform
        .store
        .fetch_optional("SELECT state FROM trust_entry WHERE jkt = $1 AND vct = $2", params![jkt, kind])
        .await?;
    if known.is_some() {
        return Ok(());
    }
    let (jkt, kind) = (jkt.to_owned(), kind.to_owned());
    let issuer = platform.config.public.origin().to_owned();
    let name = issuance::issuer_name();
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            // A key that has ended is not brought back by a type that comes later.
            let rows = tx
                .execute(
                    "INSERT INTO trust_entry (jkt, vct, issuer, name_ko, name_en, state, state_at, from_at) \
                     SELECT $1, $2, $3, $4, $5, 'active', $6, $6 WHERE NOT EXISTS \
                     (SELECT 1 FROM trust_entry WHERE jkt = $1 AND state <> 'active') ON CONFLICT DO NOTHING",
                    params![&jkt, &kind, &issuer, &name.ko, &name.en, tx.now_ms()],
                )
                .await?;
            if rows == 1 {
                raise_version(tx).await?;
                record(tx, &By::system(), "issuer_key.accredited", &jkt).await?;
            }
            Ok::<(), StoreError>(())
        })
    });
    Ok(unit.await?)
}

/// Takes a key out of use in good order, as of now.
pub async fn retire_key(tx: &mut Tx, jkt: &str, by: &By) -> Result<(), ChangeError> {
    end_key(tx, jkt, by, "retired", "issuer_key.retired").await
}

/// Revokes a key that is no longer its owner's alone: nothing signed with it holds any more.
pub async fn revoke_key(tx: &mut Tx, jkt: &str, by: &By) -> Result<(), ChangeError> {
    end_key(tx, jkt, by, "revoked", "issuer_key.revoked").await
}

/// Ends keys that had ended when a restored backup's time was over; `true`: revoked. How many were.
pub async fn end_keys_as_remembered(
    tx: &mut Tx,
    keys: &std::collections::BTreeMap<String, bool>,
) -> Result<u64, StoreError> {
    let mut ended = 0;
    for (jkt, revoked) in keys {
        let by = By::system();
        let done = if *revoked { revoke_key(tx, jkt, &by).await } else { retire_key(tx, jkt, &by).await };
        match done {
            Ok(()) => ended += 1,
            // Made after the backup, or ended before it.
            Err(ChangeError::Unknown) => {}
            Err(ChangeError::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::Column("trust_entry".into(), error.to_string())),
        }
    }
    Ok(ended)
}

async fn end_key(
    tx: &mut Tx,
    jkt: &str,
    by: &By,
    state: &'static str,
    act: &'static str,
) -> Result<(), ChangeError> {
    let rows = tx
        .execute(
            "UPDATE trust_entry SET state = $2, state_at = $3 \
             WHERE jkt = $1 AND (state = 'active' OR (state = 'retired' AND $2 = 'revoked'))",
            params![jkt, state, tx.now_ms()],
        )
        .await?;
    if rows == 0 {
        return Err(ChangeError::Unknown);
    }
    raise_version(tx).await?;
    record(tx, by, act, jkt).await?;
    Ok(())
}

/// What the ledger says that the trust list has to follow.
#[derive(Debug)]
pub(crate) enum TrustChange {
    Granted(Box<Grant>),
    /// For one type.
    Retired {
        jkt: String,
        vct_hash: [u8; 32],
        at_ms: i64,
    },
    /// For every type.
    Revoked {
        jkt: String,
        at_ms: i64,
    },
    /// Every key of the agency.
    Deactivated {
        did: String,
    },
}

/// An accreditation, and the registrar's signed word for it.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) statement: Statement,
    pub(crate) text: String,
}

impl TrustChange {
    /// The act and its subject, for the audit log.
    pub(crate) fn told(&self) -> (&'static str, &str) {
        match self {
            Self::Granted(grant) => ("issuer_key.accredited", &grant.statement.jkt),
            Self::Retired { jkt, .. } => ("issuer_key.retired", jkt),
            Self::Revoked { jkt, .. } => ("issuer_key.revoked", jkt),
            Self::Deactivated { did } => ("agency.deactivated", did),
        }
    }
}

/// Enters what the ledger says; whether it was news. No end is taken back.
pub(crate) async fn follow_ledger(tx: &mut Tx, change: &TrustChange) -> Result<bool, StoreError> {
    let rows = match change {
        TrustChange::Granted(grant) => {
            let statement = &grant.statement;
            tx.execute(
                "INSERT INTO trust_entry \
                 (jkt, vct, issuer, name_ko, name_en, state, state_at, from_at, until_at, did, statement) \
                 VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8, $9, $10) \
                 ON CONFLICT (jkt, vct) DO UPDATE SET issuer = excluded.issuer, name_ko = excluded.name_ko, \
                 name_en = excluded.name_en, from_at = excluded.from_at, until_at = excluded.until_at, \
                 did = excluded.did, statement = excluded.statement \
                 WHERE trust_entry.state = 'active' AND COALESCE(trust_entry.statement, '') <> excluded.statement",
                params![
                    &statement.jkt,
                    &statement.vct,
                    &statement.issuer,
                    &statement.name.ko,
                    &statement.name.en,
                    tx.now_ms(),
                    statement.from.saturating_mul(1_000),
                    statement.until.saturating_mul(1_000),
                    &statement.sub,
                    &grant.text
                ],
            )
            .await?
        }
        TrustChange::Retired { jkt, vct_hash, at_ms } => {
            let mut ended = 0;
            let rows = tx.fetch_all("SELECT vct FROM trust_entry WHERE jkt = $1 LIMIT 1000", params![jkt]).await?;
            for row in rows {
                let vct = row.text("vct")?;
                if keys::sha256(vct.as_bytes()) == *vct_hash {
                    ended += tx.execute(
                        "UPDATE trust_entry SET state = 'retired', state_at = $3 \
                         WHERE jkt = $1 AND vct = $2 AND state = 'active'",
                        params![jkt, vct, *at_ms],
                    )
                    .await?;
                }
            }
            ended
        }
        TrustChange::Revoked { jkt, at_ms } => {
            tx.execute(
                "UPDATE trust_entry SET state = 'revoked', state_at = $2 WHERE jkt = $1 AND state <> 'revoked'",
                params![jkt, *at_ms],
            )
            .await?
        }
        TrustChange::Deactivated { did } => {
            tx.execute(
                "UPDATE trust_entry SET deactivated_at = $2 WHERE did = $1 AND deactivated_at IS NULL",
                params![did, tx.now_ms()],
            )
            .await?
        }
    };
    if rows > 0 {
        raise_version(tx).await?;
    }
    Ok(rows > 0)
}

async fn raise_version(tx: &mut Tx) -> Result<(), StoreError> {
    tx.execute("UPDATE trust_version SET version = version + 1 WHERE id = 1", params![]).await?;
    Ok(())
}

async fn record(tx: &mut Tx, by: &By, act: &'static str, jkt: &str) -> Result<(), StoreError> {
    let detail = serde_json::json!({});
    audit::record(tx, audit::Record { actor: &by.actor, duty: &by.duty, act, subject: jkt, detail }).await
}

/// What our verifier believes of issuers: the signed list, verified, never older than the last change.
pub async fn local_trust(platform: &Platform) -> Result<Arc<TrustList>, TrustError> {
    Ok(Arc::clone(&signed(platform).await?.list))
}

/// The signed list: made anew when it changed, and every five minutes.
async fn signed(platform: &Platform) -> Result<Arc<Signed>, TrustError> {
    let version = version(&platform.store).await?;
    if let Some(last) = kept(platform, version) {
        return Ok(last);
    }
    let memory = &platform.local.lifecycle.trust;
    let (last, now_ms) = (memory.last(), platform.now_ms());
    let made = Arc::new(sign(platform, last.as_deref(), now_ms).await?);
    *memory.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&made));
    Ok(made)
}

/// The list as everybody fetches it. A replica may be asked whether it changed; a list is only made of what the primary says.
pub(super) async fn served(platform: &Platform) -> Result<Arc<Signed>, TrustError> {
    let version = platform.store.read_published(version).await?;
    match kept(platform, version) {
        Some(last) => Ok(last),
        None => signed(platform).await,
    }
}

/// The last list, if it is of this version or a later one and not too old.
fn kept(platform: &Platform, version: u64) -> Option<Arc<Signed>> {
    let now_ms = platform.now_ms();
    platform.local.lifecycle.trust.last().filter(|last| {
        last.list.version() >= version
            && (0..limits::TRUST_LIST_REFRESH.get()).contains(&now_ms.saturating_sub(last.signed_at_ms))
    })
}

/// The entries of one issuer as a list of their own, signed once for each list; nobody makes us sign by asking for names.
pub(super) async fn signed_of(platform: &Platform, issuer: &str) -> Result<Arc<Signed>, TrustError> {
    let whole = served(platform).await?;
    let entries: Vec<TrustEntry> =
        whole.list.entries().iter().filter(|entry| entry.issuer == issuer).cloned().collect();
    let name = if entries.is_empty() { "" } else { issuer };
    let parts = &platform.local.lifecycle.trust.parts;
    {
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.of != whole.tag {
            *parts = Parts { of: whole.tag.clone(), signed: HashMap::new() };
        }
        if let Some(part) = parts.signed.get(name) {
            return Ok(Arc::clone(part));
        }
    }
    let list = &whole.list;
    let times = (list.issued_at(), list.expires_at());
    let part =
        TrustList::new(list.issuer().to_owned(), list.version(), times, list.roots().to_vec(), entries)?;
    let (jwt, tag) = seal(platform, &part)?;
    let made = Arc::new(Signed {
        jwt,
        tag,
        list: Arc::new(part),
        by_registrar: whole.by_registrar,
        signed_at_ms: whole.signed_at_ms,
    });
    let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
    if parts.of == whole.tag {
        parts.signed.insert(name.to_owned(), Arc::clone(&made));
    }
    Ok(made)
}

/// The signature, and a short name for what was signed.
fn seal(platform: &Platform, list: &TrustList) -> Result<(Arc<str>, String), TrustError> {
    let signer = platform.keys.signer(KeyName::TrustList)?;
    let chain = platform.keys.chain(KeyName::TrustList);
    let jwt = list.sign(&signer.public_key().thumbprint(), &chain, signer.as_ref())?;
    let digest = keys::sha256(jwt.as_bytes());
    Ok((jwt.into(), keys::encoding::hex_encode(digest.get(..12).unwrap_or_default())))
}

async fn version(store: &Store) -> Result<u64, StoreError> {
    let row = store.fetch_one("SELECT version FROM trust_version WHERE id = 1", params![]).await?;
    Ok(row.int("version")?.unsigned_abs())
}

/// Signs the list and reads it back. `last`: the one before, whose entries the registrar's signatures were verified of.
async fn sign(platform: &Platform, last: Option<&Signed>, now_ms: i64) -> Result<Signed, TrustError> {
    let ledger = ledger::setup(platform).await?;
    if ledger.is_none() {
        accredit(platform).await?;
    }
    let version = version(&platform.store).await?;
    let rows = platform
        .store
        .fetch_all(
            "SELECT jkt, vct, issuer, name_ko, name_en, state, state_at, from_at, until_at, statement, deactivated_at \
             FROM trust_entry ORDER BY jkt, vct LIMIT 10000",
            params![],
        )
        .await?;
    let mut entries = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    if ledger.is_some() {
        // What this server entered for itself before there was a ledger.
        entries.retain(|entry| entry.statement.is_some());
    }
    let origin = platform.config.public.origin();
    let now = now_ms.div_euclid(1000);
    let until = now.saturating_add(limits::TRUST_LIST_LIFE.get() / 1000);
    let roots = vec![platform.keys.root().clone()];
    let list = TrustList::new(origin.to_owned(), version, (now, until), roots, entries)?;
    let (jwt, tag) = seal(platform, &list)?;
    let roots = [platform.keys.root().clone()];
    let list = TrustList::verify(&jwt, Anchor::Roots(&roots), version, now)?;
    let by_registrar = ledger.is_some();
    let list = match ledger {
        Some(setup) => {
            // A ledger that was set up since vouched for nothing in the last list.
            let last = last.filter(|last| last.by_registrar).map(|last| last.list.as_ref());
            let (list, left_out) = list.vouched(&setup.registrar, last);
            if left_out > 0 {
                tracing::error!(
                    left_out,
                    "entries of the trust list without the registrar's statement are not believed"
                );
            }
            list
        }
        None => list,
    };
    Ok(Signed { jwt, tag, list: Arc::new(list), by_registrar, signed_at_ms: now_ms })
}

fn entry(row: &Row) -> Result<TrustEntry, StoreError> {
    let (state, at) = (row.text("state")?, row.int("state_at")?.div_euclid(1000));
    let state = match state.as_str() {
        "active" => match row.opt_int("deactivated_at")? {
            Some(at) => KeyState::Deactivated { at: at.div_euclid(1000) },
            None => KeyState::Active,
        },
        "retired" => KeyState::Retired { at },
        // A word that this version does not know is no reason to trust.
        _ => KeyState::Revoked { at },
    };
    Ok(TrustEntry {
        issuer: row.text("issuer")?,
        name: Bilingual { ko: row.text("name_ko")?, en: row.text("name_en")? },
        jkt: row.text("jkt")?,
        vcts: vec![row.text("vct")?],
        from: row.int("from_at")?.div_euclid(1000),
        until: row.opt_int("until_at")?.map(|at| at.div_euclid(1000)),
        state,
        statement: row.opt_text("statement")?,
    })
}

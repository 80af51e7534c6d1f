//! New keys that sign, with overlap: the next key is published before it signs, and a retired one as long as
//! something that it signed may be looked at.
//!
//! ```text
//! rotate (1st) ─▶ next      published by each process from its next start
//! rotate (2nd) ─▶ active    signs from each process's next start; the former one is retired, and goes on being published
//! ```
//!
//! Processes read keys when they start. The pause between the two steps is longer than relying parties keep the key set, so
//! that in a rolling restart nobody meets a signature by a key that they can't have.

use keys::rsa::RsaKey;
use keys::{Jwk, PublicKey};

use super::made::new_row;
use super::rows::{KeyRow, insert, read};
use super::{KeyName, KeysError, ServerKeys, promote};
use crate::operations::kek::Kek;
use crate::operations::limits;
use crate::operations::store::{Store, StoreError};

/// The provider's keys.
const PROVIDER: [KeyName; 2] = [KeyName::OpEs256, KeyName::OpRs256];
/// Most retired keys of one name that are published.
const MAX_RETIRED: usize = 4;

/// What a rotation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Rotation {
    /// The next keys are there: start every process anew, wait, and run it again.
    Prepared,
    /// They were made less than the pause ago.
    Waits {
        /// Milliseconds until it may go on.
        ms: i64,
    },
    /// The next keys are active from each process's next start.
    Switched,
}

/// The public keys of a name that are published beside the active one.
pub(super) fn beside(rows: &[KeyRow], name: KeyName, kek: &Kek) -> Result<Vec<Jwk>, KeysError> {
    let of_name = |state: &'static str| {
        rows.iter().rev().filter(move |row| row.name == name.as_str() && row.state == state)
    };
    let mut found = Vec::new();
    for row in of_name("next").chain(of_name("retired").take(MAX_RETIRED)) {
        let unusable = |reason: String| KeysError::Unusable(name.as_str().to_owned(), reason);
        found.push(match name {
            KeyName::OpRs256 => {
                let key = RsaKey::from_pkcs8(&row.open(kek)?);
                key.map_err(|error| unusable(error.to_string()))?.jwk().clone()
            }
            _ => row.signer(kek)?.public_key().to_jwk(),
        });
    }
    Ok(found)
}

/// The issuer's next key, if it is being changed.
pub(super) fn following(rows: &[KeyRow], kek: &Kek) -> Result<Option<PublicKey>, KeysError> {
    let next = rows.iter().find(|row| row.name == KeyName::Issuer.as_str() && row.state == "next");
    next.map(|row| Ok(row.signer(kek)?.public_key().clone())).transpose()
}

impl KeyName {
    /// The names whose keys may be changed while everything goes on, as the command line knows them: what they signed is
    /// checked by a certificate that comes with it, or by a key set that is fetched anew.
    pub const CHANGEABLE: [Self; 5] =
        [Self::Issuer, Self::StatusList, Self::TrustList, Self::Verifier, Self::WalletAttestation];
}

impl ServerKeys {
    /// Takes one step of a rotation of the provider's keys.
    ///
    /// # Errors
    /// The store, or a key that can't be made.
    pub async fn rotate_provider(&self, store: &Store, now_ms: i64) -> Result<Rotation, KeysError> {
        self.rotate(store, &PROVIDER, ("", limits::LOGIN_KEYS_OVERLAP.get()), now_ms).await
    }

    /// Takes one step of a rotation of keys that change together: `host` goes into the verifier's certificate, `overlap_ms`
    /// is how long the next ones are published before they sign.
    ///
    /// # Errors
    /// The store, or a key that can't be made.
    pub async fn rotate(
        &self,
        store: &Store,
        names: &[KeyName],
        (host, overlap_ms): (&str, i64),
        now_ms: i64,
    ) -> Result<Rotation, KeysError> {
        let rows = read(store).await?;
        let next: Vec<&KeyRow> = rows
            .iter()
            .filter(|row| row.state == "next" && names.iter().any(|name| name.as_str() == row.name))
            .collect();
        if next.is_empty() {
            let root_key = self.signer(KeyName::PlatformRoot)?;
            let mut made = Vec::new();
            for name in names {
                let id = rows.iter().filter(|row| row.name == name.as_str()).map(|row| row.key_id).max();
                let root = (self.root(), &*root_key);
                let mut row = new_row(&self.kek, root, *name, id.unwrap_or(0) + 1, host, now_ms)?;
                row.state = "next".into();
                made.push(row);
            }
            store.write(move |tx| Box::pin(async move { insert(tx, made).await })).await?;
            return Ok(Rotation::Prepared);
        }
        let youngest = next.iter().map(|row| row.created_at).max().unwrap_or(now_ms);
        let ready = youngest.saturating_add(overlap_ms);
        if ready > now_ms {
            return Ok(Rotation::Waits { ms: ready - now_ms });
        }
        let ids: Vec<(String, u32)> = next.iter().map(|row| (row.name.clone(), row.key_id)).collect();
        store
            .write(move |tx| {
                Box::pin(async move {
                    for (name, id) in ids {
                        promote(tx, &name, id, now_ms).await?;
                    }
                    Ok::<(), StoreError>(())
                })
            })
            .await?;
        Ok(Rotation::Switched)
    }
}

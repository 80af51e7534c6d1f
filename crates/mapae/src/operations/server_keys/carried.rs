//! Keys of a store that is carried elsewhere: sealed anew under another key file, or replaced after a restore.

use super::rows::{KeyRow, insert, place, read, sealed_row};
use super::{KeysError, SecretName, ServerKeys};
use crate::operations::kek::{Kek, KekError};
use crate::operations::store::{Store, StoreError, Tx, params};

/// Opens every key of the store, revoked ones too; how many there are.
///
/// # Errors
/// [`KeysError::WrongKek`] for the first that does not open.
pub async fn open_all(store: &Store, kek: &Kek) -> Result<usize, KeysError> {
    let rows = every(store).await?;
    for row in &rows {
        row.open(kek)?;
    }
    Ok(rows.len())
}

/// Seals every key of the store under another key-encryption key, in one transaction; how many were. Those that are
/// under it already stay as they are, so that it may be run again.
///
/// # Errors
/// A key that opens under neither.
pub async fn seal_all_again(store: &Store, from: &Kek, to: &Kek) -> Result<usize, KeysError> {
    let mut again = Vec::new();
    for row in every(store).await? {
        if to.is_current(&row.sealed) && row.open(to).is_ok() {
            continue;
        }
        let plain = row.open(from)?;
        again.push((to.seal(&place(&row.name, row.key_id), &plain)?, row));
    }
    let count = again.len();
    store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                for (sealed, row) in again {
                    let rows = tx
                        .execute(
                            "UPDATE platform_key SET sealed = $1 WHERE name = $2 AND key_id = $3 AND sealed = $4",
                            params![sealed, row.name, row.key_id, row.sealed],
                        )
                        .await?;
                    if rows != 1 {
                        return Err(StoreError::NotFound);
                    }
                }
                Ok(())
            })
        })
        .await?;
    Ok(count)
}

async fn every(store: &Store) -> Result<Vec<KeyRow>, StoreError> {
    let sql = "SELECT name, key_id, state, sealed, certificate, created_at FROM platform_key \
               ORDER BY name, key_id LIMIT 10000";
    store.fetch_all(sql, params![]).await?.iter().map(KeyRow::of).collect()
}

/// Keys that take the place of others, made outside the transaction.
pub struct Replacements(Vec<KeyRow>);

impl std::fmt::Debug for Replacements {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Replacements({})", self.0.len())
    }
}

impl ServerKeys {
    /// Makes new secrets of these names, to be put in place by [`Replacements::enter`].
    ///
    /// # Errors
    /// The store.
    pub async fn replacements(
        &self,
        store: &Store,
        names: &[SecretName],
        now_ms: i64,
    ) -> Result<Replacements, KeysError> {
        let rows = read(store).await?;
        let made = names.iter().map(|name| {
            let last = rows.iter().filter(|row| row.name == name.as_str()).map(|row| row.key_id).max();
            let id = last.unwrap_or(0) + 1;
            sealed_row(&self.kek, name.as_str(), id, &keys::random::bytes::<32>(), None, now_ms)
        });
        Ok(Replacements(made.collect::<Result<_, _>>()?))
    }
}

impl Replacements {
    /// Revokes what was there under these names and enters the new ones: what was sealed or signed under the old ones
    /// holds no more.
    ///
    /// # Errors
    /// The store.
    pub async fn enter(self, tx: &mut Tx) -> Result<(), StoreError> {
        let now_ms = tx.now_ms();
        for row in &self.0 {
            tx.execute(
                "UPDATE platform_key SET state = 'revoked', retired_at = $2 WHERE name = $1 AND state <> 'revoked'",
                params![row.name.as_str(), now_ms],
            )
            .await?;
        }
        insert(tx, self.0).await
    }
}

/// Whether a sealed key opens; for a look that changes nothing.
///
/// # Errors
/// A token that does not answer.
pub fn opens(kek: &Kek, name: &str, id: i64, sealed: &[u8]) -> Result<bool, KekError> {
    use crate::operations::hsm::HsmError;
    let Ok(id) = u32::try_from(id) else { return Ok(false) };
    match kek.open(&place(name, id), sealed) {
        Ok(_) => Ok(true),
        Err(KekError::DoesNotOpen | KekError::Token(HsmError::Refused)) => Ok(false),
        Err(error) => Err(error),
    }
}

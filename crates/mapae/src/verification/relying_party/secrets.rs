//! Secrets of relying parties: shown once, kept as hashes, exchanged with an overlap.

use super::Secrets;
use crate::operations::limits;
use crate::operations::store::{StoreError, Tx, params};

pub(super) fn hash(secret: &Option<String>) -> Option<Vec<u8>> {
    secret.as_ref().map(|text| keys::sha256(text.as_bytes()).to_vec())
}

fn renewed(old: Option<Vec<u8>>) -> Option<String> {
    old.map(|_| keys::random::token())
}

/// Gives a registered relying party new secrets; the old ones are worth nothing from then on.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered.
pub async fn renew_secrets(tx: &mut Tx, id: &str) -> Result<Secrets, StoreError> {
    let row = tx
        .fetch_one("SELECT secret_hash, api_key_hash FROM relying_party WHERE id = $1", params![id])
        .await?;
    let secrets = Secrets {
        client_secret: renewed(row.opt_bytes("secret_hash")?),
        api_key: renewed(row.opt_bytes("api_key_hash")?),
    };
    tx.execute(
        "UPDATE relying_party SET secret_hash = $2, api_key_hash = $3, old_secret_hash = NULL, old_api_key_hash = NULL, \
         old_until = 0 WHERE id = $1",
        params![id, hash(&secrets.client_secret), hash(&secrets.api_key)],
    )
    .await?;
    Ok(secrets)
}

/// Gives new secrets and lets the old ones work for [`limits::PARTY_OVERLAP`] more. `None` while an earlier exchange still
/// overlaps, or for one that has no secret: of any number at once one counts.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered.
pub async fn rotate_secrets(tx: &mut Tx, id: &str) -> Result<Option<Secrets>, StoreError> {
    let now_ms = tx.now_ms();
    let row = tx
        .fetch_one("SELECT secret_hash, api_key_hash FROM relying_party WHERE id = $1", params![id])
        .await?;
    let secrets = Secrets {
        client_secret: renewed(row.opt_bytes("secret_hash")?),
        api_key: renewed(row.opt_bytes("api_key_hash")?),
    };
    if secrets.client_secret.is_none() && secrets.api_key.is_none() {
        return Ok(None);
    }
    let rows = tx
        .execute(
            "UPDATE relying_party SET old_secret_hash = secret_hash, old_api_key_hash = api_key_hash, old_until = $4, \
             secret_hash = $2, api_key_hash = $3 WHERE id = $1 AND old_until <= $5",
            params![
                id,
                hash(&secrets.client_secret),
                hash(&secrets.api_key),
                now_ms.saturating_add(limits::PARTY_OVERLAP.get()),
                now_ms,
            ],
        )
        .await?;
    Ok((rows == 1).then_some(secrets))
}

/// Ends the overlap at once; `false` if there is none.
///
/// # Errors
/// The store.
pub async fn end_old_secrets(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE relying_party SET old_secret_hash = NULL, old_api_key_hash = NULL, old_until = 0 \
             WHERE id = $1 AND old_until > $2",
            params![id, now_ms],
        )
        .await?;
    Ok(rows == 1)
}

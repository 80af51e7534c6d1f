//! What may be used once: offers, nonces, QR states, responses, proofs. One table, one conditional statement.

use super::limits;
use super::store::{Store, StoreError, Tx, params};

/// Marks `id` as used for `purpose`. `true` for exactly one caller, ever; the affected rows decide.
///
/// `expires_ms` is the time after which the token itself is refused, so that the mark may be forgotten.
/// An id longer than [`limits::ONCE_ID`] is never consumed: it cannot be one of ours.
pub async fn consume(tx: &mut Tx, purpose: &str, id: &str, expires_ms: i64) -> Result<bool, StoreError> {
    if id.is_empty() || id.len() > limits::ONCE_ID.size() {
        return Ok(false);
    }
    let rows = tx
        .execute(
            "INSERT INTO once (purpose, id, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            params![purpose, id, expires_ms],
        )
        .await?;
    Ok(rows == 1)
}

/// Whether `id` was used for `purpose`, for an answer in words. It decides nothing: [`consume`] does.
pub async fn is_consumed(store: &Store, purpose: &str, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT expires_at FROM once WHERE purpose = $1 AND id = $2";
    Ok(store.fetch_optional(sql, params![purpose, id]).await?.is_some())
}

/// Removes marks whose token has expired; returns how many. The server runs it every [`limits::ONCE_SWEEP`].
pub async fn sweep(store: &Store, now_ms: i64) -> Result<u64, StoreError> {
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM once WHERE (purpose, id) IN \
                     (SELECT purpose, id FROM once WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                    params![now_ms, limits::ONCE_SWEEP_ROWS.get()],
                )
                .await
            })
        })
        .await
}

#[cfg(test)]
mod tests;

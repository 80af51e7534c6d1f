//! How much waits to be told, for the operator's page.

use crate::operations::store::{Store, StoreError, params};

/// Messages that have not been brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Waiting for their first or next try, or being tried.
    pub waiting: i64,
    /// When the oldest of these was made (ms).
    pub oldest: Option<i64>,
    /// Given up, and not yet forgotten.
    pub dead: i64,
}

/// What waits and what was given up.
pub async fn depth(store: &Store) -> Result<Depth, StoreError> {
    let row = store
        .fetch_one(
            "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest FROM notification_outbox \
             WHERE state IN ('waiting', 'claimed')",
            params![],
        )
        .await?;
    let dead = store
        .fetch_one("SELECT COUNT(*) AS dead FROM notification_outbox WHERE state = 'dead'", params![])
        .await?;
    Ok(Depth { waiting: row.int("waiting")?, oldest: row.opt_int("oldest")?, dead: dead.int("dead")? })
}

//! The issuing party: the DID that badges are issued under, which hands out slots and counts status changes.

use crate::operations::store::{Store, StoreError, Tx, params};

/// Reserves the next slot under a DID. A slot whose badge never comes is left empty, and never given again.
pub async fn reserve_slot(tx: &mut Tx, did: &str) -> Result<i64, StoreError> {
    reserve_slots(tx, did, 1).await
}

/// The first of `count` slots in a row.
pub(super) async fn reserve_slots(tx: &mut Tx, did: &str, count: i64) -> Result<i64, StoreError> {
    let row = tx
        .fetch_one(
            "INSERT INTO issuing_party (did, next_slot, status_version) VALUES ($1, $2, 0) \
             ON CONFLICT (did) DO UPDATE SET next_slot = issuing_party.next_slot + $2 RETURNING next_slot",
            params![did, count],
        )
        .await?;
    Ok(row.int("next_slot")? - count)
}

/// The next status version of a DID. The row stays locked until the transaction ends, so that versions are
/// committed in their order and a reader who saw one has seen every change before it.
pub(crate) async fn raise_status(tx: &mut Tx, did: &str) -> Result<i64, StoreError> {
    let row = tx
        .fetch_one(
            "UPDATE issuing_party SET status_version = status_version + 1 WHERE did = $1 RETURNING status_version",
            params![did],
        )
        .await?;
    row.int("status_version")
}

/// How many slots a DID has given and which status version it is at; zero for a DID that issued nothing.
pub(super) async fn counters(store: &Store, did: &str) -> Result<(i64, i64), StoreError> {
    let row = store
        .fetch_optional("SELECT next_slot, status_version FROM issuing_party WHERE did = $1", params![did])
        .await?;
    row.map_or(Ok((0, 0)), |row| Ok((row.int("next_slot")?, row.int("status_version")?)))
}

/// Every DID that badges were issued under; one for each ministry or province at most.
pub(super) async fn all(store: &Store) -> Result<Vec<String>, StoreError> {
    let rows = store.fetch_all("SELECT did FROM issuing_party ORDER BY did LIMIT 10000", params![]).await?;
    rows.iter().map(|row| row.text("did")).collect()
}

//! The sequencer: numbers committed records, extends the tree and signs its checkpoint.
//!
//! Any number of processes may run it. Each extends the tree that it read and swaps it in only if nobody else did
//! meanwhile, in one transaction with the numbers, the tiles and the checkpoint; who comes second does nothing and reads
//! again. A crash before the commit leaves the records unnumbered, for the next one.

use std::sync::Arc;

use super::checkpoint::{Checkpoint, LogKey};
use super::tree::{Hash, Node, Tree};
use super::{AuditError, log_key};
use crate::operations::store::{Store, StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// Starts the worker. What is not numbered when the process ends is numbered by the next one.
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::AUDIT_NUMBERING.duration()).await {
            if let Err(error) = number_all(&platform).await {
                tracing::warn!(%error, "numbering of audit records");
            }
        }
        if let Err(error) = number_all(&platform).await {
            tracing::warn!(%error, "numbering of audit records");
        }
    });
}

/// Numbers everything that is committed and has no number; returns how many records got one from this process.
pub(super) async fn number_all(platform: &Platform) -> Result<u64, AuditError> {
    let mut numbered = 0;
    loop {
        match number_some(platform).await? {
            Step::Nothing => return Ok(numbered),
            Step::Swapped(count) => numbered += count,
            Step::SomebodyElse => {}
        }
    }
}

enum Step {
    Nothing,
    Swapped(u64),
    SomebodyElse,
}

/// The tree as it stands.
pub(super) async fn head(store: &Store) -> Result<Tree, AuditError> {
    let row = store.fetch_one("SELECT size, peaks FROM audit_head WHERE id = 1", params![]).await?;
    let size = u64::try_from(row.int("size")?).map_err(|_| AuditError::Head)?;
    let peaks = row.opt_bytes("peaks")?.unwrap_or_default();
    Tree::from_parts(size, &peaks).ok_or(AuditError::Head)
}

struct Extension {
    from: i64,
    tree: Tree,
    records: Vec<String>,
    nodes: Vec<Node>,
    note: String,
}

async fn number_some(platform: &Platform) -> Result<Step, AuditError> {
    let mut tree = head(&platform.store).await?;
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, leaf_hash FROM audit_record WHERE sequence IS NULL ORDER BY id LIMIT $1",
            params![limits::AUDIT_NUMBERED_AT_ONCE.get()],
        )
        .await?;
    if rows.is_empty() {
        return Ok(Step::Nothing);
    }
    let from = i64::try_from(tree.size()).map_err(|_| AuditError::Head)?;
    let (mut records, mut nodes) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let hash: Hash = row.bytes("leaf_hash")?.try_into().map_err(|_| AuditError::Head)?;
        tree.append(hash, |node| nodes.push(node));
        records.push(row.text("id")?);
    }
    let (key, log): (_, LogKey) = log_key(platform)?;
    let note = log.sign(&key, &Checkpoint { size: tree.size(), root: tree.root() });
    let count = records.len() as u64;
    let extension = Extension { from, tree, records, nodes, note };
    let swapped = platform
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { extend(tx, extension).await }))
        .await;
    match swapped {
        Ok(true) => {
            metrics::counter!("mapae_audit_records_numbered_total").increment(count);
            Ok(Step::Swapped(count))
        }
        Ok(false) => Ok(Step::SomebodyElse),
        Err(error) => Err(error.into()),
    }
}

async fn extend(tx: &mut Tx, extension: Extension) -> Result<bool, StoreError> {
    let Extension { from, tree, records, nodes, note } = extension;
    let size = from + i64::try_from(records.len()).unwrap_or(i64::MAX);
    let swapped = tx
        .execute(
            "UPDATE audit_head SET size = $1, peaks = $2 WHERE id = 1 AND size = $3",
            params![size, tree.peaks(), from],
        )
        .await?;
    if swapped != 1 {
        return Ok(false);
    }
    for (sequence, id) in (from..).zip(&records) {
        let numbered = tx
            .execute(
                "UPDATE audit_record SET sequence = $1 WHERE id = $2 AND sequence IS NULL",
                params![sequence, id],
            )
            .await?;
        if numbered != 1 {
            // Somebody took a record away between the reading and now: nothing of this unit may stand.
            return Err(StoreError::NotFound);
        }
    }
    for Node { level, position, hash } in nodes {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        tx.execute(
            "INSERT INTO audit_node (level, position, hash) VALUES ($1, $2, $3)",
            params![i64::from(level), position, hash.to_vec()],
        )
        .await?;
    }
    let now_ms = tx.now_ms();
    tx.execute(
        "INSERT INTO audit_checkpoint (size, note, at) VALUES ($1, $2, $3)",
        params![size, note, now_ms],
    )
    .await?;
    Ok(true)
}

//! Deletes personal parts whose time is over. The record keeps its salted commitment, and so its place in the tree.

use std::sync::Arc;

use super::AuditError;
use crate::operations::store::{StoreError, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// Starts the worker.
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::AUDIT_RETENTION_SWEEP.duration()).await {
            if let Err(error) = sweep(&platform).await {
                tracing::warn!(%error, "deletion of personal parts");
            }
        }
    });
}

/// Deletes the personal parts older than the configuration keeps them; returns how many.
pub(super) async fn sweep(platform: &Platform) -> Result<u64, AuditError> {
    let kept_ms = platform.config.audit.personal_days.saturating_mul(DAY_MS);
    let (horizon_ms, most) = (platform.now_ms().saturating_sub(kept_ms), limits::AUDIT_DELETED_AT_ONCE.get());
    let mut deleted = 0;
    loop {
        let rows = platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "DELETE FROM audit_personal WHERE record_id IN (SELECT p.record_id FROM audit_personal p \
                         JOIN audit_record r ON r.id = p.record_id WHERE r.at < $1 LIMIT $2)",
                        params![horizon_ms, most],
                    )
                    .await
                })
            })
            .await?;
        deleted += rows;
        if rows < most.unsigned_abs() {
            return Ok(deleted);
        }
    }
}

//! Removes offers that ended long ago.

use std::sync::Arc;

use crate::operations::store::{StoreError, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// Starts the worker.
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::OFFER_SWEEP.duration()).await {
            if let Err(error) = sweep(&platform).await {
                tracing::warn!(%error, "sweep of offers");
            }
        }
    });
}

/// Removes what expired more than [`limits::OFFER_KEPT`] ago, a bounded number at a time; returns how many.
pub(super) async fn sweep(platform: &Platform) -> Result<u64, StoreError> {
    let horizon_ms = platform.now_ms().saturating_sub(limits::OFFER_KEPT.get());
    let most = limits::OFFER_SWEEP_ROWS.get();
    let mut removed = 0;
    loop {
        let unit = platform.store.write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM issuance_offer WHERE id IN \
                     (SELECT id FROM issuance_offer o WHERE expires_at < $1 AND NOT EXISTS \
                      (SELECT 1 FROM issuance_grant g WHERE g.offer_id = o.id AND g.expires_at >= $1) \
                      ORDER BY expires_at LIMIT $2)",
                    params![horizon_ms, most],
                )
                .await
            })
        });
        let rows: Result<u64, StoreError> = unit.await;
        let rows = rows?;
        removed += rows;
        if rows < most.unsigned_abs() {
            return Ok(removed);
        }
    }
}

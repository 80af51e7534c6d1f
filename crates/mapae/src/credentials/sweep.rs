//! Ends credentials whose validity has run out.

use std::sync::Arc;

use super::held;
use crate::operations::store::StoreError;
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// Starts the worker that looks for them every [`limits::EXPIRY_SWEEP`].
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::EXPIRY_SWEEP.duration()).await {
            if let Err(error) = sweep(&platform).await {
                tracing::warn!(%error, "expiry of credentials beside the badge");
            }
        }
    });
}

/// Ends every credential that is due; returns how many.
pub(super) async fn sweep(platform: &Platform) -> Result<usize, StoreError> {
    let most = limits::EXPIRY_SWEEP_ROWS.get();
    let mut all = 0;
    loop {
        let unit = platform.store.write(move |tx| Box::pin(async move { held::expire(tx, most).await }));
        let ended: Result<usize, StoreError> = unit.await;
        let ended = ended?;
        all += ended;
        if i64::try_from(ended).unwrap_or(most) < most {
            return Ok(all);
        }
    }
}

//! Ends badges whose validity has run out.

use std::sync::Arc;

use super::badge::Badge;
use super::change::{self, ChangeError};
use crate::operations::store::StoreError;
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// Starts the worker that looks for them every [`limits::EXPIRY_SWEEP`].
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::EXPIRY_SWEEP.duration()).await {
            if let Err(error) = sweep(&platform).await {
                tracing::warn!(%error, "expiry of badges");
            }
        }
    });
}

/// Expires every badge that is due, each in a transaction of its own; returns how many. One process at a time does.
pub(super) async fn sweep(platform: &Platform) -> Result<u64, StoreError> {
    let Some(turn) = platform.store.turn("badge_expiry").await? else { return Ok(0) };
    let mut expired = 0;
    loop {
        let due = Badge::due(&platform.store, platform.now_ms(), limits::EXPIRY_SWEEP_ROWS.get()).await?;
        let before = expired;
        for badge in due {
            let unit = platform.store.write(move |tx| {
                Box::pin(async move {
                    turn.confirm(tx).await?;
                    change::expire(tx, &badge.id).await.map(|_| ())
                })
            });
            match unit.await {
                Ok(()) => expired += 1,
                // Revoked or replaced since it was read.
                Err(ChangeError::NotAllowed { .. } | ChangeError::Unknown | ChangeError::Overtaken) => {}
                Err(ChangeError::Store(error)) => return Err(error),
            }
        }
        if expired == before {
            return Ok(expired);
        }
    }
}

//! Certificates on paper, which anybody can check: 재직증명서 and whatever other type has a `[document]` in its file.
//!
//! ```text
//! approved request ──print──▶ number, facts, PDF (sealed) ──▶ 증명서함 ──file──▶ whoever asked for it
//!                             │                                    /verify ◀──file, QR code, number──┘
//!                             └──link + 열람번호──▶ whoever opens it, once
//! ```
//!
//! What was printed stays what it was on its day: the page says so, and whether it was taken back since. Its number is found
//! by a keyed hash; who has the number sees masked facts, who also knows the birth date sees all.

#[cfg(test)]
mod career_tests;
mod check;
mod document;
mod fill;
mod portal;
mod share;
mod shelf;
mod table;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use check::{Answer, Asked, CheckError, Standing, check, standing};
pub use document::{Document, PrintError, Printed, print};
pub use share::{Link, ShareError, open, share};
pub use shelf::{Shelf, Wanted, ask, kinds, shelf};
pub use table::Table;

use crate::operations::store::{StoreError, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// The portal's 증명서함.
pub fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    portal::routes().merge(share::portal_routes())
}

/// The page that checks a certificate, and the links that show one.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    share::routes().merge(verify::routes())
}

/// Starts the workers of this folder: counters and links that are over are removed.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::CERTIFICATE_SWEEP.duration()).await {
            let now_ms = platform.now_ms();
            let swept = platform.store.write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let links = "DELETE FROM certificate_link WHERE ends_at <= $1";
                    tx.execute(links, params![now_ms]).await?;
                    let counters = "DELETE FROM certificate_throttle WHERE window_ends_at <= $1";
                    tx.execute(counters, params![now_ms]).await
                })
            });
            if let Err(error) = swept.await {
                tracing::warn!(%error, "counters and links of certificates that are over could not be removed");
            }
        }
    });
}

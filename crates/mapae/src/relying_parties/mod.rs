//! 이용기관: registering them at the console by two persons, looking after them, and telling everybody who may ask for what.
//!
//! ```text
//! ask ──▶ waiting ──approve by another──▶ registered for a year ──not renewed──▶ expired
//!            └─drop─▶ dropped                 └──disable (one person, at once)──▶ disabled
//! ```
//!
//! Every change and every renewal takes the same way as the first registration; what only takes away takes one person. The
//! table is [`relying_party`](crate::verification::relying_party)'s; here is who may write it, and when.

mod console;
mod error;
mod form;
mod proposal;
mod public;
mod reminder;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    public::routes()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    console::routes()
}

/// After a restore: what waited for a second person may have been decided or dropped since, and is asked for anew.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let over = "UPDATE relying_party_request SET state = 'expired' WHERE state = 'waiting'";
    tx.execute(over, params![]).await
}

/// Starts the worker that tells of registrations that end.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    reminder::start(platform, tasks);
}

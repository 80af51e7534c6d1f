//! Signatures on documents: the authority that stands behind them, and who may ask for one.
//!
//! The crate [`signing`] makes and checks signatures; here are the keys, the tables and the routes.

pub mod authority;
pub mod cli;
pub mod requests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;
use crate::operations::store::{StoreError, Tx};
use crate::operations::tasks::Tasks;

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    authority: authority::Memory,
    requests: requests::Memory,
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    authority::routes().merge(requests::routes())
}

/// After a restore: what waits is asked for anew.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    requests::after_restore(tx).await
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    requests::start(platform, tasks);
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    requests::console_routes()
}

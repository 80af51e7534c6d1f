//! Signatures on documents: the authority that stands behind them, and who may ask for one.
//!
//! The crate [`signing`] makes and checks signatures; here are the keys, the tables and the routes.

pub mod authority;
pub mod cli;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    authority: authority::Memory,
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    authority::routes()
}

/// The console listener has none.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

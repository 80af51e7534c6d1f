//! Show the badge to a person: the page on which anybody checks a badge that is held before them, and the relay that joins
//! the two phones.
//!
//! The page (`/check`) reads the code with its own camera, verifies in its own browser and keeps nothing; this server sees
//! neither the badge nor who checked whom. Lists that the page needs are public.

mod page;
mod relay;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;

/// What this process remembers: phones that wait for a reader.
#[derive(Debug, Default)]
pub struct Local {
    relay: relay::Relay,
}

/// The public listener's routes.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    page::routes()
}

/// The console listener has none.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

//! Show the badge to a person: the page on which anybody checks a badge that is held before them, and the relay that joins
//! the two phones.
//!
//! The page (`/check`) reads the code with its own camera, verifies in its own browser and keeps nothing; this server sees
//! neither the badge nor who checked whom. Lists that the page needs are public.

mod across;
mod page;
mod relay;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// What this process remembers: phones that wait for a reader on sockets of its own.
#[derive(Debug)]
pub struct Local {
    relay: relay::Relay,
    /// This process among those on the same store.
    node: String,
}

impl Default for Local {
    fn default() -> Self {
        Self { relay: relay::Relay::default(), node: keys::random::token() }
    }
}

/// Starts the worker of this folder: rows of meetings that ended in the middle are removed.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(|mut stop| async move {
        while stop.sleep(limits::IN_PERSON_SWEEP.duration()).await {
            if let Err(error) = across::sweep(&platform).await {
                tracing::warn!(%error, "meetings that are over could not be removed");
            }
        }
    });
}

/// The public listener's routes.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    page::routes()
}

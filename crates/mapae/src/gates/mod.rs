//! Gates: who may enter where, told to controllers that decide alone; passages, told back by them.
//!
//! ```text
//! lifecycle ─suspend─▶ badge ─┐                                     ┌─▶ controller: caches on disk, decides
//! setup (zones, doors, grants)┼─▶ feed (one order) ─signed pages──▶ ┤
//! account ─gate pass─▶ badge ─┘                                     └── passages, hash-chained ─▶ passages
//! ```
//!
//! The crate [`gate`] has the exchange and the decision; here are the server's tables and routes, and [`controller`],
//! the program beside the door. The server tells a controller no name: a person is a random reference of one badge.

pub(crate) mod badge;
pub mod cli;
mod console;
pub mod controller;
mod enrolment;
mod feed;
mod passages;
mod restored;
mod routes;
pub mod setup;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use badge::{end, load_badge, resume, suspend};
pub use enrolment::{Added, add_controller, end_controller};
pub use restored::{FolderRefused, TakenOver, after_restore, take_over};

use crate::operations::Platform;
use crate::operations::tasks::Tasks;

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    feed: feed::Memory,
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    routes::routes()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    console::routes()
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    feed::start(platform, tasks);
    passages::start(platform, tasks);
}

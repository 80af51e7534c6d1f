//! Badges: their states, the status lists that tell them to the world, and the trust list.
//!
//! ```text
//! issuance ──create──▶ active ◀──resume── suspended
//!                        │  └──suspend──────▲ │
//!                        └──────▶ revoked | expired | replaced
//! ```
//!
//! A change is one transaction over badge, account, login sessions, offers and the version of the status lists; each
//! owner changes its own table in a function that takes the transaction, and [`change`] calls them. What the outside
//! fetches ([`status`], [`trust`]) is derived from the database and signed.

mod badge;
mod change;
pub mod cli;
mod expiry;
mod followers;
mod load;
mod party;
mod reminder;
mod restored;
mod routes;
mod state;
pub(crate) mod status;
#[cfg(test)]
pub(crate) mod tests;
mod trust;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use badge::{Badge, NewBadge, hold, live_among, number, take_copies};
pub use change::{
    By, ChangeError, Stopped, create, resume, resume_after_leave, revoke, revoke_employee, stop_employee,
    suspend, suspend_employee,
};
pub use load::load;
pub(crate) use party::raise_status;
pub use party::reserve_slot;
pub use reminder::renewal_begins;
pub(crate) use restored::stop as stop_as_published;
pub use restored::{AfterRestore, Lost, TakenOver, after_restore, take_over};
pub use state::{BadgeState, Reason};
pub use status::published::ListRefused;
pub use status::{LocalStatus, badge_of};
pub(crate) use trust::{Grant, TrustChange, follow_ledger};
pub use trust::{TrustError, end_keys_as_remembered, local_trust, retire_key, revoke_key};

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::tasks::Tasks;

/// The `[lifecycle]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    board: status::Board,
    trust: trust::Memory,
}

/// Other credential types are issued from now on: the next trust list has them.
pub fn types_changed(platform: &Platform) {
    trust::forget(platform);
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    routes::public()
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    expiry::start(platform, tasks);
    reminder::start(platform, tasks);
}

//! Credentials beside the badge: IDs and certificates whose type is a file (docs/new-credential-type.md).
//!
//! ```text
//! ask ──automatic──▶ approved ──offer──▶ held: active ◀─▶ suspended
//!  └─▶ waiting ──HR──▶ │  └─▶ rejected           └──▶ revoked | expired | replaced
//!                      └──────────▶ revoked
//! ```
//!
//! They stand on the badge. None is issued without an active one, and what stops the person stops them in the same
//! transaction: suspension, resumption and end of the badge reach every one, and a new phone receives them anew. What HR
//! approved stays approved; only HR takes that back, for one request and with a reason.

mod api;
mod console;
mod decide;
mod held;
mod portal;
mod request;
mod sweep;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use decide::{DecideError, Decision, decide, revoke};
pub use held::{
    Held, HeldState, NewHeld, end, enter, publish, resume, stop_as_published, suspend, take_copies,
};
pub use request::{
    AskError, Request, RequestState, Typed, ask, hold_approved, is_looked_at, may_ask, offer, open_to, typed,
};

use crate::operations::Platform;
use crate::operations::tasks::Tasks;

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// The portal's page and API.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    portal::routes().merge(api::portal_routes())
}

/// The HR desk's page and API.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    console::routes().merge(api::console_routes())
}

/// Starts the worker that ends what ran out.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    sweep::start(platform, tasks);
}

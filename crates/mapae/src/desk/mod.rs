//! The console's desks over badges that exist: find a person, stop, resume, revoke; unlock by two; figures; the audit
//! log; the state of the system.
//!
//! Nothing is owned here: a desk asks who may (`reach`), calls the folder that owns the table, and shows what came back.

mod audit_log;
mod badge_sign_in;
mod my_data;
mod people;
mod reach;
mod statistics;
mod system;
#[cfg(test)]
mod tests;
mod unlock;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::problem::Problem;
use crate::pages::{Fault, Page};

/// The `[desk]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub purposes: Vec<String>,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "purposes",
        "Why a relying party asks that was registered on the server, as \"client_id: why\"; shown to everybody on the page of relying parties.",
    )];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    statistics: statistics::Memory,
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    my_data::routes()
}

/// The desks.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    people::routes()
        .merge(unlock::routes())
        .merge(statistics::routes())
        .merge(audit_log::routes())
        .merge(system::routes())
        .merge(badge_sign_in::routes())
}

/// Whether a client id is that of the console itself: the platform registers it, nobody by hand.
pub(crate) fn is_own_client(client_id: &str) -> bool {
    client_id == badge_sign_in::CLIENT_ID
}

/// A problem told on this page.
fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

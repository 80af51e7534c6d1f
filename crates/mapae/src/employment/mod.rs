//! What happens in an employment and what follows from it: hires, moves, leaves, retirements.
//!
//! ```text
//! CSV file ──┐
//! SCIM push ─┼─▶ personnel writes the record ─▶ rules: what happened ─▶ window: too many at once? ──▶ held, for a person
//! console  ──┘        (one transaction)                                      └─▶ carry out: badge, application, duties
//! ```
//!
//! [`rules`] is the table; [`carry_out`] does what it says through the owners' functions in the transaction that writes the
//! record; [`window`] counts what an agency loses in a day; [`held`] is what waits for a person.

mod by_hand;
mod carry_out;
mod console;
mod exclusion;
mod held;
mod rules;
mod window;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use carry_out::{Happened, carry_out, outdated_since};
pub(crate) use exclusion::{exclude, include};
pub use held::{Decided, Decision, DecisionError, Held, Waiting, decide, hold, pending, supersede, waiting};
pub use rules::{Event, Facts, ForApplication, ForBadge, RULES, Rule, events};
pub use window::{admit, admit_exclusion, count};

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::tasks::Tasks;

/// The `[employment]` section of the configuration.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub ends_percent: i64,
    pub ends_at_least: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ends_percent: 5, ends_at_least: 5 }
    }
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "ends_percent",
            "The share of an agency's badges, in percent, that personnel changes may end within a day before the rest waits for two people at the console. 100 lets a wrong file retire an agency.",
        ),
        ("ends_at_least", "So many badges of an agency may end within a day whatever their share is."),
    ];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// The rule table, the held changes and the personnel changes made by hand.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    console::routes()
}

/// Starts the workers of this folder: excluded agencies are walked through.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    exclusion::start(platform, tasks);
}

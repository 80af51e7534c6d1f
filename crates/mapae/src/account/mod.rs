//! The wallet provider: activation, identity proofing, devices, PIN, instructions.

mod approval;
pub mod cli;
mod standing;

pub use approval::{ApprovalRecord, approval};
pub use standing::{badge_issued, end, resume, suspend};

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::tasks::Tasks;

/// The `[account]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Starts the workers of this folder.
pub fn start(_platform: &Arc<Platform>, _tasks: &mut Tasks) {}

//! Applications: apply, head approval, identity check, issue approval, invitation.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::tasks::Tasks;

/// The `[application]` section of the configuration.
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

/// Told by the outbox when an invitation's message was taken.
pub(crate) fn message_sent<'t>(
    _tx: &'t mut crate::operations::Tx,
    _message_id: &'t str,
    _now_ms: i64,
) -> futures::future::BoxFuture<'t, Result<(), crate::operations::StoreError>> {
    Box::pin(async { Ok(()) })
}

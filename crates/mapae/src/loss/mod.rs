//! 분실 신고: a phone is lost, and everything it could do stops in one transaction, whoever reports it.
//!
//! | Way | Who | Proof |
//! |---|---|---|
//! | `portal` | the holder, signed in | the portal's session |
//! | `code` | whoever knows the code that the holder printed from the portal | the code alone, by keyed hash |
//! | `desk` | HR manager or security officer of the agency | their duty |
//! | `call` | the same at the duty phone, after calling back the number that HR has | their duty |
//!
//! The lost phone's own number proves nothing. A report only stops; resuming or revoking is a decision of a duty. The
//! public page tells whether a code was right, and never whether a person exists.

pub mod card;
mod code;
mod desk;
mod portal;
mod public;
mod report;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use report::{Cause, LossError, Noted, Receipt, Report, Way, of_employee, report};

use crate::operations::config::Section;
use crate::operations::store::{StoreError, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// The `[loss]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub duty_phone: String,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "duty_phone",
        "The number shown on the public loss page to those who have no code; empty shows no number. The duty calls back the number HR has before it stops anything.",
    )];
}

/// A holder's new code, as the portal prints it; for the load tool.
pub(crate) async fn code_on_paper(
    platform: &Platform,
    employee_id: &str,
) -> Result<String, crate::operations::StoreError> {
    code::make(platform, employee_id).await
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// The public page and the holder's own.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    public::routes().merge(portal::routes())
}

/// The loss desk.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    desk::routes()
}

/// Starts the workers of this folder: counters whose window is over are removed.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::LOSS_SWEEP.duration()).await {
            let now_ms = platform.now_ms();
            let swept = platform.store.write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    tx.execute("DELETE FROM loss_throttle WHERE window_ends_at <= $1", params![now_ms]).await
                })
            });
            if let Err(error) = swept.await {
                tracing::warn!(%error, "counters of the loss page that are over could not be removed");
            }
        }
    });
}

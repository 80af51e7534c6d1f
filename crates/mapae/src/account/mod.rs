//! The wallet provider: activation, identity proofing, devices, PIN, instructions.
//!
//! The messages and the protocol are described where both sides share them: [`wallet::account`].

mod approval;
pub mod cli;
mod device;
mod device_only;
mod effect;
mod error;
mod instruct;
mod offer;
mod onboarding;
mod record;
mod registration;
mod routes;
mod standing;
mod unlock;

#[cfg(test)]
mod tests;

pub use approval::{ApprovalRecord, approval};
pub use error::{DeviceRefusal, OnboardingError};
pub use standing::{Standing, badge_issued, end, of_employee, resume, standing, suspend};
pub use unlock::{UnlockCode, UnlockError, unlock};

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::config::Section;
use crate::operations::store::StoreError;
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

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
    routes::routes()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(|mut stop| async move {
        while stop.sleep(limits::ACCOUNT_SWEEP.duration()).await {
            let now_ms = platform.clock.now_ms();
            let swept = platform.store.write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    approval::sweep(tx, now_ms).await?;
                    onboarding::sweep(tx, now_ms).await
                })
            });
            if let Err(error) = swept.await {
                tracing::warn!(%error, "what is over in account could not be removed; tried again later");
            }
        }
    });
}

//! Staff and applicants: accounts, duties bound to employees, signing in, staying signed in, and who is asking.
//!
//! Accounts are made by the agency's HR desk (`mapae staff add`). A session is a `__Host-` cookie for browsers or a bearer
//! token for programs. `__Host-` needs `Secure`: behind TLS that is plain; on `http://localhost`, as in the demo, browsers
//! treat loopback as trustworthy and keep such cookies too.

mod account;
mod api;
pub mod cli;
pub mod demo;
mod duties;
mod duties_api;
mod duty;
mod extract;
mod granting;
pub mod order;
mod pages;
mod password;
mod second_factor;
mod second_pages;
mod session;
mod throttle;
mod upload;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;

pub use account::{AccountError, Login, add, close, employee_of, employment_ended, grant, set_password};
pub use duty::{Duty, Held};
#[cfg(test)]
pub(crate) use extract::actor_for_tests;
pub(crate) use extract::cookie;
pub use extract::{Actor, Applicant, Denied, Posted, Source, duties_of};
pub(crate) use pages::{door_and_back, host_cookie, welcome};
pub use password::{Attempt, BadPassword, HashingFailed, Password};
pub use second_factor::{Policy, ResetError, has_codes, reset as reset_codes};
pub(crate) use session::badge_stopped;
pub use session::{Began, Door, Session, SignInError, SignedIn, after_restore, sign_in, sign_in_by_badge};
pub use upload::{Upload, Uploading};

use crate::operations::config::Section;
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// The `[staff]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub second_factor: Policy,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "second_factor",
        "One-time codes (TOTP) beside the password: off, offered (asked of those who set them up) or required (nobody enters the console by a password alone; their own badge opens it, too).",
    )];
}

/// What this process remembers for speed: how many passwords are being hashed.
#[derive(Debug)]
pub struct Local {
    hashing: Semaphore,
}

impl Default for Local {
    fn default() -> Self {
        Self { hashing: Semaphore::new(limits::STAFF_HASHES.size()) }
    }
}

/// The portal's door.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    pages::portal_routes().merge(api::portal_routes())
}

/// The console's door.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    pages::console_routes()
        .merge(second_pages::routes())
        .merge(duties::routes())
        .merge(duties_api::routes())
        .merge(api::console_routes())
}

/// Starts the workers of this folder: ended sessions are removed.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::STAFF_SWEEP.duration()).await {
            if let Err(error) = session::sweep(&platform).await {
                tracing::warn!(%error, "ended sessions could not be removed");
            }
        }
    });
}

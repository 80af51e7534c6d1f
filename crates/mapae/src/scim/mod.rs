//! SCIM 2.0 (RFC 7643, RFC 7644) for HR systems that push: officials are Users, departments are Groups.
//!
//! ```text
//! routes ─▶ token: who asks, for which agencies ─▶ users | groups ─▶ personnel, by one function for all sources
//!             filter ─▶ query: what can be searched       patch: a resource as JSON, changed, judged anew
//! ```
//!
//! The listener is the console's: HR systems stand in the administration's network. Nothing here has a table but the tokens;
//! records are personnel's, and what a change does is said by `employment`'s rules.

mod answer;
mod bulk;
pub mod cli;
mod discovery;
mod error;
mod filter;
#[cfg(any(test, feature = "testing"))]
pub mod fuzz;
mod group;
mod groups;
mod page;
mod patch;
mod query;
mod resource;
mod routes;
mod schema;
mod token;
mod user;
mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use token::{Right, Token, list, make, revoke};

use crate::audit;
use crate::operations::Platform;
use crate::operations::store::StoreError;

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::from(routes::routes())
}

/// The address under which everything here lies.
fn base(platform: &Platform) -> String {
    format!("{}/scim/v2", platform.config.console.base_url.as_str().trim_end_matches('/'))
}

/// Notes that an HR system looked at records; without the note there is no look.
async fn audit_look(
    platform: &Platform,
    caller: &token::Caller,
    act: &'static str,
    subject: &str,
    count: usize,
) -> Result<(), StoreError> {
    let (by, subject) = (caller.by(), subject.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let detail = serde_json::json!({ "count": count });
                let record =
                    audit::Record { actor: &by.actor, duty: &by.duty, act, subject: &subject, detail };
                audit::record(tx, record).await
            })
        })
        .await
}

//! 시스템 상태: what an operator looks at first: store, messages, audit log, keys.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::reach;
use super::told;
use crate::audit;
use crate::notification;
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::server_keys::{self, ListedKey};
use crate::operations::store::Engine;
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::staff::{Actor, Duty};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/system", get(state))
}

#[derive(Template)]
#[template(path = "desk/system.html")]
struct SystemPage {
    page: Page,
    version: &'static str,
    engine: &'static str,
    commits: u64,
    units: u64,
    rolled_back: u64,
    outbox: notification::Depth,
    head: audit::Head,
    keys: Vec<ListedKey>,
}

async fn state(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    reach::from(&who, &[Duty::Operator, Duty::Auditor]).map_err(told(&page))?;
    let counters = platform.store.counters();
    let view = SystemPage {
        version: env!("CARGO_PKG_VERSION"),
        engine: match platform.store.engine() {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        },
        commits: counters.commits(),
        units: counters.units(),
        rolled_back: counters.rolled_back(),
        outbox: notification::depth(&platform.store).await.map_err(told(&page))?,
        head: audit::head(&platform).await.map_err(|error| Fault::told(&page, Problem::from(error)))?,
        keys: server_keys::list(&platform.store).await.map_err(told(&page))?,
        page,
    };
    Ok(render(&view))
}

//! How text messages stand and what they cost, for operators and auditors: counts, no number and no text.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State as Shared;
use axum::routing::get;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::count::{self, Line, Standing};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::staff::{Actor, Duty};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/messages", get(page)).routes(routes!(messages))
}

/// How text messages stand.
#[derive(Serialize, ToSchema)]
struct Messages {
    standing: Standing,
    /// What was handed over, newest day first.
    days: Vec<Line>,
}

async fn read(platform: &Platform, who: &Actor) -> Result<Messages, Problem> {
    if !(who.holds(Duty::Operator) || who.holds(Duty::Auditor)) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden"));
    }
    Ok(Messages {
        standing: count::standing(&platform.store).await?,
        days: count::lines(&platform.store, limits::PAGE_ROWS.get()).await?,
    })
}

/// How text messages stand, and what was handed over day by day.
#[utoipa::path(get, path = "/api/v1/console/messages", tag = "notification", security(("session" = [])),
    responses((status = 200, body = Messages)))]
async fn messages(who: Actor, Shared(platform): Shared<Arc<Platform>>) -> Result<Json<Messages>, Problem> {
    Ok(Json(read(&platform, &who).await?))
}

#[derive(Template)]
#[template(path = "notification/console.html")]
struct View {
    page: Page,
    standing: Vec<(&'static str, i64)>,
    days: Vec<Line>,
}

async fn page(page: Page, who: Actor, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let Messages { standing, days } =
        read(&platform, &who).await.map_err(|problem| Fault::told(&page, problem))?;
    let standing = vec![
        ("notification.standing.waiting", standing.waiting),
        ("notification.standing.sent", standing.sent),
        ("notification.standing.delivered", standing.delivered),
        ("notification.standing.failed", standing.failed),
        ("notification.standing.dead", standing.dead),
        ("notification.standing.in_doubt", standing.in_doubt),
    ];
    Ok(render(&View { page, standing, days }))
}

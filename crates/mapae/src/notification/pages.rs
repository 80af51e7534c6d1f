//! 예시 문자함: what the demo's phones received. Only in demo mode; otherwise these addresses do not exist.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::gateway::{self, Received};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Fault, Page, PageResult, render};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/demo/messages", get(messages))
        .route("/demo/messages.json", get(messages_as_json))
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

/// One message with its address made a link.
struct Bubble {
    to: String,
    before: String,
    link: String,
    after: String,
    received_at: i64,
}

impl Bubble {
    /// Only an address of this server becomes a link.
    fn of(message: Received, origin: &str) -> Self {
        let (mut before, mut link, mut after) = (message.text, String::new(), String::new());
        if let Some(at) = before.find(origin) {
            let rest = before.split_off(at);
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (address, tail) = rest.split_at(end);
            (link, after) = (address.to_owned(), tail.to_owned());
        }
        Self { to: message.to, before, link, after, received_at: message.received_at }
    }
}

#[derive(Template)]
#[template(path = "notification/messages.html")]
struct Messages {
    page: Page,
    bubbles: Vec<Bubble>,
}

fn closed() -> Problem {
    Problem::new(http::StatusCode::NOT_FOUND, "not_found")
}

async fn messages(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Query(filter): Query<Filter>,
) -> PageResult {
    if !platform.config.demo.enabled {
        return Err(Fault::told(&page, closed()));
    }
    let received =
        gateway::received(&platform, filter.to.as_deref()).await.map_err(|e| Fault::told(&page, e))?;
    let origin = platform.config.public.origin();
    let bubbles = received.into_iter().map(|message| Bubble::of(message, origin)).collect();
    Ok(render(&Messages { page, bubbles }))
}

async fn messages_as_json(
    State(platform): State<Arc<Platform>>,
    Query(filter): Query<Filter>,
) -> Result<Json<Vec<Received>>, Problem> {
    if !platform.config.demo.enabled {
        return Err(closed());
    }
    Ok(Json(gateway::received(&platform, filter.to.as_deref()).await?))
}

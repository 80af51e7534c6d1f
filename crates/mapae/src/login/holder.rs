//! 내 로그인: where an official is logged in with the badge now, and the way to end all of it at once.
//!
//! Where they were logged in before is on the phone and not here: the platform keeps a login no longer than it needs it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;

use super::claims::{self, ClaimSet};
use super::session;
use crate::lifecycle::Badge;
use crate::operations::Platform;
use crate::operations::store::{StoreError, params};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::staff::{Applicant, Posted};
use crate::verification::relying_party;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/portal/logins", get(show)).route("/portal/logins/end", post(end))
}

/// One login that is alive.
struct Login {
    name: String,
    since: i64,
    until: i64,
    saw: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "login/holder.html")]
struct Logins {
    page: Page,
    logins: Vec<Login>,
    csrf: String,
}

async fn alive(platform: &Platform, page: &Page, employee_id: &str) -> Result<Vec<Login>, StoreError> {
    let Some(badge) = Badge::live_of_employee(&platform.store, employee_id).await? else {
        return Ok(Vec::new());
    };
    let rows = platform
        .store
        .fetch_all(
            "SELECT relying_party, scope, authenticated_at, created_at, ends_at FROM login_session \
             WHERE badge = $1 AND ended_at IS NULL AND ends_at > $2 ORDER BY created_at DESC, id LIMIT 100",
            params![badge.id.as_str(), platform.now_ms()],
        )
        .await?;
    let mut logins = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(party) = relying_party::find(&platform.store, &row.text("relying_party")?).await? else {
            continue;
        };
        let scopes: Vec<String> = row.text("scope")?.split(' ').map(str::to_owned).collect();
        let saw = ClaimSet::of_scopes(&scopes).asked(&party);
        logins.push(Login {
            name: page.lang.pick(&party.name_ko, &party.name_en).to_owned(),
            since: row.int("created_at")?,
            until: row.int("ends_at")?,
            saw: saw.into_iter().map(|name| claims::label(page.lang, name)).collect(),
        });
    }
    Ok(logins)
}

async fn show(page: Page, who: Applicant, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let logins =
        alive(&platform, &page, &who.employee_id).await.map_err(|error| Fault::told(&page, error))?;
    Ok(render(&Logins { page, logins, csrf: who.session.csrf.clone() }))
}

#[derive(Deserialize)]
struct Nothing {}

/// Ends every login of the official's badge; each relying party that wants to know is told.
async fn end(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let employee = who.employee_id.clone();
    let ended = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                if let Some(badge) = Badge::live_of_employee_in(tx, &employee).await? {
                    let ended = session::end_all(tx, &badge.id, "logout", now_ms).await?;
                    let detail = json!({ "ended": ended });
                    super::record(tx, "login.logged_out_everywhere", Some(&badge.id), &badge.id, detail)
                        .await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await;
    ended.map_err(|error| Fault::told(&page, error))?;
    Ok(Redirect::to("/portal/logins").into_response())
}

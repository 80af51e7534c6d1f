//! The unlock desk: five wrong PINs locked a phone; two HR managers together make the code for a new PIN.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::reach::{self, DeskError};
use super::told;
use crate::account::{self, Locked, UnlockCode, UnlockError};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::personnel::{self, Employee};
use crate::staff::{Actor, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/unlock", get(desk))
        .route("/unlock/{account}/ask", post(ask))
        .route("/unlock/{account}/confirm", post(confirm))
}

struct Line {
    locked: Locked,
    holder: Employee,
    first: Option<String>,
    /// This person asked, so another has to confirm.
    asked_by_me: bool,
    is_me: bool,
}

#[derive(Template)]
#[template(path = "desk/unlock.html")]
struct Desk {
    page: Page,
    lines: Vec<Line>,
    problem: Option<String>,
    csrf: String,
}

fn refused(error: UnlockError) -> Problem {
    match error {
        UnlockError::TwoPersons => Problem::new(StatusCode::FORBIDDEN, "unlock_two_persons"),
        UnlockError::NotLocked => Problem::new(StatusCode::CONFLICT, "unlock_not_locked"),
        UnlockError::NotAsked => Problem::new(StatusCode::CONFLICT, "unlock_not_asked"),
        UnlockError::Store(error) => error.into(),
    }
}

async fn show(page: Page, who: &Actor, platform: &Platform, problem: Option<Problem>) -> PageResult {
    reach::from(who, &reach::UNLOCK).map_err(told(&page))?;
    let mut lines = Vec::new();
    for locked in account::locked(platform).await.map_err(told(&page))? {
        let holder = locked.standing.employee_id.clone();
        let (holder, _) = match reach::person(platform, who, &holder, &reach::UNLOCK).await {
            Ok(found) => found,
            Err(DeskError::Unknown) => continue,
            Err(error) => return Err(Fault::told(&page, error)),
        };
        let mut first = None;
        if let Some((id, _)) = &locked.asked {
            let employee = personnel::employee(platform, id).await.map_err(told(&page))?;
            first = employee.map(|employee| page.pick(&employee.name.ko, &employee.name.en).to_owned());
        }
        lines.push(Line {
            asked_by_me: locked.asked.as_ref().is_some_and(|(id, _)| *id == who.employee_id),
            is_me: holder.id == who.employee_id,
            first,
            holder,
            locked,
        });
    }
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = Desk {
        problem: problem.map(|problem| problem.detail(page.lang)),
        csrf: who.session.csrf.clone(),
        page,
        lines,
    };
    Ok(render_with(status, &view))
}

async fn desk(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    show(page.signed_in(Area::Console, who.who()), &who, &platform, None).await
}

#[derive(Deserialize)]
struct Nothing {}

/// Whose account it is, if this person may unlock it.
async fn holder(platform: &Platform, who: &Actor, account_id: &str) -> Result<Employee, DeskError> {
    let standing = account::standing(&platform.store, account_id).await?.ok_or(DeskError::Unknown)?;
    let found = reach::decides_on(platform, who, &standing.employee_id, &reach::UNLOCK).await?;
    Ok(found.0)
}

async fn ask(
    page: Page,
    Path(account_id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    holder(&platform, &who, &account_id).await.map_err(told(&page))?;
    match account::ask_unlock(&platform, &account_id, &who.employee_id).await {
        Ok(()) => Ok(Redirect::to("/unlock").into_response()),
        Err(error) => show(page, &who, &platform, Some(refused(error))).await,
    }
}

#[derive(Template)]
#[template(path = "desk/unlocked.html")]
struct Unlocked {
    page: Page,
    holder: Employee,
    code: UnlockCode,
}

/// The code is in this answer and nowhere else.
async fn confirm(
    page: Page,
    Path(account_id): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let holder = holder(&platform, &who, &account_id).await.map_err(told(&page))?;
    match account::confirm_unlock(&platform, &account_id, &who.employee_id).await {
        Ok(code) => Ok(render(&Unlocked { page, holder, code })),
        Err(error) => show(page, &who, &platform, Some(refused(error))).await,
    }
}

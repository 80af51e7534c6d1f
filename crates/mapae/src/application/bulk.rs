//! Several decisions at once: chosen in the queue, shown once more as a summary, then each decided on its own. What one
//! of them refuses stops no other.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Shared;
use axum::routing::post;
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::console::{Line, lines, told};
use super::decide::{self, DecideError, Decision};
use super::record::{self, Application};
use super::state::Step;
use super::view::Names;
use crate::operations::problem::Problem;
use crate::operations::{Platform, id, limits};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::staff::{Actor, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/decisions", post(summary)).route("/decisions/approve", post(approve))
}

/// The steps that may be taken for many at once. An identity is checked one by one, face beside record.
pub(super) const BULK: [Step; 2] = [Step::HeadApproval, Step::IssueApproval];

/// A checkbox of the queue, as it is posted.
pub(super) fn field(application_id: &str) -> String {
    format!("chosen.{application_id}")
}

#[derive(Deserialize)]
struct Chosen {
    step: String,
    #[serde(flatten)]
    fields: std::collections::BTreeMap<String, String>,
}

/// What was chosen, in the queue's order, and the step.
fn read(form: &Chosen) -> Option<(Step, Vec<String>)> {
    let step = BULK.into_iter().find(|step| step.as_str() == form.step)?;
    let chosen: Vec<String> = form
        .fields
        .keys()
        .filter_map(|name| name.strip_prefix("chosen."))
        .filter(|application_id| id::is_id(application_id))
        .take(limits::DESK_BULK.size())
        .map(str::to_owned)
        .collect();
    Some((step, chosen))
}

/// The chosen ones that wait for this person in this step; whatever else was posted is left out.
async fn mine(
    platform: &Platform,
    who: &Actor,
    step: Step,
    chosen: Vec<String>,
) -> Result<Vec<Application>, DecideError> {
    let mut mine = Vec::with_capacity(chosen.len());
    for application_id in chosen {
        let Some(application) = record::find(&platform.store, &application_id).await? else { continue };
        if application.state.awaits() != Some(step) {
            continue;
        }
        if let Some(authority) = decide::authority(platform, who, &application, step).await?
            && decide::hindrance(
                platform,
                &application,
                step,
                &who.employee_id,
                authority.behalf_of.as_deref(),
            )
            .await?
            .is_none()
        {
            mine.push(application);
        }
    }
    Ok(mine)
}

#[derive(Template)]
#[template(path = "application/bulk.html")]
struct Summary {
    page: Page,
    step: Step,
    lines: Vec<Line>,
    csrf: String,
}

async fn summary(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, Chosen>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let Some((step, chosen)) = read(&form) else {
        return Err(Fault::told(&page, Problem::of_status(StatusCode::BAD_REQUEST)));
    };
    let applications = mine(&platform, &who, step, chosen).await.map_err(told(&page))?;
    let lines = lines(&page, &platform, &mut Names::default(), applications).await.map_err(told(&page))?;
    Ok(render(&Summary { csrf: who.session.csrf.clone(), page, step, lines }))
}

/// One decision and what came of it.
struct Decided {
    line: Line,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "application/bulk_done.html")]
struct Done {
    page: Page,
    decided: Vec<Decided>,
    done: usize,
}

async fn approve(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, Chosen>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let Some((step, chosen)) = read(&form) else {
        return Err(Fault::told(&page, Problem::of_status(StatusCode::BAD_REQUEST)));
    };
    let (mut names, mut decided) = (Names::default(), Vec::with_capacity(chosen.len()));
    for application_id in chosen {
        let outcome =
            decide::decide(&platform, &who, &application_id, step, Decision::Approve { seen: None }).await;
        let problem = match outcome {
            Ok(_) => None,
            // Somebody else's, or nobody's: it is not even named.
            Err(DecideError::Unknown | DecideError::Forbidden) => continue,
            Err(DecideError::Store(error)) => return Err(Fault::told(&page, error)),
            Err(error) => Some(Problem::from(error).detail(page.lang)),
        };
        let Some(application) = record::find(&platform.store, &application_id).await.map_err(told(&page))?
        else {
            continue;
        };
        let line = lines(&page, &platform, &mut names, vec![application]).await.map_err(told(&page))?;
        decided.extend(line.into_iter().map(|line| Decided { line, problem: problem.clone() }));
    }
    let done = decided.iter().filter(|one| one.problem.is_none()).count();
    Ok(render(&Done { page, decided, done }))
}

//! The desk of an agency asks its own officials to sign a document, in the agency's name.

use std::sync::Arc;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::SigningError;
use super::asking::{self, Ask, Asker, Whose};
use super::document;
use super::request::{Request, State, signers};
use crate::audit;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, id, limits};
use crate::pages::{Area, Fault, Page, PageResult, render_with};
use crate::personnel;
use crate::staff::{Actor, Duty, Posted, Upload, Uploading};

/// Days until the deadline, where nothing else is typed.
const DAYS: i64 = 7;
const DAY_S: i64 = 86_400;

/// Routes of the console listener.
pub fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/signatures", get(list).post(ask))
        .layer(DefaultBodyLimit::max(limits::SIGNING_BODY.size()))
        .route("/signatures/{id}/document", get(signed))
        .route("/signatures/{id}/withdrawal", post(withdraw))
}

struct Line {
    request: Request,
    state: &'static str,
    face: &'static str,
    signers: Vec<Signing>,
}

/// One who signs: name, department, how they stand.
struct Signing {
    name: String,
    unit: String,
    state: String,
    acted_at: Option<i64>,
}

impl Line {
    fn is_signed(&self) -> bool {
        self.request.state == State::Signed
    }

    fn waits(&self) -> bool {
        self.request.state == State::Waiting
    }
}

/// What was typed, so that a form that was refused keeps it.
#[derive(Default)]
struct Typed {
    title: String,
    purpose: String,
    agency: String,
    signers: String,
    days: String,
}

#[derive(Template)]
#[template(path = "signatures/requests/console.html")]
struct ConsolePage {
    page: Page,
    lines: Vec<Line>,
    /// Code and name of the agencies in whose name this person asks.
    agencies: Vec<(String, String)>,
    typed: Typed,
    problem: Option<String>,
    csrf: String,
}

/// Everybody who is no HR manager is told that this desk is not theirs.
fn on_duty(page: &Page, who: &Actor) -> Result<(), Fault> {
    if who.holds(Duty::HrManager) {
        Ok(())
    } else {
        Err(Fault::told(page, Problem::new(StatusCode::FORBIDDEN, "forbidden")))
    }
}

/// The agencies that the person's duty as HR manager reaches.
async fn reach(platform: &Platform, who: &Actor) -> Result<Vec<String>, SigningError> {
    let from = who.reaches_from(Duty::HrManager);
    if from.is_empty() {
        return Ok(Vec::new());
    }
    Ok(personnel::agencies_under(platform, from, limits::APPLICATION_SCOPE.size()).await?)
}

/// A request of a desk within the person's reach; others are not there.
async fn own(platform: &Platform, who: &Actor, request: &str) -> Result<Request, SigningError> {
    let found = if id::is_id(request) { Request::find(platform, request).await? } else { None };
    let request = found.ok_or(SigningError::Unknown)?;
    let reach = reach(platform, who).await?;
    let own = request.agency.as_ref().is_some_and(|agency| reach.contains(agency));
    if own { Ok(request) } else { Err(SigningError::Unknown) }
}

const fn words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Waiting => ("signatures.state.waiting", "wait"),
        State::Assembling => ("signatures.state.assembling", "wait"),
        State::Signed => ("signatures.state.signed", "good"),
        State::Refused => ("signatures.state.refused", "bad"),
        State::Expired => ("signatures.state.expired", "done"),
        State::Withdrawn => ("signatures.state.withdrawn", "done"),
    }
}

async fn line(page: &Page, platform: &Platform, request: Request) -> Result<Line, SigningError> {
    let mut signing = Vec::new();
    for signer in signers(platform, &request.id).await? {
        let person = personnel::employee(platform, &signer.employee_id).await?;
        let (name, unit) = person.map_or_else(
            || ("—".to_owned(), String::new()),
            |person| {
                let name = page.pick(&person.name.ko, &person.name.en).to_owned();
                (name, page.pick(&person.department.ko, &person.department.en).to_owned())
            },
        );
        let state = format!("signatures.signer.{}", signer.state);
        signing.push(Signing { name, unit, state: page.t(&state).to_owned(), acted_at: signer.acted_at });
    }
    let (state, face) = words(request.state);
    Ok(Line { request, state, face, signers: signing })
}

async fn show(
    page: Page,
    who: &Actor,
    platform: &Platform,
    typed: Typed,
    problem: Option<Problem>,
) -> PageResult {
    let told = |error: SigningError| Fault::told(&page, error);
    let reach = reach(platform, who).await.map_err(told)?;
    let mut agencies = Vec::with_capacity(reach.len());
    for code in &reach {
        let agency = personnel::agency(platform, code).await.map_err(|error| Fault::told(&page, error))?;
        agencies.extend(
            agency.map(|agency| (code.clone(), page.pick(&agency.name.ko, &agency.name.en).to_owned())),
        );
    }
    let mut lines = Vec::new();
    for request in Request::of_agencies(platform, &reach).await.map_err(told)? {
        lines.push(line(&page, platform, request).await.map_err(told)?);
    }
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let problem = problem.map(|problem| problem.detail(page.lang));
    let csrf = who.session.csrf.clone();
    Ok(render_with(status, &ConsolePage { page, lines, agencies, typed, problem, csrf }))
}

async fn list(page: Page, who: Actor, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    on_duty(&page, &who)?;
    let typed = Typed { days: DAYS.to_string(), ..Typed::default() };
    show(page, &who, &platform, typed, None).await
}

impl Typed {
    fn of(upload: &Upload) -> Self {
        let text = |name: &str| upload.text(name).to_owned();
        Self {
            title: text("title"),
            purpose: text("purpose"),
            agency: text("agency"),
            signers: text("signers"),
            days: text("days"),
        }
    }

    /// Agency and number of each signer: `2020-000760`, or `1741000 2020-000760` for another agency of the same desk.
    fn signers(&self, reach: &[String]) -> Result<Vec<(String, String)>, SigningError> {
        let lines = self.signers.lines().map(str::trim).filter(|line| !line.is_empty());
        let read = |(place, line): (usize, &str)| {
            let mut words = line.split_whitespace();
            let (agency, number) = match (words.next(), words.next(), words.next()) {
                (Some(number), None, _) => (self.agency.as_str(), number),
                (Some(agency), Some(number), None) => (agency, number),
                _ => return Err(SigningError::Signer(place + 1)),
            };
            // A desk asks those whom it answers for; whether others exist is not said here.
            if !reach.iter().any(|code| code == agency) {
                return Err(SigningError::Signer(place + 1));
            }
            Ok((agency.to_owned(), number.to_owned()))
        };
        // One more than may sign, so that too many are told as such.
        lines.enumerate().take(limits::SIGNING_SIGNERS.size() + 1).map(read).collect()
    }
}

/// Why the desk asked for nothing.
fn refused(error: SigningError) -> Problem {
    match error {
        SigningError::Size => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "signing_file")
            .with("mib", limits::SIGNING_DOCUMENT.get() >> 20),
        error => error.into(),
    }
}

async fn asked(platform: &Platform, who: &Actor, typed: &Typed, pdf: Vec<u8>) -> Result<(), Problem> {
    let reach = reach(platform, who).await?;
    let mine = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "signing_agency");
    if !reach.contains(&typed.agency) {
        return Err(mine());
    }
    let agency = personnel::agency(platform, &typed.agency).await?.ok_or_else(mine)?;
    let days: i64 = typed.days.trim().parse().map_err(|_| SigningError::Deadline)?;
    let ask = Ask {
        title: typed.title.clone(),
        purpose: typed.purpose.clone(),
        pdf,
        signers: typed.signers(&reach)?,
        expires_in: days.saturating_mul(DAY_S),
        webhook: false,
    };
    let asker = Asker {
        whose: Whose::Desk { agency: typed.agency.clone(), employee: who.employee_id.clone() },
        name: agency.name.ko,
        name_en: agency.name.en,
        has_webhook: false,
    };
    asking::ask(platform, asker, ask).await.map(drop).map_err(refused)
}

async fn ask(page: Page, Shared(platform): Shared<Arc<Platform>>, uploading: Uploading<Actor>) -> PageResult {
    let page = page.signed_in(Area::Console, uploading.who.who());
    on_duty(&page, &uploading.who)?;
    let (who, mut upload) = match uploading.read().await {
        Ok(read) => read,
        Err(denied) => return Ok(denied.into_response()),
    };
    let typed = Typed::of(&upload);
    match asked(&platform, &who, &typed, upload.take_file("document")).await {
        Ok(()) => Ok(Redirect::to("/signatures").into_response()),
        Err(problem) if problem.status().is_server_error() => Err(Fault::told(&page, problem)),
        Err(problem) => show(page, &who, &platform, typed, Some(problem)).await,
    }
}

async fn signed(
    page: Page,
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    on_duty(&page, &who)?;
    let told = |error: SigningError| Fault::told(&page, error);
    let request = own(&platform, &who, &id).await.map_err(told)?;
    if request.state != State::Signed {
        return Err(told(SigningError::NotSigned));
    }
    let pdf = document::read(&platform, &request.id, request.revision, &request.document_hash);
    let pdf = pdf.await.map_err(told)?;
    let (actor, subject) = (who.employee_id.clone(), request.id.clone());
    let noted = platform.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let (duty, detail) = (Duty::HrManager.as_str(), serde_json::json!({}));
            let act = "signing.fetched";
            audit::record(tx, audit::Record { actor: &actor, duty, act, subject: &subject, detail }).await
        })
    });
    noted.await.map_err(|error| Fault::told(&page, error))?;
    let name = format!("attachment; filename=\"signed-{}.pdf\"", request.id);
    let headers = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, name),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, pdf).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn withdraw(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Actor, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    on_duty(&page, &who)?;
    let request = own(&platform, &who, &id).await.map_err(|error| Fault::told(&page, error))?;
    let agency = request.agency.clone().unwrap_or_default();
    let whose = Whose::Desk { agency, employee: who.employee_id.clone() };
    match asking::withdraw(&platform, &request, whose).await {
        Ok(()) => Ok(Redirect::to("/signatures").into_response()),
        Err(SigningError::Over) => {
            let problem = Some(SigningError::Over.into());
            show(page, &who, &platform, Typed::default(), problem).await
        }
        Err(error) => Err(Fault::told(&page, error)),
    }
}

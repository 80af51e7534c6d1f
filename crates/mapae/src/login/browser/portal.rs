//! 내 브라우저: the browsers that an official has enrolled, and enrolling this one.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use wallet::account::messages::CreatedPasskey;

use super::{Enrolled, TABLE, count, of_employee, start};
use crate::account::{self, BrowserPasskey, PasskeyRefusal};
use crate::audit;
use crate::lifecycle::{self, Badge, BadgeState};
use crate::login::assets;
use crate::notification::{self, Message, Topic};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, id, language, limits};
use crate::pages::{self, Area, Fault, Page, PageResult, render};
use crate::personnel::{self, PersonnelError};
use crate::staff::{Applicant, Posted, Source};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/portal/browsers", get(show))
        .route("/portal/browsers/options", post(options))
        .route("/portal/browsers/enrol", post(enrol))
        .route("/portal/browsers/{id}/end", post(end))
}

/// Why a browser was not enrolled.
#[derive(Debug, thiserror::Error)]
enum EnrolRefused {
    #[error("browsers are enrolled in registered networks only")]
    Network,
    #[error("the official has no badge that is active")]
    NoBadge,
    #[error("the official has enrolled as many as one may")]
    TooMany,
    #[error("the browser needs a name")]
    Name,
    #[error(transparent)]
    Passkey(#[from] PasskeyRefusal),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<EnrolRefused> for Problem {
    fn from(refused: EnrolRefused) -> Problem {
        match refused {
            EnrolRefused::Network => Problem::new(StatusCode::FORBIDDEN, "login_browser_network"),
            EnrolRefused::NoBadge => Problem::new(StatusCode::CONFLICT, "login_browser_no_badge"),
            EnrolRefused::TooMany => Problem::new(StatusCode::CONFLICT, "login_browser_too_many")
                .with("most", limits::LOGIN_BROWSERS.get()),
            EnrolRefused::Name => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "login_browser_name"),
            EnrolRefused::Passkey(PasskeyRefusal::Store(StoreError::Unique))
            | EnrolRefused::Store(StoreError::Unique) => PasskeyRefusal::InUse.into(),
            EnrolRefused::Passkey(refusal) => refusal.into(),
            EnrolRefused::Personnel(error) => error.into(),
            EnrolRefused::Store(error) => error.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "login/browser/portal.html")]
struct Browsers {
    page: Page,
    browsers: Vec<Enrolled>,
    /// The registered network that this browser is in now.
    place: Option<String>,
    badge: bool,
    full: bool,
    script: &'static str,
    csrf: String,
}

fn place(platform: &Platform, peer: std::net::IpAddr, headers: &HeaderMap) -> Option<String> {
    let login = &platform.config.login;
    let at = login.network(peer, headers)?;
    login.networks.get(usize::from(at)).map(|network| network.name().to_owned())
}

async fn show(
    page: Page,
    who: Applicant,
    State(platform): State<Arc<Platform>>,
    Source(peer): Source,
    headers: HeaderMap,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let told = |error: StoreError| Fault::told(&page, error);
    let browsers = of_employee(&platform, &who.employee_id).await.map_err(told)?;
    let badge = active_badge(&platform, &who.employee_id).await.map_err(told)?.is_some();
    let view = Browsers {
        full: browsers.len() >= limits::LOGIN_BROWSERS.size(),
        browsers,
        place: place(&platform, peer, &headers),
        badge,
        script: assets::browser_script_address(),
        csrf: who.session.csrf.clone(),
        page,
    };
    Ok(render(&view))
}

async fn active_badge(platform: &Platform, employee_id: &str) -> Result<Option<Badge>, StoreError> {
    let badge = Badge::live_of_employee(&platform.store, employee_id).await?;
    Ok(badge.filter(|badge| badge.state == BadgeState::Active))
}

/// What the browser needs to make a passkey.
async fn options(
    who: Applicant,
    State(platform): State<Arc<Platform>>,
    Source(peer): Source,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let made = async {
        place(&platform, peer, &headers).ok_or(EnrolRefused::Network)?;
        let known = of_employee(&platform, &who.employee_id).await?;
        let known: Vec<String> = known.into_iter().map(|one| one.passkey.credential_id).collect();
        Ok::<Value, EnrolRefused>(account::browser_creation(&platform, &who.employee_id, &known)?)
    };
    let options = made.await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(json!({ "options": options }))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrol {
    name: String,
    credential: CreatedPasskey,
}

async fn enrol(
    who: Applicant,
    State(platform): State<Arc<Platform>>,
    Source(peer): Source,
    headers: HeaderMap,
    Json(asked): Json<Enrol>,
) -> Result<Response, Problem> {
    let place = place(&platform, peer, &headers).ok_or(EnrolRefused::Network)?;
    let credential = asked.credential.id.clone();
    keep(&platform, &who.employee_id, &asked.name, place, &asked.credential).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = start::remember(&credential) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Enrols it, and tells its owner on the phone. The lock of the badge makes the count right, and a badge that is suspended in
/// this moment enrols nothing.
async fn keep(
    platform: &Arc<Platform>,
    employee_id: &str,
    name: &str,
    place: String,
    credential: &CreatedPasskey,
) -> Result<(), EnrolRefused> {
    let name = name.trim();
    let letters = name.chars().count();
    if letters == 0 || letters > limits::LOGIN_BROWSER_NAME.size() || name.chars().any(char::is_control) {
        return Err(EnrolRefused::Name);
    }
    let badge = active_badge(platform, employee_id).await?.ok_or(EnrolRefused::NoBadge)?;
    let (passkey, challenged) = account::browser_created(platform, employee_id, credential)?;
    let id = id::new();
    let sealed = platform.sealer.seal(TABLE, "name", &id, name.as_bytes());
    let message = notice(platform, employee_id, &place).await?;
    let employee = employee_id.to_owned();
    platform
        .store
        .write::<_, EnrolRefused, _>(move |tx| {
            Box::pin(async move {
                challenged.use_up(tx).await?;
                if lifecycle::hold(tx, &badge.id).await? != Some(BadgeState::Active) {
                    return Err(EnrolRefused::NoBadge);
                }
                if count(tx, &employee).await? >= limits::LOGIN_BROWSERS.get() {
                    return Err(EnrolRefused::TooMany);
                }
                let now_ms = tx.now_ms();
                let BrowserPasskey { credential_id, key, sign_count, synced } = passkey;
                let rows = tx
                    .execute(
                        "INSERT INTO login_browser (id, employee_id, credential_id, public_key, synced, sign_count, name, \
                         place, created_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                         ON CONFLICT (credential_id) DO NOTHING",
                        params![
                            id.as_str(),
                            employee.as_str(),
                            credential_id,
                            key.to_sec1().to_vec(),
                            i64::from(synced),
                            sign_count,
                            sealed,
                            place.as_str(),
                            now_ms,
                            now_ms.saturating_add(limits::LOGIN_BROWSER_KEPT.get())
                        ],
                    )
                    .await?;
                if rows != 1 {
                    return Err(PasskeyRefusal::InUse.into());
                }
                if let Some(message) = message {
                    notification::enqueue(tx, message).await?;
                }
                let detail = json!({ "browser": id, "place": place, "synced": synced });
                let act = "login.browser_enrolled";
                let record =
                    audit::Record { actor: &employee, duty: "applicant", act, subject: &employee, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

/// Whoever did not enrol it learns of it.
async fn notice(
    platform: &Platform,
    employee_id: &str,
    place: &str,
) -> Result<Option<Message>, EnrolRefused> {
    let Some(employee) = personnel::employee(platform, employee_id).await? else { return Ok(None) };
    if employee.phone.is_empty() {
        return Ok(None);
    }
    let told_in = notification::language_of(platform, &employee.id).await?;
    let values = [("place", place.to_owned()), ("date", pages::date(platform.now_ms()))];
    let text = language::format(told_in, "login.browser.sms", &values);
    Ok(Some(Message::sms(platform, Topic::Notice, &employee.phone, &text)))
}

#[derive(Deserialize)]
struct Nothing {}

/// Takes one away; no login begins in it any more.
async fn end(
    page: Page,
    Path(browser): Path<String>,
    State(platform): State<Arc<Platform>>,
    Posted(who, Nothing {}): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let employee = who.employee_id.clone();
    let ended = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM login_browser WHERE id = $1 AND employee_id = $2";
                let rows = tx.execute(sql, params![browser.as_str(), employee.as_str()]).await?;
                if rows == 1 {
                    let detail = json!({ "browser": browser });
                    let act = "login.browser_ended";
                    let record = audit::Record {
                        actor: &employee,
                        duty: "applicant",
                        act,
                        subject: &employee,
                        detail,
                    };
                    audit::record(tx, record).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await;
    ended.map_err(|error| Fault::told(&page, error))?;
    Ok(Redirect::to("/portal/browsers").into_response())
}

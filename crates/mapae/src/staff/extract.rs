//! Who is asking: `Applicant` on the public listener, `Actor` on the console listener.
//!
//! The session comes as a cookie or as `Authorization: Bearer`. A cookie travels by itself, so with a cookie every method
//! that changes something also needs the CSRF token: in the header `x-csrf-token`, or in the form through [`Posted`] or [`super::Uploading`].
//! An extractor that finds neither refuses: a handler cannot forget it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Form, FromRequest, FromRequestParts, OriginalUri, Request};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde::de::DeserializeOwned;

use super::duty::{Duty, Held};
use super::session::{self, Door, Session};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::pages::{Area, Who};
use crate::personnel::{self, Named};

/// The official at the portal.
#[derive(Clone, Debug)]
pub struct Applicant {
    pub session: Session,
    pub employee_id: String,
    pub name: Named,
    /// Agency and department.
    pub unit: Named,
}

/// Somebody with duties at the console.
#[derive(Clone, Debug)]
pub struct Actor {
    pub session: Session,
    pub employee_id: String,
    pub agency_code: String,
    pub name: Named,
    /// Agency and department.
    pub unit: Named,
    pub duties: Vec<Held>,
}

impl Applicant {
    /// What the head of a page says about them.
    pub fn who(&self) -> Who {
        Who {
            name: self.name.clone(),
            unit: self.unit.clone(),
            csrf: self.session.csrf.clone(),
            desks: Vec::new(),
        }
    }
}

impl Actor {
    /// Whoever signed in at the console and holds this session token.
    ///
    /// # Errors
    /// The session is over, or its owner no longer serves.
    pub async fn of_token(platform: &Platform, token: &str) -> Result<Self, Denied> {
        let session = session::of_token(platform, Self::DOOR, token).await?;
        Self::of(session.ok_or(Denied::Door(Self::DOOR.sign_in()))?, platform).await
    }

    /// What the head of a page says about them.
    pub fn who(&self) -> Who {
        Who {
            name: self.name.clone(),
            unit: self.unit.clone(),
            csrf: self.session.csrf.clone(),
            desks: self.duties.iter().flat_map(|held| held.duty.desks()).copied().collect(),
        }
    }

    /// Whether they hold a duty anywhere.
    pub fn holds(&self, duty: Duty) -> bool {
        self.duties.iter().any(|held| held.duty == duty)
    }

    /// The agencies a duty of theirs reaches from.
    pub fn reaches_from(&self, duty: Duty) -> Vec<String> {
        self.duties.iter().filter(|held| held.duty == duty).map(|held| held.agency_code.clone()).collect()
    }
}

/// Why somebody is not let in: a problem for programs, the door for people.
#[derive(Debug)]
pub enum Denied {
    Problem(Box<Problem>),
    Door(&'static str),
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Door(door) => Redirect::to(door).into_response(),
        }
    }
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The other end of the connection, or whom a proxy of ours speaks for; without one (tests) the loopback address.
#[derive(Clone, Copy, Debug)]
pub struct Source(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Self(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))))
    }
}

/// Where the CSRF token of a cookie session is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Csrf {
    Header,
    /// [`Posted`] and [`super::Uploading`] look into the form themselves.
    Form,
}

fn is_api(parts: &Parts) -> bool {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    uri.path().starts_with("/api/")
}

/// The refusal of a request whose CSRF token is missing or another session's.
pub(super) fn csrf_refused() -> Denied {
    Problem::new(StatusCode::FORBIDDEN, "csrf_refused").into()
}

pub(super) async fn session_of(
    parts: &Parts,
    platform: &Platform,
    door: Door,
    csrf: Csrf,
) -> Result<Session, Denied> {
    let turned_away = || {
        if is_api(parts) {
            Denied::from(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized"))
        } else {
            Denied::Door(door.sign_in())
        }
    };
    if let Some(token) = bearer(&parts.headers) {
        return session::of_token(platform, door, token).await?.ok_or_else(turned_away);
    }
    let token = cookie(&parts.headers, door.cookie()).ok_or_else(turned_away)?;
    let session = session::of_token(platform, door, token).await?.ok_or_else(turned_away)?;
    let safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !safe && csrf == Csrf::Header {
        let token =
            parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !session.owns(token) {
            return Err(csrf_refused());
        }
    }
    Ok(session)
}

/// Somebody who can be let in at a door.
pub trait Visitor: Sized {
    const DOOR: Door;
    fn of(session: Session, platform: &Platform) -> impl Future<Output = Result<Self, Denied>> + Send;
    fn owns(&self, csrf: &str) -> bool;
}

async fn employee_of(session: &Session, platform: &Platform) -> Result<personnel::Employee, Denied> {
    let employee = personnel::employee(platform, &session.employee_id).await.map_err(Problem::from)?;
    employee.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "staff_not_employed").into())
}

/// Agency and department, as the head of a page shows them.
fn unit(employee: &personnel::Employee) -> Named {
    let (agency, department) = (&employee.agency.name, &employee.department);
    let complete = !agency.en.is_empty() && !department.en.is_empty();
    Named {
        ko: format!("{} {}", agency.ko, department.ko),
        en: if complete { format!("{}, {}", agency.en, department.en) } else { String::new() },
    }
}

impl Visitor for Applicant {
    const DOOR: Door = Door::Portal;

    async fn of(session: Session, platform: &Platform) -> Result<Self, Denied> {
        let employee = employee_of(&session, platform).await?;
        Ok(Self {
            employee_id: session.employee_id.clone(),
            name: employee.name.clone(),
            unit: unit(&employee),
            session,
        })
    }

    fn owns(&self, csrf: &str) -> bool {
        self.session.owns(csrf)
    }
}

impl Visitor for Actor {
    const DOOR: Door = Door::Console;

    async fn of(session: Session, platform: &Platform) -> Result<Self, Denied> {
        let employee = employee_of(&session, platform).await?;
        let duties = duties_of(platform, &session.employee_id).await?;
        Ok(Self {
            employee_id: session.employee_id.clone(),
            agency_code: employee.agency.code.clone(),
            name: employee.name.clone(),
            unit: unit(&employee),
            duties,
            session,
        })
    }

    fn owns(&self, csrf: &str) -> bool {
        self.session.owns(csrf)
    }
}

impl FromRequestParts<Arc<Platform>> for Applicant {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, platform: &Arc<Platform>) -> Result<Self, Denied> {
        Self::of(session_of(parts, platform, Self::DOOR, Csrf::Header).await?, platform).await
    }
}

impl FromRequestParts<Arc<Platform>> for Actor {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, platform: &Arc<Platform>) -> Result<Self, Denied> {
        Self::of(session_of(parts, platform, Self::DOOR, Csrf::Header).await?, platform).await
    }
}

/// A form posted by `W`, its CSRF token (field `csrf`) checked.
#[derive(Debug)]
pub struct Posted<W, T>(pub W, pub T);

impl<W: Visitor + Send, T: DeserializeOwned> FromRequest<Arc<Platform>> for Posted<W, T> {
    type Rejection = Denied;

    async fn from_request(request: Request, platform: &Arc<Platform>) -> Result<Self, Denied> {
        let (parts, body) = request.into_parts();
        let session = session_of(&parts, platform, W::DOOR, Csrf::Form).await?;
        let visitor = W::of(session, platform).await?;
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &())
            .await
            .map_err(|rejection| Problem::of_status(rejection.status()))?;
        let csrf = url::form_urlencoded::parse(&body).find(|(name, _)| name == "csrf");
        if !csrf.is_some_and(|(_, token)| visitor.owns(&token)) {
            return Err(csrf_refused());
        }
        let Form(form) = Form::<T>::from_request(Request::from_parts(parts, Body::from(body)), &())
            .await
            .map_err(|rejection| Problem::of_status(rejection.status()))?;
        Ok(Self(visitor, form))
    }
}

impl Door {
    /// The part of the house behind it.
    pub const fn area(self) -> Area {
        match self {
            Self::Portal => Area::Portal,
            Self::Console => Area::Console,
        }
    }
}

/// Somebody at the console without a session of their own: tests of the desks begin behind the door.
#[cfg(test)]
pub(crate) async fn actor_for_tests(platform: &Platform, employee_id: &str) -> Actor {
    let session = Session::for_tests(employee_id);
    <Actor as Visitor>::of(session, platform).await.expect("an employee")
}

/// The duties an employee holds by grant.
pub async fn duties_of(platform: &Platform, employee_id: &str) -> Result<Vec<Held>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT duty, agency_code FROM staff_duty WHERE employee_id = $1 AND ended_at IS NULL LIMIT 100",
            params![employee_id],
        )
        .await?;
    let mut duties = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(duty) = Duty::parse(&row.text("duty")?) {
            duties.push(Held { duty, agency_code: row.text("agency_code")? });
        }
    }
    Ok(duties)
}

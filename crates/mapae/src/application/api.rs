//! Applications for programs: the same steps under `/api/v1`, on the portal's and on the console's listener.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State as Shared};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::apply::{self, Request};
use super::console;
use super::decide::{self, DecideError, Decision};
use super::delegation::{self, DelegationKind, Lending};
use super::invitation;
use super::people;
use super::queue::{self, Cursor, Listing};
use super::record::{self, Application};
use super::state::{Act, Kind, State, Step};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::staff::{Actor, Applicant, Duty};

pub(super) fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(my_applications, make_application))
        .routes(routes!(my_application))
        .routes(routes!(submit))
        .routes(routes!(withdraw))
        .routes(routes!(activation_code))
        .routes(routes!(wallet_offer))
        .routes(routes!(wallet_sign_in_offer))
}

pub(super) fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(waiting))
        .routes(routes!(applications))
        .routes(routes!(application))
        .routes(routes!(decision))
        .routes(routes!(invite_again))
        .routes(routes!(delegations, lend))
        .routes(routes!(take_back))
}

/// An application.
#[derive(Serialize, ToSchema)]
struct ApplicationBody {
    id: String,
    employee_id: String,
    agency_code: String,
    department_id: String,
    kind: Kind,
    state: State,
    /// The step that waits for a person, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    awaits: Option<Step>,
    /// Since when it is in this state, epoch milliseconds.
    state_since_at: i64,
    created_at: i64,
    /// When it expires if nobody moves it.
    ends_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge_id: Option<String>,
}

impl From<Application> for ApplicationBody {
    fn from(application: Application) -> Self {
        Self {
            awaits: application.state.awaits(),
            id: application.id,
            employee_id: application.employee_id,
            agency_code: application.agency_code,
            department_id: application.department_id,
            kind: application.kind,
            state: application.state,
            state_since_at: application.since,
            created_at: application.created_at,
            ends_at: application.ends_at,
            badge_id: application.badge_id,
        }
    }
}

/// A line of the timeline.
#[derive(Serialize, ToSchema)]
struct EventBody {
    act: Act,
    /// The state it led to.
    state: State,
    /// The employee, or nothing when the clock or the phone did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<String>,
    /// For whom it was decided (전결·대결).
    #[serde(skip_serializing_if = "Option::is_none")]
    behalf_of_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    at: i64,
}

/// An application with its timeline.
#[derive(Serialize, ToSchema)]
struct ApplicationDetail {
    #[serde(flatten)]
    application: ApplicationBody,
    events: Vec<EventBody>,
    /// The HR record as it stands now: its digest goes back with the identity check.
    #[serde(skip_serializing_if = "Option::is_none")]
    record_seen: Option<String>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
struct ApplicationList {
    applications: Vec<ApplicationBody>,
    /// Ask for the next page with `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Listing> for ApplicationList {
    fn from(listing: Listing) -> Self {
        Self { applications: listing.applications.into_iter().map(Into::into).collect(), next: listing.next }
    }
}

async fn detail(
    platform: &Platform,
    application: Application,
    record_seen: Option<String>,
) -> Result<Json<ApplicationDetail>, Problem> {
    let events = record::events(platform, &application.id).await?;
    let events = events
        .into_iter()
        .map(|event| EventBody {
            act: event.act,
            state: event.state,
            actor_id: event.actor_id,
            behalf_of_id: event.behalf_of_id,
            note: event.note,
            at: event.at,
        })
        .collect();
    Ok(Json(ApplicationDetail { application: application.into(), events, record_seen }))
}

fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    body.map(|Json(value)| value).map_err(|rejection| Problem::of_status(rejection.status()))
}

/// What to list, and from where.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Rows of a page, 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
    /// Only this state.
    state: Option<State>,
}

impl ListQuery {
    fn after(&self) -> Result<Option<Cursor>, Problem> {
        let bad = || Problem::new(StatusCode::BAD_REQUEST, "cursor_bad");
        self.after.as_deref().map(|text| Cursor::parse(text).ok_or_else(bad)).transpose()
    }
}

/// My applications, newest first.
#[utoipa::path(get, path = "/api/v1/portal/applications", tag = "application", security(("session" = [])),
    responses((status = 200, body = ApplicationList)))]
async fn my_applications(
    who: Applicant,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<ApplicationList>, Problem> {
    let applications = record::of_employee(&platform.store, &who.employee_id, queue::rows(None)).await?;
    Ok(Json(Listing { applications, next: None }.into()))
}

/// What is asked for.
#[derive(Deserialize, ToSchema)]
struct ApplicationRequest {
    kind: Kind,
    #[serde(default)]
    #[schema(max_length = 500)]
    note: String,
    /// Keep it as a draft instead of sending it.
    #[serde(default)]
    draft: bool,
}

/// Ask for a badge. The same `Idempotency-Key` gets the same application.
#[utoipa::path(post, path = "/api/v1/portal/applications", tag = "application", security(("session" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible letters", max_length = 128)),
    request_body = ApplicationRequest,
    responses((status = 201, body = ApplicationBody), (status = 200, description = "Made before with this key", body = ApplicationBody)))]
async fn make_application(
    who: Applicant,
    headers: HeaderMap,
    Shared(platform): Shared<Arc<Platform>>,
    request: Result<Json<ApplicationRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<ApplicationBody>), Problem> {
    let request = body(request)?;
    let key = headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default().to_owned());
    let request = Request { kind: request.kind, note: request.note, key, submit: !request.draft };
    let (application, new) = apply::apply(&platform, &who.employee_id, request).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(application.into())))
}

/// One of my applications with its timeline.
#[utoipa::path(get, path = "/api/v1/portal/applications/{id}", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 200, body = ApplicationDetail)))]
async fn my_application(
    who: Applicant,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<ApplicationDetail>, Problem> {
    let application = apply::own(&platform, &who.employee_id, &id).await?;
    detail(&platform, application, None).await
}

/// What the applicant adds.
#[derive(Deserialize, ToSchema)]
struct NoteRequest {
    #[serde(default)]
    #[schema(max_length = 500)]
    note: String,
}

/// Send a draft, or one that was returned for completion.
#[utoipa::path(post, path = "/api/v1/portal/applications/{id}/submission", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = NoteRequest, responses((status = 200, body = ApplicationBody)))]
async fn submit(
    who: Applicant,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    request: Result<Json<NoteRequest>, JsonRejection>,
) -> Result<Json<ApplicationBody>, Problem> {
    apply::submit(&platform, &who.employee_id, &id, &body(request)?.note).await?;
    Ok(Json(apply::own(&platform, &who.employee_id, &id).await?.into()))
}

/// Take an application back.
#[utoipa::path(post, path = "/api/v1/portal/applications/{id}/withdrawal", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 200, body = ApplicationBody)))]
async fn withdraw(
    who: Applicant,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<ApplicationBody>, Problem> {
    apply::withdraw(&platform, &who.employee_id, &id).await?;
    Ok(Json(apply::own(&platform, &who.employee_id, &id).await?.into()))
}

/// An activation code, to be typed into the phone.
#[derive(Serialize, ToSchema)]
struct CodeBody {
    /// 8 digits.
    code: String,
    /// When it stops working, epoch milliseconds.
    ends_at: i64,
    /// Wrong codes that may still be typed before the invitation is void.
    tries_left: i64,
}

/// Make an activation code; the one before stops working.
#[utoipa::path(post, path = "/api/v1/portal/activation-code", tag = "application", security(("session" = [])),
    responses((status = 201, body = CodeBody)))]
async fn activation_code(
    who: Applicant,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<(StatusCode, Json<CodeBody>), Problem> {
    let made = invitation::new_code(&platform, &who.employee_id).await?;
    Ok((
        StatusCode::CREATED,
        Json(CodeBody { code: made.code, ends_at: made.ends_at, tries_left: made.tries_left }),
    ))
}

/// An offer for a wallet of another maker (OpenID4VCI 1.0 §4).
#[derive(Serialize, ToSchema)]
struct WalletOfferBody {
    /// `openid-credential-offer://?credential_offer_uri=…`, to be shown as a QR code.
    link: String,
    /// Where the wallet fetches the offer.
    credential_offer_uri: String,
    /// What the wallet asks the holder for.
    tx_code: String,
    /// When the offer ends, epoch milliseconds.
    ends_at: i64,
}

/// Offer the approved badge to a wallet of another maker, where the agency allows it.
#[utoipa::path(post, path = "/api/v1/portal/wallet-offer", tag = "application", security(("session" = [])),
    responses((status = 201, body = WalletOfferBody)))]
async fn wallet_offer(
    who: Applicant,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<(StatusCode, Json<WalletOfferBody>), Problem> {
    let (offer, tx_code) = super::wallet_offer::offer_to_other_wallet(&platform, &who.employee_id).await?;
    let body = WalletOfferBody {
        link: offer.link,
        credential_offer_uri: offer.uri,
        tx_code,
        ends_at: offer.expires_at,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// An offer that leads a wallet of another maker over the portal's sign-in (OpenID4VCI 1.0 §4.1.1).
#[derive(Serialize, ToSchema)]
struct WalletSignInOfferBody {
    /// `openid-credential-offer://?credential_offer=…`, to be shown as a QR code.
    link: String,
    /// When the offer ends, epoch milliseconds.
    ends_at: i64,
}

/// Offer the badge to a wallet that signs its holder in here, where the agency allows it; the application may still wait.
#[utoipa::path(post, path = "/api/v1/portal/wallet-sign-in-offer", tag = "application", security(("session" = [])),
    responses((status = 201, body = WalletSignInOfferBody)))]
async fn wallet_sign_in_offer(
    who: Applicant,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<(StatusCode, Json<WalletSignInOfferBody>), Problem> {
    let (link, ends_at) = super::wallet_offer::offer_of_sign_in(&platform, &who.employee_id).await?;
    Ok((StatusCode::CREATED, Json(WalletSignInOfferBody { link, ends_at })))
}

/// What waits for me in one step, oldest first.
#[utoipa::path(get, path = "/api/v1/console/waiting/{step}", tag = "application", security(("session" = [])),
    params(("step" = Step, Path), ListQuery), responses((status = 200, body = ApplicationList)))]
async fn waiting(
    who: Actor,
    Path(step): Path<Step>,
    Query(query): Query<ListQuery>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<ApplicationList>, Problem> {
    let listing = queue::waiting(&platform, &who, step, query.after()?, queue::rows(query.limit)).await?;
    Ok(Json(listing.into()))
}

/// The applications of the agencies I may read.
#[utoipa::path(get, path = "/api/v1/console/applications", tag = "application", security(("session" = [])),
    params(ListQuery), responses((status = 200, body = ApplicationList)))]
async fn applications(
    who: Actor,
    Query(query): Query<ListQuery>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<ApplicationList>, Problem> {
    let listing =
        queue::of_agencies(&platform, &who, query.state, query.after()?, queue::rows(query.limit)).await?;
    Ok(Json(listing.into()))
}

async fn seen_by(platform: &Platform, who: &Actor, id: &str) -> Result<Application, Problem> {
    let application = record::find(&platform.store, id).await?.ok_or(DecideError::Unknown)?;
    if console::may_see(platform, who, &application).await? {
        Ok(application)
    } else {
        Err(DecideError::Unknown.into())
    }
}

/// An application with its timeline. Looking at it is audited.
#[utoipa::path(get, path = "/api/v1/console/applications/{id}", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 200, body = ApplicationDetail)))]
async fn application(
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<ApplicationDetail>, Problem> {
    let application = seen_by(&platform, &who, &id).await?;
    console::note_look(&platform, &who, &application.id).await?;
    let mut record_seen = None;
    if application.state.awaits() == Some(Step::IdentityCheck) {
        let employee = people::employee(&platform, &application.employee_id).await?;
        record_seen = Some(people::record_digest(&platform, &employee));
    }
    detail(&platform, application, record_seen).await
}

/// Yes, no, or not yet.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Approve,
    Reject,
    Return,
}

/// A decision on the step that waits.
#[derive(Deserialize, ToSchema)]
struct DecisionRequest {
    step: Step,
    verdict: Verdict,
    /// Needed to reject and to return; the applicant reads it.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: String,
    /// At the identity check: the `record_seen` of the application as it was looked at.
    #[schema(max_length = 64)]
    record_seen: Option<String>,
}

/// Decide on the step that waits.
#[utoipa::path(post, path = "/api/v1/console/applications/{id}/decisions", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = DecisionRequest, responses((status = 200, body = ApplicationBody)))]
async fn decision(
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    request: Result<Json<DecisionRequest>, JsonRejection>,
) -> Result<Json<ApplicationBody>, Problem> {
    let request = body(request)?;
    seen_by(&platform, &who, &id).await?;
    let decided = match request.verdict {
        Verdict::Approve => Decision::Approve { seen: request.record_seen },
        Verdict::Reject => Decision::Reject { reason: request.reason },
        Verdict::Return => Decision::Return { reason: request.reason },
    };
    decide::decide(&platform, &who, &id, request.step, decided).await?;
    Ok(Json(seen_by(&platform, &who, &id).await?.into()))
}

/// Send a new invitation; the one before is void.
#[utoipa::path(post, path = "/api/v1/console/applications/{id}/invitations", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 201, body = ApplicationBody)))]
async fn invite_again(
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<(StatusCode, Json<ApplicationBody>), Problem> {
    seen_by(&platform, &who, &id).await?;
    decide::invite_again(&platform, &who, &id).await?;
    Ok((StatusCode::CREATED, Json(seen_by(&platform, &who, &id).await?.into())))
}

/// A duty lent for a period.
#[derive(Serialize, ToSchema)]
struct DelegationBody {
    id: String,
    kind: DelegationKind,
    duty: Duty,
    from_id: String,
    to_id: String,
    from_at: i64,
    until_at: i64,
}

/// What I lend, and what is lent to me.
#[utoipa::path(get, path = "/api/v1/console/delegations", tag = "application", security(("session" = [])),
    responses((status = 200, body = Vec<DelegationBody>)))]
async fn delegations(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<Vec<DelegationBody>>, Problem> {
    let around = delegation::around(&platform, &who.employee_id).await?;
    let bodies = around.into_iter().map(|delegation| DelegationBody {
        id: delegation.id,
        kind: delegation.kind,
        duty: delegation.duty,
        from_id: delegation.from_id,
        to_id: delegation.to_id,
        from_at: delegation.from_at,
        until_at: delegation.until_at,
    });
    Ok(Json(bodies.collect()))
}

/// What is to be lent.
#[derive(Deserialize, ToSchema)]
struct LendRequest {
    kind: DelegationKind,
    duty: Duty,
    /// The other's employee number in my agency.
    #[schema(max_length = 32)]
    to_number: String,
    /// Epoch milliseconds.
    from_at: i64,
    until_at: i64,
}

/// The id of what was made.
#[derive(Serialize, ToSchema)]
struct Made {
    id: String,
}

/// Lend a duty for a period (전결·대결).
#[utoipa::path(post, path = "/api/v1/console/delegations", tag = "application", security(("session" = [])),
    request_body = LendRequest, responses((status = 201, body = Made)))]
async fn lend(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
    request: Result<Json<LendRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let LendRequest { kind, duty, to_number, from_at, until_at } = body(request)?;
    let lending = Lending { kind, duty, to_number, from_at, until_at };
    let id = delegation::lend(&platform, &who, lending).await?;
    Ok((StatusCode::CREATED, Json(Made { id })))
}

/// Take a lent duty back before its end.
#[utoipa::path(delete, path = "/api/v1/console/delegations/{id}", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 204)))]
async fn take_back(
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<StatusCode, Problem> {
    delegation::take_back(&platform, &who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! The official's own pages: my badge as a timeline, apply, take back, the activation code.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::apply::{self, ApplyError, Request};
use super::comment::{self, Said};
use super::invitation::{self, ActivationCode, Invitation};
use super::people;
use super::record::{self, Application};
use super::state::{Act, Kind, State};
use super::view::{self, Station};
use super::wallet_offer;
use crate::lifecycle::{Badge, BadgeState};
use crate::notification::{self, Fate};
use crate::operations::problem::Problem;
use crate::operations::{Platform, id, limits};
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::personnel::{self, Eligibility, Employee};
use crate::staff::{Applicant, Posted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/portal", get(home))
        .route("/portal/apply", get(apply_form).post(apply_post))
        .route("/portal/applications/{id}/submit", post(submit_post))
        .route("/portal/applications/{id}/withdraw", post(withdraw_post))
        .route("/portal/activation-code", post(code_post))
        .route("/portal/wallet-offer", post(wallet_offer_post))
        .route("/portal/wallet-sign-in", post(wallet_sign_in_post))
        .route("/install", get(install))
}

/// The way to the phone, as the portal tells it.
struct PhoneWay {
    other_wallets: bool,
    invitation: Option<Invitation>,
    message: Option<Fate>,
}

#[derive(Template)]
#[template(path = "application/portal.html")]
struct Home {
    page: Page,
    me: Employee,
    application: Option<Application>,
    state: (&'static str, &'static str),
    kind: &'static str,
    stations: Vec<Station>,
    way: Option<PhoneWay>,
    /// Whether a wallet of another maker may sign its holder in, now or while the application waits.
    sign_in_wallet: bool,
    badge: Option<Badge>,
    may_withdraw: bool,
    /// What those who decide say to the applicant.
    comments: Vec<Said>,
    csrf: String,
}

impl Home {
    fn is(&self, state: &str) -> bool {
        self.application.as_ref().is_some_and(|application| application.state.as_str() == state)
    }

    fn is_open(&self) -> bool {
        self.application.as_ref().is_some_and(|application| application.state.is_open())
    }

    /// Whether it is time to renew, and nothing is under way yet.
    fn ends_soon(&self) -> bool {
        let begun = |badge: &Badge| crate::lifecycle::renewal_begins(badge) <= self.page.now_ms;
        self.badge.as_ref().is_some_and(begun) && !self.is_open()
    }

    /// Which face the card wears.
    fn card(&self) -> &'static str {
        match self.badge.as_ref().map(|badge| badge.state) {
            Some(BadgeState::Active) => "",
            Some(_) => "stopped",
            None => "waiting",
        }
    }

    /// The key of the word on it.
    fn card_word(&self) -> &'static str {
        match self.badge.as_ref().map(|badge| badge.state) {
            Some(BadgeState::Active) => "portal.card.active",
            Some(_) => "portal.card.suspended",
            None => "portal.card.none",
        }
    }
}

fn told<'p, E: Into<Problem>>(page: &'p Page) -> impl Fn(E) -> Fault + 'p {
    move |error| Fault::told(page, error)
}

async fn home(page: Page, who: Applicant, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let me = people::employee(&platform, &who.employee_id).await.map_err(told(&page))?;
    let newest = record::of_employee(&platform.store, &who.employee_id, 1).await.map_err(told(&page))?;
    let application = newest.into_iter().next();
    let (mut stations, mut way, mut comments) = (Vec::new(), None, Vec::new());
    if let Some(application) = &application {
        stations = view::stations(&platform, application, page.lang).await.map_err(told(&page))?;
        comments = comment::said(&platform, &page, &application.id, true).await.map_err(told(&page))?;
        if matches!(application.state, State::IssueApproved | State::Invited) {
            way = Some(phone_way(&platform, &who.employee_id, application).await.map_err(told(&page))?);
        }
    }
    let state = application.as_ref().map_or(("", ""), |application| view::state_words(application.state));
    let kind = application.as_ref().map_or("", |application| view::kind_key(application.kind));
    let may_withdraw =
        application.as_ref().is_some_and(|application| application.state.after(Act::Withdraw).is_some());
    let csrf = who.session.csrf.clone();
    let badge = Badge::live_of_employee(&platform.store, &who.employee_id).await.map_err(told(&page))?;
    let sign_in_wallet = match wallet_offer::right_of(&platform, &who.employee_id).await {
        Ok(_) => true,
        Err(wallet_offer::WalletOfferError::Store(error)) => return Err(Fault::told(&page, error)),
        Err(_) => false,
    };
    Ok(render(&Home {
        page,
        me,
        application,
        state,
        kind,
        stations,
        way,
        sign_in_wallet,
        badge,
        may_withdraw,
        comments,
        csrf,
    }))
}

async fn phone_way(
    platform: &Platform,
    employee_id: &str,
    application: &Application,
) -> Result<PhoneWay, crate::operations::StoreError> {
    let now = platform.clock.now_ms();
    let invitation = invitation::of_employee(&platform.store, employee_id, now).await?;
    let message = match invitation::message_of(&platform.store, &application.id).await? {
        Some(message_id) => notification::fate(&platform.store, &message_id).await?,
        None => None,
    };
    let other_wallets = wallet_offer::allowed(platform, &application.agency_code);
    Ok(PhoneWay { other_wallets, invitation, message })
}

#[derive(Template)]
#[template(path = "application/apply.html")]
struct ApplyPage {
    page: Page,
    me: Employee,
    refusal: Option<String>,
    open: bool,
    kinds: Vec<(Kind, &'static str, &'static str)>,
    chosen: &'static str,
    note: String,
    problem: Option<String>,
    most: i64,
    csrf: String,
    request_key: String,
}

/// The kinds that fit: the first badge, or a re-issue once there was one.
fn kinds(had_badge: bool) -> Vec<(Kind, &'static str, &'static str)> {
    let all = [
        (Kind::First, "application.kind.first", "application.kind.first.hint"),
        (Kind::DeviceChange, "application.kind.device_change", "application.kind.device_change.hint"),
        (Kind::Loss, "application.kind.loss", "application.kind.loss.hint"),
        (Kind::Expiry, "application.kind.expiry", "application.kind.expiry.hint"),
        (Kind::Recovery, "application.kind.recovery", "application.kind.recovery.hint"),
    ];
    all.into_iter().filter(|(kind, ..)| (*kind == Kind::First) != had_badge).collect()
}

async fn show_apply(
    page: Page,
    who: &Applicant,
    platform: &Platform,
    note: String,
    problem: Option<Problem>,
) -> PageResult {
    let me = people::employee(platform, &who.employee_id).await.map_err(told(&page))?;
    let eligibility = personnel::eligibility(platform, &who.employee_id, platform.clock.now_ms())
        .await
        .map_err(told(&page))?;
    let refusal = match eligibility {
        Eligibility::Allowed => None,
        Eligibility::Refused(refused) => Some(page.pick(&refused.reason.ko, &refused.reason.en).to_owned()),
    };
    let newest = record::of_employee(&platform.store, &who.employee_id, 1).await.map_err(told(&page))?;
    let open = newest.first().is_some_and(|application| application.state.is_open());
    let kinds = kinds(people::had_badge(platform, &who.employee_id).await.map_err(told(&page))?);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let view = ApplyPage {
        chosen: kinds.first().map_or("", |(kind, ..)| kind.as_str()),
        problem: problem.map(|problem| problem.detail(page.lang)),
        page,
        me,
        refusal,
        open,
        kinds,
        note,
        most: limits::APPLICATION_NOTE.get(),
        csrf: who.session.csrf.clone(),
        request_key: id::new(),
    };
    Ok(render_with(status, &view))
}

async fn apply_form(page: Page, who: Applicant, Shared(platform): Shared<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    show_apply(page, &who, &platform, String::new(), None).await
}

#[derive(Deserialize)]
struct ApplyForm {
    kind: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    draft: String,
    request_key: String,
}

async fn apply_post(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, ApplyForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let Some(kind) = Kind::parse(&form.kind) else {
        return Err(Fault::told(&page, Problem::of_status(StatusCode::BAD_REQUEST)));
    };
    let request =
        Request { kind, note: form.note.clone(), key: Some(form.request_key), submit: form.draft.is_empty() };
    match apply::apply(&platform, &who.employee_id, request).await {
        Ok(_) => {
            // Whoever applies in English is told in English, unless they chose otherwise.
            notification::choose_language(&platform, &who.employee_id, page.lang, true)
                .await
                .map_err(told(&page))?;
            Ok(Redirect::to("/portal").into_response())
        }
        Err(error @ ApplyError::Store(_)) => Err(Fault::told(&page, error)),
        Err(error) => show_apply(page, &who, &platform, form.note, Some(error.into())).await,
    }
}

#[derive(Deserialize)]
struct NoteForm {
    #[serde(default)]
    note: String,
}

async fn submit_post(
    page: Page,
    Path(application_id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Applicant, NoteForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    apply::submit(&platform, &who.employee_id, &application_id, &form.note).await.map_err(told(&page))?;
    Ok(Redirect::to("/portal").into_response())
}

async fn withdraw_post(
    page: Page,
    Path(application_id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Applicant, NoteForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    apply::withdraw(&platform, &who.employee_id, &application_id).await.map_err(told(&page))?;
    Ok(Redirect::to("/portal").into_response())
}

#[derive(Template)]
#[template(path = "application/code.html")]
struct CodePage {
    page: Page,
    code: ActivationCode,
    first: String,
    last: String,
    minutes: i64,
    csrf: String,
}

/// Shown in the answer itself and stored nowhere: going back shows no old code, asking again makes a new one.
async fn code_post(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Applicant, NoteForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let code = invitation::new_code(&platform, &who.employee_id).await.map_err(told(&page))?;
    let (first, last) = code.code.split_at(code.code.len() / 2);
    let view = CodePage {
        first: first.to_owned(),
        last: last.to_owned(),
        minutes: limits::ACTIVATION_CODE.get() / 60_000,
        csrf: who.session.csrf.clone(),
        page,
        code,
    };
    Ok(render(&view))
}

#[derive(Template)]
#[template(path = "application/wallet_offer.html")]
struct WalletOfferPage {
    page: Page,
    link: String,
    /// Where the offer asks for one.
    code: Option<String>,
    ends_at: i64,
    qr: String,
}

async fn wallet_offer_post(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Applicant, NoteForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let (offer, code) =
        wallet_offer::offer_to_other_wallet(&platform, &who.employee_id).await.map_err(told(&page))?;
    show_offer(page, offer.link, Some(code), offer.expires_at)
}

async fn wallet_sign_in_post(
    page: Page,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Applicant, NoteForm>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let (link, ends_at) =
        wallet_offer::offer_of_sign_in(&platform, &who.employee_id).await.map_err(told(&page))?;
    show_offer(page, link, None, ends_at)
}

fn show_offer(page: Page, link: String, code: Option<String>, ends_at: i64) -> PageResult {
    let qr = crate::pages::qr::address(&link)
        .ok_or_else(|| Fault::told(&page, Problem::internal("the link does not fit into a QR code")))?;
    Ok(render(&WalletOfferPage { page, link, code, ends_at, qr }))
}

#[derive(Template)]
#[template(path = "application/install.html")]
struct InstallPage {
    page: Page,
}

/// Where the message leads: to the app, or to words on how to get one. The handle is in the fragment, which a browser
/// carries along, so this page knows nobody.
async fn install(page: Page) -> Response {
    if crate::wallet_app::is_here() {
        return Redirect::to("/wallet/install").into_response();
    }
    render(&InstallPage { page: page.of(Area::Public) })
}

//! The login page and what its script and links ask: drawing, following, going on, cancelling.
//!
//! The page holds the sealed start of its login, the browser a cookie; only both together may follow or finish it.
//! Without JavaScript the same page works by its links.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use openid::form::Form;
use serde::{Deserialize, Serialize};

use super::attempt::{self, Answer, Concluded, Outcome};
use super::registration::origin;
use super::texts::{Ending, Texts, texts};
use super::ticket::{Return, Start, Ticket};
use super::{assets, browser, claims, response};
use crate::operations::Platform;
use crate::operations::limits;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::tokens::TokenError;
use crate::pages::{self, Page, qr};
use crate::staff::Source;
use crate::verification::relying_party::{self, RelyingParty, StartLevel};

/// Binds a login to the browser that began it.
const BROWSER_COOKIE: &str = "__Host-mapae-browser";

/// What the page can be in, as its sections are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PageState {
    /// No phone has answered yet.
    Waiting,
    /// Answered: the browser may go on.
    Granted,
    /// Answered on the phone itself: the tab that the wallet opened goes on.
    Continued,
    /// Answered for a device that waits: nothing goes on here.
    DeviceDone,
    /// The page's time is over.
    Expired,
    /// The holder said no.
    Denied,
    /// The holder typed another number.
    NumberWrong,
    /// The badge is suspended.
    BadgeSuspended,
    /// The badge has ended.
    BadgeRevoked,
    /// This browser did not begin this login.
    OtherBrowser,
}

impl PageState {
    /// The name used in the page and in the script.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            PageState::Waiting => "waiting",
            PageState::Granted => "granted",
            PageState::Continued => "continued",
            PageState::DeviceDone => "device_done",
            PageState::Expired => "expired",
            PageState::Denied => "denied",
            PageState::NumberWrong => "number_wrong",
            PageState::BadgeSuspended => "badge_suspended",
            PageState::BadgeRevoked => "badge_revoked",
            PageState::OtherBrowser => "other_browser",
        }
    }
}

/// Why a page, link or poll was refused before it had a state.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// The sealed start is not one of ours.
    #[error("not a login of ours")]
    Invalid,
    /// The relying party is no longer registered.
    #[error("unknown relying party")]
    Party,
    /// The link does not fit into a QR or a token.
    #[error("the request is too long to be drawn")]
    TooLong,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The verifier could not make a link.
    #[error(transparent)]
    Verification(#[from] crate::verification::RequestError),
}

impl From<TokenError> for PageError {
    fn from(_: TokenError) -> PageError {
        PageError::Invalid
    }
}

impl From<PageError> for Problem {
    fn from(error: PageError) -> Problem {
        match error {
            PageError::Invalid => Problem::new(StatusCode::BAD_REQUEST, "login_invalid"),
            PageError::Party => Problem::new(StatusCode::BAD_REQUEST, "login_party_unknown"),
            PageError::TooLong => Problem::new(StatusCode::BAD_REQUEST, "login_too_long"),
            PageError::Store(error) => error.into(),
            PageError::Verification(error) => Problem::internal(error),
        }
    }
}

/// The browser of a request: its secret, and whether it has to be told.
pub(super) struct Browser {
    secret: String,
    fresh: bool,
}

impl Browser {
    /// The browser's cookie, or a new secret for it.
    pub(super) fn of(headers: &HeaderMap) -> Browser {
        match secret_of(headers) {
            Some(secret) => Browser { secret: secret.to_owned(), fresh: false },
            None => Browser { secret: keys::random::token(), fresh: true },
        }
    }

    /// What a start keeps of it.
    pub(super) fn hash(&self) -> String {
        hash(&self.secret)
    }

    /// Sets the cookie if the browser does not have it yet.
    pub(super) fn remember(&self, response: &mut Response) {
        let cookie = format!("{BROWSER_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax", self.secret);
        if let (true, Ok(value)) = (self.fresh, cookie.parse()) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

fn secret_of(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = pairs.find(|(name, _)| *name == BROWSER_COOKIE)?;
    let plausible =
        secret.len() == 43 && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    plausible.then_some(secret)
}

fn hash(secret: &str) -> String {
    keys::encoding::b64url_encode(&keys::sha256(secret.as_bytes()))
}

/// Whether the request comes from the browser that began this login.
pub(super) fn is_of_browser(start: &Start, headers: &HeaderMap) -> bool {
    secret_of(headers).is_some_and(|secret| keys::mac::eq(hash(secret).as_bytes(), start.browser.as_bytes()))
}

#[derive(Template)]
#[template(path = "login/page.html")]
struct LoginPage<'a> {
    page: Page,
    text: &'static Texts,
    stylesheet: &'static str,
    script: &'static str,
    state: &'static str,
    login: &'a str,
    draw: i64,
    seconds: i64,
    number: String,
    name: &'a str,
    origin: String,
    link: String,
    qr: Option<String>,
    scan: String,
    /// Where a browser that is enrolled begins, where that is a way.
    by_passkey: Option<String>,
    pin: bool,
    claims: Vec<&'static str>,
    endings: [Section; 9],
    continue_url: String,
    again: String,
    cancel: Option<String>,
}

/// One way the page can end: shown when its state comes, hidden before.
struct Section {
    key: &'static str,
    tone: &'static str,
    icon: &'static str,
    ending: &'static Ending,
}

/// Every state but waiting.
fn sections(text: &'static Texts) -> [Section; 9] {
    let section = |state: PageState, tone, icon, ending| Section { key: state.as_str(), tone, icon, ending };
    [
        section(PageState::Granted, "good", "done", &text.granted),
        section(PageState::Continued, "good", "done", &text.continued),
        section(PageState::DeviceDone, "good", "done", &text.device_done),
        section(PageState::Expired, "wait", "clock", &text.expired),
        section(PageState::Denied, "wait", "pause", &text.denied),
        section(PageState::NumberWrong, "bad", "stop", &text.number_wrong),
        section(PageState::BadgeSuspended, "bad", "stop", &text.badge_suspended),
        section(PageState::BadgeRevoked, "bad", "stop", &text.badge_revoked),
        section(PageState::OtherBrowser, "bad", "stop", &text.other_browser),
    ]
}

#[derive(Template)]
#[template(path = "login/fault.html")]
struct FaultPage {
    page: Page,
    ending: &'static Ending,
    code: &'static str,
}

/// A page for what can't go back to the relying party: it may not be one.
pub(super) fn fault(
    page: Page,
    ending: fn(&'static Texts) -> &'static Ending,
    code: &'static str,
) -> Response {
    let ending = ending(texts(page.lang));
    pages::render_with(StatusCode::BAD_REQUEST, &FaultPage { page, ending, code })
}

#[derive(Template)]
#[template(path = "login/notice.html")]
struct NoticePage {
    page: Page,
    text: &'static Texts,
    ending: &'static Ending,
    address: Option<String>,
}

/// A page that says what is done, and where a person may go on.
pub(super) fn notice(
    page: Page,
    ending: fn(&'static Texts) -> &'static Ending,
    address: Option<String>,
) -> Response {
    let text = texts(page.lang);
    pages::render_with(StatusCode::OK, &NoticePage { page, text, ending: ending(text), address })
}

/// The page of a login in a state.
pub(super) fn show(
    platform: &Platform,
    page: Page,
    party: &RelyingParty,
    start: &Start,
    login: &str,
    state: PageState,
) -> Result<Response, PageError> {
    let text = texts(page.lang);
    let now_ms = platform.now_ms();
    let drawing = draw(platform, party, start, now_ms)?;
    // What the relying party pushed or signed only it can begin anew: the browser goes back there.
    let again = if start.by_party {
        start.device.as_ref().map_or_else(|| with_login("/login/cancel", login), |_| "/device".to_owned())
    } else {
        format!("/oidc/authorize?{}", authorization(start, &page).encode())
    };
    let finished = matches!(state, PageState::Granted | PageState::Continued | PageState::DeviceDone);
    let status = if state == PageState::OtherBrowser { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let view = LoginPage {
        text,
        stylesheet: assets::stylesheet_address(),
        script: assets::script_address(),
        state: state.as_str(),
        login,
        draw: drawing.number,
        seconds: drawing.seconds,
        number: start.number(),
        name: page.lang.pick(&party.name_ko, &party.name_en),
        origin: match &start.device {
            Some(code) => format!("{} {code}", text.device_shown),
            None => origin(&start.grant.redirect_uri),
        },
        link: drawing.link,
        by_passkey: (drawing.qr.is_none() && start.device.is_none())
            .then(|| with_login(browser::PATH, login)),
        qr: drawing.qr.as_ref().map(|(picture, _)| picture.clone()),
        scan: drawing.qr.map(|(_, link)| link).unwrap_or_default(),
        pin: start.level != openid::approval::Level::Base,
        claims: start.wanted.asked(party).into_iter().map(|name| claims::label(page.lang, name)).collect(),
        endings: sections(text),
        continue_url: with_login("/login/continue", login),
        again,
        cancel: (!finished).then(|| with_login("/login/cancel", login)),
        page,
    };
    Ok(pages::render_with(status, &view))
}

pub(super) fn with_login(path: &str, login: &str) -> String {
    format!("{path}?login={login}")
}

/// The authorization request that began this login, to begin it anew.
fn authorization(start: &Start, page: &Page) -> Form {
    let mut form = Form::default()
        .with("response_type", "code")
        .with("client_id", &start.grant.client_id)
        .with("redirect_uri", &start.grant.redirect_uri)
        .with("scope", &start.grant.scopes.join(" "))
        .with("code_challenge", start.grant.code_challenge.as_str())
        .with("code_challenge_method", "S256")
        .with("acr_values", super::acr(start.level))
        .with("ui_locales", page.lang.tag());
    for (name, value) in [("state", &start.state), ("nonce", &start.grant.nonce)] {
        if let Some(value) = value {
            form.push(name, value);
        }
    }
    form
}

struct Drawing {
    number: i64,
    seconds: i64,
    link: String,
    /// The picture, and the link it says.
    qr: Option<(String, String)>,
}

/// The QR and link on show at this moment. Above level `low` a QR is drawn in a registered network or an enrolled browser
/// only: anywhere else the bare one can be relayed.
fn draw(platform: &Platform, party: &RelyingParty, start: &Start, now_ms: i64) -> Result<Drawing, PageError> {
    let (number, left_ms) = start.drawing(now_ms);
    let here = start.tapped().seal(platform, start.expires_ms())?;
    let link = response::link_here(platform, &here)?;
    let qr = match (party.level, start.network.is_some() || start.enrolled) {
        (StartLevel::Low, _) | (_, true) => {
            let until = now_ms.saturating_add(limits::LOGIN_QR.get()).min(start.expires_ms());
            let scanned = start.scanned(party).seal(platform, until)?;
            let link = response::link(platform, &scanned)?;
            Some((qr::svg(&link).ok_or(PageError::TooLong)?, link))
        }
        (StartLevel::Substantial | StartLevel::High, false) => None,
    };
    Ok(Drawing { number, seconds: left_ms.saturating_add(999) / 1_000, link, qr })
}

#[derive(Deserialize)]
pub(super) struct Held {
    login: String,
}

/// What a browser's copy of a login stands at.
pub(super) struct Standing {
    pub(super) start: Start,
    pub(super) state: PageState,
}

pub(super) async fn party(platform: &Platform, start: &Start) -> Result<RelyingParty, PageError> {
    relying_party::find(&platform.store, &start.grant.client_id).await?.ok_or(PageError::Party)
}

/// How a login stands for the browser that asks.
pub(super) async fn standing(
    platform: &Platform,
    headers: &HeaderMap,
    login: &str,
) -> Result<Standing, PageError> {
    let start = Start::open(platform, login)?;
    if !is_of_browser(&start, headers) {
        return Ok(Standing { start, state: PageState::OtherBrowser });
    }
    let concluded = attempt::concluded(&platform.store, &start.seed.id()).await?;
    let state = match concluded {
        Some(Concluded { outcome: Outcome::Granted, .. }) if start.device.is_some() => PageState::DeviceDone,
        Some(Concluded { outcome: Outcome::Granted, same_device: true }) => PageState::Continued,
        Some(Concluded { outcome: Outcome::Granted, same_device: false }) => PageState::Granted,
        Some(Concluded { outcome: Outcome::Denied, .. }) => PageState::Denied,
        Some(Concluded { outcome: Outcome::NumberWrong, .. }) => PageState::NumberWrong,
        Some(Concluded { outcome: Outcome::BadgeSuspended, .. }) => PageState::BadgeSuspended,
        Some(Concluded { outcome: Outcome::BadgeRevoked, .. }) => PageState::BadgeRevoked,
        None if platform.now_ms() >= start.expires_ms() => PageState::Expired,
        None => PageState::Waiting,
    };
    Ok(Standing { start, state })
}

/// What the page's script sends.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Poll {
    /// The sealed login of the page.
    #[schema(max_length = 4096)]
    login: String,
    /// The number of the QR on show.
    draw: i64,
}

/// What the page's script gets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Polled {
    state: PageState,
    /// The number of the QR on show.
    draw: i64,
    /// Seconds until the next QR.
    seconds: i64,
    /// A new QR, where it changed, as SVG.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr: Option<String>,
    /// What that QR says.
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<String>,
    /// A new link for the same device, where it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Where to go on, once granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Follows a login: its state, a new QR every ten seconds, and where to go on.
#[utoipa::path(post, path = "/login/poll", tag = "login", request_body = Poll,
    responses((status = OK, body = Polled), (status = BAD_REQUEST, body = crate::operations::problem::ProblemBody, content_type = "application/problem+json")))]
pub(super) async fn poll(
    State(platform): State<Arc<Platform>>,
    Source(peer): Source,
    headers: HeaderMap,
    Json(poll): Json<Poll>,
) -> Result<Response, Problem> {
    let Standing { mut start, state } = standing(&platform, &headers, &poll.login).await?;
    // A browser that has left the network it began in gets no more codes of that network.
    if start.device.is_none() && platform.config.login.network(peer, &headers) != start.network {
        start.network = None;
    }
    let now_ms = platform.now_ms();
    let (number, left_ms) = start.drawing(now_ms);
    let seconds = left_ms.saturating_add(999) / 1_000;
    let mut polled = Polled { state, draw: number, seconds, qr: None, scan: None, link: None, next: None };
    match state {
        PageState::Waiting if number != poll.draw => {
            let party = party(&platform, &start).await?;
            let drawing = draw(&platform, &party, &start, now_ms)?;
            (polled.qr, polled.scan) = drawing.qr.unzip();
            polled.link = Some(drawing.link);
        }
        PageState::Granted => polled.next = Some(with_login("/login/continue", &poll.login)),
        _ => {}
    }
    Ok(([(CACHE_CONTROL, "no-store")], Json(polled)).into_response())
}

/// Goes on: to the relying party with a code once granted, else to the page as it stands now.
pub(super) async fn go_on(
    State(platform): State<Arc<Platform>>,
    page: Page,
    headers: HeaderMap,
    Query(held): Query<Held>,
) -> Response {
    let standing = async {
        let standing = standing(&platform, &headers, &held.login).await?;
        Ok((party(&platform, &standing.start).await?, standing))
    };
    match standing.await {
        Ok((_, Standing { start, state: PageState::Granted })) => hand_over(&platform, &start).await,
        Ok((party, Standing { start, state })) => show(&platform, page, &party, &start, &held.login, state)
            .unwrap_or_else(|error| Problem::from(error).into_response()),
        Err(error) => refuse(page, error),
    }
}

/// Where a wallet on the same device returns to. The code goes to the browser that began the login and to no other.
pub(super) async fn back(
    State(platform): State<Arc<Platform>>,
    page: Page,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Response {
    let start = match Return::open(&platform, &returned.response_code) {
        Ok(Return(start)) => start,
        Err(TokenError::Expired) => return fault(page, |text| &text.expired, "login_expired"),
        Err(TokenError::Invalid) => return fault(page, |text| &text.bad_request, "login_invalid"),
    };
    if !is_of_browser(&start, &headers) {
        return fault(page, |text| &text.other_browser, "login_other_browser");
    }
    match attempt::concluded(&platform.store, &start.seed.id()).await {
        Ok(Some(Concluded { outcome: Outcome::Granted, .. })) if start.device.is_some() => {
            notice(page, |text| &text.device_done, None)
        }
        Ok(Some(Concluded { outcome: Outcome::Granted, .. })) => hand_over(&platform, &start).await,
        Ok(_) => fault(page, |text| &text.bad_request, "login_invalid"),
        Err(error) => Problem::from(error).into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct Returned {
    response_code: String,
}

/// Ends a login from the browser's side and tells the relying party.
pub(super) async fn cancel(
    State(platform): State<Arc<Platform>>,
    page: Page,
    headers: HeaderMap,
    Query(held): Query<Held>,
) -> Response {
    let Standing { start, state } = match standing(&platform, &headers, &held.login).await {
        Ok(standing) => standing,
        Err(error) => return refuse(page, error),
    };
    if let Err(error) = party(&platform, &start).await {
        return refuse(page, error);
    }
    if state == PageState::OtherBrowser {
        return fault(page, |text| &text.other_browser, "login_other_browser");
    }
    if state == PageState::Waiting {
        let (id, party, now_ms) = (start.seed.id(), start.grant.client_id.clone(), platform.now_ms());
        let written = platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let answer = Answer::default();
                    attempt::conclude(tx, &id, &party, Outcome::Denied, false, answer, now_ms).await
                })
            })
            .await;
        if let Err(error) = written {
            return Problem::from(error).into_response();
        }
    }
    if start.device.is_some() {
        return fault(page, |text| &text.denied, "login_denied");
    }
    let refused = openid::OAuthError::new(openid::Code::AccessDenied, "cancelled in the browser");
    let issuer = platform.config.public.origin();
    see_other(&refused.redirect(&start.grant.redirect_uri, start.state.as_deref(), issuer))
}

pub(super) fn refuse(page: Page, error: PageError) -> Response {
    match error {
        PageError::Party => fault(page, |text| &text.bad_client, "login_party_unknown"),
        PageError::Invalid => fault(page, |text| &text.bad_request, "login_invalid"),
        other => Problem::from(other).into_response(),
    }
}

/// Sends the browser to the relying party with its code. Each visit makes the same code anew; it is redeemed once. Where
/// another person was expected, there is no code (OpenID Connect Core §3.1.2.2).
pub(super) async fn hand_over(platform: &Platform, start: &Start) -> Response {
    if let Some(expected) = &start.subject {
        match attempt::redeemable(&platform.store, &start.seed.id()).await {
            Ok(Some(found)) if found.grant.subject == *expected => {}
            Ok(_) => {
                let why = "another person logged in than was expected";
                let refused = openid::OAuthError::new(openid::Code::LoginRequired, why);
                let issuer = platform.config.public.origin();
                return see_other(&refused.redirect(
                    &start.grant.redirect_uri,
                    start.state.as_deref(),
                    issuer,
                ));
            }
            Err(error) => return Problem::from(error).into_response(),
        }
    }
    let until = platform.now_ms().saturating_add(limits::LOGIN_CODE.get());
    let code = match start.code().seal(platform, until) {
        Ok(code) => code,
        Err(_) => return Problem::internal("a code could not be sealed").into_response(),
    };
    let mut form = Form::default().with("code", &code);
    if let Some(state) = &start.state {
        form.push("state", state);
    }
    form.push("iss", platform.config.public.origin());
    see_other(&openid::link::with_query(&start.grant.redirect_uri, &form))
}

/// A redirect that no cache keeps.
pub(super) fn see_other(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address), (CACHE_CONTROL, "no-store")]).into_response()
}

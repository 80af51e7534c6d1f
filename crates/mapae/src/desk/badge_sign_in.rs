//! Signing in at the console with one's own badge. The console is a relying party of our OpenID provider like any other:
//! a public client with PKCE, a redirect URI of its own, the PIN level, and two claims.
//!
//! The ID token's subject decides who it is. Agency and number only find the candidate: the subject that the provider
//! makes for that employee has to be the one in the token, so a number that was given out twice opens nothing.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use openid::approval::Level;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;

use crate::application;
use crate::login::client::{Begun, Callback, Client, LoginFailed};
use crate::login::{self, ACR_PIN};
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};
use crate::pages::{Fault, Page, PageResult};
use crate::personnel::{self, PersonnelError};
use crate::staff::{self, Door, SignInError, SignedIn};
use crate::verification::relying_party::{self, IdTokenAlg, Registration, RelyingParty, StartLevel, Subject};

/// The console's `client_id` at the provider.
pub(super) const CLIENT_ID: &str = "mapae-console";
/// Binds the answer to the browser that asked.
const COOKIE: &str = "__Host-mapae-badge";
const PURPOSE: &str = "console-badge-sign-in";

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/sign-in/badge", get(begin)).route("/sign-in/callback", get(finish))
}

/// Why a badge did not open the console.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadgeRefused {
    #[error("the answer belongs to no sign-in of this browser")]
    Foreign,
    #[error("the provider: {0}")]
    Provider(#[from] LoginFailed),
    #[error("the badge says another agency or number than the HR record")]
    Outdated,
    #[error("the holder has no account")]
    NoAccount,
    #[error("the holder has no duty")]
    NoDuty,
    #[error("the console could not be registered: {0}")]
    Registration(String),
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BadgeRefused> for Problem {
    fn from(refused: BadgeRefused) -> Self {
        let refuse = |code| Self::new(StatusCode::FORBIDDEN, code);
        match refused {
            BadgeRefused::Provider(LoginFailed::Provider(cause)) => {
                tracing::warn!(%cause, "the provider can't be reached from the console");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "staff_badge_unreachable")
            }
            BadgeRefused::Foreign | BadgeRefused::Provider(_) => refuse("staff_badge_refused"),
            BadgeRefused::Outdated => refuse("staff_badge_outdated"),
            BadgeRefused::NoAccount => refuse("staff_badge_no_account"),
            BadgeRefused::NoDuty => refuse("staff_badge_no_duty"),
            BadgeRefused::Registration(cause) => Self::internal(cause),
            BadgeRefused::SignIn(error) => error.into(),
            BadgeRefused::Personnel(error) => error.into(),
            BadgeRefused::Store(error) => error.into(),
        }
    }
}

fn redirect_uri(platform: &Platform) -> String {
    format!("{}/sign-in/callback", platform.config.console.base_url.as_str().trim_end_matches('/'))
}

/// The console's registration; made when it is first needed, and again when its address has changed.
pub(super) async fn party(platform: &Platform) -> Result<RelyingParty, BadgeRefused> {
    let redirect = redirect_uri(platform);
    let missing = || BadgeRefused::Registration("it is disabled".to_owned());
    match relying_party::find(&platform.store, CLIENT_ID).await? {
        Some(party) if party.redirects_to(&redirect) => return Ok(party),
        Some(_) => {
            platform
                .store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move { relying_party::set_redirects(tx, CLIENT_ID, &[redirect]).await })
                })
                .await?;
        }
        None => {
            let registration = Registration {
                id: CLIENT_ID.to_owned(),
                name_ko: "마패 업무 창구".to_owned(),
                name_en: "Mapae console".to_owned(),
                redirect_uris: vec![redirect],
                claims: ["inst_code", "employee_number"].map(str::to_owned).to_vec(),
                level: StartLevel::Low,
                acr: Level::Pin,
                remembers: false,
                subject: Subject::Pairwise,
                sector: Some(CLIENT_ID.to_owned()),
                id_token_alg: IdTokenAlg::ES256,
                public: true,
                api: false,
            };
            // Another process may have been first; then its registration is found.
            if let Err(error) = crate::verification::cli::register(platform, registration).await {
                tracing::debug!(%error, "the console is registered by somebody else");
            }
        }
    }
    relying_party::find(&platform.store, CLIENT_ID).await?.ok_or_else(missing)
}

fn client(platform: &Platform) -> Client {
    let issuer = platform.config.public.origin().to_owned();
    Client::new(issuer, CLIENT_ID.to_owned(), None, redirect_uri(platform), platform.http.clone())
}

/// Off to the provider.
async fn begin(page: Page, State(platform): State<Arc<Platform>>) -> PageResult {
    let told = |error: BadgeRefused| Fault::told(&page, error);
    party(&platform).await.map_err(told)?;
    let begun = client(&platform).begin("openid badge", Some(ACR_PIN), page.lang.tag()).await;
    let (address, begun) = begun.map_err(|error| told(error.into()))?;
    let until = platform.now_ms() + limits::DESK_BADGE_SIGN_IN.get();
    let sealed = platform
        .tokens
        .seal(PURPOSE, &begun, until)
        .map_err(|error| Fault::told(&page, Problem::internal(error)))?;
    let mut response = Redirect::to(&address).into_response();
    if let Some(cookie) = staff::host_cookie(COOKIE, &sealed, limits::DESK_BADGE_SIGN_IN.get() / 1_000) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Back from the provider.
async fn finish(
    page: Page,
    headers: HeaderMap,
    State(platform): State<Arc<Platform>>,
    Query(callback): Query<Callback>,
) -> PageResult {
    let signed_in = match judge(&platform, &headers, callback).await {
        Ok(signed_in) => signed_in,
        Err(refused) => {
            let page = page.of(Door::Console.area());
            let mut response = Fault::told(&page, refused).into_response();
            response
                .headers_mut()
                .extend(staff::host_cookie(COOKIE, "", 0).map(|cookie| (SET_COOKIE, cookie)));
            return Ok(response);
        }
    };
    let mut response = staff::welcome(platform.now_ms(), Door::Console, &headers, &signed_in);
    if let Some(cookie) = staff::host_cookie(COOKIE, "", 0) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn judge(
    platform: &Platform,
    headers: &HeaderMap,
    callback: Callback,
) -> Result<SignedIn, BadgeRefused> {
    let cookie = staff::cookie(headers, COOKIE).ok_or(BadgeRefused::Foreign)?;
    let begun: Begun =
        platform.tokens.open(PURPOSE, cookie, platform.now_ms()).map_err(|_| BadgeRefused::Foreign)?;
    let client = client(platform);
    let logged_in = client.finish(&begun, callback, platform.now_ms() / 1_000).await?;
    // Asked for, and checked: the provider never goes below what was asked, and we do not rely on it.
    if logged_in.acr != ACR_PIN {
        return Err(LoginFailed::IdToken("acr").into());
    }
    let claims = client.userinfo(&logged_in).await?;
    let party = party(platform).await?;
    let employee_id = employee(platform, &party, &logged_in.sub, &claims).await?;
    admit(platform, &employee_id, staff::cookie(headers, Door::Console.cookie())).await
}

/// The employee a verified ID token is about.
pub(super) async fn employee(
    platform: &Platform,
    party: &RelyingParty,
    subject: &str,
    claims: &Map<String, Value>,
) -> Result<String, BadgeRefused> {
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let found = personnel::employee_by_number(platform, claim("inst_code"), claim("employee_number")).await?;
    let employee = found.ok_or(BadgeRefused::Outdated)?;
    let expected = login::subject(platform, party, &employee.link_id)
        .map_err(|error| BadgeRefused::Registration(error.to_string()))?;
    if keys::mac::eq(expected.as_bytes(), subject.as_bytes()) {
        Ok(employee.id)
    } else {
        Err(BadgeRefused::Outdated)
    }
}

/// A session for this employee, if they have a duty and an account.
pub(super) async fn admit(
    platform: &Platform,
    employee_id: &str,
    earlier: Option<&str>,
) -> Result<SignedIn, BadgeRefused> {
    let granted = !staff::duties_of(platform, employee_id).await?.is_empty();
    let heads = granted || !personnel::departments_decided_by(platform, employee_id).await?.is_empty();
    if !heads && !application::has_been_lent(platform, employee_id).await? {
        return Err(BadgeRefused::NoDuty);
    }
    staff::sign_in_by_badge(platform, employee_id, earlier).await?.ok_or(BadgeRefused::NoAccount)
}

//! "예시 업무 포털": a small site that is somebody else's, and lets officials in with their badge.
//!
//! It stands on a port of its own, keeps its state in sealed cookies of its own key, and knows the provider by its
//! address alone. It is part of the demo and an example to read; production servers do not start it.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use keys::seal::{KeyRing, SealKey};
use openid::approval::Level;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client::{Begun, Callback, Client, LoggedIn, LoginFailed};
use crate::operations::Platform;
use crate::operations::clock::Clock;
use crate::operations::tasks::Stop;
use crate::pages::{self, Language};
use crate::verification;
use crate::verification::relying_party::{self, IdTokenAlg, Registration, StartLevel, Subject};

/// The `client_id` under which the demo registers the site.
pub const CLIENT_ID: &str = "demo-portal";
/// Cookies carry no port, so the names tell this site's from those of the platform beside it.
const LOGIN_COOKIE: &str = "demo-portal-login";
const SESSION_COOKIE: &str = "demo-portal-session";
const STYLESHEET: &str = include_str!("sample.css");
const MARK: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"6\" fill=\"#1f4f9a\"/><path d=\"M8 10h16M8 16h16M8 22h10\" stroke=\"#fff\" stroke-width=\"3\"/></svg>";
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'";

/// The site: its client, its cookie key and a clock.
#[derive(Debug)]
pub struct Sample {
    client: Client,
    cookies: KeyRing,
    clock: Arc<dyn Clock>,
}

impl Sample {
    /// A site at `base` (no slash at its end) that logs in at `issuer`.
    pub fn new(
        issuer: String,
        base: &str,
        id: String,
        secret: String,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Sample {
        let client = Client::new(issuer, id, Some(secret), redirect_uri(base), http);
        Sample { client, cookies: KeyRing::new(1, SealKey::generate()), clock }
    }

    fn seal<T: Serialize>(&self, name: &str, value: &T) -> String {
        let plain = serde_json::to_vec(value).unwrap_or_default();
        self.cookies.seal_token(name.as_bytes(), &plain)
    }

    fn open<T: DeserializeOwned>(&self, name: &str, headers: &HeaderMap) -> Option<T> {
        let value = cookie(headers, name)?;
        let plain = self.cookies.open_token(name.as_bytes(), value).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// Why the site does not run.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// Its port can't be had.
    #[error("the address {0} can't be listened on: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// It could not be registered.
    #[error("it could not be registered: {0}")]
    Registration(String),
}

/// Registers the site with fresh secrets and serves it until the server stops.
///
/// # Errors
/// Its port can't be had, or it could not be registered.
pub async fn run(platform: &Platform, mut stop: Stop) -> Result<(), SampleError> {
    let settings = &platform.config.login;
    let base = settings.sample_base_url.trim_end_matches('/');
    let listener = tokio::net::TcpListener::bind(settings.sample_listen)
        .await
        .map_err(|error| SampleError::Listen(settings.sample_listen, error))?;
    let secret =
        register(platform, base).await.map_err(|error| SampleError::Registration(error.to_string()))?;
    let issuer = platform.config.public.origin().to_owned();
    let sample = Sample::new(
        issuer,
        base,
        CLIENT_ID.to_owned(),
        secret,
        platform.http.clone(),
        Arc::clone(&platform.clock),
    );
    let served = axum::serve(listener, router(Arc::new(sample)));
    tokio::select! {
        _ = served.into_future() => {}
        () = stop.stopped() => {}
    }
    Ok(())
}

/// The client secret of a registration that is made anew at each start.
async fn register(
    platform: &Platform,
    base: &str,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let secrets = if relying_party::find(&platform.store, CLIENT_ID).await?.is_some() {
        let redirect_uris = [redirect_uri(base)];
        let renew = platform.store.write(move |tx| {
            Box::pin(async move {
                relying_party::set_redirects(tx, CLIENT_ID, &redirect_uris).await?;
                relying_party::renew_secrets(tx, CLIENT_ID).await
            })
        });
        renew.await?
    } else {
        let claims = ["name", "agency_name", "inst_code", "department", "position", "employee_number"];
        let registration = Registration {
            id: CLIENT_ID.to_owned(),
            name_ko: "예시 업무 포털".to_owned(),
            name_en: "Example Work Portal".to_owned(),
            redirect_uris: vec![redirect_uri(base)],
            claims: claims.map(str::to_owned).to_vec(),
            level: StartLevel::Low,
            acr: Level::Base,
            remembers: false,
            subject: Subject::Pairwise,
            sector: None,
            id_token_alg: IdTokenAlg::ES256,
            public: false,
            api: false,
        };
        verification::cli::register(platform, registration).await?
    };
    secrets.client_secret.ok_or_else(|| "no secret was made".into())
}

/// The redirect URI of a site at `base`.
pub fn redirect_uri(base: &str) -> String {
    format!("{base}/callback")
}

/// The pages of the site.
pub fn router(sample: Arc<Sample>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/logout", post(logout))
        .route(
            "/assets/sample.css",
            get(|| async { ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLESHEET) }),
        )
        .route(
            "/assets/mapae.css",
            get(|| async { ([(CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLESHEET) }),
        )
        .route("/assets/mark.svg", get(|| async { ([(CONTENT_TYPE, "image/svg+xml")], MARK) }))
        .with_state(sample)
}

#[derive(Template)]
#[template(path = "login/sample/page.html")]
struct Page<'a> {
    lang: Language,
    session: Option<&'a Shown>,
    notice: Option<Notice>,
}

struct Shown {
    name: String,
    rows: Vec<(String, String)>,
    pin: bool,
    raw: String,
}

struct Notice {
    title: &'static str,
    text: &'static str,
    detail: String,
}

async fn home(State(sample): State<Arc<Sample>>, headers: HeaderMap) -> Response {
    let lang = Language::of(&headers);
    let Some(session) = sample.open::<LoggedIn>(SESSION_COOKIE, &headers) else {
        return page(StatusCode::OK, &Page { lang, session: None, notice: None });
    };
    match sample.client.userinfo(&session).await {
        Ok(claims) => {
            page(StatusCode::OK, &Page { lang, session: Some(&shown(lang, &session, &claims)), notice: None })
        }
        Err(error) => {
            let mut response = failed(lang, &error);
            forget(&mut response, SESSION_COOKIE);
            response
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Begin {
    level: Option<String>,
}

async fn login(
    State(sample): State<Arc<Sample>>,
    Query(begin): Query<Begin>,
    headers: HeaderMap,
) -> Response {
    let lang = Language::of(&headers);
    let acr = (begin.level.as_deref() == Some("pin")).then_some(super::ACR_PIN);
    match sample.client.begin("openid profile badge", acr, lang.tag()).await {
        Ok((address, begun)) => {
            let cookie = set(LOGIN_COOKIE, &sample.seal(LOGIN_COOKIE, &begun), 600);
            (StatusCode::SEE_OTHER, [(LOCATION, address), (SET_COOKIE, cookie)]).into_response()
        }
        Err(error) => failed(lang, &error),
    }
}

async fn callback(
    State(sample): State<Arc<Sample>>,
    Query(callback): Query<Callback>,
    headers: HeaderMap,
) -> Response {
    let lang = Language::of(&headers);
    let now_s = sample.clock.now_s();
    let finished = match sample.open::<Begun>(LOGIN_COOKIE, &headers) {
        Some(begun) => sample.client.finish(&begun, callback, now_s).await,
        None => Err(LoginFailed::State),
    };
    let mut response = match finished {
        Ok(session) => {
            let cookie = set(SESSION_COOKIE, &sample.seal(SESSION_COOKIE, &session), 1_800);
            ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Err(error) => failed(lang, &error),
    };
    forget(&mut response, LOGIN_COOKIE);
    response
}

async fn logout() -> Response {
    let mut response = Redirect::to("/").into_response();
    forget(&mut response, SESSION_COOKIE);
    response
}

fn shown(lang: Language, session: &LoggedIn, claims: &Map<String, Value>) -> Shown {
    let labels = [
        ("inst_code", "기관 코드", "Institution code"),
        ("agency_name", "소속 기관", "Agency"),
        ("department", "부서", "Department"),
        ("position", "직위", "Position"),
        ("employee_number", "공무원 번호", "Employee number"),
    ];
    let words = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(texts) => {
            let text = texts.get(lang.tag()).or_else(|| texts.get("ko"));
            text.and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        other => other.to_string(),
    };
    let mut rows: Vec<(String, String)> = labels
        .iter()
        .filter_map(|(name, ko, en)| {
            claims.get(*name).map(|value| (lang.pick(ko, en).to_owned(), words(value)))
        })
        .collect();
    rows.push((lang.pick("이 사이트의 식별자", "Identifier at this site").to_owned(), session.sub.clone()));
    rows.push((lang.pick("로그인 시각", "Logged in at").to_owned(), pages::full(session.auth_time * 1_000)));
    Shown {
        name: claims.get("name").map(words).unwrap_or_default(),
        rows,
        pin: session.acr == super::ACR_PIN,
        raw: serde_json::to_string_pretty(claims).unwrap_or_default(),
    }
}

fn failed(lang: Language, error: &LoginFailed) -> Response {
    let (title, text) = match error {
        LoginFailed::Ended => (
            lang.pick("세션이 끝났습니다", "Your session has ended"),
            lang.pick(
                "로그인한 지 오래되었거나 공무원증이 정지되었습니다. 다시 로그인하세요.",
                "It is too long ago, or the badge was suspended. Log in again.",
            ),
        ),
        LoginFailed::Refused(_) => (
            lang.pick("로그인하지 않았습니다", "You are not logged in"),
            lang.pick(
                "로그인을 취소했거나 거절되었습니다. 다시 시도할 수 있습니다.",
                "It was cancelled or refused. You can try again.",
            ),
        ),
        LoginFailed::Provider(_) => (
            lang.pick("로그인 서버에 연결하지 못했습니다", "The login server can’t be reached"),
            lang.pick("잠시 뒤 다시 시도하세요.", "Try again in a moment."),
        ),
        LoginFailed::State | LoginFailed::Issuer | LoginFailed::IdToken(_) => (
            lang.pick("로그인 응답을 믿을 수 없습니다", "The login answer can’t be trusted"),
            lang.pick(
                "이 브라우저에서 시작한 로그인이 아닙니다. 처음부터 다시 하세요.",
                "It does not belong to this browser. Start again.",
            ),
        ),
    };
    let notice = Notice { title, text, detail: error.to_string() };
    page(StatusCode::OK, &Page { lang, session: None, notice: Some(notice) })
}

fn page(status: StatusCode, page: &Page<'_>) -> Response {
    match page.render() {
        Ok(html) => (
            status,
            [
                (CONTENT_TYPE, "text/html; charset=utf-8"),
                (CONTENT_SECURITY_POLICY, POLICY),
                (CACHE_CONTROL, "no-store"),
            ],
            html,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn set(name: &str, value: &str, seconds: u32) -> String {
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
}

fn forget(response: &mut Response, name: &str) {
    if let Ok(value) = set(name, "", 0).parse() {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

//! Routes: the page, its script, and both ends of a meeting.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use credential::path::ClaimPath;
use credential::verify::Refusal;
use http::{HeaderName, HeaderValue, StatusCode};
use keys::PublicKey;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::across;
use super::relay::{self, Channel, Refused};
use crate::operations::problem::Problem;
use crate::operations::store::Engine;
use crate::operations::{Platform, limits};
use crate::pages::{Fault, Page, PageResult, render};
use crate::{issuance, ledger, wallet_app};

/// Own files and compiled WebAssembly only; the camera's picture and WebSockets, of which a code names the address: a server's
/// over TLS, or this very machine's.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; \
     connect-src 'self' wss: ws://localhost:* ws://127.0.0.1:*; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The elements that the page shows, as the type file names them.
const CLAIMS: [&str; 5] = ["name", "agency_name", "position", "is_serving", "valid_until"];

/// What the script says, by what it calls them.
const WORDS: [&str; 23] = [
    "valid",
    "almost",
    "left",
    "invalid",
    "fresh",
    "unknown",
    "yes",
    "no",
    "starting",
    "looking",
    "loop",
    "calling",
    "waiting",
    "other",
    "no_camera",
    "no_lists",
    "failed",
    "meeting.engagement",
    "meeting.no_way",
    "meeting.gone",
    "meeting.declined",
    "meeting.message",
    "meeting.encryption",
];

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .route("/check", get(show))
        .route("/in-person/{channel}/phone", get(phone))
        .route("/in-person/{channel}", get(reader))
}

#[derive(Template)]
#[template(path = "in_person/page.html")]
struct Check {
    page: Page,
    /// Whether this binary has the modules that verify and read codes.
    here: bool,
    document: String,
    registrar: String,
    claims: Vec<(&'static str, String)>,
    words: String,
}

async fn show(page: Page, State(platform): State<Arc<Platform>>) -> PageResult {
    let told = |problem: Problem| Fault::told(&page, problem);
    let desk = issuance::desk(&platform).map_err(|error| told(Problem::internal(error)))?;
    let setup = ledger::setup(&platform).await.map_err(|error| told(error.into()))?;
    let registrar = setup.map(|setup| {
        let members: Vec<_> = setup.registrar.members().iter().map(PublicKey::to_jwk).collect();
        json!({ "members": members, "needed": setup.registrar.needed() }).to_string()
    });
    let badge = desk.badge();
    let claims = CLAIMS.into_iter().filter_map(|name| {
        let path = ClaimPath::claim(name);
        let claim = badge.claims.iter().find(|claim| claim.path == path)?;
        Some((name, page.pick(&claim.label.ko, &claim.label.en).to_owned()))
    });
    let mut response = render(&Check {
        here: wallet_app::has("check.js"),
        document: badge.doctype.clone().unwrap_or_default(),
        registrar: registrar.unwrap_or_default(),
        claims: claims.collect(),
        words: words(&page),
        page,
    });
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(self), geolocation=(), microphone=()"),
    );
    Ok(response)
}

/// The script's words as JSON that can stand within a `script` element.
fn words(page: &Page) -> String {
    let own = WORDS.map(|key| (key.to_owned(), json!(page.t(&format!("in_person.words.{key}")))));
    let refusals = Refusal::CODES.map(|code| (code.to_owned(), json!(page.t(&format!("refusal.{code}")))));
    let mut words: serde_json::Map<String, Value> = own.into_iter().collect();
    words.insert("refusals".to_owned(), Value::Object(refusals.into_iter().collect()));
    Value::Object(words).to_string().replace('<', "\\u003c")
}

async fn phone(
    State(platform): State<Arc<Platform>>,
    Path(channel): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(channel) = Channel::parse(&channel) else {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    };
    let came = match platform.local.in_person.relay.wait(&channel) {
        Ok(came) => came,
        Err(refused) => return problem(refused).into_response(),
    };
    let meeting = replicated(&platform).then(|| across::name(&channel));
    if let Some(meeting) = &meeting
        && let Err(refused) = across::announce(&platform, meeting).await
    {
        return problem(refused).into_response();
    }
    bounded(upgrade).on_upgrade(move |socket| relay::hold(platform, meeting, socket, came))
}

async fn reader(
    State(platform): State<Arc<Platform>>,
    Path(channel): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(channel) = Channel::parse(&channel) else {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    };
    let meeting = replicated(&platform).then(|| across::name(&channel));
    let elsewhere = match meeting {
        None => None,
        Some(meeting) => match across::join(&platform, &meeting).await {
            Ok(true) => None,
            Ok(false) => Some(meeting),
            Err(refused) => return problem(refused).into_response(),
        },
    };
    match (platform.local.in_person.relay.call(&channel), elsewhere) {
        (Ok(phone), _) => bounded(upgrade).on_upgrade(async move |socket| {
            // A phone that left in this moment closes the reader with it.
            let _ = phone.send(socket);
        }),
        (Err(Refused::NoPhone), Some(meeting)) => {
            bounded(upgrade).on_upgrade(async move |socket| across::read(&platform, &meeting, socket).await)
        }
        (Err(refused), _) => problem(refused).into_response(),
    }
}

/// Whether the phone of a reader may wait in another process.
fn replicated(platform: &Platform) -> bool {
    platform.store.engine() == Engine::Postgres
}

fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    let most = limits::IN_PERSON_MESSAGE.size();
    upgrade.max_message_size(most).max_frame_size(most)
}

fn problem(refused: Refused) -> Problem {
    match refused {
        Refused::NoPhone => Problem::new(StatusCode::NOT_FOUND, "in_person_no_phone"),
        Refused::Taken => Problem::new(StatusCode::CONFLICT, "in_person_taken"),
        Refused::Full => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "in_person_full"),
        Refused::Unavailable => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    }
}

//! The display at a door: a page for any screen with a browser on the door's own network, told by the controller itself,
//! so that it goes on when the platform is away. It holds no name: what stands on it is the decision and its reason.
//!
//! ```text
//! GET /?door=ID            the page
//! GET /doors               the doors, as JSON
//! GET /doors/ID/events     server-sent events named `door`, each [`view`](Controller::view) as JSON
//! GET /kiosk?door=ID       a desk without a gate: reads entry codes (`kiosk.rs`)
//! ```

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream::{self, Stream};
use gate::decision::{Alarm, FRESH_MS, ORDINARY_MS};
use gate::pass::GateRef;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{Controller, Happened, kiosk, standing, wire};

/// Nothing comes from elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// How often the age of what is known is told anew.
const BEAT: Duration = Duration::from_secs(1);

/// Serves displays until the listener fails.
pub async fn serve(controller: Arc<Controller>, listener: TcpListener) -> io::Result<()> {
    let router = Router::new()
        .route("/", get(|| async { file("text/html; charset=utf-8", include_str!("display/page.html")) }))
        .route(
            "/display.css",
            get(|| async { file("text/css; charset=utf-8", include_str!("display/display.css")) }),
        )
        .route(
            "/display.js",
            get(|| async { file("text/javascript; charset=utf-8", include_str!("display/display.js")) }),
        )
        .merge(kiosk::routes())
        .route("/doors", get(doors))
        .route("/doors/{id}/events", get(events))
        .with_state(controller);
    axum::serve(listener, router).await
}

pub(super) fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text)
}

async fn doors(State(controller): State<Arc<Controller>>) -> impl IntoResponse {
    let doors: Vec<Value> = controller
        .doors()
        .into_iter()
        .map(|door| json!({ "id": door.id, "name": door.name, "zone": door.zone, "direction": door.direction }))
        .collect();
    axum::Json(doors)
}

async fn events(State(controller): State<Arc<Controller>>, Path(id): Path<String>) -> Response {
    let door = GateRef::try_from(id).ok().filter(|id| controller.view(*id, None).is_some());
    match door {
        Some(door) => Sse::new(told(controller, door)).keep_alive(KeepAlive::default()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

struct Watching {
    controller: Arc<Controller>,
    door: GateRef,
    happenings: Receiver<Happened>,
    beat: tokio::time::Interval,
}

/// What a display is told: at once, at each happening, and once a second.
fn told(controller: Arc<Controller>, door: GateRef) -> impl Stream<Item = Result<Event, Infallible>> {
    let watching =
        Watching { happenings: controller.happenings(), beat: tokio::time::interval(BEAT), controller, door };
    stream::unfold(watching, |mut watching| async move {
        let happened = loop {
            tokio::select! {
                happened = watching.happenings.recv() => match happened {
                    Ok(happened) if happened.door == watching.door => break Some(happened),
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                _ = watching.beat.tick() => break None,
            }
        };
        // A door that was taken away ends its display, which asks again.
        let view = watching.controller.view(watching.door, happened.as_ref())?;
        Some((Ok(Event::default().event("door").data(view.to_string())), watching))
    })
}

impl Controller {
    /// How a door stands, and what just happened there; `None` for a door that is not known.
    pub fn view(&self, door: GateRef, happened: Option<&Happened>) -> Option<Value> {
        let unlocked = self.unlocked(door);
        let inner = self.inner();
        let known = inner.mind.book.door(&door)?;
        let now = self.moment(&inner);
        let age_ms = inner.mind.book.age_ms(now.ms);
        let freshness = match age_ms {
            Some(age) if age <= FRESH_MS => "fresh",
            Some(age) if age <= ORDINARY_MS => "ageing",
            _ => "stale",
        };
        let fire = inner.doors.get(&door).is_some_and(gate::decision::DoorState::fire);
        let order = inner.mind.order.as_ref().filter(|order| now.ms < order.until);
        let alarm = happened.and_then(|happened| happened.alarm);
        let said = |code: &str| json!({ "code": code, "ko": sentence(code).0, "en": sentence(code).1 });
        Some(json!({
            "door": known.name,
            "zone": inner.mind.book.zone(&known.zone).map(|zone| &zone.name),
            "unlocked": unlocked,
            "fire": fire,
            "age_ms": age_ms,
            "freshness": freshness,
            "time_trusted": now.trusted,
            "order": order.map(|order| json!({ "id": order.id, "drill": order.drill, "until": order.until })),
            "decided": happened.and_then(|happened| happened.shown.as_ref()).map(wire::told),
            "alarm": alarm.map(said),
            "trouble": standing::lasting(&inner, &door).map(said),
        }))
    }
}

/// What a display says of an alarm, in Korean and English.
fn sentence(code: &str) -> (&'static str, &'static str) {
    let is = |alarm: Alarm| code == alarm.code();
    if is(Alarm::Tailgate) {
        (
            "허용된 인원보다 많이 지나갔습니다. 경비실에 알렸습니다",
            "More people went through than were let in: the guard was told",
        )
    } else if is(Alarm::HeldTooLong) {
        ("문이 너무 오래 열려 있습니다. 닫아 주세요", "The door has been open too long: close it")
    } else if is(Alarm::Forced) {
        (
            "허가 없이 문이 열렸습니다. 경비실에 알렸습니다",
            "The door was opened without leave: the guard was told",
        )
    } else if is(Alarm::Fire) {
        ("화재 경보: 문이 열려 있습니다. 대피하세요", "Fire alarm: the door is open. Leave the building")
    } else if code == "reader_lost" {
        ("리더기와 연결이 끊겼습니다. 경비실에 문의하세요", "The reader is not connected: ask the guard")
    } else if code == "card_unproved" {
        ("모바일 공무원증이 아닙니다", "This is not a mobile official ID")
    } else {
        ("리더기 상태가 바뀌었습니다", "The reader's state has changed")
    }
}

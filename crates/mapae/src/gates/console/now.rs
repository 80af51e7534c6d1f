//! How the controllers and their doors stand at this moment, on a page that comes again by itself until it is held.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use gate::feed::{Door, Name};
use http::{HeaderValue, header};
use serde::Deserialize;

use super::super::passages::{DoorStanding, OrderStanding, Standing};
use super::{DeskError, reaches};
use crate::operations::store::params;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::personnel;
use crate::staff::Actor;

/// How often the page comes again, in seconds.
const AGAIN: &str = "5";

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// Not empty: the page stays as it is.
    #[serde(default)]
    hold: String,
}

#[derive(Template)]
#[template(path = "gates/now.html")]
struct Now {
    page: Page,
    controllers: Vec<ControllerNow>,
    held: bool,
}

struct ControllerNow {
    name: String,
    tone: &'static str,
    state: &'static str,
    /// How old what it knows is, in words.
    age: Option<String>,
    waiting: u64,
    untrusted: bool,
    order: Option<OrderStanding>,
    doors: Vec<DoorNow>,
}

struct DoorNow {
    name: Name,
    tone: &'static str,
    state: String,
}

/// A length of time as a desk reads it: seconds count here.
fn length(page: &Page, ms: i64) -> String {
    match ms.max(0) {
        ms @ 0..120_000 => page.t1("gates.now.seconds", "n", ms / 1_000),
        ms => crate::pages::lasting(page.lang, ms),
    }
}

fn door_now(name: Name, standing: Option<&DoorStanding>) -> DoorNow {
    let (tone, state) = match standing {
        None => ("wait", "gates.door.unknown".to_owned()),
        Some(DoorStanding { trouble: Some(code), .. }) => ("bad", format!("gates.event.{code}")),
        Some(DoorStanding { open: true, .. }) => ("wait", "gates.door.open".to_owned()),
        Some(DoorStanding { unlocked: true, .. }) => ("wait", "gates.door.unlocked".to_owned()),
        Some(_) => ("good", "gates.door.locked".to_owned()),
    };
    DoorNow { name, tone, state }
}

async fn controllers(
    platform: &Platform,
    page: &Page,
    reads: &[String],
) -> Result<Vec<ControllerNow>, DeskError> {
    let now_ms = platform.now_ms();
    let lately = limits::GATE_STANDING.get().saturating_mul(3);
    let mut all = Vec::new();
    let sql = "SELECT id, name, agency_code, enrolled_at, standing, standing_at FROM gate_controller \
               WHERE ended_at IS NULL ORDER BY name, id LIMIT 1000";
    for row in platform.store.fetch_all(sql, params![]).await? {
        if !personnel::is_under(platform, &row.text("agency_code")?, reads).await? {
            continue;
        }
        let told_at = row.opt_int("standing_at")?;
        let standing: Option<Standing> = match told_at {
            Some(_) => Some(row.json("standing")?),
            None => None,
        };
        let since = told_at.map(|at| now_ms.saturating_sub(at));
        // What it told long ago says nothing of its doors now; how old its knowledge is goes on by itself.
        let fresh = standing.as_ref().filter(|_| since.is_some_and(|since| since <= lately));
        let (tone, state) = match (row.opt_int("enrolled_at")?, fresh) {
            (None, _) => ("wait", "gates.controller.new"),
            (_, Some(_)) => ("good", "gates.controller.here"),
            (_, None) => ("bad", "gates.controller.away"),
        };
        let age = standing.as_ref().and_then(|standing| standing.age_ms).zip(since);
        let mut doors = Vec::new();
        let of = "SELECT door FROM gate_door WHERE controller_id = $1 ORDER BY id LIMIT 100";
        for row in platform.store.fetch_all(of, params![row.text("id")?]).await? {
            let door: Door = row.json("door")?;
            let id = String::from(door.id);
            let stands = fresh.and_then(|standing| standing.doors.iter().find(|stands| stands.door == id));
            doors.push(door_now(door.name, stands));
        }
        all.push(ControllerNow {
            name: row.text("name")?,
            tone,
            state,
            age: age.map(|(age, since)| length(page, age.saturating_add(since))),
            waiting: fresh.map_or(0, |standing| standing.waiting),
            untrusted: fresh.is_some_and(|standing| !standing.time_trusted),
            order: fresh.and_then(|standing| standing.order.clone()),
            doors,
        });
    }
    Ok(all)
}

pub(super) async fn now(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(Asked { hold }): Query<Asked>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let (_, reads) = reaches(&who).map_err(|error| Fault::told(&page, error))?;
    let controllers =
        controllers(&platform, &page, &reads).await.map_err(|error| Fault::told(&page, error))?;
    let held = !hold.is_empty();
    let mut response = render(&Now { page, controllers, held });
    if !held {
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static(AGAIN));
    }
    Ok(response)
}

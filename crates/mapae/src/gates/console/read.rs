//! What the desk shows: rows of tables, each with its words.

use std::collections::{BTreeMap, BTreeSet};

use gate::decision::Reason;
use gate::feed::{Direction, Door, Escort, Grant, Name, Passback, Schedule, Tier, Who, Zone};
use gate::pass::GateRef;
use gate::passage::Line;

use super::DeskError;
use crate::operations::store::{Row, params};
use crate::operations::{Platform, limits};
use crate::pages::Page;
use crate::personnel;

/// Everything that the desk shows.
pub(super) struct Board {
    pub(super) zones: Vec<ZoneRow>,
    pub(super) controllers: Vec<ControllerRow>,
    pub(super) grants: Vec<GrantRow>,
    pub(super) schedules: Vec<String>,
    pub(super) passages: Vec<PassageRow>,
    /// Who signs grace orders.
    pub(super) officers: Vec<String>,
    /// Whether there is a zone that is decided over.
    pub(super) decides: bool,
}

pub(super) struct ZoneRow {
    pub(super) id: String,
    pub(super) name: Name,
    pub(super) tier: &'static str,
    pub(super) passback: &'static str,
    pub(super) doors: Vec<DoorRow>,
    /// Whether it is decided over.
    pub(super) mine: bool,
}

pub(super) struct DoorRow {
    pub(super) name: Name,
    pub(super) direction: &'static str,
    pub(super) controller: String,
}

pub(super) struct ControllerRow {
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) seen_at: Option<i64>,
    pub(super) passages: i64,
}

pub(super) struct GrantRow {
    pub(super) id: String,
    pub(super) zone: Name,
    pub(super) whom: String,
    pub(super) number: String,
    pub(super) kind: &'static str,
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) schedule: Option<String>,
    pub(super) escort: Option<&'static str>,
    /// Who gave it, where that was an official.
    pub(super) by: Option<Name>,
    pub(super) mine: bool,
}

pub(super) struct PassageRow {
    pub(super) at: i64,
    pub(super) door: Name,
    pub(super) opened: bool,
    pub(super) what: String,
    pub(super) order: Option<String>,
}

/// A controller renews its connection within this time; one that was silent longer is away.
fn away_after() -> i64 {
    limits::GATE_FEED_CONNECTION.get().saturating_add(2 * limits::GATE_FEED_BEACON.get())
}

pub(super) async fn board(
    platform: &Platform,
    page: &Page,
    decides: &[String],
    reads: &[String],
) -> Result<Board, DeskError> {
    let store = &platform.store;
    let most = limits::PAGE_ROWS.get();
    let mut reach = Reach { platform, known: BTreeMap::new() };
    let mut zones = Vec::new();
    let sql = "SELECT agency_code, zone FROM gate_zone ORDER BY id LIMIT 1000";
    for row in store.fetch_all(sql, params![]).await? {
        let agency = row.text("agency_code")?;
        if reach.under(&agency, reads).await? {
            let zone: Zone = row.json("zone")?;
            zones.push(zone_row(zone, reach.under(&agency, decides).await?));
        }
    }
    let ids: BTreeSet<String> = zones.iter().map(|zone| zone.id.clone()).collect();
    let mut doors: BTreeMap<GateRef, Name> = BTreeMap::new();
    let sql = "SELECT d.zone_id, d.door, c.name FROM gate_door d JOIN gate_controller c ON c.id = d.controller_id \
               WHERE c.ended_at IS NULL ORDER BY d.id LIMIT 5000";
    for row in store.fetch_all(sql, params![]).await? {
        let zone = row.text("zone_id")?;
        let Some(place) = zones.iter_mut().find(|known| known.id == zone) else { continue };
        let door: Door = row.json("door")?;
        doors.insert(door.id, door.name.clone());
        let direction = match door.direction {
            Direction::In => "gates.door.in",
            Direction::Out => "gates.door.out",
        };
        place.doors.push(DoorRow { name: door.name, direction, controller: row.text("name")? });
    }
    let mut controllers = Vec::new();
    let sql = "SELECT name, agency_code, enrolled_at, seen_at, passage_n FROM gate_controller \
               WHERE ended_at IS NULL ORDER BY name, id LIMIT 1000";
    for row in store.fetch_all(sql, params![]).await? {
        if reach.under(&row.text("agency_code")?, reads).await? {
            controllers.push(controller_row(&row, platform.now_ms())?);
        }
    }
    let grants = grants(platform, page, &zones, most).await?;
    let rows = store.fetch_all("SELECT schedule FROM gate_schedule ORDER BY id LIMIT 200", params![]).await?;
    let officers =
        store.fetch_all("SELECT name FROM gate_officer ORDER BY created_at LIMIT 50", params![]).await?;
    let schedules = rows.iter().map(|row| row.json::<Schedule>("schedule").map(|schedule| schedule.id));
    Ok(Board {
        officers: officers.iter().map(|row| row.text("name")).collect::<Result<_, _>>()?,
        decides: zones.iter().any(|zone| zone.mine),
        schedules: schedules.collect::<Result<_, _>>()?,
        passages: passages(platform, page, &ids, &doors, most).await?,
        zones,
        controllers,
        grants,
    })
}

/// Which agencies lie below which, asked once for each.
struct Reach<'p> {
    platform: &'p Platform,
    known: BTreeMap<(String, Vec<String>), bool>,
}

impl Reach<'_> {
    async fn under(&mut self, agency: &str, above: &[String]) -> Result<bool, DeskError> {
        let key = (agency.to_owned(), above.to_vec());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let under = !above.is_empty() && personnel::is_under(self.platform, agency, above).await?;
        self.known.insert(key, under);
        Ok(under)
    }
}

fn zone_row(zone: Zone, mine: bool) -> ZoneRow {
    ZoneRow {
        id: zone.id,
        name: zone.name,
        tier: match zone.tier {
            Tier::Ordinary => "gates.zone.ordinary",
            Tier::Critical => "gates.zone.critical",
        },
        passback: match zone.passback {
            Passback::Off => "gates.zone.passback.off",
            Passback::Timed { .. } => "gates.zone.passback.timed",
            Passback::Area { .. } => "gates.zone.passback.area",
        },
        doors: Vec::new(),
        mine,
    }
}

fn controller_row(row: &Row, now_ms: i64) -> Result<ControllerRow, DeskError> {
    let seen_at = row.opt_int("seen_at")?;
    let state = match (row.opt_int("enrolled_at")?, seen_at) {
        (None, _) => "gates.controller.new",
        (_, Some(at)) if now_ms.saturating_sub(at) <= away_after() => "gates.controller.here",
        _ => "gates.controller.away",
    };
    Ok(ControllerRow { name: row.text("name")?, state, seen_at, passages: row.int("passage_n")? })
}

async fn grants(
    platform: &Platform,
    page: &Page,
    zones: &[ZoneRow],
    most: i64,
) -> Result<Vec<GrantRow>, DeskError> {
    let mut grants = Vec::new();
    // The newest of each zone: a zone with many grants hides no other's.
    let sql = "SELECT employee_id, grant_json, given_by FROM gate_grant WHERE zone_id = $1 AND ended_at IS NULL \
               ORDER BY created_at DESC, id LIMIT $2";
    let mut givers: BTreeMap<String, Option<Name>> = BTreeMap::new();
    for zone in zones {
        for row in platform.store.fetch_all(sql, params![&zone.id, most]).await? {
            let grant: Grant = row.json("grant_json")?;
            let (whom, number, kind) = match (row.opt_text("employee_id")?, &grant.who) {
                (Some(id), _) => match personnel::employee(platform, &id).await? {
                    Some(employee) => {
                        let name = page.pick(&employee.name.ko, &employee.name.en).to_owned();
                        (name, employee.number, "gates.grant.person")
                    }
                    // Whoever left has no record: the grant opens nothing, and can be taken back.
                    None => ("–".to_owned(), String::new(), "gates.grant.person"),
                },
                (None, Who::Agency { code }) => {
                    (agency(platform, page, code).await?, code.clone(), "gates.grant.agency")
                }
                (None, Who::Under { code }) => {
                    (agency(platform, page, code).await?, code.clone(), "gates.grant.under")
                }
                (None, Who::Role { code }) => (code.clone(), String::new(), "gates.grant.role"),
                (None, Who::Person { .. }) => continue,
            };
            let by = match row.opt_text("given_by")? {
                Some(id) => giver(platform, &mut givers, id).await?,
                None => None,
            };
            grants.push(GrantRow {
                by,
                id: grant.id,
                zone: zone.name.clone(),
                whom,
                number,
                kind,
                from: grant.from,
                until: grant.until,
                schedule: grant.schedule,
                escort: match grant.escort {
                    Escort::None => None,
                    Escort::Needed => Some("gates.escort.needed"),
                    Escort::Gives => Some("gates.escort.gives"),
                },
                mine: zone.mine,
            });
        }
    }
    Ok(grants)
}

/// The name of whoever gave a grant, asked once for each; `None` where it was given on the server's machine.
async fn giver(
    platform: &Platform,
    known: &mut BTreeMap<String, Option<Name>>,
    id: String,
) -> Result<Option<Name>, DeskError> {
    if let Some(name) = known.get(&id) {
        return Ok(name.clone());
    }
    let employee = personnel::employee(platform, &id).await?;
    let name = employee.map(|employee| Name { ko: employee.name.ko, en: employee.name.en });
    known.insert(id, name.clone());
    Ok(name)
}

async fn agency(platform: &Platform, page: &Page, code: &str) -> Result<String, DeskError> {
    let known = personnel::agency(platform, code).await?;
    Ok(known.map_or_else(|| code.to_owned(), |agency| page.pick(&agency.name.ko, &agency.name.en).to_owned()))
}

/// The newest passages through these zones' doors. Of a line only what a door shows to everybody before it is read.
async fn passages(
    platform: &Platform,
    page: &Page,
    zones: &BTreeSet<String>,
    doors: &BTreeMap<GateRef, Name>,
    most: i64,
) -> Result<Vec<PassageRow>, DeskError> {
    if zones.is_empty() {
        return Ok(Vec::new());
    }
    // Of the controllers that have one of these doors; a controller with doors of others too shows only these.
    let sql = "SELECT p.line FROM gate_passage p WHERE p.controller_id IN \
               (SELECT d.controller_id FROM gate_door d WHERE d.zone_id = $1) ORDER BY p.at DESC, p.n DESC LIMIT $2";
    let mut rows: BTreeMap<(i64, GateRef, u64), Line> = BTreeMap::new();
    for zone in zones {
        for row in platform.store.fetch_all(sql, params![zone, most]).await? {
            let line: Line = row.json("line")?;
            if doors.contains_key(&line.entry.door) {
                rows.insert((line.entry.at, line.entry.door, line.n), line);
            }
        }
    }
    let newest = rows.into_values().rev().take(usize::try_from(most).unwrap_or(100));
    Ok(newest
        .map(|line| PassageRow {
            at: line.entry.at,
            door: doors.get(&line.entry.door).cloned().unwrap_or_default(),
            opened: line.entry.opened,
            what: match Reason::of_code(&line.entry.code) {
                Some(reason) => page.pick(reason.ko(), reason.en()).to_owned(),
                None => page.t(&format!("gates.event.{}", line.entry.code)).to_owned(),
            },
            order: line.entry.order,
        })
        .collect())
}

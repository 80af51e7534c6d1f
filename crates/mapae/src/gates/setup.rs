//! Zones, doors, schedules, the calendar, grants and officers: what an operator sets up, and what of it goes to whom.

use std::collections::BTreeSet;

use gate::feed::{Calendar, Door, Grant, Record, Schedule, Trust, Who, Zone};
use gate::pass::GateRef;
use keys::{Jwk, PublicKey};
use serde::Serialize;

use super::badge::reference;
use super::feed::{self, For};
use crate::audit;
use crate::operations::store::{Store, StoreError, Tx, params};
use crate::operations::{KeyName, Platform, id, limits};

/// Why something was not set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Text, number or time out of bounds.
    #[error("{0} is out of bounds")]
    Bounds(&'static str),
    /// It names something that is not there.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Column("json".into(), error.to_string()))
}

fn is_word(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(letter)
}

fn is_name(name: &gate::feed::Name) -> bool {
    let good =
        |text: &str| (1..=gate::wire::MAX_PLACE).contains(&text.len()) && !text.chars().any(char::is_control);
    good(&name.ko) && good(&name.en)
}

/// Who sets something up, as the audit log has it.
#[derive(Debug, Clone)]
pub struct By {
    /// Employee id, or `operator`.
    pub actor: String,
    /// The duty that it is done by.
    pub duty: &'static str,
}

impl By {
    /// Somebody at the server's command line.
    pub fn operator() -> Self {
        Self { actor: "operator".to_owned(), duty: "operator" }
    }
}

async fn note(tx: &mut Tx, act: &'static str, subject: &str) -> Result<(), StoreError> {
    note_by(tx, &By::operator(), act, subject).await
}

async fn note_by(tx: &mut Tx, by: &By, act: &'static str, subject: &str) -> Result<(), StoreError> {
    let detail = serde_json::json!({});
    audit::record(tx, audit::Record { actor: &by.actor, duty: by.duty, act, subject, detail }).await
}

/// Adds a zone or changes its rules.
pub async fn put_zone(tx: &mut Tx, agency_code: &str, zone: &Zone) -> Result<(), SetupError> {
    if !is_word(&zone.id) {
        return Err(SetupError::Bounds("the zone's id"));
    }
    if !is_name(&zone.name) {
        return Err(SetupError::Bounds("the zone's name"));
    }
    let now_ms = tx.now_ms();
    tx.execute(
        "INSERT INTO gate_zone (id, agency_code, zone, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET zone = excluded.zone, updated_at = excluded.updated_at",
        params![&zone.id, agency_code, json(zone)?, now_ms],
    )
    .await?;
    feed::append(tx, &Record::Zone(zone.clone()), For::Zone(&zone.id)).await?;
    Ok(note(tx, "gate.zone", &zone.id).await?)
}

/// Adds a door to a controller, or changes it.
pub async fn put_door(tx: &mut Tx, controller_id: &str, door: &Door) -> Result<(), SetupError> {
    if !is_name(&door.name) {
        return Err(SetupError::Bounds("the door's name"));
    }
    if !(500..=60_000).contains(&door.open_ms) {
        return Err(SetupError::Bounds("the time a door stays open"));
    }
    let there = |what, row: Option<_>| row.map(drop).ok_or(SetupError::Unknown(what));
    let zone = tx.fetch_optional("SELECT id FROM gate_zone WHERE id = $1", params![&door.zone]).await?;
    there("zone", zone)?;
    let sql = "SELECT id FROM gate_controller WHERE id = $1 AND ended_at IS NULL";
    there("controller", tx.fetch_optional(sql, params![controller_id]).await?)?;
    let (text, now_ms) = (String::from(door.id), tx.now_ms());
    tx.execute(
        "INSERT INTO gate_door (id, controller_id, zone_id, door, updated_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET zone_id = excluded.zone_id, door = excluded.door, updated_at = excluded.updated_at",
        params![&text, controller_id, &door.zone, json(door)?, now_ms],
    )
    .await?;
    feed::append(tx, &Record::Door(door.clone()), For::Controller(controller_id)).await?;
    Ok(note(tx, "gate.door", &text).await?)
}

/// Adds a schedule or changes it.
pub async fn put_schedule(tx: &mut Tx, schedule: &Schedule) -> Result<(), SetupError> {
    let sound = schedule
        .week
        .iter()
        .all(|day| day.len() <= 8 && day.iter().all(|span| span.from < span.to && span.to <= 1_440));
    if !is_word(&schedule.id) || !sound {
        return Err(SetupError::Bounds("the schedule"));
    }
    let now_ms = tx.now_ms();
    tx.execute(
        "INSERT INTO gate_schedule (id, schedule, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET schedule = excluded.schedule, updated_at = excluded.updated_at",
        params![&schedule.id, json(schedule)?, now_ms],
    )
    .await?;
    feed::append(tx, &Record::Schedule(schedule.clone()), For::Everyone).await?;
    Ok(note(tx, "gate.schedule", &schedule.id).await?)
}

/// Replaces the calendar of holidays.
pub async fn put_calendar(tx: &mut Tx, calendar: &Calendar) -> Result<(), SetupError> {
    if calendar.holidays.len() > 1_000 || calendar.ahead_min.abs() > 14 * 60 {
        return Err(SetupError::Bounds("the calendar"));
    }
    let now_ms = tx.now_ms();
    tx.execute(
        "INSERT INTO gate_calendar (id, calendar, updated_at) VALUES (1, $1, $2) \
         ON CONFLICT (id) DO UPDATE SET calendar = excluded.calendar, updated_at = excluded.updated_at",
        params![json(calendar)?, now_ms],
    )
    .await?;
    feed::append(tx, &Record::Calendar(calendar.clone()), For::Everyone).await?;
    Ok(note(tx, "gate.calendar", "calendar").await?)
}

/// For whom a grant is made: a person by the HR record, or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Employee id.
    Person(String),
    /// Agencies or roles.
    Group(Who),
}

/// Makes a grant; gives its id. A person's grant reaches controllers once the phone has a gate pass.
pub async fn grant(tx: &mut Tx, by: &By, to: &Whom, mut grant: Grant) -> Result<String, SetupError> {
    if let (Some(from), Some(until)) = (grant.from, grant.until)
        && from >= until
    {
        return Err(SetupError::Bounds("the time of the grant"));
    }
    let zone = tx.fetch_optional("SELECT id FROM gate_zone WHERE id = $1", params![&grant.zone]).await?;
    zone.ok_or(SetupError::Unknown("zone"))?;
    if let Some(schedule) = &grant.schedule {
        let row = tx.fetch_optional("SELECT id FROM gate_schedule WHERE id = $1", params![schedule]).await?;
        row.ok_or(SetupError::Unknown("schedule"))?;
    }
    feed::hold(tx).await?;
    grant.id = id::new();
    let employee = match to {
        Whom::Person(employee) => Some(employee.as_str()),
        Whom::Group(who) => {
            grant.who = who.clone();
            None
        }
    };
    let now_ms = tx.now_ms();
    tx.execute(
        "INSERT INTO gate_grant (id, zone_id, employee_id, grant_json, created_at, given_by) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![&grant.id, &grant.zone, employee, json(&grant)?, now_ms, &by.actor],
    )
    .await?;
    match employee {
        None => feed::append(tx, &Record::Grant(grant.clone()), For::Zone(&grant.zone)).await?,
        Some(employee) => {
            let known = tx
                .fetch_optional(
                    "SELECT gate_ref FROM gate_badge WHERE employee_id = $1 \
                     AND badge_id IN (SELECT id FROM badge WHERE state IN ('active', 'suspended'))",
                    params![employee],
                )
                .await?;
            if let Some(row) = known {
                grant.who = Who::Person { gate_ref: reference(&row.text("gate_ref")?)? };
                feed::append(tx, &Record::Grant(grant.clone()), For::Zone(&grant.zone)).await?;
            }
        }
    }
    note_by(tx, by, "gate.granted", &grant.id).await?;
    Ok(grant.id)
}

/// Takes a grant back. `false` if there is none that is in force.
pub async fn end_grant(tx: &mut Tx, by: &By, grant_id: &str) -> Result<bool, StoreError> {
    let now_ms = tx.now_ms();
    let ended = tx
        .fetch_optional(
            "UPDATE gate_grant SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL RETURNING zone_id",
            params![grant_id, now_ms],
        )
        .await?;
    let Some(row) = ended else { return Ok(false) };
    let record = Record::GrantEnded { id: grant_id.to_owned() };
    feed::append(tx, &record, For::Zone(&row.text("zone_id")?)).await?;
    note_by(tx, by, "gate.grant_ended", grant_id).await?;
    Ok(true)
}

/// A badge got its gate reference: the grants of its holder go to the controllers of their zones.
pub(super) async fn name_person(tx: &mut Tx, employee_id: &str, gate_ref: GateRef) -> Result<(), StoreError> {
    feed::hold(tx).await?;
    let most = limits::GATE_PERSON_GRANTS.get();
    let rows = tx
        .fetch_all(
            "SELECT grant_json FROM gate_grant WHERE employee_id = $1 AND ended_at IS NULL ORDER BY id LIMIT $2",
            params![employee_id, most],
        )
        .await?;
    for row in rows {
        let mut grant: Grant = row.json("grant_json")?;
        grant.who = Who::Person { gate_ref };
        let zone = grant.zone.clone();
        feed::append(tx, &Record::Grant(grant), For::Zone(&zone)).await?;
    }
    Ok(())
}

/// Adds an officer's public key.
pub async fn add_officer(
    platform: &Platform,
    tx: &mut Tx,
    name: &str,
    key: &PublicKey,
) -> Result<(), SetupError> {
    if name.is_empty() || name.chars().count() > 100 {
        return Err(SetupError::Bounds("the officer's name"));
    }
    let (thumbprint, now_ms) = (key.thumbprint(), tx.now_ms());
    tx.execute(
        "INSERT INTO gate_officer (thumbprint, jwk, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        params![&thumbprint, json(&key.to_jwk())?, name, now_ms],
    )
    .await?;
    let rows = tx.fetch_all("SELECT jwk FROM gate_officer ORDER BY thumbprint LIMIT 50", params![]).await?;
    let officers = rows.iter().map(|row| row.json::<Jwk>("jwk")).collect::<Result<_, _>>()?;
    feed::append(tx, &Record::Trust(trust(platform, officers)?), For::Everyone).await?;
    Ok(note(tx, "gate.officer", &thumbprint).await?)
}

/// Whether an official would get into a zone at a moment, and why: by the same decision as at the door, on a phone that is
/// unlocked and a controller that knows everything.
pub async fn explain(
    platform: &Platform,
    zone_id: &str,
    employee_id: &str,
    at_ms: i64,
) -> Result<gate::decision::Decision, SetupError> {
    use gate::decision::{Arrival, Mind, Moment};
    use gate::feed::{Direction, Keeping, Kind, Name, Page, WithoutPower};

    let row =
        platform.store.fetch_optional("SELECT id FROM gate_zone WHERE id = $1", params![zone_id]).await?;
    row.ok_or(SetupError::Unknown("zone"))?;
    let zones = BTreeSet::from([zone_id.to_owned()]);
    let mut records = everything(platform, "", &zones).await?;
    let door = Door {
        id: GateRef([0; 16]),
        zone: zone_id.to_owned(),
        direction: Direction::In,
        name: Name::default(),
        without_power: WithoutPower::Locks,
        open_ms: 1,
        keeping: Keeping::Badge,
    };
    records.push(Record::Door(door.clone()));
    let page = Page {
        v: gate::feed::FORMAT,
        aud: String::new(),
        feed: "explain".to_owned(),
        kind: Kind::Snapshot,
        from: 0,
        to: 1,
        at: at_ms,
        tile: 0,
        tiles: 1,
        records,
    };
    let mut mind = Mind::default();
    mind.book.apply(page);
    let sql = "SELECT gate_ref FROM gate_badge WHERE employee_id = $1 \
               AND badge_id IN (SELECT id FROM badge WHERE state IN ('active', 'suspended'))";
    let known = platform.store.fetch_optional(sql, params![employee_id]).await?;
    let known = known.ok_or(SetupError::Unknown("gate pass of this official"))?;
    let failed = |error: super::badge::PassRefusal| StoreError::Column("agency".into(), error.to_string());
    let pass = gate::pass::Pass {
        gate_ref: reference(&known.text("gate_ref")?)?,
        key: platform
            .keys
            .signer(KeyName::GateAuthority)
            .map_err(|error| StoreError::Column("key".into(), error.to_string()))?
            .public_key()
            .clone(),
        agencies: super::badge::agencies_of(platform, employee_id).await.map_err(failed)?,
        roles: Vec::new(),
        not_before: at_ms.div_euclid(1_000),
        expires: at_ms.div_euclid(1_000).saturating_add(3_600),
    };
    let evidence = gate::wire::Evidence { unlocked: true, age_s: 0 };
    let arrival = Arrival { door: door.id, pass: &pass, evidence, fast: false, took_ms: None };
    Ok(mind.decide(&arrival, false, Moment { ms: at_ms, trusted: true }))
}

fn trust(platform: &Platform, officers: Vec<Jwk>) -> Result<Trust, StoreError> {
    let failed = |error: crate::operations::KeysError| StoreError::Column("key".into(), error.to_string());
    let authority = platform.keys.signer(KeyName::GateAuthority).map_err(failed)?;
    Ok(Trust { authorities: vec![authority.public_key().to_jwk()], officers })
}

/// The zones that a controller's doors lead into or out of.
pub(super) async fn zones_of(store: &Store, controller_id: &str) -> Result<BTreeSet<String>, StoreError> {
    let sql = "SELECT DISTINCT zone_id FROM gate_door WHERE controller_id = $1 LIMIT 1000";
    store.fetch_all(sql, params![controller_id]).await?.iter().map(|row| row.text("zone_id")).collect()
}

/// Everything that a controller has to know.
pub(super) async fn everything(
    platform: &Platform,
    controller_id: &str,
    zones: &BTreeSet<String>,
) -> Result<Vec<Record>, StoreError> {
    let store = &platform.store;
    let rows =
        store.fetch_all("SELECT jwk FROM gate_officer ORDER BY thumbprint LIMIT 50", params![]).await?;
    let officers = rows.iter().map(|row| row.json::<Jwk>("jwk")).collect::<Result<_, _>>()?;
    let mut records = vec![Record::Trust(trust(platform, officers)?)];
    let calendar = store.fetch_optional("SELECT calendar FROM gate_calendar WHERE id = 1", params![]).await?;
    let calendar = calendar.map(|row| row.json("calendar")).transpose()?;
    // Without a calendar there are no holidays, and it is Seoul's time.
    let seoul = Calendar { ahead_min: 540, holidays: Vec::new() };
    records.push(Record::Calendar(calendar.unwrap_or(seoul)));
    let rows =
        store.fetch_all("SELECT schedule FROM gate_schedule ORDER BY id LIMIT 1000", params![]).await?;
    for row in &rows {
        records.push(Record::Schedule(row.json("schedule")?));
    }
    for zone in zones {
        let row = store.fetch_one("SELECT zone FROM gate_zone WHERE id = $1", params![zone]).await?;
        records.push(Record::Zone(row.json("zone")?));
    }
    let sql = "SELECT door FROM gate_door WHERE controller_id = $1 ORDER BY id LIMIT 1000";
    for row in &store.fetch_all(sql, params![controller_id]).await? {
        records.push(Record::Door(row.json("door")?));
    }
    for zone in zones {
        grants_of(store, zone, &mut records).await?;
    }
    stopped(platform, &mut records).await?;
    Ok(records)
}

async fn grants_of(store: &Store, zone: &str, records: &mut Vec<Record>) -> Result<(), StoreError> {
    let sql = "SELECT g.id AS id, g.employee_id AS employee_id, g.grant_json AS grant_json, b.gate_ref AS gate_ref \
               FROM gate_grant g LEFT JOIN gate_badge b ON b.employee_id = g.employee_id AND b.badge_id IN \
               (SELECT id FROM badge WHERE state IN ('active', 'suspended')) \
               WHERE g.zone_id = $1 AND g.ended_at IS NULL AND g.id > $2 ORDER BY g.id LIMIT 1000";
    let mut after = String::new();
    loop {
        let rows = store.fetch_all(sql, params![zone, &after]).await?;
        for row in &rows {
            let mut grant: Grant = row.json("grant_json")?;
            match (row.opt_text("employee_id")?, row.opt_text("gate_ref")?) {
                (None, _) => records.push(Record::Grant(grant)),
                (Some(_), Some(text)) => {
                    grant.who = Who::Person { gate_ref: reference(&text)? };
                    records.push(Record::Grant(grant));
                }
                // A person whose phone never asked for a pass.
                (Some(_), None) => {}
            }
        }
        match rows.last() {
            Some(last) if rows.len() == 1_000 => after = last.text("id")?,
            _ => return Ok(()),
        }
    }
}

/// Those whose last pass, or a grace order over it, could still open something.
async fn stopped(platform: &Platform, records: &mut Vec<Record>) -> Result<(), StoreError> {
    let since = platform.now_ms().saturating_sub(limits::GATE_STOPPED_KEPT.get());
    let sql = "SELECT gate_ref, stopped_at FROM gate_badge WHERE stopped_at IS NOT NULL AND pass_until > $1 \
               AND gate_ref > $2 ORDER BY gate_ref LIMIT 1000";
    let mut after = String::new();
    loop {
        let rows = platform.store.fetch_all(sql, params![since, &after]).await?;
        for row in &rows {
            let gate_ref = reference(&row.text("gate_ref")?)?;
            records.push(Record::Stopped { gate_ref, at: row.int("stopped_at")? });
        }
        match rows.last() {
            Some(last) if rows.len() == 1_000 => after = last.text("gate_ref")?,
            _ => return Ok(()),
        }
    }
}

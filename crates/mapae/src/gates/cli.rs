//! `mapae gate …`: set-up on the server, and the controller beside the door.

use std::path::PathBuf;
use std::sync::Arc;

use gate::feed::{
    Calendar, Direction, Door, Escort, Grant, Keeping, Name, OnHoliday, Passback, Schedule, Span, Tier, Who,
    WithoutPower, Zone,
};
use gate::grace::Order;
use gate::pass::GateRef;
use keys::{Jwk, PublicKey, SecretKey};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::controller::disk::Folder;
use super::controller::{client, run as serve};
use super::setup::{self, By, SetupError, Whom};
use super::{enrolment, feed};
use crate::operations::store::params;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel;

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a zone, or change its rules.
    Zone(ZoneArguments),
    /// Add a door to a controller; prints its id.
    Door(DoorArguments),
    /// Add a schedule, or change it.
    Schedule {
        /// Id.
        id: String,
        /// Days and hours, several times: mon-fri=08:00-18:00, sat=09:00-12:00.
        #[arg(required = true)]
        spans: Vec<String>,
        /// On holidays: shut, sunday or usual.
        #[arg(long, default_value = "shut", value_parser = word::<OnHoliday>)]
        on_holiday: OnHoliday,
    },
    /// Replace the calendar: a file with a date (YYYY-MM-DD) on each line.
    Holidays { file: PathBuf },
    /// Let somebody into a zone; prints the grant's id.
    Grant(GrantArguments),
    /// Take a grant back.
    EndGrant { id: String },
    /// Whether an official would get in, and why.
    Explain {
        #[arg(long)]
        zone: String,
        #[arg(long)]
        agency: String,
        #[arg(long)]
        number: String,
        /// RFC 3339; now, if not given.
        #[arg(long, value_parser = moment)]
        at: Option<i64>,
    },
    /// Add a controller; prints its id and the code it is enrolled by, once.
    Add {
        /// What people call it.
        name: String,
        /// The agency it belongs to.
        #[arg(long)]
        agency: String,
    },
    /// End a controller at once.
    End { id: String },
    /// List the controllers.
    List,
    /// The last passages, without names.
    Passages {
        #[arg(long, default_value_t = 20)]
        last: u32,
    },
    /// Add an officer's public key (JWK file), for grace orders.
    Officer { name: String, file: PathBuf },
    /// After a restore: begin a new feed. Every controller forgets what it knew better than this store.
    RenewFeed,
    /// At the door: enrol this controller.
    Enrol {
        #[arg(long)]
        server: String,
        #[arg(long)]
        code: String,
        #[arg(long)]
        folder: PathBuf,
    },
    /// At the door: run this controller.
    Run(serve::Arguments),
    /// Offline: make an officer's key; the public half goes to standard output.
    OfficerKey { file: PathBuf },
    /// Offline: sign a grace order with an officer's key; the line goes to standard output. Two officers, two lines.
    Grace {
        /// The officer's key file.
        #[arg(long)]
        key: PathBuf,
        /// Number of the order: both officers give the same.
        #[arg(long)]
        id: String,
        /// Zones; several times.
        #[arg(long = "zone", required = true)]
        zones: Vec<String>,
        /// When the outage began (RFC 3339): passes that were good then count on.
        #[arg(long, value_parser = moment)]
        since: i64,
        /// Until when (RFC 3339), at most 14 days later.
        #[arg(long, value_parser = moment)]
        until: i64,
        /// A drill.
        #[arg(long)]
        drill: bool,
    },
}

/// A zone.
#[derive(Debug, clap::Args)]
pub struct ZoneArguments {
    id: String,
    #[arg(long)]
    agency: String,
    #[arg(long)]
    ko: String,
    #[arg(long)]
    en: String,
    /// Only on knowledge of the last 15 minutes, never the fast way.
    #[arg(long)]
    critical: bool,
    /// The same badge not again within so many seconds.
    #[arg(long, conflicts_with = "area")]
    timed: Option<u32>,
    /// In only from outside, out only from inside.
    #[arg(long)]
    area: bool,
    /// Report a repetition and open all the same.
    #[arg(long)]
    soft: bool,
    /// The screen lock was opened at most so many seconds ago.
    #[arg(long)]
    unlocked_within: Option<u32>,
    /// A tap takes at most so many milliseconds.
    #[arg(long)]
    tap_within: Option<u32>,
}

/// A door.
#[derive(Debug, clap::Args)]
pub struct DoorArguments {
    #[arg(long)]
    controller: String,
    #[arg(long)]
    zone: String,
    #[arg(long)]
    ko: String,
    #[arg(long)]
    en: String,
    /// It leads out of the zone.
    #[arg(long)]
    out: bool,
    /// Without power it opens; else it locks.
    #[arg(long)]
    opens_without_power: bool,
    /// How long it stays open for one person (ms).
    #[arg(long, default_value_t = 5_000)]
    open_ms: u32,
    /// Open by itself within this schedule.
    #[arg(long)]
    open_in: Option<String>,
    /// Change this door instead of adding one.
    #[arg(long, allow_hyphen_values = true)]
    id: Option<String>,
}

/// A grant.
#[derive(Debug, clap::Args)]
pub struct GrantArguments {
    #[arg(long)]
    zone: String,
    /// One official: agency and number.
    #[arg(long, num_args = 2, value_names = ["AGENCY", "NUMBER"])]
    person: Option<Vec<String>>,
    /// Officials of this agency.
    #[arg(long)]
    of_agency: Option<String>,
    /// Officials of this agency and of those below it.
    #[arg(long)]
    under: Option<String>,
    #[arg(long, value_parser = moment)]
    from: Option<i64>,
    #[arg(long, value_parser = moment)]
    until: Option<i64>,
    #[arg(long)]
    schedule: Option<String>,
    /// none, needed or gives.
    #[arg(long, default_value = "none", value_parser = word::<Escort>)]
    escort: Escort,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
}

fn moment(text: &str) -> Result<i64, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).map_err(|error| error.to_string())
}

impl Command {
    /// Whether it runs without a server's configuration.
    pub fn is_at_the_door(&self) -> bool {
        matches!(self, Self::Enrol { .. } | Self::Run(_) | Self::OfficerKey { .. } | Self::Grace { .. })
    }
}

/// Runs a command beside the door, or on an offline machine.
pub async fn at_the_door(command: Command) -> std::process::ExitCode {
    crate::operations::log::start("info");
    match beside(command).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mapae gate: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn beside(command: Command) -> Result<(), AnyError> {
    match command {
        Command::Enrol { server, code, folder } => {
            let papers = client::enrol(&client::http()?, &server, &code, &Folder::open(&folder)?).await?;
            println!("{}", json!({ "controller": papers.controller, "server": papers.server }));
            Ok(())
        }
        Command::Run(arguments) => serve::run(arguments).await,
        Command::OfficerKey { file } => {
            let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let folder = Folder::open(parent.unwrap_or_else(|| std::path::Path::new(".")))?;
            let name = file.file_name().and_then(|name| name.to_str()).ok_or("the file has no name")?;
            if file.exists() {
                return Err("the file is there already".into());
            }
            let key = SecretKey::generate();
            let text = keys::Zeroizing::new(keys::encoding::b64url_encode(key.to_bytes().as_slice()));
            folder.replace(name, text.as_bytes())?;
            println!("{}", serde_json::to_string(&key.public_key().to_jwk())?);
            Ok(())
        }
        Command::Grace { key, id, zones, since, until, drill } => {
            let text = std::fs::read_to_string(key)?;
            let scalar =
                keys::encoding::b64url_decode_array(text.trim()).map_err(|_| "this is no key file")?;
            let order = Order { v: 1, id, zones, since, until, drill };
            println!("{}", order.sign(&SecretKey::from_bytes(&scalar)?)?);
            Ok(())
        }
        _ => Err("this command needs the server's configuration".into()),
    }
}

/// Runs a command on the server.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    println!("{}", done?);
    Ok(())
}

/// Carries a command out; what to print.
pub(super) async fn perform(platform: &Arc<Platform>, command: Command) -> Result<Value, AnyError> {
    match command {
        Command::Zone(zone) => put_zone(platform, zone).await,
        Command::Door(door) => put_door(platform, door).await,
        Command::Schedule { id, spans, on_holiday } => {
            let schedule = Schedule { id, week: week(&spans)?, on_holiday };
            let put = schedule.clone();
            platform
                .store
                .write::<_, SetupError, _>(move |tx| {
                    Box::pin(async move { setup::put_schedule(tx, &put).await })
                })
                .await?;
            Ok(json!({ "schedule": schedule.id }))
        }
        Command::Holidays { file } => holidays(platform, &std::fs::read_to_string(file)?).await,
        Command::Grant(grant) => give(platform, grant).await,
        Command::EndGrant { id } => {
            let ended = platform
                .store
                .write::<_, SetupError, _>(move |tx| {
                    Box::pin(async move { Ok(setup::end_grant(tx, &By::operator(), &id).await?) })
                })
                .await?;
            if ended { Ok(json!({ "ended": true })) } else { Err("there is no such grant in force".into()) }
        }
        Command::Explain { zone, agency, number, at } => {
            let employee = personnel::employee_by_number(platform, &agency, &number).await?;
            let employee = employee.ok_or("there is no official with this number in this agency")?;
            let at = at.unwrap_or_else(|| platform.now_ms());
            let decision = setup::explain(platform, &zone, &employee.id, at).await?;
            let reason = decision.reason;
            Ok(json!({
                "opens": reason.opens(), "code": reason.code(), "ko": reason.ko(), "en": reason.en(),
                "grant": decision.grant,
            }))
        }
        Command::Add { name, agency } => {
            if personnel::agency(platform, &agency).await?.is_none() {
                return Err(format!("there is no agency {agency}").into());
            }
            Ok(serde_json::to_value(enrolment::add_controller(platform, &name, &agency).await?)?)
        }
        Command::End { id } => match enrolment::end_controller(platform, &id).await? {
            true => Ok(json!({ "ended": true })),
            false => Err("there is no such controller".into()),
        },
        Command::List => controllers(platform).await,
        Command::Passages { last } => passages(platform, last).await,
        Command::Officer { name, file } => {
            let jwk: Jwk = serde_json::from_str(&std::fs::read_to_string(file)?)?;
            let key = PublicKey::from_jwk(&jwk)?;
            let (owner, thumbprint) = (Arc::clone(platform), key.thumbprint());
            platform
                .store
                .write::<_, SetupError, _>(move |tx| {
                    Box::pin(async move { setup::add_officer(&owner, tx, &name, &key).await })
                })
                .await?;
            Ok(json!({ "officer": thumbprint }))
        }
        Command::RenewFeed => {
            platform
                .store
                .write::<_, SetupError, _>(move |tx| Box::pin(async move { Ok(feed::renew(tx).await?) }))
                .await?;
            Ok(json!({ "renewed": true }))
        }
        _ => Err("this command runs beside the door".into()),
    }
}

async fn put_zone(platform: &Platform, asked: ZoneArguments) -> Result<Value, AnyError> {
    if personnel::agency(platform, &asked.agency).await?.is_none() {
        return Err(format!("there is no agency {}", asked.agency).into());
    }
    let hard = !asked.soft;
    let zone = Zone {
        id: asked.id,
        name: Name { ko: asked.ko, en: asked.en },
        tier: if asked.critical { Tier::Critical } else { Tier::Ordinary },
        passback: match (asked.timed, asked.area) {
            (Some(seconds), _) => Passback::Timed { seconds, hard },
            (None, true) => Passback::Area { hard },
            (None, false) => Passback::Off,
        },
        unlocked_within_s: asked.unlocked_within,
        tap_within_ms: asked.tap_within,
    };
    let (put, agency) = (zone.clone(), asked.agency);
    platform
        .store
        .write::<_, SetupError, _>(move |tx| {
            Box::pin(async move { setup::put_zone(tx, &agency, &put).await })
        })
        .await?;
    Ok(json!({ "zone": zone.id }))
}

async fn put_door(platform: &Platform, asked: DoorArguments) -> Result<Value, AnyError> {
    let id = match asked.id {
        Some(id) => GateRef::try_from(id)?,
        None => GateRef(keys::random::bytes()),
    };
    let door = Door {
        id,
        zone: asked.zone,
        direction: if asked.out { Direction::Out } else { Direction::In },
        name: Name { ko: asked.ko, en: asked.en },
        without_power: if asked.opens_without_power { WithoutPower::Opens } else { WithoutPower::Locks },
        open_ms: asked.open_ms,
        keeping: asked.open_in.map_or(Keeping::Badge, |schedule| Keeping::Open { schedule }),
    };
    let controller = asked.controller;
    platform
        .store
        .write::<_, SetupError, _>(move |tx| {
            Box::pin(async move { setup::put_door(tx, &controller, &door).await })
        })
        .await?;
    Ok(json!({ "door": String::from(id) }))
}

async fn give(platform: &Platform, asked: GrantArguments) -> Result<Value, AnyError> {
    let nobody = Who::Person { gate_ref: GateRef([0; 16]) };
    let whom = match (asked.person.as_deref(), asked.of_agency, asked.under) {
        (Some([agency, number]), None, None) => {
            let employee = personnel::employee_by_number(platform, agency, number).await?;
            Whom::Person(employee.ok_or("there is no official with this number in this agency")?.id)
        }
        (None, Some(code), None) => Whom::Group(Who::Agency { code }),
        (None, None, Some(code)) => Whom::Group(Who::Under { code }),
        _ => return Err("one of --person, --of-agency, --under".into()),
    };
    let grant = Grant {
        id: String::new(),
        zone: asked.zone,
        who: nobody,
        from: asked.from,
        until: asked.until,
        schedule: asked.schedule,
        escort: asked.escort,
    };
    let id = platform
        .store
        .write::<_, SetupError, _>(move |tx| {
            Box::pin(async move { setup::grant(tx, &By::operator(), &whom, grant).await })
        })
        .await?;
    Ok(json!({ "grant": id }))
}

async fn holidays(platform: &Platform, text: &str) -> Result<Value, AnyError> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let epoch = time::macros::date!(1970 - 01 - 01);
    let mut holidays = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let date = time::Date::parse(line, &format).map_err(|_| format!("{line} is no date"))?;
        holidays.push(date.to_julian_day() - epoch.to_julian_day());
    }
    let count = holidays.len();
    let calendar = Calendar { ahead_min: 540, holidays };
    platform
        .store
        .write::<_, SetupError, _>(move |tx| {
            Box::pin(async move { setup::put_calendar(tx, &calendar).await })
        })
        .await?;
    Ok(json!({ "holidays": count }))
}

async fn controllers(platform: &Platform) -> Result<Value, AnyError> {
    let sql = "SELECT id, name, agency_code, enrolled_at, ended_at, seen_at, passage_n FROM gate_controller \
               ORDER BY id LIMIT 1000";
    let rows = platform.store.fetch_all(sql, params![]).await?;
    let one = |row: &crate::operations::store::Row| -> Result<Value, AnyError> {
        Ok(json!({
            "id": row.text("id")?, "name": row.text("name")?, "agency": row.text("agency_code")?,
            "enrolled_at": row.opt_int("enrolled_at")?, "ended_at": row.opt_int("ended_at")?,
            "seen_at": row.opt_int("seen_at")?, "passages": row.int("passage_n")?,
        }))
    };
    Ok(Value::Array(rows.iter().map(one).collect::<Result<_, _>>()?))
}

async fn passages(platform: &Platform, last: u32) -> Result<Value, AnyError> {
    let sql = "SELECT controller_id, line FROM gate_passage ORDER BY at DESC, controller_id, n DESC LIMIT $1";
    let rows = platform.store.fetch_all(sql, params![i64::from(last.min(1_000))]).await?;
    let one = |row: &crate::operations::store::Row| -> Result<Value, AnyError> {
        let mut line: Value = row.json("line")?;
        if let Some(line) = line.as_object_mut() {
            line.insert("controller".to_owned(), row.text("controller_id")?.into());
        }
        Ok(line)
    };
    Ok(Value::Array(rows.iter().map(one).collect::<Result<_, _>>()?))
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads `mon-fri=08:00-18:00`.
pub(super) fn week(spans: &[String]) -> Result<[Vec<Span>; 7], AnyError> {
    let mut week: [Vec<Span>; 7] = Default::default();
    for text in spans {
        let wrong = || format!("{text}: mon-fri=08:00-18:00");
        let (days, hours) = text.split_once('=').ok_or_else(wrong)?;
        let (from, to) = hours.split_once('-').ok_or_else(wrong)?;
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour <= 24 && minute < 60).then_some(hour * 60 + minute).filter(|minute| *minute <= 1_440)
        };
        let span = Span { from: minute(from).ok_or_else(wrong)?, to: minute(to).ok_or_else(wrong)? };
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let day = |name: &str| DAYS.iter().position(|day| *day == name).ok_or_else(wrong);
        let (first, last) = (day(first)?, day(last)?);
        if first > last || span.from >= span.to {
            return Err(wrong().into());
        }
        for spans in week.iter_mut().take(last + 1).skip(first) {
            spans.push(span);
        }
    }
    Ok(week)
}

//! What a controller is told: signed pages of records, numbered without a gap.
//!
//! A page is a JWS (ES256, `typ` [`TYP`]) by the feed key that the controller pinned when it was enrolled. It names the
//! controller, the feed and the numbers it leads from and to: a gap, a repetition, an older or a forged page, or one for
//! another controller changes nothing.

use alloc::string::String;
use alloc::vec::Vec;

use keys::jws::{self, Header, JwsError, Typ, Unverified};
use keys::{Jwk, PublicKey, Signer};
use serde::{Deserialize, Serialize};

use crate::pass::GateRef;

/// The type of a page.
pub const TYP: &str = "mapae-gate-feed+jwt";
/// The longest page (characters).
pub const MAX_PAGE: usize = 512 * 1_024;
/// Most records of one page.
pub const MAX_RECORDS: usize = 1_000;
/// Most pages of one snapshot: far more than 1.2 million suspensions.
pub const MAX_PAGES: u32 = 4_096;
/// The format that is written and read.
pub const FORMAT: u32 = 1;

/// A name for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Korean.
    pub ko: String,
    /// English.
    pub en: String,
}

/// How fresh a zone wants the controller's knowledge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Opens with old knowledge for a day, marked as degraded.
    #[default]
    Ordinary,
    /// Opens with knowledge of the last quarter of an hour only, and never the fast way.
    Critical,
}

/// Whether the same badge may come twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Passback {
    /// As often as it likes.
    #[default]
    Off,
    /// Not within so many seconds through the same zone in the same direction.
    Timed {
        /// Seconds.
        seconds: u32,
        /// Refuse, or open and report.
        hard: bool,
    },
    /// In only from outside, out only from inside.
    Area {
        /// Refuse, or open and report.
        hard: bool,
    },
}

/// An area behind doors, with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Id.
    pub id: String,
    /// Name.
    pub name: Name,
    /// How fresh knowledge has to be.
    #[serde(default)]
    pub tier: Tier,
    /// Whether the same badge may come twice.
    #[serde(default)]
    pub passback: Passback,
    /// The screen lock was opened at most so many seconds ago.
    #[serde(default)]
    pub unlocked_within_s: Option<u32>,
    /// The tap took at most so many milliseconds: a bound on relays, not a cure.
    #[serde(default)]
    pub tap_within_ms: Option<u32>,
}

/// Which way a reader lets people go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the zone.
    In,
    /// Out of it.
    Out,
}

/// What a lock does without power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutPower {
    /// Opens (fail-safe): the way out.
    Opens,
    /// Stays shut (fail-secure).
    Locks,
}

/// How a door is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Keeping {
    /// By badge.
    #[default]
    Badge,
    /// Open within a schedule, by badge else.
    Open {
        /// Schedule id.
        schedule: String,
    },
    /// Shut for everyone, badges included.
    Shut,
}

/// One reader with its door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// Its own 16 bytes, base64url.
    pub id: GateRef,
    /// Into or out of which zone.
    pub zone: String,
    /// Which way.
    pub direction: Direction,
    /// Name, shown on the phone.
    pub name: Name,
    /// What the lock does without power.
    pub without_power: WithoutPower,
    /// How long it stays open for one person (ms).
    pub open_ms: u32,
    /// How it is kept.
    #[serde(default)]
    pub keeping: Keeping,
}

/// Minutes of a day, `from` ≤ t < `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// 0 to 1,439.
    pub from: u16,
    /// 1 to 1,440.
    pub to: u16,
}

/// What a schedule says on a holiday.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnHoliday {
    /// Shut.
    #[default]
    Shut,
    /// As on a Sunday.
    Sunday,
    /// As on any day of the week.
    Usual,
}

/// When something counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Id.
    pub id: String,
    /// Monday to Sunday; at most 8 spans a day.
    pub week: [Vec<Span>; 7],
    /// On holidays.
    #[serde(default)]
    pub on_holiday: OnHoliday,
}

/// The calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Minutes that local time is ahead of UTC.
    pub ahead_min: i32,
    /// Holidays as days since 1970 of local time.
    pub holidays: Vec<i32>,
}

/// Whom a grant lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Who {
    /// One badge.
    Person {
        /// As gates know it.
        gate_ref: GateRef,
    },
    /// Officials of one agency.
    Agency {
        /// Institution code.
        code: String,
    },
    /// Officials of an agency and of all below it.
    Under {
        /// Institution code.
        code: String,
    },
    /// Whoever has a role.
    Role {
        /// Role code.
        code: String,
    },
}

/// Company at a door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escort {
    /// Comes alone, brings nobody.
    #[default]
    None,
    /// Comes in with an escort only.
    Needed,
    /// May bring someone who needs an escort.
    Gives,
}

/// Who may enter a zone, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Id.
    pub id: String,
    /// Zone.
    pub zone: String,
    /// Whom.
    #[serde(flatten)]
    pub who: Who,
    /// From when (ms).
    #[serde(default)]
    pub from: Option<i64>,
    /// Until when (ms).
    #[serde(default)]
    pub until: Option<i64>,
    /// Within this schedule only.
    #[serde(default)]
    pub schedule: Option<String>,
    /// Company.
    #[serde(default)]
    pub escort: Escort,
}

/// Whose signatures count: the trust list of a controller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Keys that sign passes and reader certificates.
    pub authorities: Vec<Jwk>,
    /// Keys of officers who may sign grace orders, kept offline.
    pub officers: Vec<Jwk>,
}

/// One thing that a controller knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// Replaces the trust list.
    Trust(Trust),
    /// Replaces the calendar.
    Calendar(Calendar),
    /// Adds or replaces a zone.
    Zone(Zone),
    /// Adds or replaces a door of this controller.
    Door(Door),
    /// Adds or replaces a schedule.
    Schedule(Schedule),
    /// Adds or replaces a grant.
    Grant(Grant),
    /// Takes a grant back.
    GrantEnded {
        /// Id.
        id: String,
    },
    /// Takes a door away.
    DoorEnded {
        /// Id.
        id: GateRef,
    },
    /// A badge is stopped, whatever its pass says.
    Stopped {
        /// As gates know it.
        gate_ref: GateRef,
        /// When (ms).
        at: i64,
    },
    /// A suspended badge is good again.
    Resumed {
        /// As gates know it.
        gate_ref: GateRef,
    },
}

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Changes after `from`, up to `to`. Without records it is a beacon: nothing changed, and so late is it.
    Delta,
    /// One of the tiles of everything as of `to`.
    Snapshot,
}

/// A page as it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// [`FORMAT`].
    pub v: u32,
    /// The controller it is for.
    pub aud: String,
    /// The feed: a store that was restored begins a new one.
    pub feed: String,
    /// What it is.
    #[serde(rename = "page_kind")]
    pub kind: Kind,
    /// Number before its first record.
    pub from: u64,
    /// Number of its last record.
    pub to: u64,
    /// When it was signed (ms).
    pub at: i64,
    /// Which tile, from 0.
    #[serde(default)]
    pub tile: u32,
    /// How many tiles.
    #[serde(default)]
    pub tiles: u32,
    /// What is told.
    pub records: Vec<Record>,
}

impl Page {
    /// The signed page.
    ///
    /// # Errors
    /// The feed key could not sign.
    pub fn sign(&self, key: &dyn Signer) -> Result<String, JwsError> {
        let payload = serde_json::to_vec(self).map_err(|_| JwsError::Claims)?;
        jws::sign(key, &Header::es256(TYP).with_kid(key.public_key().thumbprint()), &payload)
    }

    /// Reads a page for `controller` that this key signed.
    ///
    /// # Errors
    /// It is none, too long, of another format or controller, or forged.
    pub fn verify(text: &str, key: &PublicKey, controller: &str) -> Result<Self, JwsError> {
        let page: Self = Unverified::parse(text, MAX_PAGE)?.verify(key, Typ::Is(TYP))?.claims()?;
        let sound = page.v == FORMAT
            && page.aud == controller
            && page.from <= page.to
            && page.records.len() <= MAX_RECORDS
            && page.tiles <= MAX_PAGES
            && (page.kind == Kind::Delta || page.tile < page.tiles);
        if sound { Ok(page) } else { Err(JwsError::Claims) }
    }
}

//! The application row and its events: reading, and the one way to change a state.

use super::said;
use super::state::{Act, Kind, State};
use crate::audit;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::operations::{Platform, Sealer, id, limits};

const TABLE: &str = "application";
const EVENTS: &str = "application_event";

/// The columns [`Application::of`] reads.
macro_rules! columns {
    () => {
        "id, employee_id, agency_code, department_id, head_department_id, kind, state, state_since_at, created_at, \
         ends_at, seen_phone, badge_id"
    };
}
pub(super) use columns;

/// An application as it lies in the store; who it is about is personnel's to say.
#[derive(Clone, Debug)]
pub struct Application {
    pub id: String,
    pub employee_id: String,
    pub agency_code: String,
    pub department_id: String,
    /// The department whose head decides: the applicant's own, or one above it for a head.
    pub head_department_id: String,
    pub kind: Kind,
    pub state: State,
    pub since: i64,
    pub created_at: i64,
    pub ends_at: i64,
    pub badge_id: Option<String>,
    pub(super) seen_phone: Option<Vec<u8>>,
}

/// One line of the append-only timeline.
#[derive(Clone, Debug)]
pub struct Event {
    pub act: Act,
    pub state: State,
    pub actor_id: Option<String>,
    pub behalf_of_id: Option<String>,
    pub note: Option<String>,
    pub at: i64,
}

fn unreadable(column: &str) -> StoreError {
    StoreError::Column(column.to_owned(), "holds a word this version does not know".to_owned())
}

impl Application {
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text("id")?,
            employee_id: row.text("employee_id")?,
            agency_code: row.text("agency_code")?,
            department_id: row.text("department_id")?,
            head_department_id: row.text("head_department_id")?,
            kind: Kind::parse(&row.text("kind")?).ok_or_else(|| unreadable("kind"))?,
            state: State::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))?,
            since: row.int("state_since_at")?,
            created_at: row.int("created_at")?,
            ends_at: row.int("ends_at")?,
            badge_id: row.opt_text("badge_id")?,
            seen_phone: row.opt_bytes("seen_phone")?,
        })
    }

    /// The phone number as the identity checker saw it.
    pub fn frozen_phone(&self, sealer: &Sealer) -> Option<String> {
        let sealed = self.seen_phone.as_deref()?;
        sealer.open_text(TABLE, "seen_phone", &self.id, sealed).ok().map(|phone| phone.to_string())
    }
}

/// One application.
pub async fn find(store: &Store, application_id: &str) -> Result<Option<Application>, StoreError> {
    if !id::is_id(application_id) {
        return Ok(None);
    }
    let row = store
        .fetch_optional(
            concat!("SELECT ", columns!(), " FROM application WHERE id = $1"),
            params![application_id],
        )
        .await?;
    row.as_ref().map(Application::of).transpose()
}

/// The applications of an employee, newest first.
pub async fn of_employee(
    store: &Store,
    employee_id: &str,
    limit: i64,
) -> Result<Vec<Application>, StoreError> {
    let rows = store
        .fetch_all(
            concat!(
                "SELECT ",
                columns!(),
                " FROM application WHERE employee_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2"
            ),
            params![employee_id, limit],
        )
        .await?;
    rows.iter().map(Application::of).collect()
}

/// What happened to an application, oldest first.
pub async fn events(platform: &Platform, application_id: &str) -> Result<Vec<Event>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, act, state, actor_id, behalf_of_id, note, at FROM application_event \
             WHERE application_id = $1 ORDER BY id LIMIT $2",
            params![application_id, limits::APPLICATION_EVENTS.get()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let note = match row.opt_bytes("note")? {
                None => None,
                Some(sealed) => platform
                    .sealer
                    .open_text(EVENTS, "note", &row.text("id")?, &sealed)
                    .ok()
                    .map(|note| note.to_string()),
            };
            Ok(Event {
                act: Act::parse(&row.text("act")?).ok_or_else(|| unreadable("act"))?,
                state: State::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))?,
                actor_id: row.opt_text("actor_id")?,
                behalf_of_id: row.opt_text("behalf_of_id")?,
                note,
                at: row.int("at")?,
            })
        })
        .collect()
}

/// Who does something, for whom, and under which duty.
#[derive(Clone, Debug)]
pub struct By {
    /// The employee, or `None` when the clock or the phone does it.
    pub actor_id: Option<String>,
    /// The one the actor decides for (전결·대결).
    pub behalf_of_id: Option<String>,
    pub duty: &'static str,
}

impl By {
    /// The applicant.
    pub fn applicant(employee_id: &str) -> Self {
        Self { actor_id: Some(employee_id.to_owned()), behalf_of_id: None, duty: "applicant" }
    }

    /// Nobody: time passed, or another part of the system reports.
    pub const fn system() -> Self {
        Self { actor_id: None, behalf_of_id: None, duty: "system" }
    }
}

/// A line of the timeline made ready outside of the transaction: its note is sealed already.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    id: String,
    act: Act,
    by: By,
    note: Option<Vec<u8>>,
}

impl Entry {
    pub(super) fn new(platform: &Platform, act: Act, by: By, note: Option<&str>) -> Self {
        let id = id::new();
        let note = note
            .filter(|note| !note.is_empty())
            .map(|note| platform.sealer.seal(EVENTS, "note", &id, note.as_bytes()));
        Self { id, act, by, note }
    }

    /// An entry without a note needs no sealer.
    pub(super) fn bare(act: Act, by: By) -> Self {
        Self { id: id::new(), act, by, note: None }
    }

    /// Appends it to the timeline and to the audit log.
    pub(super) async fn write(
        self,
        tx: &mut Tx,
        application_id: &str,
        state: State,
        now: i64,
    ) -> Result<(), StoreError> {
        let Self { id, act, by, note } = self;
        let has_note = note.is_some();
        tx.execute(
            "INSERT INTO application_event (id, application_id, act, state, actor_id, behalf_of_id, note, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                id,
                application_id,
                act.as_str(),
                state.as_str(),
                by.actor_id.clone(),
                by.behalf_of_id.clone(),
                note,
                now
            ],
        )
        .await?;
        audit::record(
            tx,
            audit::Record {
                actor: by.actor_id.as_deref().unwrap_or("system"),
                duty: by.duty,
                act: &format!("application.{}", act.as_str()),
                subject: application_id,
                detail: serde_json::json!({
                    "state": state.as_str(), "behalf_of": by.behalf_of_id, "note": has_note,
                }),
            },
        )
        .await
    }
}

/// Moves an application from `from` to where `entry`'s act leads: one conditional UPDATE, its row count decides.
///
/// `Ok(false)` means that somebody else moved it first; nothing is written then. It ends at `ends_at` if nobody moves it
/// on.
pub(super) async fn advance(
    tx: &mut Tx,
    application_id: &str,
    from: State,
    entry: Entry,
    ends_at: i64,
    now: i64,
) -> Result<bool, StoreError> {
    let Some(to) = from.after(entry.act) else { return Ok(false) };
    let moved = tx
        .execute(
            "UPDATE application SET state = $1, state_since_at = $2, ends_at = $3 WHERE id = $4 AND state = $5",
            params![to.as_str(), now, ends_at, application_id, from.as_str()],
        )
        .await?;
    if moved != 1 {
        return Ok(false);
    }
    if !to.is_open() {
        said::forget(tx, application_id).await?;
    }
    entry.write(tx, application_id, to, now).await?;
    Ok(true)
}

/// Seals the phone number for the row.
pub(super) fn seal_phone(sealer: &Sealer, application_id: &str, phone: &str) -> Vec<u8> {
    sealer.seal(TABLE, "seen_phone", application_id, phone.as_bytes())
}

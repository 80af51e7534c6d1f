//! What the HR record said when an application was first sent, beside what it says now. Kept sealed and only as long as the
//! application is open: afterwards personnel alone knows what is true.

use serde::{Deserialize, Serialize};

use super::record::Application;
use super::state::Kind;
use crate::employment;
use crate::lifecycle::Badge;
use crate::operations::Platform;
use crate::operations::store::{StoreError, Tx, Value, params};
use crate::pages::Page;
use crate::personnel::{Employee, Named};

const TABLE: &str = "application_said";

/// What is compared.
#[derive(Serialize, Deserialize)]
struct Record {
    name: Named,
    number: String,
    agency: Named,
    department: Named,
    position: Named,
    rank: Named,
    phone: String,
}

impl Record {
    fn of(employee: &Employee) -> Self {
        Self {
            name: employee.name.clone(),
            number: employee.number.clone(),
            agency: employee.agency.name.clone(),
            department: employee.department.clone(),
            position: employee.position.clone(),
            rank: employee.rank.clone(),
            phone: employee.phone.clone(),
        }
    }
}

/// The record as it is, sealed for an application.
pub(super) fn seal(platform: &Platform, application_id: &str, employee: &Employee) -> Vec<u8> {
    let plain = serde_json::to_vec(&Record::of(employee)).unwrap_or_default();
    platform.sealer.seal(TABLE, "said", application_id, &plain)
}

/// Keeps it at the first sending; a second one after a return is compared with the first.
pub(super) async fn keep(tx: &mut Tx, application_id: &str, sealed: Vec<u8>) -> Result<(), StoreError> {
    let now = tx.now_ms();
    tx.execute(
        "INSERT INTO application_said (application_id, said, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        params![application_id, sealed, now],
    )
    .await?;
    Ok(())
}

/// The application has ended.
pub(super) async fn forget(tx: &mut Tx, application_id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM application_said WHERE application_id = $1", params![application_id]).await?;
    Ok(())
}

/// One value that is another than it was.
pub(super) struct Changed {
    /// Key of its name.
    pub(super) what: &'static str,
    pub(super) before: String,
    pub(super) now: String,
}

/// What has changed since the application was first sent. A phone number is told as changed; itself it is shown to the
/// identity check alone.
pub(super) async fn changed(
    platform: &Platform,
    page: &Page,
    application: &Application,
    employee: &Employee,
    identity: bool,
) -> Result<Vec<Changed>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT said FROM application_said WHERE application_id = $1",
            params![application.id.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let Some(before) = open(platform, &application.id, &row.bytes("said")?) else { return Ok(Vec::new()) };
    Ok(differences(page, &before, &Record::of(employee), identity))
}

fn open(platform: &Platform, application_id: &str, sealed: &[u8]) -> Option<Record> {
    let plain = platform.sealer.open(TABLE, "said", application_id, sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

fn differences(page: &Page, before: &Record, now: &Record, identity: bool) -> Vec<Changed> {
    let mut changed = Vec::new();
    let told = |named: &Named| page.pick(&named.ko, &named.en).to_owned();
    for (what, old, new) in [
        ("application.fact.name", &before.name, &now.name),
        ("application.fact.agency", &before.agency, &now.agency),
        ("application.fact.department", &before.department, &now.department),
        ("application.fact.position", &before.position, &now.position),
        ("application.fact.rank", &before.rank, &now.rank),
    ] {
        if old != new {
            changed.push(Changed { what, before: told(old), now: told(new) });
        }
    }
    if before.number != now.number {
        let (before, now) = (before.number.clone(), now.number.clone());
        changed.push(Changed { what: "application.fact.number", before, now });
    }
    if before.phone != now.phone {
        let shown = |phone: &str| {
            if identity {
                crate::pages::phone(phone)
            } else {
                page.t("application.changed.hidden").to_owned()
            }
        };
        let (before, now) = (shown(&before.phone), shown(&now.phone));
        changed.push(Changed { what: "application.fact.phone", before, now });
    }
    changed
}

/// The event that made the person's present badge say something that is no longer true, as the key of its name, and when.
pub(super) async fn badge_outdated(
    platform: &Platform,
    employee_id: &str,
) -> Result<Option<(&'static str, i64)>, StoreError> {
    let Some(badge) = Badge::live_of_employee(&platform.store, employee_id).await? else { return Ok(None) };
    let outdated = employment::outdated_since(&platform.store, &badge.id).await?;
    Ok(outdated.map(|(event, since)| (event.key(), since)))
}

/// Which of these applications' records differ from when they were sent, or from what the present badge says: for the
/// lists, which name nothing of it.
pub(super) async fn differ(
    platform: &Platform,
    page: &Page,
    applications: &[(&Application, &Employee)],
) -> Result<Vec<String>, StoreError> {
    if applications.is_empty() {
        return Ok(Vec::new());
    }
    let mut changed = Vec::new();
    // Whoever asks for another badge may have one that says what is no longer true.
    for (application, employee) in applications {
        if application.kind != Kind::First
            && application.state.is_open()
            && badge_outdated(platform, &employee.id).await?.is_some()
        {
            changed.push(application.id.clone());
        }
    }
    let places: Vec<String> = (1..=applications.len()).map(|place| format!("${place}")).collect();
    // Only placeholders go into the text.
    let sql = format!(
        "SELECT application_id, said FROM application_said WHERE application_id IN ({})",
        places.join(", ")
    );
    let ids = applications.iter().map(|(application, _)| Value::from(application.id.as_str())).collect();
    for row in platform.store.fetch_all(sqlx::AssertSqlSafe(sql), ids).await? {
        let id = row.text("application_id")?;
        let Some((_, employee)) = applications.iter().find(|(application, _)| application.id == id) else {
            continue;
        };
        let before = open(platform, &id, &row.bytes("said")?);
        if before.is_some_and(|before| !differences(page, &before, &Record::of(employee), false).is_empty()) {
            changed.push(id);
        }
    }
    Ok(changed)
}

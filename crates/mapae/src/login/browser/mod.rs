//! Browsers enrolled by a passkey: above level `low` a login may begin in one of them anywhere.
//!
//! An official enrols a browser at the portal, in a registered network, while their badge is alive. Later its passkey begins a
//! login, and only a badge of that same official may answer it. So a page that relays QR and number to a victim gets nowhere:
//! it has no passkey of the victim, the victim's passkey signs for no other origin, and with a passkey of its own it logs in
//! itself (RFC 10027, "trusted devices").

mod portal;
mod start;

use std::sync::Arc;

use keys::PublicKey;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::ticket::Draw;
use crate::account::{BrowserPasskey, PasskeyRefusal};
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::pages;
use crate::verification::relying_party::{RelyingParty, StartLevel};

pub(super) use start::PATH;

const TABLE: &str = "login_browser";

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    start::routes()
}

pub(super) fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    portal::routes()
}

/// A browser that somebody has enrolled.
#[derive(Clone, Debug)]
struct Enrolled {
    id: String,
    employee_id: String,
    passkey: BrowserPasskey,
    name: String,
    place: String,
    created_at: i64,
    used_at: Option<i64>,
    ends_at: i64,
}

impl Enrolled {
    fn read(platform: &Platform, row: &Row) -> Result<Enrolled, StoreError> {
        let unreadable = |column: &str| StoreError::Column(column.to_owned(), "can't be read".to_owned());
        let id = row.text("id")?;
        let name =
            platform.sealer.open(TABLE, "name", &id, &row.bytes("name")?).map_err(|_| unreadable("name"))?;
        Ok(Enrolled {
            employee_id: row.text("employee_id")?,
            passkey: BrowserPasskey {
                credential_id: row.text("credential_id")?,
                key: PublicKey::from_sec1(&row.bytes("public_key")?).map_err(|_| unreadable("public_key"))?,
                sign_count: row.int("sign_count")?,
                synced: row.int("synced")? == 1,
            },
            name: String::from_utf8_lossy(&name).into_owned(),
            place: row.text("place")?,
            created_at: row.int("created_at")?,
            used_at: row.opt_int("used_at")?,
            ends_at: row.int("ends_at")?,
            id,
        })
    }
}

/// The browsers of an official that are enrolled now.
async fn of_employee(platform: &Platform, employee_id: &str) -> Result<Vec<Enrolled>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT * FROM login_browser WHERE employee_id = $1 AND ends_at > $2 ORDER BY id LIMIT $3",
            params![employee_id, platform.now_ms(), limits::LOGIN_BROWSERS.get()],
        )
        .await?;
    rows.iter().map(|row| Enrolled::read(platform, row)).collect()
}

/// The same, as its owner is told.
pub(super) async fn told(platform: &Platform, employee_id: &str) -> Result<Value, StoreError> {
    let all = of_employee(platform, employee_id).await?;
    Ok(Value::from_iter(all.into_iter().map(|one| {
        json!({
            "name": one.name, "enrolled_in": one.place, "enrolled": pages::iso(one.created_at),
            "last_used": one.used_at.map(pages::iso), "until": pages::iso(one.ends_at),
        })
    })))
}

/// The browser with this passkey, if it is enrolled now.
async fn by_credential(platform: &Platform, credential_id: &str) -> Result<Option<Enrolled>, StoreError> {
    if credential_id.len() > limits::PASSKEY_ANSWER.size() {
        return Ok(None);
    }
    let row = platform
        .store
        .fetch_optional(
            "SELECT * FROM login_browser WHERE credential_id = $1 AND ends_at > $2",
            params![credential_id, platform.now_ms()],
        )
        .await?;
    row.as_ref().map(|row| Enrolled::read(platform, row)).transpose()
}

/// Uses a browser for a login: its counter goes up, and the login is its owner's from now on.
async fn begin(
    tx: &mut Tx,
    browser: &Enrolled,
    count: i64,
    attempt: &str,
    until_ms: i64,
) -> Result<(), PasskeyRefusal> {
    let now_ms = tx.now_ms();
    // Gone, or copied: a counter that counts has to go up (§6.1.1).
    let used = tx
        .execute(
            "UPDATE login_browser SET sign_count = $2, used_at = $3 WHERE id = $1 AND ends_at > $3 \
             AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))",
            params![browser.id.as_str(), count, now_ms],
        )
        .await?;
    if used != 1 {
        return Err(PasskeyRefusal::Counter);
    }
    tx.execute(
        "INSERT INTO login_browser_start (attempt, employee_id, browser, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (attempt) DO NOTHING",
        params![attempt, browser.employee_id.as_str(), browser.id.as_str(), until_ms],
    )
    .await?;
    // Two windows of one login may both be started, by the same person only.
    if began(tx, attempt, &browser.employee_id).await? { Ok(()) } else { Err(PasskeyRefusal::Unknown) }
}

/// Whether a QR of this login can only have been drawn in an enrolled browser.
pub(super) fn drew(party: &RelyingParty, draw: &Draw) -> bool {
    matches!(draw, Draw::Scanned(..))
        && party.level != StartLevel::Low
        && draw.network().is_none()
        && draw.device().is_none()
}

/// Whether a browser of this official began this login.
///
/// # Errors
/// The store.
pub(super) async fn began(tx: &mut Tx, attempt: &str, employee_id: &str) -> Result<bool, StoreError> {
    let row = tx
        .fetch_optional(
            "SELECT employee_id FROM login_browser_start WHERE attempt = $1 AND employee_id = $2",
            params![attempt, employee_id],
        )
        .await?;
    Ok(row.is_some())
}

/// Removes what is over; returns how many.
///
/// # Errors
/// The store.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    let starts = tx
        .execute(
            "DELETE FROM login_browser_start WHERE attempt IN \
             (SELECT attempt FROM login_browser_start WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
            params![now_ms, limits::LOGIN_SWEEP_ROWS.get()],
        )
        .await?;
    let browsers = tx
        .execute(
            "DELETE FROM login_browser WHERE id IN \
             (SELECT id FROM login_browser WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)",
            params![now_ms, limits::LOGIN_SWEEP_ROWS.get()],
        )
        .await?;
    Ok(starts + browsers)
}

/// How many an official has, for whoever holds the lock of their badge.
async fn count(tx: &mut Tx, employee_id: &str) -> Result<i64, StoreError> {
    let now_ms = tx.now_ms();
    let row = tx
        .fetch_one(
            "SELECT COUNT(*) AS n FROM login_browser WHERE employee_id = $1 AND ends_at > $2",
            params![employee_id, now_ms],
        )
        .await?;
    row.int("n")
}

/// Every browser of everybody, for tests that count.
#[cfg(test)]
pub(super) async fn all(store: &crate::operations::store::Store) -> Result<i64, StoreError> {
    store.fetch_one("SELECT COUNT(*) AS n FROM login_browser", Vec::new()).await?.int("n")
}

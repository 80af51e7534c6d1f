//! The badge row: made once, when its first copies are issued, and found by id, by employee, by account or by slot.

use sqlx::AssertSqlSafe;

use crate::operations::store::{Row, Store, StoreError, Tx, Value, params};

use super::state::{BadgeState, Reason};

/// A badge as the register knows it: whose it is and how its copies stand, and nothing of what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    /// Identifier, made when its offer was redeemed.
    pub id: String,
    /// The employee it was issued to.
    pub employee_id: String,
    /// The wallet account that holds it; `None` for a standard wallet of another maker.
    pub account_id: Option<String>,
    /// The application that led to it.
    pub application_id: Option<String>,
    /// Why it was issued: `first`, `device_change`, `loss`, `expiry`, `recovery`.
    pub kind: String,
    /// Name of the credential type, as in `types/<name>.toml`.
    pub credential_type: String,
    /// The DID it was issued under.
    pub issuing_did: String,
    /// Its number under that DID; never given twice.
    pub slot: i64,
    /// Its state, shared by every copy.
    pub state: BadgeState,
    /// Why it is in that state.
    pub reason: Reason,
    /// The last ISO week in which copies were issued, as its first second.
    pub copy_week: i64,
    /// The next copy number of that week.
    pub copy_next: i64,
    /// When it was issued (ms).
    pub issued_at: i64,
    /// Until when it is valid (ms).
    pub valid_until: i64,
    /// When its state last changed (ms).
    pub changed_at: i64,
}

/// What has to be known to enter a new badge.
#[derive(Debug, Clone)]
pub struct NewBadge {
    /// Identifier reserved when the offer was redeemed.
    pub id: String,
    /// The employee it is issued to.
    pub employee_id: String,
    /// The wallet account that holds it, unless the wallet is of another maker.
    pub account_id: Option<String>,
    /// The application that led to it.
    pub application_id: Option<String>,
    /// Why it is issued.
    pub kind: String,
    /// Name of the credential type.
    pub credential_type: String,
    /// The DID it is issued under.
    pub issuing_did: String,
    /// The slot reserved when the offer was redeemed.
    pub slot: i64,
    /// The live badge seen when the offer was redeemed. It must still be live, and ends with this entry.
    pub replaces: Option<String>,
    /// The week of its first copies, as its first second.
    pub copy_week: i64,
    /// How many copies were issued in that week.
    pub copies: i64,
    /// When it was issued (ms), as its claims say.
    pub issued_at: i64,
    /// Until when it is valid (ms).
    pub valid_until: i64,
}

macro_rules! select_badge {
    ($where:literal) => {
        concat!(
            "SELECT id, employee_id, account_id, application_id, kind, credential_type, issuing_did, slot, state, ",
            "reason, copy_week, copy_next, issued_at, valid_until, changed_at FROM badge WHERE ",
            $where
        )
    };
}

const BY_ID: &str = select_badge!("id = $1");
const LIVE_OF_EMPLOYEE: &str = select_badge!("employee_id = $1 AND state IN ('active', 'suspended')");
const LIVE_OF_ACCOUNT: &str = select_badge!("account_id = $1 AND state IN ('active', 'suspended')");
const LAST_OF_ACCOUNT: &str = select_badge!("account_id = $1 ORDER BY issued_at DESC, slot DESC LIMIT 1");
const ENDING: &str = select_badge!(
    "state = 'active' AND valid_until > $1 AND valid_until <= $2 AND NOT EXISTS \
     (SELECT 1 FROM badge_reminder r WHERE r.badge_id = badge.id AND r.days <= $3) ORDER BY valid_until, id LIMIT $4"
);
const OF_EMPLOYEE: &str = select_badge!("employee_id = $1 ORDER BY issued_at DESC, slot DESC LIMIT 20");
const BY_SLOT: &str = select_badge!("issuing_did = $1 AND slot = $2");
const DUE: &str =
    select_badge!("state IN ('active', 'suspended') AND valid_until <= $1 ORDER BY valid_until, id LIMIT $2");

impl Badge {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let word =
            |name: &str, value: String| StoreError::Column(name.to_owned(), format!("unknown word {value}"));
        let (state, reason) = (row.text("state")?, row.text("reason")?);
        Ok(Self {
            id: row.text("id")?,
            employee_id: row.text("employee_id")?,
            account_id: row.opt_text("account_id")?,
            application_id: row.opt_text("application_id")?,
            kind: row.text("kind")?,
            credential_type: row.text("credential_type")?,
            issuing_did: row.text("issuing_did")?,
            slot: row.int("slot")?,
            state: BadgeState::parse(&state).ok_or_else(|| word("state", state))?,
            reason: Reason::parse(&reason).ok_or_else(|| word("reason", reason))?,
            copy_week: row.int("copy_week")?,
            copy_next: row.int("copy_next")?,
            issued_at: row.int("issued_at")?,
            valid_until: row.int("valid_until")?,
            changed_at: row.int("changed_at")?,
        })
    }

    /// The badge with this identifier.
    pub async fn find(store: &Store, id: &str) -> Result<Option<Self>, StoreError> {
        store.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The badge with this identifier, as the transaction sees it.
    pub async fn find_in(tx: &mut Tx, id: &str) -> Result<Option<Self>, StoreError> {
        tx.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The employee's one live badge: active or suspended.
    pub async fn live_of_employee(store: &Store, employee_id: &str) -> Result<Option<Self>, StoreError> {
        store
            .fetch_optional(LIVE_OF_EMPLOYEE, params![employee_id])
            .await?
            .as_ref()
            .map(Self::read)
            .transpose()
    }

    /// The employee's one live badge, as the transaction sees it.
    pub async fn live_of_employee_in(tx: &mut Tx, employee_id: &str) -> Result<Option<Self>, StoreError> {
        tx.fetch_optional(LIVE_OF_EMPLOYEE, params![employee_id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The live badge held by a wallet account.
    pub async fn live_of_account(store: &Store, account_id: &str) -> Result<Option<Self>, StoreError> {
        store.fetch_optional(LIVE_OF_ACCOUNT, params![account_id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The badge that a wallet account holds, or held last.
    pub async fn last_of_account(store: &Store, account_id: &str) -> Result<Option<Self>, StoreError> {
        store.fetch_optional(LAST_OF_ACCOUNT, params![account_id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The live badge held by a wallet account, as the transaction sees it.
    pub async fn live_of_account_in(tx: &mut Tx, account_id: &str) -> Result<Option<Self>, StoreError> {
        tx.fetch_optional(LIVE_OF_ACCOUNT, params![account_id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The badges an employee has and had, newest first.
    pub async fn of_employee(store: &Store, employee_id: &str) -> Result<Vec<Self>, StoreError> {
        store.fetch_all(OF_EMPLOYEE, params![employee_id]).await?.iter().map(Self::read).collect()
    }

    /// The badge in a slot of an issuing DID.
    pub async fn in_slot(store: &Store, issuing_did: &str, slot: i64) -> Result<Option<Self>, StoreError> {
        store.fetch_optional(BY_SLOT, params![issuing_did, slot]).await?.as_ref().map(Self::read).transpose()
    }

    /// Live badges whose validity has run out, oldest first.
    pub(super) async fn due(store: &Store, now_ms: i64, limit: i64) -> Result<Vec<Self>, StoreError> {
        store.fetch_all(DUE, params![now_ms, limit]).await?.iter().map(Self::read).collect()
    }

    /// Active badges that end within `days`, and whose holder was not told so yet, nor of a nearer end.
    pub(super) async fn ending(
        store: &Store,
        now_ms: i64,
        days: i64,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        let until = now_ms.saturating_add(days.saturating_mul(86_400_000));
        store.fetch_all(ENDING, params![now_ms, until, days, limit]).await?.iter().map(Self::read).collect()
    }

    /// The number shown on the badge and carried as its `badge_number`.
    pub fn number(&self) -> String {
        number(self.slot, self.issued_at)
    }
}

/// How many of these employees, at most 500, have a live badge.
pub async fn live_among(store: &Store, employee_ids: &[String]) -> Result<i64, StoreError> {
    if employee_ids.is_empty() {
        return Ok(0);
    }
    let places: Vec<String> = (1..=employee_ids.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT COUNT(*) AS live FROM badge WHERE state IN ('active', 'suspended') AND employee_id IN ({})",
        places.join(", ")
    );
    let ids = employee_ids.iter().map(Value::from).collect();
    // Only placeholders go into the text.
    store.fetch_one(AssertSqlSafe(sql), ids).await?.int("live")
}

/// Year of issue, slot and a check digit, as in `26-0000042-7`.
///
/// It follows from the row, so that nothing has to be kept beside it; a slot is given once, so it is unique under its
/// issuing DID. The check digit is Luhn's: it finds one wrong digit and most swapped neighbours when read aloud.
pub fn number(slot: i64, issued_at_ms: i64) -> String {
    let year = time::OffsetDateTime::from_unix_timestamp(issued_at_ms.div_euclid(1000))
        .map_or(1970, |at| at.to_offset(time::macros::offset!(+9)).year());
    let digits = format!("{:02}{:07}", year.rem_euclid(100), slot.saturating_add(1));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit.wrapping_sub(b'0'));
            let value = if place % 2 == 0 { value * 2 } else { value };
            value / 10 + value % 10
        })
        .sum();
    let (year, serial) = digits.split_at(2);
    format!("{year}-{serial}-{}", (10 - sum % 10) % 10)
}

/// Enters the row. `None` when the employee has a live badge already: the unique index is the judge.
pub(super) async fn insert(tx: &mut Tx, new: &NewBadge) -> Result<Option<Badge>, StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "INSERT INTO badge (id, employee_id, account_id, application_id, kind, credential_type, issuing_did, \
             slot, replaces, state, reason, copy_week, copy_next, issued_at, valid_until, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active', 'issued', $10, $11, $12, $13, $14) \
             ON CONFLICT DO NOTHING",
            params![
                &new.id,
                &new.employee_id,
                new.account_id.as_deref(),
                new.application_id.as_deref(),
                &new.kind,
                &new.credential_type,
                &new.issuing_did,
                new.slot,
                new.replaces.as_deref(),
                new.copy_week,
                new.copies,
                new.issued_at,
                new.valid_until,
                now_ms,
            ],
        )
        .await?;
    if rows != 1 {
        return Ok(None);
    }
    Badge::find_in(tx, &new.id).await
}

/// The state of a badge, held as it is until the transaction ends: a change of it that comes meanwhile waits, and then
/// finds what this transaction wrote. `None` for an unknown badge.
pub async fn hold(tx: &mut Tx, id: &str) -> Result<Option<BadgeState>, StoreError> {
    let row = tx.fetch_held("SELECT state FROM badge WHERE id = $1", params![id]).await?;
    let Some(row) = row else { return Ok(None) };
    let state = row.text("state")?;
    let unknown = || StoreError::Column("state".to_owned(), format!("unknown word {state}"));
    Ok(Some(BadgeState::parse(&state).ok_or_else(unknown)?))
}

/// Takes the next copy numbers of a badge, if it is still active and nobody took any since it was read.
///
/// The copies are signed before this runs; when it says no, their signatures are thrown away unseen. A week earlier
/// than the last one is refused: a clock set back must not hand out that week's indices again.
pub async fn take_copies(tx: &mut Tx, read: &Badge, week: i64, copies: i64) -> Result<bool, StoreError> {
    if week < read.copy_week {
        return Ok(false);
    }
    let next = if read.copy_week == week { read.copy_next } else { 0 };
    let rows = tx
        .execute(
            "UPDATE badge SET copy_week = $2, copy_next = $3 \
             WHERE id = $1 AND state = 'active' AND copy_week = $4 AND copy_next = $5",
            params![&read.id, week, next.saturating_add(copies), read.copy_week, read.copy_next],
        )
        .await?;
    Ok(rows == 1)
}

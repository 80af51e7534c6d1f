//! The row of a credential beside the badge, and how it follows the badge.

use crate::audit;
use crate::lifecycle::{self, Badge, BadgeState};
use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// A credential as the register knows it: whose it is and how its copies stand, and nothing of what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Identifier, made when its offer was redeemed.
    pub id: String,
    pub employee_id: String,
    /// The approved request behind it.
    pub request_id: String,
    /// Id of its type's file.
    pub credential_type: String,
    /// The DID it was issued under.
    pub issuing_did: String,
    /// Its number under that DID; never given twice, to a badge neither.
    pub slot: i64,
    pub state: HeldState,
    /// The last ISO week in which copies were issued, as its first second.
    pub copy_week: i64,
    /// The next copy number of that week.
    pub copy_next: i64,
    /// When it was issued (ms).
    pub issued_at: i64,
    /// Until when it is valid (ms).
    pub valid_until: i64,
}

/// The states, with the words of the badge's.
pub type HeldState = BadgeState;

/// What has to be known to enter one.
#[derive(Debug, Clone)]
pub struct NewHeld {
    pub id: String,
    pub employee_id: String,
    pub request_id: String,
    pub credential_type: String,
    /// Whether an official holds at most one of the type.
    pub one: bool,
    pub issuing_did: String,
    pub slot: i64,
    /// The week of its first copies, as its first second.
    pub copy_week: i64,
    /// How many copies were issued in that week.
    pub copies: i64,
    pub issued_at: i64,
    pub valid_until: i64,
}

/// A credential whose state changed: what the status lists have to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    id: String,
    issuing_did: String,
}

macro_rules! select_held {
    ($where:literal) => {
        concat!(
            "SELECT id, employee_id, request_id, credential_type, issuing_did, slot, state, copy_week, copy_next, ",
            "issued_at, valid_until FROM held_credential WHERE ",
            $where
        )
    };
}

const BY_ID: &str = select_held!("id = $1");
const LIVE_OF_REQUEST: &str = select_held!("request_id = $1 AND state IN ('active', 'suspended')");

impl Held {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let state = row.text("state")?;
        let unknown = || StoreError::Column("state".to_owned(), format!("unknown word {state}"));
        Ok(Self {
            id: row.text("id")?,
            employee_id: row.text("employee_id")?,
            request_id: row.text("request_id")?,
            credential_type: row.text("credential_type")?,
            issuing_did: row.text("issuing_did")?,
            slot: row.int("slot")?,
            state: BadgeState::parse(&state).ok_or_else(unknown)?,
            copy_week: row.int("copy_week")?,
            copy_next: row.int("copy_next")?,
            issued_at: row.int("issued_at")?,
            valid_until: row.int("valid_until")?,
        })
    }

    /// The credential with this identifier.
    pub async fn find(store: &Store, id: &str) -> Result<Option<Self>, StoreError> {
        store.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The same as the transaction sees it.
    pub async fn find_in(tx: &mut Tx, id: &str) -> Result<Option<Self>, StoreError> {
        tx.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Self::read).transpose()
    }

    /// The live credential of a request.
    pub async fn live_of_request(store: &Store, request_id: &str) -> Result<Option<Self>, StoreError> {
        store.fetch_optional(LIVE_OF_REQUEST, params![request_id]).await?.as_ref().map(Self::read).transpose()
    }

    /// Whether more copies may be issued now.
    pub fn is_good(&self, now_ms: i64) -> bool {
        self.state == BadgeState::Active && self.valid_until > now_ms
    }
}

/// Holds the official's active badge as it is until the transaction ends; whether there is one.
///
/// A suspension that comes meanwhile waits here, and then finds what this transaction wrote.
pub(super) async fn hold_badge(tx: &mut Tx, employee_id: &str) -> Result<bool, StoreError> {
    let Some(badge) = Badge::live_of_employee_in(tx, employee_id).await? else { return Ok(false) };
    Ok(lifecycle::hold(tx, &badge.id).await? == Some(BadgeState::Active))
}

/// Enters a credential with its first copies; `false` if the badge is not active or the request is no longer approved.
///
/// What it takes the place of ends here, with all its copies: the live one of the same request, and of the same type where
/// the type allows one.
pub async fn enter(tx: &mut Tx, new: &NewHeld) -> Result<bool, StoreError> {
    if !hold_badge(tx, &new.employee_id).await? {
        return Ok(false);
    }
    let now_ms = tx.now_ms();
    // Held likewise: a revocation of the request waits or comes first.
    let approved = tx
        .execute(
            "UPDATE credential_request SET changed_at = changed_at WHERE id = $1 AND employee_id = $2 \
             AND credential_type = $3 AND state = 'approved'",
            params![&new.request_id, &new.employee_id, &new.credential_type],
        )
        .await?;
    if approved != 1 {
        return Ok(false);
    }
    let replaced = tx
        .fetch_all(
            "UPDATE held_credential SET state = 'replaced', changed_at = $5 WHERE state IN ('active', 'suspended') \
             AND (request_id = $1 OR ($2 = 1 AND employee_id = $3 AND credential_type = $4)) \
             RETURNING id, issuing_did",
            params![&new.request_id, i64::from(new.one), &new.employee_id, &new.credential_type, now_ms],
        )
        .await?;
    let rows = tx
        .execute(
            "INSERT INTO held_credential (id, employee_id, request_id, credential_type, one_live, issuing_did, slot, \
             state, copy_week, copy_next, issued_at, valid_until, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
            params![
                &new.id,
                &new.employee_id,
                &new.request_id,
                &new.credential_type,
                i64::from(new.one),
                &new.issuing_did,
                new.slot,
                new.copy_week,
                new.copies,
                new.issued_at,
                new.valid_until,
                now_ms,
            ],
        )
        .await?;
    if rows != 1 {
        return Ok(false);
    }
    publish(tx, &changed(&replaced)?).await?;
    let detail = serde_json::json!({ "type": new.credential_type, "request": new.request_id });
    let record = audit::Record {
        actor: &new.employee_id,
        duty: "holder",
        act: "credential.issued",
        subject: &new.id,
        detail,
    };
    audit::record(tx, record).await?;
    Ok(true)
}

/// Takes the next copy numbers of a credential, if it is still active and nobody took any since it was read; as
/// [`lifecycle::take_copies`].
pub async fn take_copies(tx: &mut Tx, read: &Held, week: i64, copies: i64) -> Result<bool, StoreError> {
    if week < read.copy_week {
        return Ok(false);
    }
    let next = if read.copy_week == week { read.copy_next } else { 0 };
    let rows = tx
        .execute(
            "UPDATE held_credential SET copy_week = $2, copy_next = $3 \
             WHERE id = $1 AND state = 'active' AND copy_week = $4 AND copy_next = $5",
            params![&read.id, week, next.saturating_add(copies), read.copy_week, read.copy_next],
        )
        .await?;
    Ok(rows == 1)
}

/// The badge was suspended: so is everything beside it.
pub async fn suspend(tx: &mut Tx, badge: &Badge) -> Result<Vec<Changed>, StoreError> {
    follow(
        tx,
        "UPDATE held_credential SET state = 'suspended', changed_at = $2 WHERE employee_id = $1 AND state = 'active' \
         RETURNING id, issuing_did",
        badge,
    )
    .await
}

/// The badge was resumed. Nothing but the badge suspends what stands beside it, so all of it is good again.
pub async fn resume(tx: &mut Tx, badge: &Badge) -> Result<Vec<Changed>, StoreError> {
    follow(
        tx,
        "UPDATE held_credential SET state = 'active', changed_at = $2 WHERE employee_id = $1 AND state = 'suspended' \
         RETURNING id, issuing_did",
        badge,
    )
    .await
}

/// The badge ended, or another phone holds it: what stood beside it ends the same way.
pub async fn end(tx: &mut Tx, badge: &Badge) -> Result<Vec<Changed>, StoreError> {
    let sql = match badge.state {
        BadgeState::Expired => {
            "UPDATE held_credential SET state = 'expired', changed_at = $2 \
             WHERE employee_id = $1 AND state IN ('active', 'suspended') RETURNING id, issuing_did"
        }
        BadgeState::Replaced => {
            "UPDATE held_credential SET state = 'replaced', changed_at = $2 \
             WHERE employee_id = $1 AND state IN ('active', 'suspended') RETURNING id, issuing_did"
        }
        BadgeState::Active | BadgeState::Suspended | BadgeState::Revoked => {
            "UPDATE held_credential SET state = 'revoked', changed_at = $2 \
             WHERE employee_id = $1 AND state IN ('active', 'suspended') RETURNING id, issuing_did"
        }
    };
    follow(tx, sql, badge).await
}

async fn follow(tx: &mut Tx, sql: &'static str, badge: &Badge) -> Result<Vec<Changed>, StoreError> {
    let now_ms = tx.now_ms();
    changed(&tx.fetch_all(sql, params![&badge.employee_id, now_ms]).await?)
}

/// The live credential of a request ends for good.
pub(super) async fn end_of_request(tx: &mut Tx, request_id: &str) -> Result<Vec<Changed>, StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .fetch_all(
            "UPDATE held_credential SET state = 'revoked', changed_at = $2 \
             WHERE request_id = $1 AND state IN ('active', 'suspended') RETURNING id, issuing_did",
            params![request_id, now_ms],
        )
        .await?;
    changed(&rows)
}

/// What a published list said of a slot, after a restore from a backup that may not know it; `None` where no credential
/// stands in that slot, else whether it was news. What ended is not asked for again on the approval of then.
///
/// # Errors
/// The store.
pub async fn stop_as_published(
    tx: &mut Tx,
    issuing_did: &str,
    slot: i64,
    ends: bool,
) -> Result<Option<bool>, StoreError> {
    let known = "SELECT id, request_id FROM held_credential WHERE issuing_did = $1 AND slot = $2";
    let Some(row) = tx.fetch_optional(known, params![issuing_did, slot]).await? else { return Ok(None) };
    let (id, request_id, now_ms) = (row.text("id")?, row.text("request_id")?, tx.now_ms());
    let sql = if ends {
        "UPDATE held_credential SET state = 'revoked', changed_at = $2 WHERE id = $1 \
         AND state IN ('active', 'suspended') RETURNING id, issuing_did"
    } else {
        "UPDATE held_credential SET state = 'suspended', changed_at = $2 WHERE id = $1 AND state = 'active' \
         RETURNING id, issuing_did"
    };
    let changed = changed(&tx.fetch_all(sql, params![&id, now_ms]).await?)?;
    if ends {
        tx.execute(
            "UPDATE credential_request SET state = 'revoked', changed_at = $2 WHERE id = $1 AND state = 'approved'",
            params![&request_id, now_ms],
        )
        .await?;
    }
    if !changed.is_empty() {
        let detail = serde_json::json!({ "ends": ends, "reason": "restored" });
        let record = audit::Record {
            actor: "system",
            duty: "operator",
            act: "credential.stopped",
            subject: &id,
            detail,
        };
        audit::record(tx, record).await?;
    }
    publish(tx, &changed).await?;
    Ok(Some(!changed.is_empty()))
}

/// Ends so many whose validity has run out; how many did.
pub(super) async fn expire(tx: &mut Tx, most: i64) -> Result<usize, StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .fetch_all(
            "UPDATE held_credential SET state = 'expired', changed_at = $1 WHERE id IN (SELECT id FROM held_credential \
             WHERE state IN ('active', 'suspended') AND valid_until <= $1 ORDER BY valid_until LIMIT $2) \
             AND state IN ('active', 'suspended') RETURNING id, issuing_did",
            params![now_ms, most],
        )
        .await?;
    let changed = changed(&rows)?;
    publish(tx, &changed).await?;
    Ok(changed.len())
}

fn changed(rows: &[Row]) -> Result<Vec<Changed>, StoreError> {
    rows.iter()
        .map(|row| Ok(Changed { id: row.text("id")?, issuing_did: row.text("issuing_did")? }))
        .collect()
}

/// Lets the status lists see the changes. The last thing of a transaction: it locks the issuing party.
pub async fn publish(tx: &mut Tx, changed: &[Changed]) -> Result<(), StoreError> {
    for one in changed {
        let version = lifecycle::raise_status(tx, &one.issuing_did).await?;
        tx.execute("UPDATE held_credential SET status_version = $2 WHERE id = $1", params![&one.id, version])
            .await?;
    }
    Ok(())
}

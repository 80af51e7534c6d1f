//! Approvals: "I approve this request, I read this number", recorded until the login takes it.

use openid::approval::Level;
use wallet::account::messages::{PasskeyEvidence, PushKind};

use crate::notification;
use crate::operations::store::{StoreError, Tx, params};

/// What a holder approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRecord {
    /// The account whose device (and PIN, at [`Level::Pin`]) approved.
    pub account_id: String,
    /// The badge it held at that moment.
    pub badge_id: String,
    /// How strongly.
    pub level: Level,
    /// The number that the holder typed, if any.
    pub number: Option<String>,
    /// When (ms).
    pub at: i64,
}

/// Takes the approval of a request, if there is one that is still good. It is gone afterwards; if the caller's
/// transaction is rolled back it is there again.
///
/// `request_hash` is base64url SHA-256 of [`openid::approval::approved_part`] of the request object. An approval of
/// an account that was suspended, locked or closed since is not given.
pub async fn approval(tx: &mut Tx, request_hash: &str) -> Result<Option<ApprovalRecord>, StoreError> {
    let now_ms = tx.now_ms();
    let row = tx
        .fetch_optional(
            // Asked of the one account: a list of all good accounts would be made anew for each login.
            "DELETE FROM account_approval WHERE request_hash = $1 AND expires_at > $2 AND EXISTS (SELECT 1 FROM account a \
             WHERE a.id = account_approval.account_id AND a.suspended_at IS NULL AND a.state <> 'closed') \
             RETURNING account_id, badge_id, level, number, created_at",
            params![request_hash, now_ms],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    notification::tell(tx, &row.text("account_id")?, PushKind::Login).await?;
    Ok(Some(ApprovalRecord {
        account_id: row.text("account_id")?,
        badge_id: row.text("badge_id")?,
        level: if row.text("level")? == "pin" { Level::Pin } else { Level::Base },
        number: row.opt_text("number")?,
        at: row.int("created_at")?,
    }))
}

/// Whether a maker that the operator trusts vouches for the hardware of an account's phone: its passkey is bound to the
/// device by a verified attestation.
pub async fn has_hardware(tx: &mut Tx, account: &str) -> Result<bool, StoreError> {
    let sql = "SELECT evidence FROM account_passkey WHERE account_id = $1";
    let Some(row) = tx.fetch_optional(sql, params![account]).await? else { return Ok(false) };
    Ok(PasskeyEvidence::parse(&row.text("evidence")?) == Some(PasskeyEvidence::DeviceBoundAttested))
}

/// What [`insert`] writes.
#[derive(Debug, Clone)]
pub(super) struct NewApproval {
    pub(super) request_hash: String,
    pub(super) number: Option<String>,
    pub(super) level: Level,
    pub(super) expires_at: i64,
}

/// Records an approval. `false` if this request was approved before, or the account can't be used now.
pub(super) async fn insert(
    tx: &mut Tx,
    account: &str,
    badge: &str,
    new: NewApproval,
    now_ms: i64,
) -> Result<bool, StoreError> {
    // What was done, not what it was asked for: a phone knows two levels.
    let level = match new.level.on_phone() {
        Level::Base => "base",
        Level::Pin | Level::Hardware => "pin",
    };
    let rows = tx
        .execute(
            "INSERT INTO account_approval \
             (request_hash, account_id, badge_id, level, number, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            params![new.request_hash, account, badge, level, new.number, now_ms, new.expires_at],
        )
        .await?;
    Ok(rows == 1)
}

/// Forgets approvals that nobody took.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM account_approval WHERE expires_at < $1", params![now_ms]).await
}

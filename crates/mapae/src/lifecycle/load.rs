//! Many badges written together: for a measurement at full size.
//!
//! A row says what [`create`](super::create) would have written for the same badge; its account is loaded as the issue
//! leaves it. Nobody may hold a badge yet.

use sqlx::AssertSqlSafe;

use super::badge::NewBadge;
use super::change::{By, ChangeError};
use super::party;
use super::state::Reason;
use crate::audit;
use crate::operations::store::{STATEMENT_ROWS, Tx, Value, params, places};

/// Writes badges of one issuing DID, each in a slot of its own, with the audit record of its issue.
///
/// # Errors
/// The store's; somebody who holds a badge fails the transaction.
pub async fn load(tx: &mut Tx, badges: &mut [NewBadge]) -> Result<(), ChangeError> {
    let Some(first) = badges.first() else { return Ok(()) };
    let did = first.issuing_did.clone();
    let count = i64::try_from(badges.len()).unwrap_or(i64::MAX);
    let slots = party::reserve_slots(tx, &did, count).await?;
    for (badge, slot) in badges.iter_mut().zip(slots..) {
        badge.slot = slot;
    }
    let now_ms = tx.now_ms();
    for some in badges.chunks(STATEMENT_ROWS) {
        // Fixed words and placeholders.
        let sql = format!(
            "INSERT INTO badge (id, employee_id, account_id, application_id, kind, credential_type, issuing_did, slot, \
             replaces, state, reason, copy_week, copy_next, issued_at, valid_until, changed_at) VALUES {}",
            places(some.len(), 16)
        );
        tx.execute(AssertSqlSafe(sql), some.iter().flat_map(|badge| row(badge, now_ms)).collect()).await?;
    }
    let reason = Reason::Issued.as_str();
    let records: Vec<(By, serde_json::Value, &str)> = badges
        .iter()
        .map(|badge| {
            let by = By { actor: badge.employee_id.clone(), duty: "holder".to_owned() };
            let detail = serde_json::json!({ "reason": reason, "kind": badge.kind });
            (by, detail, badge.id.as_str())
        })
        .collect();
    let records: Vec<audit::Record<'_>> = records
        .iter()
        .map(|(by, detail, subject)| audit::Record {
            actor: &by.actor,
            duty: &by.duty,
            act: "badge.issued",
            subject,
            detail: detail.clone(),
        })
        .collect();
    Ok(audit::record_many(tx, &records).await?)
}

fn row(badge: &NewBadge, now_ms: i64) -> Vec<Value> {
    params![
        &badge.id,
        &badge.employee_id,
        badge.account_id.as_deref(),
        badge.application_id.as_deref(),
        &badge.kind,
        &badge.credential_type,
        &badge.issuing_did,
        badge.slot,
        badge.replaces.as_deref(),
        "active",
        Reason::Issued.as_str(),
        badge.copy_week,
        badge.copies,
        badge.issued_at,
        badge.valid_until,
        now_ms
    ]
}

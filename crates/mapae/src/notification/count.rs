//! What was handed over, day by day, and what of it may have arrived twice: the bill can be checked against it when the
//! messages themselves are long forgotten.

use serde::Serialize;
use utoipa::ToSchema;

use super::gateway::Taken;
use crate::operations::store::{Store, StoreError, Tx, params};

/// The day in Korea, `YYYY-MM-DD`.
fn day(now_ms: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(now_ms.div_euclid(1_000));
    at.map_or_else(
        |_| String::new(),
        |at| {
            let at = at.to_offset(time::macros::offset!(+9));
            format!("{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day())
        },
    )
}

/// Counts a message that was taken, with the tries before that nobody answered.
pub(super) async fn add(tx: &mut Tx, message_id: &str, taken: &Taken, now: i64) -> Result<(), StoreError> {
    let Some(length) = taken.length else { return Ok(()) };
    let row = tx
        .fetch_optional(
            "SELECT COALESCE(doubts, 0) AS doubts FROM notification_outbox WHERE id = $1",
            params![message_id],
        )
        .await?;
    let doubts = row.map(|row| row.int("doubts")).transpose()?.unwrap_or_default();
    metrics::counter!("mapae_notification_sms_total", "provider" => taken.provider, "length" => length.as_str())
        .increment(1);
    metrics::counter!("mapae_notification_doubts_total").increment(doubts.unsigned_abs());
    tx.execute(
        "INSERT INTO notification_count (day, provider, length, messages, doubts) VALUES ($1, $2, $3, 1, $4) \
         ON CONFLICT (day, provider, length) DO UPDATE SET messages = notification_count.messages + 1, \
         doubts = notification_count.doubts + excluded.doubts",
        params![day(now), taken.provider, length.as_str(), doubts],
    )
    .await?;
    Ok(())
}

/// One line of the bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Line {
    /// The day in Korea.
    pub day: String,
    /// `first` or `second`.
    pub provider: String,
    /// `sms` or `lms`.
    pub length: String,
    pub messages: i64,
    /// Tries that nobody answered: each may have arrived and been billed beside the one that is counted.
    pub doubts: i64,
}

/// The newest lines of the bill.
pub(super) async fn lines(store: &Store, limit: i64) -> Result<Vec<Line>, StoreError> {
    let rows = store
        .fetch_all(
            "SELECT day, provider, length, messages, doubts FROM notification_count \
             ORDER BY day DESC, provider, length LIMIT $1",
            params![limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Line {
                day: row.text("day")?,
                provider: row.text("provider")?,
                length: row.text("length")?,
                messages: row.int("messages")?,
                doubts: row.int("doubts")?,
            })
        })
        .collect()
}

/// How the text messages of the last weeks stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Standing {
    pub waiting: i64,
    pub sent: i64,
    pub dead: i64,
    /// Of those sent: a receipt says that the phone has it.
    pub delivered: i64,
    /// Of those sent: a receipt says that it did not arrive.
    pub failed: i64,
    /// Messages of which a try was never answered: they may have arrived twice.
    pub in_doubt: i64,
}

/// Counts the text messages that are not forgotten yet.
pub(super) async fn standing(store: &Store) -> Result<Standing, StoreError> {
    let row = store
        .fetch_one(
            "SELECT COALESCE(SUM(CASE WHEN state IN ('waiting', 'claimed') THEN 1 ELSE 0 END), 0) AS waiting, \
             COALESCE(SUM(CASE WHEN state = 'sent' THEN 1 ELSE 0 END), 0) AS sent, \
             COALESCE(SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END), 0) AS dead, \
             COALESCE(SUM(CASE WHEN receipt = 'delivered' THEN 1 ELSE 0 END), 0) AS delivered, \
             COALESCE(SUM(CASE WHEN receipt = 'failed' THEN 1 ELSE 0 END), 0) AS failed, \
             COALESCE(SUM(CASE WHEN doubts > 0 THEN 1 ELSE 0 END), 0) AS in_doubt \
             FROM notification_outbox WHERE channel = 'sms'",
            params![],
        )
        .await?;
    Ok(Standing {
        waiting: row.int("waiting")?,
        sent: row.int("sent")?,
        dead: row.int("dead")?,
        delivered: row.int("delivered")?,
        failed: row.int("failed")?,
        in_doubt: row.int("in_doubt")?,
    })
}

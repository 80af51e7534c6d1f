//! Slowing down who guesses: by the id tried and by the source, charged before the password is judged.
//!
//! Unknown ids are charged like known ones, so that neither the answer nor its delay tells which ids exist. What is stored
//! is a keyed hash of the id or address, kept for one window.

use std::net::IpAddr;

use crate::operations::Platform;
use crate::operations::limits;
use crate::operations::store::{StoreError, Tx, params};

/// The two counters of one attempt.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    id: String,
    source: String,
}

/// Whether an attempt may be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    Judge,
    /// Too many; milliseconds until the window ends.
    Wait(i64),
}

impl Subjects {
    pub(super) fn of(platform: &Platform, login: &str, source: IpAddr) -> Self {
        let subject = |kind: &str, text: &str| {
            format!(
                "{kind}:{}",
                keys::encoding::hex_encode(
                    &platform.sealer.blind_index("staff_throttle", &format!("{kind}:{text}"))
                )
            )
        };
        // One household or office behind IPv6 owns a /64.
        let network = match source {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        };
        Self { id: subject("id", login), source: subject("source", &network) }
    }

    /// Charges both counters; the attempt may be judged only if neither is over its limit.
    pub(super) async fn charge(&self, tx: &mut Tx, now_ms: i64) -> Result<Charge, StoreError> {
        let mut wait = None;
        for (subject, limit) in
            [(&self.id, limits::STAFF_FAILURES_ID.get()), (&self.source, limits::STAFF_FAILURES_SOURCE.get())]
        {
            let row = tx
                .fetch_one(
                    "INSERT INTO staff_throttle (subject, failures, window_ends_at) VALUES ($1, 1, $2) \
                     ON CONFLICT (subject) DO UPDATE SET \
                     failures = CASE WHEN staff_throttle.window_ends_at <= $3 THEN 1 ELSE staff_throttle.failures + 1 END, \
                     window_ends_at = CASE WHEN staff_throttle.window_ends_at <= $3 THEN $2 ELSE staff_throttle.window_ends_at END \
                     RETURNING failures, window_ends_at",
                    params![subject.as_str(), now_ms + limits::STAFF_WINDOW.get(), now_ms],
                )
                .await?;
            if row.int("failures")? > limit {
                wait = wait.max(Some(row.int("window_ends_at")? - now_ms));
            }
        }
        Ok(wait.map_or(Charge::Judge, Charge::Wait))
    }

    /// Takes the charge back after a right password: the id starts anew, the source loses one.
    pub(super) async fn forgive(&self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.execute("DELETE FROM staff_throttle WHERE subject = $1", params![self.id.as_str()]).await?;
        tx.execute(
            "UPDATE staff_throttle SET failures = failures - 1 WHERE subject = $1 AND failures > 0",
            params![self.source.as_str()],
        )
        .await?;
        Ok(())
    }
}

//! Tells holders 60, 30, 7 days and 1 day before their badge ends, each once, however many processes look.

use std::sync::Arc;

use super::badge::Badge;
use crate::audit;
use crate::notification::{self, Message, Topic};
use crate::operations::store::{StoreError, Turn, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, language, limits};
use crate::personnel::{self, PersonnelError};

/// Days before the end, the nearest first: a badge that is found late is told what is true now, and nothing older.
const DAYS: [i64; 4] = [1, 7, 30, 60];
const DAY_MS: i64 = 86_400_000;

/// Starts the worker that looks every [`limits::REMINDER_SWEEP`].
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::REMINDER_SWEEP.duration()).await {
            if let Err(error) = sweep(&platform).await {
                tracing::warn!(%error, "reminders of badges that end");
            }
        }
    });
}

/// Tells everybody who is due; returns how many were told. One process at a time does.
pub(super) async fn sweep(platform: &Platform) -> Result<u64, PersonnelError> {
    let Some(turn) = platform.store.turn("badge_reminder").await? else { return Ok(0) };
    let mut told = 0;
    for days in DAYS {
        loop {
            let due =
                Badge::ending(&platform.store, platform.now_ms(), days, limits::EXPIRY_SWEEP_ROWS.get())
                    .await?;
            let before = told;
            for badge in due {
                told += u64::from(tell(platform, turn, &badge, days).await?);
            }
            if told == before {
                break;
            }
        }
    }
    Ok(told)
}

async fn tell(platform: &Platform, turn: Turn, badge: &Badge, days: i64) -> Result<bool, PersonnelError> {
    let Some(employee) = personnel::employee(platform, &badge.employee_id).await? else { return Ok(false) };
    let told_in = notification::language_of(platform, &employee.id).await?;
    let values = [("date", crate::pages::date(badge.valid_until))];
    let message = (!employee.phone.is_empty()).then(|| {
        let text = language::format(told_in, "badge.sms.ends", &values);
        Message::sms(platform, Topic::Notice, &employee.phone, &text).until(badge.valid_until)
    });
    let second = notification::second_notice(platform, &employee.id, "badge.sms.ends", &values).await?;
    let second = second.map(|message| message.until(badge.valid_until));
    let (badge_id, now_ms) = (badge.id.clone(), platform.now_ms());
    let told = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                turn.confirm(tx).await?;
                let first = tx
                    .execute(
                        "INSERT INTO badge_reminder (badge_id, days, told_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                        params![badge_id.as_str(), days, now_ms],
                    )
                    .await?;
                if first != 1 {
                    return Ok(false);
                }
                let sent = message.is_some();
                for message in message.into_iter().chain(second) {
                    notification::enqueue(tx, message).await?;
                }
                let record = audit::Record {
                    actor: "system",
                    duty: "system",
                    act: "badge.end_told",
                    subject: &badge_id,
                    detail: serde_json::json!({ "days": days, "message": sent }),
                };
                audit::record(tx, record).await?;
                Ok(true)
            })
        })
        .await?;
    Ok(told)
}

/// From when on a portal offers to renew a badge: the first reminder.
pub fn renewal_begins(badge: &Badge) -> i64 {
    badge.valid_until - DAYS.into_iter().max().unwrap_or_default() * DAY_MS
}

//! Tells those who asked for a registration and approved it 60, 30, 7 days and 1 day before it ends, each once, however many
//! processes look.

use std::sync::Arc;

use crate::audit;
use crate::notification::{self, Message, Topic};
use crate::operations::store::{StoreError, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, language, limits};
use crate::pages;
use crate::personnel::{self, PersonnelError};

/// Days before the end, the nearest first: one that is found late is told what is true now, and nothing older.
const DAYS: [i64; 4] = [1, 7, 30, 60];
const DAY_MS: i64 = 86_400_000;

/// Starts the worker that looks every [`limits::REMINDER_SWEEP`].
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::REMINDER_SWEEP.duration()).await {
            if let Err(error) = sweep(&platform).await {
                tracing::warn!(%error, "reminders of registrations that end");
            }
        }
    });
}

/// A registration that ends soon.
struct Ending {
    id: String,
    name: String,
    expires_at: i64,
    by: [String; 2],
}

/// Tells everybody who is due; returns of how many registrations.
pub(super) async fn sweep(platform: &Platform) -> Result<u64, PersonnelError> {
    let mut told = 0;
    let mut nearer = 0;
    for days in DAYS {
        loop {
            let now_ms = platform.now_ms();
            let rows = platform
                .store
                .fetch_all(
                    "SELECT id, name_ko, expires_at, asked_by, approved_by FROM relying_party \
                     WHERE expires_at > $1 AND expires_at <= $2 AND disabled_at IS NULL AND asked_by IS NOT NULL \
                     AND NOT EXISTS (SELECT 1 FROM relying_party_reminder WHERE relying_party_reminder.relying_party = relying_party.id \
                     AND relying_party_reminder.expires_at = relying_party.expires_at AND days <= $3) \
                     ORDER BY expires_at, id LIMIT $4",
                    params![
                        now_ms.saturating_add(nearer * DAY_MS),
                        now_ms.saturating_add(days * DAY_MS),
                        days,
                        limits::EXPIRY_SWEEP_ROWS.get()
                    ],
                )
                .await?;
            let before = told;
            for row in rows {
                let ending = Ending {
                    id: row.text("id")?,
                    name: row.text("name_ko")?,
                    expires_at: row.int("expires_at")?,
                    by: [row.text("asked_by")?, row.text("approved_by")?],
                };
                told += u64::from(tell(platform, &ending, days).await?);
            }
            if told == before {
                break;
            }
        }
        nearer = days;
    }
    Ok(told)
}

async fn tell(platform: &Platform, ending: &Ending, days: i64) -> Result<bool, PersonnelError> {
    let values = [("name", ending.name.clone()), ("date", pages::date(ending.expires_at))];
    let mut messages = Vec::new();
    for id in &ending.by {
        let Some(employee) = personnel::employee(platform, id).await? else { continue };
        if !employee.phone.is_empty() {
            let told_in = notification::language_of(platform, &employee.id).await?;
            let text = language::format(told_in, "party.sms.ends", &values);
            let message = Message::sms(platform, Topic::Notice, &employee.phone, &text);
            messages.push(message.until(ending.expires_at));
        }
    }
    let (id, expires_at) = (ending.id.clone(), ending.expires_at);
    let told = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let first = tx
                    .execute(
                        "INSERT INTO relying_party_reminder (relying_party, expires_at, days, told_at) \
                         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                        params![id.as_str(), expires_at, days, now_ms],
                    )
                    .await?;
                if first != 1 {
                    return Ok(false);
                }
                let sent = messages.len();
                for message in messages {
                    notification::enqueue(tx, message).await?;
                }
                let record = audit::Record {
                    actor: "system",
                    duty: "system",
                    act: "relying_party.end_told",
                    subject: &id,
                    detail: serde_json::json!({ "days": days, "messages": sent }),
                };
                audit::record(tx, record).await?;
                Ok(true)
            })
        })
        .await?;
    Ok(told)
}

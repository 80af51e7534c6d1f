//! Passages: taken from the controllers line by line, each exactly once, in the order of their chain.

use std::sync::Arc;

use gate::passage::{Chain, Line, MAX_LINE};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wallet::account::messages::PushKind;

use super::enrolment::Controller;
use crate::audit;
use crate::notification;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, Problem, limits};

/// Lines of the passage log, as they stand there.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upload {
    /// In order. Lines that were taken before are passed over.
    #[schema(max_items = 200)]
    pub(crate) lines: Vec<String>,
    /// How the controller and its doors stand, where it tells: on each change, and at least four times a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) standing: Option<Standing>,
}

/// How a controller stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standing {
    /// Age of what it knows, milliseconds.
    pub(crate) age_ms: Option<i64>,
    /// Whether it believes its clock.
    pub(crate) time_trusted: bool,
    /// Lines that wait for the server.
    pub(crate) waiting: u64,
    /// The grace order in force.
    pub(crate) order: Option<OrderStanding>,
    /// Its doors.
    #[schema(max_items = 64)]
    pub(crate) doors: Vec<DoorStanding>,
}

/// A grace order that a controller took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderStanding {
    /// Its name.
    pub(crate) id: String,
    /// Whether it is a drill.
    pub(crate) drill: bool,
    /// Milliseconds since 1970.
    pub(crate) until: i64,
}

/// How a door stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoorStanding {
    /// Its id.
    pub(crate) door: String,
    /// Whether the lock is open.
    pub(crate) unlocked: bool,
    /// Whether the leaf stands open.
    pub(crate) open: bool,
    /// What is wrong and goes on: the code of an alarm, or of what its reader told.
    pub(crate) trouble: Option<String>,
}

impl Standing {
    fn in_bounds(&self) -> bool {
        let short = |text: &str| text.len() <= gate::pass::MAX_CODE * 2;
        let door = |door: &DoorStanding| short(&door.door) && door.trouble.as_deref().is_none_or(short);
        self.doors.len() <= limits::GATE_DOORS_TOLD.size()
            && self.doors.iter().all(door)
            && self.order.as_ref().is_none_or(|order| short(&order.id))
    }
}

async fn stand(platform: &Platform, id: String, standing: &Standing) -> Result<(), Problem> {
    if !standing.in_bounds() {
        return Err(Problem::of_status(StatusCode::BAD_REQUEST));
    }
    let text = serde_json::to_string(standing).map_err(Problem::internal)?;
    let written = platform.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let now_ms = tx.now_ms();
            let sql = "UPDATE gate_controller SET standing = $2, standing_at = $3 WHERE id = $1";
            tx.execute(sql, params![&id, &text, now_ms]).await
        })
    });
    written.await?;
    Ok(())
}

/// How far the log was taken.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Taken {
    /// Number of the last line that is safe here.
    pub(crate) n: u64,
}

/// Takes what is new. A line that does not follow is refused with all after it, and noted: somebody changed the log, or the
/// controller lost its disk.
pub(super) async fn take(
    platform: &Platform,
    controller: Controller,
    upload: Upload,
) -> Result<Taken, Problem> {
    if upload.lines.len() > limits::GATE_PASSAGE_LINES.size() {
        return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    if let Some(standing) = &upload.standing {
        stand(platform, controller.id.clone(), standing).await?;
    }
    let stood = Chain { n: controller.passage_n, head: controller.passage_head.clone() };
    let mut chain = stood.clone();
    let mut fresh: Vec<(Line, String)> = Vec::new();
    for text in upload.lines {
        if text.len() > MAX_LINE {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "gate_passage_line"));
        }
        // Only its number is read: a line that was taken is not looked at again.
        let known = serde_json::from_str::<Line>(&text).is_ok_and(|line| line.n <= stood.n);
        if known {
            continue;
        }
        match chain.follow(&text) {
            Ok((line, next)) => {
                chain = next;
                fresh.push((line, text));
            }
            Err(error) => {
                broken(platform, &controller.id, chain.n, &error.to_string()).await?;
                return Err(Problem::new(StatusCode::CONFLICT, "gate_passage_chain").with("n", stood.n));
            }
        }
    }
    let n = chain.n;
    if fresh.is_empty() {
        return Ok(Taken { n });
    }
    let id = controller.id;
    let taken = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                // Of two uploads of the same lines, one moves the head; the other wrote nothing.
                let moved = tx
                    .execute(
                        "UPDATE gate_controller SET passage_n = $4, passage_head = $5 \
                         WHERE id = $1 AND passage_n = $2 AND passage_head = $3",
                        params![&id, number(stood.n), &stood.head, number(chain.n), &chain.head],
                    )
                    .await?;
                if moved != 1 {
                    return Ok(false);
                }
                for (line, text) in fresh {
                    enter(tx, &id, &line, text).await?;
                }
                Ok(true)
            })
        })
        .await?;
    if taken { Ok(Taken { n }) } else { Err(Problem::of_status(StatusCode::CONFLICT)) }
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

async fn enter(tx: &mut Tx, controller: &str, line: &Line, text: String) -> Result<(), StoreError> {
    let entry = &line.entry;
    let gate_ref = entry.gate_ref.map(String::from);
    tx.execute(
        "INSERT INTO gate_passage (controller_id, n, at, opened, gate_ref, line) VALUES ($1, $2, $3, $4, $5, $6)",
        params![controller, number(line.n), entry.at, i64::from(entry.opened), gate_ref.as_deref(), text],
    )
    .await?;
    let Some(gate_ref) = gate_ref.filter(|_| entry.opened) else { return Ok(()) };
    // The holder is told of each passage; what the phone itself saw of it stands in its history.
    let sql = "SELECT account_id FROM gate_badge WHERE gate_ref = $1";
    if let Some(row) = tx.fetch_optional(sql, params![&gate_ref]).await? {
        notification::tell(tx, &row.text("account_id")?, PushKind::Gate).await?;
    }
    Ok(())
}

async fn broken(platform: &Platform, controller: &str, n: u64, why: &str) -> Result<(), StoreError> {
    let (controller, why) = (controller.to_owned(), why.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let detail = serde_json::json!({ "after": n, "why": why });
                let (act, subject) = ("gate.passage_chain_broken", &controller);
                let record = audit::Record { actor: &controller, duty: "gate", act, subject, detail };
                audit::record(tx, record).await
            })
        })
        .await
}

/// Passages are kept as long as the law of the place says, no longer; so is what the feed told long ago.
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(|mut stop| async move {
        while stop.sleep(limits::GATE_SWEEP.duration()).await {
            let now_ms = platform.now_ms();
            let swept = platform.store.write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "DELETE FROM gate_passage WHERE at < $1",
                        params![now_ms.saturating_sub(limits::GATE_PASSAGE_KEPT.get())],
                    )
                    .await?;
                    tx.execute(
                        "DELETE FROM gate_feed WHERE at < $1",
                        params![now_ms.saturating_sub(limits::GATE_FEED_STORED.get())],
                    )
                    .await
                })
            });
            if let Err(error) = swept.await {
                tracing::warn!(%error, "old passages could not be removed; tried again later");
            }
        }
    });
}

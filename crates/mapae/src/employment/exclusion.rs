//! An agency that no longer takes part: its people's applications and badges end one after the other, in short commits, so
//! that nobody's login waits for a hundred thousand revocations. A killed server goes on where it stopped.

use std::sync::Arc;

use super::carry_out::{Happened, carry_out};
use super::rules::Event;
use crate::audit;
use crate::lifecycle::By;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};
use crate::personnel::{self, PersonnelError};

/// Notes that an agency is excluded; the worker walks through it.
pub(crate) async fn exclude(tx: &mut Tx, agency_code: &str, by: &By) -> Result<(), StoreError> {
    let now = tx.now_ms();
    tx.execute(
        "INSERT INTO employment_exclusion (agency_code, after_id, told_by, duty, created_at) VALUES ($1, '', $2, $3, $4) \
         ON CONFLICT (agency_code) DO UPDATE SET after_id = '', told_by = excluded.told_by, duty = excluded.duty, \
         created_at = excluded.created_at",
        params![agency_code, by.actor.as_str(), by.duty.as_str(), now],
    )
    .await?;
    let detail = serde_json::json!({});
    let act = "employment.agency_excluded";
    audit::record(tx, audit::Record { actor: &by.actor, duty: &by.duty, act, subject: agency_code, detail })
        .await
}

/// The agency takes part again: what has not ended yet does not end.
pub(crate) async fn include(tx: &mut Tx, agency_code: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM employment_exclusion WHERE agency_code = $1", params![agency_code]).await?;
    Ok(())
}

pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::EMPLOYMENT_SWEEP.duration()).await {
            loop {
                match round(&platform).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "an excluded agency could not be walked through");
                        break;
                    }
                }
            }
        }
    });
}

/// Ends what the next people of an excluded agency have; `false` when none is left.
pub(super) async fn round(platform: &Arc<Platform>) -> Result<bool, PersonnelError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT agency_code, after_id, told_by, duty FROM employment_exclusion ORDER BY created_at, agency_code LIMIT 1",
            params![],
        )
        .await?;
    let Some(row) = row else { return Ok(false) };
    let (agency_code, after) = (row.text("agency_code")?, row.text("after_id")?);
    let by = By { actor: row.text("told_by")?, duty: row.text("duty")? };
    let ids =
        personnel::employees_of(platform, &agency_code, &after, limits::EMPLOYMENT_SWEEP_ROWS.get()).await?;
    let inner = Arc::clone(platform);
    platform
        .store
        .write::<_, PersonnelError, _>(move |tx| {
            Box::pin(async move {
                let Some(last) = ids.last() else {
                    tx.execute(
                        "DELETE FROM employment_exclusion WHERE agency_code = $1 AND after_id = $2",
                        params![agency_code, after],
                    )
                    .await?;
                    return Ok(());
                };
                // Whoever moves the place does this group; if the agency was taken in again, nobody does.
                let mine = tx
                    .execute(
                        "UPDATE employment_exclusion SET after_id = $3 WHERE agency_code = $1 AND after_id = $2",
                        params![agency_code.as_str(), after.as_str(), last.as_str()],
                    )
                    .await?;
                if mine != 1 {
                    return Ok(());
                }
                for employee_id in &ids {
                    let still = personnel::standing(tx, employee_id).await?;
                    if still.is_none_or(|standing| standing.agency_code != agency_code) {
                        continue;
                    }
                    let events = [Event::Exclusion];
                    let happened =
                        Happened { employee_id, agency_code: &agency_code, events: &events, by: &by };
                    carry_out(&inner, tx, &happened).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(true)
}

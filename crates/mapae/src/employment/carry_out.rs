//! Doing what the table says, in the transaction that writes the record.
//!
//! Rows are locked in the order of every other change: the employee, then offers, badge, account, login and issuing party
//! (`lifecycle::change`), then the application, then duties.

use super::rules::{Event, ForApplication, ForBadge};
use crate::lifecycle::{self, Badge, By, ChangeError, Reason};
use crate::operations::store::{Store, StoreError, Tx, params};
use crate::operations::{Language, Platform, language};
use crate::{application, audit, staff};

/// What happened to whom, and who told it.
#[derive(Clone, Copy, Debug)]
pub struct Happened<'a> {
    pub employee_id: &'a str,
    /// The agency before the change: the one that loses a badge.
    pub agency_code: &'a str,
    pub events: &'a [Event],
    pub by: &'a By,
}

/// A badge that is not in a state that leads there was changed by somebody else first; that is no failure.
fn changed(outcome: Result<Option<Badge>, ChangeError>) -> Result<Option<Badge>, StoreError> {
    match outcome {
        Ok(badge) => Ok(badge),
        Err(ChangeError::Store(error)) => Err(error),
        Err(ChangeError::Unknown | ChangeError::NotAllowed { .. } | ChangeError::Overtaken) => Ok(None),
    }
}

/// Carries out every event in order. Nothing is written for a hire, which has nothing to change.
pub async fn carry_out(platform: &Platform, tx: &mut Tx, happened: &Happened<'_>) -> Result<(), StoreError> {
    let Happened { employee_id, events, by, .. } = *happened;
    if events.iter().all(|event| *event == Event::Hire) {
        return Ok(());
    }
    for event in events {
        badge(tx, employee_id, *event, by).await?;
    }
    for event in events {
        let note = || {
            let event = language::text(Language::Ko, event.key()).to_owned();
            language::format(Language::Ko, "employment.note", &[("event", event)])
        };
        match event.rule().application {
            ForApplication::Nothing => false,
            ForApplication::StartOver => application::start_over(platform, tx, employee_id, &note()).await?,
            ForApplication::CheckAgain => {
                application::check_again(platform, tx, employee_id, &note()).await?
            }
            ForApplication::End => application::end_of_employee(platform, tx, employee_id, &note()).await?,
        };
    }
    if events.iter().any(|event| matches!(event, Event::Retirement | Event::Death)) {
        staff::employment_ended(tx, employee_id, &by.actor).await?;
    }
    let words: Vec<&str> = events.iter().map(|event| event.as_str()).collect();
    let detail = serde_json::json!({ "events": words });
    let act = "employment.changed";
    let record = audit::Record { actor: &by.actor, duty: &by.duty, act, subject: employee_id, detail };
    audit::record(tx, record).await
}

async fn badge(tx: &mut Tx, employee_id: &str, event: Event, by: &By) -> Result<(), StoreError> {
    let rule = event.rule();
    let reason = rule.reason.unwrap_or(Reason::Order);
    match rule.badge {
        ForBadge::Nothing => {}
        ForBadge::Suspend => {
            changed(lifecycle::suspend_employee(tx, employee_id, by, reason).await)?;
        }
        ForBadge::Resume => {
            changed(lifecycle::resume_after_leave(tx, employee_id, by).await)?;
        }
        ForBadge::Revoke => {
            changed(lifecycle::revoke_employee(tx, employee_id, by, reason).await)?;
        }
        ForBadge::NewCopies => {
            if let Some(badge) = Badge::live_of_employee_in(tx, employee_id).await? {
                let now = tx.now_ms();
                tx.execute(
                    "INSERT INTO employment_outdated (badge_id, employee_id, event, since_at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (badge_id) DO UPDATE SET event = excluded.event, since_at = excluded.since_at",
                    params![badge.id, employee_id, event.as_str(), now],
                )
                .await?;
            }
        }
    }
    Ok(())
}

/// Since when a badge says something that is no longer so, and what happened; `None` if it is up to date as far as we
/// were told.
pub async fn outdated_since(store: &Store, badge_id: &str) -> Result<Option<(Event, i64)>, StoreError> {
    let row = store
        .fetch_optional(
            "SELECT event, since_at FROM employment_outdated WHERE badge_id = $1",
            params![badge_id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let since = row.int("since_at")?;
    Ok(Event::parse(&row.text("event")?).map(|event| (event, since)))
}

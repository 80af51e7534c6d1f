//! From the ledger's events to the trust list.

use std::sync::Arc;

use credential::trust::Statement;
use keys::encoding::b64url_encode;
use registry::contract::{Code, Event, credential_type};
use registry::did::Did;
use registry::ethereum::B256;

use super::record::Setup;
use super::{LedgerError, anchor, open, record};
use crate::lifecycle::{Grant, TrustChange};
use crate::operations::store::StoreError;
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};
use crate::{audit, lifecycle};

pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::LEDGER_FOLLOW.duration()).await {
            match anchor::only_one(&platform, "ledger_follow", follow(&platform)).await {
                Ok(_) | Err(LedgerError::NotSetUp) => {}
                // The trust list stands as it was.
                Err(error) => tracing::warn!(%error, "the ledger can't be read"),
            }
        }
    });
}

/// Reads what is new on the ledger and enters it; how many changes there were.
pub(super) async fn follow(platform: &Platform) -> Result<usize, LedgerError> {
    let setup = record::setup(platform).await?.ok_or(LedgerError::NotSetUp)?;
    let opened = open::opened(platform).await?;
    let head = opened.connection.ledger.head().await?.number;
    if head < setup.next_block {
        return Ok(0);
    }
    let events = opened.registry.accreditations(setup.next_block).await?;
    let changes: Vec<TrustChange> =
        events.into_iter().filter_map(|(_, event)| change(&setup, event)).collect();
    // The endpoint that told the head may not be the one that told the events, which may be behind it.
    let again =
        if opened.connection.remote.is_some() { limits::LEDGER_OVERLAP.get().unsigned_abs() } else { 0 };
    let (from, to) = (setup.next_block, head.saturating_add(1).saturating_sub(again).max(setup.next_block));
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let mut news = 0;
                if !record::advance(tx, from, to).await? {
                    return Ok(news);
                }
                for change in &changes {
                    if !lifecycle::follow_ledger(tx, change).await? {
                        continue;
                    }
                    news += 1;
                    let (act, subject) = change.told();
                    let detail = serde_json::json!({});
                    let (actor, duty) = ("ledger", "system");
                    audit::record(tx, audit::Record { actor, duty, act, subject, detail }).await?;
                }
                Ok::<usize, StoreError>(news)
            })
        })
        .await
        .map_err(LedgerError::from)
}

/// What an event changes. A grant counts only with the registrar's statement over the very same thing.
fn change(setup: &Setup, event: Event) -> Option<TrustChange> {
    let at_ms = |at: u64| record::number(at.saturating_mul(1_000));
    match event {
        Event::Accredited { agency, credential_type, key, period, statement, .. } => {
            let text = std::str::from_utf8(&statement).ok()?;
            match setup.registrar.read(text) {
                Ok(read) if fits(setup, &read, (agency, credential_type, key), period) => {
                    Some(TrustChange::Granted(Box::new(Grant { statement: read, text: text.to_owned() })))
                }
                Ok(_) => {
                    tracing::error!(%agency, "an accreditation says something else than its statement; it is passed over");
                    None
                }
                Err(error) => {
                    tracing::error!(%agency, %error, "an accreditation without the registrar's statement is passed over");
                    None
                }
            }
        }
        Event::Retired { credential_type, key, at, .. } => {
            Some(TrustChange::Retired { jkt: name(key), vct_hash: credential_type.0, at_ms: at_ms(at) })
        }
        Event::Revoked { key, at, .. } => Some(TrustChange::Revoked { jkt: name(key), at_ms: at_ms(at) }),
        Event::Deactivated { agency, .. } => {
            Some(TrustChange::Deactivated { did: Did::new(setup.network, agency).to_string() })
        }
        _ => None,
    }
}

fn fits(
    setup: &Setup,
    statement: &Statement,
    (agency, kind, key): (Code, B256, B256),
    (from, until): (u64, u64),
) -> bool {
    statement.sub == Did::new(setup.network, agency).to_string()
        && credential_type(&statement.vct) == kind
        && statement.jkt == name(key)
        && (statement.from, statement.until) == (record::number(from), record::number(until))
}

fn name(key: B256) -> String {
    b64url_encode(key.as_slice())
}

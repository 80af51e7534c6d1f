//! Asking and approving: one operator asks, another approves exactly what was asked.
//!
//! The approval is one conditional update, so of any number at once one counts; it writes the registration in the same
//! transaction, over the version that the request was made for, with the rules weighed anew.

use std::sync::Arc;

use serde_json::json;

use super::error::PartyError;
use super::proposal::Proposal;
use crate::audit;
use crate::desk;
use crate::login::{self, registration};
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Platform, id, limits};
use crate::staff::{Actor, Duty};
use crate::verification::relying_party::{self, Approved, RelyingParty, Secrets};

/// A request that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) base: Option<i64>,
    pub(super) proposal: Proposal,
    pub(super) asked_by: String,
    pub(super) asked_at: i64,
    pub(super) ends_at: i64,
}

impl Waiting {
    fn read(row: &Row) -> Result<Waiting, PartyError> {
        let proposal = row.text("proposal")?;
        Ok(Waiting {
            id: row.text("id")?,
            base: row.opt_int("base")?,
            proposal: serde_json::from_str(&proposal)
                .map_err(|error| PartyError::Damaged(error.to_string()))?,
            asked_by: row.text("asked_by")?,
            asked_at: row.int("asked_at")?,
            ends_at: row.int("ends_at")?,
        })
    }
}

/// Whoever decides about relying parties.
pub(super) fn operator(who: &Actor) -> Result<(), PartyError> {
    if who.holds(Duty::Operator) { Ok(()) } else { Err(PartyError::Forbidden) }
}

pub(super) async fn note(
    tx: &mut Tx,
    by: &str,
    act: &str,
    party: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    let duty = Duty::Operator.as_str();
    audit::record(tx, audit::Record { actor: by, duty, act, subject: party, detail }).await
}

/// SHA-256 of a proposal: what the audit log names it by.
fn digest(proposal: &str) -> String {
    keys::encoding::b64url_encode(&keys::sha256(proposal.as_bytes()))
}

/// Asks; nothing changes before another person approves. `seen` is the version that the form was filled from; none for a new
/// registration.
pub(super) async fn ask(
    platform: &Arc<Platform>,
    who: &Actor,
    proposal: Proposal,
    seen: Option<i64>,
) -> Result<String, PartyError> {
    operator(who)?;
    if desk::is_own_client(&proposal.id) {
        return Err(PartyError::System);
    }
    let current = relying_party::look(&platform.store, &proposal.id).await?;
    match (&current, seen) {
        (None, Some(_)) => return Err(PartyError::Unknown),
        (Some(_), None) => return Err(relying_party::RegistrationError::Taken.into()),
        (Some(current), Some(seen)) if current.version != seen => return Err(PartyError::Changed),
        _ => {}
    }
    proposal.check(platform, current.as_ref())?;
    let text = serde_json::to_string(&proposal).map_err(|error| PartyError::Damaged(error.to_string()))?;
    let (request, by, party) = (id::new(), who.employee_id.clone(), proposal.id);
    let made = request.clone();
    platform
        .store
        .write::<_, PartyError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                tx.execute(
                    "UPDATE relying_party_request SET state = 'expired' WHERE state = 'waiting' AND ends_at <= $1",
                    params![now],
                )
                .await?;
                let waiting = tx
                    .fetch_one(
                        "SELECT COUNT(*) AS n FROM relying_party_request WHERE state = 'waiting'",
                        params![],
                    )
                    .await?;
                if waiting.int("n")? >= limits::PARTY_REQUESTS.get() {
                    return Err(PartyError::TooMany);
                }
                let rows = tx
                    .execute(
                        "INSERT INTO relying_party_request (id, party, base, proposal, state, asked_by, asked_at, ends_at) \
                         VALUES ($1, $2, $3, $4, 'waiting', $5, $6, $7) ON CONFLICT DO NOTHING",
                        params![
                            request.as_str(),
                            party.as_str(),
                            seen,
                            text.as_str(),
                            by.as_str(),
                            now,
                            now.saturating_add(limits::PARTY_REQUEST.get())
                        ],
                    )
                    .await?;
                if rows != 1 {
                    return Err(PartyError::Asked);
                }
                let detail = json!({ "request": request, "base": seen, "proposal": digest(&text) });
                note(tx, &by, "relying_party.asked", &party, detail).await?;
                Ok(())
            })
        })
        .await?;
    Ok(made)
}

/// A request that waits, for somebody who reads the desk.
pub(super) async fn waiting(platform: &Platform, request: &str) -> Result<Waiting, PartyError> {
    if !id::is_id(request) {
        return Err(PartyError::Unknown);
    }
    let row = platform
        .store
        .fetch_optional(
            "SELECT * FROM relying_party_request WHERE id = $1 AND state = 'waiting' AND ends_at > $2",
            params![request, platform.now_ms()],
        )
        .await?;
    Waiting::read(&row.ok_or(PartyError::Unknown)?)
}

/// Everything that waits, the oldest first; [`limits::PARTY_REQUESTS`] bounds it.
pub(super) async fn all_waiting(platform: &Platform) -> Result<Vec<Waiting>, PartyError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT * FROM relying_party_request WHERE state = 'waiting' AND ends_at > $1 ORDER BY id LIMIT $2",
            params![platform.now_ms(), limits::PARTY_REQUESTS.get()],
        )
        .await?;
    rows.iter().map(Waiting::read).collect()
}

/// The second person says yes: it is registered for a year. Returns the secrets that are new, shown once.
pub(super) async fn approve(
    platform: &Platform,
    who: &Actor,
    request: &str,
) -> Result<(Proposal, Secrets), PartyError> {
    operator(who)?;
    let Waiting { id: request, base, proposal, asked_by, .. } = waiting(platform, request).await?;
    if asked_by == who.employee_id {
        return Err(PartyError::SamePerson);
    }
    let current = relying_party::look(&platform.store, &proposal.id).await?;
    let checked = proposal.check(platform, current.as_ref())?;
    let (by, approved) = (who.employee_id.clone(), proposal.clone());
    let secrets = platform
        .store
        .write::<_, PartyError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let mine = tx
                    .execute(
                        "UPDATE relying_party_request SET state = 'approved', decided_by = $2, decided_at = $3 \
                         WHERE id = $1 AND state = 'waiting' AND ends_at > $3 AND asked_by <> $2",
                        params![request.as_str(), by.as_str(), now],
                    )
                    .await?;
                if mine != 1 {
                    return Err(PartyError::Unknown);
                }
                let expires_at = now.saturating_add(limits::PARTY_LIFE.get());
                let agreed = Approved {
                    registration: &checked.registration,
                    sector: &checked.sector,
                    purposes: &proposal.purposes,
                    networks: &proposal.networks,
                    test: proposal.test,
                    expires_at,
                    asked_by: &asked_by,
                    approved_by: &by,
                };
                let secrets = relying_party::put(tx, &agreed, base).await?.ok_or(PartyError::Changed)?;
                registration::put(tx, &proposal.id, &proposal.settings).await?;
                let text = serde_json::to_string(&proposal)
                    .map_err(|error| PartyError::Damaged(error.to_string()))?;
                let detail = json!({
                    "request": request, "asked_by": asked_by, "proposal": digest(&text), "test": proposal.test,
                    "claims": checked.registration.claims, "until": expires_at,
                });
                let act = if base.is_none() { "relying_party.registered" } else { "relying_party.changed" };
                note(tx, &by, act, &proposal.id, detail).await?;
                Ok(secrets)
            })
        })
        .await?;
    Ok((approved, secrets))
}

/// The request is taken back or refused.
pub(super) async fn drop_it(platform: &Platform, who: &Actor, request: &str) -> Result<(), PartyError> {
    operator(who)?;
    let Waiting { id: request, proposal, .. } = waiting(platform, request).await?;
    let by = who.employee_id.clone();
    platform
        .store
        .write::<_, PartyError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let mine = tx
                    .execute(
                        "UPDATE relying_party_request SET state = 'dropped', decided_by = $2, decided_at = $3 \
                         WHERE id = $1 AND state = 'waiting'",
                        params![request.as_str(), by.as_str(), now],
                    )
                    .await?;
                if mine != 1 {
                    return Err(PartyError::Unknown);
                }
                let detail = json!({ "request": request });
                Ok(note(tx, &by, "relying_party.request_dropped", &proposal.id, detail).await?)
            })
        })
        .await
}

/// A registered relying party that people may change here.
pub(super) async fn changeable(
    platform: &Platform,
    who: &Actor,
    party: &str,
) -> Result<RelyingParty, PartyError> {
    operator(who)?;
    let party = relying_party::look(&platform.store, party).await?.ok_or(PartyError::Unknown)?;
    if desk::is_own_client(&party.id) { Err(PartyError::System) } else { Ok(party) }
}

/// New secrets, the old ones beside them for a week.
pub(super) async fn rotate(platform: &Platform, who: &Actor, party: &str) -> Result<Secrets, PartyError> {
    let party = changeable(platform, who, party).await?;
    let by = who.employee_id.clone();
    platform
        .store
        .write::<_, PartyError, _>(move |tx| {
            Box::pin(async move {
                let secrets =
                    relying_party::rotate_secrets(tx, &party.id).await?.ok_or(PartyError::Overlap)?;
                let until = tx.now_ms().saturating_add(limits::PARTY_OVERLAP.get());
                let detail = json!({ "old_until": until });
                note(tx, &by, "relying_party.secrets_rotated", &party.id, detail).await?;
                Ok(secrets)
            })
        })
        .await
}

/// The old secrets end now.
pub(super) async fn end_old(platform: &Platform, who: &Actor, party: &str) -> Result<(), PartyError> {
    let party = changeable(platform, who, party).await?;
    let by = who.employee_id.clone();
    platform
        .store
        .write::<_, PartyError, _>(move |tx| {
            Box::pin(async move {
                if !relying_party::end_old_secrets(tx, &party.id).await? {
                    return Err(PartyError::NoOverlap);
                }
                Ok(note(tx, &by, "relying_party.old_secrets_ended", &party.id, json!({})).await?)
            })
        })
        .await
}

/// Ends it at once, by one person and with a reason; every login that came of it is over.
pub(super) async fn disable(
    platform: &Platform,
    who: &Actor,
    party: &str,
    reason: &str,
) -> Result<(), PartyError> {
    let party = changeable(platform, who, party).await?;
    let reason: String = reason.trim().chars().take(limits::APPLICATION_NOTE.size()).collect();
    if reason.is_empty() {
        return Err(PartyError::NoReason);
    }
    let by = who.employee_id.clone();
    platform
        .store
        .write::<_, PartyError, _>(move |tx| {
            Box::pin(async move {
                if !relying_party::disable(tx, &party.id).await? {
                    return Err(PartyError::Disabled);
                }
                login::end_party(tx, &party.id).await?;
                let detail = json!({ "reason": reason });
                Ok(note(tx, &by, "relying_party.disabled", &party.id, detail).await?)
            })
        })
        .await
}

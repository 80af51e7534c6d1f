//! What the HR desk decides: approve, reject, take an approval back. Never on one's own request.

use std::sync::Arc;

use credential::types::Source;
use http::StatusCode;
use serde_json::Value;

use super::held;
use super::request::{AskError, Request, RequestState, TABLE, Typed, checked, opened};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};
use crate::personnel::{self, PersonnelError};
use crate::staff::{Actor, Duty};
use crate::{audit, issuance};

/// Why a request was not decided on.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("no such request, or none this person may see")]
    Unknown,
    #[error("nobody decides on their own request")]
    Own,
    #[error("a reason is needed, and not a long one")]
    Reason,
    #[error("the request does not wait for this")]
    State,
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Unknown => Self::new(StatusCode::NOT_FOUND, "credential_request_unknown"),
            DecideError::Own => Self::new(StatusCode::FORBIDDEN, "credential_own"),
            DecideError::Reason => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "credential_reason")
                .with("most", limits::CREDENTIAL_REASON.get()),
            DecideError::State => Self::new(StatusCode::CONFLICT, "credential_state"),
            DecideError::Ask(error) => error.into(),
            DecideError::Store(error) => error.into(),
        }
    }
}

impl From<PersonnelError> for DecideError {
    fn from(error: PersonnelError) -> Self {
        Self::Ask(error.into())
    }
}

/// Whether somebody is an HR manager at all; everybody else is told that this desk is not theirs.
pub(super) fn on_duty(who: &Actor) -> Result<(), Problem> {
    match who.holds(Duty::HrManager) {
        true => Ok(()),
        false => Err(Problem::new(StatusCode::FORBIDDEN, "forbidden")),
    }
}

/// The agencies that the person's duty as HR manager reaches.
pub(super) async fn agencies(platform: &Platform, who: &Actor) -> Result<Vec<String>, PersonnelError> {
    let from = who.reaches_from(Duty::HrManager);
    if from.is_empty() {
        return Ok(Vec::new());
    }
    personnel::agencies_under(platform, from, limits::APPLICATION_SCOPE.size()).await
}

/// What the HR desk decides.
#[derive(Clone, Debug)]
pub enum Decision {
    /// With the values that the type's file leaves to the approver.
    Approve(Typed),
    Reject(String),
}

/// Whether this request is in the reach of the person's duty as HR manager.
pub(super) async fn reaches(
    platform: &Platform,
    who: &Actor,
    request: &Request,
) -> Result<bool, PersonnelError> {
    let from = who.reaches_from(Duty::HrManager);
    if from.is_empty() {
        return Ok(false);
    }
    personnel::is_under(platform, &request.agency_code, &from).await
}

async fn to_decide(platform: &Platform, who: &Actor, request_id: &str) -> Result<Request, DecideError> {
    let request = Request::find(platform, request_id).await?.ok_or(DecideError::Unknown)?;
    if !reaches(platform, who, &request).await? {
        return Err(DecideError::Unknown);
    }
    if request.employee_id == who.employee_id {
        return Err(DecideError::Own);
    }
    Ok(request)
}

fn reason(text: &str) -> Result<String, DecideError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > limits::CREDENTIAL_REASON.size() {
        return Err(DecideError::Reason);
    }
    Ok(text.to_owned())
}

/// Approves or rejects a request that waits.
///
/// # Errors
/// See [`DecideError`].
pub async fn decide(
    platform: &Arc<Platform>,
    who: &Actor,
    request_id: &str,
    decision: Decision,
) -> Result<(), DecideError> {
    let request = to_decide(platform, who, request_id).await?;
    let by = (who.employee_id.clone(), Duty::HrManager.as_str());
    let given = match decision {
        Decision::Reject(text) => {
            let text = reason(&text)?;
            let from = [RequestState::Waiting, RequestState::Waiting];
            let moved = close(platform, request.id, from, RequestState::Rejected, text, by).await?;
            return if moved { Ok(()) } else { Err(DecideError::State) };
        }
        Decision::Approve(given) => given,
    };
    let kind = issuance::desk(platform).map_err(AskError::from)?.kind(&request.credential_type);
    let added = checked(kind.ok_or(AskError::NoType)?, Source::Approver, &given)?;
    let shared = Arc::clone(platform);
    let store = platform.store.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                let row = tx
                    .fetch_optional(
                        "SELECT id, typed FROM credential_request WHERE id = $1",
                        params![&request.id],
                    )
                    .await?;
                let mut typed = opened(&shared, &row.ok_or(DecideError::Unknown)?)?;
                typed.extend(added);
                let text = Value::Object(typed).to_string();
                let sealed = shared.sealer.seal(TABLE, "typed", &request.id, text.as_bytes());
                let rows = tx
                    .execute(
                        "UPDATE credential_request SET state = 'approved', typed = $2, decided_by = $3, changed_at = $4 \
                         WHERE id = $1 AND state = 'waiting'",
                        params![&request.id, sealed, &by.0, tx.now_ms()],
                    )
                    .await?;
                if rows != 1 {
                    return Err(DecideError::State);
                }
                let detail = serde_json::json!({ "type": request.credential_type });
                let record = audit::Record {
                    actor: &by.0,
                    duty: by.1,
                    act: "credential.approved",
                    subject: &request.id,
                    detail,
                };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

/// Takes an approval back, with a reason: the credential ends with all its copies, in the same transaction.
///
/// # Errors
/// See [`DecideError`].
pub async fn revoke(
    platform: &Platform,
    who: &Actor,
    request_id: &str,
    text: &str,
) -> Result<(), DecideError> {
    let request = to_decide(platform, who, request_id).await?;
    let by = (who.employee_id.clone(), Duty::HrManager.as_str());
    let from = [RequestState::Approved, RequestState::Approved];
    let moved = close(platform, request.id, from, RequestState::Revoked, reason(text)?, by).await?;
    if moved { Ok(()) } else { Err(DecideError::State) }
}

/// Ends a request that is in one of these states, and the credential received on it; whether it was in one.
pub(super) async fn close(
    platform: &Platform,
    request_id: String,
    from: [RequestState; 2],
    to: RequestState,
    reason: String,
    by: (String, &'static str),
) -> Result<bool, StoreError> {
    let [first, second] = from;
    let sealed =
        (!reason.is_empty()).then(|| platform.sealer.seal(TABLE, "reason", &request_id, reason.as_bytes()));
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let rows = tx
                    .execute(
                        "UPDATE credential_request SET state = $2, reason = $3, decided_by = $4, changed_at = $5 \
                         WHERE id = $1 AND state IN ($6, $7)",
                        params![
                            &request_id,
                            to.as_str(),
                            sealed,
                            &by.0,
                            tx.now_ms(),
                            first.as_str(),
                            second.as_str(),
                        ],
                    )
                    .await?;
                if rows != 1 {
                    return Ok(false);
                }
                let ended = held::end_of_request(tx, &request_id).await?;
                let act = match to {
                    RequestState::Rejected => "credential.rejected",
                    RequestState::Withdrawn => "credential.withdrawn",
                    _ => "credential.revoked",
                };
                let detail = serde_json::json!({ "ended": ended.len() });
                let record = audit::Record { actor: &by.0, duty: by.1, act, subject: &request_id, detail };
                audit::record(tx, record).await?;
                held::publish(tx, &ended).await?;
                Ok::<bool, StoreError>(true)
            })
        })
        .await
}

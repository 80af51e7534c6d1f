//! A personnel change made by an HR manager, for agencies whose HR system does not push, and for what cannot wait.

use std::sync::Arc;

use http::StatusCode;

use crate::audit;
use crate::lifecycle::By;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, id, limits};
use crate::personnel::{self, EmployeeLine, EmployeeStatus, PersonnelError, Saved, Told};
use crate::staff::{Actor, Duty};

/// Why a change by hand was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeByHandError {
    #[error("no such employee, or none this person answers for")]
    Unknown,
    #[error("nobody changes their own employment")]
    Own,
    #[error("a reason is needed")]
    NoReason,
    #[error("the reason is too long")]
    ReasonTooLong,
    #[error("the record was written meanwhile: {0:?}")]
    Moved(Saved),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ChangeByHandError> for Problem {
    fn from(error: ChangeByHandError) -> Self {
        match error {
            ChangeByHandError::Unknown => Self::new(StatusCode::NOT_FOUND, "personnel.not_found"),
            ChangeByHandError::Own => Self::new(StatusCode::FORBIDDEN, "employment.own"),
            ChangeByHandError::NoReason => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_no_reason")
            }
            ChangeByHandError::ReasonTooLong => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_note_too_long")
                    .with("most", limits::APPLICATION_NOTE.get())
            }
            ChangeByHandError::Moved(_) => Self::new(StatusCode::CONFLICT, "employment.stale"),
            ChangeByHandError::Personnel(error) => error.into(),
            ChangeByHandError::Store(error) => error.into(),
        }
    }
}

/// Sets the status of an employment; what follows, the rule table says.
pub(super) async fn change_status(
    platform: &Arc<Platform>,
    who: &Actor,
    employee_id: &str,
    status: EmployeeStatus,
    reason: &str,
) -> Result<Saved, ChangeByHandError> {
    let reason = reason.trim();
    match reason.chars().count() {
        0 => return Err(ChangeByHandError::NoReason),
        length if length > limits::APPLICATION_NOTE.size() => return Err(ChangeByHandError::ReasonTooLong),
        _ => {}
    }
    if !id::is_id(employee_id) {
        return Err(ChangeByHandError::Unknown);
    }
    let (line, target) =
        personnel::line_of(platform, employee_id).await?.ok_or(ChangeByHandError::Unknown)?;
    let reach = who.reaches_from(Duty::HrManager);
    if !personnel::is_under(platform, line.agency.as_str(), &reach).await? {
        return Err(ChangeByHandError::Unknown);
    }
    if employee_id == who.employee_id {
        return Err(ChangeByHandError::Own);
    }
    let by = By { actor: who.employee_id.clone(), duty: Duty::HrManager.as_str().to_owned() };
    let told = Told { target: Some(target), ..Told::line(by.clone(), "console") };
    let line = EmployeeLine { status, ..line };
    let (inner, reason) = (Arc::clone(platform), reason.to_owned());
    let (saved, _) = personnel::write_line(platform, line, told, move |tx, saved, subject| {
        let (inner, by, reason) = (Arc::clone(&inner), by.clone(), reason.clone());
        Box::pin(async move {
            if !matches!(saved, Saved::Changed | Saved::Held) {
                return Ok(());
            }
            let detail = serde_json::json!({ "status": status.as_str(), "held": saved == Saved::Held });
            let act = "employment.changed_by_hand";
            let record = audit::Record { actor: &by.actor, duty: &by.duty, act, subject, detail };
            let personal = serde_json::json!({ "reason": reason });
            Ok(audit::record_with_personal(tx, &inner.sealer, record, &personal).await?)
        })
    })
    .await?;
    match saved {
        Saved::Changed | Saved::Unchanged | Saved::Held => Ok(saved),
        other => Err(ChangeByHandError::Moved(other)),
    }
}

/// Notes that somebody looked at people's records; without the note there is no look.
pub(super) async fn note_look(
    platform: &Platform,
    who: &Actor,
    act: &'static str,
    subject: &'static str,
) -> Result<(), StoreError> {
    let actor = who.employee_id.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let duty = Duty::HrManager.as_str();
                let detail = serde_json::json!({});
                audit::record(tx, audit::Record { actor: &actor, duty, act, subject, detail }).await
            })
        })
        .await
}

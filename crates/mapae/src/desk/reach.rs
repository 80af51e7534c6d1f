//! Whom a duty reaches: the persons of its agency and of those below it, and never oneself for a decision.

use http::StatusCode;

use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::personnel::{self, Employee, PersonnelError};
use crate::staff::{Actor, Duty};

/// Duties that find and read people.
pub(super) const READ: [Duty; 3] = [Duty::HrManager, Duty::SecurityOfficer, Duty::Auditor];
/// Duties that stop, resume and revoke a badge.
pub(super) const STOP: [Duty; 2] = [Duty::SecurityOfficer, Duty::HrManager];
/// The duty that unlocks, two persons of it together.
pub(super) const UNLOCK: [Duty; 1] = [Duty::HrManager];

/// Why a desk does nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeskError {
    #[error("no such person, or none that this duty reaches")]
    Unknown,
    #[error("the duty is missing")]
    Forbidden,
    #[error("nobody decides about their own badge")]
    Own,
    #[error("a reason is needed")]
    NoReason,
    #[error("the person is on leave or no longer serves")]
    NotServing,
    #[error("the name that was typed is not this person's")]
    NotTheName,
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Unknown => Self::new(StatusCode::NOT_FOUND, "desk_unknown"),
            DeskError::Forbidden => Self::new(StatusCode::FORBIDDEN, "forbidden"),
            DeskError::Own => Self::new(StatusCode::FORBIDDEN, "desk_own"),
            DeskError::NoReason => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_no_reason"),
            DeskError::NotServing => Self::new(StatusCode::CONFLICT, "desk_not_serving"),
            DeskError::NotTheName => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "desk_not_the_name"),
            DeskError::Personnel(error) => error.into(),
            DeskError::Store(error) => error.into(),
        }
    }
}

/// The agencies that these duties of somebody reach from; without any they have no business here.
pub(super) fn from(who: &Actor, duties: &[Duty]) -> Result<Vec<String>, DeskError> {
    let from: Vec<String> = duties.iter().flat_map(|duty| who.reaches_from(*duty)).collect();
    if from.is_empty() { Err(DeskError::Forbidden) } else { Ok(from) }
}

/// The first of `duties` that reaches a person.
pub(super) async fn duty_over(
    platform: &Platform,
    who: &Actor,
    employee: &Employee,
    duties: &[Duty],
) -> Result<Option<Duty>, DeskError> {
    for duty in duties {
        if personnel::is_under(platform, &employee.agency.code, &who.reaches_from(*duty)).await? {
            return Ok(Some(*duty));
        }
    }
    Ok(None)
}

/// A person whom one of these duties reaches; whoever it does not reach is unknown.
pub(super) async fn person(
    platform: &Platform,
    who: &Actor,
    employee_id: &str,
    duties: &[Duty],
) -> Result<(Employee, Duty), DeskError> {
    let employee = personnel::employee(platform, employee_id).await?.ok_or(DeskError::Unknown)?;
    let duty = duty_over(platform, who, &employee, duties).await?.ok_or(DeskError::Unknown)?;
    Ok((employee, duty))
}

/// The same for a decision, which nobody takes about themselves.
pub(super) async fn decides_on(
    platform: &Platform,
    who: &Actor,
    employee_id: &str,
    duties: &[Duty],
) -> Result<(Employee, Duty), DeskError> {
    let found = person(platform, who, employee_id, duties).await?;
    if employee_id == who.employee_id { Err(DeskError::Own) } else { Ok(found) }
}

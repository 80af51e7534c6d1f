//! What the duties do: approve, refuse, return. Three steps, three different pairs of hands, never one's own application.
//!
//! Who may take a step is looked up before the transaction; what must not be raced is decided in it: the state by one
//! conditional UPDATE, the pair of hands by the primary key of `application_hand`. The one for whom a delegate decides
//! counts as a hand too, so nobody takes two steps by lending out one of them.

use http::StatusCode;

use super::delegation::{self, Delegation};
use super::invitation;
use super::people;
use super::record::{self, Application, By, Entry, advance};
use super::state::{Act, State, Step};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::personnel::{self, Eligibility, PersonnelError, Refused};
use crate::staff::{Actor, Duty};

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("no such application, or none this person may see")]
    Unknown,
    #[error("the duty for this step is missing")]
    Forbidden,
    #[error("nobody decides on their own application")]
    Own,
    #[error("this person, or the one they decide for, took another step of this application")]
    TwoSteps,
    #[error("this step is not waiting: state {0}")]
    NotWaiting(State),
    #[error("somebody moved the application meanwhile")]
    Moved,
    #[error("a reason is needed")]
    NoReason,
    #[error("the reason is too long")]
    ReasonTooLong,
    #[error("the HR record changed since the page was shown")]
    RecordChanged,
    #[error("the phone number changed after the identity check: the check is open again")]
    PhoneChanged,
    #[error("not eligible any more: {}", .0.code)]
    NotEligible(Refused),
    #[error("no phone number to send the message to")]
    NoPhone,
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Unknown => Self::new(StatusCode::NOT_FOUND, "application_unknown"),
            DecideError::Forbidden => Self::new(StatusCode::FORBIDDEN, "application_not_yours_to_decide"),
            DecideError::Own => Self::new(StatusCode::FORBIDDEN, "application_own"),
            DecideError::TwoSteps => Self::new(StatusCode::FORBIDDEN, "application_two_steps"),
            DecideError::NotWaiting(state) => {
                Self::new(StatusCode::CONFLICT, "application_not_waiting").with("state", state.as_str())
            }
            DecideError::Moved => Self::new(StatusCode::CONFLICT, "application_moved"),
            DecideError::NoReason => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_no_reason"),
            DecideError::ReasonTooLong => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_note_too_long")
                    .with("most", limits::APPLICATION_NOTE.get())
            }
            DecideError::RecordChanged => Self::new(StatusCode::CONFLICT, "application_record_changed"),
            DecideError::PhoneChanged => Self::new(StatusCode::CONFLICT, "application_phone_changed"),
            DecideError::NotEligible(refused) => super::apply::not_eligible(refused),
            DecideError::NoPhone => Self::new(StatusCode::CONFLICT, "application_no_phone"),
            DecideError::Personnel(error) => error.into(),
            DecideError::Store(error) => error.into(),
        }
    }
}

/// A decision on the step that waits.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Yes. At the identity check with the digest of the HR record as it was shown ([`people::record_digest`]).
    Approve { seen: Option<String> },
    /// No, for good, with a reason the applicant reads.
    Reject { reason: String },
    /// Back to the applicant, with what is missing.
    Return { reason: String },
}

/// How somebody may take a step: on their own or for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) duty: Duty,
    pub(super) behalf_of: Option<String>,
}

/// Whether and how `actor` may take `step` of an application.
pub(super) async fn authority(
    platform: &Platform,
    actor: &Actor,
    application: &Application,
    step: Step,
) -> Result<Option<Authority>, DecideError> {
    let duty = match step {
        Step::Apply => return Ok(None),
        Step::HeadApproval => Duty::DepartmentHead,
        Step::IdentityCheck | Step::IssueApproval => Duty::HrManager,
    };
    let own = match duty {
        Duty::DepartmentHead => {
            people::heads_of(platform, &application.head_department_id).await?.contains(&actor.employee_id)
        }
        _ => people::reaches(platform, &actor.reaches_from(duty), &application.agency_code).await?,
    };
    if own {
        return Ok(Some(Authority { duty, behalf_of: None }));
    }
    for Delegation { from_id, .. } in delegation::to(platform, &actor.employee_id, duty).await? {
        let lends = match duty {
            Duty::DepartmentHead => {
                people::heads_of(platform, &application.head_department_id).await?.contains(&from_id)
            }
            _ => {
                let from = crate::staff::duties_of(platform, &from_id).await?;
                let agencies: Vec<String> =
                    from.into_iter().filter(|held| held.duty == duty).map(|held| held.agency_code).collect();
                people::reaches(platform, &agencies, &application.agency_code).await?
            }
        };
        if lends {
            return Ok(Some(Authority { duty, behalf_of: Some(from_id) }));
        }
    }
    Ok(None)
}

fn reason(text: &str) -> Result<String, DecideError> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(DecideError::NoReason),
        length if length > limits::APPLICATION_NOTE.size() => Err(DecideError::ReasonTooLong),
        _ => Ok(text.to_owned()),
    }
}

/// Takes `step` of an application.
pub async fn decide(
    platform: &Platform,
    actor: &Actor,
    application_id: &str,
    step: Step,
    decision: Decision,
) -> Result<State, DecideError> {
    let application = record::find(&platform.store, application_id).await?.ok_or(DecideError::Unknown)?;
    let Some(authority) = authority(platform, actor, &application, step).await? else {
        return Err(DecideError::Forbidden);
    };
    let from = application.state;
    if from.awaits() != Some(step) {
        return Err(DecideError::NotWaiting(from));
    }
    let hands = [Some(actor.employee_id.clone()), authority.behalf_of.clone()];
    if hands.iter().flatten().any(|hand| *hand == application.employee_id) {
        return Err(DecideError::Own);
    }
    let (act, note) = match &decision {
        Decision::Approve { .. } => (step.approval(), None),
        Decision::Reject { reason: text } => (Act::Reject, Some(reason(text)?)),
        Decision::Return { reason: text } => (Act::Return, Some(reason(text)?)),
    };
    let by = By {
        actor_id: Some(actor.employee_id.clone()),
        behalf_of_id: authority.behalf_of,
        duty: authority.duty.as_str(),
    };
    let mut seen_phone = None;
    let mut invited = None;
    match (&decision, step) {
        (Decision::Approve { seen }, Step::IdentityCheck) => {
            let employee = people::employee(platform, &application.employee_id).await?;
            if seen.as_deref() != Some(people::record_digest(platform, &employee).as_str()) {
                return Err(DecideError::RecordChanged);
            }
            if employee.phone.is_empty() {
                return Err(DecideError::NoPhone);
            }
            seen_phone = Some(record::seal_phone(&platform.sealer, &application.id, &employee.phone));
        }
        (Decision::Approve { .. }, Step::IssueApproval) => {
            let eligibility =
                personnel::eligibility(platform, &application.employee_id, platform.clock.now_ms()).await?;
            if let Eligibility::Refused(refused) = eligibility {
                return Err(DecideError::NotEligible(refused));
            }
            if invitation::reopen_if_phone_changed(platform, &application).await? {
                return Err(DecideError::PhoneChanged);
            }
            let phone = application.frozen_phone(&platform.sealer).ok_or(DecideError::NoPhone)?;
            invited = Some(invitation::Prepared::new(platform, &application, &phone).await?);
        }
        _ => {}
    }
    let now = platform.clock.now_ms();
    let entry = Entry::new(platform, act, by, note.as_deref());
    let ends_at = now
        + match act {
            Act::ApproveIssue => limits::APPLICATION_PHONE_WAIT.get(),
            _ => limits::APPLICATION_WAIT.get(),
        };
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                // First the row: it is the lock under which the hands are counted.
                if !advance(tx, &application.id, from, entry, ends_at, now).await? {
                    return Err(DecideError::Moved);
                }
                for hand in hands.into_iter().flatten() {
                    lay_hand(tx, &application.id, &hand, step).await?;
                }
                if let Some(phone) = seen_phone {
                    tx.execute(
                        "UPDATE application SET seen_phone = $1 WHERE id = $2",
                        params![phone, application.id.as_str()],
                    )
                    .await?;
                }
                if let Some(invited) = invited {
                    invited.write(tx).await?;
                }
                from.after(act).ok_or(DecideError::Moved)
            })
        })
        .await
}

/// Sends a new invitation in place of one that ended, is void or got lost; the earlier one is void from here on.
pub async fn invite_again(
    platform: &Platform,
    actor: &Actor,
    application_id: &str,
) -> Result<(), DecideError> {
    let application = record::find(&platform.store, application_id).await?.ok_or(DecideError::Unknown)?;
    let Some(authority) = authority(platform, actor, &application, Step::IssueApproval).await? else {
        return Err(DecideError::Forbidden);
    };
    let from = application.state;
    if from.after(Act::InviteAgain).is_none() {
        return Err(DecideError::NotWaiting(from));
    }
    if [Some(&actor.employee_id), authority.behalf_of.as_ref()].contains(&Some(&application.employee_id)) {
        return Err(DecideError::Own);
    }
    if invitation::reopen_if_phone_changed(platform, &application).await? {
        return Err(DecideError::PhoneChanged);
    }
    let phone = application.frozen_phone(&platform.sealer).ok_or(DecideError::NoPhone)?;
    let prepared = invitation::Prepared::new(platform, &application, &phone).await?;
    let by = By {
        actor_id: Some(actor.employee_id.clone()),
        behalf_of_id: authority.behalf_of,
        duty: authority.duty.as_str(),
    };
    let entry = Entry::bare(Act::InviteAgain, by);
    let now = platform.clock.now_ms();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let ends_at = now + limits::APPLICATION_PHONE_WAIT.get();
                if !advance(tx, &application.id, from, entry, ends_at, now).await? {
                    return Err(DecideError::Moved);
                }
                prepared.write(tx).await?;
                Ok(())
            })
        })
        .await
}

/// Why somebody who holds the duty may still not take `step`: a key of the catalogue.
pub(super) async fn hindrance(
    platform: &Platform,
    application: &Application,
    step: Step,
    person_id: &str,
    behalf_of: Option<&str>,
) -> Result<Option<&'static str>, StoreError> {
    for hand in [Some(person_id), behalf_of].into_iter().flatten() {
        if hand == application.employee_id {
            return Ok(Some("application_own"));
        }
        let row = platform
            .store
            .fetch_optional(
                "SELECT step FROM application_hand WHERE application_id = $1 AND person_id = $2",
                params![application.id.as_str(), hand],
            )
            .await?;
        if let Some(row) = row
            && row.text("step")? != step.as_str()
        {
            return Ok(Some("application_two_steps"));
        }
    }
    Ok(None)
}

/// Notes that a person took `step`; refused if they have taken another one of this application.
async fn lay_hand(tx: &mut Tx, application_id: &str, person_id: &str, step: Step) -> Result<(), DecideError> {
    let laid = tx
        .execute(
            "INSERT INTO application_hand (application_id, person_id, step) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            params![application_id, person_id, step.as_str()],
        )
        .await?;
    if laid == 1 {
        return Ok(());
    }
    let row = tx
        .fetch_one(
            "SELECT step FROM application_hand WHERE application_id = $1 AND person_id = $2",
            params![application_id, person_id],
        )
        .await?;
    match row.text("step")?.as_str() {
        "apply" => Err(DecideError::Own),
        taken if taken == step.as_str() => Ok(()),
        _ => Err(DecideError::TwoSteps),
    }
}

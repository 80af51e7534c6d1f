//! What personnel events do to an application that is under way, in the transaction that changes the record.

use super::invitation::void_of;
use super::record::{By, Entry, advance};
use super::state::{Act, State};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};

/// Ends what application an employee has under way; the note tells the applicant why.
pub async fn end_of_employee(
    platform: &Platform,
    tx: &mut Tx,
    employee_id: &str,
    note: &str,
) -> Result<bool, StoreError> {
    move_open(platform, tx, employee_id, Act::Withdraw, State::is_open, note).await
}

/// Gives an application that nobody has approved for issue back to the applicant: another department decides now.
pub async fn start_over(
    platform: &Platform,
    tx: &mut Tx,
    employee_id: &str,
    note: &str,
) -> Result<bool, StoreError> {
    let waits = |state| matches!(state, State::Submitted | State::HeadApproved | State::IdentityChecked);
    move_open(platform, tx, employee_id, Act::Return, waits, note).await
}

/// Opens the identity check again: the phone number is another than the one the checker saw.
pub async fn check_again(
    platform: &Platform,
    tx: &mut Tx,
    employee_id: &str,
    note: &str,
) -> Result<bool, StoreError> {
    let checked = |state: State| state.after(Act::Reopen).is_some();
    move_open(platform, tx, employee_id, Act::Reopen, checked, note).await
}

/// Moves the one open application by `act` if its state is among those meant. A step that somebody else takes at the
/// same moment comes first or is refused, and is then looked at again.
async fn move_open(
    platform: &Platform,
    tx: &mut Tx,
    employee_id: &str,
    act: Act,
    meant: impl Fn(State) -> bool,
    note: &str,
) -> Result<bool, StoreError> {
    // Each round means that another step was committed meanwhile; an application has no more of them than states.
    for _ in 0..State::ALL.len() {
        let row = tx
            .fetch_optional(
                "SELECT id, state, ends_at FROM application WHERE employee_id = $1 AND state IN \
                 ('draft', 'submitted', 'head_approved', 'identity_checked', 'issue_approved', 'invited')",
                params![employee_id],
            )
            .await?;
        let Some(row) = row else { return Ok(false) };
        let Some(from) = State::parse(&row.text("state")?).filter(|state| meant(*state)) else {
            return Ok(false);
        };
        let (application_id, now) = (row.text("id")?, tx.now_ms());
        let ends_at = match act {
            Act::Withdraw => row.int("ends_at")?,
            _ => now + limits::APPLICATION_WAIT.get(),
        };
        let entry = Entry::new(platform, act, By::system(), Some(note));
        if !advance(tx, &application_id, from, entry, ends_at, now).await? {
            continue;
        }
        void_of(tx, &application_id, "employment").await?;
        if act == Act::Reopen {
            tx.execute("UPDATE application SET seen_phone = NULL WHERE id = $1", params![application_id])
                .await?;
        }
        return Ok(true);
    }
    Err(StoreError::Unavailable)
}

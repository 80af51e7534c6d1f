//! Applications of people who were loaded and never walked the way: for a measurement at full size.
//!
//! Rows, timeline and hands are those that the walk leaves; its audit records are not made.

use sqlx::AssertSqlSafe;

use super::record::seal_phone;
use super::state::{Act, Kind, State, Step};
use crate::operations::store::{STATEMENT_ROWS, StoreError, Tx, Value, params, places};
use crate::operations::{Platform, id, limits};

/// How long each step of the walk has taken.
const STEP_MS: i64 = 5 * 3_600_000;

/// Somebody's first application.
#[derive(Clone, Debug)]
pub struct Walked<'a> {
    pub employee_id: &'a str,
    pub agency_code: &'a str,
    pub department_id: &'a str,
    pub head_department_id: &'a str,
    /// As the identity checker saw it.
    pub phone: &'a str,
    /// Department head, identity checker and approver.
    pub hands: [&'a str; 3],
    /// How far it has come: `submitted`, `head_approved`, `identity_checked` or `issued`.
    pub state: State,
    /// When it was sent (ms).
    pub sent_at: i64,
    /// The badge it led to.
    pub badge_id: Option<&'a str>,
}

/// An application's rows, sealed.
#[derive(Debug)]
pub struct Rows {
    pub id: String,
    application: Vec<Value>,
    events: Vec<Vec<Value>>,
    hands: Vec<Vec<Value>>,
}

impl Rows {
    /// Makes them ready; no database.
    pub fn of(platform: &Platform, walked: &Walked<'_>) -> Self {
        let id = id::new();
        let [head, checker, approver] = walked.hands;
        let way = [
            (Act::Submit, State::Submitted, Some(walked.employee_id), Some(Step::Apply)),
            (Act::HeadApprove, State::HeadApproved, Some(head), Some(Step::HeadApproval)),
            (Act::CheckIdentity, State::IdentityChecked, Some(checker), Some(Step::IdentityCheck)),
            (Act::ApproveIssue, State::IssueApproved, Some(approver), Some(Step::IssueApproval)),
            (Act::Invite, State::Invited, None, None),
            (Act::Issue, State::Issued, None, None),
        ];
        let (mut events, mut hands, mut at, mut checked) = (Vec::new(), Vec::new(), walked.sent_at, false);
        for (act, state, actor, step) in way {
            let none: Option<Vec<u8>> = None;
            events.push(params![
                id::new(),
                id.as_str(),
                act.as_str(),
                state.as_str(),
                actor.map(str::to_owned),
                None::<String>,
                none,
                at
            ]);
            if let (Some(actor), Some(step)) = (actor, step) {
                hands.push(params![id.as_str(), actor, step.as_str()]);
            }
            checked |= state == State::IdentityChecked;
            if state == walked.state {
                break;
            }
            at += STEP_MS;
        }
        let phone = checked.then(|| seal_phone(&platform.sealer, &id, walked.phone));
        let application = params![
            id.as_str(),
            walked.employee_id,
            walked.agency_code,
            walked.department_id,
            walked.head_department_id,
            Kind::First.as_str(),
            walked.state.as_str(),
            at,
            walked.sent_at,
            at + limits::APPLICATION_WAIT.get(),
            phone,
            walked.badge_id.map(str::to_owned)
        ];
        Self { id, application, events, hands }
    }
}

/// Writes them.
pub async fn load(tx: &mut Tx, all: &[Rows]) -> Result<(), StoreError> {
    let applications: Vec<&Vec<Value>> = all.iter().map(|rows| &rows.application).collect();
    let events: Vec<&Vec<Value>> = all.iter().flat_map(|rows| &rows.events).collect();
    let hands: Vec<&Vec<Value>> = all.iter().flat_map(|rows| &rows.hands).collect();
    for (into, rows) in [
        (
            "application (id, employee_id, agency_code, department_id, head_department_id, kind, state, state_since_at, \
             created_at, ends_at, seen_phone, badge_id)",
            applications,
        ),
        ("application_event (id, application_id, act, state, actor_id, behalf_of_id, note, at)", events),
        ("application_hand (application_id, person_id, step)", hands),
    ] {
        for some in rows.chunks(STATEMENT_ROWS) {
            let columns = some.first().map_or(0, |row| row.len());
            // Fixed words and placeholders.
            let sql = format!("INSERT INTO {into} VALUES {}", places(some.len(), columns));
            tx.execute(AssertSqlSafe(sql), some.iter().flat_map(|row| (*row).clone()).collect()).await?;
        }
    }
    Ok(())
}

/// Lets every activation code that was made live until then: officials of a measurement come over half an hour to codes that
/// were made ahead, and nobody stands there to make new ones.
pub async fn codes_until(tx: &mut Tx, ends_at: i64) -> Result<(), StoreError> {
    let sql = "UPDATE application_invitation SET code_ends_at = $1 WHERE code_hash IS NOT NULL";
    tx.execute(sql, params![ends_at]).await.map(drop)
}

//! Lists: what waits for somebody, and what an agency has.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::delegation;
use super::people;
use super::record::{Application, columns};
use super::state::{State, Step};
use crate::operations::store::{StoreError, Value};
use crate::operations::{Platform, id, limits};
use crate::personnel::{self, PersonnelError};
use crate::staff::{Actor, Duty};

/// Where a page of a list begins: after this moment and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    since: i64,
    id: String,
}

impl Cursor {
    /// Reads what [`Self::text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (since, id) = text.split_once('.')?;
        id::is_id(id).then_some(())?;
        Some(Self { since: since.parse().ok()?, id: id.to_owned() })
    }

    fn text(&self) -> String {
        format!("{}.{}", self.since, self.id)
    }
}

/// A page of a list and where the next one begins.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub(super) applications: Vec<Application>,
    pub(super) next: Option<String>,
}

/// `LIMIT` as asked for, within bounds.
pub(super) fn rows(asked: Option<i64>) -> i64 {
    asked.unwrap_or(50).clamp(1, limits::PAGE_ROWS.get())
}

/// A list over several agencies or departments: the first rows of each by themselves, then the first of these.
///
/// One condition over all of them would have the database read and sort everything they have, to show one page of it.
#[derive(Default)]
struct Statement {
    /// What `a`, an application of one of them, has to be.
    conditions: String,
    params: Vec<Value>,
}

impl Statement {
    fn param(&mut self, value: impl Into<Value>) -> String {
        self.params.push(value.into());
        format!("${}", self.params.len())
    }

    /// The rows of a table of one column.
    fn rows(&mut self, values: &[String]) -> String {
        let mut out = String::new();
        for value in values {
            let place = self.param(value.as_str());
            let _ = write!(out, "{}({place})", if out.is_empty() { "" } else { ", " });
        }
        out
    }
}

/// What waits for `actor` in one step, oldest first. What they may not decide (own, another step taken) is not in it.
pub(super) async fn waiting(
    platform: &Platform,
    actor: &Actor,
    step: Step,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Listing, PersonnelError> {
    let mut statement = Statement::default();
    let scope = match step {
        Step::Apply => Vec::new(),
        Step::HeadApproval => {
            let mut departments = personnel::departments_decided_by(platform, &actor.employee_id).await?;
            for lent in delegation::to(platform, &actor.employee_id, Duty::DepartmentHead).await? {
                departments.extend(personnel::departments_decided_by(platform, &lent.from_id).await?);
            }
            departments
        }
        Step::IdentityCheck | Step::IssueApproval => {
            let mut agencies = actor.reaches_from(Duty::HrManager);
            for lent in delegation::to(platform, &actor.employee_id, Duty::HrManager).await? {
                let from = crate::staff::duties_of(platform, &lent.from_id).await?;
                agencies.extend(
                    from.into_iter().filter(|held| held.duty == Duty::HrManager).map(|held| held.agency_code),
                );
            }
            people::scope(platform, agencies).await?
        }
    };
    if scope.is_empty() {
        return Ok(Listing { applications: Vec::new(), next: None });
    }
    let (column, state) = match step {
        Step::Apply | Step::HeadApproval => ("head_department_id", State::Submitted),
        Step::IdentityCheck => ("agency_code", State::HeadApproved),
        Step::IssueApproval => ("agency_code", State::IdentityChecked),
    };
    let state = statement.param(state.as_str());
    let (me, mine) = (statement.param(actor.employee_id.as_str()), statement.param(step.as_str()));
    statement.conditions = format!(
        " AND a.state = {state} AND NOT EXISTS (SELECT 1 FROM application_hand h WHERE h.application_id = a.id \
         AND h.person_id = {me} AND h.step <> {mine})"
    );
    fetch(platform, statement, (column, &scope), after, limit).await
}

/// The agencies whose applications somebody may read: by HR manager, security officer or auditor.
pub(super) async fn readable(platform: &Platform, actor: &Actor) -> Result<Vec<String>, PersonnelError> {
    let from = [Duty::HrManager, Duty::SecurityOfficer, Duty::Auditor]
        .into_iter()
        .flat_map(|duty| actor.reaches_from(duty))
        .collect();
    people::scope(platform, from).await
}

/// The applications of the agencies somebody may read, oldest state first; only those in `state` if given.
pub(super) async fn of_agencies(
    platform: &Platform,
    actor: &Actor,
    state: Option<State>,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Listing, PersonnelError> {
    let agencies = readable(platform, actor).await?;
    if agencies.is_empty() {
        return Ok(Listing { applications: Vec::new(), next: None });
    }
    let mut statement = Statement::default();
    if let Some(state) = state {
        let state = statement.param(state.as_str());
        let _ = write!(statement.conditions, " AND a.state = {state}");
    }
    fetch(platform, statement, ("agency_code", &agencies), after, limit).await
}

/// Approved applications of the actor's agencies whose invitation has ended or is void: a person has to act.
pub(super) async fn stuck(platform: &Platform, actor: &Actor) -> Result<Vec<Application>, PersonnelError> {
    let agencies = people::scope(platform, actor.reaches_from(Duty::HrManager)).await?;
    if agencies.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = Statement::default();
    let now = statement.param(platform.clock.now_ms());
    statement.conditions = format!(
        " AND a.state IN ('issue_approved', 'invited') AND NOT EXISTS (SELECT 1 FROM application_invitation i \
         WHERE i.application_id = a.id AND (i.state = 'used' OR (i.state IN ('open', 'activated') AND i.ends_at > {now})))"
    );
    let listing =
        fetch(platform, statement, ("agency_code", &agencies), None, limits::PAGE_ROWS.get()).await?;
    Ok(listing.applications)
}

async fn fetch(
    platform: &Platform,
    mut statement: Statement,
    (column, scope): (&str, &[String]),
    after: Option<Cursor>,
    limit: i64,
) -> Result<Listing, PersonnelError> {
    if let Some(after) = after {
        let (since, id) = (statement.param(after.since), statement.param(after.id));
        let _ = write!(statement.conditions, " AND (a.state_since_at, a.id) > ({since}, {id})");
    }
    let (limit_place, scope) = (statement.param(limit + 1), statement.rows(scope));
    // Only placeholders and fixed words go into the text.
    let sql = format!(
        "WITH reach (place) AS (VALUES {scope}) SELECT {} FROM reach JOIN application ON id IN (SELECT a.id \
         FROM application a WHERE a.{column} = reach.place{} ORDER BY a.state_since_at, a.id LIMIT {limit_place}) \
         ORDER BY state_since_at, id LIMIT {limit_place}",
        columns!(),
        statement.conditions
    );
    let found = platform.store.fetch_all(AssertSqlSafe(sql), statement.params).await?;
    let mut applications = found.iter().map(Application::of).collect::<Result<Vec<_>, StoreError>>()?;
    let more = applications.len() > usize::try_from(limit).unwrap_or_default();
    applications.truncate(usize::try_from(limit).unwrap_or_default());
    let next = applications
        .last()
        .filter(|_| more)
        .map(|last| Cursor { since: last.since, id: last.id.clone() }.text());
    Ok(Listing { applications, next })
}

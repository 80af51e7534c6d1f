//! Figures over all applications: how many by agency, how long each step takes, how many badges a week.

use std::collections::BTreeMap;

use super::state::Act;
use crate::operations::Platform;
use crate::operations::limits;
use crate::operations::store::{StoreError, params};

/// Persons of one agency, each counted once however often they applied.
#[derive(Clone, Debug)]
pub struct AgencyFigures {
    pub agency_code: String,
    /// Sent an application.
    pub applied: i64,
    /// Were issued a badge.
    pub issued: i64,
    /// Have one under way now.
    pub waiting: i64,
}

/// Persons by agency. Each count is a statement of its own that an index answers in its order: one statement for all
/// three would sort everybody.
pub async fn by_agency(platform: &Platform) -> Result<Vec<AgencyFigures>, StoreError> {
    const APPLIED: &str = "SELECT agency_code, COUNT(DISTINCT employee_id) AS persons FROM application \
                           WHERE state <> 'draft' GROUP BY agency_code ORDER BY agency_code LIMIT 5000";
    const ISSUED: &str = "SELECT agency_code, COUNT(DISTINCT employee_id) AS persons FROM application \
                          WHERE state = 'issued' GROUP BY agency_code ORDER BY agency_code LIMIT 5000";
    const WAITING: &str = "SELECT agency_code, COUNT(DISTINCT employee_id) AS persons FROM application WHERE state IN \
                           ('submitted', 'head_approved', 'identity_checked', 'issue_approved', 'invited') \
                           GROUP BY agency_code ORDER BY agency_code LIMIT 5000";
    let mut all: BTreeMap<String, AgencyFigures> = BTreeMap::new();
    for (sql, set) in [
        (APPLIED, (|figures, persons| figures.applied = persons) as fn(&mut AgencyFigures, i64)),
        (ISSUED, |figures, persons| figures.issued = persons),
        (WAITING, |figures, persons| figures.waiting = persons),
    ] {
        for row in platform.store.fetch_all(sql, params![]).await? {
            let agency_code = row.text("agency_code")?;
            let figures = all.entry(agency_code.clone()).or_insert(AgencyFigures {
                agency_code,
                applied: 0,
                issued: 0,
                waiting: 0,
            });
            set(figures, row.int("persons")?);
        }
    }
    Ok(all.into_values().collect())
}

/// First badges issued in one week by one agency.
#[derive(Clone, Debug)]
pub struct WeekFigures {
    /// Weeks since the epoch, in Korean time.
    pub week: i64,
    pub agency_code: String,
    pub issued: i64,
}

/// First badges by week and agency, oldest week first.
pub async fn by_week(platform: &Platform) -> Result<Vec<WeekFigures>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT (state_since_at + 32400000) / 604800000 AS week, agency_code, COUNT(*) AS issued FROM application \
             WHERE state = 'issued' AND kind = 'first' GROUP BY (state_since_at + 32400000) / 604800000, agency_code \
             ORDER BY 1, 2 LIMIT 100000",
            params![],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(WeekFigures {
                week: row.int("week")?,
                agency_code: row.text("agency_code")?,
                issued: row.int("issued")?,
            })
        })
        .collect()
}

/// The steps whose waiting time is told, by the act that ends them.
pub const MEASURED: [Act; 4] = [Act::HeadApprove, Act::CheckIdentity, Act::ApproveIssue, Act::Issue];

/// How long one step of one application took.
#[derive(Clone, Debug)]
pub struct Taken {
    pub agency_code: String,
    /// Place in [`MEASURED`].
    pub step: usize,
    /// Milliseconds.
    pub ms: i64,
}

/// The newest durations, at most [`limits::DESK_DURATIONS`] events looked at.
pub async fn durations(platform: &Platform) -> Result<Vec<Taken>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT e.application_id, e.act, e.at, a.agency_code FROM application_event e \
             JOIN application a ON a.id = e.application_id ORDER BY e.id DESC LIMIT $1",
            params![limits::DESK_DURATIONS.get()],
        )
        .await?;
    // From the oldest on: each act closes the step that the act before it opened.
    let mut last: std::collections::HashMap<String, i64> = std::collections::HashMap::new();
    let mut taken = Vec::new();
    for row in rows.iter().rev() {
        let (application, at) = (row.text("application_id")?, row.int("at")?);
        let act = Act::parse(&row.text("act")?);
        let step = MEASURED.iter().position(|measured| Some(*measured) == act);
        if let (Some(step), Some(begun)) = (step, last.get(&application)) {
            taken.push(Taken { agency_code: row.text("agency_code")?, step, ms: (at - begun).max(0) });
        }
        // The message on its way is no step of anybody: the phone's waiting begins with the approval.
        if act != Some(Act::Invite) {
            last.insert(application, at);
        }
    }
    Ok(taken)
}

//! How many people serve in each agency, and whether they may have a badge now: counted, never opened.

use super::PersonnelError;
use super::records::{agencies, judge};
use super::types::{Agency, Eligibility, EmployeeStatus};
use crate::operations::Platform;
use crate::operations::store::params;

/// An agency and how many serve in it.
#[derive(Clone, Debug)]
pub struct Population {
    pub agency: Agency,
    /// Serving or dispatched.
    pub serving: i64,
    /// Whether those who serve there may have a badge now.
    pub allowed: bool,
}

/// Every agency with the number of its officials.
pub async fn population(platform: &Platform, now_ms: i64) -> Result<Vec<Population>, PersonnelError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT agency_code, COUNT(*) AS people FROM employee WHERE status IN ('serving', 'dispatched') \
             GROUP BY agency_code ORDER BY agency_code LIMIT 5000",
            params![],
        )
        .await?;
    let mut counts = std::collections::HashMap::with_capacity(rows.len());
    for row in rows {
        counts.insert(row.text("agency_code")?, row.int("people")?);
    }
    let all = agencies(&platform.store).await?;
    Ok(all
        .into_iter()
        .map(|agency| Population {
            serving: counts.get(&agency.code).copied().unwrap_or_default(),
            allowed: matches!(judge(EmployeeStatus::Serving, &agency, now_ms), Eligibility::Allowed),
            agency,
        })
        .collect())
}

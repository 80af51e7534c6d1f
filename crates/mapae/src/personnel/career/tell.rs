//! Earlier posts as HR lists them, many lines in one transaction.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::line::PostLine;
use super::stored::{self, Source};
use super::timeline::Outcome;
use crate::operations::store::{Tx, Value, places};
use crate::operations::{Platform, limits};
use crate::personnel::PersonnelError;
use crate::personnel::import::Saved;

impl Outcome {
    fn saved(self) -> Saved {
        match self {
            Self::New => Saved::New,
            Self::Changed => Saved::Changed,
            Self::Unchanged => Saved::Unchanged,
            Self::Overlaps => Saved::Overlaps,
            Self::TooMany => Saved::TooMany,
        }
    }
}

/// Writes these lines in their order; what became of each.
pub(in crate::personnel) async fn tell(
    platform: &Platform,
    tx: &mut Tx,
    lines: &[&PostLine],
) -> Result<Vec<Saved>, PersonnelError> {
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let index = |line: &PostLine| platform.sealer.blind_index("employee-number", &line.number);
    let sql = format!(
        "SELECT id, agency_code, number_index FROM employee WHERE number_index IN {}",
        places(1, lines.len())
    );
    // Only placeholders go into the text.
    let values = lines.iter().map(|line| Value::from(index(line))).collect();
    let mut known = HashMap::new();
    for row in tx.fetch_all(AssertSqlSafe(sql), values).await? {
        known.insert((row.text("agency_code")?, row.bytes("number_index")?), row.text("id")?);
    }
    let whose: Vec<Option<&String>> =
        lines.iter().map(|line| known.get(&(line.agency.as_str().to_owned(), index(line)))).collect();
    let mut employees: Vec<&str> = whose.iter().flatten().map(|id| id.as_str()).collect();
    employees.sort_unstable();
    employees.dedup();
    let (mut timelines, _) = stored::load(platform, Source::Tx(&mut *tx), &employees, None).await?;
    let mut saved = Vec::with_capacity(lines.len());
    for (line, id) in lines.iter().zip(whose) {
        let Some(timeline) = id.and_then(|id| timelines.get_mut(id)) else {
            saved.push(Saved::UnknownEmployee);
            continue;
        };
        let outcome = match &line.content {
            Some(content) => {
                timeline.tell(line.from, line.until, content.clone(), limits::CAREER_POSTS.size())
            }
            None => timeline.forget(line.from),
        };
        saved.push(outcome.saved());
    }
    stored::write(platform, tx, &timelines).await?;
    Ok(saved)
}

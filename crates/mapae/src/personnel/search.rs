//! Finding employees by a part of the name or by number, through blind indexes.
//!
//! The index narrows, the opened value decides: a keyed hash of 16 bytes never confuses two names in practice, and if it
//! did, the name itself would not match.

use sqlx::AssertSqlSafe;

use super::records::employee_of;
use super::types::Employee;
use super::{PersonnelError, agencies_under};
use crate::operations::sealer::normalised;
use crate::operations::store::{Value, params};
use crate::operations::{Platform, limits};

/// What is looked for. Without name and number: everybody in reach, page by page.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A name or at least two neighbouring syllables of one.
    pub name: Option<String>,
    /// The whole number.
    pub number: Option<String>,
    /// One agency out of those in reach.
    pub agency: Option<String>,
    /// The id of the last row of the page before.
    pub after: String,
    /// Rows of the page, at most [`limits::PAGE_ROWS`].
    pub limit: usize,
}

/// One page, and where the next begins.
#[derive(Clone, Debug)]
pub struct Page {
    pub employees: Vec<Employee>,
    pub next: Option<String>,
}

/// Searches among the agencies `reach` and those below them.
pub async fn search(
    platform: &Platform,
    reach: Vec<String>,
    search: &Search,
) -> Result<Page, PersonnelError> {
    let mut agencies = agencies_under(platform, reach, limits::SEARCH_AGENCIES.size()).await?;
    if let Some(only) = &search.agency {
        agencies.retain(|code| code == only);
    }
    if agencies.is_empty() {
        return Ok(Page { employees: Vec::new(), next: None });
    }
    let limit = search.limit.clamp(1, limits::PAGE_ROWS.size());
    let mut params = params![search.after.as_str()];
    let mut conditions = Vec::new();
    let mut place = |value: Value| {
        params.push(value);
        format!("${}", params.len())
    };
    let places: Vec<String> = agencies.into_iter().map(|code| place(code.into())).collect();
    conditions.push(format!("e.agency_code IN ({})", places.join(", ")));
    if let Some(number) = &search.number {
        let index = platform.sealer.blind_index("employee-number", number);
        conditions.push(format!("e.number_index = {}", place(index.into())));
    }
    let mut from = "employee e";
    let mut id = "e.id";
    let wanted = search.name.as_deref().map(normalised).unwrap_or_default();
    if !wanted.is_empty() {
        let pieces = platform.sealer.bigrams("employee-name-piece", &wanted);
        if pieces.is_empty() {
            return Err(PersonnelError::SearchTooShort);
        }
        // Those who share the rarest piece are gone through in order, until a page is full.
        let pieces = rarest_first(platform, pieces).await?;
        (from, id) = ("employee_name_piece p JOIN employee e ON e.id = p.employee_id", "p.employee_id");
        for (n, piece) in pieces.into_iter().enumerate() {
            let piece = place(piece.into());
            conditions.push(match n {
                0 => format!("p.piece = {piece}"),
                _ => format!(
                    "EXISTS (SELECT 1 FROM employee_name_piece o WHERE o.piece = {piece} AND o.employee_id = p.employee_id)"
                ),
            });
        }
    }
    conditions.push(format!("{id} > $1"));
    // Only placeholders and fixed words go into the text.
    let sql = format!(
        "SELECT e.id, e.department_id, e.status, e.link_id, e.personal, d.name AS department, d.name_en AS department_en, \
         a.code, a.name, a.name_en, a.kind, a.parent_code, a.eligible, a.reason_ko, a.reason_en, a.phase, a.phase_at, \
         a.target, a.closed_network, a.opted_in_at \
         FROM {from} JOIN department d ON d.id = e.department_id JOIN agency a ON a.code = e.agency_code \
         WHERE {} ORDER BY {id} LIMIT {}",
        conditions.join(" AND "),
        limit + 1
    );
    let rows = platform.store.fetch_all(AssertSqlSafe(sql), params).await?;
    let more = rows.len() > limit;
    let mut employees = Vec::with_capacity(limit);
    let mut next = None;
    for row in rows.iter().take(limit) {
        let employee = employee_of(platform, row)?;
        next = Some(employee.id.clone());
        if wanted.is_empty() || normalised(&employee.name.ko).contains(&wanted) {
            employees.push(employee);
        }
    }
    Ok(Page { employees, next: next.filter(|_| more) })
}

/// Common pieces of names are not counted further.
const COMMON: i64 = 5_000;

/// The pieces that narrow a search, the one that the fewest names have before the others.
async fn rarest_first(platform: &Platform, pieces: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, PersonnelError> {
    let mut counted = Vec::with_capacity(pieces.len());
    for piece in pieces.into_iter().take(limits::SEARCH_PIECES.size()) {
        let row = platform
            .store
            .fetch_one(
                "SELECT COUNT(*) AS people FROM (SELECT 1 FROM employee_name_piece WHERE piece = $1 LIMIT $2) AS counted",
                params![&piece, COMMON],
            )
            .await?;
        counted.push((row.int("people")?, piece));
    }
    counted.sort_by_key(|(people, _)| *people);
    Ok(counted.into_iter().map(|(_, piece)| piece).collect())
}

//! Grants as a file: many at once, looked at before they count, and those in force, to be kept or changed elsewhere.
//!
//! ```text
//! zone,kind,agency,number,from,until,schedule,escort        one a line (RFC 4180); `#` begins a remark
//! ```

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use gate::feed::{Escort, Grant, Who, Zone};
use http::header;
use serde::Deserialize;

use super::{Asked, DeskError, Told, Whom, answer, make, reaches, read_grant, show};
use crate::audit;
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::pages::{Area, Fault, Page, PageResult, csv_cell, iso};
use crate::personnel;
use crate::staff::{Actor, Duty, Posted};

/// Grants of one file.
const MOST_LINES: usize = 500;

/// Grants of one zone that are written out.
const MOST_WRITTEN: i64 = 5_000;

const COLUMNS: &str = "# zone,kind,agency,number,from,until,schedule,escort\r\n";

/// What was pasted, and what is to be done with it.
#[derive(Debug, Deserialize)]
pub(super) struct Many {
    #[serde(default)]
    lines: String,
    /// `check` to look at it only.
    #[serde(default)]
    go: String,
}

/// A file that was looked at: nothing of it counts yet.
pub(super) struct Looked {
    /// As it was pasted.
    pub(super) lines: String,
    pub(super) rows: Vec<LookedLine>,
    pub(super) wrong: usize,
}

pub(super) struct LookedLine {
    pub(super) n: usize,
    pub(super) text: String,
    /// What is wrong with it.
    pub(super) fault: Option<String>,
}

/// One line and what it asks for.
struct Read {
    n: usize,
    text: String,
    grant: Result<(Whom, Grant), DeskError>,
}

async fn read_lines(platform: &Platform, who: &Actor, text: &str) -> Result<Vec<Read>, DeskError> {
    // Whoever decides over nothing is told so, whatever the lines say.
    if reaches(who)?.0.is_empty() {
        return Err(DeskError::Forbidden);
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    // Counted before the first is looked up: a file that is too long costs nothing but its reading.
    let records: Vec<_> = reader.records().take(MOST_LINES + 1).collect();
    if records.len() > MOST_LINES {
        return Err(DeskError::TooMany);
    }
    let mut lines = Vec::with_capacity(records.len());
    for (n, record) in (1..).zip(records) {
        let Ok(record) = record else {
            lines.push(Read { n, text: String::new(), grant: Err(DeskError::Field) });
            continue;
        };
        let field = |column: usize| record.get(column).unwrap_or_default().to_owned();
        let asked = Asked {
            zone: field(0),
            kind: field(1),
            agency: field(2),
            number: field(3),
            from: field(4),
            until: field(5),
            schedule: field(6),
            escort: field(7),
            visit: String::new(),
        };
        let grant = match read_grant(platform, who, &asked).await {
            Err(error @ (DeskError::Store(_) | DeskError::Personnel(_))) => return Err(error),
            read => read,
        };
        lines.push(Read { n, text: record.iter().collect::<Vec<_>>().join(","), grant });
    }
    if lines.is_empty() { Err(DeskError::Field) } else { Ok(lines) }
}

/// Looks at a file, or gives what it says: all of it or nothing.
pub(super) async fn give_many(
    page: Page,
    State(platform): State<Arc<Platform>>,
    Posted(who, many): Posted<Actor, Many>,
) -> PageResult {
    let read = match read_lines(&platform, &who, &many.lines).await {
        Ok(read) => read,
        Err(error) => return answer(page, &who, &platform, Err(error)).await,
    };
    let wrong = read.iter().filter(|line| line.grant.is_err()).count();
    if wrong == 0 && many.go != "check" {
        let grants = read.into_iter().filter_map(|line| line.grant.ok()).collect();
        let done = make(&platform, &who, grants).await;
        return answer(page, &who, &platform, done).await;
    }
    let (mut problem, mut rows) = (None, Vec::new());
    for Read { n, text, grant } in read {
        let fault = grant.err().map(|error| {
            let why = Problem::from(error);
            let words = why.detail(page.lang);
            if many.go != "check" && problem.is_none() {
                problem = Some(Problem::from(DeskError::Line(n, Box::new(why))));
            }
            words
        });
        rows.push(LookedLine { n, text, fault });
    }
    let looked = Some(Looked { lines: many.lines, rows, wrong });
    let told = Told { looked, problem, ..Told::default() };
    show(page.signed_in(Area::Console, who.who()), &who, &platform, told).await
}

/// The grants in force over the zones that somebody reads.
pub(super) async fn export(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    match written(&platform, &who).await {
        Ok(response) => Ok(response),
        Err(error) => Err(Fault::told(&page.signed_in(Area::Console, who.who()), error)),
    }
}

async fn written(platform: &Platform, who: &Actor) -> Result<Response, DeskError> {
    let (decides, reads) = reaches(who)?;
    let mut text = COLUMNS.to_owned();
    let mut count = 0_u32;
    let sql = "SELECT agency_code, zone FROM gate_zone ORDER BY id LIMIT 1000";
    for row in platform.store.fetch_all(sql, params![]).await? {
        if !personnel::is_under(platform, &row.text("agency_code")?, &reads).await? {
            continue;
        }
        let zone: Zone = row.json("zone")?;
        let sql = "SELECT employee_id, grant_json FROM gate_grant WHERE zone_id = $1 AND ended_at IS NULL \
                   ORDER BY created_at, id LIMIT $2";
        for row in platform.store.fetch_all(sql, params![&zone.id, MOST_WRITTEN]).await? {
            if let Some(line) = line(platform, row.opt_text("employee_id")?, row.json("grant_json")?).await? {
                text.push_str(&line);
                count = count.saturating_add(1);
            }
        }
    }
    let actor = who.employee_id.clone();
    let duty = if decides.is_empty() { Duty::Auditor } else { Duty::SecurityOfficer };
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            let actor = actor.clone();
            Box::pin(async move {
                let detail = serde_json::json!({ "grants": count });
                let (act, subject) = ("gate.grants_written_out", "gates");
                let record = audit::Record { actor: &actor, duty: duty.as_str(), act, subject, detail };
                audit::record(tx, record).await
            })
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mapae-gate-grants.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}

/// A grant as the line that would give it; `None` for one that no line gives.
async fn line(
    platform: &Platform,
    employee: Option<String>,
    grant: Grant,
) -> Result<Option<String>, DeskError> {
    let (kind, agency, number) = match (employee, grant.who) {
        (Some(id), _) => {
            let Some(employee) = personnel::employee(platform, &id).await? else { return Ok(None) };
            let agency = personnel::employee_agency(platform, &id).await?;
            ("person", agency.map(|agency| agency.code).unwrap_or_default(), employee.number)
        }
        (None, Who::Agency { code }) => ("agency", code, String::new()),
        (None, Who::Under { code }) => ("under", code, String::new()),
        (None, Who::Role { .. } | Who::Person { .. }) => return Ok(None),
    };
    let minute =
        |at: Option<i64>| at.map(iso).and_then(|text| text.get(..16).map(str::to_owned)).unwrap_or_default();
    let escort = match grant.escort {
        Escort::None => "none",
        Escort::Needed => "needed",
        Escort::Gives => "gives",
    };
    let (from, until) = (minute(grant.from), minute(grant.until));
    let schedule = grant.schedule.unwrap_or_default();
    let cells = [grant.zone.as_str(), kind, &agency, &number, &from, &until, &schedule, escort].map(csv_cell);
    Ok(Some(format!("{}\r\n", cells.join(","))))
}

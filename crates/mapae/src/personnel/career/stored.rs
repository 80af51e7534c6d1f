//! Periods as they lie in the table `personnel_post`.

use std::collections::{HashMap, HashSet};

use sqlx::AssertSqlSafe;

use super::timeline::{Content, Mark, Origin, Row, Timeline};
use crate::operations::store::{self, STATEMENT_ROWS, Store, StoreError, Tx, Value, params, places};
use crate::operations::{Platform, limits};
use crate::personnel::types::{EmployeeStatus, Named, Personal};
use crate::personnel::{PersonnelError, moment};

const TABLE: &str = "personnel_post";

/// Where is read from: within a transaction, or beside all of them.
pub(super) enum Source<'a> {
    Tx(&'a mut Tx),
    Store(&'a Store),
}

impl Source<'_> {
    async fn fetch(&mut self, sql: String, values: Vec<Value>) -> Result<Vec<store::Row>, StoreError> {
        // Only placeholders and numbers go into the texts.
        match self {
            Self::Tx(tx) => tx.fetch_all(AssertSqlSafe(sql), values).await,
            Self::Store(store) => store.fetch_all(AssertSqlSafe(sql), values).await,
        }
    }
}

/// Names of agency and department, by the department's id.
pub(super) type Units = HashMap<String, (Named, Named)>;

async fn units(from: &mut Source<'_>, ids: &HashSet<String>) -> Result<Units, PersonnelError> {
    let ids: Vec<&String> = ids.iter().collect();
    let mut units = Units::new();
    for some in ids.chunks(STATEMENT_ROWS) {
        let sql = format!(
            "SELECT d.id, d.name, d.name_en, a.name AS agency, a.name_en AS agency_en FROM department d \
             JOIN agency a ON a.code = d.agency_code WHERE d.id IN {}",
            places(1, some.len())
        );
        for row in from.fetch(sql, some.iter().map(|id| Value::from(*id)).collect()).await? {
            let agency = Named { ko: row.text("agency")?, en: row.text("agency_en")? };
            let department = Named { ko: row.text("name")?, en: row.text("name_en")? };
            units.insert(row.text("id")?, (agency, department));
        }
    }
    Ok(units)
}

/// Gives a period that has no names of its own those that its agency and department have now.
pub(super) fn named(content: &mut Content, units: &Units) {
    if let Some(id) = &content.department_id
        && content.agency.ko.is_empty()
        && let Some((agency, department)) = units.get(id)
    {
        (content.agency, content.department) = (agency.clone(), department.clone());
    }
}

fn row_of(platform: &Platform, row: &store::Row) -> Result<(String, Row), PersonnelError> {
    let id = row.text("id")?;
    let plain = platform.sealer.open(TABLE, "sealed", &id, &row.bytes("sealed")?)?;
    let content = serde_json::from_slice(&plain).map_err(|_| PersonnelError::Damaged)?;
    let period = Row {
        from: row.int("from_day")?,
        until: row.opt_int("until_day")?,
        origin: Origin::parse(&row.text("origin")?).ok_or(PersonnelError::Damaged)?,
        content,
        mark: Mark::Kept,
        id,
    };
    Ok((row.text("employee_id")?, period))
}

/// The period that a record written before there was this table begins with: it says since when it says what it says.
fn seed(platform: &Platform, row: &store::Row) -> Result<(String, Row), PersonnelError> {
    let employee_id = row.text("id")?;
    let plain = platform.sealer.open("employee", "personal", &employee_id, &row.bytes("personal")?)?;
    let personal: Personal = serde_json::from_slice(&plain).map_err(|_| PersonnelError::Damaged)?;
    let content = Content {
        agency_code: Some(row.text("agency_code")?),
        department_id: Some(row.text("department_id")?),
        agency: Named::default(),
        department: Named::default(),
        position: personal.position,
        rank: personal.rank,
        status: EmployeeStatus::parse(&row.text("status")?).ok_or(PersonnelError::Damaged)?,
        appointment: None,
        ends_with_next: false,
    };
    let day = moment::korean_day(row.int("effective_at")?);
    Ok((employee_id, Row::new(day, None, Origin::Record, content)))
}

/// The periods of these officials, with names; `beside` are departments whose names are wanted, too.
pub(super) async fn load(
    platform: &Platform,
    mut from: Source<'_>,
    employees: &[&str],
    beside: Option<&str>,
) -> Result<(HashMap<String, Timeline>, Units), PersonnelError> {
    let mut lines: HashMap<String, Timeline> = HashMap::new();
    for some in employees.chunks(STATEMENT_ROWS) {
        let sql = format!(
            "SELECT id, employee_id, from_day, until_day, origin, sealed FROM personnel_post \
             WHERE employee_id IN {} ORDER BY employee_id, from_day LIMIT {}",
            places(1, some.len()),
            // A record may change beyond what is told; still bounded.
            some.len() * limits::CAREER_POSTS.size() * 10
        );
        for row in from.fetch(sql, some.iter().map(|id| Value::from(*id)).collect()).await? {
            let (employee_id, row) = row_of(platform, &row)?;
            lines.entry(employee_id).or_default().rows.push(row);
        }
        let new: Vec<&str> = some.iter().copied().filter(|id| !lines.contains_key(*id)).collect();
        if new.is_empty() {
            continue;
        }
        let sql = format!(
            "SELECT id, agency_code, department_id, status, personal, effective_at FROM employee WHERE id IN {}",
            places(1, new.len())
        );
        for row in from.fetch(sql, new.iter().map(|id| Value::from(*id)).collect()).await? {
            let (employee_id, row) = seed(platform, &row)?;
            lines.entry(employee_id).or_default().rows.push(row);
        }
    }
    let nameless = lines.values().flat_map(|line| &line.rows).filter(|row| row.content.agency.ko.is_empty());
    let mut ids: HashSet<String> = nameless.filter_map(|row| row.content.department_id.clone()).collect();
    ids.extend(beside.map(str::to_owned));
    let units = units(&mut from, &ids).await?;
    for row in lines.values_mut().flat_map(|line| &mut line.rows) {
        named(&mut row.content, &units);
    }
    Ok((lines, units))
}

/// A period that goes on is called what it is called; its names are kept from its last day on.
fn sealed(platform: &Platform, row: &Row) -> Result<Vec<u8>, PersonnelError> {
    let mut content = row.content.clone();
    if row.until.is_none() && content.department_id.is_some() {
        (content.agency, content.department) = (Named::default(), Named::default());
    }
    let plain = keys::Zeroizing::new(serde_json::to_vec(&content).map_err(|_| PersonnelError::Damaged)?);
    Ok(platform.sealer.seal(TABLE, "sealed", &row.id, &plain))
}

/// The columns of a row, ready to be written.
pub(super) fn columns(
    platform: &Platform,
    employee_id: &str,
    row: &Row,
    now_ms: i64,
) -> Result<Vec<Value>, PersonnelError> {
    Ok(params![
        row.id.as_str(),
        employee_id,
        row.from,
        row.until,
        row.origin.as_str(),
        sealed(platform, row)?,
        now_ms
    ])
}

/// Writes new rows.
pub(in crate::personnel) async fn insert(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<(), PersonnelError> {
    for some in rows.chunks(STATEMENT_ROWS) {
        let sql = format!(
            "INSERT INTO personnel_post (id, employee_id, from_day, until_day, origin, sealed, updated_at) VALUES {}",
            places(some.len(), 7)
        );
        // Only placeholders go into the text.
        tx.execute(AssertSqlSafe(sql), some.iter().flatten().cloned().collect()).await?;
    }
    Ok(())
}

/// Writes what changed: first what goes, then what ends, then what begins, so that no two are ever in each other's way.
pub(super) async fn write(
    platform: &Platform,
    tx: &mut Tx,
    lines: &HashMap<String, Timeline>,
) -> Result<(), PersonnelError> {
    let now_ms = tx.now_ms();
    let mut new = Vec::new();
    for (employee_id, line) in lines {
        for id in &line.gone {
            tx.execute("DELETE FROM personnel_post WHERE id = $1", params![id.as_str()]).await?;
        }
        for row in &line.rows {
            match row.mark {
                Mark::Kept => {}
                Mark::New => new.push(columns(platform, employee_id, row, now_ms)?),
                Mark::Changed => {
                    tx.execute(
                        "UPDATE personnel_post SET from_day = $2, until_day = $3, sealed = $4, updated_at = $5 WHERE id = $1",
                        params![row.id.as_str(), row.from, row.until, sealed(platform, row)?, now_ms],
                    )
                    .await?;
                }
            }
        }
    }
    insert(tx, new).await
}

/// The first row of somebody who is new, ready to be written.
pub(super) fn first(
    platform: &Platform,
    employee_id: &str,
    from: i64,
    content: Content,
    now_ms: i64,
) -> Result<Vec<Value>, PersonnelError> {
    columns(platform, employee_id, &Row::new(from, None, Origin::Record, content), now_ms)
}

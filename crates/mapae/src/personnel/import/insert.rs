//! Writing people whom nobody has written yet, many in one statement: each statement is a way to the database and back,
//! and a file of a hundred thousand hires is made of little else.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use super::content::{Content, rrn_tag};
use super::department::{Departments, department, role};
use super::line::{EmployeeLine, Role};
use super::save::{Saved, Told, employee};
use crate::operations::store::{STATEMENT_ROWS, Tx, Value, params, places};
use crate::operations::{Platform, id};
use crate::personnel::{PersonnelError, career};

/// A person ready to be written; everything personal is sealed to its row.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) id: String,
    row: Vec<Value>,
    /// The first post.
    post: Vec<Value>,
    pieces: Vec<Vec<u8>>,
}

impl Ready {
    pub(super) fn of(
        platform: &Platform,
        id: String,
        line: &EmployeeLine,
        content: &Content,
        department_id: &str,
        source: &str,
        now_ms: i64,
    ) -> Result<Self, PersonnelError> {
        let sealer = &platform.sealer;
        let row = params![
            id.as_str(),
            line.agency.as_str(),
            department_id,
            line.status.as_str(),
            keys::random::token(),
            sealer.seal("employee", "personal", &id, &content.plain),
            rrn_tag(platform, &id, line, None)?,
            sealer.blind_index("employee-name", &line.name.ko),
            sealer.blind_index("employee-number", &line.number),
            content.tag.as_slice(),
            source,
            line.effective_at,
            now_ms,
            now_ms
        ];
        let pieces = name_pieces(platform, &line.name.ko);
        let post = career::first(platform, &id, line, department_id, now_ms)?;
        Ok(Self { id, row, post, pieces })
    }
}

/// Keyed hashes of a name's pieces, for searching.
pub(super) fn name_pieces(platform: &Platform, name: &str) -> Vec<Vec<u8>> {
    platform.sealer.bigrams("employee-name-piece", name)
}

/// Writes them. Somebody who is known already fails the transaction.
pub(super) async fn insert(tx: &mut Tx, people: &[&Ready]) -> Result<(), PersonnelError> {
    for some in people.chunks(STATEMENT_ROWS) {
        let sql = format!(
            "INSERT INTO employee (id, agency_code, department_id, status, link_id, personal, rrn_tag, name_index, \
             number_index, content_tag, source, effective_at, updated_at, created_at) VALUES {}",
            places(some.len(), 14)
        );
        // Only placeholders go into the text.
        tx.execute(AssertSqlSafe(sql), some.iter().flat_map(|person| person.row.clone()).collect()).await?;
    }
    career::insert(tx, people.iter().map(|person| person.post.clone()).collect()).await?;
    let pieces: Vec<(&[u8], &str)> = people
        .iter()
        .flat_map(|person| person.pieces.iter().map(|piece| (piece.as_slice(), person.id.as_str())))
        .collect();
    insert_pieces(tx, &pieces).await
}

/// Writes the pieces of names, each with its employee.
pub(super) async fn insert_pieces(tx: &mut Tx, pieces: &[(&[u8], &str)]) -> Result<(), PersonnelError> {
    for some in pieces.chunks(4 * STATEMENT_ROWS) {
        let sql = format!(
            "INSERT INTO employee_name_piece (piece, employee_id) VALUES {} ON CONFLICT DO NOTHING",
            places(some.len(), 2)
        );
        let values = some.iter().flat_map(|(piece, person)| params![*piece, *person]).collect();
        tx.execute(AssertSqlSafe(sql), values).await?;
    }
    Ok(())
}

/// Agency and blind index of the number: what nobody else may have.
type Number = (String, Vec<u8>);

/// Saves lines of employees in their order: who is new is gathered and written together, everybody else one by one.
pub(super) async fn employees(
    platform: &Platform,
    tx: &mut Tx,
    departments: &mut Departments,
    lines: &[&EmployeeLine],
    told: &Told,
) -> Result<Vec<Saved>, PersonnelError> {
    let numbers: Vec<Number> = lines
        .iter()
        .map(|line| {
            let index = platform.sealer.blind_index("employee-number", &line.number);
            (line.agency.as_str().to_owned(), index)
        })
        .collect();
    let mut met = stored(tx, &numbers).await?;
    let mut gathered: Vec<(Ready, String, &EmployeeLine)> = Vec::new();
    let mut saved = Vec::with_capacity(lines.len());
    for (line, number) in lines.iter().zip(numbers) {
        let first = met.insert(number);
        if !first || line.previous_agency.is_some() {
            write(tx, &mut gathered).await?;
            saved.push(employee(platform, tx, departments, line, told).await?.0);
            continue;
        }
        let Some(department_id) = department(tx, departments, line, &told.source).await? else {
            saved.push(Saved::UnknownAgency);
            continue;
        };
        let content = Content::of(platform, line, &department_id)?;
        let ready =
            Ready::of(platform, id::new(), line, &content, &department_id, &told.source, tx.now_ms())?;
        gathered.push((ready, department_id, line));
        saved.push(Saved::New);
    }
    write(tx, &mut gathered).await?;
    Ok(saved)
}

/// Which of these numbers somebody has.
async fn stored(tx: &mut Tx, numbers: &[Number]) -> Result<HashSet<Number>, PersonnelError> {
    if numbers.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "SELECT agency_code, number_index FROM employee WHERE number_index IN {}",
        places(1, numbers.len())
    );
    // Only placeholders go into the text.
    let indexes = numbers.iter().map(|(_, index)| Value::from(index.as_slice())).collect();
    let rows = tx.fetch_all(AssertSqlSafe(sql), indexes).await?;
    rows.iter().map(|row| Ok((row.text("agency_code")?, row.bytes("number_index")?))).collect()
}

/// Writes who is gathered, with their posts.
async fn write(
    tx: &mut Tx,
    gathered: &mut Vec<(Ready, String, &EmployeeLine)>,
) -> Result<(), PersonnelError> {
    let people: Vec<&Ready> = gathered.iter().map(|(ready, ..)| ready).collect();
    insert(tx, &people).await?;
    for (ready, department_id, line) in gathered.drain(..) {
        if line.role != Role::Member {
            role(tx, &department_id, &ready.id, line).await?;
        }
    }
    Ok(())
}

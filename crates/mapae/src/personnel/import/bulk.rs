//! Many people whom nobody has imported yet, written together: for a measurement at full size.
//!
//! A row says what the import would have written for the same line: sealed to its place, found by the same blind
//! indexes, told unchanged by the import afterwards. What the import does beside that (comparing with what is stored,
//! going on where it was interrupted) has no meaning here, so that many rows go into one statement.

use sqlx::AssertSqlSafe;

use super::content::{Content, rrn_tag};
use super::department::{Departments, department, department_id, role};
use super::line::{Cells, EmployeeLine, Headings, Role};
use super::save;
use super::{ImportError, csv_error};
use crate::operations::store::{Tx, Value, params, places};
use crate::operations::{Platform, id};
use crate::personnel::PersonnelError;
use crate::personnel::demo_data::EMPLOYEE_HEADINGS;

/// Rows of one statement: far below the parameters that either engine takes.
const ROWS: usize = 250;
const SOURCE: &str = "demo";

/// A person ready to be written; everything personal is sealed.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub id: String,
    pub department_id: String,
    /// Whose head decides about this person: the own department's, or for a head the one above.
    pub decided_in: Option<String>,
    pub line: EmployeeLine,
    row: Vec<Value>,
    pieces: Vec<Vec<u8>>,
}

/// Reads lines of an employee file (without headings) and makes their rows ready: no database, much arithmetic.
///
/// # Errors
/// A line that the import would refuse.
pub fn read_lines(platform: &Platform, lines: &str) -> Result<Vec<NewPerson>, ImportError> {
    let text = [EMPLOYEE_HEADINGS, lines].concat();
    let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    if !csv.read_record(&mut record).map_err(csv_error)? {
        return Err(ImportError::Empty);
    }
    let headings = Headings::read(&record).map_err(ImportError::Headings)?;
    let now_ms = platform.now_ms();
    let mut people = Vec::new();
    while csv.read_record(&mut record).map_err(csv_error)? {
        let line = record.position().map_or(0, csv::Position::line);
        let cells =
            Cells { headings: &headings, record: &record, line, default_effective_at: now_ms, now_ms };
        let line = EmployeeLine::read(&cells).map_err(ImportError::Headings)?;
        people.push(NewPerson::of(platform, line, now_ms)?);
    }
    Ok(people)
}

impl NewPerson {
    fn of(platform: &Platform, line: EmployeeLine, now_ms: i64) -> Result<Self, PersonnelError> {
        let (id, sealer) = (id::new(), &platform.sealer);
        let within = |code: &str| department_id(line.agency.as_str(), code);
        let own = within(&line.department_code);
        let decided_in = match line.role {
            Role::Head => line.parent_department.as_deref().map(within),
            _ => Some(own.clone()),
        };
        let content = Content::of(platform, &line, &own)?;
        let row = params![
            id.as_str(),
            line.agency.as_str(),
            own.as_str(),
            line.status.as_str(),
            keys::random::token(),
            sealer.seal("employee", "personal", &id, &content.plain),
            rrn_tag(platform, &id, &line, None)?,
            sealer.blind_index("employee-name", &line.name.ko),
            sealer.blind_index("employee-number", &line.number),
            content.tag,
            SOURCE,
            line.effective_at,
            now_ms,
            now_ms
        ];
        let pieces = sealer.bigrams("employee-name-piece", &line.name.ko);
        Ok(Self { id, department_id: own, decided_in, line, row, pieces })
    }
}

/// Writes them with their departments, heads and deputies. Somebody who is known already fails the transaction.
///
/// # Errors
/// The store's, or an agency that is not known.
pub async fn load(tx: &mut Tx, people: &[NewPerson]) -> Result<(), PersonnelError> {
    save::take_turn(tx).await?;
    let mut departments = Departments::new();
    for person in people {
        department(tx, &mut departments, &person.line, SOURCE).await?.ok_or(PersonnelError::NotFound)?;
    }
    for some in people.chunks(ROWS) {
        let sql = format!(
            "INSERT INTO employee (id, agency_code, department_id, status, link_id, personal, rrn_tag, name_index, \
             number_index, content_tag, source, effective_at, updated_at, created_at) VALUES {}",
            places(some.len(), 14)
        );
        // Only placeholders go into the text, here and below.
        tx.execute(AssertSqlSafe(sql), some.iter().flat_map(|person| person.row.clone()).collect()).await?;
    }
    let pieces: Vec<(&Vec<u8>, &str)> = people
        .iter()
        .flat_map(|person| person.pieces.iter().map(|piece| (piece, person.id.as_str())))
        .collect();
    for some in pieces.chunks(4 * ROWS) {
        let sql =
            format!("INSERT INTO employee_name_piece (piece, employee_id) VALUES {}", places(some.len(), 2));
        let values = some.iter().flat_map(|(piece, person)| params![*piece, *person]).collect();
        tx.execute(AssertSqlSafe(sql), values).await?;
    }
    for person in people.iter().filter(|person| person.line.role != Role::Member) {
        role(tx, &person.department_id, &person.id, &person.line).await?;
    }
    Ok(())
}

//! Many people whom nobody has imported yet, written together: for a measurement at full size.
//!
//! A row says what the import would have written for the same line: sealed to its place, found by the same blind
//! indexes, told unchanged by the import afterwards. What the import does beside that (comparing with what is stored,
//! going on where it was interrupted) has no meaning here.

use super::content::Content;
use super::department::{Departments, department, department_id, role};
use super::insert::{Ready, insert};
use super::line::{Cells, EmployeeLine, Headings, Role};
use super::save;
use super::{ImportError, csv_error};
use crate::operations::store::Tx;
use crate::operations::{Platform, id};
use crate::personnel::PersonnelError;
use crate::personnel::demo_data::EMPLOYEE_HEADINGS;

const SOURCE: &str = "demo";

/// A person ready to be written; everything personal is sealed.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub id: String,
    pub department_id: String,
    /// Whose head decides about this person: the own department's, or for a head the one above.
    pub decided_in: Option<String>,
    pub line: EmployeeLine,
    ready: Ready,
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
        let within = |code: &str| department_id(line.agency.as_str(), code);
        let own = within(&line.department_code);
        let decided_in = match line.role {
            Role::Head => line.parent_department.as_deref().map(within),
            _ => Some(own.clone()),
        };
        let content = Content::of(platform, &line, &own)?;
        let ready = Ready::of(platform, id::new(), &line, &content, &own, SOURCE, now_ms)?;
        Ok(Self { id: ready.id.clone(), department_id: own, decided_in, line, ready })
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
    let ready: Vec<&Ready> = people.iter().map(|person| &person.ready).collect();
    insert(tx, &ready).await?;
    for person in people.iter().filter(|person| person.line.role != Role::Member) {
        role(tx, &person.department_id, &person.id, &person.line).await?;
    }
    Ok(())
}

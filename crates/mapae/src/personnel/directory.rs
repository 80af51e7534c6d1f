//! The records as an HR system sees them: searched by what can be searched, in order, page by page.
//!
//! A condition is a tree of typed columns and values; only fixed words and placeholders go into the SQL. What is sealed
//! can be compared with a whole value through its keyed hash and not otherwise: [`Column`] has no other personal ones.

use sqlx::AssertSqlSafe;

use super::PersonnelError;
use super::records::employee_of;
use super::types::{Department, Employee, Named};
use crate::operations::Platform;
use crate::operations::store::{Row, Value};

/// What may be compared or ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Id,
    Agency,
    /// The department's own code.
    Code,
    /// The department's id, of an employee.
    Department,
    Status,
    Created,
    Modified,
    /// Keyed hash of the number.
    Number,
    /// Keyed hash of the name in the HR system; of the number for whoever has none.
    UserName,
    /// Keyed hash of the HR system's id; of a department the id itself.
    External,
    /// Keyed hash of the name; of a department the name itself.
    Name,
    NameEn,
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    Contains,
    Begins,
    Ends,
    Greater,
    AtLeast,
    Less,
    AtMost,
}

/// Which records are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Everything,
    Nothing,
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Is(Column, Operator, Value),
    Present(Column),
}

/// In which order; then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub by: Column,
    pub descending: bool,
}

/// Which part of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub order: Order,
    pub offset: i64,
    pub limit: i64,
}

/// A person with what only an HR system asks for.
#[derive(Clone, Debug)]
pub struct Person {
    pub employee: Employee,
    pub department_code: String,
    pub external_id: Option<String>,
    /// The name in the HR system; the number for whoever has none.
    pub user_name: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub effective_at: i64,
    /// What the record says, as a keyed hash: by it a meanwhile written record is noticed.
    pub content_tag: Vec<u8>,
}

/// A department with what only an HR system asks for. Its deputies are not read.
#[derive(Clone, Debug)]
pub struct Unit {
    pub department: Department,
    pub external_id: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    People,
    Units,
}

impl Column {
    const fn sql(self, of: Of) -> &'static str {
        match (of, self) {
            (Of::People, Self::Id) => "e.id",
            (Of::People, Self::Agency) => "e.agency_code",
            (Of::People | Of::Units, Self::Code) => "d.code",
            (Of::People, Self::Department) => "e.department_id",
            (Of::People, Self::Status) => "e.status",
            (Of::People, Self::Created) => "COALESCE(e.created_at, e.updated_at)",
            (Of::People, Self::Modified) => "e.updated_at",
            (Of::People, Self::Number) => "e.number_index",
            (Of::People, Self::UserName) => "COALESCE(e.user_name_index, e.number_index)",
            (Of::People, Self::External) => "e.external_index",
            (Of::People, Self::Name) => "e.name_index",
            (Of::People, Self::NameEn) => "d.name_en",
            (Of::Units, Self::Id | Self::Department) => "d.id",
            (Of::Units, Self::Agency) => "d.agency_code",
            (Of::Units, Self::Created) => "COALESCE(d.created_at, d.updated_at)",
            (Of::Units, Self::Modified) => "d.updated_at",
            (Of::Units, Self::External) => "d.external_id",
            (Of::Units, Self::Name | Self::Status | Self::Number | Self::UserName) => "d.name",
            (Of::Units, Self::NameEn) => "d.name_en",
        }
    }
}

/// The text of a statement with its parameters.
struct Statement {
    of: Of,
    sql: String,
    params: Vec<Value>,
}

impl Statement {
    fn place(&mut self, value: Value) {
        self.params.push(value);
        self.sql.push('$');
        self.sql.push_str(&self.params.len().to_string());
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Everything => self.sql.push_str("1 = 1"),
            Condition::Nothing => self.sql.push_str("1 = 0"),
            Condition::All(all) => self.joined(all, " AND ", "1 = 1"),
            Condition::Any(all) => self.joined(all, " OR ", "1 = 0"),
            Condition::Not(inner) => {
                self.sql.push_str("NOT (");
                self.condition(inner);
                self.sql.push(')');
            }
            Condition::Present(column) => {
                let column = column.sql(self.of);
                self.sql.push_str(&format!("{column} IS NOT NULL"));
            }
            Condition::Is(column, operator, value) => self.comparison(*column, *operator, value.clone()),
        }
    }

    fn joined(&mut self, all: &[Condition], between: &str, none: &str) {
        if all.is_empty() {
            self.sql.push_str(none);
        }
        for (n, condition) in all.iter().enumerate() {
            self.sql.push_str(if n == 0 { "(" } else { between });
            self.condition(condition);
        }
        if !all.is_empty() {
            self.sql.push(')');
        }
    }

    fn comparison(&mut self, column: Column, operator: Operator, value: Value) {
        let column = column.sql(self.of);
        self.params.push(value);
        let value = format!("${}", self.params.len());
        // Parts of texts are compared letter by letter: LIKE means something else on each engine.
        let comparison = match operator {
            Operator::Equal => format!("{column} = {value}"),
            Operator::Contains => format!("({value} = '' OR replace({column}, {value}, '') <> {column})"),
            Operator::Begins => format!("substr({column}, 1, length({value})) = {value}"),
            Operator::Ends => format!(
                "length({column}) >= length({value}) \
                 AND substr({column}, length({column}) - length({value}) + 1) = {value}"
            ),
            Operator::Greater => format!("{column} > {value}"),
            Operator::AtLeast => format!("{column} >= {value}"),
            Operator::Less => format!("{column} < {value}"),
            Operator::AtMost => format!("{column} <= {value}"),
        };
        // A missing value compares to nothing; NOT must then say yes, so NULL is never the answer.
        self.sql.push_str(&format!("({column} IS NOT NULL AND {comparison})"));
    }

    fn agencies(&mut self, agencies: &[String]) {
        let column = Column::Agency.sql(self.of);
        self.sql.push_str(column);
        self.sql.push_str(" IN (");
        for (n, agency) in agencies.iter().enumerate() {
            if n > 0 {
                self.sql.push_str(", ");
            }
            self.place(Value::from(agency));
        }
        self.sql.push(')');
    }

    fn slice(&mut self, slice: Slice) {
        let (by, id) = (slice.order.by.sql(self.of), Column::Id.sql(self.of));
        let way = if slice.order.descending { "DESC" } else { "ASC" };
        self.sql.push_str(&format!(
            " ORDER BY {by} {way}, {id} {way} LIMIT {} OFFSET {}",
            slice.limit, slice.offset
        ));
    }
}

const PEOPLE: &str = "SELECT e.id, e.department_id, e.status, e.link_id, e.personal, d.name AS department, \
     d.name_en AS department_en, a.code, a.name, a.name_en, a.kind, a.parent_code, a.eligible, a.reason_ko, a.reason_en, \
     a.phase, a.phase_at, a.target, a.closed_network, a.opted_in_at, d.code AS department_code, e.external_id, e.user_name, COALESCE(e.created_at, e.updated_at) AS created_at, \
     e.updated_at, e.effective_at, e.content_tag";
const FROM_PEOPLE: &str = " FROM employee e JOIN department d ON d.id = e.department_id \
     JOIN agency a ON a.code = e.agency_code WHERE e.removed_at IS NULL AND ";
const UNITS: &str = "SELECT d.id, d.agency_code, d.code, d.name, d.name_en, d.parent_id, d.head_id, d.external_id, \
     COALESCE(d.created_at, d.updated_at) AS created_at, d.updated_at";
const FROM_UNITS: &str = " FROM department d WHERE ";

fn person_of(platform: &Platform, row: &Row) -> Result<Person, PersonnelError> {
    let employee = employee_of(platform, row)?;
    let opened = |column: &'static str| match row.opt_bytes(column)? {
        Some(sealed) => Ok::<_, PersonnelError>(Some(platform.sealer.open_text(
            "employee",
            column,
            &employee.id,
            &sealed,
        )?)),
        None => Ok(None),
    };
    Ok(Person {
        external_id: opened("external_id")?,
        user_name: opened("user_name")?.unwrap_or_else(|| employee.number.clone()),
        department_code: row.text("department_code")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
        effective_at: row.int("effective_at")?,
        content_tag: row.bytes("content_tag")?,
        employee,
    })
}

fn unit_of(row: &Row) -> Result<Unit, PersonnelError> {
    Ok(Unit {
        department: Department {
            id: row.text("id")?,
            agency_code: row.text("agency_code")?,
            code: row.text("code")?,
            name: Named { ko: row.text("name")?, en: row.text("name_en")? },
            parent_id: row.opt_text("parent_id")?,
            head_id: row.opt_text("head_id")?,
            deputies: Vec::new(),
        },
        external_id: row.opt_text("external_id")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

async fn select(
    platform: &Platform,
    of: Of,
    agencies: &[String],
    condition: &Condition,
    slice: Slice,
) -> Result<(i64, Vec<Row>), PersonnelError> {
    if agencies.is_empty() {
        return Ok((0, Vec::new()));
    }
    let (columns, from) = match of {
        Of::People => (PEOPLE, FROM_PEOPLE),
        Of::Units => (UNITS, FROM_UNITS),
    };
    let mut statement = Statement { of, sql: String::new(), params: Vec::new() };
    statement.agencies(agencies);
    statement.sql.push_str(" AND ");
    statement.condition(condition);
    let count = format!("SELECT COUNT(*) AS total{from}{}", statement.sql);
    let total =
        platform.store.fetch_one(AssertSqlSafe(count), statement.params.clone()).await?.int("total")?;
    if slice.limit == 0 || slice.offset >= total {
        return Ok((total, Vec::new()));
    }
    statement.slice(slice);
    let sql = format!("{columns}{from}{}", statement.sql);
    Ok((total, platform.store.fetch_all(AssertSqlSafe(sql), statement.params).await?))
}

/// How many people of these agencies are meant, and a part of them. Looking at them is audited by the caller.
pub async fn people(
    platform: &Platform,
    agencies: &[String],
    condition: &Condition,
    slice: Slice,
) -> Result<(i64, Vec<Person>), PersonnelError> {
    let (total, rows) = select(platform, Of::People, agencies, condition, slice).await?;
    let people = rows.iter().map(|row| person_of(platform, row)).collect::<Result<_, _>>()?;
    Ok((total, people))
}

/// How many departments of these agencies are meant, and a part of them.
pub async fn units(
    platform: &Platform,
    agencies: &[String],
    condition: &Condition,
    slice: Slice,
) -> Result<(i64, Vec<Unit>), PersonnelError> {
    let (total, rows) = select(platform, Of::Units, agencies, condition, slice).await?;
    Ok((total, rows.iter().map(unit_of).collect::<Result<_, _>>()?))
}

const ONE: Slice = Slice { order: Order { by: Column::Id, descending: false }, offset: 0, limit: 1 };

/// One person of these agencies.
pub async fn person(
    platform: &Platform,
    agencies: &[String],
    id: &str,
) -> Result<Option<Person>, PersonnelError> {
    let condition = Condition::Is(Column::Id, Operator::Equal, id.into());
    Ok(people(platform, agencies, &condition, ONE).await?.1.pop())
}

/// One department of these agencies.
pub async fn unit(
    platform: &Platform,
    agencies: &[String],
    id: &str,
) -> Result<Option<Unit>, PersonnelError> {
    let condition = Condition::Is(Column::Id, Operator::Equal, id.into());
    Ok(units(platform, agencies, &condition, ONE).await?.1.pop())
}

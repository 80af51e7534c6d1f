//! One line of an HR file, parsed: a value that exists is valid, and a bad line says where and why.

use std::collections::HashMap;

use csv::StringRecord;

use crate::operations::sealer::normalised;
use crate::operations::{Language, language};
use crate::personnel::PersonnelError;
use crate::personnel::career;
use crate::personnel::identity::Rrn;
use crate::personnel::moment;
use crate::personnel::types::{AgencyKind, Employee, EmployeeStatus, InstCode, Named};

/// A bad line: where and why, in both languages. It never repeats the value: values are personal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BadLine {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// Heading of the column.
    pub column: String,
    pub code: &'static str,
    pub reason: Named,
}

impl BadLine {
    pub(in crate::personnel) fn new(line: u64, column: &str, code: &'static str) -> Self {
        let text = |language| language::format(language, code, &[("column", column.to_owned())]);
        Self {
            line,
            column: column.to_owned(),
            code,
            reason: Named { ko: text(Language::Ko), en: text(Language::En) },
        }
    }
}

macro_rules! columns {
    ($($name:ident: $($heading:literal)|+;)*) => {
        /// A column we know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(in crate::personnel) enum Column { $($name),* }

        impl Column {
            /// Spaces in a heading do not count, nor does upper or lower case.
            fn of(heading: &str) -> Option<Self> {
                match normalised(heading).as_str() { $($($heading)|+ => Some(Self::$name),)* _ => None }
            }

            fn heading(self) -> &'static str {
                match self { $(Self::$name => first(&[$($heading),+])),* }
            }
        }
    };
}

fn first(headings: &[&'static str]) -> &'static str {
    headings.first().copied().unwrap_or_default()
}

columns! {
    InstCode: "기관코드" | "inst_code";
    PreviousInstCode: "이전기관코드" | "previous_inst_code";
    AgencyName: "기관명" | "agency_name";
    AgencyNameEn: "기관영문명" | "agency_name_en";
    Kind: "구분" | "kind";
    ParentCode: "상위기관코드" | "parent_code";
    Eligible: "발급대상" | "eligible";
    Reason: "제외사유" | "reason";
    ReasonEn: "제외사유영문" | "reason_en";
    Phase: "도입단계" | "phase";
    PhaseAt: "단계시작일" | "phase_at";
    DepartmentCode: "부서코드" | "department_code";
    Department: "부서명" | "department";
    DepartmentEn: "부서영문명" | "department_en";
    ParentDepartment: "상위부서코드" | "parent_department_code";
    Number: "공무원번호" | "employee_number";
    Name: "성명" | "name";
    NameEn: "영문성명" | "name_en";
    Rrn: "주민등록번호" | "rrn";
    BirthDate: "생년월일" | "birth_date";
    Phone: "휴대전화" | "phone";
    Position: "직위" | "position";
    PositionEn: "직위영문" | "position_en";
    Rank: "직급" | "rank";
    RankEn: "직급영문" | "rank_en";
    Status: "재직상태" | "status";
    Role: "보직" | "role";
    AppointedOn: "임용일" | "appointed_on";
    From: "시작일" | "from";
    Until: "종료일" | "until";
    Appointment: "발령구분" | "appointment";
    EffectiveAt: "기준일시" | "effective_at";
}

/// What a file is about, told by its headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Agencies,
    Employees,
    /// Earlier posts of officials.
    Posts,
}

impl Kind {
    /// Its word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agencies => "agencies",
            Self::Employees => "employees",
            Self::Posts => "posts",
        }
    }
}

/// The headings of a file.
pub(in crate::personnel) struct Headings {
    pub kind: Kind,
    at: HashMap<Column, usize>,
    width: usize,
}

impl Headings {
    /// Reads the first line. Unknown and doubled headings are refused: a column that is silently ignored is lost data.
    pub(super) fn read(record: &StringRecord) -> Result<Self, BadLine> {
        let mut at = HashMap::new();
        for (index, heading) in record.iter().enumerate() {
            let column = Column::of(heading)
                .ok_or_else(|| BadLine::new(1, heading.trim(), "personnel.import.unknown_column"))?;
            if at.insert(column, index).is_some() {
                return Err(BadLine::new(1, heading.trim(), "personnel.import.double_column"));
            }
        }
        let kind = if at.contains_key(&Column::From) {
            Kind::Posts
        } else if at.contains_key(&Column::Number) {
            Kind::Employees
        } else {
            Kind::Agencies
        };
        let needed: &[Column] = match kind {
            Kind::Employees => &[
                Column::InstCode,
                Column::DepartmentCode,
                Column::Department,
                Column::Number,
                Column::Name,
                Column::BirthDate,
                Column::Phone,
                Column::Status,
            ],
            Kind::Agencies => &[Column::InstCode, Column::AgencyName, Column::Kind, Column::Eligible],
            Kind::Posts => career::NEEDED,
        };
        match needed.iter().find(|column| !at.contains_key(column)) {
            Some(missing) => Err(BadLine::new(1, missing.heading(), "personnel.import.missing_column")),
            None => Ok(Self { kind, at, width: record.len() }),
        }
    }

    fn has(&self, column: Column) -> bool {
        self.at.contains_key(&column)
    }
}

/// Reads the cells of one line, remembering where.
pub(in crate::personnel) struct Cells<'a> {
    pub headings: &'a Headings,
    pub record: &'a StringRecord,
    pub line: u64,
    /// What counts as effective time when the file has none.
    pub default_effective_at: i64,
    pub now_ms: i64,
}

/// Longest text of a cell, in characters.
const LONGEST: usize = 100;
const A_DAY: i64 = 24 * 3_600 * 1_000;

impl Cells<'_> {
    pub(in crate::personnel) fn bad(&self, column: Column, code: &'static str) -> BadLine {
        BadLine::new(self.line, column.heading(), code)
    }

    /// An optional cell: trimmed, without control characters, bounded.
    pub(in crate::personnel) fn optional(&self, column: Column) -> Result<&str, BadLine> {
        let cell = self
            .headings
            .at
            .get(&column)
            .and_then(|index| self.record.get(*index))
            .unwrap_or_default()
            .trim();
        if cell.contains('\u{fffd}') {
            return Err(self.bad(column, "personnel.import.encoding"));
        }
        if cell.chars().count() > LONGEST {
            return Err(self.bad(column, "personnel.import.too_long"));
        }
        if cell.chars().any(char::is_control) {
            return Err(self.bad(column, "personnel.import.control"));
        }
        Ok(cell)
    }

    pub(in crate::personnel) fn required(&self, column: Column) -> Result<&str, BadLine> {
        let cell = self.optional(column)?;
        if cell.is_empty() { Err(self.bad(column, "personnel.import.empty")) } else { Ok(cell) }
    }

    pub(in crate::personnel) fn named(
        &self,
        ko: Column,
        en: Column,
        required: bool,
    ) -> Result<Named, BadLine> {
        let text = if required { self.required(ko)? } else { self.optional(ko)? };
        Ok(Named { ko: text.to_owned(), en: self.optional(en)?.to_owned() })
    }

    pub(in crate::personnel) fn inst_code(&self, column: Column) -> Result<InstCode, BadLine> {
        self.required(column)?.parse().map_err(|_| self.bad(column, "personnel.import.inst_code"))
    }

    fn effective_at(&self) -> Result<i64, BadLine> {
        let cell = self.optional(Column::EffectiveAt)?;
        if cell.is_empty() {
            return Ok(self.default_effective_at);
        }
        let moment =
            moment::moment(cell).ok_or_else(|| self.bad(Column::EffectiveAt, "personnel.import.moment"))?;
        if moment > self.now_ms + A_DAY {
            return Err(self.bad(Column::EffectiveAt, "personnel.import.future"));
        }
        Ok(moment)
    }

    pub(in crate::personnel) fn width(&self) -> Result<(), BadLine> {
        if self.record.len() == self.headings.width {
            Ok(())
        } else {
            Err(BadLine::new(self.line, "", "personnel.import.width"))
        }
    }
}

/// An agency as a file tells it.
#[derive(Clone, Debug)]
pub struct AgencyLine {
    pub line: u64,
    pub code: InstCode,
    pub name: Named,
    pub kind: AgencyKind,
    pub parent_code: Option<InstCode>,
    pub eligible: bool,
    pub reason: Option<Named>,
    pub phase: Option<i64>,
    pub phase_at: Option<i64>,
    pub effective_at: i64,
}

impl AgencyLine {
    pub(super) fn read(cells: &Cells<'_>) -> Result<Self, BadLine> {
        cells.width()?;
        let parent = cells.optional(Column::ParentCode)?;
        let eligible = match cells.required(Column::Eligible)? {
            "Y" | "y" | "예" | "1" => true,
            "N" | "n" | "아니오" | "0" => false,
            _ => return Err(cells.bad(Column::Eligible, "personnel.import.yes_no")),
        };
        let reason = cells.named(Column::Reason, Column::ReasonEn, false)?;
        let phase = match cells.optional(Column::Phase)? {
            "" => None,
            text => Some(
                text.parse()
                    .ok()
                    .filter(|phase| (1..=99).contains(phase))
                    .ok_or_else(|| cells.bad(Column::Phase, "personnel.import.phase"))?,
            ),
        };
        let phase_at = match cells.optional(Column::PhaseAt)? {
            "" => None,
            text => Some(
                moment::moment(text).ok_or_else(|| cells.bad(Column::PhaseAt, "personnel.import.moment"))?,
            ),
        };
        Ok(Self {
            line: cells.line,
            code: cells.inst_code(Column::InstCode)?,
            name: cells.named(Column::AgencyName, Column::AgencyNameEn, true)?,
            kind: AgencyKind::parse(cells.required(Column::Kind)?)
                .ok_or_else(|| cells.bad(Column::Kind, "personnel.import.agency_kind"))?,
            parent_code: if parent.is_empty() { None } else { Some(cells.inst_code(Column::ParentCode)?) },
            eligible,
            reason: (!reason.ko.is_empty()).then_some(reason),
            phase,
            phase_at,
            effective_at: cells.effective_at()?,
        })
    }
}

/// What an employee does in the department.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Role {
    Head,
    Deputy,
    Member,
    /// The file has no such column: nothing is said, nothing changes.
    Unsaid,
}

/// What is said of the resident registration number.
#[derive(Clone, Debug)]
pub enum RrnSaid {
    /// Nothing: what is stored stays.
    Unsaid,
    /// There is none any more.
    Nothing,
    Number(Rrn),
}

/// An employee as a file or an HR system tells it. Personal: it goes into the database sealed, never into a log.
#[derive(Clone)]
pub struct EmployeeLine {
    pub line: u64,
    pub agency: InstCode,
    /// The agency the official comes from, if this line is about a move between agencies.
    pub previous_agency: Option<InstCode>,
    pub department_code: String,
    pub department: Named,
    pub parent_department: Option<String>,
    pub number: String,
    pub name: Named,
    pub rrn: RrnSaid,
    pub birth_date: String,
    pub phone: String,
    pub position: Named,
    pub rank: Named,
    pub status: EmployeeStatus,
    pub role: Role,
    /// The day of the first appointment, where it is said; counted from 1970-01-01.
    pub appointed_on: Option<i64>,
    pub effective_at: i64,
}

impl std::fmt::Debug for EmployeeLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmployeeLine({})", self.line)
    }
}

impl EmployeeLine {
    /// A record as a line that says the same, from now on.
    pub(in crate::personnel) fn of(
        employee: &Employee,
        department_code: &str,
        now_ms: i64,
    ) -> Result<Self, PersonnelError> {
        Ok(Self {
            line: 0,
            agency: employee.agency.code.parse().map_err(|_| PersonnelError::Damaged)?,
            previous_agency: None,
            department_code: department_code.to_owned(),
            department: Named::default(),
            parent_department: None,
            number: employee.number.clone(),
            name: employee.name.clone(),
            rrn: RrnSaid::Unsaid,
            birth_date: employee.birth_date.clone(),
            phone: employee.phone.clone(),
            position: employee.position.clone(),
            rank: employee.rank.clone(),
            status: employee.status,
            role: Role::Unsaid,
            appointed_on: None,
            effective_at: now_ms,
        })
    }

    pub(super) fn read(cells: &Cells<'_>) -> Result<Self, BadLine> {
        cells.width()?;
        let rrn = match cells.optional(Column::Rrn)? {
            "" => RrnSaid::Unsaid,
            text => {
                RrnSaid::Number(Rrn::parse(text).map_err(|_| cells.bad(Column::Rrn, "personnel.import.rrn"))?)
            }
        };
        let role = match cells.optional(Column::Role)? {
            _ if !cells.headings.has(Column::Role) => Role::Unsaid,
            "" => Role::Member,
            "부서장" | "head" => Role::Head,
            "대리" | "deputy" => Role::Deputy,
            _ => return Err(cells.bad(Column::Role, "personnel.import.role")),
        };
        let birth_date = moment::calendar_date(cells.required(Column::BirthDate)?)
            .ok_or_else(|| cells.bad(Column::BirthDate, "personnel.import.date"))?;
        let parent = cells.optional(Column::ParentDepartment)?;
        Ok(Self {
            line: cells.line,
            agency: cells.inst_code(Column::InstCode)?,
            previous_agency: match cells.optional(Column::PreviousInstCode)? {
                "" => None,
                _ => Some(cells.inst_code(Column::PreviousInstCode)?),
            },
            department_code: cells.required(Column::DepartmentCode)?.to_owned(),
            department: cells.named(Column::Department, Column::DepartmentEn, true)?,
            parent_department: (!parent.is_empty()).then(|| parent.to_owned()),
            number: cells.required(Column::Number)?.to_owned(),
            name: cells.named(Column::Name, Column::NameEn, true)?,
            rrn,
            birth_date: moment::iso(birth_date),
            phone: phone(cells.required(Column::Phone)?)
                .ok_or_else(|| cells.bad(Column::Phone, "personnel.import.phone"))?,
            position: cells.named(Column::Position, Column::PositionEn, false)?,
            rank: cells.named(Column::Rank, Column::RankEn, false)?,
            status: EmployeeStatus::parse(cells.required(Column::Status)?)
                .ok_or_else(|| cells.bad(Column::Status, "personnel.import.status"))?,
            role,
            appointed_on: match cells.optional(Column::AppointedOn)? {
                "" => None,
                text => Some(
                    moment::calendar_date(text)
                        .map(moment::day_of)
                        .ok_or_else(|| cells.bad(Column::AppointedOn, "personnel.import.date"))?,
                ),
            },
            effective_at: cells.effective_at()?,
        })
    }
}

/// A Korean mobile number, digits only: `010…` with 11 digits, or an older prefix with 10 or 11; `+82` is understood.
pub fn phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ' | '.' | '(' | ')')).collect();
    let digits = match digits.strip_prefix("+82") {
        Some(rest) => format!("0{}", rest.trim_start_matches('0')),
        None => digits,
    };
    let fits = digits.starts_with("01") && (10..=11).contains(&digits.len());
    (fits && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

//! A line that waits for a person, as it lies sealed in the list of held changes. The resident registration number is not
//! in it: it is kept nowhere but as a keyed hash, and what ends an employment does not need it.

use serde::{Deserialize, Serialize};

use super::line::{AgencyLine, EmployeeLine, Role, RrnSaid};
use super::save::Told;
use crate::personnel::PersonnelError;
use crate::personnel::types::{AgencyKind, EmployeeStatus, InstCode, Named};

/// What is written when the change is released.
#[derive(Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub(in crate::personnel) enum HeldLine {
    Employee(Box<HeldEmployee>),
    Agency(Box<HeldAgency>),
}

#[derive(Serialize, Deserialize)]
pub(in crate::personnel) struct HeldEmployee {
    agency: String,
    department_code: String,
    department: Named,
    parent_department: Option<String>,
    number: String,
    name: Named,
    birth_date: String,
    phone: String,
    position: Named,
    rank: Named,
    status: EmployeeStatus,
    role: Role,
    effective_at: i64,
    external_id: Option<Option<String>>,
    user_name: Option<Option<String>>,
    remove: bool,
}

#[derive(Serialize, Deserialize)]
pub(in crate::personnel) struct HeldAgency {
    code: String,
    name: Named,
    kind: AgencyKind,
    parent_code: Option<String>,
    reason: Option<Named>,
    phase: Option<i64>,
    phase_at: Option<i64>,
    effective_at: i64,
}

fn code(text: &str) -> Result<InstCode, PersonnelError> {
    text.parse().map_err(|_| PersonnelError::Damaged)
}

impl HeldLine {
    pub(in crate::personnel) fn new(line: &EmployeeLine, told: &Told) -> Self {
        Self::Employee(Box::new(HeldEmployee {
            agency: line.agency.as_str().to_owned(),
            department_code: line.department_code.clone(),
            department: line.department.clone(),
            parent_department: line.parent_department.clone(),
            number: line.number.clone(),
            name: line.name.clone(),
            birth_date: line.birth_date.clone(),
            phone: line.phone.clone(),
            position: line.position.clone(),
            rank: line.rank.clone(),
            status: line.status,
            role: line.role,
            effective_at: line.effective_at,
            external_id: told.external_id.clone(),
            user_name: told.user_name.clone(),
            remove: told.remove,
        }))
    }

    pub(in crate::personnel) fn agency(line: &AgencyLine) -> Self {
        Self::Agency(Box::new(HeldAgency {
            code: line.code.as_str().to_owned(),
            name: line.name.clone(),
            kind: line.kind,
            parent_code: line.parent_code.as_ref().map(|code| code.as_str().to_owned()),
            reason: line.reason.clone(),
            phase: line.phase,
            phase_at: line.phase_at,
            effective_at: line.effective_at,
        }))
    }

    /// The text to be sealed.
    pub(in crate::personnel) fn payload(&self) -> Result<Vec<u8>, PersonnelError> {
        serde_json::to_vec(self).map_err(|_| PersonnelError::Damaged)
    }

    pub(in crate::personnel) fn read(payload: &[u8]) -> Result<Self, PersonnelError> {
        serde_json::from_slice(payload).map_err(|_| PersonnelError::Damaged)
    }
}

impl HeldEmployee {
    /// The line again; what else was told with it goes into `told`.
    pub(in crate::personnel) fn line(self, told: &mut Told) -> Result<EmployeeLine, PersonnelError> {
        told.external_id = self.external_id;
        told.user_name = self.user_name;
        told.remove = self.remove;
        Ok(EmployeeLine {
            line: 0,
            agency: code(&self.agency)?,
            previous_agency: None,
            department_code: self.department_code,
            department: self.department,
            parent_department: self.parent_department,
            number: self.number,
            name: self.name,
            rrn: RrnSaid::Unsaid,
            birth_date: self.birth_date,
            phone: self.phone,
            position: self.position,
            rank: self.rank,
            status: self.status,
            role: self.role,
            appointed_on: None,
            effective_at: self.effective_at,
        })
    }
}

impl HeldAgency {
    /// The line again; only an exclusion is ever held.
    pub(in crate::personnel) fn line(self) -> Result<AgencyLine, PersonnelError> {
        Ok(AgencyLine {
            line: 0,
            code: code(&self.code)?,
            name: self.name,
            kind: self.kind,
            parent_code: self.parent_code.as_deref().map(code).transpose()?,
            eligible: false,
            reason: self.reason,
            phase: self.phase,
            phase_at: self.phase_at,
            effective_at: self.effective_at,
        })
    }
}

//! What somebody may do. A duty belongs to an employee and reaches an agency and those below it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// 공무원 본인: asks for a badge for themselves. Everybody with an account.
    Applicant,
    /// 부서장: decides for the department. Follows from personnel or from a delegation, never granted by hand.
    DepartmentHead,
    /// 인사담당자: identity check and issue approval.
    HrManager,
    /// 보안담당: loss desk and suspension.
    SecurityOfficer,
    /// 감사: reads, never changes.
    Auditor,
    /// 운영: keys, agencies, relying parties; decides on no person.
    Operator,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 6] = [
        Self::Applicant,
        Self::DepartmentHead,
        Self::HrManager,
        Self::SecurityOfficer,
        Self::Auditor,
        Self::Operator,
    ];

    /// The word in the database and in the audit record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applicant => "applicant",
            Self::DepartmentHead => "department_head",
            Self::HrManager => "hr_manager",
            Self::SecurityOfficer => "security_officer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }

    /// Reads the word of the database.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.as_str() == word)
    }

    /// The duties that are given by a row.
    pub const GRANTED: [Self; 4] = [Self::HrManager, Self::SecurityOfficer, Self::Auditor, Self::Operator];

    /// Whether the duty is given by a row; the others follow from personnel.
    pub const fn is_granted(self) -> bool {
        !matches!(self, Self::Applicant | Self::DepartmentHead)
    }

    /// Whether one person may hold both: an auditor holds nothing that decides.
    pub const fn goes_with(self, other: Self) -> bool {
        !matches!(
            (self, other),
            (Self::Auditor, Self::HrManager | Self::SecurityOfficer | Self::Operator)
                | (Self::HrManager | Self::SecurityOfficer | Self::Operator, Self::Auditor)
        )
    }

    /// The addresses of the desks it opens, for the navigation; each page judges for itself.
    pub const fn desks(self) -> &'static [&'static str] {
        match self {
            Self::HrManager => &[
                "/applications",
                "/credentials",
                "/signatures",
                "/people",
                "/loss",
                "/unlock",
                "/corrections",
                "/duties",
                "/agencies",
                "/statistics",
            ],
            Self::SecurityOfficer => &["/applications", "/people", "/loss", "/gates", "/statistics"],
            Self::Auditor => &[
                "/applications",
                "/people",
                "/loss",
                "/duties",
                "/agencies",
                "/relying-parties",
                "/gates",
                "/statistics",
                "/audit-log",
                "/system",
            ],
            Self::Operator => &["/agencies", "/relying-parties", "/statistics", "/system"],
            Self::Applicant | Self::DepartmentHead => &[],
        }
    }

    /// The key of its name in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Applicant => "staff.duty.applicant",
            Self::DepartmentHead => "staff.duty.department_head",
            Self::HrManager => "staff.duty.hr_manager",
            Self::SecurityOfficer => "staff.duty.security_officer",
            Self::Auditor => "staff.duty.auditor",
            Self::Operator => "staff.duty.operator",
        }
    }
}

/// A duty with the agency it reaches from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub duty: Duty,
    pub agency_code: String,
}

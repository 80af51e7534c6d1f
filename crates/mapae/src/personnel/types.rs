//! What HR knows: agencies, departments, employees. A value that exists is valid.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An institution code (행정표준코드): seven letters or digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstCode(String);

/// The text is no institution code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an institution code has seven letters or digits")]
pub struct NotAnInstCode;

impl FromStr for InstCode {
    type Err = NotAnInstCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() == 7 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAnInstCode) }
    }
}

impl InstCode {
    /// The seven characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal | $korean:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            /// The word in the database and in programs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads the word, or what Korean HR systems write for it.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word | $korean => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// Kind of agency.
    AgencyKind { Central = "central" | "중앙", Local = "local" | "지방" }
}

words! {
    /// Where an employment stands.
    EmployeeStatus {
        /// 재직
        Serving = "serving" | "재직",
        /// 휴직
        Leave = "leave" | "휴직",
        /// 파견
        Dispatched = "dispatched" | "파견",
        /// 퇴직
        Retired = "retired" | "퇴직",
        /// 사망
        Dead = "dead" | "사망",
    }
}

impl EmployeeStatus {
    /// The key of its name in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Serving => "personnel.status.serving",
            Self::Leave => "personnel.status.leave",
            Self::Dispatched => "personnel.status.dispatched",
            Self::Retired => "personnel.status.retired",
            Self::Dead => "personnel.status.dead",
        }
    }

    /// Whether the official may act as one now.
    pub const fn is_serving(self) -> bool {
        matches!(self, Self::Serving | Self::Dispatched)
    }
}

/// A text in Korean and, where given, English.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    pub ko: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub en: String,
}

impl Named {
    /// As a claim value: a string, or `{"ko": …, "en": …}` where there is English.
    pub fn claim(&self) -> serde_json::Value {
        if self.en.is_empty() {
            self.ko.clone().into()
        } else {
            serde_json::json!({ "ko": self.ko, "en": self.en })
        }
    }
}

/// An agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Agency {
    /// 행정표준코드, seven characters.
    pub code: String,
    pub name: Named,
    pub kind: AgencyKind,
    /// The ministry or province above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_code: Option<String>,
    /// Whether its officials may have a badge at all.
    pub eligible: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Named>,
    /// Roll-out phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<i64>,
    /// When the phase begins (epoch milliseconds).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_at: Option<i64>,
    /// Officials that are planned for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<i64>,
    /// Whether its network reaches neither phones nor this platform.
    pub closed_network: bool,
    /// Since when a local government's own decision to take part is in force (epoch milliseconds).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opted_in_at: Option<i64>,
}

impl Agency {
    /// Whether nobody has to decide any more that it takes part: central agencies follow the plan, local governments their
    /// own decision.
    pub fn has_opted_in(&self, now_ms: i64) -> bool {
        self.kind == AgencyKind::Central || self.opted_in_at.is_some_and(|at| at <= now_ms)
    }
}

/// A department.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Department {
    pub id: String,
    pub agency_code: String,
    /// The agency's own code for it.
    pub code: String,
    pub name: Named,
    /// The department above it; a head's own request goes there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The employee who heads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_id: Option<String>,
    /// Employees who decide for the head now.
    pub deputies: Vec<String>,
}

/// What is sealed of an employee, in one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Personal {
    pub name: Named,
    pub number: String,
    /// `YYYY-MM-DD`
    pub birth_date: String,
    /// Digits only.
    pub phone: String,
    pub position: Named,
    pub rank: Named,
}

/// An employee, opened. It holds personal data: it goes to the person who asked, never into a log.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Employee {
    pub id: String,
    pub agency: Agency,
    pub department_id: String,
    pub department: Named,
    pub name: Named,
    /// 공무원 번호
    pub number: String,
    /// `YYYY-MM-DD`
    pub birth_date: String,
    /// Digits only.
    pub phone: String,
    pub position: Named,
    pub rank: Named,
    pub status: EmployeeStatus,
    /// Random, stable over re-issue and transfer; pairwise subjects are made of it. Shown to nobody.
    #[serde(skip)]
    pub link_id: String,
}

impl fmt::Debug for Employee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Employee({})", self.id)
    }
}

/// What a transaction needs to know of an employment without opening anything personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub status: EmployeeStatus,
    pub agency_code: String,
    pub department_id: String,
}

/// Whether an employee may have a badge now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eligibility {
    Allowed,
    Refused(Refused),
}

/// Why not, as the applicant reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refused {
    pub code: &'static str,
    pub reason: Named,
}

impl Eligibility {
    /// Whether the answer is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed)
    }
}

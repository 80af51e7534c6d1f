//! Agencies, departments, employees: what HR knows, sealed, and who may have a badge.
//!
//! Other folders read through the functions here and never touch the tables. Personal columns are sealed to their row;
//! searching goes over blind indexes ([`crate::operations::sealer`]); the resident registration number exists only as a
//! sealed keyed hash ([`identity`]).

mod api;
mod career;
mod change;
pub mod cli;
mod correction;
mod correction_pages;
pub mod demo_data;
pub mod directory;
pub mod identity;
pub mod import;
mod moment;
mod population;
mod portrait;
mod reach;
mod records;
pub mod rollout;
mod rollout_api;
mod rollout_pages;
mod search;
mod types;
mod unit;

#[cfg(test)]
mod correction_tests;
#[cfg(test)]
mod rollout_tests;

use std::sync::Arc;

use http::StatusCode;
use keys::seal::SealError;
use utoipa_axum::router::OpenApiRouter;

use crate::operations::config::Section;
use crate::operations::{Platform, Problem, StoreError};

pub use career::{Appointment, Post, career, career_claims, career_told, is_career_claim};
pub use change::{employees_of, line_of, write_line, write_released};
pub use correction::corrections_told;
pub use identity::Rrn;
pub use import::{EmployeeLine, Role, RrnSaid, Saved, Target, Told, phone};
pub use moment::calendar_date_text as calendar_date;
pub use population::{Population, population};
pub use portrait::{portrait, set_portrait};
pub use reach::{agencies_under, deciding_department, departments_decided_by, is_under};
pub use records::{
    agency, approvers, badge_claims, department, eligibility, employee, employee_agency, employee_by_number,
    matches_identity, standing,
};
pub use search::{Page, Search, search};
pub use types::{
    Agency, AgencyKind, Department, Eligibility, Employee, EmployeeStatus, InstCode, Named, NotAnInstCode,
    Refused, Standing,
};
pub use unit::{UnitLine, UnitSaved, make_unit, remove_unit, write_unit};

/// Why HR data could not be read or changed. Names no person.
#[derive(Debug, thiserror::Error)]
pub enum PersonnelError {
    #[error("no such employee, department or agency")]
    NotFound,
    #[error("a part of a name needs two syllables")]
    SearchTooShort,
    #[error("a sealed value does not open: {0}")]
    Sealed(#[from] SealError),
    #[error("a stored value cannot be read")]
    Damaged,
    /// Nobody has counted today what this agency may lose; [`crate::employment::count`] does.
    #[error("the badges of the agency are not counted yet")]
    Uncounted(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PersonnelError> for Problem {
    fn from(error: PersonnelError) -> Self {
        match error {
            PersonnelError::NotFound => Self::new(StatusCode::NOT_FOUND, "personnel.not_found"),
            PersonnelError::SearchTooShort => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "personnel.search_too_short")
            }
            PersonnelError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

/// The `[personnel]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    rollout_pages::public_routes()
        .merge(correction_pages::public_routes())
        .merge(rollout_api::public_routes())
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    api::routes()
        .merge(rollout_pages::console_routes())
        .merge(correction_pages::console_routes())
        .merge(rollout_api::console_routes())
}

//! Demo accounts: one fictional official for each duty, all with the same password, only in demo mode.

use super::account::{self, AccountError, Login};
use super::duty::Duty;
use super::password::Password;
use super::session::Door;
use crate::operations::Platform;
use crate::personnel::{self, PersonnelError, demo_data};

/// The password of every demo account. It opens nothing outside of demo mode, where no such account is made.
pub const PASSWORD: &str = "mapae-yesi";

/// A demo account.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub login: &'static str,
    /// Key of what it shows.
    pub title: &'static str,
    /// The ordinal of the fictional person ([`demo_data::person`]).
    pub person: u64,
    pub duty: Option<Duty>,
}

const fn account(login: &'static str, title: &'static str, person: u64, duty: Option<Duty>) -> Account {
    Account { login, title, person, duty }
}

/// Those who sign in at the portal: two officials, and one whose agency is excluded.
const PORTAL: &[Account] = &[
    account("yesi.gong", "staff.duty.applicant", 760, None),
    account("yesi.gong2", "staff.demo.second_applicant", 761, None),
    account("yesi.jeoe", "staff.demo.excluded", 155, None),
];

/// Those who sign in at the console. 부서장 follows from heading the department in the HR data.
const CONSOLE: &[Account] = &[
    account("yesi.bujang", "staff.duty.department_head", 750, None),
    account("yesi.insa", "staff.demo.hr_identity", 380, Some(Duty::HrManager)),
    account("yesi.insa2", "staff.demo.hr_approval", 381, Some(Duty::HrManager)),
    account("yesi.boan", "staff.duty.security_officer", 382, Some(Duty::SecurityOfficer)),
    account("yesi.gamsa", "staff.duty.auditor", 383, Some(Duty::Auditor)),
    account("yesi.unyeong", "staff.duty.operator", 384, Some(Duty::Operator)),
];

/// The demo accounts that are meant for a door. Everybody is an official: console people may use the portal too.
pub const fn accounts_at(door: Door) -> &'static [Account] {
    match door {
        Door::Portal => PORTAL,
        Door::Console => CONSOLE,
    }
}

/// Why the demo accounts could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("demo accounts exist only in demo mode (demo.enabled)")]
    NotDemo,
    #[error("the fictional person {0} is missing: import the demo data first (at least 1,000 people)")]
    NoPerson(u64),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
}

/// Makes every demo account with its duty and a drawn portrait; may be repeated.
pub async fn make(platform: &Platform) -> Result<(), DemoError> {
    if !platform.config.demo.enabled {
        return Err(DemoError::NotDemo);
    }
    personnel::rollout::demo_decisions(platform).await.map_err(PersonnelError::from)?;
    for account in PORTAL.iter().chain(CONSOLE) {
        let person = demo_data::person(account.person);
        let employee = personnel::employee_by_number(platform, person.agency, &person.number)
            .await?
            .ok_or(DemoError::NoPerson(account.person))?;
        let password = Password::new(PASSWORD.to_owned()).map_err(AccountError::from)?;
        account::add(platform, Login::new(account.login)?, &employee.id, password, account::CONSOLE_OPERATOR)
            .await?;
        if let Some(duty) = account.duty {
            account::grant(platform, &employee.id, duty, person.agency, account::CONSOLE_OPERATOR).await?;
        }
        let portrait = portrait(account.person);
        personnel::set_portrait(
            platform,
            &employee.id,
            "image/svg+xml",
            portrait.as_bytes(),
            account::CONSOLE_OPERATOR,
        )
        .await?;
    }
    Ok(())
}

/// A drawn face, plainly nobody's: an outline with 예시 on it.
fn portrait(person: u64) -> String {
    const CLOTHES: [&str; 4] = ["#2f4858", "#5b4b6b", "#3f5e4f", "#6b4f3a"];
    const GROUNDS: [&str; 4] = ["#dfe7e4", "#e6e0ea", "#e9e4d6", "#dde5ee"];
    let pick = |list: [&'static str; 4]| list.into_iter().nth((person % 4) as usize).unwrap_or("#888888");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 168 224\"><rect width=\"168\" height=\"224\" fill=\"{}\"/>\
         <path d=\"M14 224c4-46 30-64 70-64s66 18 70 64z\" fill=\"{}\"/><rect x=\"68\" y=\"130\" width=\"32\" height=\"42\" rx=\"14\" fill=\"#e3b999\"/>\
         <ellipse cx=\"84\" cy=\"98\" rx=\"40\" ry=\"50\" fill=\"#efcbac\"/>\
         <path d=\"M43 96c-6-46 18-60 42-60s46 16 40 58c-6-20-18-30-40-30s-36 12-42 32z\" fill=\"#2b2622\"/>\
         <circle cx=\"69\" cy=\"101\" r=\"3.500\" fill=\"#2b2622\"/><circle cx=\"99\" cy=\"101\" r=\"3.500\" fill=\"#2b2622\"/>\
         <path d=\"M72 124c8 6 16 6 24 0\" fill=\"none\" stroke=\"#9c5f4a\" stroke-width=\"3\" stroke-linecap=\"round\"/>\
         <text x=\"84\" y=\"212\" font-family=\"sans-serif\" font-size=\"20\" font-weight=\"700\" text-anchor=\"middle\" fill=\"#ffffff\">예시</text></svg>",
        pick(GROUNDS),
        pick(CLOTHES)
    )
}

//! Orders about an official on the server's command line: whose, by whom, in which duty.
//!
//! Whoever runs such a command operates the server; the persons it names answer for the act, in a duty that they hold over
//! the official's agency, and stand in the audit log.

use super::account::Login;
use super::duty::Duty;
use super::{duties_of, employee_of};
use crate::operations::Platform;
use crate::personnel::{self, Employee};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Whom an order is about.
#[derive(Debug, Clone, clap::Args)]
pub struct Holder {
    /// The official's agency (행정표준코드).
    #[arg(long)]
    pub agency: String,
    /// The official's number.
    #[arg(long)]
    pub number: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl Holder {
    /// The official with this number in this agency.
    pub async fn find(&self, platform: &Platform) -> Result<Employee, AnyError> {
        let employee = personnel::employee_by_number(platform, &self.agency, &self.number).await?;
        Ok(employee.ok_or("there is no official with this number in this agency")?)
    }
}

/// The person behind a staff id, as employee id and duty, if it is not the holder and holds one of the duties over the
/// holder's agency.
pub async fn person(
    platform: &Platform,
    login: &str,
    holder: &Employee,
    duties: &[Duty],
) -> Result<(String, Duty), AnyError> {
    let employee_id = employee_of(platform, &Login::new(login)?)
        .await?
        .ok_or_else(|| format!("there is no staff account {login}"))?;
    if employee_id == holder.id {
        return Err("nobody decides about their own account".into());
    }
    for held in duties_of(platform, &employee_id).await? {
        if duties.contains(&held.duty)
            && personnel::is_under(platform, &holder.agency.code, std::slice::from_ref(&held.agency_code))
                .await?
        {
            return Ok((employee_id, held.duty));
        }
    }
    let wanted: Vec<&str> = duties.iter().map(|duty| duty.as_str()).collect();
    Err(format!("{login} does not hold the duty {} over this agency", wanted.join(" or ")).into())
}

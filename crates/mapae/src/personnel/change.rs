//! Changing one record outside of a file: what an HR system pushes, a person at the console decides or two people release.

use std::sync::Arc;

use super::import::department::Departments;
use super::import::held::HeldLine;
use super::import::save;
use super::import::{EmployeeLine, Saved, Target, Told};
use super::{PersonnelError, records};
use crate::employment;
use crate::lifecycle::By;
use crate::operations::Platform;
use crate::operations::store::{Tx, params};

/// Writes one employee with everything the rule table says, in a transaction of its own in which `beside` may write, too:
/// the audit record of the call. Returns what became of it and whose record it is.
pub async fn write_line<F>(
    platform: &Arc<Platform>,
    line: EmployeeLine,
    told: Told,
    beside: F,
) -> Result<(Saved, String), PersonnelError>
where
    F: for<'t> Fn(&'t mut Tx, Saved, &'t str) -> futures::future::BoxFuture<'t, Result<(), PersonnelError>>
        + Clone
        + Send
        + 'static,
{
    // Once more after the window of an agency was opened; a move between agencies counts in one only.
    for _ in 0..2 {
        let (inner, line, told, beside) = (Arc::clone(platform), line.clone(), told.clone(), beside.clone());
        let written = platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    save::take_turn(tx).await?;
                    let mut departments = Departments::new();
                    let (saved, id) = save::employee(&inner, tx, &mut departments, &line, &told).await?;
                    beside(tx, saved, &id).await?;
                    Ok((saved, id))
                })
            })
            .await;
        match written {
            Err(PersonnelError::Uncounted(agency)) => employment::count(platform, &agency).await?,
            other => return other,
        }
    }
    Err(PersonnelError::Damaged)
}

/// Writes what two people released.
pub async fn write_released(
    platform: &Platform,
    tx: &mut Tx,
    subject: &str,
    payload: &[u8],
    by: &By,
    source: &str,
) -> Result<Saved, PersonnelError> {
    save::take_turn(tx).await?;
    let mut told = Told { released: true, ..Told::line(by.clone(), source) };
    match HeldLine::read(payload)? {
        HeldLine::Agency(agency) => save::agency(platform, tx, &agency.line()?, &told).await,
        HeldLine::Employee(employee) => {
            let line = employee.line(&mut told)?;
            told.target = Some(Target { employee_id: subject.to_owned(), content_tag: None });
            Ok(save::employee(platform, tx, &mut Departments::new(), &line, &told).await?.0)
        }
    }
}

/// The ids of an agency's employees after one id, in order.
pub async fn employees_of(
    platform: &Platform,
    agency_code: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, PersonnelError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id FROM employee WHERE agency_code = $1 AND id > $2 ORDER BY id LIMIT $3",
            params![agency_code, after, limit],
        )
        .await?;
    Ok(rows.iter().map(|row| row.text("id")).collect::<Result<_, _>>()?)
}

/// A record as a line that changes nothing, for whoever wants to change one thing of it; with the mark by which a
/// meanwhile written record is noticed.
pub async fn line_of(
    platform: &Platform,
    employee_id: &str,
) -> Result<Option<(EmployeeLine, Target)>, PersonnelError> {
    let Some(employee) = records::employee(platform, employee_id).await? else { return Ok(None) };
    let row = platform
        .store
        .fetch_one(
            "SELECT e.content_tag, d.code FROM employee e JOIN department d ON d.id = e.department_id WHERE e.id = $1",
            params![employee_id],
        )
        .await?;
    let line = EmployeeLine::of(&employee, &row.text("code")?, platform.now_ms())?;
    let target = Target { employee_id: employee_id.to_owned(), content_tag: Some(row.bytes("content_tag")?) };
    Ok(Some((line, target)))
}

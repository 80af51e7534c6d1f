//! The department of a line: made or renamed if needed, and who heads it.

use std::collections::HashMap;

use super::line::{EmployeeLine, Role};
use crate::employment::Facts;
use crate::operations::id;
use crate::operations::store::{Tx, params};
use crate::personnel::PersonnelError;
use crate::personnel::types::EmployeeStatus;

/// Departments seen in this import: code to id, so that a line of a known department asks nothing.
pub(in crate::personnel) type Departments = HashMap<(String, String), (String, String)>;

/// The id of the line's department, made or renamed if needed; `None` when the agency is unknown.
pub(super) async fn department(
    tx: &mut Tx,
    departments: &mut Departments,
    line: &EmployeeLine,
    source: &str,
) -> Result<Option<String>, PersonnelError> {
    let key = (line.agency.as_str().to_owned(), line.department_code.clone());
    let told = format!(
        "{}\0{}\0{}",
        line.department.ko,
        line.department.en,
        line.parent_department.as_deref().unwrap_or_default()
    );
    if let Some((id, known)) = departments.get(&key)
        && *known == told
    {
        return Ok(Some(id.clone()));
    }
    let agency =
        tx.fetch_optional("SELECT code FROM agency WHERE code = $1", params![line.agency.as_str()]).await?;
    if agency.is_none() {
        return Ok(None);
    }
    let department_id = department_of(tx, &key.0, &key.1).await?;
    let parent = match &line.parent_department {
        Some(code) => Some(department_of(tx, &key.0, code).await?),
        None => None,
    };
    let now = tx.now_ms();
    if line.department.ko.is_empty() {
        // The teller names the department by its code alone: one that we know stays as it is.
        tx.execute(
            "INSERT INTO department (id, agency_code, code, name, name_en, parent_id, head_at, source, effective_at, \
             updated_at, created_at) VALUES ($1, $2, $3, $3, '', NULL, 0, $4, 0, $5, $5) ON CONFLICT DO NOTHING",
            params![
                department_id.as_str(),
                line.agency.as_str(),
                line.department_code.as_str(),
                source,
                now
            ],
        )
        .await?;
        departments.insert(key, (department_id.clone(), told));
        return Ok(Some(department_id));
    }
    tx.execute(
        "INSERT INTO department (id, agency_code, code, name, name_en, parent_id, head_at, source, effective_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_en = excluded.name_en, \
         parent_id = excluded.parent_id, source = excluded.source, effective_at = excluded.effective_at, \
         updated_at = excluded.updated_at WHERE department.effective_at <= excluded.effective_at",
        params![
            department_id.as_str(),
            line.agency.as_str(),
            line.department_code.as_str(),
            line.department.ko.as_str(),
            line.department.en.as_str(),
            parent,
            source,
            line.effective_at,
            now
        ],
    )
    .await?;
    departments.insert(key, (department_id.clone(), told));
    Ok(Some(department_id))
}

/// The department that has a code, or the id it will have: a department may be named as a parent before its own line
/// comes. Where the code belonged to a department that has another one now, that one keeps its id.
pub(in crate::personnel) async fn department_of(
    tx: &mut Tx,
    agency: &str,
    code: &str,
) -> Result<String, PersonnelError> {
    let derived = department_id(agency, code);
    let rows = tx
        .fetch_all(
            "SELECT id, code FROM department WHERE (agency_code = $1 AND code = $2) OR id = $3 LIMIT 2",
            params![agency, code, derived.as_str()],
        )
        .await?;
    for row in &rows {
        if row.text("code")? == code {
            return Ok(row.text("id")?);
        }
    }
    Ok(if rows.is_empty() { derived } else { id::new() })
}

/// The id that a department gets, from its agency's and its own code.
pub fn department_id(agency: &str, code: &str) -> String {
    let hash = keys::sha256(format!("department\0{agency}\0{code}").as_bytes());
    format!("d-{}", keys::encoding::hex_encode(hash.get(..12).unwrap_or_default()))
}

/// Head and deputies, by effective time.
pub(super) async fn role(
    tx: &mut Tx,
    department_id: &str,
    employee_id: &str,
    line: &EmployeeLine,
) -> Result<(), PersonnelError> {
    match line.role {
        Role::Unsaid => {}
        Role::Head => {
            tx.execute(
                "UPDATE department SET head_id = $2, head_at = $3 WHERE id = $1 AND head_at <= $3 \
                 AND (head_id IS NULL OR head_id <> $2)",
                params![department_id, employee_id, line.effective_at],
            )
            .await?;
        }
        Role::Deputy => {
            tx.execute(
                "INSERT INTO department_deputy (department_id, employee_id, from_at) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
                params![department_id, employee_id, line.effective_at],
            )
            .await?;
        }
        Role::Member => {
            tx.execute(
                "UPDATE department SET head_id = NULL, head_at = $3 WHERE head_id = $2 AND head_at <= $3 AND id = $1",
                params![department_id, employee_id, line.effective_at],
            )
            .await?;
            tx.execute(
                "DELETE FROM department_deputy WHERE department_id = $1 AND employee_id = $2 AND from_at <= $3",
                params![department_id, employee_id, line.effective_at],
            )
            .await?;
        }
    }
    Ok(())
}

/// Whoever ends or goes to another department heads the former one no longer.
pub(super) async fn leave_posts(
    tx: &mut Tx,
    before: &Facts,
    after: &Facts,
    employee_id: &str,
) -> Result<(), PersonnelError> {
    let ended = matches!(after.status, EmployeeStatus::Retired | EmployeeStatus::Dead);
    if !ended && before.department_id == after.department_id {
        return Ok(());
    }
    let stays = if ended { "" } else { after.department_id.as_str() };
    tx.execute(
        "UPDATE department SET head_id = NULL WHERE head_id = $1 AND id <> $2",
        params![employee_id, stays],
    )
    .await?;
    tx.execute(
        "DELETE FROM department_deputy WHERE employee_id = $1 AND department_id <> $2",
        params![employee_id, stays],
    )
    .await?;
    Ok(())
}

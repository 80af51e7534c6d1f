//! How far a duty reaches: the departments somebody decides for, the agencies below an agency.

use super::PersonnelError;
use crate::operations::Platform;
use crate::operations::store::params;

/// Levels of agencies or departments that are followed upwards or downwards.
const LEVELS: usize = 8;

/// The departments this employee heads, or decides for as deputy now.
pub async fn departments_decided_by(
    platform: &Platform,
    employee_id: &str,
) -> Result<Vec<String>, PersonnelError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id FROM department WHERE head_id = $1 UNION SELECT department_id FROM department_deputy \
             WHERE employee_id = $1 AND from_at <= $2 AND (until_at IS NULL OR until_at > $2) LIMIT 200",
            params![employee_id, platform.now_ms()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.text("id")).collect::<Result<_, _>>()?)
}

/// These agencies and every one below them, at most `most`.
pub async fn agencies_under(
    platform: &Platform,
    codes: Vec<String>,
    most: usize,
) -> Result<Vec<String>, PersonnelError> {
    let mut all = codes;
    let mut level = all.clone();
    for _ in 0..LEVELS {
        let mut below = Vec::new();
        for code in &level {
            let rows = platform
                .store
                .fetch_all(
                    "SELECT code FROM agency WHERE parent_code = $1 LIMIT 2000",
                    params![code.as_str()],
                )
                .await?;
            for row in rows {
                let code = row.text("code")?;
                if all.len() < most && !all.contains(&code) {
                    all.push(code.clone());
                    below.push(code);
                }
            }
        }
        if below.is_empty() {
            break;
        }
        level = below;
    }
    Ok(all)
}

/// Whether `code` is one of `above` or lies below one of them.
pub async fn is_under(platform: &Platform, code: &str, above: &[String]) -> Result<bool, PersonnelError> {
    let mut next = Some(code.to_owned());
    for _ in 0..LEVELS {
        let Some(code) = next.take() else { return Ok(false) };
        if above.contains(&code) {
            return Ok(true);
        }
        next = platform
            .store
            .fetch_optional("SELECT parent_code FROM agency WHERE code = $1", params![code])
            .await?
            .map(|row| row.opt_text("parent_code"))
            .transpose()?
            .flatten();
    }
    Ok(false)
}

/// The department whose head decides on this employee's request: the own one, or for its head the next one above that
/// has a head who is not this person. `None` if there is nobody.
pub async fn deciding_department(
    platform: &Platform,
    employee_id: &str,
    department_id: &str,
) -> Result<Option<String>, PersonnelError> {
    let mut next = Some(department_id.to_owned());
    for _ in 0..LEVELS {
        let Some(id) = next.take() else { return Ok(None) };
        let Some(department) = super::department(platform, &id).await? else { return Ok(None) };
        let heads_it = department.head_id.as_deref() == Some(employee_id);
        let somebody_else =
            department.head_id.iter().chain(&department.deputies).any(|other| other != employee_id);
        if !heads_it && somebody_else {
            return Ok(Some(id));
        }
        next = department.parent_id;
    }
    Ok(None)
}

//! Departments as an HR system keeps them: made, renamed, given a head, removed when empty.

use super::PersonnelError;
use super::import::department::department_of;
use super::import::save::take_turn;
use super::types::{InstCode, Named};
use crate::operations::store::{Tx, params};

/// A department as it is to be.
#[derive(Clone, Debug)]
pub struct UnitLine {
    pub agency: InstCode,
    pub code: String,
    pub name: Named,
    pub head_id: Option<String>,
    pub parent_id: Option<String>,
    pub external_id: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitSaved {
    Saved,
    /// The agency has a department with this code.
    Taken,
    UnknownAgency,
    /// The head is nobody of the agency, or no longer serves.
    UnknownHead,
    /// The department above is none of the agency, or lies below this one.
    UnknownParent,
    /// Somebody wrote it since it was read, or it is gone.
    Moved,
    /// Somebody belongs to it, or a department lies below it.
    InUse,
}

/// Levels of departments that are followed upwards.
const LEVELS: usize = 8;

async fn check(tx: &mut Tx, id: &str, line: &UnitLine) -> Result<Option<UnitSaved>, PersonnelError> {
    let agency = line.agency.as_str();
    if tx.fetch_optional("SELECT code FROM agency WHERE code = $1", params![agency]).await?.is_none() {
        return Ok(Some(UnitSaved::UnknownAgency));
    }
    if let Some(head) = &line.head_id {
        let head = tx
            .fetch_optional(
                "SELECT id FROM employee WHERE id = $1 AND agency_code = $2 AND status NOT IN ('retired', 'dead')",
                params![head, agency],
            )
            .await?;
        if head.is_none() {
            return Ok(Some(UnitSaved::UnknownHead));
        }
    }
    let mut next = line.parent_id.clone();
    for _ in 0..LEVELS {
        let Some(above) = next.take() else { return Ok(None) };
        let row = tx
            .fetch_optional(
                "SELECT parent_id FROM department WHERE id = $1 AND agency_code = $2",
                params![above.as_str(), agency],
            )
            .await?;
        let Some(row) = row.filter(|_| above != id) else { return Ok(Some(UnitSaved::UnknownParent)) };
        next = row.opt_text("parent_id")?;
    }
    Ok(next.map(|_| UnitSaved::UnknownParent))
}

/// Makes a department.
pub async fn make_unit(
    tx: &mut Tx,
    line: &UnitLine,
    source: &str,
) -> Result<(UnitSaved, String), PersonnelError> {
    take_turn(tx).await?;
    let id = department_of(tx, line.agency.as_str(), &line.code).await?;
    if let Some(refused) = check(tx, &id, line).await? {
        return Ok((refused, id));
    }
    let now = tx.now_ms();
    let rows = tx
        .execute(
            "INSERT INTO department (id, agency_code, code, name, name_en, parent_id, head_id, head_at, source, \
             effective_at, updated_at, created_at, external_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $8, $8, $10) ON CONFLICT DO NOTHING",
            params![
                id.as_str(),
                line.agency.as_str(),
                line.code.as_str(),
                line.name.ko.as_str(),
                line.name.en.as_str(),
                line.parent_id.as_deref(),
                line.head_id.as_deref(),
                now,
                source,
                line.external_id.as_deref()
            ],
        )
        .await?;
    Ok((if rows == 1 { UnitSaved::Saved } else { UnitSaved::Taken }, id))
}

/// Writes a department as it is to be, if nobody has written it since `read_at`, its last change when it was read.
pub async fn write_unit(
    tx: &mut Tx,
    id: &str,
    line: &UnitLine,
    source: &str,
    read_at: i64,
) -> Result<UnitSaved, PersonnelError> {
    take_turn(tx).await?;
    if let Some(refused) = check(tx, id, line).await? {
        return Ok(refused);
    }
    // Two changes within a millisecond still have different times.
    let now = tx.now_ms().max(read_at + 1);
    let other = tx
        .fetch_optional(
            "SELECT id FROM department WHERE agency_code = $1 AND code = $2 AND id <> $3",
            params![line.agency.as_str(), line.code.as_str(), id],
        )
        .await?;
    if other.is_some() {
        return Ok(UnitSaved::Taken);
    }
    let rows = tx
        .execute(
            "UPDATE department SET name = $2, name_en = $3, parent_id = $4, \
             head_at = CASE WHEN COALESCE(head_id, '') = COALESCE($5, '') THEN head_at ELSE $6 END, head_id = $5, \
             source = $7, effective_at = $6, updated_at = $6, external_id = $8, code = $10 WHERE id = $1 AND updated_at = $9",
            params![
                id,
                line.name.ko.as_str(),
                line.name.en.as_str(),
                line.parent_id.as_deref(),
                line.head_id.as_deref(),
                now,
                source,
                line.external_id.as_deref(),
                read_at,
                line.code.as_str()
            ],
        )
        .await?;
    Ok(if rows == 1 { UnitSaved::Saved } else { UnitSaved::Moved })
}

/// Removes a department that nobody belongs to.
pub async fn remove_unit(tx: &mut Tx, id: &str) -> Result<UnitSaved, PersonnelError> {
    take_turn(tx).await?;
    let rows = tx
        .execute(
            "DELETE FROM department WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM employee WHERE department_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM department below WHERE below.parent_id = $1)",
            params![id],
        )
        .await?;
    if rows == 0 {
        return Ok(UnitSaved::InUse);
    }
    tx.execute("DELETE FROM department_deputy WHERE department_id = $1", params![id]).await?;
    Ok(UnitSaved::Saved)
}

//! Writing one line, inside the group's transaction.
//!
//! Idempotent: a line that says what is stored already changes nothing. Ordered by effective time: an older line never
//! overwrites a newer one, in whatever order files arrive.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::line::{AgencyLine, EmployeeLine, Role};
use crate::operations::store::{Tx, Value, params};
use crate::operations::{Platform, SecretName, id};
use crate::personnel::PersonnelError;
use crate::personnel::types::Personal;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    New,
    Changed,
    Unchanged,
    /// A newer line is stored already.
    Older,
    /// The agency is not known; import it first.
    UnknownAgency,
}

/// Departments seen in this import: code to id, so that a line of a known department asks nothing.
pub(super) type Departments = HashMap<(String, String), (String, String)>;

pub(super) async fn agency(tx: &mut Tx, line: &AgencyLine, source: &str) -> Result<Saved, PersonnelError> {
    let row = tx
        .fetch_optional(
            "SELECT name, name_en, kind, parent_code, eligible, reason_ko, reason_en, phase, phase_at, effective_at \
             FROM agency WHERE code = $1",
            params![line.code.as_str()],
        )
        .await?;
    let parent = line.parent_code.as_ref().map(|code| code.as_str().to_owned());
    let reason_ko = line.reason.as_ref().map(|reason| reason.ko.clone());
    let reason_en = line.reason.as_ref().map(|reason| reason.en.clone());
    let mut saved = Saved::New;
    if let Some(row) = row {
        let same = row.text("name")? == line.name.ko
            && row.text("name_en")? == line.name.en
            && row.text("kind")? == line.kind.as_str()
            && row.opt_text("parent_code")? == parent
            && row.flag("eligible")? == line.eligible
            && row.opt_text("reason_ko")? == reason_ko
            && row.opt_text("reason_en")? == reason_en
            && row.opt_int("phase")? == line.phase
            && row.opt_int("phase_at")? == line.phase_at;
        if same {
            return Ok(Saved::Unchanged);
        }
        saved = Saved::Changed;
    }
    let now = tx.now_ms();
    let rows = tx
        .execute(
            "INSERT INTO agency (code, name, name_en, kind, parent_code, eligible, reason_ko, reason_en, phase, phase_at, \
             source, effective_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
             ON CONFLICT (code) DO UPDATE SET name = excluded.name, name_en = excluded.name_en, kind = excluded.kind, \
             parent_code = excluded.parent_code, eligible = excluded.eligible, reason_ko = excluded.reason_ko, \
             reason_en = excluded.reason_en, phase = excluded.phase, phase_at = excluded.phase_at, \
             source = excluded.source, effective_at = excluded.effective_at, updated_at = excluded.updated_at \
             WHERE agency.effective_at <= excluded.effective_at",
            params![
                line.code.as_str(),
                line.name.ko.as_str(),
                line.name.en.as_str(),
                line.kind.as_str(),
                parent,
                line.eligible,
                reason_ko,
                reason_en,
                line.phase,
                line.phase_at,
                source,
                line.effective_at,
                now
            ],
        )
        .await?;
    Ok(if rows == 1 { saved } else { Saved::Older })
}

pub(super) async fn employee(
    platform: &Platform,
    tx: &mut Tx,
    departments: &mut Departments,
    line: &EmployeeLine,
    source: &str,
) -> Result<Saved, PersonnelError> {
    let Some(department_id) = department(tx, departments, line, source).await? else {
        return Ok(Saved::UnknownAgency);
    };
    let sealer = &platform.sealer;
    let number_index = sealer.blind_index("employee-number", &line.number);
    let personal = Personal {
        name: line.name.clone(),
        number: line.number.clone(),
        birth_date: line.birth_date.clone(),
        phone: line.phone.clone(),
        position: line.position.clone(),
        rank: line.rank.clone(),
    };
    let plain = keys::Zeroizing::new(serde_json::to_vec(&personal).map_err(|_| PersonnelError::Damaged)?);
    let text = std::str::from_utf8(&plain).map_err(|_| PersonnelError::Damaged)?;
    let content = format!("{text}\0{department_id}\0{}\0{:?}", line.status.as_str(), line.role);
    let content_tag = sealer.blind_index("employee-content", &content);

    let found = tx
        .fetch_optional(
            "SELECT id, content_tag, rrn_tag, name_index, effective_at FROM employee \
             WHERE agency_code = $1 AND number_index = $2",
            params![line.agency.as_str(), number_index.as_slice()],
        )
        .await?;
    let employee_id = found.as_ref().map(|row| row.text("id")).transpose()?.unwrap_or_else(id::new);
    let stored_rrn = found.as_ref().map(|row| row.opt_bytes("rrn_tag")).transpose()?.flatten();
    let rrn_tag = rrn_tag(platform, &employee_id, line, stored_rrn.as_deref())?;
    if let Some(row) = &found {
        if row.bytes("content_tag")? == content_tag && rrn_tag == stored_rrn {
            return Ok(Saved::Unchanged);
        }
        if row.int("effective_at")? > line.effective_at {
            return Ok(Saved::Older);
        }
    }
    let name_index = sealer.blind_index("employee-name", &line.name.ko);
    let sealed = sealer.seal("employee", "personal", &employee_id, &plain);
    let now = tx.now_ms();
    let renamed = match &found {
        None => {
            tx.execute(
                "INSERT INTO employee (id, agency_code, department_id, status, link_id, personal, rrn_tag, name_index, \
                 number_index, content_tag, source, effective_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                params![
                    employee_id.as_str(),
                    line.agency.as_str(),
                    department_id.as_str(),
                    line.status.as_str(),
                    keys::random::token(),
                    sealed,
                    rrn_tag,
                    name_index,
                    number_index,
                    content_tag,
                    source,
                    line.effective_at,
                    now
                ],
            )
            .await?;
            true
        }
        Some(row) => {
            let renamed = row.bytes("name_index")? != name_index;
            tx.execute(
                "UPDATE employee SET department_id = $2, status = $3, personal = $4, rrn_tag = $5, name_index = $6, \
                 content_tag = $7, source = $8, effective_at = $9, updated_at = $10 WHERE id = $1",
                params![
                    employee_id.as_str(),
                    department_id.as_str(),
                    line.status.as_str(),
                    sealed,
                    rrn_tag,
                    name_index,
                    content_tag,
                    source,
                    line.effective_at,
                    now
                ],
            )
            .await?;
            if renamed {
                tx.execute(
                    "DELETE FROM employee_name_piece WHERE employee_id = $1",
                    params![employee_id.as_str()],
                )
                .await?;
            }
            renamed
        }
    };
    if renamed {
        let pieces = sealer.bigrams("employee-name-piece", &line.name.ko);
        let places: Vec<String> = (0..pieces.len()).map(|n| format!("(${}, $1)", n + 2)).collect();
        if !pieces.is_empty() {
            let mut values = params![employee_id.as_str()];
            values.extend(pieces.into_iter().map(Value::from));
            let sql = format!(
                "INSERT INTO employee_name_piece (piece, employee_id) VALUES {} ON CONFLICT DO NOTHING",
                places.join(", ")
            );
            tx.execute(AssertSqlSafe(sql), values).await?;
        }
    }
    if found.is_some() || line.role != Role::Member {
        role(tx, &department_id, &employee_id, line).await?;
    }
    Ok(if found.is_some() { Saved::Changed } else { Saved::New })
}

/// The sealed tag of the line's number: the stored one when it says the same under the active key, else a new one.
/// A file without the column leaves the stored one alone.
fn rrn_tag(
    platform: &Platform,
    employee_id: &str,
    line: &EmployeeLine,
    stored: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, PersonnelError> {
    let Some(rrn) = &line.rrn else { return Ok(stored.map(<[u8]>::to_vec)) };
    let key = platform.keys.secret(SecretName::Identity).map_err(|_| PersonnelError::Damaged)?;
    let tag = rrn.tag(key);
    if let Some(stored) = stored
        && platform.sealer.open("employee", "rrn_tag", employee_id, stored)?.as_slice() == tag
    {
        return Ok(Some(stored.to_vec()));
    }
    Ok(Some(platform.sealer.seal("employee", "rrn_tag", employee_id, &tag)))
}

/// The id of the line's department, made or renamed if needed; `None` when the agency is unknown.
async fn department(
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
    // Ids follow from the codes: a department may be named as a parent before its own line comes.
    let department_id = department_id(&key.0, &key.1);
    let parent = line.parent_department.as_ref().map(|code| self::department_id(&key.0, code));
    let now = tx.now_ms();
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

/// The id of a department, from its agency's and its own code.
pub fn department_id(agency: &str, code: &str) -> String {
    let hash = keys::sha256(format!("department\0{agency}\0{code}").as_bytes());
    format!("d-{}", keys::encoding::hex_encode(hash.get(..12).unwrap_or_default()))
}

/// Head and deputies, by effective time.
async fn role(
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

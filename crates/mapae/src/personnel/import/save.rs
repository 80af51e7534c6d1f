//! Writing one line, inside the group's transaction.
//!
//! Idempotent: a line that says what is stored already changes nothing. Ordered by effective time: an older line never
//! overwrites a newer one, in whatever order files arrive.

use sqlx::AssertSqlSafe;

use super::content::{Content, rrn_tag};
use super::department::{Departments, department, leave_posts, role};
use super::held::HeldLine;
use super::insert::{Ready, insert, insert_pieces, name_pieces};
use super::line::{AgencyLine, EmployeeLine, Role};
use crate::employment::{self, Event, Facts, Happened, Held};
use crate::lifecycle::By;
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Platform, id};
use crate::personnel::types::{EmployeeStatus, Personal};
use crate::personnel::{PersonnelError, career};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    New,
    Changed,
    Unchanged,
    /// A newer line is stored already.
    Older,
    /// It would end more badges than an agency may lose at once: it waits for a person.
    Held,
    /// The agency is not known; import it first.
    UnknownAgency,
    /// Somebody else in the agency has the number.
    Taken,
    /// Somebody wrote the record since it was read.
    Moved,
    /// Nobody in the agency has the number that a post is told for.
    UnknownEmployee,
    /// Something else is known of the days of a post.
    Overlaps,
    /// The official has too many posts.
    TooMany,
}

/// One source writes after the other: two that write the same people at once would wait for each other in circles.
pub(in crate::personnel) async fn take_turn(tx: &mut Tx) -> Result<(), StoreError> {
    let now = tx.now_ms();
    tx.execute("UPDATE personnel_import_turn SET taken_at = $1 WHERE id = 1", params![now]).await?;
    Ok(())
}

pub(in crate::personnel) async fn agency(
    platform: &Platform,
    tx: &mut Tx,
    line: &AgencyLine,
    told: &Told,
) -> Result<Saved, PersonnelError> {
    let source = told.source.as_str();
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
    let mut excluded = false;
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
            employment::supersede(tx, line.code.as_str(), line.effective_at).await?;
            return Ok(Saved::Unchanged);
        }
        saved = Saved::Changed;
        if row.int("effective_at")? > line.effective_at {
            return Ok(Saved::Older);
        }
        excluded = row.flag("eligible")? && !line.eligible;
    }
    if excluded && !told.released && !employment::admit_exclusion(tx, line.code.as_str()).await? {
        let payload = HeldLine::agency(line).payload()?;
        let content_tag = platform.sealer.blind_index("agency-content", &String::from_utf8_lossy(&payload));
        let held = Held {
            subject: line.code.as_str(),
            agency_code: line.code.as_str(),
            event: Event::Exclusion,
            content_tag: &content_tag,
            source,
            told_by: &told.by,
            effective_at: line.effective_at,
            payload,
        };
        employment::hold(platform, tx, held).await?;
        return Ok(Saved::Held);
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
    if rows != 1 {
        return Ok(Saved::Older);
    }
    employment::supersede(tx, line.code.as_str(), line.effective_at).await?;
    if excluded {
        employment::exclude(tx, line.code.as_str(), &told.by).await?;
    } else if line.eligible {
        employment::include(tx, line.code.as_str()).await?;
    }
    Ok(saved)
}

/// Who tells a change, from where, and what is known of the record it is meant for.
#[derive(Clone, Debug)]
pub struct Told {
    pub by: By,
    /// Kept with the row.
    pub source: String,
    /// A person has looked at it: it is not weighed against what an agency may lose at once.
    pub released: bool,
    /// The record as it was read; without it the line is for whoever has its number.
    pub target: Option<Target>,
    /// The teller's own id of the person; `None` says nothing of it.
    pub external_id: Option<Option<String>>,
    /// The name by which the teller knows the person, where that is not the number; `None` says nothing of it.
    pub user_name: Option<Option<String>>,
    /// The person leaves the teller's directory. The record stays.
    pub remove: bool,
    /// There must be nobody of this number yet, or somebody who left the directory.
    pub fresh: bool,
}

impl Told {
    /// A plain line of a file.
    pub fn line(by: By, source: &str) -> Self {
        Self {
            by,
            source: source.to_owned(),
            released: false,
            target: None,
            external_id: None,
            user_name: None,
            remove: false,
            fresh: false,
        }
    }
}

/// A record as somebody read it: it is written only if nobody wrote it meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub employee_id: String,
    /// What it said then; `None` if whatever it says now is to be overwritten.
    pub content_tag: Option<Vec<u8>>,
}

const FOUND: &str = "SELECT id, agency_code, department_id, status, personal, content_tag, rrn_tag, name_index, \
                     effective_at, external_index, user_name_index, \
                     removed_at FROM employee WHERE ";

async fn find(
    platform: &Platform,
    tx: &mut Tx,
    line: &EmployeeLine,
    told: &Told,
    number_index: &[u8],
) -> Result<Result<Option<Row>, Saved>, PersonnelError> {
    const BY_NUMBER: &str = "agency_code = $1 AND number_index = $2";
    let by_number = tx
        .fetch_optional(
            AssertSqlSafe(format!("{FOUND}{BY_NUMBER}")),
            params![line.agency.as_str(), number_index],
        )
        .await?;
    if let Some(target) = &told.target {
        let row = tx
            .fetch_optional(AssertSqlSafe(format!("{FOUND}id = $1")), params![target.employee_id.as_str()])
            .await?;
        let as_read = |row: &Row| match &target.content_tag {
            Some(read) => row.bytes("content_tag").is_ok_and(|now| now == *read),
            None => true,
        };
        let Some(row) = row.filter(as_read) else { return Ok(Err(Saved::Moved)) };
        if by_number.map(|row| row.text("id")).transpose()?.is_some_and(|id| id != target.employee_id) {
            return Ok(Err(Saved::Taken));
        }
        return Ok(Ok(Some(row)));
    }
    let there = by_number.as_ref().map(|row| row.opt_int("removed_at")).transpose()?;
    if told.fresh && there.is_some_and(|removed| removed.is_none()) {
        return Ok(Err(Saved::Taken));
    }
    match (by_number, &line.previous_agency) {
        (None, Some(previous)) => {
            let index = platform.sealer.blind_index("employee-number", &line.number);
            Ok(Ok(tx
                .fetch_optional(
                    AssertSqlSafe(format!("{FOUND}{BY_NUMBER}")),
                    params![previous.as_str(), index],
                )
                .await?))
        }
        (found, _) => Ok(Ok(found)),
    }
}

/// The facts that the rule table compares, of the record as it lies in the store.
fn facts_of(platform: &Platform, row: &Row) -> Result<Facts, PersonnelError> {
    let sealed = row.bytes("personal")?;
    let plain = platform.sealer.open("employee", "personal", &row.text("id")?, &sealed)?;
    let personal: Personal = serde_json::from_slice(&plain).map_err(|_| PersonnelError::Damaged)?;
    Ok(Facts {
        status: EmployeeStatus::parse(&row.text("status")?).ok_or(PersonnelError::Damaged)?,
        agency_code: row.text("agency_code")?,
        agency_takes_part: true,
        department_id: row.text("department_id")?,
        phone: personal.phone.clone(),
        particulars: particulars(&personal)?,
    })
}

fn particulars(personal: &Personal) -> Result<String, PersonnelError> {
    let without_phone = Personal { phone: String::new(), ..personal.clone() };
    serde_json::to_string(&without_phone).map_err(|_| PersonnelError::Damaged)
}

/// Writes one employee and does what the rule table says, in the transaction of the caller.
pub(in crate::personnel) async fn employee(
    platform: &Platform,
    tx: &mut Tx,
    departments: &mut Departments,
    line: &EmployeeLine,
    told: &Told,
) -> Result<(Saved, String), PersonnelError> {
    let nobody = |saved| Ok((saved, String::new()));
    let Some(department_id) = department(tx, departments, line, &told.source).await? else {
        return nobody(Saved::UnknownAgency);
    };
    let sealer = &platform.sealer;
    let number_index = sealer.blind_index("employee-number", &line.number);
    let content = Content::of(platform, line, &department_id)?;

    let found = match find(platform, tx, line, told, &number_index).await? {
        Ok(found) => found,
        Err(saved) => return nobody(saved),
    };
    let employee_id = found.as_ref().map(|row| row.text("id")).transpose()?.unwrap_or_else(id::new);
    let stored_rrn = found.as_ref().map(|row| row.opt_bytes("rrn_tag")).transpose()?.flatten();
    let rrn_tag = rrn_tag(platform, &employee_id, line, stored_rrn.as_deref())?;
    let stored_external = found.as_ref().map(|row| row.opt_bytes("external_index")).transpose()?.flatten();
    let external_index = match &told.external_id {
        None => stored_external.clone(),
        Some(external) => external.as_ref().map(|text| sealer.blind_index("employee-external", text)),
    };
    let stored_user = found.as_ref().map(|row| row.opt_bytes("user_name_index")).transpose()?.flatten();
    let user_index = match &told.user_name {
        None => stored_user.clone(),
        // The same kind of hash as that of a number: whoever has no name of their own is found by the number.
        Some(name) => name.as_ref().map(|text| sealer.blind_index("employee-number", text)),
    };
    if told.user_name.is_some()
        && user_name_taken(tx, line, &employee_id, user_index.as_deref(), &number_index).await?
    {
        return nobody(Saved::Taken);
    }
    let removed = found.as_ref().map(|row| row.opt_int("removed_at")).transpose()?.flatten();
    if let Some(row) = &found {
        if row.bytes("content_tag")? == content.tag
            && row.text("agency_code")? == line.agency.as_str()
            && rrn_tag == stored_rrn
            && external_index == stored_external
            && user_index == stored_user
            && removed.is_some() == told.remove
        {
            employment::supersede(tx, &employee_id, line.effective_at).await?;
            if let Some(day) = line.appointed_on {
                career::appointed(platform, tx, &employee_id, day).await?;
            }
            return Ok((Saved::Unchanged, employee_id));
        }
        let known_at = row.int("effective_at")?;
        if known_at > line.effective_at {
            // The record stays, and its history learns what was so before.
            let said = (line, department_id.as_str());
            career::follow(platform, tx, &employee_id, said, Some(known_at)).await?;
            return Ok((Saved::Older, employee_id));
        }
    }
    let after = Facts {
        status: line.status,
        agency_code: line.agency.as_str().to_owned(),
        agency_takes_part: true,
        department_id: department_id.clone(),
        phone: line.phone.clone(),
        particulars: particulars(&content.personal)?,
    };
    let before = found.as_ref().map(|row| facts_of(platform, row)).transpose()?;
    let moved = before.as_ref().is_some_and(|before| before.agency_code != after.agency_code);
    let after = if moved {
        let takes_part = tx
            .fetch_one("SELECT eligible FROM agency WHERE code = $1", params![line.agency.as_str()])
            .await?
            .flag("eligible")?;
        Facts { agency_takes_part: takes_part, ..after }
    } else {
        after
    };
    let events = employment::events(before.as_ref(), &after);
    let happened = Happened {
        employee_id: &employee_id,
        // What an agency may lose at once is counted where the official comes from.
        agency_code: before.as_ref().map_or(&after.agency_code, |before| &before.agency_code),
        events: &events,
        by: &told.by,
    };
    if !told.released
        && let Some(ending) = events.iter().copied().find(|event| event.ends_badge())
        && !employment::admit(platform, tx, &happened).await?
    {
        let held = Held {
            subject: &employee_id,
            agency_code: happened.agency_code,
            event: ending,
            content_tag: &content.tag,
            source: &told.source,
            told_by: &told.by,
            effective_at: line.effective_at,
            payload: HeldLine::new(line, told).payload()?,
        };
        employment::hold(platform, tx, held).await?;
        return Ok((Saved::Held, employee_id));
    }
    let external = |text: &String| sealer.seal("employee", "external_id", &employee_id, text.as_bytes());
    let now = tx.now_ms();
    let renamed = match &found {
        None => {
            let source = &told.source;
            let ready =
                Ready::of(platform, employee_id.clone(), line, &content, &department_id, source, now)?;
            insert(tx, &[&ready]).await?;
            false
        }
        Some(row) => {
            career::follow(platform, tx, &employee_id, (line, &department_id), None).await?;
            let name_index = sealer.blind_index("employee-name", &line.name.ko);
            let sealed = sealer.seal("employee", "personal", &employee_id, &content.plain);
            let renamed = row.bytes("name_index")? != name_index;
            tx.execute(
                "UPDATE employee SET department_id = $2, status = $3, personal = $4, rrn_tag = $5, name_index = $6, \
                 content_tag = $7, source = $8, effective_at = $9, updated_at = $10, agency_code = $11, \
                 number_index = $12, removed_at = $13 WHERE id = $1",
                params![
                    employee_id.as_str(),
                    department_id.as_str(),
                    line.status.as_str(),
                    sealed,
                    rrn_tag,
                    name_index,
                    content.tag.as_slice(),
                    told.source.as_str(),
                    line.effective_at,
                    now,
                    line.agency.as_str(),
                    number_index,
                    told.remove.then_some(now)
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
    if let Some(text) = &told.user_name {
        let sealed =
            text.as_ref().map(|text| sealer.seal("employee", "user_name", &employee_id, text.as_bytes()));
        tx.execute(
            "UPDATE employee SET user_name = $2, user_name_index = $3 WHERE id = $1",
            params![employee_id.as_str(), sealed, user_index],
        )
        .await?;
    }
    if let Some(text) = &told.external_id {
        tx.execute(
            "UPDATE employee SET external_id = $2, external_index = $3 WHERE id = $1",
            params![employee_id.as_str(), text.as_ref().map(external), external_index],
        )
        .await?;
    }
    if renamed {
        let pieces = name_pieces(platform, &line.name.ko);
        let pieces: Vec<(&[u8], &str)> =
            pieces.iter().map(|piece| (piece.as_slice(), employee_id.as_str())).collect();
        insert_pieces(tx, &pieces).await?;
    }
    if found.is_some() || line.role != Role::Member {
        role(tx, &department_id, &employee_id, line).await?;
    }
    if let Some(before) = &before {
        leave_posts(tx, before, &after, &employee_id).await?;
        employment::supersede(tx, &employee_id, line.effective_at).await?;
    }
    employment::carry_out(platform, tx, &happened).await?;
    Ok((if found.is_some() { Saved::Changed } else { Saved::New }, employee_id))
}

/// Whether somebody else of the agency is known by this name, or by a number that says the same.
async fn user_name_taken(
    tx: &mut Tx,
    line: &EmployeeLine,
    employee_id: &str,
    user_index: Option<&[u8]>,
    number_index: &[u8],
) -> Result<bool, PersonnelError> {
    let other = tx
        .fetch_optional(
            "SELECT id FROM employee WHERE agency_code = $1 AND (user_name_index = $2 OR (user_name_index IS NULL \
             AND number_index = $2)) AND id <> $3 AND removed_at IS NULL LIMIT 1",
            params![line.agency.as_str(), user_index.unwrap_or(number_index), employee_id],
        )
        .await?;
    Ok(other.is_some())
}

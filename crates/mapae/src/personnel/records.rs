//! Reading agencies, departments and employees.

use keys::mac;

use super::identity::Rrn;
use super::types::{
    Agency, AgencyKind, Department, Eligibility, Employee, EmployeeStatus, Named, Personal, Refused, Standing,
};
use super::{PersonnelError, moment, rollout};
use crate::operations::sealer::normalised;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::operations::{Language, Platform, language};

/// Columns of an employee with agency and department, as [`employee_of`] reads them.
macro_rules! select_employee {
    ($rest:literal) => {
        concat!(
            "SELECT e.id, e.department_id, e.status, e.link_id, e.personal, d.name AS department, ",
            "d.name_en AS department_en, a.code, a.name, a.name_en, a.kind, a.parent_code, a.eligible, a.reason_ko, ",
            "a.reason_en, a.phase, a.phase_at, a.target, a.closed_network, a.opted_in_at FROM employee e JOIN department d ON d.id = e.department_id ",
            "JOIN agency a ON a.code = e.agency_code ",
            $rest
        )
    };
}

fn word<T>(row: &Row, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let text = row.text(column)?;
    parse(&text).ok_or_else(|| StoreError::Column(column.to_owned(), "holds an unknown word".into()))
}

pub(super) fn agency_of(row: &Row) -> Result<Agency, StoreError> {
    let reason = match row.opt_text("reason_ko")? {
        None => None,
        Some(ko) => Some(Named { ko, en: row.opt_text("reason_en")?.unwrap_or_default() }),
    };
    Ok(Agency {
        code: row.text("code")?,
        name: Named { ko: row.text("name")?, en: row.text("name_en")? },
        kind: word(row, "kind", AgencyKind::parse)?,
        parent_code: row.opt_text("parent_code")?,
        eligible: row.flag("eligible")?,
        reason,
        phase: row.opt_int("phase")?,
        phase_at: row.opt_int("phase_at")?,
        target: row.opt_int("target")?,
        closed_network: row.flag("closed_network")?,
        opted_in_at: row.opt_int("opted_in_at")?,
    })
}

pub(super) fn employee_of(platform: &Platform, row: &Row) -> Result<Employee, PersonnelError> {
    let id = row.text("id")?;
    let plain = platform.sealer.open("employee", "personal", &id, &row.bytes("personal")?)?;
    let personal: Personal = serde_json::from_slice(&plain).map_err(|_| PersonnelError::Damaged)?;
    Ok(Employee {
        agency: agency_of(row)?,
        department_id: row.text("department_id")?,
        department: Named { ko: row.text("department")?, en: row.text("department_en")? },
        name: personal.name,
        number: personal.number,
        birth_date: personal.birth_date,
        phone: personal.phone,
        position: personal.position,
        rank: personal.rank,
        status: word(row, "status", EmployeeStatus::parse)?,
        link_id: row.text("link_id")?,
        id,
    })
}

/// An employee by id. Looking at one for a person is audited by the caller.
pub async fn employee(platform: &Platform, id: &str) -> Result<Option<Employee>, PersonnelError> {
    let row = platform.store.fetch_optional(select_employee!("WHERE e.id = $1"), params![id]).await?;
    row.map(|row| employee_of(platform, &row)).transpose()
}

/// An employee by agency and number.
pub async fn employee_by_number(
    platform: &Platform,
    agency_code: &str,
    number: &str,
) -> Result<Option<Employee>, PersonnelError> {
    let index = platform.sealer.blind_index("employee-number", number);
    let row = platform
        .store
        .fetch_optional(
            select_employee!("WHERE e.agency_code = $1 AND e.number_index = $2"),
            params![agency_code, index],
        )
        .await?;
    row.map(|row| employee_of(platform, &row)).transpose()
}

/// What a transaction may rely on: status, agency and department as they are now.
pub async fn standing(tx: &mut Tx, employee_id: &str) -> Result<Option<Standing>, PersonnelError> {
    let row = tx
        .fetch_optional(
            "SELECT status, agency_code, department_id FROM employee WHERE id = $1",
            params![employee_id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Standing {
        status: word(&row, "status", EmployeeStatus::parse)?,
        agency_code: row.text("agency_code")?,
        department_id: row.text("department_id")?,
    }))
}

/// Whether name and resident registration number are this employee's. One answer for every mismatch, and both are
/// always compared: neither the answer nor its time tells which was wrong.
pub async fn matches_identity(
    platform: &Platform,
    employee_id: &str,
    name: &str,
    rrn: &str,
) -> Result<bool, PersonnelError> {
    let row = platform
        .store
        .fetch_optional("SELECT personal, rrn_tag FROM employee WHERE id = $1", params![employee_id])
        .await?;
    let (Some(row), Ok(rrn)) = (row, Rrn::parse(rrn)) else { return Ok(false) };
    let Some(sealed) = row.opt_bytes("rrn_tag")? else { return Ok(false) };
    let tag = platform.sealer.open("employee", "rrn_tag", employee_id, &sealed)?;
    let plain = platform.sealer.open("employee", "personal", employee_id, &row.bytes("personal")?)?;
    let personal: Personal = serde_json::from_slice(&plain).map_err(|_| PersonnelError::Damaged)?;
    let hash = |text: &str| keys::sha256(normalised(text).as_bytes());
    let same_name = mac::eq(&hash(&personal.name.ko), &hash(name));
    let same_number = rrn.matches(platform, &tag);
    Ok(same_name & same_number)
}

/// An agency by code.
pub async fn agency(platform: &Platform, code: &str) -> Result<Option<Agency>, PersonnelError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT a.code, a.name, a.name_en, a.kind, a.parent_code, a.eligible, a.reason_ko, a.reason_en, a.phase, \
             a.phase_at, a.target, a.closed_network, a.opted_in_at FROM agency a WHERE a.code = $1",
            params![code],
        )
        .await?;
    Ok(row.map(|row| agency_of(&row)).transpose()?)
}

/// Every agency, by code.
pub(super) async fn agencies(store: &Store) -> Result<Vec<Agency>, PersonnelError> {
    let rows = store
        .fetch_all(
            "SELECT a.code, a.name, a.name_en, a.kind, a.parent_code, a.eligible, a.reason_ko, a.reason_en, a.phase, \
             a.phase_at, a.target, a.closed_network, a.opted_in_at FROM agency a ORDER BY a.code LIMIT 5000",
            params![],
        )
        .await?;
    Ok(rows.iter().map(agency_of).collect::<Result<_, _>>()?)
}

/// The agency of an employee; nothing personal is opened.
pub async fn employee_agency(platform: &Platform, id: &str) -> Result<Option<Agency>, PersonnelError> {
    let row =
        platform.store.fetch_optional("SELECT agency_code FROM employee WHERE id = $1", params![id]).await?;
    match row {
        Some(row) => agency(platform, &row.text("agency_code")?).await,
        None => Ok(None),
    }
}

/// A department with the deputies of this moment.
pub async fn department(platform: &Platform, id: &str) -> Result<Option<Department>, PersonnelError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT id, agency_code, code, name, name_en, parent_id, head_id FROM department WHERE id = $1",
            params![id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let deputies = platform
        .store
        .fetch_all(
            "SELECT employee_id FROM department_deputy WHERE department_id = $1 AND from_at <= $2 \
             AND (until_at IS NULL OR until_at > $2) ORDER BY employee_id LIMIT 20",
            params![id, platform.now_ms()],
        )
        .await?;
    Ok(Some(Department {
        id: row.text("id")?,
        agency_code: row.text("agency_code")?,
        code: row.text("code")?,
        name: Named { ko: row.text("name")?, en: row.text("name_en")? },
        parent_id: row.opt_text("parent_id")?,
        head_id: row.opt_text("head_id")?,
        deputies: deputies.iter().map(|row| row.text("employee_id")).collect::<Result<_, _>>()?,
    }))
}

/// Who may approve for this employee: head and deputies of the department, never the person; a head's own request goes
/// to the department above, and so on upwards.
pub async fn approvers(platform: &Platform, employee_id: &str) -> Result<Vec<String>, PersonnelError> {
    let row = platform
        .store
        .fetch_optional("SELECT department_id FROM employee WHERE id = $1", params![employee_id])
        .await?;
    let mut next = row.map(|row| row.text("department_id")).transpose()?;
    for _ in 0..8 {
        let Some(id) = next.take() else { break };
        let Some(department) = department(platform, &id).await? else { break };
        let is_head = department.head_id.as_deref() == Some(employee_id);
        if !is_head {
            let all = department.head_id.into_iter().chain(department.deputies);
            let approvers: Vec<String> = all.filter(|id| id != employee_id).collect();
            if !approvers.is_empty() {
                return Ok(approvers);
            }
        }
        next = department.parent_id;
    }
    Ok(Vec::new())
}

/// Whether this employee may have a badge now, or why not.
pub async fn eligibility(
    platform: &Platform,
    employee_id: &str,
    now_ms: i64,
) -> Result<Eligibility, PersonnelError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT e.status, a.code, a.name, a.name_en, a.kind, a.parent_code, a.eligible, a.reason_ko, a.reason_en, \
             a.phase, a.phase_at, a.target, a.closed_network, a.opted_in_at FROM employee e JOIN agency a ON a.code = e.agency_code WHERE e.id = $1",
            params![employee_id],
        )
        .await?
        .ok_or(PersonnelError::NotFound)?;
    let status = word(&row, "status", EmployeeStatus::parse)?;
    let agency = agency_of(&row)?;
    let judged = judge(status, &agency, now_ms);
    if judged != Eligibility::Allowed {
        return Ok(judged);
    }
    Ok(match rollout::ruled_out(platform, employee_id, &agency).await? {
        Some(rule) => {
            let en = if rule.reason.en.is_empty() { rule.reason.ko.clone() } else { rule.reason.en };
            let reason = Named { ko: rule.reason.ko, en };
            Eligibility::Refused(Refused { code: "personnel.ruled_out", reason })
        }
        None => Eligibility::Allowed,
    })
}

/// The rule, without a database.
pub(super) fn judge(status: EmployeeStatus, agency: &Agency, now_ms: i64) -> Eligibility {
    let refused = |code: &'static str, values: &[(&str, String)]| {
        Eligibility::Refused(Refused {
            code,
            reason: Named {
                ko: language::format(Language::Ko, code, values),
                en: language::format(Language::En, code, values),
            },
        })
    };
    if !status.is_serving() {
        return refused("personnel.not_serving", &[]);
    }
    if !agency.eligible {
        return match &agency.reason {
            Some(reason) => {
                let en = if reason.en.is_empty() { reason.ko.clone() } else { reason.en.clone() };
                let reason = Named { ko: reason.ko.clone(), en };
                Eligibility::Refused(Refused { code: "personnel.agency_excluded", reason })
            }
            None => refused("personnel.agency_excluded", &[]),
        };
    }
    if agency.closed_network {
        return refused("personnel.closed_network", &[]);
    }
    if !agency.has_opted_in(now_ms) {
        return refused("personnel.not_opted_in", &[]);
    }
    match (agency.phase, agency.phase_at) {
        (Some(_), Some(begins)) if begins <= now_ms => Eligibility::Allowed,
        (Some(phase), Some(begins)) => refused(
            "personnel.phase_not_begun",
            &[("phase", phase.to_string()), ("date", moment::korean_date(begins))],
        ),
        _ => refused("personnel.not_planned", &[]),
    }
}

/// The claims of a badge that HR answers for. `badge_number`, `issued_at` and `valid_until` are the issuer's.
pub async fn badge_claims(
    platform: &Platform,
    employee_id: &str,
) -> Result<serde_json::Map<String, serde_json::Value>, PersonnelError> {
    let employee = employee(platform, employee_id).await?.ok_or(PersonnelError::NotFound)?;
    let (family, given) = split_name(&employee.name);
    let mut tree = vec![employee.agency.code.clone()];
    let mut above = employee.agency.parent_code.clone();
    while let Some(code) = above.take().filter(|code| tree.len() < 8 && !tree.contains(code)) {
        above = agency(platform, &code).await?.and_then(|agency| agency.parent_code);
        tree.push(code);
    }
    let claims = serde_json::json!({
        "family_name": family.claim(),
        "given_name": given.claim(),
        "name": employee.name.claim(),
        "birth_date": employee.birth_date,
        "agency_name": employee.agency.name.claim(),
        "inst_code": employee.agency.code,
        "department": employee.department.claim(),
        "position": employee.position.claim(),
        "rank": employee.rank.claim(),
        "employee_number": employee.number,
        "is_serving": employee.status.is_serving(),
        "agency_tree": tree,
        "link_id": employee.link_id,
    });
    match claims {
        serde_json::Value::Object(claims) => Ok(claims),
        _ => Err(PersonnelError::Damaged),
    }
}

/// Family names of two syllables; all others have one.
const LONG_FAMILY_NAMES: [&str; 9] = ["남궁", "독고", "동방", "사공", "서문", "선우", "제갈", "황보", "망절"];

/// Family and given name. English is written family name first, as in passports: `Kim Yesi`.
pub(super) fn split_name(name: &Named) -> (Named, Named) {
    let long =
        LONG_FAMILY_NAMES.iter().find(|family| name.ko.starts_with(*family) && name.ko.chars().count() > 2);
    let cut = long.map_or_else(|| name.ko.chars().next().map_or(0, char::len_utf8), |family| family.len());
    let (family, given) = name.ko.split_at_checked(cut).unwrap_or((&name.ko, ""));
    let (family_en, given_en) = name.en.split_once(' ').unwrap_or((name.en.as_str(), ""));
    (
        Named { ko: family.trim().to_owned(), en: family_en.to_owned() },
        Named { ko: given.trim().to_owned(), en: given_en.to_owned() },
    )
}

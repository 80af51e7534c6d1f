//! Officials as SCIM users, both ways.

use serde_json::{Value, json};

use super::error::ScimError;
use super::patch::member;
use super::resource::{Object, moment};
use super::schema::{ENTERPRISE, IDENTITY, OFFICIAL};
use crate::operations::limits;
use crate::pages;
use crate::personnel::directory::Person;
use crate::personnel::{EmployeeLine, EmployeeStatus, Named, Role, Rrn, RrnSaid, calendar_date, phone};

fn put(object: &mut Object, name: &str, text: &str) {
    if !text.is_empty() {
        object.insert(name.to_owned(), text.into());
    }
}

/// A person as a resource, without `schemas` and `meta`; `pending` is a change that waits for a person.
pub(super) fn object(base: &str, person: &Person, pending: Option<String>) -> Object {
    let employee = &person.employee;
    let mut object = Object::new();
    object.insert("id".into(), employee.id.as_str().into());
    if let Some(external) = &person.external_id {
        object.insert("externalId".into(), external.as_str().into());
    }
    object.insert("userName".into(), person.user_name.as_str().into());
    object.insert("name".into(), json!({ "formatted": employee.name.ko }));
    object.insert("displayName".into(), employee.name.ko.as_str().into());
    put(&mut object, "title", &employee.position.ko);
    object.insert("active".into(), employee.status.is_serving().into());
    if !employee.phone.is_empty() {
        let phones = json!([{ "value": pages::phone(&employee.phone), "type": "mobile" }]);
        object.insert("phoneNumbers".into(), phones);
    }
    let department = &employee.department.ko;
    object.insert(
        "groups".into(),
        json!([{
            "value": employee.department_id,
            "$ref": format!("{base}/Groups/{}", employee.department_id),
            "display": department,
        }]),
    );
    object.insert(
        ENTERPRISE.into(),
        json!({
            "employeeNumber": employee.number,
            "organization": employee.agency.name.ko,
            "department": department,
        }),
    );
    let mut official = Object::new();
    put(&mut official, "agency", &employee.agency.code);
    put(&mut official, "departmentCode", &person.department_code);
    put(&mut official, "employmentStatus", employee.status.as_str());
    put(&mut official, "birthDate", &employee.birth_date);
    put(&mut official, "nameEn", &employee.name.en);
    put(&mut official, "titleEn", &employee.position.en);
    put(&mut official, "rank", &employee.rank.ko);
    put(&mut official, "rankEn", &employee.rank.en);
    if let Some(phase) = employee.agency.phase {
        official.insert("phase".into(), phase.into());
    }
    put(&mut official, "effectiveAt", &moment(person.effective_at));
    if let Some(pending) = pending {
        official.insert("pending".into(), pending.into());
    }
    object.insert(OFFICIAL.into(), official.into());
    object
}

/// What a resource says, judged: the line that is to be written and the HR system's own id.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) line: EmployeeLine,
    pub(super) external_id: Option<String>,
    /// The name in the HR system, where that is not the number.
    pub(super) user_name: Option<String>,
}

/// A text of an attribute: trimmed, bounded, without control characters.
pub(super) fn text(object: Option<&Value>, name: &str) -> Result<String, ScimError> {
    match object.and_then(|object| member(object, name)) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => {
            let text = text.trim();
            let fits =
                text.chars().count() <= limits::SCIM_TEXT.size() && !text.chars().any(char::is_control);
            if fits { Ok(text.to_owned()) } else { Err(ScimError::value(name)) }
        }
        Some(_) => Err(ScimError::value(name)),
    }
}

pub(super) fn required(object: Option<&Value>, name: &str) -> Result<String, ScimError> {
    let text = text(object, name)?;
    if text.is_empty() { Err(ScimError::value(name)) } else { Ok(text) }
}

fn name(whole: &Value) -> Result<String, ScimError> {
    let name = member(whole, "name");
    let formatted = text(name, "formatted")?;
    if !formatted.is_empty() {
        return Ok(formatted);
    }
    // In Korean the family name stands first and nothing between.
    let halves = format!("{}{}", text(name, "familyName")?, text(name, "givenName")?);
    if !halves.is_empty() {
        return Ok(halves);
    }
    required(Some(whole), "displayName").map_err(|_| ScimError::value("name.formatted"))
}

fn mobile(whole: &Value) -> Result<String, ScimError> {
    let numbers = match member(whole, "phoneNumbers") {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    if numbers.len() > limits::SCIM_VALUES.size() {
        return Err(ScimError::value("phoneNumbers"));
    }
    // Work and fax numbers are none of ours; of several mobile numbers the last is the one that was added.
    let is_mobile = |number: &&Value| {
        member(number, "type").and_then(Value::as_str).is_none_or(|word| word.eq_ignore_ascii_case("mobile"))
    };
    match numbers.iter().rfind(is_mobile) {
        None => Ok(String::new()),
        Some(number) => {
            phone(&required(Some(number), "value")?).ok_or_else(|| ScimError::value("phoneNumbers.value"))
        }
    }
}

fn active(whole: &Value) -> Result<Option<bool>, ScimError> {
    match member(whole, "active") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(active)) => Ok(Some(*active)),
        // Some senders write it as text.
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(ScimError::value("active")),
    }
}

/// The status that is meant. `employmentStatus` says it; where that is unsaid or as it was, `active` does: false is a
/// leave, which can be taken back, never a retirement.
fn status(
    word: &str,
    active: Option<bool>,
    before: Option<EmployeeStatus>,
) -> Result<EmployeeStatus, ScimError> {
    let told = match word {
        "" => None,
        word => Some(EmployeeStatus::parse(word).ok_or_else(|| ScimError::value("employmentStatus"))?),
    };
    let as_it_was = told.or(before).unwrap_or(EmployeeStatus::Serving);
    if told.is_some() && told != before {
        return Ok(as_it_was);
    }
    Ok(match active {
        Some(true) if !as_it_was.is_serving() => EmployeeStatus::Serving,
        Some(false) if as_it_was.is_serving() => EmployeeStatus::Leave,
        _ => as_it_was,
    })
}

/// Reads a whole resource. `before` is the person it is about, if there is one.
pub(super) fn said(whole: &Value, before: Option<&Person>, now_ms: i64) -> Result<Said, ScimError> {
    if !whole.is_object() {
        return Err(ScimError::syntax());
    }
    let (official, enterprise) = (member(whole, OFFICIAL), member(whole, ENTERPRISE));
    if official.is_none_or(|official| !official.is_object()) {
        return Err(ScimError::value(OFFICIAL));
    }
    let rrn = match member(whole, IDENTITY).and_then(|identity| member(identity, "rrn")) {
        None => RrnSaid::Unsaid,
        Some(Value::Null) => RrnSaid::Nothing,
        Some(Value::String(text)) if text.is_empty() => RrnSaid::Nothing,
        Some(Value::String(text)) => RrnSaid::Number(Rrn::parse(text).map_err(|_| ScimError::value("rrn"))?),
        Some(_) => return Err(ScimError::value("rrn")),
    };
    let external_id = text(Some(whole), "externalId")?;
    let user_name = required(Some(whole), "userName")?;
    let number = match text(enterprise, "employeeNumber")? {
        number if !number.is_empty() => number,
        // Unsaid, it stays what it is; of somebody new it is the name in the HR system.
        _ => before.map_or_else(|| user_name.clone(), |person| person.employee.number.clone()),
    };
    let word = text(official, "employmentStatus")?;
    let line = EmployeeLine {
        line: 0,
        agency: required(official, "agency")?.parse().map_err(|_| ScimError::value("agency"))?,
        previous_agency: None,
        department_code: required(official, "departmentCode")?,
        department: Named::default(),
        parent_department: None,
        number: number.clone(),
        name: Named { ko: name(whole)?, en: text(official, "nameEn")? },
        rrn,
        birth_date: calendar_date(&required(official, "birthDate")?)
            .ok_or_else(|| ScimError::value("birthDate"))?,
        phone: mobile(whole)?,
        position: Named { ko: text(Some(whole), "title")?, en: text(official, "titleEn")? },
        rank: Named { ko: text(official, "rank")?, en: text(official, "rankEn")? },
        status: status(&word, active(whole)?, before.map(|person| person.employee.status))?,
        role: Role::Unsaid,
        appointed_on: None,
        effective_at: before.map_or(now_ms, |person| now_ms.max(person.effective_at)),
    };
    Ok(Said {
        line,
        external_id: (!external_id.is_empty()).then_some(external_id),
        user_name: (user_name != number).then_some(user_name),
    })
}

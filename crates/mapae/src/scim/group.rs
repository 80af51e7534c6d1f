//! Departments as SCIM groups, both ways.

use serde_json::{Value, json};

use super::error::ScimError;
use super::patch::member;
use super::resource::Object;
use super::schema::DEPARTMENT;
use super::user::{required, text};
use crate::personnel::directory::Unit;
use crate::personnel::{Named, UnitLine};

/// A department as a resource, without `schemas` and `meta`; its members only where they were asked for.
pub(super) fn object(base: &str, unit: &Unit, members: Option<Vec<String>>) -> Object {
    let department = &unit.department;
    let mut object = Object::new();
    object.insert("id".into(), department.id.as_str().into());
    if let Some(external) = &unit.external_id {
        object.insert("externalId".into(), external.as_str().into());
    }
    object.insert("displayName".into(), department.name.ko.as_str().into());
    if let Some(members) = members {
        let members =
            members.into_iter().map(|id| json!({ "$ref": format!("{base}/Users/{id}"), "value": id }));
        object.insert("members".into(), members.collect());
    }
    let mut extension = Object::new();
    extension.insert("agency".into(), department.agency_code.as_str().into());
    extension.insert("code".into(), department.code.as_str().into());
    if !department.name.en.is_empty() {
        extension.insert("nameEn".into(), department.name.en.as_str().into());
    }
    if let Some(head) = &department.head_id {
        extension.insert("head".into(), format!("{base}/Users/{head}").into());
    }
    if let Some(parent) = &department.parent_id {
        extension.insert("parent".into(), format!("{base}/Groups/{parent}").into());
    }
    object.insert(DEPARTMENT.into(), extension.into());
    object
}

/// The id in an address of ours; a bare id is understood, too.
fn reference(extension: Option<&Value>, name: &str) -> Result<Option<String>, ScimError> {
    let text = match extension.and_then(|extension| member(extension, name)) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.as_str(),
        Some(_) => return Err(ScimError::value(name)),
    };
    let id = text.rsplit('/').next().unwrap_or_default();
    let fits = (1..=36).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits { Ok(Some(id.to_owned())) } else { Err(ScimError::value(name)) }
}

/// Reads a whole resource.
pub(super) fn said(whole: &Value) -> Result<UnitLine, ScimError> {
    if !whole.is_object() {
        return Err(ScimError::syntax());
    }
    let extension = member(whole, DEPARTMENT);
    if extension.is_none_or(|extension| !extension.is_object()) {
        return Err(ScimError::value(DEPARTMENT));
    }
    let external_id = text(Some(whole), "externalId")?;
    Ok(UnitLine {
        agency: required(extension, "agency")?.parse().map_err(|_| ScimError::value("agency"))?,
        code: required(extension, "code")?,
        name: Named { ko: required(Some(whole), "displayName")?, en: text(extension, "nameEn")? },
        head_id: reference(extension, "head")?,
        parent_id: reference(extension, "parent")?,
        external_id: (!external_id.is_empty()).then_some(external_id),
    })
}

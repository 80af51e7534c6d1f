//! What is done to groups: departments read, found, made, replaced, changed, removed.

use std::sync::Arc;

use serde_json::Value;

use super::answer::Done;
use super::error::ScimError;
use super::page::Listing;
use super::resource::{Object, Wanted, finished, version_of};
use super::schema::GROUPS;
use super::token::{Caller, Right};
use super::users::Change;
use super::{audit_look, base, group, patch};
use crate::audit;
use crate::operations::store::{StoreError, Tx};
use crate::operations::{Platform, limits};
use crate::personnel::directory::{self, Column, Condition, Operator, Order, Slice, Unit};
use crate::personnel::{UnitLine, UnitSaved, make_unit, remove_unit, write_unit};

async fn shown(
    platform: &Platform,
    caller: &Caller,
    unit: &Unit,
    wanted: &Wanted,
) -> Result<Object, ScimError> {
    let mut members = None;
    if wanted.names("members") && caller.may(Right::ReadUsers) {
        let of = Condition::Is(Column::Department, Operator::Equal, unit.department.id.as_str().into());
        let order = Order { by: Column::Id, descending: false };
        let slice = Slice { order, offset: 0, limit: limits::SCIM_MEMBERS.get() };
        let (_, people) = directory::people(platform, &caller.agencies, &of, slice).await?;
        members = Some(people.into_iter().map(|person| person.employee.id).collect());
    }
    let base = base(platform);
    let object = group::object(&base, unit, None);
    let mut object = finished(&GROUPS, &base, object, unit.created_at, unit.updated_at);
    // The version is that of the department, not of who happens to be in it.
    if let Some(members) = group::object(&base, unit, members).remove("members") {
        object.insert("members".into(), members);
    }
    Ok(object)
}

async fn find(platform: &Platform, caller: &Caller, group_id: &str) -> Result<Unit, ScimError> {
    if group_id.len() > 36 || group_id.contains('\0') {
        return Err(ScimError::not_found());
    }
    directory::unit(platform, &caller.agencies, group_id).await?.ok_or_else(ScimError::not_found)
}

/// One group.
pub(super) async fn get(
    platform: &Platform,
    caller: &Caller,
    group_id: &str,
    wanted: &Wanted,
) -> Result<Object, ScimError> {
    caller.must(Right::ReadGroups)?;
    let unit = find(platform, caller, group_id).await?;
    audit_look(platform, caller, "scim.group_viewed", group_id, 1).await?;
    shown(platform, caller, &unit, wanted).await
}

/// The groups that are meant, a part of them.
pub(super) async fn list(
    platform: &Platform,
    caller: &Caller,
    condition: &Condition,
    slice: Slice,
    wanted: &Wanted,
) -> Result<Listing, ScimError> {
    caller.must(Right::ReadGroups)?;
    let (total, units) = directory::units(platform, &caller.agencies, condition, slice).await?;
    audit_look(platform, caller, "scim.groups_searched", "-", units.len()).await?;
    let mut resources = Vec::with_capacity(units.len());
    for unit in &units {
        resources.push(shown(platform, caller, unit, wanted).await?);
    }
    Ok(Listing { total, resources })
}

fn refused(saved: UnitSaved) -> Result<(), ScimError> {
    match saved {
        UnitSaved::Saved | UnitSaved::Moved => Ok(()),
        UnitSaved::Taken => Err(ScimError::unique()),
        UnitSaved::UnknownAgency => Err(ScimError::forbidden()),
        UnitSaved::UnknownHead => Err(ScimError::value("head")),
        UnitSaved::UnknownParent => Err(ScimError::value("parent")),
        UnitSaved::InUse => Err(ScimError::new(http::StatusCode::CONFLICT, None, "scim.in_use")),
    }
}

async fn note(
    tx: &mut Tx,
    caller: &Caller,
    act: &str,
    subject: &str,
    saved: UnitSaved,
) -> Result<(), StoreError> {
    let by = caller.by();
    let detail = serde_json::json!({ "outcome": format!("{saved:?}") });
    audit::record(tx, audit::Record { actor: &by.actor, duty: &by.duty, act, subject, detail }).await
}

fn reached(caller: &Caller, line: &UnitLine) -> Result<(), ScimError> {
    if caller.reaches(line.agency.as_str()) { Ok(()) } else { Err(ScimError::forbidden()) }
}

/// Makes a group.
pub(super) async fn create(
    platform: &Arc<Platform>,
    caller: &Caller,
    body: &Value,
) -> Result<Done, ScimError> {
    caller.must(Right::WriteGroups)?;
    let line = group::said(body)?;
    reached(caller, &line)?;
    let inner = caller.clone();
    let (saved, group_id) = platform
        .store
        .write::<_, ScimError, _>(move |tx| {
            Box::pin(async move {
                let (saved, id) = make_unit(tx, &line, &inner.source()).await?;
                note(tx, &inner, "scim.group_created", &id, saved).await?;
                Ok((saved, id))
            })
        })
        .await?;
    refused(saved)?;
    let unit = find(platform, caller, &group_id).await?;
    Ok(Done::Made(shown(platform, caller, &unit, &Wanted::default()).await?))
}

/// Changes a group; see [`super::users::change`].
pub(super) async fn change(
    platform: &Arc<Platform>,
    caller: &Caller,
    group_id: &str,
    change: Change<'_>,
    if_match: Option<&str>,
) -> Result<Done, ScimError> {
    caller.must(Right::WriteGroups)?;
    for _ in 0..8 {
        let unit = find(platform, caller, group_id).await?;
        let object = shown(platform, caller, &unit, &Wanted::default()).await?;
        if if_match.is_some_and(|wanted| !super::answer::matches(wanted, version_of(&object))) {
            return Err(ScimError::precondition());
        }
        let line = match change {
            Change::Replace(body) => Some(group::said(body)?),
            Change::Patch(message) => {
                let mut changed = object.clone();
                patch::apply(&GROUPS, &mut changed, message)?;
                Some(group::said(&Value::Object(changed))?)
            }
            Change::Remove => None,
        };
        if line.as_ref().is_some_and(|line| line.agency.as_str() != unit.department.agency_code) {
            return Err(ScimError::mutability("agency"));
        }
        let (inner, id, read_at) = (caller.clone(), group_id.to_owned(), unit.updated_at);
        let saved = platform
            .store
            .write::<_, ScimError, _>(move |tx| {
                Box::pin(async move {
                    let (saved, act) = match line {
                        Some(line) => {
                            let saved = write_unit(tx, &id, &line, &inner.source(), read_at).await?;
                            (saved, "scim.group_changed")
                        }
                        None => (remove_unit(tx, &id).await?, "scim.group_removed"),
                    };
                    note(tx, &inner, act, &id, saved).await?;
                    Ok(saved)
                })
            })
            .await?;
        refused(saved)?;
        match (saved, change) {
            (UnitSaved::Moved, _) if if_match.is_some() => return Err(ScimError::precondition()),
            (UnitSaved::Moved, _) => {}
            (_, Change::Remove) => return Ok(Done::Removed),
            _ => {
                let unit = find(platform, caller, group_id).await?;
                return Ok(Done::Changed(shown(platform, caller, &unit, &Wanted::default()).await?));
            }
        }
    }
    Err(ScimError::conflict())
}

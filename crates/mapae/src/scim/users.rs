//! What is done to users: read, found, made, replaced, changed, removed. Each call leaves an audit record: a change in the
//! transaction that makes it, a look before its answer.

use std::sync::Arc;

use serde_json::Value;

use super::answer::Done;
use super::error::ScimError;
use super::page::Listing;
use super::resource::{Object, finished, version_of};
use super::schema::USERS;
use super::token::{Caller, Right};
use super::user::{self, Said};
use super::{audit_look, base, patch};
use crate::operations::store::StoreError;
use crate::operations::{Platform, id};
use crate::personnel::directory::{self, Condition, Person, Slice};
use crate::personnel::{EmployeeLine, EmployeeStatus, PersonnelError, Saved, Target, Told, write_line};
use crate::{audit, employment};

async fn shown(platform: &Platform, people: &[Person]) -> Result<Vec<Object>, StoreError> {
    let ids: Vec<&str> = people.iter().map(|person| person.employee.id.as_str()).collect();
    let mut pending = employment::pending(&platform.store, &ids).await?;
    let base = base(platform);
    Ok(people
        .iter()
        .map(|person| {
            let object = user::object(&base, person, pending.remove(&person.employee.id));
            finished(&USERS, &base, object, person.created_at, person.updated_at)
        })
        .collect())
}

async fn one(platform: &Platform, person: &Person) -> Result<Object, ScimError> {
    shown(platform, std::slice::from_ref(person)).await?.pop().ok_or_else(ScimError::not_found)
}

async fn find(platform: &Platform, caller: &Caller, user_id: &str) -> Result<Person, ScimError> {
    if !id::is_id(user_id) {
        return Err(ScimError::not_found());
    }
    directory::person(platform, &caller.agencies, user_id).await?.ok_or_else(ScimError::not_found)
}

/// One user.
pub(super) async fn get(platform: &Platform, caller: &Caller, user_id: &str) -> Result<Object, ScimError> {
    caller.must(Right::ReadUsers)?;
    let person = find(platform, caller, user_id).await?;
    audit_look(platform, caller, "scim.user_viewed", user_id, 1).await?;
    one(platform, &person).await
}

/// The users that are meant, a part of them.
pub(super) async fn list(
    platform: &Platform,
    caller: &Caller,
    condition: &Condition,
    slice: Slice,
) -> Result<Listing, ScimError> {
    caller.must(Right::ReadUsers)?;
    let (total, people) = directory::people(platform, &caller.agencies, condition, slice).await?;
    audit_look(platform, caller, "scim.users_searched", "-", people.len()).await?;
    Ok(Listing { total, resources: shown(platform, &people).await? })
}

/// How a record is to be written.
struct Writing {
    target: Option<Target>,
    /// There must be nobody yet.
    fresh: bool,
    remove: bool,
    act: &'static str,
}

async fn write(
    platform: &Arc<Platform>,
    caller: &Caller,
    said: Said,
    writing: Writing,
) -> Result<(Saved, String), ScimError> {
    if !caller.reaches(said.line.agency.as_str()) {
        return Err(ScimError::forbidden());
    }
    let by = caller.by();
    let told = Told {
        target: writing.target,
        fresh: writing.fresh,
        remove: writing.remove,
        external_id: Some(said.external_id),
        user_name: Some(said.user_name),
        ..Told::line(by.clone(), &caller.source())
    };
    let act = writing.act;
    let written = write_line(platform, said.line, told, move |tx, saved, subject| {
        let by = by.clone();
        Box::pin(async move {
            let detail = serde_json::json!({ "outcome": format!("{saved:?}") });
            let subject = if subject.is_empty() { "-" } else { subject };
            let record = audit::Record { actor: &by.actor, duty: &by.duty, act, subject, detail };
            audit::record(tx, record).await.map_err(PersonnelError::from)
        })
    })
    .await?;
    match written.0 {
        Saved::Taken => Err(ScimError::unique()),
        Saved::UnknownAgency => Err(ScimError::forbidden()),
        Saved::Older => Err(ScimError::conflict()),
        _ => Ok(written),
    }
}

async fn after(
    platform: &Platform,
    caller: &Caller,
    user_id: &str,
    saved: Saved,
    made: bool,
) -> Result<Done, ScimError> {
    let person = find(platform, caller, user_id).await?;
    let object = one(platform, &person).await?;
    Ok(match saved {
        Saved::Held => Done::Held(object),
        _ if made => Done::Made(object),
        _ => Done::Changed(object),
    })
}

/// Makes a user: a hire, or whoever was removed from the directory and is back.
pub(super) async fn create(
    platform: &Arc<Platform>,
    caller: &Caller,
    body: &Value,
) -> Result<Done, ScimError> {
    caller.must(Right::WriteUsers)?;
    let said = user::said(body, None, platform.now_ms())?;
    let writing = Writing { target: None, fresh: true, remove: false, act: "scim.user_created" };
    let (saved, user_id) = write(platform, caller, said, writing).await?;
    after(platform, caller, &user_id, saved, true).await
}

/// What is to be made of a user.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'v> {
    Replace(&'v Value),
    Patch(&'v Value),
    Remove,
}

/// Changes a user. Without `If-Match` a change that another one overtakes is made again on what that one left.
pub(super) async fn change(
    platform: &Arc<Platform>,
    caller: &Caller,
    user_id: &str,
    change: Change<'_>,
    if_match: Option<&str>,
) -> Result<Done, ScimError> {
    caller.must(Right::WriteUsers)?;
    for _ in 0..8 {
        let person = find(platform, caller, user_id).await?;
        let object = one(platform, &person).await?;
        if if_match.is_some_and(|wanted| !super::answer::matches(wanted, version_of(&object))) {
            return Err(ScimError::precondition());
        }
        let now = platform.now_ms();
        let (said, act) = match change {
            Change::Replace(body) => (user::said(body, Some(&person), now)?, "scim.user_replaced"),
            Change::Patch(message) => {
                let mut changed = object.clone();
                patch::apply(&USERS, &mut changed, message)?;
                (user::said(&Value::Object(changed), Some(&person), now)?, "scim.user_changed")
            }
            Change::Remove => {
                let said = user::said(&Value::Object(object.clone()), Some(&person), now)?;
                let status = match said.line.status {
                    ended @ (EmployeeStatus::Retired | EmployeeStatus::Dead) => ended,
                    _ => EmployeeStatus::Retired,
                };
                (Said { line: EmployeeLine { status, ..said.line }, ..said }, "scim.user_removed")
            }
        };
        let remove = matches!(change, Change::Remove);
        let target =
            Target { employee_id: user_id.to_owned(), content_tag: Some(person.content_tag.clone()) };
        let writing = Writing { target: Some(target), fresh: false, remove, act };
        match write(platform, caller, said, writing).await? {
            (Saved::Moved, _) if if_match.is_some() => return Err(ScimError::precondition()),
            (Saved::Moved, _) => {}
            (Saved::Held, _) => return after(platform, caller, user_id, Saved::Held, false).await,
            (_, _) if remove => return Ok(Done::Removed),
            (saved, _) => return after(platform, caller, user_id, saved, false).await,
        }
    }
    Err(ScimError::conflict())
}

//! Many changes in one request (RFC 7644 §3.7): each in a transaction of its own, in the order in which they stand. A
//! resource that is made here is named by its `bulkId` in those after it.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::Done;
use super::error::ScimError;
use super::patch::member;
use super::resource::{location_of, version_of};
use super::token::Caller;
use super::users::Change;
use super::{base, groups, users};
use crate::operations::{Language, Platform, limits};

/// Ids of what was made, by their bulkId.
type Made = HashMap<String, String>;

/// Carries out the operations until so many failed as the request allows.
pub(super) async fn carry_out(
    platform: &Arc<Platform>,
    caller: &Caller,
    request: &Value,
    language: Language,
) -> Result<Value, ScimError> {
    let operations = member(request, "Operations").and_then(Value::as_array).ok_or_else(ScimError::syntax)?;
    if operations.len() > limits::SCIM_BULK_OPERATIONS.size() {
        return Err(ScimError::too_large());
    }
    let fail_on = match member(request, "failOnErrors") {
        None | Some(Value::Null) => u64::MAX,
        Some(value) => value.as_u64().filter(|most| *most > 0).ok_or_else(ScimError::syntax)?,
    };
    let (mut made, mut failed, mut answers) = (Made::new(), 0_u64, Vec::with_capacity(operations.len()));
    for operation in operations {
        let answer = match one(platform, caller, operation, &mut made).await {
            Ok(answer) => answer,
            Err(error) => {
                failed += 1;
                let mut answer = echo(operation);
                answer.insert("status".into(), error.status.as_u16().to_string().into());
                answer.insert("response".into(), error.body(language));
                answer
            }
        };
        answers.push(Value::Object(answer));
        if failed >= fail_on {
            break;
        }
    }
    Ok(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": answers,
    }))
}

/// What of an operation stands in its answer, too.
fn echo(operation: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    for name in ["method", "bulkId"] {
        if let Some(value) = member(operation, name).filter(|value| value.is_string()) {
            out.insert(name.into(), value.clone());
        }
    }
    out
}

/// Puts ids in the place of `bulkId:…`; one that names nothing made so far is refused.
fn resolved(value: &Value, made: &Made, depth: usize) -> Result<Value, ScimError> {
    if depth > limits::JSON_DEPTH.size() {
        return Err(ScimError::syntax());
    }
    Ok(match value {
        Value::String(text) => {
            match text.strip_prefix("bulkId:") {
                Some(name) => made.get(name).cloned().map(Value::String).ok_or_else(|| {
                    ScimError::new(StatusCode::CONFLICT, Some("invalidValue"), "scim.bulk_id")
                })?,
                None => value.clone(),
            }
        }
        Value::Array(all) => {
            Value::Array(all.iter().map(|one| resolved(one, made, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(all) => {
            let members = all.iter().map(|(name, one)| Ok((name.clone(), resolved(one, made, depth + 1)?)));
            Value::Object(members.collect::<Result<_, ScimError>>()?)
        }
        other => other.clone(),
    })
}

async fn one(
    platform: &Arc<Platform>,
    caller: &Caller,
    operation: &Value,
    made: &mut Made,
) -> Result<Map<String, Value>, ScimError> {
    let text = |name: &str| member(operation, name).and_then(Value::as_str);
    let method = text("method").ok_or_else(ScimError::syntax)?.to_ascii_uppercase();
    let path = text("path").ok_or_else(ScimError::syntax)?;
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let endpoint = parts.next().unwrap_or_default();
    let id = match parts.next() {
        None => None,
        Some(id) => {
            let id = resolved(&Value::from(id), made, 0)?;
            id.as_str().map(str::to_owned)
        }
    };
    let data = match member(operation, "data") {
        None => Value::Null,
        Some(data) => resolved(data, made, 0)?,
    };
    let if_match = text("version");
    let change = match method.as_str() {
        "POST" => None,
        "PUT" => Some(Change::Replace(&data)),
        "PATCH" => Some(Change::Patch(&data)),
        "DELETE" => Some(Change::Remove),
        _ => return Err(ScimError::syntax()),
    };
    let done = match (endpoint, &id, change) {
        ("Users", None, None) => {
            if text("bulkId").is_none_or(str::is_empty) {
                return Err(ScimError::syntax());
            }
            users::create(platform, caller, &data).await?
        }
        ("Groups", None, None) => {
            if text("bulkId").is_none_or(str::is_empty) {
                return Err(ScimError::syntax());
            }
            groups::create(platform, caller, &data).await?
        }
        ("Users", Some(id), Some(change)) => users::change(platform, caller, id, change, if_match).await?,
        ("Groups", Some(id), Some(change)) => groups::change(platform, caller, id, change, if_match).await?,
        ("Users" | "Groups", ..) => return Err(ScimError::syntax()),
        _ => return Err(ScimError::not_found()),
    };
    let mut answer = echo(operation);
    answer.insert("status".into(), done.status().as_u16().to_string().into());
    match (done.object(), &id) {
        (Some(object), _) => {
            answer.insert("location".into(), location_of(object).into());
            answer.insert("version".into(), version_of(object).into());
            if let (Done::Made(object), Some(name)) = (&done, text("bulkId")) {
                let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
                made.insert(name.to_owned(), id.to_owned());
            }
        }
        (None, Some(id)) => {
            answer.insert("location".into(), format!("{}/{endpoint}/{id}", base(platform)).into());
        }
        (None, None) => {}
    }
    Ok(answer)
}

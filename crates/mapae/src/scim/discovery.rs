//! What this server can do, for whoever holds a token (RFC 7644 §4).

use serde_json::{Value, json};

use super::base;
use super::error::ScimError;
use super::schema::{GROUPS, SCHEMAS, USERS};
use super::token::Caller;
use crate::operations::{Platform, limits};

fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// `/ServiceProviderConfig`
pub(super) fn config(platform: &Platform) -> Value {
    let base = base(platform);
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": limits::SCIM_BULK_OPERATIONS.get(),
            "maxPayloadSize": limits::SCIM_BULK.get(),
        },
        "filter": { "supported": true, "maxResults": limits::SCIM_PAGE.get() },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token for one agency and those below it, made by the operator (mapae scim token make).",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// `/ResourceTypes`, or one of them.
pub(super) fn resource_types(platform: &Platform, name: Option<&str>) -> Result<Value, ScimError> {
    let base = base(platform);
    let all = [USERS, GROUPS];
    match name {
        None => Ok(list(all.iter().map(|kind| kind.json(&base)).collect())),
        Some(name) => {
            let one = all.iter().find(|kind| kind.name == name);
            one.map(|kind| kind.json(&base)).ok_or_else(ScimError::not_found)
        }
    }
}

/// `/Schemas`, or one of them, as this token may use them.
pub(super) fn schemas(platform: &Platform, caller: &Caller, id: Option<&str>) -> Result<Value, ScimError> {
    let base = base(platform);
    // A ministry has hundreds of agencies below it; the list is help for people, not the rule.
    let agencies: Vec<String> = caller.agencies.iter().take(limits::PAGE_ROWS.size()).cloned().collect();
    match id {
        None => Ok(list(SCHEMAS.iter().map(|schema| schema.json(&base, &agencies)).collect())),
        Some(id) => {
            let one = SCHEMAS.iter().find(|schema| schema.id.eq_ignore_ascii_case(id));
            one.map(|schema| schema.json(&base, &agencies)).ok_or_else(ScimError::not_found)
        }
    }
}

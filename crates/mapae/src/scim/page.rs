//! Searching: what is asked for, in the query of a GET or in the body of a POST to `/.search`, and the list that answers.

use serde_json::{Value, json};

use super::error::ScimError;
use super::filter::{self, AttrPath, Filter};
use super::patch::member;
use super::query;
use super::resource::{Object, Wanted};
use super::schema::{GROUPS, ResourceType, USERS};
use super::token::{Caller, Right};
use super::{groups, users};
use crate::operations::{Platform, limits};
use crate::personnel::directory::Slice;

/// A part of a result.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) total: i64,
    pub(super) resources: Vec<Object>,
}

/// What is asked for (RFC 7644 §3.4.2).
#[derive(Clone, Debug)]
pub(super) struct Ask {
    filter: Option<Filter>,
    sort_by: Option<AttrPath>,
    descending: bool,
    /// Counted from 1.
    start: i64,
    count: i64,
    pub(super) wanted: Wanted,
}

fn names(texts: impl Iterator<Item = String>) -> Result<Vec<AttrPath>, ScimError> {
    let mut paths = Vec::new();
    for text in texts {
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if paths.len() == limits::SCIM_VALUES.size() {
                return Err(ScimError::too_large());
            }
            paths.push(filter::attribute(name).map_err(|_| ScimError::path(name))?);
        }
    }
    Ok(paths)
}

impl Ask {
    fn of(
        text: impl Fn(&str) -> Option<String>,
        attributes: Vec<AttrPath>,
        excluded: Vec<AttrPath>,
        number: impl Fn(&str) -> Result<Option<i64>, ScimError>,
    ) -> Result<Self, ScimError> {
        let filter = text("filter").filter(|text| !text.trim().is_empty());
        let sort_by = text("sortBy").filter(|text| !text.is_empty());
        let descending = match text("sortOrder").as_deref() {
            None | Some("" | "ascending") => false,
            Some("descending") => true,
            Some(_) => return Err(ScimError::value("sortOrder")),
        };
        if !attributes.is_empty() && !excluded.is_empty() {
            return Err(ScimError::value("excludedAttributes"));
        }
        Ok(Self {
            filter: filter.map(|text| filter::filter(&text)).transpose()?,
            sort_by: sort_by
                .map(|text| filter::attribute(&text).map_err(|_| ScimError::path(&text)))
                .transpose()?,
            descending,
            // Less than one is one (§3.4.2.4), less than none is none.
            start: number("startIndex")?.unwrap_or(1).max(1),
            count: number("count")?.unwrap_or(limits::SCIM_PAGE.get()).clamp(0, limits::SCIM_PAGE.get()),
            wanted: Wanted { attributes, excluded },
        })
    }

    /// From the query of a request.
    pub(super) fn of_query(query: Option<&str>) -> Result<Self, ScimError> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .take(limits::SCIM_VALUES.size())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let all = |wanted: &'static str| {
            let pairs = pairs.clone();
            pairs.into_iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| v)
        };
        let text = |wanted: &str| {
            pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
        };
        let number = |name: &str| match text(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| ScimError::value(name)),
        };
        Self::of(text, names(all("attributes"))?, names(all("excludedAttributes"))?, number)
    }

    /// From the body of a POST to `/.search`.
    pub(super) fn of_body(body: &Value) -> Result<Self, ScimError> {
        if !body.is_object() {
            return Err(ScimError::syntax());
        }
        let all = |name: &str| match member(body, name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(all)) => {
                names(all.iter().map(|value| value.as_str().unwrap_or(" ").to_owned()))
            }
            Some(Value::String(text)) => names(std::iter::once(text.clone())),
            Some(_) => Err(ScimError::value(name)),
        };
        let text = |name: &str| member(body, name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| match member(body, name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| ScimError::value(name)),
        };
        Self::of(text, all("attributes")?, all("excludedAttributes")?, number)
    }

    fn slice(&self, kind: &ResourceType, offset: i64, limit: i64) -> Result<Slice, ScimError> {
        Ok(Slice { order: query::order(kind, self.sort_by.as_ref(), self.descending)?, offset, limit })
    }

    async fn one_kind(
        &self,
        platform: &Platform,
        caller: &Caller,
        kind: &ResourceType,
        offset: i64,
        limit: i64,
    ) -> Result<Listing, ScimError> {
        let condition = match &self.filter {
            Some(filter) => query::condition(platform, kind, filter)?,
            None => crate::personnel::directory::Condition::Everything,
        };
        let slice = self.slice(kind, offset, limit)?;
        let mut listing = if kind.name == USERS.name {
            users::list(platform, caller, &condition, slice).await?
        } else {
            groups::list(platform, caller, &condition, slice, &self.wanted).await?
        };
        let resources = listing.resources.into_iter().map(|object| self.wanted.of(kind, object));
        listing.resources = resources.collect();
        Ok(listing)
    }

    /// The answer over these types, one after the other; a type that the token may not read is left out.
    pub(super) async fn answer(
        &self,
        platform: &Platform,
        caller: &Caller,
        kinds: &[ResourceType],
    ) -> Result<Value, ScimError> {
        let mut total = 0;
        let mut resources: Vec<Object> = Vec::new();
        for kind in kinds {
            let right = if kind.name == GROUPS.name { Right::ReadGroups } else { Right::ReadUsers };
            if kinds.len() > 1 && !caller.may(right) {
                continue;
            }
            let taken = i64::try_from(resources.len()).unwrap_or(i64::MAX);
            let offset = (self.start - 1 - total).max(0);
            let listing = self.one_kind(platform, caller, kind, offset, self.count - taken).await?;
            total += listing.total;
            resources.extend(listing.resources);
        }
        Ok(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": self.start,
            "itemsPerPage": resources.len(),
            "Resources": resources,
        }))
    }
}

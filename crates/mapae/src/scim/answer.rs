//! Answers: status, media type, ETag, Location.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::error::SCIM_JSON;
use super::resource::{Object, Wanted, location_of, version_of};
use super::schema::ResourceType;

/// What a change came to.
#[derive(Clone, Debug)]
pub(super) enum Done {
    Made(Object),
    Changed(Object),
    /// It waits for a person; this is the resource as it stands.
    Held(Object),
    Removed,
}

impl Done {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Made(_) => StatusCode::CREATED,
            Self::Changed(_) => StatusCode::OK,
            Self::Held(_) => StatusCode::ACCEPTED,
            Self::Removed => StatusCode::NO_CONTENT,
        }
    }

    pub(super) const fn object(&self) -> Option<&Object> {
        match self {
            Self::Made(object) | Self::Changed(object) | Self::Held(object) => Some(object),
            Self::Removed => None,
        }
    }
}

/// Whether a list of entity tags names this version; `*` names any. Ours are weak, and so is the comparison.
pub(super) fn matches(tags: &str, version: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.split(',').any(|tag| tag.trim() == "*" || strong(tag) == strong(version))
}

/// A header as text.
pub(super) fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response
}

fn with_version(mut response: Response, object: &Object) -> Response {
    if let Ok(version) = HeaderValue::from_str(version_of(object)) {
        response.headers_mut().insert(header::ETAG, version);
    }
    if let Ok(location) = HeaderValue::from_str(location_of(object)) {
        response.headers_mut().insert(header::CONTENT_LOCATION, location);
    }
    response
}

/// One resource, or 304 when the client has this version.
pub(super) fn resource(
    kind: &ResourceType,
    wanted: &Wanted,
    headers: &HeaderMap,
    object: Object,
) -> Response {
    let known = header_text(headers, header::IF_NONE_MATCH);
    if known.is_some_and(|tags| matches(&tags, version_of(&object))) {
        return with_version(StatusCode::NOT_MODIFIED.into_response(), &object);
    }
    let shown = wanted.of(kind, object.clone());
    with_version(json(StatusCode::OK, &Value::Object(shown)), &object)
}

/// What a change came to.
pub(super) fn done(kind: &ResourceType, wanted: &Wanted, done: Done) -> Response {
    let status = done.status();
    let Some(object) = done.object() else { return status.into_response() };
    let shown = match &done {
        // Whoever is told to wait has to see for what.
        Done::Held(object) => object.clone(),
        _ => wanted.of(kind, object.clone()),
    };
    let mut response = with_version(json(status, &Value::Object(shown)), object);
    if status == StatusCode::CREATED
        && let Ok(location) = HeaderValue::from_str(location_of(object))
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

//! What every resource has in common: its address, its version, what of it is given out.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::filter::AttrPath;
use super::schema::{Found, Mutability, ResourceType};

/// A resource as JSON, without `schemas` and `meta`.
pub(super) type Object = Map<String, Value>;

/// A moment as SCIM writes it (RFC 7643 §2.3.5).
pub(super) fn moment(at_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Reads one; epoch milliseconds.
pub(super) fn moment_ms(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// The weak ETag of a resource: whatever is said differently has another.
pub(super) fn version(object: &Object) -> String {
    let text = Value::Object(object.clone()).to_string();
    let hash = keys::sha256(text.as_bytes());
    format!("W/\"{}\"", keys::encoding::hex_encode(hash.get(..12).unwrap_or_default()))
}

/// Adds `schemas` and `meta`.
pub(super) fn finished(
    kind: &ResourceType,
    base: &str,
    mut object: Object,
    created_at: i64,
    updated_at: i64,
) -> Object {
    let version = version(&object);
    let id = object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut schemas = vec![Value::from(kind.core)];
    schemas
        .extend(kind.extensions.iter().filter(|urn| object.contains_key(**urn)).map(|urn| Value::from(*urn)));
    object.insert("schemas".into(), schemas.into());
    object.insert(
        "meta".into(),
        serde_json::json!({
            "resourceType": kind.name,
            "created": moment(created_at),
            "lastModified": moment(updated_at),
            "location": format!("{base}{}/{id}", kind.endpoint),
            "version": version,
        }),
    );
    object
}

/// The version that [`finished`] wrote.
pub(super) fn version_of(object: &Object) -> &str {
    object.get("meta").and_then(|meta| meta.get("version")).and_then(Value::as_str).unwrap_or_default()
}

/// The address that [`finished`] wrote.
pub(super) fn location_of(object: &Object) -> &str {
    object.get("meta").and_then(|meta| meta.get("location")).and_then(Value::as_str).unwrap_or_default()
}

/// Which attributes a client wants (RFC 7644 §3.9).
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) attributes: Vec<AttrPath>,
    pub(super) excluded: Vec<AttrPath>,
}

impl Wanted {
    /// Whether something that is given out only on request was asked for.
    pub(super) fn names(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|path| path.attribute.eq_ignore_ascii_case(attribute))
    }

    /// Leaves of the resource what is wanted. `schemas` and `id` always stay; a name that nobody knows wants nothing.
    pub(super) fn of(&self, kind: &ResourceType, object: Object) -> Object {
        if !self.attributes.is_empty() {
            let mut out = Object::new();
            for always in ["schemas", "id"] {
                if let Some(value) = object.get(always) {
                    out.insert(always.into(), value.clone());
                }
            }
            for found in self.attributes.iter().filter_map(|path| kind.find(path)) {
                keep(&object, &mut out, &found);
            }
            return out;
        }
        let mut out = object;
        for (extension, attribute) in kind.all().filter(|(_, attribute)| attribute.on_request) {
            drop_from(&mut out, &Found { extension, attribute: Some(attribute), sub: None });
        }
        for found in self.excluded.iter().filter_map(|path| kind.find(path)) {
            drop_from(&mut out, &found);
        }
        out
    }
}

fn keep(from: &Object, to: &mut Object, found: &Found) {
    let Some(attribute) = found.attribute else {
        if let Some((urn, whole)) = found.extension.and_then(|urn| Some((urn, from.get(urn)?))) {
            to.insert(urn.to_owned(), whole.clone());
        }
        return;
    };
    let (from, to) = match found.extension {
        None => (Some(from), Some(to)),
        Some(urn) => {
            let inner = from.get(urn).and_then(Value::as_object);
            let entry = to.entry(urn).or_insert_with(|| Value::Object(Object::new()));
            (inner, entry.as_object_mut())
        }
    };
    let (Some(from), Some(to)) = (from, to) else { return };
    let Some(value) = from.get(attribute.name) else { return };
    match found.sub {
        None => {
            to.insert(attribute.name.to_owned(), value.clone());
        }
        Some(sub) => {
            let part = |value: &Value| {
                let mut one = Object::new();
                if let Some(inner) = value.get(sub.name) {
                    one.insert(sub.name.to_owned(), inner.clone());
                }
                Value::Object(one)
            };
            let parts = match value {
                Value::Array(all) => Value::Array(all.iter().map(part).collect()),
                one => part(one),
            };
            match (to.get_mut(attribute.name).and_then(Value::as_object_mut), parts) {
                // A second part of the same attribute joins the first.
                (Some(there), Value::Object(more)) => there.extend(more),
                (_, parts) => {
                    to.insert(attribute.name.to_owned(), parts);
                }
            }
        }
    }
}

fn drop_from(object: &mut Object, found: &Found) {
    let Some(attribute) = found.attribute else {
        if let Some(urn) = found.extension {
            object.remove(urn);
        }
        return;
    };
    // What is always returned can't be excluded.
    if attribute.name == "id" && attribute.mutability == Mutability::ReadOnly {
        return;
    }
    let inner = match found.extension {
        None => Some(object),
        Some(urn) => object.get_mut(urn).and_then(Value::as_object_mut),
    };
    let Some(inner) = inner else { return };
    match (found.sub, inner.get_mut(attribute.name)) {
        (None, _) => {
            inner.remove(attribute.name);
        }
        (Some(sub), Some(Value::Object(one))) => {
            one.remove(sub.name);
        }
        (Some(sub), Some(Value::Array(all))) => {
            for one in all.iter_mut().filter_map(Value::as_object_mut) {
                one.remove(sub.name);
            }
        }
        _ => {}
    }
}

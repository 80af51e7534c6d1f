//! PATCH (RFC 7644 §3.5.2) on a resource as JSON. No I/O: what comes out is judged like a whole resource afterwards.

use serde_json::Value;

use super::error::ScimError;
use super::filter::{self, AttrPath, Compare, Filter, Literal};
use super::resource::Object;
use super::schema::{self, Attribute, Found, Kind, Mutability, ResourceType};
use crate::operations::limits;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Add,
    Replace,
    Remove,
}

/// Carries out the operations of a PatchOp message, all or none.
pub(super) fn apply(kind: &ResourceType, object: &mut Object, message: &Value) -> Result<(), ScimError> {
    let operations = member(message, "Operations").and_then(Value::as_array).ok_or_else(ScimError::syntax)?;
    if operations.is_empty() || operations.len() > limits::SCIM_OPERATIONS.size() {
        return Err(ScimError::syntax());
    }
    let mut changed = object.clone();
    for operation in operations {
        one(kind, &mut changed, operation)?;
    }
    *object = changed;
    Ok(())
}

/// A member of a message, whatever the case of its name.
pub(super) fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let object = object.as_object()?;
    object
        .get(name)
        .or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn one(kind: &ResourceType, object: &mut Object, operation: &Value) -> Result<(), ScimError> {
    let word = member(operation, "op").and_then(Value::as_str).ok_or_else(ScimError::syntax)?;
    let act = match word.to_ascii_lowercase().as_str() {
        "add" => Act::Add,
        "replace" => Act::Replace,
        "remove" => Act::Remove,
        _ => return Err(ScimError::syntax()),
    };
    let value = member(operation, "value").filter(|value| !value.is_null());
    let path = match member(operation, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(filter::path(text).map_err(|_| ScimError::path(text))?),
        Some(_) => return Err(ScimError::syntax()),
    };
    let Some(path) = path else {
        if act == Act::Remove {
            return Err(ScimError::no_target());
        }
        let whole = value.and_then(Value::as_object).ok_or_else(ScimError::syntax)?;
        return merge(kind, object, None, whole, act);
    };
    let text = path.attribute.attribute.clone();
    let found = kind.find(&path.attribute).ok_or_else(|| ScimError::path(&text))?;
    let Some(attribute) = found.attribute else {
        let urn = found.extension.unwrap_or_default();
        return match act {
            Act::Remove => remove_extension(kind, object, urn),
            _ => {
                let whole = value.and_then(Value::as_object).ok_or_else(|| ScimError::value(urn))?;
                merge(kind, object, Some(urn), whole, act)
            }
        };
    };
    writable(attribute, found.sub)?;
    if act != Act::Remove && value.is_none() {
        return Err(ScimError::value(attribute.name));
    }
    let inner = inner(object, found.extension)?;
    change(inner, attribute, found.sub, path.filter.as_ref(), act, value)
}

/// The object in which an attribute lies, made if need be.
fn inner<'o>(object: &'o mut Object, extension: Option<&'static str>) -> Result<&'o mut Object, ScimError> {
    match extension {
        None => Ok(object),
        Some(urn) => object
            .entry(urn)
            .or_insert_with(|| Value::Object(Object::new()))
            .as_object_mut()
            .ok_or_else(|| ScimError::value(urn)),
    }
}

fn writable(attribute: &Attribute, sub: Option<&Attribute>) -> Result<(), ScimError> {
    let read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
    if read_only(attribute) || sub.is_some_and(read_only) {
        return Err(ScimError::mutability(attribute.name));
    }
    Ok(())
}

/// Members of a value without a path. What is read-only or unknown is left out, as in a whole resource.
fn merge(
    kind: &ResourceType,
    object: &mut Object,
    extension: Option<&'static str>,
    whole: &Object,
    act: Act,
) -> Result<(), ScimError> {
    for (name, value) in whole {
        if extension.is_none() && schema::is_schema(name) {
            let path = AttrPath { schema: Some(name.clone()), attribute: String::new(), sub: None };
            if let (Some(Found { extension: Some(urn), .. }), Some(whole)) =
                (kind.find(&path), value.as_object())
            {
                merge(kind, object, Some(urn), whole, act)?;
                continue;
            }
        }
        // Some senders write the whole path as a member's name.
        let path = match extension {
            Some(urn) => Some(AttrPath { schema: Some(urn.to_owned()), attribute: name.clone(), sub: None }),
            None => filter::attribute(name).ok(),
        };
        let Some(found) = path.and_then(|path| kind.find(&path)) else { continue };
        let Some(attribute) = found.attribute else { continue };
        if writable(attribute, found.sub).is_err() {
            continue;
        }
        let inner = inner(object, found.extension)?;
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            change(inner, attribute, found.sub, None, Act::Remove, None)?;
        } else {
            change(inner, attribute, found.sub, None, act, Some(value))?;
        }
    }
    Ok(())
}

fn remove_extension(kind: &ResourceType, object: &mut Object, urn: &'static str) -> Result<(), ScimError> {
    for (extension, attribute) in kind.all() {
        if extension == Some(urn) && attribute.required {
            return Err(ScimError::mutability(attribute.name));
        }
    }
    let hidden = |attribute: &&Attribute| attribute.mutability == Mutability::WriteOnly;
    let of = kind.all().filter(|(extension, _)| *extension == Some(urn)).map(|(_, attribute)| attribute);
    // What is never shown has to be told apart from what nothing was said about.
    let nulls: Object = of.filter(hidden).map(|attribute| (attribute.name.to_owned(), Value::Null)).collect();
    if nulls.is_empty() {
        object.remove(urn);
    } else {
        object.insert(urn.to_owned(), nulls.into());
    }
    Ok(())
}

/// Changes one attribute of the object it lies in.
fn change(
    object: &mut Object,
    attribute: &Attribute,
    sub: Option<&Attribute>,
    filter: Option<&Filter>,
    act: Act,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    if attribute.mutability == Mutability::Immutable
        && let Some(there) = object.get(attribute.name)
        && value != Some(there)
    {
        return Err(ScimError::mutability(attribute.name));
    }
    match (act, value) {
        (Act::Remove, _) => remove(object, attribute, sub, filter),
        (_, None) => Err(ScimError::value(attribute.name)),
        (_, Some(value)) if attribute.many => many(object, attribute, sub, filter, act, value),
        (_, Some(_)) if filter.is_some() => Err(ScimError::path(attribute.name)),
        (_, Some(value)) => {
            match (sub, attribute.kind) {
                (Some(sub), _) => {
                    let there = complex(object, attribute)?;
                    there.insert(sub.name.to_owned(), value.clone());
                }
                (None, Kind::Complex(parts)) => {
                    let new = value.as_object().ok_or_else(|| ScimError::value(attribute.name))?.clone();
                    let there = complex(object, attribute)?;
                    for part in parts {
                        let told =
                            new.iter().find(|(name, _)| name.eq_ignore_ascii_case(part.name)).map(|(_, v)| v);
                        if let Some(told) = told {
                            there.insert(part.name.to_owned(), told.clone());
                        }
                    }
                    // Parts that the table does not list may still be understood: a name in two halves.
                    for (name, told) in new {
                        there.entry(name).or_insert(told);
                    }
                }
                (None, _) => {
                    object.insert(attribute.name.to_owned(), value.clone());
                }
            }
            Ok(())
        }
    }
}

fn complex<'o>(object: &'o mut Object, attribute: &Attribute) -> Result<&'o mut Object, ScimError> {
    object
        .entry(attribute.name)
        .or_insert_with(|| Value::Object(Object::new()))
        .as_object_mut()
        .ok_or_else(|| ScimError::value(attribute.name))
}

fn many(
    object: &mut Object,
    attribute: &Attribute,
    sub: Option<&Attribute>,
    filter: Option<&Filter>,
    act: Act,
    value: &Value,
) -> Result<(), ScimError> {
    let there = object
        .entry(attribute.name)
        .or_insert_with(|| Value::Array(Vec::new()))
        .as_array_mut()
        .ok_or_else(|| ScimError::value(attribute.name))?;
    if filter.is_some() || sub.is_some() {
        let mut hit = false;
        for one in there.iter_mut() {
            if filter.is_some_and(|filter| !fits(filter, one)) {
                continue;
            }
            hit = true;
            let one = one.as_object_mut().ok_or_else(|| ScimError::value(attribute.name))?;
            match sub {
                Some(sub) => {
                    one.insert(sub.name.to_owned(), value.clone());
                }
                None => {
                    let new = value.as_object().ok_or_else(|| ScimError::value(attribute.name))?;
                    one.extend(new.clone());
                }
            }
        }
        return if hit { Ok(()) } else { Err(ScimError::no_target()) };
    }
    let new = match value {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    if there.len() + new.len() > limits::SCIM_VALUES.size() {
        return Err(ScimError::value(attribute.name));
    }
    match act {
        Act::Add => {
            for one in new {
                if !there.contains(&one) {
                    there.push(one);
                }
            }
        }
        _ => *there = new,
    }
    Ok(())
}

fn remove(
    object: &mut Object,
    attribute: &Attribute,
    sub: Option<&Attribute>,
    filter: Option<&Filter>,
) -> Result<(), ScimError> {
    let needed = sub.map_or(attribute.required, |sub| sub.required);
    if needed && filter.is_none() {
        return Err(ScimError::mutability(attribute.name));
    }
    match (sub, filter, object.get_mut(attribute.name)) {
        (None, None, _) => {
            // What is written and never shown has to be told apart from what nothing was said about.
            if attribute.mutability == Mutability::WriteOnly {
                object.insert(attribute.name.to_owned(), Value::Null);
            } else {
                object.remove(attribute.name);
            }
        }
        (_, _, None) => return if filter.is_some() { Err(ScimError::no_target()) } else { Ok(()) },
        (Some(sub), _, Some(Value::Object(one))) => {
            one.remove(sub.name);
        }
        (sub, filter, Some(Value::Array(all))) => {
            let before = all.len();
            let mut hit = false;
            match sub {
                None => all.retain(|one| !filter.is_none_or(|filter| fits(filter, one))),
                Some(sub) => {
                    for one in all.iter_mut().filter(|one| filter.is_none_or(|filter| fits(filter, one))) {
                        hit = true;
                        if let Some(one) = one.as_object_mut() {
                            one.remove(sub.name);
                        }
                    }
                }
            }
            if filter.is_some() && !hit && all.len() == before {
                return Err(ScimError::no_target());
            }
            if all.is_empty() {
                object.remove(attribute.name);
            }
        }
        _ => return Err(ScimError::path(attribute.name)),
    }
    Ok(())
}

/// Whether one value of an attribute fits a value filter.
pub(super) fn fits(filter: &Filter, value: &Value) -> bool {
    let part = |path: &AttrPath| match value {
        Value::Object(_) => member(value, &path.attribute),
        // A plain value is called `value`.
        plain if path.attribute.eq_ignore_ascii_case("value") => Some(plain),
        _ => None,
    };
    match filter {
        Filter::And(all) => all.iter().all(|one| fits(one, value)),
        Filter::Or(all) => all.iter().any(|one| fits(one, value)),
        Filter::Not(inner) => !fits(inner, value),
        Filter::Present(path) => part(path).is_some_and(|value| !value.is_null()),
        Filter::Values(path, inner) => match part(path) {
            Some(Value::Array(all)) => all.iter().any(|one| fits(inner, one)),
            Some(one) => fits(inner, one),
            None => false,
        },
        Filter::Compare(path, operator, literal) => compare(part(path), *operator, literal),
    }
}

fn compare(value: Option<&Value>, operator: Compare, literal: &Literal) -> bool {
    let equal = match (value, literal) {
        (None | Some(Value::Null), Literal::Null) => true,
        (Some(Value::Bool(one)), Literal::Bool(other)) => one == other,
        (Some(Value::String(one)), Literal::Text(other)) => one.eq_ignore_ascii_case(other),
        (Some(Value::Number(one)), Literal::Number(other)) => one.as_f64() == Some(*other),
        _ => false,
    };
    match (operator, value, literal) {
        (Compare::Eq, ..) => equal,
        (Compare::Ne, ..) => !equal,
        (_, Some(Value::String(one)), Literal::Text(other)) => {
            let (one, other) = (one.to_lowercase(), other.to_lowercase());
            match operator {
                Compare::Co => one.contains(&other),
                Compare::Sw => one.starts_with(&other),
                Compare::Ew => one.ends_with(&other),
                Compare::Gt => one > other,
                Compare::Ge => one >= other,
                Compare::Lt => one < other,
                Compare::Le => one <= other,
                Compare::Eq | Compare::Ne => equal,
            }
        }
        (_, Some(Value::Number(one)), Literal::Number(other)) => {
            one.as_f64().is_some_and(|one| match operator {
                Compare::Gt => one > *other,
                Compare::Ge => one >= *other,
                Compare::Lt => one < *other,
                Compare::Le => one <= *other,
                _ => false,
            })
        }
        _ => false,
    }
}

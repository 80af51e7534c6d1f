//! From a filter to a condition on the records, where they can be searched that way.

use super::error::ScimError;
use super::filter::{AttrPath, Compare, Filter, Literal};
use super::resource::moment_ms;
use super::schema::{DEPARTMENT, GROUPS, OFFICIAL, ResourceType, USERS};
use crate::operations::Platform;
use crate::operations::store::Value;
use crate::personnel::directory::{Column, Condition, Operator, Order};

/// How an attribute is kept.
enum Kept {
    Plain(Column),
    /// As the keyed hash of this kind.
    Hashed(Column, &'static str),
    Moment(Column),
    /// `active`, which follows from the status.
    Active,
    /// There for every resource, and the same for all.
    Same(&'static str),
    /// Sealed, or computed.
    Unsearchable,
}

fn kept(kind: &ResourceType, path: &AttrPath) -> Option<Kept> {
    let found = kind.find(path)?;
    let name = found.attribute?.name;
    let sub = found.sub.map(|sub| sub.name);
    let users = kind.name == USERS.name;
    Some(match (found.extension, name, sub) {
        (None, "id", None) => Kept::Plain(Column::Id),
        (None, "externalId", None) if users => Kept::Hashed(Column::External, "employee-external"),
        (None, "externalId", None) => Kept::Plain(Column::External),
        (None, "meta", Some("created")) => Kept::Moment(Column::Created),
        (None, "meta", Some("lastModified")) => Kept::Moment(Column::Modified),
        (None, "meta", Some("resourceType")) => Kept::Same(kind.name),
        (None, "userName", None) => Kept::Hashed(Column::UserName, "employee-number"),
        (None, "name", Some("formatted")) => Kept::Hashed(Column::Name, "employee-name"),
        (None, "displayName", None) if users => Kept::Hashed(Column::Name, "employee-name"),
        (None, "displayName", None) => Kept::Plain(Column::Name),
        (None, "active", None) => Kept::Active,
        (None, "groups", None | Some("value")) => Kept::Plain(Column::Department),
        (Some(OFFICIAL | DEPARTMENT), "agency", None) => Kept::Plain(Column::Agency),
        (Some(OFFICIAL), "departmentCode", None) | (Some(DEPARTMENT), "code", None) => {
            Kept::Plain(Column::Code)
        }
        (Some(OFFICIAL), "employmentStatus", None) => Kept::Plain(Column::Status),
        (Some(DEPARTMENT), "nameEn", None) => Kept::Plain(Column::NameEn),
        (Some(_), "employeeNumber", None) => Kept::Hashed(Column::Number, "employee-number"),
        _ => Kept::Unsearchable,
    })
}

fn name_of(path: &AttrPath) -> String {
    match &path.sub {
        Some(sub) => format!("{}.{sub}", path.attribute),
        None => path.attribute.clone(),
    }
}

/// The condition that a filter sets for resources of this type.
///
/// An attribute that the type does not have is unassigned there: nothing compares to it, as when one search goes over
/// users and groups at once (RFC 7644 §3.4.2.1).
pub(super) fn condition(
    platform: &Platform,
    kind: &ResourceType,
    filter: &Filter,
) -> Result<Condition, ScimError> {
    Ok(match filter {
        Filter::And(all) => Condition::All(each(platform, kind, all)?),
        Filter::Or(all) => Condition::Any(each(platform, kind, all)?),
        Filter::Not(inner) => Condition::Not(Box::new(condition(platform, kind, inner)?)),
        Filter::Values(path, inner) => condition(platform, kind, &inside(path, inner))?,
        Filter::Present(path) => present(kind, path)?,
        Filter::Compare(path, operator, literal) => compare(platform, kind, path, *operator, literal)?,
    })
}

fn each(platform: &Platform, kind: &ResourceType, all: &[Filter]) -> Result<Vec<Condition>, ScimError> {
    all.iter().map(|one| condition(platform, kind, one)).collect()
}

/// `groups[value eq "x"]` says the same as `groups.value eq "x"`: nobody has two departments.
fn inside(outer: &AttrPath, inner: &Filter) -> Filter {
    let put = |path: &AttrPath| AttrPath {
        schema: outer.schema.clone(),
        attribute: outer.attribute.clone(),
        sub: Some(path.attribute.clone()),
    };
    match inner {
        Filter::Present(path) => Filter::Present(put(path)),
        Filter::Compare(path, operator, literal) => Filter::Compare(put(path), *operator, literal.clone()),
        Filter::And(all) => Filter::And(all.iter().map(|one| inside(outer, one)).collect()),
        Filter::Or(all) => Filter::Or(all.iter().map(|one| inside(outer, one)).collect()),
        Filter::Not(one) => Filter::Not(Box::new(inside(outer, one))),
        Filter::Values(path, one) => inside(outer, &inside(path, one)),
    }
}

/// Unknown to both types is a mistake; unknown to this one is an attribute without a value.
fn unknown(path: &AttrPath) -> Result<Condition, ScimError> {
    if USERS.find(path).is_some() || GROUPS.find(path).is_some() {
        return Ok(Condition::Nothing);
    }
    Err(ScimError::path(&name_of(path)))
}

fn present(kind: &ResourceType, path: &AttrPath) -> Result<Condition, ScimError> {
    let Some(kept) = kept(kind, path) else { return unknown(path) };
    let attribute = kind.find(path).and_then(|found| found.attribute);
    Ok(match kept {
        Kept::Plain(column) | Kept::Hashed(column, _) => Condition::Present(column),
        Kept::Moment(_) | Kept::Active | Kept::Same(_) => Condition::Everything,
        Kept::Unsearchable if attribute.is_some_and(|attribute| attribute.required) => Condition::Everything,
        Kept::Unsearchable if path.attribute.eq_ignore_ascii_case("meta") => Condition::Everything,
        Kept::Unsearchable => return Err(ScimError::unsearchable(&name_of(path))),
    })
}

fn compare(
    platform: &Platform,
    kind: &ResourceType,
    path: &AttrPath,
    operator: Compare,
    literal: &Literal,
) -> Result<Condition, ScimError> {
    let Some(kept) = kept(kind, path) else { return unknown(path) };
    let refused = || ScimError::unsearchable(&name_of(path));
    let not = |condition| Condition::Not(Box::new(condition));
    if matches!(literal, Literal::Null) {
        // A null value is an unassigned attribute (RFC 7643 §2.5).
        return match operator {
            Compare::Eq => Ok(not(present(kind, path)?)),
            Compare::Ne => present(kind, path),
            _ => Err(ScimError::value(&name_of(path))),
        };
    }
    match (kept, literal) {
        (Kept::Active, Literal::Bool(wanted)) => {
            let serving = ["serving", "dispatched"]
                .map(|word| Condition::Is(Column::Status, Operator::Equal, word.into()));
            let active = Condition::Any(serving.to_vec());
            match operator {
                Compare::Eq => Ok(if *wanted { active } else { not(active) }),
                Compare::Ne => Ok(if *wanted { not(active) } else { active }),
                _ => Err(ScimError::value(&name_of(path))),
            }
        }
        (Kept::Same(word), Literal::Text(text)) => {
            let same = word.eq_ignore_ascii_case(text);
            match operator {
                Compare::Eq => Ok(if same { Condition::Everything } else { Condition::Nothing }),
                Compare::Ne => Ok(if same { Condition::Nothing } else { Condition::Everything }),
                _ => Err(refused()),
            }
        }
        (Kept::Hashed(column, hash), Literal::Text(text)) => {
            let index = Value::from(platform.sealer.blind_index(hash, text));
            let equal = Condition::Is(column, Operator::Equal, index);
            match operator {
                Compare::Eq => Ok(equal),
                Compare::Ne => Ok(not(equal)),
                _ => Err(refused()),
            }
        }
        (Kept::Moment(column), Literal::Text(text)) => {
            let at = moment_ms(text).ok_or_else(|| ScimError::value(&name_of(path)))?;
            ordered(column, operator, at.into()).ok_or_else(refused)
        }
        (Kept::Plain(column), Literal::Text(text)) => {
            let value = Value::from(text.as_str());
            Ok(match operator {
                Compare::Co => Condition::Is(column, Operator::Contains, value),
                Compare::Sw => Condition::Is(column, Operator::Begins, value),
                Compare::Ew => Condition::Is(column, Operator::Ends, value),
                other => ordered(column, other, value).ok_or_else(refused)?,
            })
        }
        (Kept::Unsearchable, _) => Err(refused()),
        _ => Err(ScimError::value(&name_of(path))),
    }
}

fn ordered(column: Column, operator: Compare, value: Value) -> Option<Condition> {
    let is = |operator| Condition::Is(column, operator, value.clone());
    Some(match operator {
        Compare::Eq => is(Operator::Equal),
        Compare::Ne => Condition::Not(Box::new(is(Operator::Equal))),
        Compare::Gt => is(Operator::Greater),
        Compare::Ge => is(Operator::AtLeast),
        Compare::Lt => is(Operator::Less),
        Compare::Le => is(Operator::AtMost),
        Compare::Co | Compare::Sw | Compare::Ew => return None,
    })
}

/// The order that `sortBy` asks for. What is sealed has no order.
pub(super) fn order(
    kind: &ResourceType,
    sort_by: Option<&AttrPath>,
    descending: bool,
) -> Result<Order, ScimError> {
    let Some(path) = sort_by else { return Ok(Order { by: Column::Id, descending }) };
    match kept(kind, path) {
        Some(Kept::Plain(by) | Kept::Moment(by)) => Ok(Order { by, descending }),
        Some(Kept::Active) => Ok(Order { by: Column::Status, descending }),
        // All the same, or the other type's: the order by id is as good as any.
        Some(Kept::Same(_)) => Ok(Order { by: Column::Id, descending }),
        None if unknown(path).is_ok() => Ok(Order { by: Column::Id, descending }),
        Some(Kept::Hashed(..) | Kept::Unsearchable) => {
            Err(ScimError::new(http::StatusCode::BAD_REQUEST, Some("invalidPath"), "scim.unsortable")
                .about(name_of(path)))
        }
        None => Err(ScimError::path(&name_of(path))),
    }
}

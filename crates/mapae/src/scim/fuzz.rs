//! The parsers of what HR systems send, for the fuzz targets: bytes of strangers in, and what must hold whatever they are.

#![allow(clippy::expect_used, reason = "test support: a rule that is broken has to stop the run")]

use serde_json::Value;

use super::filter::{self, Filter};
use super::resource::Object;
use super::{group, patch, schema, user};
use crate::operations::limits;

/// Brackets and conditions within each other.
fn depth(filter: &Filter) -> usize {
    match filter {
        Filter::Present(_) | Filter::Compare(..) => 1,
        Filter::Values(_, inner) | Filter::Not(inner) => 1 + depth(inner),
        Filter::And(all) | Filter::Or(all) => 1 + all.iter().map(depth).max().unwrap_or_default(),
    }
}

/// A filter, a PATCH path and an attribute name: what parses is bounded, and parses the same again.
pub fn filters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(parsed) = filter::filter(text) {
        assert!(text.len() <= limits::SCIM_FILTER.size());
        // Each bracket may hold an `or` of an `and` of a `not`.
        assert!(depth(&parsed) <= 4 * (limits::SCIM_FILTER_DEPTH.size() + 1), "{}", depth(&parsed));
        assert_eq!(filter::filter(text).as_ref(), Ok(&parsed));
    }
    if let Ok(path) = filter::path(text) {
        assert!(
            path.filter
                .as_ref()
                .is_none_or(|inner| depth(inner) <= 4 * (limits::SCIM_FILTER_DEPTH.size() + 1))
        );
    }
    if let Ok(attribute) = filter::attribute(text) {
        assert!(!attribute.attribute.is_empty());
    }
}

/// A user as the server shows one.
fn resource() -> Object {
    let whole = serde_json::json!({
        "schemas": [schema::USER, schema::ENTERPRISE, schema::OFFICIAL],
        "userName": "EX00000001",
        "externalId": "e-1",
        "active": true,
        "name": { "formatted": "김예시" },
        "displayName": "김예시",
        "title": "주무관",
        "phoneNumbers": [{ "value": "01000000001", "type": "mobile" }],
        schema::ENTERPRISE: { "employeeNumber": "EX00000001" },
        schema::OFFICIAL: { "agency": "9000001", "departmentCode": "D1", "employmentStatus": "serving" },
    });
    match whole {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// A PATCH of a user: all of it or nothing, and what comes out is judged like any other body.
pub fn patches(data: &[u8]) {
    let Ok(message) = serde_json::from_slice::<Value>(data) else { return };
    let before = resource();
    let mut after = before.clone();
    match patch::apply(&schema::USERS, &mut after, &message) {
        Err(_) => assert_eq!(after, before, "a refused PATCH changes nothing"),
        Ok(()) => drop(user::said(&Value::Object(after), None, 0)),
    }
}

/// A whole resource, as POST and PUT bring it.
pub fn bodies(data: &[u8]) {
    let Ok(whole) = serde_json::from_slice::<Value>(data) else { return };
    if let Ok(said) = user::said(&whole, None, 0) {
        assert!(!said.line.number.is_empty());
        for text in [&said.line.name.ko, &said.line.number, &said.line.department_code] {
            assert!(text.chars().count() <= limits::SCIM_TEXT.size(), "every text is bounded");
        }
    }
    drop(group::said(&whole));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces from which filters, messages and bodies are put together.
    const PIECES: [&str; 22] = [
        "userName",
        " eq ",
        "\"x\"",
        " and ",
        " or ",
        "not ",
        "(",
        ")",
        "[",
        "]",
        ".",
        " pr",
        "emails",
        "urn:ietf:params:scim:schemas:core:2.0:User:",
        "true",
        "null",
        "-1e9",
        "\\u0000",
        "가",
        "\"",
        "members",
        "value",
    ];

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

        #[test]
        fn filters_made_of_their_own_pieces_break_nothing(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            filters(text.as_bytes());
        }

        #[test]
        fn bytes_break_nothing(data in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            filters(&data);
            patches(&data);
            bodies(&data);
        }

        #[test]
        fn operations_made_of_pieces_break_nothing(
            op in "(add|replace|remove|ADD|move)",
            pieces in proptest::collection::vec(0..PIECES.len(), 0..8),
            value in "(\\{\\}|\\[\\]|null|\"x\"|true|[1-9][0-9]{0,29}|\\{\"value\":\"y\"\\}|\\[\\{\"value\":null\\}\\])",
        ) {
            let path: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            let value: Value = serde_json::from_str(&value).unwrap();
            let operation = serde_json::json!({ "op": op, "path": path, "value": value });
            patches(serde_json::json!({ "Operations": [operation] }).to_string().as_bytes());
            let whole = serde_json::json!({ "userName": value, "name": value, schema::OFFICIAL: value });
            bodies(whole.to_string().as_bytes());
        }
    }

    #[test]
    fn the_user_that_is_patched_is_one() {
        patches(br#"{"Operations":[{"op":"replace","path":"title","value":"x"}]}"#);
        let mut object = resource();
        let message =
            serde_json::json!({ "Operations": [{ "op": "replace", "path": "title", "value": "x" }] });
        patch::apply(&schema::USERS, &mut object, &message).unwrap();
        assert_eq!(object["title"], "x");
    }
}

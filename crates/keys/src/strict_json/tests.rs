use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn a_repeated_member_is_refused_wherever_it_stands() {
    for text in [
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"a":{"b":1,"c":2,"b":3}}"#,
        r#"[1,[{"b":1,"b":1}]]"#,
        // The same name in another spelling.
        r#"{"alg":1,"\u0061lg":2}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(check(text.as_bytes()), Err(JsonError::DuplicateMember), "{text}");
    }
    for text in [r#"{"a":{"a":1},"b":{"a":1}}"#, r#"[{"a":1},{"a":1}]"#, r#"{"a":1,"A":1}"#] {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
}

#[test]
fn what_is_no_json_is_malformed() {
    for text in ["", "{", "{}x", "{} {}", "{'a':1}", "{\"a\":1,}", "nul", "\u{feff}{}", "[1 2]", "01"] {
        assert_eq!(check(text.as_bytes()), Err(JsonError::Malformed), "{text:?}");
    }
    assert_eq!(check(b"{\"a\":\"\xff\"}"), Err(JsonError::Malformed));
    assert_eq!(check(b" {\"a\" : [null, true, 1.5e3, -7, \"x\"]}\n"), Ok(()));
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(check(nested(usize::from(MAX_DEPTH)).as_bytes()), Ok(()));
    assert_eq!(check(nested(usize::from(MAX_DEPTH) + 1).as_bytes()), Err(JsonError::Malformed));
    assert_eq!(check("[".repeat(100_000).as_bytes()), Err(JsonError::Malformed));
    assert!(value(nested(usize::from(MAX_DEPTH)).as_bytes()).is_ok());
    assert_eq!(value(nested(usize::from(MAX_DEPTH) + 1).as_bytes()), Err(JsonError::Malformed));
    assert_eq!(value("[".repeat(100_000).as_bytes()), Err(JsonError::Malformed));
    assert_eq!(value(br#"{"a":[{"b":1,"b":1}]}"#), Err(JsonError::DuplicateMember));
}

#[test]
fn a_value_of_another_shape_is_malformed() {
    assert_eq!(parse::<Vec<u8>>(b"{}"), Err(JsonError::Malformed));
    assert_eq!(parse::<Vec<u8>>(b"[1,2]"), Ok(vec![1, 2]));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_reads_back(value in json()) {
        prop_assert_eq!(parse::<Value>(value.to_string().as_bytes()), Ok(value));
    }

    #[test]
    fn one_go_reads_what_two_do(text in r#"[\[\]{}",:a01.e\\u ]{0,24}"#, built in json()) {
        prop_assert_eq!(value(text.as_bytes()), parse::<Value>(text.as_bytes()));
        let built = built.to_string();
        prop_assert_eq!(value(built.as_bytes()), parse::<Value>(built.as_bytes()));
    }

    #[test]
    fn check_takes_no_more_than_a_plain_parser(text in r#"[\[\]{}",:a0 ]{0,24}"#) {
        if check(text.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
    }
}

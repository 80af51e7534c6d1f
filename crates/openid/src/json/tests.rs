use serde_json::Value;

use super::*;

#[test]
fn deep_oversized_and_ambiguous_json_is_refused() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(parse::<Value>(deep.as_bytes(), SMALL), Err(JsonError::Malformed));
    assert_eq!(parse::<Value>(&vec![b' '; SMALL + 1], SMALL), Err(JsonError::TooLarge));
    assert_eq!(parse::<Value>(br#"{"a":1,"a":2}"#, SMALL), Err(JsonError::Malformed));
    assert_eq!(parse::<Value>(b"{} {}", SMALL), Err(JsonError::Malformed));
    assert_eq!(parse::<Value>(br#"{"a":1}"#, SMALL), Ok(serde_json::json!({"a": 1})));
}

#[test]
fn an_array_is_no_object_even_if_its_items_would_fit_the_members() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Named {
        name: String,
    }
    assert_eq!(parse::<Named>(br#" {"name":"a"}"#, SMALL), Ok(Named { name: "a".into() }));
    assert_eq!(parse::<Named>(br#"["a"]"#, SMALL), Err(JsonError::Malformed));
    assert_eq!(parse_list::<u8>(b"[1]", SMALL), Ok(vec![1]));
    assert_eq!(parse_list::<u8>(b"[1]", 2), Err(JsonError::TooLarge));
}

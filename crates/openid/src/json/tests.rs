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

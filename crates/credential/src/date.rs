//! Dates as JWTs write them.

use serde_json::Value;

/// A NumericDate in whole seconds since 1970 (RFC 7519 §2); fractions are cut off. `None` where it is no date.
pub(crate) fn numeric_date(value: &Value) -> Option<i64> {
    if let Some(seconds) = value.as_i64() {
        return Some(seconds);
    }
    let seconds = value.as_f64().filter(|seconds| (-1e15..1e15).contains(seconds))?;
    #[allow(clippy::cast_possible_truncation, reason = "checked to lie within i64")]
    Some(seconds.floor() as i64)
}

//! Time as people write it: `2026. 11. 23. 14:05` in Korean time, and how long ago.

use time::{OffsetDateTime, UtcOffset};

use crate::operations::language::Language;

/// Korea has one time zone and no summer time.
const KOREA_SECONDS: i32 = 9 * 3_600;

fn korean(at_ms: i64) -> OffsetDateTime {
    let at =
        OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    UtcOffset::from_whole_seconds(KOREA_SECONDS).map_or(at, |offset| at.to_offset(offset))
}

/// `2026. 11. 23. 14:05`.
pub fn full(at_ms: i64) -> String {
    let at = korean(at_ms);
    format!("{}. {}. {}. {:02}:{:02}", at.year(), u8::from(at.month()), at.day(), at.hour(), at.minute())
}

/// `2026. 11. 23.`.
pub fn date(at_ms: i64) -> String {
    let at = korean(at_ms);
    format!("{}. {}. {}.", at.year(), u8::from(at.month()), at.day())
}

/// `2026-11-23T14:05:09+09:00`, for the `datetime` attribute.
pub fn iso(at_ms: i64) -> String {
    let at = korean(at_ms);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+09:00",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// `3분 전`, `in 2 hours`; a clock that is a little ahead says "방금".
pub fn ago(lang: Language, at_ms: i64, now_ms: i64) -> String {
    let distance = now_ms.saturating_sub(at_ms);
    if distance.abs() < 60_000 {
        return match lang {
            Language::Ko => "방금".to_owned(),
            Language::En => "just now".to_owned(),
        };
    }
    let length = lasting(lang, distance.saturating_abs());
    match (lang, distance >= 0) {
        (Language::Ko, true) => format!("{length} 전"),
        (Language::Ko, false) => format!("{length} 후"),
        (Language::En, true) => format!("{length} ago"),
        (Language::En, false) => format!("in {length}"),
    }
}

/// A length of time in its largest whole unit: `3분`, `2 hours`.
pub fn lasting(lang: Language, length_ms: i64) -> String {
    let minutes = length_ms / 60_000;
    let (count, ko, en) = match minutes {
        0..60 => (minutes.max(1), "분", "minute"),
        60..1_440 => (minutes / 60, "시간", "hour"),
        _ => (minutes / 1_440, "일", "day"),
    };
    match lang {
        Language::Ko => format!("{count}{ko}"),
        Language::En => format!("{count} {en}{}", if count == 1 { "" } else { "s" }),
    }
}

/// The first millisecond of a day in Korea, from `2026-11-23` as a date field sends it.
pub fn day(text: &str) -> Option<i64> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let date = time::Date::parse(text, format).ok()?;
    Some((date.midnight().assume_utc().unix_timestamp() - i64::from(KOREA_SECONDS)) * 1_000)
}

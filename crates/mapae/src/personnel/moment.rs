//! Dates as HR and applicants read them: Korean time, and plain calendar dates.

use time::{Date, Month, OffsetDateTime, UtcOffset};

const KOREA_S: i32 = 9 * 3_600;

/// `2026. 11. 23.` in Korean time.
pub(super) fn korean_date(epoch_ms: i64) -> String {
    let offset = UtcOffset::from_whole_seconds(KOREA_S).unwrap_or(UtcOffset::UTC);
    OffsetDateTime::from_unix_timestamp(epoch_ms.div_euclid(1_000)).map_or_else(
        |_| String::new(),
        |moment| {
            let moment = moment.to_offset(offset);
            format!("{}. {}. {}.", moment.year(), u8::from(moment.month()), moment.day())
        },
    )
}

/// Reads `YYYY-MM-DD`, `YYYY.MM.DD` or `YYYYMMDD`; `None` when there is no such day.
pub(super) fn calendar_date(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | '.' | '/' | ' ')).collect();
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year = digits.get(0..4)?.parse().ok()?;
    let month = Month::try_from(digits.get(4..6)?.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year, month, digits.get(6..8)?.parse().ok()?).ok()
}

/// `YYYY-MM-DD`.
pub(super) fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// Julian day of 1970-01-01.
const EPOCH: i32 = 2_440_588;

/// The day of a moment in Korea, counted from 1970-01-01.
pub(super) const fn korean_day(epoch_ms: i64) -> i64 {
    (epoch_ms + KOREA_S as i64 * 1_000).div_euclid(24 * 3_600 * 1_000)
}

/// A calendar date as a day, counted from 1970-01-01.
pub(super) fn day_of(date: Date) -> i64 {
    i64::from(date.to_julian_day() - EPOCH)
}

/// The calendar date of a day.
pub(super) fn date_of(day: i64) -> Option<Date> {
    Date::from_julian_day(i32::try_from(day).ok()?.checked_add(EPOCH)?).ok()
}

/// `YYYY-MM-DD` of a day; empty for one beyond the calendar.
pub(super) fn day_text(day: i64) -> String {
    date_of(day).map(iso).unwrap_or_default()
}

/// Reads a moment: a calendar date (midnight in Korea) or RFC 3339; epoch milliseconds.
pub(super) fn moment(text: &str) -> Option<i64> {
    if let Some(date) = calendar_date(text) {
        return Some((date.midnight().assume_utc().unix_timestamp() - i64::from(KOREA_S)) * 1_000);
    }
    let moment = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A calendar date as [`iso`] writes it, or `None` when there is no such day.
pub fn calendar_date_text(text: &str) -> Option<String> {
    calendar_date(text).map(iso)
}

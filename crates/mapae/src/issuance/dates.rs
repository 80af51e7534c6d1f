//! The days that a credential names, in the time of Korea.

/// The day in Korea, where a badge is issued and ends.
pub(super) fn day(at_ms: i64) -> String {
    let date = time::OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
        .to_offset(time::macros::offset!(+9))
        .date();
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// The end of the day in Korea, `years` years on, before the day of issue comes round again.
pub(super) fn valid_until(from_ms: i64, years: u8) -> i64 {
    let from = time::OffsetDateTime::from_unix_timestamp(from_ms.div_euclid(1000))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
        .to_offset(time::macros::offset!(+9));
    // 29 February comes round on 1 March.
    let date = from.date();
    let year = date.year() + i32::from(years);
    let end = time::Date::from_calendar_date(year, date.month(), date.day())
        .or_else(|_| time::Date::from_calendar_date(year, time::Month::March, 1))
        .unwrap_or(date);
    end.midnight()
        .assume_offset(time::macros::offset!(+9))
        .unix_timestamp()
        .saturating_mul(1000)
        .saturating_sub(1)
}

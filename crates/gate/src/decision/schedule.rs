//! Weeks and holidays.

use crate::feed::{Calendar, OnHoliday, Schedule};

/// Whether a schedule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Yes,
    No,
    /// It would, were it no holiday.
    Holiday,
}

const DAY_MIN: i64 = 24 * 60;

/// Day since 1970 in local time, and when it began (ms, UTC).
pub(super) fn today(calendar: &Calendar, now_ms: i64) -> (i64, i64) {
    let (day, _) = local(calendar, now_ms);
    let began = day.saturating_mul(DAY_MIN).saturating_sub(i64::from(calendar.ahead_min));
    (day, began.saturating_mul(60_000))
}

/// Day since 1970 and minute of the day, in local time.
fn local(calendar: &Calendar, now_ms: i64) -> (i64, i64) {
    let minutes = now_ms.div_euclid(60_000).saturating_add(i64::from(calendar.ahead_min));
    (minutes.div_euclid(DAY_MIN), minutes.rem_euclid(DAY_MIN))
}

pub(super) fn within(schedule: &Schedule, calendar: &Calendar, now_ms: i64) -> Within {
    let (day, minute) = local(calendar, now_ms);
    let holiday = i32::try_from(day).is_ok_and(|day| calendar.holidays.binary_search(&day).is_ok());
    // 1970-01-01 was a Thursday.
    let weekday = (day + 3).rem_euclid(7);
    let counts = |weekday: i64| {
        let spans = usize::try_from(weekday).ok().and_then(|weekday| schedule.week.get(weekday));
        spans.is_some_and(|spans| {
            spans.iter().any(|span| (i64::from(span.from)..i64::from(span.to)).contains(&minute))
        })
    };
    match (holiday, schedule.on_holiday) {
        (false, _) | (true, OnHoliday::Usual) if counts(weekday) => Within::Yes,
        (true, OnHoliday::Sunday) if counts(6) => Within::Yes,
        (true, OnHoliday::Shut | OnHoliday::Sunday) if counts(weekday) => Within::Holiday,
        _ => Within::No,
    }
}

//! ISO weeks (ISO 8601): the grain at which all dates of a copy are cut.
//!
//! A copy issued on Wednesday at 10:31:07 would be recognised by that second. So every copy of a week says that it was
//! issued when the week began, Monday 00:00 UTC, and ends when a week ends.

use std::fmt;

/// Seconds of a week.
pub const SECONDS: i64 = 7 * 24 * 60 * 60;
/// Monday 1969-12-29 00:00 UTC, the week of the epoch.
const FIRST_MONDAY: i64 = -3 * 24 * 60 * 60;

/// A week from Monday to Sunday, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Week(i64);

impl Week {
    /// The week that holds the second.
    pub fn of(seconds: i64) -> Self {
        Self(seconds.saturating_sub(FIRST_MONDAY).div_euclid(SECONDS))
    }

    /// Its first second.
    pub fn start(self) -> i64 {
        self.0.saturating_mul(SECONDS).saturating_add(FIRST_MONDAY)
    }

    /// The first second after it.
    pub fn end(self) -> i64 {
        self.next().start()
    }

    /// The week after.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The week before.
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// `iat` and `exp` of a copy issued in this week that lives `weeks` weeks, this one counted.
    pub fn validity(self, weeks: u8) -> (i64, i64) {
        (self.start(), Self(self.0.saturating_add(i64::from(weeks))).start())
    }

    /// Reads `2026-W48`.
    pub fn parse(label: &str) -> Option<Self> {
        let (year, week) = label.split_once("-W")?;
        if year.len() != 4
            || week.len() != 2
            || !label.bytes().all(|b| b.is_ascii_digit() || b"-W".contains(&b))
        {
            return None;
        }
        let date =
            time::Date::from_iso_week_date(year.parse().ok()?, week.parse().ok()?, time::Weekday::Monday)
                .ok()?;
        Some(Self::of(date.midnight().assume_utc().unix_timestamp()))
    }
}

/// `2026-W48`, the year being that of the week's Thursday.
impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match time::OffsetDateTime::from_unix_timestamp(self.start()) {
            Ok(start) => {
                let (year, week, _) = start.to_iso_week_date();
                write!(f, "{year:04}-W{week:02}")
            }
            Err(_) => write!(f, "week {}", self.0),
        }
    }
}

//! How long somebody has served: whole months by the calendar, days beside them.

use time::Date;

use super::Post;
use crate::operations::{Language, language};
use crate::personnel::moment;
use crate::personnel::types::EmployeeStatus;

/// A length by the calendar. Thirty days that are left over from several stretches make a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) months: i64,
    pub(super) days: i64,
}

impl Length {
    /// From one day up to another, which counts, too.
    fn between(from: i64, until: i64) -> Self {
        let (Some(begin), Some(end)) = (moment::date_of(from), moment::date_of(until + 1)) else {
            return Self::default();
        };
        let months_of = |date: Date| i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1;
        let mut months = months_of(end) - months_of(begin);
        if end.day() < begin.day() {
            months -= 1;
        }
        // The day that lies so many months after the beginning, or the last of its month.
        let at = months_of(begin) + months;
        let year = i32::try_from(at.div_euclid(12)).unwrap_or_default();
        let month =
            u8::try_from(at.rem_euclid(12) + 1).ok().and_then(|month| time::Month::try_from(month).ok());
        let reached = month.and_then(|month| {
            Date::from_calendar_date(year, month, begin.day().min(month.length(year))).ok()
        });
        let days = reached.map_or(0, |reached| moment::day_of(end) - moment::day_of(reached));
        Self { months, days }
    }

    fn add(self, other: Self) -> Self {
        let days = self.days + other.days;
        Self { months: self.months + other.months + days / 30, days: days % 30 }
    }

    /// 12년 3개월; the days only where there is no whole month.
    pub(super) fn text(self, lang: Language) -> String {
        let (years, months) = (self.months / 12, self.months % 12);
        let with = |key, values: &[(&str, i64)]| {
            let values: Vec<(&str, String)> =
                values.iter().map(|(name, value)| (*name, value.to_string())).collect();
            language::format(lang, key, &values)
        };
        match (years, months) {
            (0, 0) => with("personnel.length.days", &[("days", self.days)]),
            (0, _) => with("personnel.length.months", &[("months", months)]),
            _ => with("personnel.length.years", &[("years", years), ("months", months)]),
        }
    }
}

/// All service up to `today`, and how much of it was leave. What lies between a retirement and a new appointment is none.
pub(super) fn lengths(posts: &[Post], today: i64) -> (Length, Length) {
    let (mut all, mut leave) = (Length::default(), Length::default());
    let mut stretch: Option<(i64, i64)> = None;
    for post in posts.iter().filter(|post| !post.is_over() && post.from <= today) {
        let until = post.until.map_or(today, |until| until.min(today));
        if post.status == EmployeeStatus::Leave {
            leave = leave.add(Length::between(post.from, until));
        }
        stretch = match stretch {
            Some((from, last)) if last + 1 == post.from => Some((from, until)),
            Some((from, last)) => {
                all = all.add(Length::between(from, last));
                Some((post.from, until))
            }
            None => Some((post.from, until)),
        };
    }
    if let Some((from, last)) = stretch {
        all = all.add(Length::between(from, last));
    }
    (all, leave)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_whole_by_the_calendar_and_days_stand_beside_them() {
        let day = |text: &str| moment::day_of(moment::calendar_date(text).unwrap());
        for (from, until, months, days) in [
            ("2015-03-02", "2015-03-02", 0, 1),
            ("2015-03-02", "2016-03-01", 12, 0),
            ("2015-03-02", "2016-03-02", 12, 1),
            ("2015-01-31", "2015-02-28", 1, 1),
            ("2015-01-31", "2015-02-27", 0, 28),
            ("2024-02-29", "2025-02-28", 12, 1),
            ("2010-03-02", "2025-12-31", 189, 30),
        ] {
            let length = Length::between(day(from), day(until));
            assert_eq!((length.months, length.days), (months, days), "{from} {until}");
        }
        let sum = Length { months: 3, days: 20 }.add(Length { months: 8, days: 15 });
        assert_eq!(sum, Length { months: 12, days: 5 });
        assert_eq!(sum.text(Language::Ko), "1년 0개월");
        assert_eq!(Length { months: 5, days: 3 }.text(Language::Ko), "5개월");
        assert_eq!(Length { months: 0, days: 3 }.text(Language::Ko), "3일");
    }
}

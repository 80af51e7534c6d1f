//! Moments as people read them, in Korean time wherever the phone is.

/// Korea keeps UTC+9 all year.
const KOREA_S: i64 = 9 * 3600;

/// `2026. 11. 23. 14:05`, from milliseconds since 1970.
pub fn full(at_ms: i64) -> String {
    let local = at_ms.div_euclid(1000) + KOREA_S;
    let (year, month, day) = date(local.div_euclid(86_400));
    let minute = local.rem_euclid(86_400) / 60;
    format!("{year}. {month}. {day}. {:02}:{:02}", minute / 60, minute % 60)
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_korean_time() {
        assert_eq!(full(1_795_489_509_000), "2026. 11. 24. 12:05");
        assert_eq!(full(0), "1970. 1. 1. 09:00");
        assert_eq!(full(951_782_399_000), "2000. 2. 29. 08:59", "a leap day");
        assert_eq!(full(-1), "1970. 1. 1. 08:59");
    }
}

//! Quiet hours: what can wait is not sent at night.

use super::Settings;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Korea has no summer time.
const KOREA: i64 = 9 * HOUR;

/// When a message that can wait may be sent: now, or when the quiet hours end (ms).
pub(super) fn end(settings: &Settings, now_ms: i64) -> i64 {
    let (from, until) =
        (settings.quiet_from.rem_euclid(24) * HOUR, settings.quiet_until.rem_euclid(24) * HOUR);
    let time = (now_ms + KOREA).rem_euclid(DAY);
    let midnight = now_ms - time;
    let is_quiet = if from <= until { (from..until).contains(&time) } else { time >= from || time < until };
    match is_quiet {
        false => now_ms,
        true if time < until => midnight + until,
        true => midnight + DAY + until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64, minute: i64) -> i64 {
        // 2026-11-24 in Korea.
        1_795_478_400_000 - KOREA + hour * HOUR + minute * 60_000
    }

    #[test]
    fn what_can_wait_waits_for_the_morning_on_both_sides_of_midnight() {
        let settings = Settings { quiet_from: 21, quiet_until: 8, ..Settings::default() };
        assert_eq!(end(&settings, at(20, 59)), at(20, 59));
        assert_eq!(end(&settings, at(21, 0)), at(32, 0));
        assert_eq!(end(&settings, at(23, 59)), at(32, 0));
        assert_eq!(end(&settings, at(24, 1)), at(32, 0));
        assert_eq!(end(&settings, at(31, 59)), at(32, 0));
        assert_eq!(end(&settings, at(32, 0)), at(32, 0));
    }

    #[test]
    fn the_same_hour_twice_means_that_no_hour_is_quiet() {
        let settings = Settings { quiet_from: 0, quiet_until: 0, ..Settings::default() };
        for hour in 0..24 {
            assert_eq!(end(&settings, at(hour, 30)), at(hour, 30));
        }
        let siesta = Settings { quiet_from: 13, quiet_until: 14, ..Settings::default() };
        assert_eq!(end(&siesta, at(13, 30)), at(14, 0));
    }
}

//! Times as ASN.1 and PDF write them, as seconds since 1970.

use crate::der::{BadDer, GENERALIZED_TIME, Reader, UTC_TIME, tlv};

const DAY_S: i64 = 86_400;

/// A moment, taken apart: year, month, day, hour, minute, second.
type Civil = (i64, i64, i64, i64, i64, i64);

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(seconds: i64) -> Civil {
    let day = seconds.div_euclid(DAY_S) + 719_468;
    let second = seconds.rem_euclid(DAY_S);
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = years + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1, second / 3_600, second / 60 % 60, second % 60)
}

/// Digits two by two; the date must exist.
fn moment(year: i64, digits: &[u8]) -> Option<i64> {
    let mut pairs = digits.chunks(2).map(|pair| match pair {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        }
        _ => None,
    });
    let mut next = || pairs.next().flatten();
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    let seconds = days(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second;
    let real = hour < 24 && minute < 60 && second < 60;
    (real && civil(seconds) == (year, month, day, hour, minute, second)).then_some(seconds)
}

fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

/// Reads a UTCTime or GeneralizedTime in UTC (RFC 5280 §4.1.2.5); a fraction of a second is dropped (RFC 3161 §2.4.2).
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<i64, BadDer> {
    let element = reader.any()?;
    let digits = element.content.strip_suffix(b"Z").ok_or(BadDer)?;
    let read = match element.tag {
        UTC_TIME if digits.len() == 12 => {
            let (year, rest) = digits.split_at(2);
            number(year).and_then(|year| moment(if year < 50 { 2_000 + year } else { 1_900 + year }, rest))
        }
        GENERALIZED_TIME if digits.len() >= 14 => {
            let (whole, fraction) = digits.split_at(14);
            let (year, rest) = whole.split_at(4);
            let fraction_fits = match fraction {
                [] => true,
                [b'.', part @ ..] => {
                    (1..=9).contains(&part.len())
                        && part.iter().all(u8::is_ascii_digit)
                        && part.last() != Some(&b'0')
                }
                _ => false,
            };
            number(year).filter(|_| fraction_fits).and_then(|year| moment(year, rest))
        }
        _ => None,
    };
    read.ok_or(BadDer)
}

fn text(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(seconds);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// A GeneralizedTime (RFC 3161 §2.4.2, RFC 6960 §4.2.2.1).
pub(crate) fn generalized(seconds: i64) -> Vec<u8> {
    tlv(GENERALIZED_TIME, &[text(seconds).as_bytes(), b"Z"])
}

/// UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5).
pub(crate) fn of_x509(seconds: i64) -> Vec<u8> {
    let text = text(seconds);
    match text.get(2..) {
        Some(short) if civil(seconds).0 < 2_050 => tlv(UTC_TIME, &[short.as_bytes(), b"Z"]),
        _ => generalized(seconds),
    }
}

/// A date of a PDF, in UTC: `D:20261130091500Z` (ISO 32000-1 §7.9.4).
pub(crate) fn of_pdf(seconds: i64) -> String {
    format!("D:{}Z", text(seconds))
}

/// A date of a PDF, with any offset from UTC.
pub(crate) fn read_pdf(date: &[u8]) -> Option<i64> {
    let date = date.strip_prefix(b"D:")?;
    let (whole, offset) = date.split_at_checked(14)?;
    let (year, rest) = whole.split_at(4);
    let seconds = moment(number(year)?, rest)?;
    let minutes = match offset {
        [] | [b'Z', ..] => 0,
        [sign, rest @ ..] => {
            let part = |from: usize| rest.get(from..from + 2).and_then(number);
            let ahead = part(0)? * 60 + part(3).unwrap_or(0);
            match sign {
                b'+' => ahead,
                b'-' => -ahead,
                _ => return None,
            }
        }
    };
    Some(seconds - minutes * 60)
}

/// RFC 3339 in UTC, for reports and JAdES (`2026-11-30T09:15:00Z`).
pub fn rfc3339(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_and_read() {
        for seconds in [0, 951_782_400, 1_790_000_123, 2_524_608_000, 4_102_444_799] {
            assert_eq!(read(&mut Reader::new(&generalized(seconds))), Ok(seconds));
            assert_eq!(read(&mut Reader::new(&of_x509(seconds))), Ok(seconds));
            assert_eq!(read_pdf(of_pdf(seconds).as_bytes()), Some(seconds));
        }
        assert_eq!(rfc3339(1_790_000_123), "2026-09-21T14:15:23Z");
    }

    #[test]
    fn a_day_that_does_not_exist_and_a_loose_form_are_refused() {
        let time = |tag, text: &str| read(&mut Reader::new(&tlv(tag, &[text.as_bytes()])));
        assert_eq!(time(GENERALIZED_TIME, "20261130091500.5Z"), time(GENERALIZED_TIME, "20261130091500Z"));
        for text in [
            "20260230000000Z",
            "20261130246000Z",
            "20261130091500",
            "20261130091500.50Z",
            "20261130091500+0900",
        ] {
            assert_eq!(time(GENERALIZED_TIME, text), Err(BadDer), "{text}");
        }
        assert_eq!(time(UTC_TIME, "2611300915Z"), Err(BadDer));
    }

    #[test]
    fn a_pdf_date_has_its_offset_taken_off() {
        assert_eq!(read_pdf(b"D:20261130181500+09'00'"), read_pdf(b"D:20261130091500Z"));
        assert_eq!(read_pdf(b"20261130"), None);
    }
}

//! Where and when the badge was used. These records stay on the phone: no server keeps or receives them.

use serde::{Deserialize, Serialize};

/// Records kept; the oldest go first.
pub const MAX_RECORDS: usize = 2_000;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// A credential was received.
    Received {
        /// Issuer identifier.
        issuer: String,
        /// Credential type.
        vct: String,
        /// How many copies.
        copies: usize,
    },
    /// Claims were shown to a verifier.
    Presented {
        /// Claim paths, joined with dots.
        claims: Vec<String>,
        /// Whether a copy was shown that had been shown before.
        reused_copy: bool,
        /// Whether it was a login with the number matched.
        login: bool,
        /// The relying party's origin, of a login.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
    },
    /// The badge was shown on the screen where no network was.
    ShownOffline {
        /// Whether a copy was shown that had been shown before.
        reused_copy: bool,
    },
    /// The user or the phone said no.
    Declined {
        /// Stable code of the reason.
        reason: String,
    },
    /// The badge was held to a gate, or its code shown to one.
    Gate {
        /// Whether it opened.
        opened: bool,
        /// Code of the reason.
        reason: String,
    },
    /// A document was signed.
    Signed {
        /// Its title, as whoever asked named it.
        title: String,
        /// SHA-256 of the document that was shown, base64url.
        document: String,
    },
    /// The PIN was changed.
    PinChanged,
    /// The account was enrolled on this phone.
    Enrolled,
    /// The account was brought back after its app was deleted.
    Recovered,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who it was: verified name, else client id or issuer.
    pub party: String,
    /// Whether the party's certificate led to a trusted root.
    pub verified: bool,
    /// What was done.
    #[serde(flatten)]
    pub act: Act,
}

/// Adds a record and drops the oldest beyond [`MAX_RECORDS`].
pub fn record(history: &mut Vec<UsageRecord>, record: UsageRecord) {
    history.push(record);
    let surplus = history.len().saturating_sub(MAX_RECORDS);
    history.drain(..surplus);
}

/// Which records an export or a search is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Words that all have to occur in the party, the kind or the claims; upper and lower case are alike.
    pub words: &'a str,
    /// From this moment on (ms).
    pub from_ms: Option<i64>,
    /// Before this moment (ms).
    pub until_ms: Option<i64>,
}

impl Act {
    /// The word under which it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Act::Received { .. } => "received",
            Act::Presented { login: true, .. } => "login",
            Act::Presented { .. } => "presented",
            Act::ShownOffline { .. } => "shown_offline",
            Act::Declined { .. } => "declined",
            Act::Gate { opened: true, .. } => "gate_opened",
            Act::Gate { .. } => "gate_refused",
            Act::Signed { .. } => "signed",
            Act::PinChanged => "pin_changed",
            Act::Enrolled => "enrolled",
            Act::Recovered => "recovered",
        }
    }

    /// What was told or why not, in one text.
    fn detail(&self) -> String {
        match self {
            Act::Received { vct, copies, .. } => format!("{vct} ({copies})"),
            Act::Presented { claims, .. } => claims.join(" "),
            Act::Signed { title, .. } => title.clone(),
            Act::Declined { reason } | Act::Gate { reason, .. } => reason.clone(),
            _ => String::new(),
        }
    }

    fn reused_copy(&self) -> bool {
        matches!(self, Act::Presented { reused_copy: true, .. } | Act::ShownOffline { reused_copy: true })
    }
}

/// The records that fit, newest first.
pub fn search<'a>(history: &'a [UsageRecord], filter: &Filter<'_>) -> Vec<&'a UsageRecord> {
    let words: Vec<String> = filter.words.split_whitespace().map(str::to_lowercase).collect();
    let fits = |record: &&UsageRecord| {
        let text = format!("{} {} {}", record.party, record.act.kind(), record.act.detail()).to_lowercase();
        words.iter().all(|word| text.contains(word))
            && filter.from_ms.is_none_or(|from| record.at_ms >= from)
            && filter.until_ms.is_none_or(|until| record.at_ms < until)
    };
    history.iter().rev().filter(fits).collect()
}

/// The records as a JSON array.
pub fn to_json(records: &[&UsageRecord]) -> String {
    serde_json::to_string_pretty(records).unwrap_or_default()
}

/// The records as CSV (RFC 4180) that spreadsheets read: UTF-8 with its mark, a header line, times in UTC. A text that a
/// spreadsheet would take for a formula is disarmed by an apostrophe.
pub fn to_csv(records: &[&UsageRecord]) -> String {
    let mut out = String::from("\u{feff}time,kind,party,verified,detail,reused_copy\r\n");
    for record in records {
        let fields = [
            utc(record.at_ms),
            record.act.kind().to_owned(),
            record.party.clone(),
            record.verified.to_string(),
            record.act.detail(),
            record.act.reused_copy().to_string(),
        ];
        let line: Vec<String> = fields.iter().map(|field| csv_field(field)).collect();
        out.push_str(&line.join(","));
        out.push_str("\r\n");
    }
    out
}

fn csv_field(text: &str) -> String {
    let armed = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if armed { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// `2026-11-24T00:00:00Z` of milliseconds since 1970.
fn utc(at_ms: i64) -> String {
    let seconds = at_ms.div_euclid(1_000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 0000-03-01 in the proleptic Gregorian calendar: leap days stand at the end of a year of that kind.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_record_goes_first() {
        let mut history = Vec::new();
        for at_ms in 0..(MAX_RECORDS as i64 + 3) {
            record(
                &mut history,
                UsageRecord { at_ms, party: "예시".into(), verified: true, act: Act::Enrolled },
            );
        }
        assert_eq!(history.len(), MAX_RECORDS);
        assert_eq!(history.first().unwrap().at_ms, 3);
    }

    fn history() -> Vec<UsageRecord> {
        let record =
            |at_ms, party: &str, act| UsageRecord { at_ms, party: party.into(), verified: true, act };
        let login = Act::Presented {
            claims: vec!["name".into(), "department".into()],
            reused_copy: false,
            login: true,
            origin: Some("https://portal.example".into()),
        };
        vec![
            record(1_000, "예시 포털", login),
            record(2_000, "=HYPERLINK(\"x\")", Act::Declined { reason: "user".into() }),
            record(3_000, "예시 \"출입\", 본관", Act::ShownOffline { reused_copy: true }),
        ]
    }

    #[test]
    fn the_history_is_found_by_party_kind_claim_and_time_newest_first() {
        let history = history();
        let found = |words, from_ms, until_ms| -> Vec<i64> {
            let filter = Filter { words, from_ms, until_ms };
            search(&history, &filter).iter().map(|record| record.at_ms).collect()
        };
        assert_eq!(found("", None, None), [3_000, 2_000, 1_000]);
        assert_eq!(found("예시", None, None), [3_000, 1_000]);
        assert_eq!(found("포털 LOGIN", None, None), [1_000]);
        assert_eq!(found("department", None, None), [1_000]);
        assert_eq!(found("", Some(2_000), Some(3_000)), [2_000]);
        assert!(found("없음", None, None).is_empty());
    }

    #[test]
    fn the_export_is_whole_and_no_formula_comes_through() {
        let history = history();
        let records = search(&history, &Filter::default());
        let back: Vec<UsageRecord> = serde_json::from_str(&to_json(&records)).unwrap();
        assert_eq!(back.len(), 3);
        let csv = to_csv(&records);
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines[0], "\u{feff}time,kind,party,verified,detail,reused_copy");
        assert_eq!(lines[1], "1970-01-01T00:00:03Z,shown_offline,\"예시 \"\"출입\"\", 본관\",true,,true");
        assert_eq!(lines[2], "1970-01-01T00:00:02Z,declined,\"'=HYPERLINK(\"\"x\"\")\",true,user,false");
        assert_eq!(lines[3], "1970-01-01T00:00:01Z,login,예시 포털,true,name department,false");
    }

    #[test]
    fn times_are_written_as_the_calendar_says() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_795_478_400_000), "2026-11-24T00:00:00Z");
        assert_eq!(utc(1_709_164_799_999), "2024-02-28T23:59:59Z");
        assert_eq!(utc(1_709_164_800_000), "2024-02-29T00:00:00Z");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01T00:00:00Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn a_record_reads_back() {
        let record = UsageRecord {
            at_ms: 5,
            party: "예시 포털".into(),
            verified: false,
            act: Act::Presented {
                claims: vec!["name".into()],
                reused_copy: false,
                login: true,
                origin: None,
            },
        };
        let json = serde_json::to_string(&record).unwrap();
        assert!(json.contains("\"kind\":\"presented\""));
        assert_eq!(serde_json::from_str::<UsageRecord>(&json).unwrap(), record);
    }
}

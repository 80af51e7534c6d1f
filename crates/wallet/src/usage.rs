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
    },
    /// The user or the phone said no.
    Declined {
        /// Stable code of the reason.
        reason: String,
    },
    /// The PIN was changed.
    PinChanged,
    /// The account was enrolled on this phone.
    Enrolled,
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

    #[test]
    fn a_record_reads_back() {
        let record = UsageRecord {
            at_ms: 5,
            party: "예시 포털".into(),
            verified: false,
            act: Act::Presented { claims: vec!["name".into()], reused_copy: false, login: true },
        };
        let json = serde_json::to_string(&record).unwrap();
        assert!(json.contains("\"kind\":\"presented\""));
        assert_eq!(serde_json::from_str::<UsageRecord>(&json).unwrap(), record);
    }
}

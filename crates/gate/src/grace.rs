//! The grace order: when the platform is away for days, two officers with offline keys let gates open on passes that have
//! run out meanwhile, but not to those whose suspension was known.
//!
//! A file of two lines: the same payload as JWS (ES256, `typ` [`TYP`]), signed by two different officers of the trust list.

use alloc::string::String;
use alloc::vec::Vec;

use keys::PublicKey;
use keys::jws::{self, Header, JwsError, Typ, Unverified};
use serde::{Deserialize, Serialize};

/// The type of an order.
pub const TYP: &str = "mapae-gate-grace+jwt";
/// The longest an order lasts.
pub const MAX_LIFE_MS: i64 = 14 * 86_400_000;
/// The longest file (bytes).
pub const MAX_FILE: usize = 32 * 1_024;
const MAX_ZONES: usize = 256;

/// The order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Format: 1.
    pub v: u32,
    /// Number of the order, for the log.
    pub id: String,
    /// The zones it opens.
    pub zones: Vec<String>,
    /// Passes that were good at this moment count on (ms): when the outage began.
    pub since: i64,
    /// Until when (ms).
    pub until: i64,
    /// A drill: counted and shown as such.
    #[serde(default)]
    pub drill: bool,
}

/// Why an order does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No order, too long, or of a newer format.
    #[error("the grace order is malformed")]
    Malformed,
    /// Not two different officers of the trust list, or not the same order.
    #[error("the grace order is not signed by two officers")]
    Officers,
    /// Longer than 14 days, or over.
    #[error("the grace order lasts too long or is over")]
    Time,
}

impl OrderError {
    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "grace_malformed",
            Self::Officers => "grace_officers",
            Self::Time => "grace_time",
        }
    }
}

impl Order {
    /// One officer's line.
    ///
    /// # Errors
    /// The key could not sign.
    pub fn sign(&self, officer: &dyn keys::Signer) -> Result<String, JwsError> {
        let payload = serde_json::to_vec(self).map_err(|_| JwsError::Claims)?;
        jws::sign(officer, &Header::es256(TYP).with_kid(officer.public_key().thumbprint()), &payload)
    }

    /// Reads a file with an order that two of these officers signed.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub fn verify(file: &str, officers: &[PublicKey], now_ms: i64) -> Result<Self, OrderError> {
        if file.len() > MAX_FILE {
            return Err(OrderError::Malformed);
        }
        let mut lines = file.lines().map(str::trim).filter(|line| !line.is_empty());
        let (Some(first), Some(second), None) = (lines.next(), lines.next(), lines.next()) else {
            return Err(OrderError::Officers);
        };
        let (first_key, order) = signed(first, officers)?;
        let (second_key, same) = signed(second, officers)?;
        if first_key == second_key || order != same {
            return Err(OrderError::Officers);
        }
        let order: Self = keys::strict_json::parse(&order).map_err(|_| OrderError::Malformed)?;
        if order.v != 1 || order.zones.len() > MAX_ZONES {
            return Err(OrderError::Malformed);
        }
        let life = order.until.saturating_sub(order.since);
        if !(1..=MAX_LIFE_MS).contains(&life) || order.until <= now_ms {
            return Err(OrderError::Time);
        }
        Ok(order)
    }

    /// Whether it counts for this zone now, for a pass that ends at `expires_s`.
    pub fn extends(&self, zone: &str, expires_s: i64, now_ms: i64) -> bool {
        self.covers(zone, now_ms) && expires_s.saturating_mul(1_000) > self.since
    }

    /// Whether it counts for this zone now.
    pub fn covers(&self, zone: &str, now_ms: i64) -> bool {
        now_ms >= self.since && now_ms < self.until && self.zones.iter().any(|known| known == zone)
    }
}

/// The officer's key and the payload.
fn signed(line: &str, officers: &[PublicKey]) -> Result<(PublicKey, Vec<u8>), OrderError> {
    let token = Unverified::parse(line, MAX_FILE).map_err(|_| OrderError::Malformed)?;
    let by = officers.iter().find_map(|key| {
        let verified = token.clone().verify(key, Typ::Is(TYP)).ok()?;
        Some((key.clone(), verified.into_payload()))
    });
    by.ok_or(OrderError::Officers)
}

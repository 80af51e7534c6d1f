//! Which time a controller believes.
//!
//! A signed object says that it was at least so late. From then on the controller's own monotonic clock goes on; the
//! system's clock is believed while it is not behind that and not far ahead. A clock that was set back opens nothing.

/// How far the system's clock may be behind the newest signed time.
const BEHIND_MS: i64 = 5_000;
/// How far it may run ahead of the last signed time plus the time that passed since.
const AHEAD_MS: i64 = 10 * 60_000;

/// What time it is, and whether that is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub ms: i64,
    /// Whether what depends on the time may be decided.
    pub trusted: bool,
}

impl Moment {
    /// Seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.ms.div_euclid(1_000)
    }
}

/// The newest signed time, and when it came by the monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrustedClock {
    signed_ms: i64,
    /// `None` after a restart: the monotonic clock began anew.
    came_at: Option<i64>,
}

impl TrustedClock {
    /// After a restart: the newest signed time that lies on disk.
    pub const fn restored(signed_ms: i64) -> Self {
        Self { signed_ms, came_at: None }
    }

    /// A signed object says that it was so late.
    pub fn signed(&mut self, signed_ms: i64, monotonic_ms: i64) {
        if signed_ms > self.signed_ms {
            *self = Self { signed_ms, came_at: Some(monotonic_ms) };
        }
    }

    /// The newest signed time (ms).
    pub const fn newest(&self) -> i64 {
        self.signed_ms
    }

    /// What time it is.
    pub fn now(&self, system_ms: i64, monotonic_ms: i64) -> Moment {
        let behind = system_ms < self.signed_ms.saturating_sub(BEHIND_MS);
        let Some(came_at) = self.came_at else {
            return Moment { ms: system_ms.max(self.signed_ms), trusted: !behind && self.signed_ms > 0 };
        };
        let carried = self.signed_ms.saturating_add(monotonic_ms.saturating_sub(came_at).max(0));
        let near =
            (carried.saturating_sub(BEHIND_MS)..=carried.saturating_add(AHEAD_MS)).contains(&system_ms);
        // Where the system's clock was moved, the one that nobody can move counts on.
        Moment { ms: if near { system_ms } else { carried }, trusted: near }
    }
}

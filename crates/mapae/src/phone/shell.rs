//! The ports of the terminal phone.

use std::sync::Arc;

use wallet::ports::{Clock, Shell, SoftwareKeys};

use super::http::HttpClient;
use super::storage::PhoneStorage;

/// Software keys in the vault, a file or memory, a shared HTTP client, and a clock.
#[derive(Debug)]
pub struct PhoneShell {
    keys: SoftwareKeys,
    storage: PhoneStorage,
    http: HttpClient,
    clock: PhoneClock,
}

/// A clock of the platform's kind.
pub struct PhoneClock(Arc<dyn crate::operations::Clock>);

impl std::fmt::Debug for PhoneClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneClock")
    }
}

impl Clock for PhoneClock {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }
}

impl PhoneShell {
    /// Joins the ports.
    pub fn new(
        storage: PhoneStorage,
        http: HttpClient,
        clock: Arc<dyn crate::operations::Clock>,
    ) -> PhoneShell {
        PhoneShell { keys: SoftwareKeys, storage, http, clock: PhoneClock(clock) }
    }
}

impl Shell for PhoneShell {
    type Keys = SoftwareKeys;
    type Storage = PhoneStorage;
    type Http = HttpClient;
    type Clock = PhoneClock;

    fn keys(&self) -> &SoftwareKeys {
        &self.keys
    }

    fn storage(&self) -> &PhoneStorage {
        &self.storage
    }

    fn http(&self) -> &HttpClient {
        &self.http
    }

    fn clock(&self) -> &PhoneClock {
        &self.clock
    }
}

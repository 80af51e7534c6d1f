//! What the person chose; nothing in it is secret, so it lies beside the vault and is read before it opens.

use serde::{Deserialize, Serialize};

use crate::browser::{self, Failure};
use crate::texts::Language;

const RECORD: &str = "settings";

/// The choices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `None`: the browser's language.
    pub language: Option<Language>,
    /// Minutes without a touch until the wallet closes: 1, 3 or 5.
    pub lock_after: LockAfter,
    /// Handle of the invitation that the install page was opened with, until it is used.
    pub invitation: Option<String>,
    /// Where notices go, while they are on.
    pub notices: Option<String>,
    /// When the server was last reached, milliseconds since 1970.
    pub reached_at: Option<i64>,
}

/// Minutes until the wallet closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockAfter(pub u32);

impl Default for LockAfter {
    fn default() -> LockAfter {
        LockAfter(3)
    }
}

impl LockAfter {
    /// What can be chosen.
    pub const CHOICES: [u32; 3] = [1, 3, 5];
}

impl Settings {
    /// What was chosen before; the defaults where nothing can be read.
    pub async fn load() -> Settings {
        let record = browser::record(RECORD).await.ok().flatten().unwrap_or_default();
        serde_json::from_slice(&record).unwrap_or_default()
    }

    /// Writes it.
    pub async fn save(&self) -> Result<(), Failure> {
        browser::put_record(RECORD, &serde_json::to_vec(self).unwrap_or_default()).await
    }
}

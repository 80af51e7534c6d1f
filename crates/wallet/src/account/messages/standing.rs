//! How an account stands, told to its phone.

use serde::{Deserialize, Serialize};

use super::{Message, PasskeyEvidence};

/// Asks how the account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRequest {}

impl Message for StatusRequest {
    const TYP: &'static str = "mapae-status-request+jwt";
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Enrolled; no badge has been issued to it yet.
    Pending,
    /// In use.
    Active,
    /// Suspended (loss report, leave): everything refuses until resumed. The vault is locked and kept.
    Suspended,
    /// Five wrong PINs: two HR managers unlock.
    Locked,
    /// Unlocked: a new PIN has to be set before anything else.
    NewPinNeeded,
    /// Ended for good; the vault has to be wiped.
    Closed,
}

/// How the account stands, told to its device only. Nothing in it helps to guess a PIN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AccountStatus {
    /// How it stands.
    pub state: AccountState,
    /// Why, where the badge's state says it: `loss`, `theft`, `order`, `replaced`, `expired`, `employment_ended` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when it stands so, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Whether the phone has to forget everything: the account ended, or its wiping was ordered.
    #[serde(default)]
    pub wipe: bool,
    /// PIN tries left.
    pub tries_left: u32,
    /// The last sequence number used.
    pub sequence: u64,
    /// Number of the PIN key in force.
    pub pin_generation: u32,
    /// A PIN change was begun and neither committed nor rolled back.
    pub pin_change: bool,
    /// When the PIN was set, milliseconds since 1970. After six months the phone advises a change.
    #[serde(default)]
    pub pin_set_at: i64,
    /// When the PIN was last right, milliseconds since 1970. Copies are renewed without it for 30 days after that.
    #[serde(default)]
    pub pin_right_at: i64,
    /// Until when the PIN approves no login at the higher level, signs nothing and moves to no other device, because a
    /// forgotten one was replaced; milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_rests_until: Option<i64>,
    /// The agency whose HR desk unlocks, in Korean.
    #[serde(default)]
    pub agency: String,
    /// The same in English, where there is a name.
    #[serde(default)]
    pub agency_en: String,
    /// What is known of the passkey.
    #[serde(default)]
    pub passkey: PasskeyEvidence,
}

//! Web Push: where the server may send word of what happened to the account.
//!
//! | Path under `/wallet/v1` | Request | Answer |
//! |---|---|---|
//! | `GET /push` | – | [`PushKey`] |
//! | `POST /push` | [`Envelope`](super::Envelope) of [`Subscribe`] | [`Subscribed`] |
//! | `POST /push/remove` | [`Envelope`](super::Envelope) of [`Unsubscribe`] | [`Subscribed`] |

use serde::{Deserialize, Serialize};

use super::Message;

/// The key for `pushManager.subscribe({ applicationServerKey })` (RFC 8292).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PushKey {
    /// Uncompressed point, base64url.
    pub key: String,
}

/// Asks to be told: what `PushSubscription.toJSON()` gives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subscribe {
    /// Address at the browser's push service.
    pub endpoint: String,
    /// The browser's keys.
    pub keys: SubscriptionKeys,
}

/// The browser's keys for messages to it (RFC 8291).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionKeys {
    /// Uncompressed point, base64url.
    pub p256dh: String,
    /// 16 bytes, base64url.
    pub auth: String,
}

impl core::fmt::Debug for SubscriptionKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SubscriptionKeys(…)")
    }
}

impl Message for Subscribe {
    const TYP: &'static str = "mapae-push+jwt";
}

/// Asks to be told no more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// As subscribed.
    pub endpoint: String,
}

impl Message for Unsubscribe {
    const TYP: &'static str = "mapae-push-remove+jwt";
}

/// Done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Subscribed {
    /// How many browsers of this account are told now.
    pub subscriptions: u32,
}

/// What happened. The text is the phone's, in its language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushKind {
    /// The badge was used for a login.
    Login,
    /// The badge opened a gate.
    Gate,
    /// Five wrong PINs.
    Locked,
    /// The badge was suspended.
    Suspended,
    /// The badge was resumed.
    Resumed,
    /// The badge expired, was revoked or replaced.
    Ended,
    /// A document waits for the holder's signature.
    Document,
    /// Something else that the holder should look at: a new PIN, another device.
    Activity,
}

impl PushKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Login,
        Self::Gate,
        Self::Locked,
        Self::Suspended,
        Self::Resumed,
        Self::Ended,
        Self::Document,
        Self::Activity,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Gate => "gate",
            Self::Locked => "locked",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Ended => "ended",
            Self::Document => "document",
            Self::Activity => "activity",
        }
    }

    /// Reads the word; `None` for one that is unknown.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The content of a push message: nothing that is not said here is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushNotice {
    /// What happened.
    pub kind: PushKind,
    /// When, milliseconds since 1970.
    pub at: i64,
}

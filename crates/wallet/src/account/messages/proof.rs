//! The holder proves again who they are: to bring a deleted wallet back, or in place of a forgotten PIN.
//!
//! | Path under `/wallet/v1` | Request | Answer |
//! |---|---|---|
//! | `POST /salt` | [`Envelope`](super::Envelope) of [`KeepSalt`] | [`SaltKept`] |
//! | `POST /recovery/options` | – | [`PasskeyOptions`](super::PasskeyOptions) |
//! | `POST /recovery` | [`Recovery`] | [`RecoveryStarted`] |
//! | `POST /recovery/otp` (bearer) | [`Otp`](super::Otp) | [`RecoveryStatus`] |
//! | `GET /recovery` (bearer) | – | [`RecoveryStatus`] |
//! | `POST /recovery/device` (bearer) | [`Envelope`](super::Envelope) of [`MoveDevice`] | [`Moved`] |
//! | `POST /pin/forgotten` | [`Envelope`](super::Envelope) of [`ForgottenPin`] | [`OtpSent`](super::OtpSent) |
//! | `POST /pin/forgotten/otp` | [`Envelope`](super::Envelope) of [`ForgottenPinOtp`] | [`ProofStatus`] |
//! | `POST /pin/reset` | [`Envelope`](super::Envelope) of [`ResetPin`] | [`AccountStatus`](super::AccountStatus) |

use core::fmt;

use keys::Jwk;
use serde::{Deserialize, Serialize};

use super::{Message, PasskeyAssertion, Registered};

/// Longest sealed salt (bytes).
pub const MAX_SALT: usize = 512;

/// Leaves the PIN's salt with the server, sealed by a secret of the passkey that the server does not know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeepSalt {
    /// base64url, at most [`MAX_SALT`] bytes; opaque to the server.
    pub salt: String,
}

impl Message for KeepSalt {
    const TYP: &'static str = "mapae-salt+jwt";
}

/// The salt is kept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SaltKept {}

/// Begins the recovery of a wallet whose app was deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// From the browser.
    pub assertion: PasskeyAssertion,
}

/// A one-time password is on its way to the number that the identity checker saw.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecoveryStarted {
    /// Bearer token for the next steps.
    pub token: String,
    /// The number with its middle hidden.
    pub phone: String,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// How far a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProofStep {
    /// The one-time password comes next.
    OtpSent,
    /// What it is for comes next.
    Proofed,
    /// Done.
    Done,
}

/// How far a recovery is, and what the next step needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecoveryStatus {
    /// What is done.
    pub step: ProofStep,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// Once the one-time password was right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<RecoveredWallet>,
}

/// What a new wallet needs to prove the PIN of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecoveredWallet {
    /// Account id.
    pub account: String,
    /// The sealed salt, base64url.
    pub salt: String,
    /// Number of the PIN key in force.
    pub pin_generation: u32,
    /// PIN tries left.
    pub tries_left: u32,
    /// A challenge for one [`MoveDevice`]; ask again for the next.
    pub challenge: String,
    /// The last sequence number used.
    #[cfg_attr(feature = "schema", schema(minimum = 0))]
    pub sequence: u64,
}

/// Moves the account to the device key in the header: a PIN try like every other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MoveDevice {
    /// Greater than every number used before.
    pub sequence: u64,
    /// From [`RecoveredWallet`].
    pub challenge: String,
    /// JWS of [`PinInstruction`](super::PinInstruction) with [`Instruction::MoveDevice`](super::Instruction).
    pub pin_signed: String,
}

impl Message for MoveDevice {
    const TYP: &'static str = "mapae-move-device+jwt";
    const INTRODUCES_DEVICE: bool = true;
}

/// The judgement on a [`MoveDevice`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Moved {
    /// As of an instruction.
    pub result: String,
    /// Present if the PIN was right: the account, with an offer of the badge anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered: Option<Registered>,
}

/// "I forgot the PIN": who the holder is. Never logged.
#[derive(Clone, Serialize, Deserialize)]
pub struct ForgottenPin {
    /// As in the personnel record.
    pub name: String,
    /// Resident registration number, 13 digits with or without a hyphen.
    pub rrn: String,
}

impl Message for ForgottenPin {
    const TYP: &'static str = "mapae-forgotten-pin+jwt";
}

/// The one-time password from the SMS.
#[derive(Clone, Serialize, Deserialize)]
pub struct ForgottenPinOtp {
    /// Six digits.
    pub otp: String,
}

impl Message for ForgottenPinOtp {
    const TYP: &'static str = "mapae-forgotten-pin-otp+jwt";
}

/// How far the proof for a forgotten PIN is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProofStatus {
    /// What is done.
    pub step: ProofStep,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// A new PIN in place of a forgotten one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResetPin {
    /// From the browser, for [`PasskeyPurpose::ForgottenPin`](super::PasskeyPurpose).
    pub assertion: PasskeyAssertion,
    /// PIN public key.
    pub pin_key: Jwk,
    /// JWS of [`PinProof`](super::PinProof).
    pub pin_proof: String,
}

impl Message for ResetPin {
    const TYP: &'static str = "mapae-reset-pin+jwt";
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

opaque!(RecoveryStarted, ForgottenPin, ForgottenPinOtp);

//! The messages between phone and wallet provider, one definition for both sides.
//!
//! Everything after enrolment is signed by the device key: a compact JWS (ES256) whose `typ` names the message
//! and whose payload is [`Signed`]: audience, account, time, and the message's own members beside them. What the
//! PIN protects is signed twice, by the PIN key inside ([`PinInstruction`]) and by the device key around it
//! ([`Instruct`]). Results are signed by the server ([`InstructionResult`]).
//!
//! | Path under `/wallet/v1` | Request | Answer |
//! |---|---|---|
//! | `POST /activate` | [`Activate`] | [`Activated`] |
//! | `GET /onboarding` (bearer) | – | [`OnboardingStatus`] |
//! | `POST /identity` (bearer) | [`Identity`] | [`OtpSent`] |
//! | `POST /otp` (bearer) | [`Otp`] | [`OnboardingStatus`] |
//! | `POST /register` (bearer) | [`Envelope`] of [`Registration`] | [`Registered`] |
//! | `POST /challenge` | [`Envelope`] of [`ChallengeRequest`] | [`ChallengeGiven`] |
//! | `POST /instructions` | [`Envelope`] of [`Instruct`] | [`Answer`] of [`InstructionResult`] |
//! | `GET /results/{sequence}` (header `authorization: Device <JWS of [`ResultRequest`]>`) | – | [`Answer`] |
//! | `GET /account` (header `authorization: Device <JWS of [`StatusRequest`]>`) | – | [`AccountStatus`] |
//! | `POST /approvals` | [`Envelope`] of [`Approval`] | [`Approved`] |
//! | `POST /offers` | [`Envelope`] of [`OfferRequest`] | [`Offered`] |
//! | `POST /key-attestations` | [`Envelope`] of [`KeyAttestationRequest`] | [`KeyAttested`] |
//! | `POST /wallet-attestations` | [`Envelope`] of [`WalletAttestationRequest`] | [`WalletAttested`] |
//! | `GET /keys` | – | [`ResultKeys`] |
//! | `POST /gate-pass` | [`Envelope`] of [`GatePassRequest`] | [`GatePassGiven`] |
//! | `POST /pin` | [`Envelope`] of [`NewPin`] | [`AccountStatus`] |
//!
//! Refusals are `application/problem+json` with a stable `code`; see [`Refusal`].

mod certificates;
pub mod code;
mod gate;
mod passkey;
mod proof;
mod push;
mod signing;
mod standing;

pub use certificates::{
    AskCertificate, CertificateAsked, CertificateField, CertificateFile, CertificateKind, CertificateLink,
    CertificateList, CertificateRequest, CertificateStanding, CertificateState, Certificates, Given,
    MAX_CERTIFICATE, PrintCertificate, PrintLanguage, PrintedCertificate, ShareCertificate, Words,
};
pub use gate::{GATE_KEY_PROOF_TYP, GateKeyProof, GatePassGiven, GatePassRequest};
pub use passkey::{
    CreatedPasskey, CreatedPasskeyResponse, PasskeyAssertion, PasskeyAssertionResponse,
    PasskeyChallengeRequest, PasskeyEvidence, PasskeyOptions, PasskeyPurpose, PasskeyRegistered,
    PasskeyRegistration, ShareGiven, ShareRequest,
};
pub use proof::{
    ForgottenPin, ForgottenPinOtp, KeepSalt, MAX_SALT, MoveDevice, Moved, ProofStatus, ProofStep,
    RecoveredWallet, Recovery, RecoveryStarted, RecoveryStatus, ResetPin, SaltKept,
};
pub use push::{PushKey, PushKind, PushNotice, Subscribe, Subscribed, SubscriptionKeys, Unsubscribe};
pub use signing::{
    DocumentRequest, DocumentSignature, MAX_DOCUMENT, MAX_SIGNED_AT_ONCE, OpenSigning, OpenedSigning,
    RefuseSigning, RefusedSigning, SIGN, SigningList, Transaction, WaitingDocument, WaitingDocuments, bound,
    signature_options,
};
pub use standing::{AccountState, AccountStatus, StatusRequest};

use core::fmt;

use keys::{Jwk, JwkSet};
use openid::approval::Level;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The path under which the wallet provider answers.
pub const BASE_PATH: &str = "/wallet/v1";

/// Scheme of the `authorization` header of device-signed GET requests.
pub const DEVICE_SCHEME: &str = "Device";

/// How far the time in a device-signed message may be from the server's (seconds).
pub const MAX_CLOCK_SKEW_S: i64 = 300;

/// Longest device-signed message (bytes of the compact JWS), but for key attestation requests.
pub const MAX_DEVICE_JWS: usize = 8 << 10;

/// Longest key attestation request (bytes of the compact JWS).
pub const MAX_ATTESTATION_JWS: usize = 24 << 10;

/// Most keys in one key attestation.
pub const MAX_ATTESTED_KEYS: usize = 64;

/// Ties a message to its JWS `typ`, so that no message passes for another.
pub trait Message: Serialize + DeserializeOwned {
    /// The `typ` header.
    const TYP: &'static str;
    /// Whether the device key stands in the header, because the server does not know it yet.
    const INTRODUCES_DEVICE: bool = false;
}

/// What each device-signed message says beside its own members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<T> {
    /// The wallet provider's base URL.
    pub aud: String,
    /// Account id; in a [`Registration`] the onboarding id.
    pub account: String,
    /// Seconds since 1970, by the phone's clock.
    pub iat: i64,
    /// Random; makes each message its own.
    pub jti: String,
    /// The message.
    #[serde(flatten)]
    pub message: T,
}

/// A device-signed message on its way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Compact JWS, ES256, by the device key.
    pub signed: String,
}

/// A server-signed answer on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Answer {
    /// Compact JWS, ES256, `typ` [`RESULT_TYP`]; payload: [`InstructionResult`].
    pub result: String,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} bytes)", self.signed.len())
    }
}

// ---- Enrolment ------------------------------------------------------------------------------------------------

/// Starts the enrolment: the handle from the SMS link and the code that the portal shows.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// Handle of the invitation.
    #[cfg_attr(feature = "schema", schema(max_length = 128))]
    pub invitation: String,
    /// Eight digits.
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9]{8}$"))]
    pub code: String,
}

/// The enrolment may go on.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Activated {
    /// Bearer token for the next steps.
    pub token: String,
    /// Id to sign in the registration.
    pub onboarding: String,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// Who the holder claims to be. Never logged.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// As in the personnel record.
    #[cfg_attr(feature = "schema", schema(max_length = 100))]
    pub name: String,
    /// Resident registration number, 13 digits with or without a hyphen.
    #[cfg_attr(feature = "schema", schema(max_length = 14))]
    pub rrn: String,
}

/// A one-time password is on its way to the phone number that the identity checker saw.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OtpSent {
    /// The number with its middle hidden.
    pub phone: String,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// The one-time password from the SMS.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Otp {
    /// Six digits.
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9]{6}$"))]
    pub otp: String,
}

/// How far an enrolment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnboardingStep {
    /// Name and number come next.
    Activated,
    /// The one-time password comes next.
    OtpSent,
    /// The registration of device and PIN comes next.
    Proofed,
    /// Done.
    Registered,
}

/// Answer to "where was I": lets an interrupted phone go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OnboardingStatus {
    /// What is done.
    pub step: OnboardingStep,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// Registers the phone: the device key is in the JWS header (`jwk`), the PIN key here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registration {
    /// PIN public key.
    pub pin_key: Jwk,
    /// Proof that whoever registers can sign with it: JWS of [`PinProof`].
    pub pin_proof: String,
}

impl Message for Registration {
    const TYP: &'static str = "mapae-registration+jwt";
    const INTRODUCES_DEVICE: bool = true;
}

/// Possession of a PIN key, for this device and this purpose only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinProof {
    /// The wallet provider's base URL.
    pub aud: String,
    /// Onboarding id, or account id when an account gets a new PIN.
    pub subject: String,
    /// Thumbprint (RFC 7638) of the device key.
    pub device: String,
}

/// `typ` of [`PinProof`].
pub const PIN_PROOF_TYP: &str = "mapae-pin-proof+jwt";

/// The account is there, and with it an offer of the badge.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Registered {
    /// Account id.
    pub account: String,
    /// `openid-credential-offer://…` for the badge.
    pub offer: String,
    /// Keys that sign results.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub result_keys: JwkSet,
    /// Root certificates of this platform, base64url DER: issuers and requesters under them are known.
    pub trust_anchors: Vec<String>,
    /// Where it is said which issuers are accredited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accreditation: Option<Accreditation>,
    /// Number of the PIN key, counted up with each change.
    pub pin_generation: u32,
    /// What is known of the passkey.
    #[serde(default)]
    pub passkey: PasskeyEvidence,
    /// The server's share of the vault's key, where the passkey gives no PRF secret: 32 bytes, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
}

/// Where it is said which issuers are accredited, and whose word it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Accreditation {
    /// Address of the signed trust list.
    pub trust_list: String,
    /// Who accredits; absent where the list rests on its server alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registrar: Option<RegistrarKeys>,
}

/// The registrar as verifiers pin it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RegistrarKeys {
    /// The members' public keys.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Object>))]
    pub members: Vec<Jwk>,
    /// How many of them must have signed for an issuer.
    pub needed: usize,
}

// ---- Instructions ---------------------------------------------------------------------------------------------

/// Asks for a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeRequest {}

impl Message for ChallengeRequest {
    const TYP: &'static str = "mapae-challenge-request+jwt";
}

/// A challenge for exactly one instruction.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChallengeGiven {
    /// Sealed by the server; opaque.
    pub challenge: String,
    /// The last sequence number used; the instruction's must be greater.
    #[cfg_attr(feature = "schema", schema(minimum = 0))]
    pub sequence: u64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// What the PIN is asked for. More kinds may follow; unknown ones are refused before any charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Instruction {
    /// Nothing but "this is the holder"; renews the right to draw batches.
    CheckPin,
    /// Approves a login request at level [`Level::Pin`].
    Approve(Approval),
    /// Signs documents, at most [`MAX_SIGNED_AT_ONCE`]: each by a key of its own, whose certificate was opened before.
    Sign {
        /// The signatures.
        documents: Vec<DocumentSignature>,
    },
    /// Announces a new PIN key; until commit or rollback nothing else is accepted. Signed with the old PIN.
    PinChangeBegin {
        /// The new PIN public key.
        pin_key: Jwk,
        /// JWS of [`PinProof`] by the new key.
        pin_proof: String,
    },
    /// Makes the new PIN the only one. Signed with the new PIN.
    PinChangeCommit,
    /// Keeps the old PIN. Signed with the old PIN.
    PinChangeRollback,
    /// The account goes on with another device key. Inside [`MoveDevice`] only.
    MoveDevice,
}

impl Instruction {
    /// The name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Instruction::CheckPin => "check_pin",
            Instruction::Approve(_) => "approve",
            Instruction::Sign { .. } => "sign",
            Instruction::PinChangeBegin { .. } => "pin_change_begin",
            Instruction::PinChangeCommit => "pin_change_commit",
            Instruction::PinChangeRollback => "pin_change_rollback",
            Instruction::MoveDevice => "move_device",
        }
    }
}

/// The inner, PIN-signed half of an instruction. The server judges it and forgets it: with the salt it would
/// allow an offline search, so it is never stored and never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinInstruction {
    /// The wallet provider's base URL.
    pub aud: String,
    /// Account id.
    pub account: String,
    /// Thumbprint (RFC 7638) of the device key that signs around it.
    pub device: String,
    /// As in [`Instruct`].
    pub sequence: u64,
    /// As in [`Instruct`].
    pub challenge: String,
    /// What to do.
    pub instruction: Instruction,
}

/// `typ` of [`PinInstruction`].
pub const PIN_INSTRUCTION_TYP: &str = "mapae-pin-instruction+jwt";

/// The outer, device-signed half of an instruction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruct {
    /// Greater than every number used before.
    pub sequence: u64,
    /// From [`ChallengeGiven`].
    pub challenge: String,
    /// JWS of [`PinInstruction`].
    pub pin_signed: String,
}

impl Message for Instruct {
    const TYP: &'static str = "mapae-instruction+jwt";
}

/// What became of an instruction, once judged always the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstructionResult {
    /// The wallet provider's base URL.
    pub iss: String,
    /// Account id.
    pub account: String,
    /// The instruction's sequence number.
    pub sequence: u64,
    /// base64url SHA-256 of the device-signed JWS that was judged.
    pub request: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// The judgement.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// `typ` of [`InstructionResult`].
pub const RESULT_TYP: &str = "mapae-result+jwt";

/// The judgement on an instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The PIN was right and what was asked is done.
    Done {
        /// Number of the PIN key in force afterwards.
        pin_generation: u32,
    },
    /// The PIN was right, but what was asked can't be done.
    Refused {
        /// Stable code.
        code: String,
    },
    /// The PIN was wrong.
    WrongPin {
        /// Tries left; 0 means locked.
        tries_left: u32,
    },
}

/// Asks again for the result of an instruction whose reply was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultRequest {
    /// The instruction's sequence number.
    pub sequence: u64,
}

impl Message for ResultRequest {
    const TYP: &'static str = "mapae-result-request+jwt";
}

// ---- Without a PIN --------------------------------------------------------------------------------------------

/// "I approve this request, I read this number." Device-signed it counts as [`Level::Base`], inside a PIN
/// instruction as [`Level::Pin`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// base64url SHA-256 of [`openid::approval::approved_part`] of the request object.
    pub request_hash: String,
    /// The number that the browser shows, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

impl Message for Approval {
    const TYP: &'static str = "mapae-approval+jwt";
}

/// The approval is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Approved {
    /// Level recorded: `base` or `pin`.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub level: Level,
    /// When the record ends, milliseconds since 1970.
    pub expires_at: i64,
}

/// Asks for a fresh offer of the badge, while it has not been issued to this account, or to draw the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferRequest {}

impl Message for OfferRequest {
    const TYP: &'static str = "mapae-offer-request+jwt";
}

/// A fresh offer.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Offered {
    /// `openid-credential-offer://…`
    pub offer: String,
}

/// Asks the wallet provider to vouch for holder keys (OpenID4VCI 1.0 Appendix D).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyAttestationRequest {
    /// The `c_nonce` of the issuer, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The holder keys.
    pub keys: Vec<Jwk>,
}

impl Message for KeyAttestationRequest {
    const TYP: &'static str = "mapae-key-attestation-request+jwt";
}

/// A key attestation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct KeyAttested {
    /// JWT of `typ` `key-attestation+jwt`.
    pub key_attestation: String,
}

/// Asks the wallet provider to vouch for this wallet towards one issuer (OpenID4VCI 1.0 Appendix E).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WalletAttestationRequest {
    /// A key made for that issuer, which the wallet will prove to hold.
    pub key: Jwk,
}

impl Message for WalletAttestationRequest {
    const TYP: &'static str = "mapae-wallet-attestation-request+jwt";
}

/// A wallet attestation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WalletAttested {
    /// JWT of `typ` `oauth-client-attestation+jwt`.
    pub attestation: String,
    /// Its `sub`: the `client_id` that all wallets of this provider share.
    pub client_id: String,
}

/// Sets a new PIN after two operators unlocked the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPin {
    /// The code that the operators handed to the holder, eight digits.
    pub code: String,
    /// PIN public key.
    pub pin_key: Jwk,
    /// JWS of [`PinProof`].
    pub pin_proof: String,
}

impl Message for NewPin {
    const TYP: &'static str = "mapae-new-pin+jwt";
}

/// The keys that sign results, for a phone that sees an unknown `kid`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ResultKeys {
    /// JWK Set members.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Object>))]
    pub keys: Vec<Jwk>,
}

// ---- Refusals -------------------------------------------------------------------------------------------------

/// The members of a problem document (RFC 9457) that the wallet acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable code.
    pub code: String,
    /// One or two sentences in the language that was asked for.
    #[serde(default)]
    pub detail: String,
    /// Tries left, where something was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
    /// The last sequence number used (`stale_sequence`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// These hold secrets or personal data: their text form tells nothing but their name.
macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

opaque!(Activate, Activated, Identity, Otp, Registered, PinInstruction, Instruct, Offered);

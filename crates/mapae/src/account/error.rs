//! Why the wallet provider refused, and how the phone is told.

use axum::http::StatusCode;
use wallet::account::messages::code;

use super::passkey::PasskeyRefusal;
use super::record::Account;
use crate::notification::PushRefusal;
use crate::operations::store::StoreError;
use crate::operations::{Problem, limits};
use crate::signatures::requests::SigningError;
use wallet::account::messages::AccountState;

/// A step of the enrolment was refused.
#[derive(Debug, thiserror::Error)]
pub enum OnboardingError {
    /// Invitation unknown, over, used up, or the code is not right: one answer for all.
    #[error("activation refused")]
    Activation {
        /// Tries left, where the invitation exists.
        tries_left: Option<u32>,
    },
    /// No activation code is alive: the portal makes one.
    #[error("no activation code is alive")]
    NoCode,
    /// The phone number changed since the identity check, which has to be done again.
    #[error("the phone number changed")]
    PhoneChanged,
    /// The token is over or was replaced by a newer activation.
    #[error("the enrolment is over")]
    Over,
    /// A step was skipped or done before.
    #[error("another step comes next")]
    WrongStep,
    /// Name and number do not belong to the person invited: one answer for every mismatch.
    #[error("the identity does not match")]
    Identity {
        /// Tries left.
        tries_left: u32,
    },
    /// The one-time password is wrong.
    #[error("the one-time password is wrong")]
    OtpWrong {
        /// Tries left.
        tries_left: u32,
    },
    /// The one-time password is over, used up, or was never sent.
    #[error("the one-time password is over")]
    OtpOver,
    /// Too many one-time passwords were sent for this enrolment.
    #[error("too many one-time passwords were sent")]
    OtpTooMany,
    /// The registration is not what it has to be.
    #[error("malformed registration: {0}")]
    Malformed(&'static str),
    /// The application no longer allows a badge, or the badge was suspended since.
    #[error("no badge can be offered")]
    NoOffer,
    /// This device key is in use by another account.
    #[error("the device key is in use")]
    DeviceInUse,
    /// The passkey was refused.
    #[error(transparent)]
    Passkey(#[from] PasskeyRefusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another folder or a key of ours failed; the text names no person.
    #[error("{0}")]
    Internal(String),
}

impl From<OnboardingError> for Problem {
    fn from(error: OnboardingError) -> Problem {
        use OnboardingError as E;
        match error {
            E::Activation { tries_left } => {
                let problem = Problem::new(StatusCode::FORBIDDEN, code::ACTIVATION_REFUSED);
                match tries_left {
                    Some(tries_left) => problem.with("tries_left", tries_left),
                    None => problem,
                }
            }
            E::NoCode => Problem::new(StatusCode::CONFLICT, "activation_no_code"),
            E::PhoneChanged => Problem::new(StatusCode::CONFLICT, "enrolment_phone_changed"),
            E::Over => Problem::new(StatusCode::UNAUTHORIZED, code::ONBOARDING_OVER),
            E::WrongStep => Problem::new(StatusCode::CONFLICT, code::WRONG_STEP),
            E::Identity { tries_left } => {
                Problem::new(StatusCode::FORBIDDEN, code::IDENTITY_MISMATCH).with("tries_left", tries_left)
            }
            E::OtpWrong { tries_left } => {
                Problem::new(StatusCode::FORBIDDEN, code::OTP_WRONG).with("tries_left", tries_left)
            }
            E::OtpOver => Problem::new(StatusCode::GONE, code::OTP_OVER),
            E::OtpTooMany => Problem::new(StatusCode::TOO_MANY_REQUESTS, "otp_too_many"),
            E::Malformed(_) => Problem::new(StatusCode::BAD_REQUEST, code::MALFORMED),
            E::NoOffer => Problem::new(StatusCode::CONFLICT, code::NO_OFFER),
            E::DeviceInUse => Problem::new(StatusCode::CONFLICT, code::DEVICE_IN_USE),
            E::Passkey(refusal) => refusal.into(),
            E::Store(error) => error.into(),
            E::Internal(cause) => Problem::internal(cause),
        }
    }
}

/// A device-signed message was refused. None of these was counted as a PIN try.
#[derive(Debug, thiserror::Error)]
pub enum DeviceRefusal {
    /// Unknown account, wrong signature, wrong audience, or a time too far off: one answer for all.
    #[error("the device was refused")]
    Device,
    /// Not the message that this path expects.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// The account can't be used as it stands.
    #[error("the account is {0:?}")]
    State(AccountState),
    /// The challenge is not ours, is over, or belongs to another account or device.
    #[error("the challenge is not valid")]
    Challenge,
    /// Another instruction came first.
    #[error("stale sequence")]
    Stale {
        /// The last sequence number used.
        sequence: i64,
    },
    /// A PIN change is open.
    #[error("a PIN change is open")]
    PinChangePending,
    /// No PIN change is open.
    #[error("no PIN change is open")]
    NoPinChange,
    /// The PIN key does not open.
    #[error("the PIN key does not open")]
    PinKey,
    /// No result under this number.
    #[error("no such result")]
    NoResult,
    /// The instruction is being judged at this moment.
    #[error("not judged yet")]
    BeingJudged,
    /// The try was charged, but the server stopped before it judged.
    #[error("charged, but never judged")]
    NotJudged {
        /// Tries left.
        tries_left: u32,
    },
    /// The account holds no badge that may be used.
    #[error("no badge")]
    NoBadge,
    /// This request was approved before.
    #[error("approved before")]
    AlreadyApproved,
    /// The unlock code is wrong, over, or used.
    #[error("the unlock code is wrong")]
    UnlockCode {
        /// Tries left.
        tries_left: u32,
    },
    /// No offer can be made now.
    #[error("no offer")]
    NoOffer,
    /// The last right PIN is too long ago: the next batch of copies needs one.
    #[error("the PIN comes first")]
    PinFirst,
    /// This message was used before.
    #[error("replayed")]
    Replayed,
    /// The wallet can't be brought back: no device-bound passkey, or nothing was left with the server.
    #[error("not recoverable")]
    NotRecoverable,
    /// The proof is over, used, or was replaced by a newer one.
    #[error("the proof is over")]
    ProofOver,
    /// The holder began to prove themselves too often.
    #[error("too many proofs")]
    ProofTooMany,
    /// Name and number do not belong to the holder: one answer for every mismatch.
    #[error("the identity does not match")]
    Identity {
        /// Tries left.
        tries_left: u32,
    },
    /// The one-time password is wrong.
    #[error("the one-time password is wrong")]
    OtpWrong {
        /// Tries left.
        tries_left: u32,
    },
    /// The one-time password is over or used up.
    #[error("the one-time password is over")]
    OtpOver,
    /// A step was skipped.
    #[error("another step comes next")]
    WrongStep,
    /// The phone number changed since the identity check.
    #[error("the phone number changed")]
    PhoneChanged,
    /// The PIN replaced a forgotten one a short time ago.
    #[error("the PIN rests")]
    PinRests {
        /// Until when (ms).
        until: i64,
    },
    /// The server holds no share of the vault's key.
    #[error("no share is kept")]
    NoShare,
    /// The account has no passkey.
    #[error("no passkey was enrolled")]
    NoPasskey,
    /// The passkey was refused.
    #[error(transparent)]
    Passkey(#[from] PasskeyRefusal),
    /// The browser can't be told.
    #[error(transparent)]
    Push(#[from] PushRefusal),
    /// The document is not signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key of ours failed; the text names no person.
    #[error("{0}")]
    Internal(String),
}

impl DeviceRefusal {
    /// Refuses unless the account is in use and a PIN is set.
    pub(super) fn unless_usable(account: &Account) -> Result<(), DeviceRefusal> {
        match account.state() {
            AccountState::Pending | AccountState::Active => Ok(()),
            state => Err(DeviceRefusal::State(state)),
        }
    }
}

impl From<DeviceRefusal> for Problem {
    fn from(error: DeviceRefusal) -> Problem {
        use DeviceRefusal as E;
        match error {
            E::Device => Problem::new(StatusCode::UNAUTHORIZED, code::DEVICE_REFUSED),
            E::Malformed(_) => Problem::new(StatusCode::BAD_REQUEST, code::MALFORMED),
            E::State(state) => match state {
                AccountState::Suspended => Problem::new(StatusCode::FORBIDDEN, code::SUSPENDED),
                AccountState::Locked => {
                    Problem::new(StatusCode::FORBIDDEN, code::LOCKED).with("tries_left", 0)
                }
                AccountState::NewPinNeeded => Problem::new(StatusCode::CONFLICT, code::NEW_PIN_NEEDED),
                AccountState::Closed => Problem::new(StatusCode::GONE, code::CLOSED),
                _ => Problem::new(StatusCode::CONFLICT, code::WRONG_STEP),
            },
            E::Challenge => Problem::new(StatusCode::CONFLICT, code::CHALLENGE_INVALID),
            E::Stale { sequence } => {
                Problem::new(StatusCode::CONFLICT, code::STALE_SEQUENCE).with("sequence", sequence)
            }
            E::PinChangePending => Problem::new(StatusCode::CONFLICT, code::PIN_CHANGE_PENDING),
            E::NoPinChange => Problem::new(StatusCode::CONFLICT, code::NO_PIN_CHANGE),
            E::PinKey => Problem::new(StatusCode::SERVICE_UNAVAILABLE, code::PIN_KEY_UNAVAILABLE),
            E::NoResult => Problem::new(StatusCode::NOT_FOUND, code::RESULT_NOT_FOUND),
            E::BeingJudged => {
                Problem::new(StatusCode::CONFLICT, "being_judged").with("retry_after_ms", 1_000)
            }
            E::NotJudged { tries_left } => {
                Problem::new(StatusCode::CONFLICT, code::NOT_JUDGED).with("tries_left", tries_left)
            }
            E::NoBadge => Problem::new(StatusCode::CONFLICT, code::NO_BADGE),
            E::AlreadyApproved => Problem::new(StatusCode::CONFLICT, code::ALREADY_APPROVED),
            E::UnlockCode { tries_left } => {
                Problem::new(StatusCode::FORBIDDEN, code::UNLOCK_CODE_WRONG).with("tries_left", tries_left)
            }
            E::NoOffer => Problem::new(StatusCode::CONFLICT, code::NO_OFFER),
            E::PinFirst => Problem::new(StatusCode::FORBIDDEN, code::PIN_FIRST),
            E::Replayed => Problem::new(StatusCode::CONFLICT, "replayed"),
            E::NotRecoverable => Problem::new(StatusCode::CONFLICT, code::NOT_RECOVERABLE),
            E::ProofOver => Problem::new(StatusCode::UNAUTHORIZED, code::PROOF_OVER),
            E::ProofTooMany => Problem::new(StatusCode::TOO_MANY_REQUESTS, code::PROOF_TOO_MANY)
                .with("retry_after_ms", limits::ACCOUNT_PROOF_WINDOW.get()),
            E::Identity { tries_left } => {
                Problem::new(StatusCode::FORBIDDEN, code::IDENTITY_MISMATCH).with("tries_left", tries_left)
            }
            E::OtpWrong { tries_left } => {
                Problem::new(StatusCode::FORBIDDEN, code::OTP_WRONG).with("tries_left", tries_left)
            }
            E::OtpOver => Problem::new(StatusCode::GONE, code::OTP_OVER),
            E::WrongStep => Problem::new(StatusCode::CONFLICT, code::WRONG_STEP),
            E::PhoneChanged => Problem::new(StatusCode::CONFLICT, "phone_changed"),
            E::PinRests { until } => Problem::new(StatusCode::CONFLICT, code::PIN_RESTS).with("until", until),
            E::NoShare => Problem::new(StatusCode::CONFLICT, code::NO_SHARE),
            E::Push(refusal) => refusal.into(),
            E::Signing(error) => error.into(),
            E::NoPasskey => Problem::new(StatusCode::CONFLICT, code::NO_PASSKEY),
            E::Passkey(refusal) => refusal.into(),
            E::Store(error) => error.into(),
            E::Internal(cause) => Problem::internal(cause),
        }
    }
}

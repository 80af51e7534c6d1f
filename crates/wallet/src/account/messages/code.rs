//! Codes that the wallet acts on; the texts are the server's.

/// Another instruction came first: fetch a new challenge.
pub const STALE_SEQUENCE: &str = "stale_sequence";
/// The challenge is not ours, is over, or belongs to another account: fetch a new one.
pub const CHALLENGE_INVALID: &str = "challenge_invalid";
/// Five wrong PINs.
pub const LOCKED: &str = "account_locked";
/// The account is suspended.
pub const SUSPENDED: &str = "account_suspended";
/// The account is closed.
pub const CLOSED: &str = "account_closed";
/// A PIN change has to be committed or rolled back first.
pub const PIN_CHANGE_PENDING: &str = "pin_change_pending";
/// There is no PIN change to commit or roll back.
pub const NO_PIN_CHANGE: &str = "no_pin_change";
/// A new PIN has to be set first.
pub const NEW_PIN_NEEDED: &str = "new_pin_needed";
/// No result under this number.
pub const RESULT_NOT_FOUND: &str = "result_not_found";
/// The try was charged, but the server stopped before it judged.
pub const NOT_JUDGED: &str = "not_judged";
/// The device signature, account or time of a message is wrong.
pub const DEVICE_REFUSED: &str = "device_refused";
/// A message is not what its path expects.
pub const MALFORMED: &str = "malformed";
/// The PIN key can't be opened now; nothing was counted.
pub const PIN_KEY_UNAVAILABLE: &str = "pin_key_unavailable";
/// This request was approved before.
pub const ALREADY_APPROVED: &str = "already_approved";
/// The account holds no badge yet.
pub const NO_BADGE: &str = "no_badge";
/// The onboarding token is over or was replaced by a newer one.
pub const ONBOARDING_OVER: &str = "onboarding_over";
/// Invitation or activation code not right.
pub const ACTIVATION_REFUSED: &str = "activation_refused";
/// Name and number do not belong together, or the person may not enrol.
pub const IDENTITY_MISMATCH: &str = "identity_mismatch";
/// Wrong one-time password.
pub const OTP_WRONG: &str = "otp_wrong";
/// The one-time password is over, used up, or was never sent.
pub const OTP_OVER: &str = "otp_over";
/// A step was skipped.
pub const WRONG_STEP: &str = "wrong_step";
/// Wrong unlock code.
pub const UNLOCK_CODE_WRONG: &str = "unlock_code_wrong";
/// The last right PIN is too long ago: give it before the next batch.
pub const PIN_FIRST: &str = "pin_first";
/// No offer can be made for this account now.
pub const NO_OFFER: &str = "no_offer";
/// The passkey's answer is for another site.
pub const PASSKEY_ORIGIN: &str = "passkey_origin";
/// The phone asked for no fingerprint, face or lock code.
pub const PASSKEY_NOT_VERIFIED: &str = "passkey_not_verified";
/// The phone made a kind of passkey that is not accepted.
pub const PASSKEY_ALGORITHM: &str = "passkey_algorithm";
/// The passkey's signature does not hold.
pub const PASSKEY_REFUSED: &str = "passkey_refused";
/// The challenge is over, used, or for something else: fetch a new one.
pub const PASSKEY_CHALLENGE: &str = "passkey_challenge";
/// Not the passkey that was enrolled.
pub const PASSKEY_UNKNOWN: &str = "passkey_unknown";
/// Another wallet uses this passkey.
pub const PASSKEY_IN_USE: &str = "passkey_in_use";
/// The passkey may have been copied.
pub const PASSKEY_COUNTER: &str = "passkey_counter";
/// The share was asked for too often: wait.
pub const PASSKEY_TOO_MANY: &str = "passkey_too_many";
/// The server holds no share: the passkey gives the vault's key by itself, or there is none.
pub const NO_SHARE: &str = "no_share";
/// No passkey was enrolled.
pub const NO_PASSKEY: &str = "no_passkey";
/// This wallet can't be brought back: only a re-issue helps.
pub const NOT_RECOVERABLE: &str = "not_recoverable";
/// The token of a recovery, or the proof for a new PIN, is over or was replaced by a newer one.
pub const PROOF_OVER: &str = "proof_over";
/// The holder tried to prove themselves too often.
pub const PROOF_TOO_MANY: &str = "proof_too_many";
/// A forgotten PIN was replaced a short time ago: wait.
pub const PIN_RESTS: &str = "pin_rests";
/// Another account uses this device key.
pub const DEVICE_IN_USE: &str = "device_in_use";
/// The address is not one of a push service.
pub const PUSH_ADDRESS: &str = "push_address";

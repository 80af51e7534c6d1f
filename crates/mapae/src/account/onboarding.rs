//! Enrolment, step by step: activation code → name and number → one-time password → registration.
//!
//! Each step is one row's move from one state to the next. A phone that was interrupted asks where it was and goes on.
//!
//! | A crash or a lost reply after | leaves, and the phone |
//! |---|---|
//! | activation | a live enrolment whose token nobody holds; the portal makes a new code, the new activation ends the old one |
//! | identity | a sent password; the phone says who it is once more and gets another one |
//! | password | `proofed`; the phone asks for its status and registers |
//! | registration | the account; the same device registers again and gets the same account with a fresh offer |

use serde::{Deserialize, Serialize};
use wallet::account::messages::{
    Activate, Activated, Identity, OnboardingStatus, OnboardingStep, Otp, OtpSent,
};

use super::error::OnboardingError;
use crate::application::{self, Activation};
use crate::audit;
use crate::notification::{self, Message, Topic};
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Platform, id, language, limits};
use crate::personnel;

/// What the seal of an onboarding token is for.
const TOKEN: &str = "onboarding";

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    id: String,
}

/// The row.
#[derive(Debug, Clone)]
pub(super) struct Onboarding {
    pub(super) id: String,
    pub(super) invitation_id: String,
    pub(super) application_id: String,
    pub(super) employee_id: String,
    pub(super) step: OnboardingStep,
    pub(super) account_id: Option<String>,
    pub(super) expires_at: i64,
}

impl Onboarding {
    fn read(row: &Row) -> Result<Option<Onboarding>, StoreError> {
        let step = match row.text("step")?.as_str() {
            "activated" => OnboardingStep::Activated,
            "otp_sent" => OnboardingStep::OtpSent,
            "proofed" => OnboardingStep::Proofed,
            "registered" => OnboardingStep::Registered,
            _ => return Ok(None),
        };
        Ok(Some(Onboarding {
            id: row.text("id")?,
            invitation_id: row.text("invitation_id")?,
            application_id: row.text("application_id")?,
            employee_id: row.text("employee_id")?,
            step,
            account_id: row.opt_text("account_id")?,
            expires_at: row.int("expires_at")?,
        }))
    }

    fn status(&self, step: OnboardingStep) -> OnboardingStatus {
        OnboardingStatus { step, expires_at: self.expires_at }
    }
}

/// The enrolment that a bearer token belongs to.
pub(super) async fn of_token(
    platform: &Platform,
    token: Option<&str>,
) -> Result<Onboarding, OnboardingError> {
    let now_ms = platform.clock.now_ms();
    let token: Token = token
        .and_then(|token| platform.tokens.open(TOKEN, token, now_ms).ok())
        .ok_or(OnboardingError::Over)?;
    let row = platform
        .store
        .fetch_optional(
            "SELECT id, invitation_id, application_id, employee_id, step, account_id, expires_at \
             FROM account_onboarding WHERE id = $1 AND expires_at > $2",
            params![token.id, now_ms],
        )
        .await?;
    row.as_ref().map(Onboarding::read).transpose()?.flatten().ok_or(OnboardingError::Over)
}

/// Opens an enrolment. Of any number of racing callers with the right code exactly one gets a token.
pub(super) async fn activate(
    platform: &std::sync::Arc<Platform>,
    body: Activate,
) -> Result<Activated, OnboardingError> {
    let now_ms = platform.clock.now_ms();
    let onboarding = id::new();
    let expires_at = now_ms.saturating_add(limits::ONBOARDING_LIFE.get());
    let (shared, row_id) = (std::sync::Arc::clone(platform), onboarding.clone());
    let outcome = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let tried = application::activate(tx, &shared, &body.invitation, &body.code, now_ms).await?;
                if let Activation::Accepted(invitation) = &tried {
                    open(tx, &row_id, invitation, now_ms, expires_at).await?;
                }
                Ok(tried)
            })
        })
        .await?;
    match outcome {
        Activation::Accepted(_) => {
            let token = platform
                .tokens
                .seal(TOKEN, &Token { id: onboarding.clone() }, expires_at)
                .map_err(|error| OnboardingError::Internal(error.to_string()))?;
            Ok(Activated { token, onboarding, expires_at })
        }
        Activation::Wrong { tries_left } => {
            Err(OnboardingError::Activation { tries_left: u32::try_from(tries_left).ok() })
        }
        Activation::NoCode => Err(OnboardingError::NoCode),
        Activation::Gone => Err(OnboardingError::Activation { tries_left: None }),
    }
}

async fn open(
    tx: &mut Tx,
    row_id: &str,
    invitation: &application::Invitation,
    now_ms: i64,
    expires_at: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE account_onboarding SET step = 'over', otp_hash = NULL \
         WHERE invitation_id = $1 AND step IN ('activated', 'otp_sent', 'proofed')",
        params![&invitation.id],
    )
    .await?;
    tx.execute(
        "INSERT INTO account_onboarding \
         (id, invitation_id, application_id, employee_id, step, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, 'activated', $5, $6)",
        params![
            row_id,
            &invitation.id,
            &invitation.application_id,
            &invitation.employee_id,
            now_ms,
            expires_at
        ],
    )
    .await?;
    record(tx, row_id, "account.activated", &invitation.application_id).await
}

/// Where the enrolment is.
pub(super) async fn status(
    platform: &Platform,
    token: Option<&str>,
) -> Result<OnboardingStatus, OnboardingError> {
    let onboarding = of_token(platform, token).await?;
    Ok(onboarding.status(onboarding.step))
}

/// Judges name and number. The try is charged and committed before it is judged; the answer is the same for every
/// mismatch. A right answer sends a one-time password to the number that the identity checker saw.
pub(super) async fn identity(
    platform: &Platform,
    token: Option<&str>,
    body: Identity,
) -> Result<OtpSent, OnboardingError> {
    let onboarding = of_token(platform, token).await?;
    if !matches!(onboarding.step, OnboardingStep::Activated | OnboardingStep::OtpSent) {
        return Err(OnboardingError::WrongStep);
    }
    if body.name.len() > limits::NAME_BYTES.size() || body.rrn.len() > limits::RRN_BYTES.size() {
        return Err(OnboardingError::Malformed("identity"));
    }
    let now_ms = platform.clock.now_ms();
    let invitation = onboarding.invitation_id.clone();
    let charged = platform
        .store
        .write(move |tx| Box::pin(async move { application::charge_proof(tx, &invitation, now_ms).await }))
        .await?;
    if charged.is_none() {
        return Err(OnboardingError::Identity { tries_left: 0 });
    }
    let matches = personnel::matches_identity(platform, &onboarding.employee_id, &body.name, &body.rrn)
        .await
        .map_err(|error| OnboardingError::Internal(error.to_string()))?;
    if !matches {
        return Err(OnboardingError::Identity { tries_left: mismatch(platform, onboarding, now_ms).await? });
    }
    let phone = application::frozen_phone(platform, &onboarding.application_id)
        .await
        .map_err(|error| OnboardingError::Internal(error.to_string()))?
        .ok_or(OnboardingError::PhoneChanged)?;
    send_otp(platform, onboarding, &phone, now_ms).await
}

async fn mismatch(platform: &Platform, onboarding: Onboarding, now_ms: i64) -> Result<u32, StoreError> {
    let left = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let left = application::proof_failed(tx, &onboarding.invitation_id, now_ms).await?;
                if left == 0 {
                    let sql = "UPDATE account_onboarding SET step = 'over', otp_hash = NULL WHERE id = $1";
                    tx.execute(sql, params![&onboarding.id]).await?;
                    record(tx, &onboarding.id, "account.proof_refused", &onboarding.application_id).await?;
                }
                Ok(left)
            })
        })
        .await?;
    Ok(u32::try_from(left).unwrap_or(0))
}

async fn send_otp(
    platform: &Platform,
    onboarding: Onboarding,
    phone: &str,
    now_ms: i64,
) -> Result<OtpSent, OnboardingError> {
    let otp = keys::Zeroizing::new(keys::random::digits(limits::OTP_DIGITS.size()));
    let hash = otp_hash(platform, &onboarding.id, &otp);
    let expires_at = now_ms.saturating_add(limits::OTP_LIFE.get());
    let told_in = notification::language_of(platform, &onboarding.employee_id).await?;
    let text =
        keys::Zeroizing::new(language::format(told_in, "account.sms.otp", &[("otp", otp.to_string())]));
    let message = Message::sms(platform, Topic::Code, phone, &text).until(expires_at);
    let sent = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let rows = tx
                    .execute(
                        "UPDATE account_onboarding SET step = 'otp_sent', otp_hash = $2, otp_tries = 0, \
                         otp_sent = otp_sent + 1, otp_expires_at = $3 \
                         WHERE id = $1 AND step IN ('activated', 'otp_sent') AND otp_sent < $4",
                        params![&onboarding.id, hash, expires_at, limits::OTP_SENDS.get()],
                    )
                    .await?;
                if rows == 1 {
                    application::proof_passed(tx, &onboarding.invitation_id).await?;
                    notification::enqueue(tx, message).await?;
                }
                Ok(rows)
            })
        })
        .await?;
    if sent != 1 {
        return Err(OnboardingError::OtpTooMany);
    }
    Ok(OtpSent { phone: masked(phone), expires_at })
}

/// Judges the one-time password: charged and judged in one commit, whatever the verdict. Of any number of racing
/// callers with the right one exactly one passes.
pub(super) async fn otp(
    platform: &Platform,
    token: Option<&str>,
    body: &Otp,
) -> Result<OnboardingStatus, OnboardingError> {
    let onboarding = of_token(platform, token).await?;
    if onboarding.step != OnboardingStep::OtpSent {
        return Err(OnboardingError::WrongStep);
    }
    let typed = otp_hash(platform, &onboarding.id, &body.otp);
    let (row_id, now_ms) = (onboarding.id.clone(), platform.clock.now_ms());
    let application_id = onboarding.application_id.clone();
    let left = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let charged = tx
                    .fetch_optional(
                        "UPDATE account_onboarding SET otp_tries = otp_tries + 1 WHERE id = $1 \
                         AND step = 'otp_sent' AND otp_hash IS NOT NULL AND otp_expires_at > $2 AND otp_tries < $3 \
                         RETURNING otp_hash, otp_tries",
                        params![&row_id, now_ms, limits::OTP_TRIES.get()],
                    )
                    .await?;
                let Some(row) = charged else { return Ok(Judged::Over) };
                if !keys::mac::eq(&row.bytes("otp_hash")?, &typed) {
                    return Ok(Judged::Wrong(limits::OTP_TRIES.get() - row.int("otp_tries")?));
                }
                let sql = "UPDATE account_onboarding SET step = 'proofed', otp_hash = NULL WHERE id = $1";
                tx.execute(sql, params![&row_id]).await?;
                record(tx, &row_id, "account.proofed", &application_id).await?;
                Ok(Judged::Right)
            })
        })
        .await?;
    match left {
        Judged::Right => Ok(onboarding.status(OnboardingStep::Proofed)),
        Judged::Wrong(left) => {
            Err(OnboardingError::OtpWrong { tries_left: u32::try_from(left).unwrap_or(0) })
        }
        Judged::Over => Err(OnboardingError::OtpOver),
    }
}

enum Judged {
    Right,
    Wrong(i64),
    Over,
}

pub(super) fn otp_hash(platform: &Platform, onboarding: &str, otp: &str) -> Vec<u8> {
    platform.sealer.blind_index("otp", &format!("{onboarding}:{otp}"))
}

/// `010-****-2468`: enough for the holder to know which phone to look at.
pub(super) fn masked(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    let part = |from: usize, to: usize| digits.get(from..to).map(|part| part.iter().collect::<String>());
    let count = digits.len();
    match (part(0, 3), part(count.saturating_sub(4), count)) {
        (Some(head), Some(tail)) if count >= 9 => format!("{head}-****-{tail}"),
        _ => "****".to_owned(),
    }
}

/// Whether the registration comes next, held so until the transaction ends.
pub(super) async fn still_proofed(tx: &mut Tx, onboarding: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE account_onboarding SET step = step WHERE id = $1 AND step = 'proofed'";
    Ok(tx.execute(sql, params![onboarding]).await? == 1)
}

pub(super) async fn record(tx: &mut Tx, actor: &str, act: &str, subject: &str) -> Result<(), StoreError> {
    record_with(tx, actor, act, subject, serde_json::json!({})).await
}

pub(super) async fn record_with(
    tx: &mut Tx,
    actor: &str,
    act: &str,
    subject: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    audit::record(tx, audit::Record { actor, duty: "holder", act, subject, detail }).await
}

/// Forgets enrolments that are over.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM account_onboarding WHERE expires_at < $1", params![now_ms]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ends_of_a_phone_number_are_shown() {
        assert_eq!(masked("010-5550-2468"), "010-****-2468");
        assert_eq!(masked("01055502468"), "010-****-2468");
        assert_eq!(masked("1234"), "****");
        assert_eq!(masked(""), "****");
    }
}

//! A forgotten PIN, while the account is not locked: name and number, a one-time password, and the passkey that was
//! enrolled for this phone, all under the device key. Then the PIN rests: for [`limits::PIN_REST`] it approves no login at
//! its level, signs nothing and moves to no other device; the holder is told by SMS and HR by the audit log.

use wallet::account::messages::{
    AccountStatus, ForgottenPin, ForgottenPinOtp, OtpSent, ProofStatus, ProofStep, PushKind, ResetPin,
};

use super::device::{self, FromDevice};
use super::error::DeviceRefusal;
use super::proof::{self, Kind};
use super::record::Account;
use super::{effect, passkey, status};
use crate::application;
use crate::audit;
use crate::notification::{self, Message, Topic};
use crate::operations::store::params;
use crate::operations::{Platform, language, limits};
use crate::personnel;

/// Says who the holder is. Right: a one-time password is on its way; wrong: one answer for every mismatch.
pub(super) async fn begin(platform: &Platform, text: &str) -> Result<OtpSent, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<ForgottenPin>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    if passkey::of_account(&platform.store, &account.id).await?.is_none() {
        return Err(DeviceRefusal::NoPasskey);
    }
    let ForgottenPin { name, rrn } = signed.message;
    if name.len() > limits::NAME_BYTES.size() || rrn.len() > limits::RRN_BYTES.size() {
        return Err(DeviceRefusal::Malformed("identity"));
    }
    let tries_left = proof::charge(platform, &account.id).await?;
    let matches = personnel::matches_identity(platform, &account.employee_id, &name, &rrn)
        .await
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))?;
    if !matches {
        return Err(DeviceRefusal::Identity { tries_left });
    }
    let begun = proof::begin(platform, &account, Kind::ForgottenPin, |_| Box::pin(async { Ok(()) })).await?;
    Ok(OtpSent { phone: begun.phone, expires_at: begun.otp_expires_at })
}

/// Gives the one-time password back.
pub(super) async fn otp(platform: &Platform, text: &str) -> Result<ProofStatus, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<ForgottenPinOtp>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    let proof = proof::of_account(platform, &account.id, Kind::ForgottenPin).await?;
    proof::otp(platform, &proof, &signed.message.otp).await?;
    Ok(ProofStatus { step: ProofStep::Proofed, expires_at: proof.expires_at })
}

/// Puts a new PIN in place of the forgotten one.
pub(super) async fn reset(platform: &Platform, text: &str) -> Result<AccountStatus, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<ResetPin>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    let proof = proof::of_account(platform, &account.id, Kind::ForgottenPin).await?;
    if proof.step != ProofStep::Proofed {
        return Err(DeviceRefusal::WrongStep);
    }
    let ResetPin { assertion, pin_key, pin_proof } = signed.message;
    let asserted = passkey::judge(platform, &assertion, passkey::For::ForgottenPin, &account.id).await?;
    if asserted.passkey.account_id.as_ref() != Some(&account.id) {
        return Err(passkey::PasskeyRefusal::Unknown.into());
    }
    let key =
        effect::proven_pin_key(platform, &pin_key, &pin_proof, &account.id, &account.device_thumbprint)?;
    let sealed = platform.sealer.seal_pin(&account.pin_place(), &key)?;
    let notice = notice(platform, &account).await?;
    let second =
        notification::second_notice(platform, &account.employee_id, "account.sms.pin_reset", &[]).await?;
    let (read, now_ms) = (account.clone(), platform.now_ms());
    platform
        .store
        .write::<_, DeviceRefusal, _>(move |tx| {
            Box::pin(async move {
                asserted.use_up(tx).await?;
                if !proof::finish(tx, &proof).await? {
                    return Err(DeviceRefusal::ProofOver);
                }
                // One step more: every challenge given before is over, and what the old PIN signed with it.
                let rows = tx
                    .execute(
                        "UPDATE account SET pin_key = $2, pin_next = NULL, pin_generation = pin_generation + 1, \
                         tries = 0, sequence = sequence + 1, charged_at = 0, pin_right_at = $3, pin_set_at = $3, \
                         pin_reset_at = $3 WHERE id = $1 AND pin_generation = $4 AND device_thumbprint = $5 \
                         AND pin_key IS NOT NULL AND tries < 5 AND suspended_at IS NULL AND state <> 'closed'",
                        params![&read.id, sealed, now_ms, read.pin_generation, &read.device_thumbprint],
                    )
                    .await?;
                if rows != 1 {
                    let now = Account::find_in(tx, &read.id).await?.ok_or(DeviceRefusal::Device)?;
                    DeviceRefusal::unless_usable(&now)?;
                    return Err(DeviceRefusal::ProofOver);
                }
                // What the old PIN approved and nobody took yet was not approved by the new one.
                tx.execute("DELETE FROM account_approval WHERE account_id = $1", params![&read.id]).await?;
                let record = audit::Record {
                    actor: &read.id,
                    duty: "holder",
                    act: "account.pin_reset",
                    subject: &read.employee_id,
                    detail: serde_json::json!({ "account": read.id }),
                };
                audit::record(tx, record).await?;
                notification::enqueue(tx, notice).await?;
                if let Some(second) = second {
                    notification::enqueue(tx, second).await?;
                }
                notification::tell(tx, &read.id, PushKind::Activity).await?;
                Ok(())
            })
        })
        .await?;
    let now = Account::find(&platform.store, &account.id).await?.ok_or(DeviceRefusal::Device)?;
    Ok(status::of(platform, &now).await?)
}

/// Tells the holder on the number that the identity checker saw.
async fn notice(platform: &Platform, account: &Account) -> Result<Message, DeviceRefusal> {
    let phone = application::frozen_phone(platform, &account.application_id)
        .await
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))?
        .ok_or(DeviceRefusal::PhoneChanged)?;
    let told_in = notification::language_of(platform, &account.employee_id).await?;
    let text = language::text(told_in, "account.sms.pin_reset");
    Ok(Message::sms(platform, Topic::Notice, &phone, text))
}

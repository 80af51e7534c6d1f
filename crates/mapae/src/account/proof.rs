//! Proving again who one is: a one-time password to the number that the identity checker saw, after a passkey (recovery)
//! or after name and number (a forgotten PIN).
//!
//! Each beginning is one of [`limits::ACCOUNT_PROOFS`] in [`limits::ACCOUNT_PROOF_WINDOW`], charged and committed before
//! anything is judged: neither a number can be searched for nor a phone be flooded with messages. What succeeds sets the
//! count back.

use serde::{Deserialize, Serialize};
use wallet::account::messages::ProofStep;

use super::error::DeviceRefusal;
use super::onboarding;
use super::record::Account;
use crate::application;
use crate::notification::{self, Message, Topic};
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Platform, id, language, limits};

/// What is proved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Recovery,
    ForgottenPin,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::ForgottenPin => "forgotten_pin",
        }
    }
}

/// The row.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    pub(super) id: String,
    pub(super) account_id: String,
    pub(super) step: ProofStep,
    pub(super) expires_at: i64,
}

impl Proof {
    fn read(row: &Row) -> Result<Option<Proof>, StoreError> {
        let step = match row.text("step")?.as_str() {
            "otp_sent" => ProofStep::OtpSent,
            "proofed" => ProofStep::Proofed,
            "done" => ProofStep::Done,
            _ => return Ok(None),
        };
        Ok(Some(Proof {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            step,
            expires_at: row.int("expires_at")?,
        }))
    }
}

/// A proof that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) id: String,
    /// The number with its middle hidden.
    pub(super) phone: String,
    pub(super) expires_at: i64,
    pub(super) otp_expires_at: i64,
}

/// Charges one beginning; the answer is how many are left.
pub(super) async fn charge(platform: &Platform, account: &str) -> Result<u32, DeviceRefusal> {
    let (account, now_ms) = (account.to_owned(), platform.now_ms());
    let charged = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.fetch_optional(
                    "UPDATE account SET \
                     proof_tries = CASE WHEN proof_window_at <= $2 THEN 1 ELSE proof_tries + 1 END, \
                     proof_window_at = CASE WHEN proof_window_at <= $2 THEN $3 ELSE proof_window_at END \
                     WHERE id = $1 AND (proof_window_at <= $2 OR proof_tries < $4) RETURNING proof_tries",
                    params![
                        account,
                        now_ms.saturating_sub(limits::ACCOUNT_PROOF_WINDOW.get()),
                        now_ms,
                        limits::ACCOUNT_PROOFS.get()
                    ],
                )
                .await
            })
        })
        .await?;
    let row = charged.ok_or(DeviceRefusal::ProofTooMany)?;
    Ok(u32::try_from(limits::ACCOUNT_PROOFS.get() - row.int("proof_tries")?).unwrap_or(0))
}

/// Sends a one-time password; an earlier proof of the account is over. `within` runs in the same transaction, first.
pub(super) async fn begin<F>(
    platform: &Platform,
    account: &Account,
    kind: Kind,
    within: F,
) -> Result<Begun, DeviceRefusal>
where
    F: for<'t> FnOnce(&'t mut Tx) -> futures::future::BoxFuture<'t, Result<(), DeviceRefusal>>
        + Send
        + 'static,
{
    let phone = application::frozen_phone(platform, &account.application_id)
        .await
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))?
        .ok_or(DeviceRefusal::PhoneChanged)?;
    let now_ms = platform.now_ms();
    let begun = Begun {
        id: id::new(),
        phone: onboarding::masked(&phone),
        expires_at: now_ms.saturating_add(limits::ACCOUNT_PROOF_LIFE.get()),
        otp_expires_at: now_ms.saturating_add(limits::OTP_LIFE.get()),
    };
    let otp = keys::Zeroizing::new(keys::random::digits(limits::OTP_DIGITS.size()));
    let hash = onboarding::otp_hash(platform, &begun.id, &otp);
    let told_in = notification::language_of(platform, &account.employee_id).await?;
    let text =
        keys::Zeroizing::new(language::format(told_in, "account.sms.otp", &[("otp", otp.to_string())]));
    let message = Message::sms(platform, Topic::Code, &phone, &text).until(begun.otp_expires_at);
    let row = (begun.id.clone(), account.id.clone(), begun.otp_expires_at, begun.expires_at);
    platform
        .store
        .write::<_, DeviceRefusal, _>(move |tx| {
            Box::pin(async move {
                within(tx).await?;
                let (proof, account, otp_expires_at, expires_at) = row;
                tx.execute(
                    "UPDATE account_proof SET step = 'over', otp_hash = NULL \
                     WHERE account_id = $1 AND step IN ('otp_sent', 'proofed')",
                    params![&account],
                )
                .await?;
                tx.execute(
                    "INSERT INTO account_proof (id, account_id, kind, step, otp_hash, otp_expires_at, created_at, \
                     expires_at) VALUES ($1, $2, $3, 'otp_sent', $4, $5, $6, $7)",
                    params![&proof, &account, kind.as_str(), hash, otp_expires_at, now_ms, expires_at],
                )
                .await?;
                notification::enqueue(tx, message).await?;
                let detail = serde_json::json!({ "for": kind.as_str() });
                onboarding::record_with(tx, &account, "account.proof_begun", &account, detail).await?;
                Ok(())
            })
        })
        .await?;
    Ok(begun)
}

/// Judges the one-time password: charged and judged in one commit, whatever the verdict.
pub(super) async fn otp(platform: &Platform, proof: &Proof, otp: &str) -> Result<(), DeviceRefusal> {
    if proof.step != ProofStep::OtpSent {
        return Err(DeviceRefusal::WrongStep);
    }
    let typed = onboarding::otp_hash(platform, &proof.id, otp);
    let (id, now_ms) = (proof.id.clone(), platform.now_ms());
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let charged = tx
                    .fetch_optional(
                        "UPDATE account_proof SET otp_tries = otp_tries + 1 WHERE id = $1 AND step = 'otp_sent' \
                         AND otp_hash IS NOT NULL AND otp_expires_at > $2 AND otp_tries < $3 \
                         RETURNING otp_hash, otp_tries",
                        params![&id, now_ms, limits::OTP_TRIES.get()],
                    )
                    .await?;
                let Some(row) = charged else { return Ok(Err(DeviceRefusal::OtpOver)) };
                if !keys::mac::eq(&row.bytes("otp_hash")?, &typed) {
                    let left = limits::OTP_TRIES.get() - row.int("otp_tries")?;
                    let tries_left = u32::try_from(left).unwrap_or(0);
                    return Ok(Err(DeviceRefusal::OtpWrong { tries_left }));
                }
                let sql = "UPDATE account_proof SET step = 'proofed', otp_hash = NULL WHERE id = $1";
                tx.execute(sql, params![&id]).await?;
                Ok(Ok(()))
            })
        })
        .await?
}

/// Uses a proof up, in the transaction of what it is for; the account may prove itself anew as often as ever.
pub(super) async fn finish(tx: &mut Tx, proof: &Proof) -> Result<bool, StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE account_proof SET step = 'done' WHERE id = $1 AND step = 'proofed' AND expires_at > $2",
            params![&proof.id, now_ms],
        )
        .await?;
    if rows == 1 {
        tx.execute("UPDATE account SET proof_tries = 0 WHERE id = $1", params![&proof.account_id]).await?;
    }
    Ok(rows == 1)
}

/// The newest proof of an account.
pub(super) async fn of_account(
    platform: &Platform,
    account: &str,
    kind: Kind,
) -> Result<Proof, DeviceRefusal> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT id, account_id, step, expires_at FROM account_proof \
             WHERE kind = $1 AND expires_at > $2 AND account_id = $3 AND step IN ('otp_sent', 'proofed')",
            params![kind.as_str(), platform.now_ms(), account],
        )
        .await?;
    row.as_ref().map(Proof::read).transpose()?.flatten().ok_or(DeviceRefusal::ProofOver)
}

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    id: String,
}

/// What the seal of a recovery's token is for.
const TOKEN: &str = "recovery";

/// The bearer token of a recovery.
pub(super) fn token(platform: &Platform, begun: &Begun) -> Result<String, DeviceRefusal> {
    platform
        .tokens
        .seal(TOKEN, &Token { id: begun.id.clone() }, begun.expires_at)
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))
}

/// The recovery that a bearer token belongs to.
pub(super) async fn of_token(platform: &Platform, token: Option<&str>) -> Result<Proof, DeviceRefusal> {
    let now_ms = platform.now_ms();
    let token: Token = token
        .and_then(|token| platform.tokens.open(TOKEN, token, now_ms).ok())
        .ok_or(DeviceRefusal::ProofOver)?;
    let row = platform
        .store
        .fetch_optional(
            "SELECT id, account_id, step, expires_at FROM account_proof \
             WHERE kind = $1 AND expires_at > $2 AND id = $3",
            params![Kind::Recovery.as_str(), now_ms, token.id],
        )
        .await?;
    row.as_ref().map(Proof::read).transpose()?.flatten().ok_or(DeviceRefusal::ProofOver)
}

/// Forgets proofs that are over.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM account_proof WHERE expires_at < $1", params![now_ms]).await
}

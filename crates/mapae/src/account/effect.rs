//! What an instruction does once the PIN was right. Prepared before the charge, applied in the verdict's transaction.

use keys::jws::{Typ, Unverified};
use keys::{Jwk, PublicKey};
use openid::approval::Level;
use wallet::account::messages::{
    Approval, Instruction, MAX_DEVICE_JWS, PIN_PROOF_TYP, PinProof, PushKind, code,
};

use super::approval::{self, NewApproval};
use super::error::DeviceRefusal;
use super::record::Account;
use crate::audit;
use crate::lifecycle::{Badge, BadgeState};
use crate::notification;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::signatures::requests;

/// What remains to be done when the PIN was right.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// Nothing but the fact.
    None,
    /// Record an approval.
    Approve(NewApproval),
    /// Keep signatures on documents.
    Sign(requests::Given),
    /// Keep the new key beside the old one.
    Begin { sealed: Vec<u8>, generation: i64 },
    /// The new key takes the place of the old one.
    Commit { generation: i64 },
    /// The new key is dropped.
    Rollback { generation: i64 },
}

impl Effect {
    /// Checks everything that does not depend on the PIN. A refusal here is not counted.
    pub(super) async fn prepare(
        platform: &Platform,
        account: &Account,
        instruction: &Instruction,
    ) -> Result<Effect, DeviceRefusal> {
        let generation = account.pin_generation;
        match instruction {
            Instruction::CheckPin => Ok(Effect::None),
            Instruction::Approve(approval) => {
                if let Some(until) = account.pin_rests_until(platform.now_ms()) {
                    return Err(DeviceRefusal::PinRests { until });
                }
                Ok(Effect::Approve(new_approval(platform, approval, Level::Pin)?))
            }
            Instruction::Sign { documents } => {
                if let Some(until) = account.pin_rests_until(platform.now_ms()) {
                    return Err(DeviceRefusal::PinRests { until });
                }
                Ok(Effect::Sign(requests::given(platform, &account.id, documents).await?))
            }
            Instruction::PinChangeBegin { pin_key, pin_proof } => {
                let key =
                    proven_pin_key(platform, pin_key, pin_proof, &account.id, &account.device_thumbprint)?;
                let sealed = platform.sealer.seal_pin(&account.pin_place(), &key)?;
                Ok(Effect::Begin { sealed, generation })
            }
            Instruction::PinChangeCommit => Ok(Effect::Commit { generation }),
            Instruction::PinChangeRollback => Ok(Effect::Rollback { generation }),
            _ => Err(DeviceRefusal::Malformed("instruction")),
        }
    }

    /// The number of the PIN key in force afterwards.
    pub(super) fn generation_after(&self, account: &Account) -> i64 {
        match self {
            Effect::Commit { generation } => generation + 1,
            _ => account.pin_generation,
        }
    }
}

/// Checks the form of an approval and how long it will stand.
pub(super) fn new_approval(
    platform: &Platform,
    approval: &Approval,
    level: Level,
) -> Result<NewApproval, DeviceRefusal> {
    let hash = keys::encoding::b64url_decode(&approval.request_hash).unwrap_or_default();
    let digits =
        |text: &String| (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if hash.len() != 32 || !approval.number.iter().all(digits) {
        return Err(DeviceRefusal::Malformed("approval"));
    }
    Ok(NewApproval {
        request_hash: approval.request_hash.clone(),
        number: approval.number.clone(),
        level,
        expires_at: platform.clock.now_ms().saturating_add(limits::APPROVAL_LIFE.get()),
    })
}

/// The PIN public key, if the proof shows that its owner is the one who registers it, here and for this device.
pub(super) fn proven_pin_key(
    platform: &Platform,
    pin_key: &Jwk,
    pin_proof: &str,
    subject: &str,
    device: &str,
) -> Result<PublicKey, DeviceRefusal> {
    const REFUSED: DeviceRefusal = DeviceRefusal::Malformed("PIN key");
    let key = PublicKey::from_jwk(pin_key).map_err(|_| REFUSED)?;
    let proof: PinProof = Unverified::parse(pin_proof, MAX_DEVICE_JWS)
        .and_then(|proof| proof.verify(&key, Typ::Is(PIN_PROOF_TYP)))
        .and_then(|proof| proof.claims())
        .map_err(|_| REFUSED)?;
    let right = proof.aud == platform.wallet_provider() && proof.subject == subject && proof.device == device;
    if right { Ok(key) } else { Err(REFUSED) }
}

/// Applies the effect, or says by a code why it can't be (the caller rolls back).
pub(super) async fn apply(
    tx: &mut Tx,
    account: &str,
    effect: Effect,
    now_ms: i64,
) -> Result<Result<(), &'static str>, StoreError> {
    // The row is locked by the caller's update of it: what is read here holds until the commit.
    let standing = tx
        .fetch_optional(
            "SELECT id FROM account WHERE id = $1 AND suspended_at IS NULL AND state <> 'closed'",
            params![account],
        )
        .await?;
    if standing.is_none() {
        return Ok(Err(code::SUSPENDED));
    }
    match effect {
        Effect::None => Ok(Ok(())),
        Effect::Approve(new) => approve(tx, account, new, now_ms).await,
        Effect::Sign(given) => requests::apply(tx, account, given).await,
        Effect::Begin { sealed, generation } => {
            let sql =
                "UPDATE account SET pin_next = $2 WHERE id = $1 AND pin_next IS NULL AND pin_generation = $3";
            moved(tx.execute(sql, params![account, sealed, generation]).await?, code::PIN_CHANGE_PENDING)
        }
        Effect::Commit { generation } => {
            let sql = "UPDATE account SET pin_key = pin_next, pin_next = NULL, pin_generation = pin_generation + 1, \
                       pin_set_at = pin_right_at \
                       WHERE id = $1 AND pin_next IS NOT NULL AND pin_generation = $2";
            let done = moved(tx.execute(sql, params![account, generation]).await?, code::NO_PIN_CHANGE);
            notification::tell(tx, account, PushKind::Activity).await?;
            record(tx, account, "account.pin_changed").await?;
            done
        }
        Effect::Rollback { generation } => {
            let sql = "UPDATE account SET pin_next = NULL \
                       WHERE id = $1 AND pin_next IS NOT NULL AND pin_generation = $2";
            moved(tx.execute(sql, params![account, generation]).await?, code::NO_PIN_CHANGE)
        }
    }
}

fn moved(rows: u64, otherwise: &'static str) -> Result<Result<(), &'static str>, StoreError> {
    Ok(if rows == 1 { Ok(()) } else { Err(otherwise) })
}

/// Records an approval for the badge that the account holds now.
pub(super) async fn approve(
    tx: &mut Tx,
    account: &str,
    new: NewApproval,
    now_ms: i64,
) -> Result<Result<(), &'static str>, StoreError> {
    let badge = Badge::live_of_account_in(tx, account).await?;
    let Some(badge) = badge.filter(|badge| badge.state == BadgeState::Active) else {
        return Ok(Err(code::NO_BADGE));
    };
    let recorded = approval::insert(tx, account, &badge.id, new, now_ms).await?;
    Ok(if recorded { Ok(()) } else { Err(code::ALREADY_APPROVED) })
}

/// Five wrong PINs.
pub(super) async fn record_lock(tx: &mut Tx, account: &str) -> Result<(), StoreError> {
    notification::tell(tx, account, PushKind::Locked).await?;
    record(tx, account, "account.locked").await
}

async fn record(tx: &mut Tx, account: &str, act: &str) -> Result<(), StoreError> {
    let detail = serde_json::json!({});
    audit::record(tx, audit::Record { actor: account, duty: "holder", act, subject: account, detail }).await
}

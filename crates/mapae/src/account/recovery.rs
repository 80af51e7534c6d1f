//! A wallet whose app was deleted, brought back: the enrolled device-bound passkey, a one-time password to the number
//! that the identity checker saw, and the PIN. Anything less is a re-issue with its approvals.
//!
//! The PIN is proved as always: a challenge, a charged try, the PIN key in force. What it does is move the account to a new
//! device key, in one transaction with the verdict. From then on the old device key is a stranger's, and the only offer
//! that the account gets is of a badge that replaces the old one with all its copies.

use std::sync::Arc;

use keys::PublicKey;
use keys::encoding::b64url_encode;
use keys::jws::{Typ, Unverified};
use keys::sha256;
use serde::{Deserialize, Serialize};
use wallet::account::messages::{
    Instruction, MAX_DEVICE_JWS, Message as _, MoveDevice, Moved, Otp, PIN_INSTRUCTION_TYP, PasskeyOptions,
    ProofStep, PushKind, RecoveredWallet, Recovery, RecoveryStarted, RecoveryStatus, Registered, Signed,
    code,
};

use super::device;
use super::error::DeviceRefusal;
use super::instruct::{self, Judged, Settle};
use super::passkey::{self, For, PasskeyRefusal};
use super::proof::{self, Kind, Proof};
use super::record::{Account, pin_place};
use super::{offer, onboarding, registration};
use crate::notification;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};

/// What the seal of a challenge is for.
const CHALLENGE: &str = "pin-challenge-move";

/// A challenge stands for one recovery and the sequence number at which it was given.
#[derive(Debug, Serialize, Deserialize)]
struct Challenge {
    proof: String,
    sequence: i64,
}

/// Options to use whichever passkey of ours the phone has.
pub(super) fn options(platform: &Platform) -> Result<PasskeyOptions, DeviceRefusal> {
    Ok(passkey::request_options(platform, For::Recovery, "", None)?)
}

/// Takes the passkey and sends the one-time password. The account is told by the passkey alone.
pub(super) async fn begin(platform: &Platform, body: Recovery) -> Result<RecoveryStarted, DeviceRefusal> {
    let asserted = passkey::judge(platform, &body.assertion, For::Recovery, "").await?;
    let account_id = asserted.passkey.account_id.clone().ok_or(PasskeyRefusal::Unknown)?;
    let account = Account::find(&platform.store, &account_id).await?.ok_or(PasskeyRefusal::Unknown)?;
    unless_recoverable(platform, &account)?;
    if !asserted.passkey.evidence.is_device_bound() || !asserted.passkey.has_salt {
        return Err(DeviceRefusal::NotRecoverable);
    }
    proof::charge(platform, &account.id).await?;
    let begun = proof::begin(platform, &account, Kind::Recovery, move |tx| {
        Box::pin(async move { Ok(asserted.use_up(tx).await?) })
    })
    .await?;
    Ok(RecoveryStarted {
        token: proof::token(platform, &begun)?,
        phone: begun.phone,
        expires_at: begun.expires_at,
    })
}

/// Gives the one-time password back.
pub(super) async fn otp(
    platform: &Platform,
    token: Option<&str>,
    body: &Otp,
) -> Result<RecoveryStatus, DeviceRefusal> {
    let proof = proof::of_token(platform, token).await?;
    proof::otp(platform, &proof, &body.otp).await?;
    describe(platform, Proof { step: ProofStep::Proofed, ..proof }).await
}

/// Where the recovery is, with a fresh challenge where the PIN comes next.
pub(super) async fn status(
    platform: &Platform,
    token: Option<&str>,
) -> Result<RecoveryStatus, DeviceRefusal> {
    describe(platform, proof::of_token(platform, token).await?).await
}

async fn describe(platform: &Platform, proof: Proof) -> Result<RecoveryStatus, DeviceRefusal> {
    let (step, expires_at) = (proof.step, proof.expires_at);
    if step != ProofStep::Proofed {
        return Ok(RecoveryStatus { step, expires_at, wallet: None });
    }
    let account = Account::find(&platform.store, &proof.account_id).await?.ok_or(DeviceRefusal::ProofOver)?;
    unless_recoverable(platform, &account)?;
    let salt = passkey::salt(&platform.store, &account.id).await?.ok_or(DeviceRefusal::NotRecoverable)?;
    let challenge_ends = platform.now_ms().saturating_add(limits::PIN_CHALLENGE_LIFE.get());
    let challenge = platform
        .tokens
        .seal(CHALLENGE, &Challenge { proof: proof.id, sequence: account.sequence }, challenge_ends)
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))?;
    let wallet = RecoveredWallet {
        salt: b64url_encode(&salt),
        pin_generation: u32::try_from(account.pin_generation).unwrap_or(u32::MAX),
        tries_left: account.tries_left(),
        challenge,
        sequence: account.sequence.unsigned_abs(),
        account: account.id,
    };
    Ok(RecoveryStatus { step, expires_at, wallet: Some(wallet) })
}

/// The account has to be in use, and its PIN not a young one that replaced a forgotten one.
fn unless_recoverable(platform: &Platform, account: &Account) -> Result<(), DeviceRefusal> {
    DeviceRefusal::unless_usable(account)?;
    account.pin_rests_until(platform.now_ms()).map_or(Ok(()), |until| Err(DeviceRefusal::PinRests { until }))
}

/// Judges the PIN and moves the account to the device key in the header. The same device may repeat it after a lost
/// reply: once it is done nothing is judged again.
pub(super) async fn move_device(
    platform: &Arc<Platform>,
    token: Option<&str>,
    text: &str,
) -> Result<Moved, DeviceRefusal> {
    let proof = proof::of_token(platform, token).await?;
    let (device, signed) = introduced(platform, text)?;
    if signed.account != proof.account_id {
        return Err(DeviceRefusal::Device);
    }
    let account = Account::find(&platform.store, &proof.account_id).await?.ok_or(DeviceRefusal::ProofOver)?;
    match proof.step {
        ProofStep::Done if account.device_key == device => {
            let registered = registered(platform, &account.id).await?;
            return Ok(Moved { result: String::new(), registered: Some(registered) });
        }
        ProofStep::Proofed => {}
        ProofStep::Done => return Err(DeviceRefusal::ProofOver),
        ProofStep::OtpSent => return Err(DeviceRefusal::WrongStep),
    }
    unless_recoverable(platform, &account)?;
    let outer = signed.message;
    let sequence = check_challenge(platform, &account, &proof, &outer)?;
    let thumbprint = device.thumbprint();
    let inner = instruct::read_inner(
        platform,
        (&account.id, &thumbprint),
        (outer.sequence, &outer.challenge),
        &outer.pin_signed,
    )?;
    if inner.1.instruction != Instruction::MoveDevice {
        return Err(DeviceRefusal::Malformed("instruction"));
    }
    let sealed = account.pin_key.as_deref().ok_or(DeviceRefusal::PinKey)?;
    let pin_key = instruct::unseal(platform, &account, sealed)?;
    let resealed = platform.sealer.seal_pin(&pin_place(&account.id, &thumbprint), &pin_key)?;

    let tries = instruct::charge(platform, &account, sequence).await?;
    let judged = Judged {
        account: account.id.clone(),
        sequence,
        request: b64url_encode(&sha256(text.as_bytes())),
        now_ms: platform.now_ms(),
    };
    if inner.0.verify(&pin_key, Typ::Is(PIN_INSTRUCTION_TYP)).is_err() {
        let result = instruct::settle_wrong(platform, judged, tries).await?;
        return Ok(Moved { result, registered: None });
    }
    let result = judged.done(platform, account.pin_generation)?;
    let (kept, settled) = (result.clone(), judged.clone());
    let written = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let moving = Moving { account: &account, device: &device, thumbprint: &thumbprint, resealed };
                moving.write(tx, &proof, &settled).await?;
                instruct::keep(tx, &settled, &kept).await
            })
        })
        .await;
    match written {
        Ok(()) => {}
        // Another phone was first, or this device key is another account's: the PIN was right all the same.
        Err(Settle::Store(StoreError::Unique)) => {
            let result = instruct::settle_refused(platform, judged, code::DEVICE_IN_USE).await?;
            return Ok(Moved { result, registered: None });
        }
        Err(Settle::Cannot(code)) => {
            let result = instruct::settle_refused(platform, judged, code).await?;
            return Ok(Moved { result, registered: None });
        }
        Err(error) => return Err(instruct::refusal(error)),
    }
    let registered = registered(platform, &signed.account).await?;
    Ok(Moved { result, registered: Some(registered) })
}

/// The device key in the header signs the message.
fn introduced(platform: &Platform, text: &str) -> Result<(PublicKey, Signed<MoveDevice>), DeviceRefusal> {
    let unverified =
        Unverified::parse(text, MAX_DEVICE_JWS).map_err(|_| DeviceRefusal::Malformed("no signed token"))?;
    let jwk = unverified.header().jwk.clone().ok_or(DeviceRefusal::Device)?;
    let device = PublicKey::from_jwk(&jwk).map_err(|_| DeviceRefusal::Device)?;
    let verified = unverified.verify(&device, Typ::Is(MoveDevice::TYP)).map_err(|_| DeviceRefusal::Device)?;
    let signed: Signed<MoveDevice> = verified.claims().map_err(|_| DeviceRefusal::Malformed("claims"))?;
    device::fresh(platform, &signed)?;
    Ok((device, signed))
}

fn check_challenge(
    platform: &Platform,
    account: &Account,
    proof: &Proof,
    outer: &MoveDevice,
) -> Result<i64, DeviceRefusal> {
    let challenge: Challenge = platform
        .tokens
        .open(CHALLENGE, &outer.challenge, platform.now_ms())
        .map_err(|_| DeviceRefusal::Challenge)?;
    if challenge.proof != proof.id {
        return Err(DeviceRefusal::Challenge);
    }
    instruct::check_sequence(account, challenge.sequence, outer.sequence)
}

/// What is written when the PIN was right.
struct Moving<'a> {
    account: &'a Account,
    device: &'a PublicKey,
    thumbprint: &'a str,
    resealed: Vec<u8>,
}

impl Moving<'_> {
    /// A change of PIN that was open is dropped: its salt went with the app.
    async fn write(self, tx: &mut Tx, proof: &Proof, judged: &Judged) -> Result<(), Settle> {
        instruct::right_pin(tx, judged).await?;
        let rows = tx
            .execute(
                "UPDATE account SET device_key = $2, device_thumbprint = $3, pin_key = $4, pin_next = NULL, \
                 moved_at = $5 WHERE id = $1 AND device_thumbprint = $6 AND pin_generation = $7 \
                 AND suspended_at IS NULL AND state <> 'closed'",
                params![
                    &self.account.id,
                    self.device.to_sec1().to_vec(),
                    self.thumbprint,
                    self.resealed,
                    judged.now_ms,
                    &self.account.device_thumbprint,
                    self.account.pin_generation
                ],
            )
            .await?;
        if rows != 1 || !proof::finish(tx, proof).await? {
            return Err(Settle::Cannot(code::PROOF_OVER));
        }
        let account = &self.account.id;
        // Whoever still holds the former phone hears of it there.
        notification::tell(tx, account, PushKind::Activity).await?;
        tx.execute("DELETE FROM account_approval WHERE account_id = $1", params![account]).await?;
        tx.execute("DELETE FROM account_result WHERE account_id = $1", params![account]).await?;
        onboarding::record(tx, account, "account.recovered", &self.account.employee_id).await?;
        Ok(())
    }
}

/// The account as its new phone gets it, with an offer of the badge that takes the place of the old one.
async fn registered(platform: &Arc<Platform>, account_id: &str) -> Result<Registered, DeviceRefusal> {
    let account = Account::find(&platform.store, account_id).await?.ok_or(DeviceRefusal::Device)?;
    let passkey = passkey::of_account(&platform.store, account_id).await?;
    let pin_generation = u32::try_from(account.pin_generation).unwrap_or(u32::MAX);
    // Asking again supersedes the first offer, like a phone that lost an answer.
    let link = offer::of_now(platform, account).await?;
    Ok(Registered {
        account: account_id.to_owned(),
        offer: link,
        result_keys: keys::JwkSet { keys: registration::result_keys(platform)? },
        trust_anchors: vec![b64url_encode(platform.keys.root().der())],
        accreditation: Some(registration::accreditation(platform).await?),
        pin_generation,
        passkey: passkey.map(|passkey| passkey.evidence).unwrap_or_default(),
        share: None,
    })
}

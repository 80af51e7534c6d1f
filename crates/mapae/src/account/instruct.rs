//! PIN instructions on the server.
//!
//! Order: device signature → account state → challenge → sequence (refusals so far are not counted) → the PIN key is
//! unsealed (failure: 503, not counted) → ONE committed conditional update that moves the sequence, and with it
//! consumes the challenge, and charges a try → judge → in one transaction, right: tries back to 0, the effect and the
//! signed result; wrong: the signed result, the charge stays.
//!
//! | A crash here | leaves |
//! |---|---|
//! | before the charge | nothing |
//! | after the charge, before the verdict is stored | a charged try without a verdict; asked for its result, the server closes it as never judged |
//! | after the verdict is stored | the verdict, given again to whoever asks with the device key |
//!
//! The PIN-signed half is looked at and dropped: never stored, never logged, not even as part of an error.

use keys::encoding::b64url_encode;
use keys::jws::{Header, Typ, Unverified};
use keys::{PublicKey, sha256};
use serde::{Deserialize, Serialize};
use wallet::account::messages::{
    Answer, ChallengeGiven, ChallengeRequest, Instruct, Instruction, InstructionResult, MAX_DEVICE_JWS,
    PIN_INSTRUCTION_TYP, PinInstruction, RESULT_TYP, ResultRequest, Verdict,
};

use super::device::{self, FromDevice};
use super::effect::{self, Effect};
use super::error::DeviceRefusal;
use super::record::{Account, tries_left};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{KeyName, Platform, limits};

/// What the seal of a challenge is for.
const CHALLENGE: &str = "pin-challenge";

/// A challenge stands for one account, one device and the sequence number at which it was given.
#[derive(Debug, Serialize, Deserialize)]
struct Challenge {
    account: String,
    device: String,
    sequence: i64,
}

/// Gives a challenge, only against a device signature. Nothing is stored.
pub(super) async fn challenge(platform: &Platform, text: &str) -> Result<ChallengeGiven, DeviceRefusal> {
    let FromDevice { account, .. } = device::verify::<ChallengeRequest>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    let expires_at = platform.clock.now_ms().saturating_add(limits::PIN_CHALLENGE_LIFE.get());
    let sealed = Challenge {
        account: account.id.clone(),
        device: account.device_thumbprint.clone(),
        sequence: account.sequence,
    };
    let challenge = platform
        .tokens
        .seal(CHALLENGE, &sealed, expires_at)
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))?;
    Ok(ChallengeGiven { challenge, sequence: account.sequence.unsigned_abs(), expires_at })
}

/// Judges one instruction.
pub(super) async fn instruct(platform: &Platform, text: &str) -> Result<Answer, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<Instruct>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    let outer = signed.message;
    let sequence = check_challenge(platform, &account, &outer)?;
    let (inner, claimed) = read_inner(
        platform,
        (&account.id, &account.device_thumbprint),
        (outer.sequence, &outer.challenge),
        &outer.pin_signed,
    )?;
    let sealed_key = key_for(&account, &claimed.instruction)?;
    let pin_key = unseal(platform, &account, sealed_key)?;
    let effect = Effect::prepare(platform, &account, &claimed.instruction).await?;

    let tries = charge(platform, &account, sequence).await?;

    let right = inner.verify(&pin_key, Typ::Is(PIN_INSTRUCTION_TYP)).is_ok();
    let judged = Judged {
        account: account.id.clone(),
        sequence,
        request: b64url_encode(&sha256(text.as_bytes())),
        now_ms: platform.clock.now_ms(),
    };
    let result = if right {
        settle_right(platform, &account, judged, effect).await?
    } else {
        settle_wrong(platform, judged, tries).await?
    };
    Ok(Answer { result })
}

/// The stored result of an instruction whose reply was lost.
pub(super) async fn result(platform: &Platform, text: &str, sequence: u64) -> Result<Answer, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<ResultRequest>(platform, text).await?;
    if signed.message.sequence != sequence {
        return Err(DeviceRefusal::Malformed("sequence"));
    }
    let sequence = i64::try_from(sequence).map_err(|_| DeviceRefusal::NoResult)?;
    if let Some(result) = stored_result(platform, &account.id, sequence).await? {
        return closed_or(result, &account);
    }
    if sequence != account.sequence || account.charged_at == 0 {
        return Err(DeviceRefusal::NoResult);
    }
    let now_ms = platform.clock.now_ms();
    if now_ms < account.charged_at.saturating_add(limits::PIN_JUDGE_TIME.get()) {
        return Err(DeviceRefusal::BeingJudged);
    }
    // The judge had its time and is gone. From here on nobody may judge it: the row is taken.
    let id = account.id.clone();
    let closed = platform
        .store
        .write(move |tx| Box::pin(async move { store_result(tx, &id, sequence, NEVER_JUDGED, now_ms).await }))
        .await?;
    if closed {
        return Err(DeviceRefusal::NotJudged { tries_left: account.tries_left() });
    }
    let result = stored_result(platform, &account.id, sequence).await?.ok_or(DeviceRefusal::NoResult)?;
    closed_or(result, &account)
}

/// Stands in the result column when a charged instruction was never judged.
const NEVER_JUDGED: &str = "";

fn closed_or(result: String, account: &Account) -> Result<Answer, DeviceRefusal> {
    if result == NEVER_JUDGED {
        return Err(DeviceRefusal::NotJudged { tries_left: account.tries_left() });
    }
    Ok(Answer { result })
}

fn check_challenge(platform: &Platform, account: &Account, outer: &Instruct) -> Result<i64, DeviceRefusal> {
    let challenge: Challenge = platform
        .tokens
        .open(CHALLENGE, &outer.challenge, platform.clock.now_ms())
        .map_err(|_| DeviceRefusal::Challenge)?;
    if challenge.account != account.id || challenge.device != account.device_thumbprint {
        return Err(DeviceRefusal::Challenge);
    }
    check_sequence(account, challenge.sequence, outer.sequence)
}

/// The challenge stands for the last number used, and the new one comes next, not far off.
pub(super) fn check_sequence(account: &Account, given_at: i64, asked: u64) -> Result<i64, DeviceRefusal> {
    // A jump to the end of the numbers would leave an account that can never be instructed again.
    let most = account.sequence.saturating_add(limits::PIN_SEQUENCE_STEP.get());
    if asked > most.unsigned_abs() {
        return Err(DeviceRefusal::Malformed("sequence"));
    }
    let newer = asked > account.sequence.unsigned_abs();
    if given_at != account.sequence || !newer {
        return Err(DeviceRefusal::Stale { sequence: account.sequence });
    }
    i64::try_from(asked).map_err(|_| DeviceRefusal::Malformed("sequence"))
}

/// Reads the PIN-signed half without believing it: it has to repeat what the device signed around it, for whom
/// (account, thumbprint of the device) and as which (number, challenge).
pub(super) fn read_inner(
    platform: &Platform,
    (account, device): (&str, &str),
    (sequence, challenge): (u64, &str),
    pin_signed: &str,
) -> Result<(Unverified, PinInstruction), DeviceRefusal> {
    let inner = Unverified::parse(pin_signed, MAX_DEVICE_JWS)
        .map_err(|_| DeviceRefusal::Malformed("PIN-signed half"))?;
    if inner.header().alg != "ES256" || inner.header().typ.as_deref() != Some(PIN_INSTRUCTION_TYP) {
        return Err(DeviceRefusal::Malformed("PIN-signed half"));
    }
    let claimed: PinInstruction =
        inner.dangerous_claims().map_err(|_| DeviceRefusal::Malformed("PIN-signed half"))?;
    let same = claimed.aud == platform.wallet_provider()
        && claimed.account == account
        && claimed.device == device
        && claimed.sequence == sequence
        && claimed.challenge == challenge;
    if same { Ok((inner, claimed)) } else { Err(DeviceRefusal::Malformed("halves differ")) }
}

/// Which key has to have signed: the new one for a commit, the one in force for everything else.
fn key_for<'a>(account: &'a Account, instruction: &Instruction) -> Result<&'a [u8], DeviceRefusal> {
    let in_force = account.pin_key.as_deref().ok_or(DeviceRefusal::PinKey)?;
    match (instruction, account.pin_next.as_deref()) {
        (Instruction::PinChangeCommit, Some(next)) => Ok(next),
        (Instruction::PinChangeRollback, Some(_)) => Ok(in_force),
        (Instruction::PinChangeCommit | Instruction::PinChangeRollback, None) => {
            Err(DeviceRefusal::NoPinChange)
        }
        (_, Some(_)) => Err(DeviceRefusal::PinChangePending),
        (_, None) => Ok(in_force),
    }
}

/// The PIN key, if it is this account's under its present device.
pub(super) fn unseal(
    platform: &Platform,
    account: &Account,
    sealed: &[u8],
) -> Result<PublicKey, DeviceRefusal> {
    platform.sealer.open_pin(&account.pin_place(), sealed)?.ok_or_else(|| {
        tracing::error!(account = %account.id, "the PIN key does not open: another row's, or the keys are gone");
        DeviceRefusal::PinKey
    })
}

/// The one statement on which the promise of five tries stands. Committed before anything is judged.
pub(super) async fn charge(
    platform: &Platform,
    account: &Account,
    sequence: i64,
) -> Result<i64, DeviceRefusal> {
    let (id, device, base) = (account.id.clone(), account.device_thumbprint.clone(), account.sequence);
    let now_ms = platform.clock.now_ms();
    let charged = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.fetch_optional(
                    "UPDATE account SET sequence = $3, tries = tries + 1, charged_at = $5 \
                     WHERE id = $1 AND device_thumbprint = $2 AND sequence = $4 AND tries < 5 \
                     AND state <> 'closed' AND suspended_at IS NULL AND pin_key IS NOT NULL RETURNING tries",
                    params![id, device, sequence, base, now_ms],
                )
                .await
            })
        })
        .await?;
    if let Some(row) = charged {
        return Ok(row.int("tries")?);
    }
    let now = Account::find(&platform.store, &account.id).await?.ok_or(DeviceRefusal::Device)?;
    DeviceRefusal::unless_usable(&now)?;
    Err(DeviceRefusal::Stale { sequence: now.sequence })
}

/// What is known of an instruction once it is judged.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) account: String,
    pub(super) sequence: i64,
    pub(super) request: String,
    pub(super) now_ms: i64,
}

impl Judged {
    /// "Right, and done", signed.
    pub(super) fn done(&self, platform: &Platform, generation: i64) -> Result<String, DeviceRefusal> {
        let pin_generation = u32::try_from(generation).unwrap_or(u32::MAX);
        self.sign(platform, Verdict::Done { pin_generation })
    }

    fn sign(&self, platform: &Platform, verdict: Verdict) -> Result<String, DeviceRefusal> {
        let result = InstructionResult {
            iss: platform.wallet_provider().to_owned(),
            account: self.account.clone(),
            sequence: self.sequence.unsigned_abs(),
            request: self.request.clone(),
            iat: self.now_ms.div_euclid(1_000),
            verdict,
        };
        let internal = |error: &dyn std::fmt::Display| DeviceRefusal::Internal(error.to_string());
        let signer = platform.keys.signer(KeyName::InstructionResult).map_err(|error| internal(&error))?;
        let payload = serde_json::to_vec(&result).map_err(|error| internal(&error))?;
        let header = Header::es256(RESULT_TYP).with_kid(signer.public_key().thumbprint());
        keys::jws::sign(&*signer, &header, &payload).map_err(|error| internal(&error))
    }
}

/// Why an effect did not come about; the transaction is rolled back and a refusal is stored instead.
#[derive(Debug, thiserror::Error)]
pub(super) enum Settle {
    #[error("{0}")]
    Cannot(&'static str),
    #[error("closed as never judged")]
    Abandoned,
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn settle_right(
    platform: &Platform,
    account: &Account,
    judged: Judged,
    effect: Effect,
) -> Result<String, DeviceRefusal> {
    let done = judged.done(platform, effect.generation_after(account))?;
    let (subject, result) = (judged.clone(), done.clone());
    let settled = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                right_pin(tx, &subject).await?;
                if let Err(code) = effect::apply(tx, &subject.account, effect, subject.now_ms).await? {
                    return Err(Settle::Cannot(code));
                }
                keep(tx, &subject, &result).await
            })
        })
        .await;
    match settled {
        Ok(()) => Ok(done),
        Err(Settle::Cannot(code)) => settle_refused(platform, judged, code).await,
        Err(error) => Err(refusal(error)),
    }
}

/// The PIN was right, and what it was for can't be done: the try goes back.
pub(super) async fn settle_refused(
    platform: &Platform,
    judged: Judged,
    code: &str,
) -> Result<String, DeviceRefusal> {
    let refused = judged.sign(platform, Verdict::Refused { code: code.to_owned() })?;
    let result = refused.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                right_pin(tx, &judged).await?;
                keep(tx, &judged, &result).await
            })
        })
        .await
        .map_err(refusal)?;
    Ok(refused)
}

/// A wrong PIN: the charge stays.
pub(super) async fn settle_wrong(
    platform: &Platform,
    judged: Judged,
    tries: i64,
) -> Result<String, DeviceRefusal> {
    let left = tries_left(tries);
    let wrong = judged.sign(platform, Verdict::WrongPin { tries_left: left })?;
    let result = wrong.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                keep(tx, &judged, &result).await?;
                if left == 0 {
                    effect::record_lock(tx, &judged.account).await?;
                }
                Ok(())
            })
        })
        .await
        .map_err(refusal)?;
    Ok(wrong)
}

pub(super) fn refusal(error: Settle) -> DeviceRefusal {
    match error {
        Settle::Cannot(code) => DeviceRefusal::Internal(code.to_owned()),
        Settle::Abandoned => DeviceRefusal::NotJudged { tries_left: 0 },
        Settle::Store(error) => error.into(),
    }
}

pub(super) async fn right_pin(tx: &mut Tx, judged: &Judged) -> Result<(), Settle> {
    let sql = "UPDATE account SET tries = 0, pin_right_at = $2 WHERE id = $1";
    tx.execute(sql, params![&judged.account, judged.now_ms]).await?;
    Ok(())
}

/// Stores the result, or fails if the instruction was closed as never judged meanwhile.
pub(super) async fn keep(tx: &mut Tx, judged: &Judged, result: &str) -> Result<(), Settle> {
    if !store_result(tx, &judged.account, judged.sequence, result, judged.now_ms).await? {
        return Err(Settle::Abandoned);
    }
    tx.execute(
        "DELETE FROM account_result WHERE account_id = $1 AND sequence <= $2",
        params![&judged.account, judged.sequence - limits::PIN_RESULTS_KEPT.get()],
    )
    .await?;
    Ok(())
}

async fn store_result(
    tx: &mut Tx,
    account: &str,
    sequence: i64,
    result: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "INSERT INTO account_result (account_id, sequence, result, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            params![account, sequence, result, now_ms],
        )
        .await?;
    Ok(rows == 1)
}

async fn stored_result(
    platform: &Platform,
    account: &str,
    sequence: i64,
) -> Result<Option<String>, DeviceRefusal> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT result FROM account_result WHERE account_id = $1 AND sequence = $2",
            params![account, sequence],
        )
        .await?;
    Ok(row.map(|row| row.text("result")).transpose()?)
}

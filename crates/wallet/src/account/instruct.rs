//! PIN instructions, and what to do when no answer came.

use keys::encoding::b64url_encode;
use keys::jws::{Header, Typ, Unverified};
use keys::{PublicKey, sha256};

use crate::account::client::{AccountError, endpoint, read};
use crate::account::messages::{
    AccountState, AccountStatus, Answer, ChallengeGiven, ChallengeRequest, Envelope, Instruct, Instruction,
    InstructionResult, PIN_INSTRUCTION_TYP, PinInstruction, RESULT_TYP, ResultKeys, ResultRequest,
    StatusRequest, Verdict, code,
};
use crate::pin::{Pin, Salt};
use crate::ports::{Clock as _, DeviceKey as _, Http as _, HttpError, KeyError, Request, Shell};
use crate::state::{Account, Pending, PendingKind, PinChangeStage};
use crate::usage::{self, Act};
use crate::wallet::Wallet;

/// How often an instruction is tried again when another phone process came first.
const MAX_STALE_RETRIES: usize = 200;

/// Longest server-signed result (bytes).
const MAX_RESULT: usize = 4 << 10;

/// What became of an unanswered instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumed {
    /// There was none.
    Nothing,
    /// It was judged; its effect is applied.
    Judged(PendingKind, Verdict),
    /// It never arrived; nothing was counted.
    NeverArrived(PendingKind),
    /// A try was charged, but the server stopped before it judged.
    NotJudged(PendingKind),
}

impl Instruction {
    fn kind(&self) -> PendingKind {
        match self {
            // A recovery sends its own and keeps account of it apart.
            Instruction::CheckPin | Instruction::MoveDevice => PendingKind::CheckPin,
            Instruction::Approve(_) => PendingKind::Approve,
            Instruction::Sign { .. } => PendingKind::Sign,
            Instruction::PinChangeBegin { .. } => PendingKind::PinChangeBegin,
            Instruction::PinChangeCommit => PendingKind::PinChangeCommit,
            Instruction::PinChangeRollback => PendingKind::PinChangeRollback,
        }
    }
}

impl<S: Shell> Wallet<S> {
    /// "This is the holder": right PIN, nothing else.
    pub async fn check_pin(&mut self, pin: &Pin) -> Result<(), AccountError> {
        let salt = self.pin_salt()?;
        self.instruct(pin, &salt, Instruction::CheckPin).await
    }

    /// Asks the server how the account stands and brings the phone's copy in step.
    pub async fn sync(&mut self) -> Result<AccountStatus, AccountError> {
        let status = self.ask_status().await?;
        let pending = self.state().pending.is_some();
        let usable = matches!(status.state, AccountState::Active | AccountState::Pending);
        if !usable {
            self.forget_gate_pass().await?;
        }
        self.update(|state| {
            let Some(account) = &mut state.account else { return };
            account.state = status.state;
            account.tries_left = status.tries_left;
            account.status = Some(status.clone());
            let Some(change) = &mut account.pin_change else { return };
            if status.pin_generation == change.new.generation && status.state != AccountState::NewPinNeeded {
                account.pin = change.new.clone();
                account.pin_change = None;
            } else if status.pin_change {
                change.stage = PinChangeStage::Begun;
            } else if !pending && change.stage == PinChangeStage::Begun {
                account.pin_change = None;
            }
        })
        .await?;
        // What the server keeps against a deleted app may be behind: it is brought in step whenever there is a network.
        let _ = self.keep_salt().await;
        Ok(status)
    }

    pub(super) async fn ask_status(&self) -> Result<AccountStatus, AccountError> {
        self.account_get("/account", StatusRequest {}).await
    }

    /// Finds out what became of the last unanswered instruction. Call it after a restart; every instruction
    /// calls it first.
    pub async fn resume(&mut self) -> Result<Resumed, AccountError> {
        let Some(pending) = self.state().pending.clone() else { return Ok(Resumed::Nothing) };
        let path = format!("/results/{}", pending.sequence);
        let asked: Result<Answer, AccountError> =
            self.account_get(&path, ResultRequest { sequence: pending.sequence }).await;
        match asked {
            Ok(answer) => {
                let verdict = self.apply(&pending, &answer).await?;
                Ok(Resumed::Judged(pending.kind, verdict))
            }
            Err(error) if error.is(code::RESULT_NOT_FOUND) => {
                // It may still be on its way. Only a change of PIN would leave a trace, and `sync` reads that.
                self.update(|state| state.pending = None).await?;
                self.sync().await?;
                Ok(Resumed::NeverArrived(pending.kind))
            }
            Err(error) if error.is(code::NOT_JUDGED) => {
                self.update(|state| state.pending = None).await?;
                self.sync().await?;
                Ok(Resumed::NotJudged(pending.kind))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn pin_salt(&self) -> Result<Salt, AccountError> {
        Ok(self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?.pin.salt.clone())
    }

    /// Sends one instruction and applies its result.
    pub(super) async fn instruct(
        &mut self,
        pin: &Pin,
        salt: &Salt,
        instruction: Instruction,
    ) -> Result<(), AccountError> {
        self.resume().await?;
        let account = self.state().account.clone().ok_or(AccountError::NotEnrolled)?;
        let mut tries = 0;
        loop {
            match self.instruct_once(&account, pin, salt, &instruction).await {
                Err(error)
                    if (error.is(code::STALE_SEQUENCE) || error.is(code::CHALLENGE_INVALID))
                        && tries < MAX_STALE_RETRIES =>
                {
                    tries += 1;
                }
                Err(AccountError::Refused { code, .. }) if code == code::LOCKED => {
                    self.update(|state| {
                        if let Some(account) = &mut state.account {
                            (account.state, account.tries_left) = (AccountState::Locked, 0);
                        }
                    })
                    .await?;
                    return Err(AccountError::WrongPin { tries_left: 0 });
                }
                other => return other,
            }
        }
    }

    async fn instruct_once(
        &mut self,
        account: &Account,
        pin: &Pin,
        salt: &Salt,
        instruction: &Instruction,
    ) -> Result<(), AccountError> {
        let given: ChallengeGiven = self.account_post("/challenge", ChallengeRequest {}).await?;
        let sequence =
            given.sequence.checked_add(1).ok_or(AccountError::Protocol("a sequence out of range"))?;
        let inner = PinInstruction {
            aud: account.provider.clone(),
            account: account.id.clone(),
            device: self.device_key()?.public_key().thumbprint(),
            sequence,
            challenge: given.challenge.clone(),
            instruction: instruction.clone(),
        };
        let inner = serde_json::to_vec(&inner)
            .map_err(|_| AccountError::Protocol("a message that can't be written"))?;
        let pin_signed = keys::jws::sign(&pin.key(salt), &Header::es256(PIN_INSTRUCTION_TYP), &inner)
            .map_err(|error| KeyError::Failed(error.to_string()))?;
        let signed = self.account_sign(Instruct { sequence, challenge: given.challenge, pin_signed }).await?;
        let pending = Pending {
            sequence,
            request: b64url_encode(&sha256(signed.as_bytes())),
            kind: instruction.kind(),
        };
        let noted = pending.clone();
        self.update(|state| state.pending = Some(noted)).await?;

        let body = serde_json::to_vec(&Envelope { signed })
            .map_err(|_| AccountError::Protocol("a message that can't be written"))?;
        let sent = self
            .shell()
            .http()
            .send(Request::json_bytes(endpoint(&account.provider, "/instructions"), body))
            .await;
        let answer = match sent {
            Ok(response) if response.status >= 500 && !is_uncounted(&response.body) => None,
            Ok(response) => Some(read::<Answer>(&response)),
            Err(HttpError::Unreachable) => Some(Err(AccountError::Http(HttpError::Unreachable))),
            Err(_) => None,
        };
        match answer {
            Some(Ok(answer)) => verdict_to_result(self.apply(&pending, &answer).await?),
            Some(Err(error)) => {
                self.update(|state| state.pending = None).await?;
                Err(error)
            }
            // Something may have happened: ask once, at once; later `resume` asks again.
            None => match self.resume().await {
                Ok(Resumed::Judged(_, verdict)) => verdict_to_result(verdict),
                Ok(_) => Err(AccountError::Http(HttpError::AnswerLost)),
                Err(_) => Err(AccountError::AnswerUnknown),
            },
        }
    }

    /// Verifies a result and does on the phone what follows from it.
    async fn apply(&mut self, pending: &Pending, answer: &Answer) -> Result<Verdict, AccountError> {
        let result = self.verify_result(pending, answer).await?;
        let verdict = result.verdict.clone();
        let changed = self.usage_record(result.iss, true, Act::PinChanged);
        let now_ms = self.shell().clock().now_ms();
        self.update(|state| {
            state.pending = None;
            let Some(account) = &mut state.account else { return };
            if let (Some(status), Verdict::Done { .. } | Verdict::Refused { .. }) =
                (&mut account.status, &result.verdict)
            {
                status.pin_right_at = now_ms;
            }
            match &result.verdict {
                Verdict::WrongPin { tries_left } => {
                    account.tries_left = *tries_left;
                    if *tries_left == 0 {
                        account.state = AccountState::Locked;
                    }
                }
                Verdict::Refused { .. } => account.tries_left = 5,
                Verdict::Done { pin_generation } => {
                    account.tries_left = 5;
                    match pending.kind {
                        PendingKind::CheckPin | PendingKind::Approve | PendingKind::Sign => {}
                        PendingKind::PinChangeBegin => {
                            if let Some(change) = &mut account.pin_change {
                                change.stage = PinChangeStage::Begun;
                            }
                        }
                        PendingKind::PinChangeCommit => {
                            if let Some(change) = account.pin_change.take() {
                                account.pin = change.new;
                                account.pin.generation = *pin_generation;
                                usage::record(&mut state.usage, changed);
                            }
                        }
                        PendingKind::PinChangeRollback => account.pin_change = None,
                    }
                }
            }
        })
        .await?;
        Ok(verdict)
    }

    async fn verify_result(
        &mut self,
        pending: &Pending,
        answer: &Answer,
    ) -> Result<InstructionResult, AccountError> {
        let kid = kid_of(&answer.result)?;
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        let (provider, id) = (account.provider.clone(), account.id.clone());
        if account.result_keys.find(&kid).is_none() {
            let response = self.shell().http().send(Request::get(endpoint(&provider, "/keys"))).await?;
            let fetched: ResultKeys = read(&response)?;
            self.update(|state| {
                if let Some(account) = &mut state.account {
                    account.result_keys.keys = fetched.keys;
                }
            })
            .await?;
        }
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        let expected = Expected {
            provider: &provider,
            account: &id,
            sequence: pending.sequence,
            request: &pending.request,
        };
        expected.verify(&answer.result, &account.result_keys)
    }
}

fn kid_of(result: &str) -> Result<String, AccountError> {
    let unverified = Unverified::parse(result, MAX_RESULT)
        .map_err(|_| AccountError::Protocol("a result that is no signed token"))?;
    Ok(unverified.header().kid.clone().unwrap_or_default())
}

/// Which result is waited for.
pub(super) struct Expected<'a> {
    pub(super) provider: &'a str,
    pub(super) account: &'a str,
    pub(super) sequence: u64,
    pub(super) request: &'a str,
}

impl Expected<'_> {
    /// The result, if one of these keys signed it and it is the one that is waited for.
    pub(super) fn verify(
        &self,
        result: &str,
        keys: &keys::JwkSet,
    ) -> Result<InstructionResult, AccountError> {
        let key = keys
            .find(&kid_of(result)?)
            .and_then(|jwk| PublicKey::from_jwk(jwk).ok())
            .ok_or(AccountError::Protocol("a result by an unknown key"))?;
        let result: InstructionResult = Unverified::parse(result, MAX_RESULT)
            .and_then(|unverified| unverified.verify(&key, Typ::Is(RESULT_TYP)))
            .and_then(|verified| verified.claims())
            .map_err(|_| AccountError::Protocol("a result that the server did not sign"))?;
        if result.iss != self.provider
            || result.account != self.account
            || result.sequence != self.sequence
            || result.request != self.request
        {
            return Err(AccountError::Protocol("a result of another instruction"));
        }
        Ok(result)
    }
}

/// A 5xx of ours that says nothing happened.
fn is_uncounted(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Code {
        code: String,
    }
    serde_json::from_slice::<Code>(body).is_ok_and(|problem| problem.code == code::PIN_KEY_UNAVAILABLE)
}

fn verdict_to_result(verdict: Verdict) -> Result<(), AccountError> {
    match verdict {
        Verdict::Done { .. } => Ok(()),
        Verdict::WrongPin { tries_left } => Err(AccountError::WrongPin { tries_left }),
        Verdict::Refused { code } => Err(AccountError::InstructionRefused { code }),
    }
}

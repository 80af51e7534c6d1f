//! At gates: a key of its own, a pass that is renewed silently, the card that answers a reader, and the code for readers
//! of codes.
//!
//! The phone has only to be unlocked: no PIN, no passkey. A locked one answers `6985` ([`::gate::card`]). What the person
//! is told comes from the controller's own answer.

#[cfg(test)]
mod tests;

use core::future::Future as _;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use ::gate::card::{Answer, Card, Decided, Phone};
use ::gate::decision::Reason;
use ::gate::entry_code::Draft;
use ::gate::fast::CardKeys;
use ::gate::wire::Evidence;
use keys::encoding::b64url_decode;
use keys::jws::{Header, SigningInput};
use keys::{Jwk, PublicKey, SignError, Signature};
use serde::{Deserialize, Serialize};

use crate::account::AccountError;
use crate::account::messages::{GATE_KEY_PROOF_TYP, GateKeyProof, GatePassGiven, GatePassRequest};
use crate::ports::{Clock as _, DeviceKey as _, KeyError, KeyStore as _, KeyUse, Shell};
use crate::secret::Secret;
use crate::state::{Device, State};
use crate::usage::Act;
use crate::wallet::{OpenError, Signing, Wallet};

/// The longest answer at once: what Android's and a terminal's stacks carry.
const MAX_RESPONSE: u16 = 1_024;

/// What the vault holds for gates. What no shell without a radio reads stays text, so that its program does not carry the
/// reading of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtGates {
    /// The gate key.
    pub key: Device,
    /// [`Held`] as JSON; empty where there is nothing.
    #[serde(default)]
    held: Secret,
}

/// Pass and keys.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Held {
    /// The pass.
    #[serde(default)]
    pass: Option<KeptPass>,
    /// Keys of the fast way.
    #[serde(default)]
    fast: CardKeys,
}

impl AtGates {
    /// Nothing, where there is none or it is of a version that is not known.
    fn held(&self) -> Held {
        serde_json::from_str(&self.held).unwrap_or_default()
    }

    fn hold(&mut self, held: &Held) {
        // A structure of texts and numbers can be written.
        self.held = Secret::new(serde_json::to_string(held).unwrap_or_default());
    }
}

/// A pass as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptPass {
    /// As it was signed, base64url.
    pub pass: String,
    /// From when it counts here, seconds since 1970.
    pub since: i64,
    /// When it ends, seconds since 1970.
    pub expires: i64,
    /// Whose readers are answered.
    pub authorities: Vec<Jwk>,
}

/// Why a phone shows no entry code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// There is no pass: go online.
    #[error("there is no gate pass on this phone")]
    NoPass,
    /// The pass is over: go online.
    #[error("the gate pass has run out")]
    PassOver,
    /// The phone is locked.
    #[error("the phone is locked")]
    Locked,
    /// The gate key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl CodeError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            CodeError::NoPass => "no_gate_pass",
            CodeError::PassOver => "gate_pass_over",
            CodeError::Locked => "phone_locked",
            CodeError::Key(_) => "gate_key",
        }
    }
}

/// The card of a wallet as its vault has it.
pub(crate) fn card(state: &State) -> Card {
    let keys = state.gate.as_ref().map(|gate| gate.held().fast).unwrap_or_default();
    Card::new(keys, MAX_RESPONSE)
}

impl KeptPass {
    fn opened(&self) -> Option<(Vec<u8>, Vec<PublicKey>)> {
        let authorities = self.authorities.iter().filter_map(|jwk| PublicKey::from_jwk(jwk).ok()).collect();
        Some((b64url_decode(&self.pass).ok()?, authorities))
    }

    /// Whether less than half of its life is left: time to renew.
    fn is_ageing(&self, now_s: i64) -> bool {
        self.expires.saturating_sub(now_s) < self.expires.saturating_sub(self.since) / 2
    }
}

/// The signature of a key that signs at once: software, or a keystore that blocks. One that signs later can't answer a
/// reader, who waits for a tenth of a second.
fn at_once<S: Shell>(key: &Signing<'_, S>, message: &[u8]) -> Result<Signature, SignError> {
    match pin!(key.sign(message)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(signed) => signed.map_err(|error| SignError(error.to_string())),
        Poll::Pending => Err(SignError("the gate key does not sign at once".into())),
    }
}

impl<S: Shell> Wallet<S> {
    /// Asks for a new pass where there is none, or the one there is has lived half its life. Silent: the device key alone
    /// asks. A refusal because the account is stopped takes the pass away.
    ///
    /// # Errors
    /// No account, no network, or the wallet provider refuses; a pass that is still good stays.
    pub async fn renew_gate_pass(&mut self) -> Result<(), AccountError> {
        let now_s = self.shell().clock().now_s();
        let kept = self.state().gate.as_ref().and_then(|gate| gate.held().pass);
        if kept.is_some_and(|pass| !pass.is_ageing(now_s)) {
            return Ok(());
        }
        match self.ask_gate_pass(now_s).await {
            Err(AccountError::Refused { status: 401 | 403 | 409 | 410 | 423, code, detail, .. }) => {
                self.forget_gate_pass().await?;
                Err(AccountError::Refused { status: 403, code, detail, tries_left: None, sequence: None })
            }
            done => done,
        }
    }

    async fn ask_gate_pass(&mut self, now_s: i64) -> Result<(), AccountError> {
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        let proof = GateKeyProof { aud: account.provider.clone(), subject: account.id.clone(), iat: now_s };
        let key = match &self.state().gate {
            Some(gate) => gate.key.clone(),
            None => {
                let made = self.shell().keys().generate(KeyUse::Gate).await?;
                let key = Device { handle: made.handle, public_key: made.public_key.to_jwk() };
                let gate = AtGates { key: key.clone(), held: Secret::default() };
                self.update(|state| state.gate = Some(gate)).await?;
                key
            }
        };
        let payload = serde_json::to_vec(&proof).map_err(|_| AccountError::Protocol("a proof"))?;
        let input = SigningInput::new(&Header::es256(GATE_KEY_PROOF_TYP), &payload);
        let signature = self.shell().keys().sign(&key.handle, input.as_bytes()).await?;
        let request = GatePassRequest { key: key.public_key, proof: input.finish(&signature) };
        let given: GatePassGiven = self.account_post("/gate-pass", request).await?;
        let kept = KeptPass {
            pass: given.pass,
            since: now_s,
            expires: given.expires,
            authorities: given.authorities,
        };
        kept.opened()
            .filter(|(pass, authorities)| !authorities.is_empty() && pass.len() <= ::gate::pass::MAX_PASS)
            .ok_or(AccountError::Protocol("a gate pass of another shape"))?;
        self.update(|state| {
            if let Some(gate) = &mut state.gate {
                let held = Held { pass: Some(kept), ..gate.held() };
                gate.hold(&held);
            }
        })
        .await?;
        Ok(())
    }

    /// Forgets pass and keys of the fast way: the account is stopped or closed.
    pub(crate) async fn forget_gate_pass(&mut self) -> Result<(), OpenError> {
        if self.state().gate.as_ref().is_none_or(|gate| gate.held.is_empty()) {
            return Ok(());
        }
        self.update(|state| {
            if let Some(gate) = &mut state.gate {
                gate.held = Secret::default();
            }
        })
        .await?;
        self.card = None;
        Ok(())
    }

    /// When the gate pass ends (seconds since 1970), if there is one that is not over.
    pub fn gate_pass_until(&self) -> Option<i64> {
        let pass = self.state().gate.as_ref()?.held().pass?;
        (self.shell().clock().now_s() < pass.expires).then_some(pass.expires)
    }

    /// Answers one command APDU of a reader. `evidence` is the shell's word about the screen lock at this moment.
    ///
    /// What was decided comes with the last answer: send that, then call [`Wallet::remember_tap`].
    pub fn process_apdu(&mut self, command: &[u8], evidence: Evidence) -> Answer {
        let now_s = self.shell().clock().now_s();
        let mut card = self.card.take().unwrap_or_else(|| card(self.state()));
        let answer = self.with_phone(evidence, now_s, |phone| card.process(command, phone));
        self.card = Some(card);
        answer
    }

    fn with_phone<T>(&self, evidence: Evidence, now_s: i64, work: impl FnOnce(&Phone<'_>) -> T) -> T {
        let gate = self.state().gate.as_ref();
        let pass = gate.and_then(|gate| gate.held().pass).filter(|pass| now_s < pass.expires);
        let opened = pass.and_then(|pass| Some((pass.opened()?, pass.expires)));
        let key = gate.and_then(|gate| {
            let public_key = PublicKey::from_jwk(&gate.key.public_key).ok()?;
            Some(self.signing(&gate.key.handle, public_key))
        });
        let sign = |message: &[u8]| match &key {
            Some(key) => at_once(key, message),
            None => Err(SignError("there is no gate key".into())),
        };
        let (pass, authorities) = match &opened {
            Some(((pass, authorities), until)) => (Some((pass.as_slice(), *until)), authorities.as_slice()),
            None => (None, [].as_slice()),
        };
        work(&Phone { evidence, now_s, sign: &sign, pass, authorities })
    }

    /// The field is gone: a tap that was begun is over.
    pub fn reset_card(&mut self) {
        if let Some(card) = &mut self.card {
            card.reset();
        }
    }

    /// Writes down what a gate decided: the history, and the key of the fast way.
    ///
    /// # Errors
    /// The vault can't be written.
    pub async fn remember_tap(&mut self, decided: &Decided) -> Result<(), OpenError> {
        let verdict = &decided.verdict;
        let reason = Reason::of_number(verdict.reason).map_or("unknown", Reason::code).to_owned();
        let record =
            self.usage_record(verdict.place.clone(), true, Act::Gate { opened: verdict.open, reason });
        let fast = self.card.as_ref().map(|card| card.keys().clone()).unwrap_or_default();
        self.update(|state| {
            if let Some(gate) = &mut state.gate {
                let held = Held { fast, ..gate.held() };
                gate.hold(&held);
            }
        })
        .await?;
        self.remember(record).await
    }

    /// A fresh code for a reader of codes: good for ten seconds, once. Shown only to a person who just proved to be there.
    ///
    /// # Errors
    /// Locked, no pass, one that is over, or the key fails.
    pub async fn entry_code(&self, evidence: Evidence) -> Result<String, CodeError> {
        if !evidence.unlocked {
            return Err(CodeError::Locked);
        }
        let now_s = self.shell().clock().now_s();
        let gate = self.state().gate.as_ref().ok_or(CodeError::NoPass)?;
        let kept = gate.held().pass.ok_or(CodeError::NoPass)?;
        if now_s >= kept.expires {
            return Err(CodeError::PassOver);
        }
        let (pass, _) = kept.opened().ok_or(CodeError::NoPass)?;
        let draft = Draft::new(&pass, evidence, now_s);
        let signature = self.shell().keys().sign(&gate.key.handle, &draft.signing_input()).await?;
        Ok(draft.finish(&signature))
    }
}

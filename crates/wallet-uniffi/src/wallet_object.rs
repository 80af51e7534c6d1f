//! The wallet as one object of the foreign language.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use gate::card::Decided;
use gate::decision::Reason;
use gate::wire::Evidence;
use keys::Zeroizing;
use wallet::account::InvitationLink;
use wallet::issue::{IssueError, Options};
use wallet::pin::Pin;
use wallet::ports::{Clock as _, Shell as _};
use wallet::present::{Asked, Policy};
use wallet::vault::{self, VaultKey};

use crate::consent::{Answered, Choice, Consent};
use crate::drive::drive;
use crate::error::WalletError;
use crate::records::{
    Card, Checked, GateAnswer, GateDecision, OfferSummary, OnboardingStep, OtpSent, PinChangeStage, Received,
    ResumeOutcome, Security, Status, UsageRecord,
};
use crate::shell::{NativeShell, Ports};

type Inner = wallet::Wallet<NativeShell>;

/// The hint in a vault's blob, by which the shell finds the vault's key again. It is authentic only once the vault opened.
#[uniffi::export]
pub fn vault_hint(blob: Vec<u8>) -> Result<Vec<u8>, WalletError> {
    let hint = vault::hint(&blob).map_err(wallet::OpenError::from)?;
    Ok(hint.to_vec())
}

/// A verified request that waits for the person's decision. It can be answered once.
#[derive(Debug, uniffi::Object)]
pub struct PresentationRequest(Asked);

#[uniffi::export]
impl PresentationRequest {
    /// What the person has to be shown.
    pub fn consent(&self) -> Consent {
        self.0.consent().into()
    }
}

/// A wallet whose vault is open.
#[derive(Debug, uniffi::Object)]
pub struct Wallet {
    ports: Ports,
    inner: Mutex<Inner>,
    /// What a gate decided and `remember_tap` has not written down yet.
    decided: Mutex<Option<Decided>>,
    /// The thread whose call is under way, so that a port that calls back gets an error instead of waiting for itself.
    caller: Mutex<Option<ThreadId>>,
}

/// Clears [`Wallet::caller`] however the call ends.
struct Call<'a>(&'a Mutex<Option<ThreadId>>);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Wallet {
    fn over(ports: Ports, inner: Inner) -> Arc<Wallet> {
        Arc::new(Wallet {
            ports,
            inner: Mutex::new(inner),
            decided: Mutex::new(None),
            caller: Mutex::new(None),
        })
    }

    /// One call at a time. A call that panicked leaves the vault and this state as they were before or after one of its
    /// writes, so the next one may go on.
    fn call<T>(&self, work: impl FnOnce(&mut Inner) -> Result<T, WalletError>) -> Result<T, WalletError> {
        let me = thread::current().id();
        let caller = || self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        if *caller() == Some(me) {
            return Err(WalletError::here("wallet_busy", "a port called the wallet that was calling it"));
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *caller() = Some(me);
        let _call = Call(&self.caller);
        work(&mut inner)
    }
}

fn vault_key(bytes: Vec<u8>) -> Result<VaultKey, WalletError> {
    let bytes = Zeroizing::new(bytes);
    let bytes: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| WalletError::here("vault_key_form", "a vault key is 32 bytes"))?;
    Ok(VaultKey::from_bytes(bytes))
}

fn read_pin(text: String) -> Result<Pin, WalletError> {
    let text = Zeroizing::new(text);
    Pin::parse(&text).map_err(|error| WalletError::here("pin_form", &error.to_string()))
}

#[uniffi::export]
impl Wallet {
    /// Makes a new, empty wallet. `vault_key` is 32 bytes; `hint` (at most 255 bytes) is what the shell needs to find
    /// the key again and is stored in clear.
    #[uniffi::constructor]
    pub fn create(ports: Ports, vault_key: Vec<u8>, hint: Vec<u8>) -> Result<Arc<Wallet>, WalletError> {
        let key = self::vault_key(vault_key)?;
        let inner = drive(Inner::create(NativeShell::new(ports.clone()), key, hint))??;
        Ok(Wallet::over(ports, inner))
    }

    /// Opens the wallet that is there.
    #[uniffi::constructor]
    pub fn open(ports: Ports, vault_key: Vec<u8>) -> Result<Arc<Wallet>, WalletError> {
        let key = self::vault_key(vault_key)?;
        let inner = drive(Inner::open(NativeShell::new(ports.clone()), key))??;
        Ok(Wallet::over(ports, inner))
    }

    /// Writes the vault under another key.
    pub fn rekey(&self, vault_key: Vec<u8>, hint: Vec<u8>) -> Result<(), WalletError> {
        let key = self::vault_key(vault_key)?;
        self.call(|inner| Ok(drive(inner.rekey(key, hint))??))
    }

    /// Forgets account, credentials and keys; the history stays.
    pub fn wipe(&self) -> Result<(), WalletError> {
        self.call(|inner| Ok(drive(inner.wipe())??))
    }

    /// Trusts issuers and requesters under these root certificates (DER) from now on.
    pub fn trust(&self, roots: Vec<Vec<u8>>) -> Result<(), WalletError> {
        self.call(|inner| Ok(drive(inner.trust(&roots))??))
    }

    /// Where the keys live, by the platform's word.
    pub fn security(&self) -> Security {
        Security {
            device_key: self.ports.device.security_level(),
            credential_keys: self.ports.credential_level(),
        }
    }

    // ---- Gates ----

    /// Asks for a new gate pass where it is time. Call it whenever there is a network; it is silent.
    pub fn renew_gate_pass(&self) -> Result<(), WalletError> {
        self.call(|inner| Ok(drive(inner.renew_gate_pass())??))
    }

    /// When the gate pass ends (seconds since 1970), if there is one.
    pub fn gate_pass_until(&self) -> Result<Option<i64>, WalletError> {
        self.call(|inner| Ok(inner.gate_pass_until()))
    }

    /// Answers one command APDU of a gate's reader. `unlocked`: the screen lock as the platform says at this moment, and
    /// for how many seconds it has been open. A locked phone answers 6985.
    pub fn process_apdu(
        &self,
        command: Vec<u8>,
        unlocked: bool,
        unlocked_for_s: u32,
    ) -> Result<GateAnswer, WalletError> {
        let evidence = Evidence { unlocked, age_s: unlocked_for_s };
        let answer = self.call(|inner| Ok(inner.process_apdu(&command, evidence)))?;
        let decision = answer.decided.as_ref().map(|decided| {
            let reason = Reason::of_number(decided.verdict.reason);
            GateDecision {
                opened: decided.verdict.open,
                reason: reason.map_or("unknown", Reason::code).to_owned(),
                text_ko: reason.map_or("", Reason::ko).to_owned(),
                text_en: reason.map_or("", Reason::en).to_owned(),
                place: decided.verdict.place.clone(),
            }
        });
        if answer.decided.is_some() {
            *self.decided.lock().unwrap_or_else(PoisonError::into_inner) = answer.decided;
        }
        Ok(GateAnswer { response: answer.bytes, decision })
    }

    /// Writes the last tap into the history. Call it after its answer was sent.
    pub fn remember_tap(&self) -> Result<(), WalletError> {
        let decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner).take();
        match decided {
            Some(decided) => self.call(|inner| Ok(drive(inner.remember_tap(&decided))??)),
            None => Ok(()),
        }
    }

    /// The reader's field is gone.
    pub fn reset_card(&self) -> Result<(), WalletError> {
        self.call(|inner| {
            inner.reset_card();
            Ok(())
        })
    }

    // ---- Enrolment ----

    /// Starts (or starts again) with the install link of the text message and the code that the portal shows; makes the
    /// device key.
    pub fn activate(&self, link: String, code: String) -> Result<(), WalletError> {
        let link = InvitationLink::parse(&link)
            .map_err(|error| WalletError::here("install_link", &error.to_string()))?;
        self.call(|inner| Ok(drive(inner.activate(&link.provider, &link.handle, &code))??))
    }

    /// Says who the holder is; a one-time password goes to the phone number of the personnel record.
    pub fn prove_identity(&self, name: String, rrn: String) -> Result<OtpSent, WalletError> {
        let rrn = Zeroizing::new(rrn);
        self.call(|inner| Ok(drive(inner.prove_identity(&name, &rrn))??.into()))
    }

    /// Gives the one-time password back.
    pub fn prove_phone(&self, otp: String) -> Result<OnboardingStep, WalletError> {
        self.call(|inner| Ok(drive(inner.prove_phone(&otp))??.step.into()))
    }

    /// Asks the server how far the enrolment is.
    pub fn onboarding_step(&self) -> Result<OnboardingStep, WalletError> {
        self.call(|inner| Ok(drive(inner.onboarding_status())??.step.into()))
    }

    /// Registers device key and first PIN; returns the account id. Safe to repeat after a lost reply.
    pub fn register(&self, pin: String) -> Result<String, WalletError> {
        let pin = read_pin(pin)?;
        self.call(|inner| Ok(drive(inner.register(&pin))??.account))
    }

    // ---- Account and PIN ----

    /// How the wallet stands, without asking anybody.
    pub fn status(&self) -> Result<Status, WalletError> {
        self.call(|inner| Ok(Status::of(inner.state(), inner.shell().clock().now_s())))
    }

    /// Asks the server how the account stands, then as [`Wallet::status`].
    pub fn sync(&self) -> Result<Status, WalletError> {
        self.call(|inner| {
            drive(inner.sync())??;
            Ok(Status::of(inner.state(), inner.shell().clock().now_s()))
        })
    }

    /// Finds out what became of the last unanswered instruction; to be called after a start.
    pub fn resume(&self) -> Result<ResumeOutcome, WalletError> {
        self.call(|inner| Ok(drive(inner.resume())??.into()))
    }

    /// Proves the PIN, nothing else.
    pub fn check_pin(&self, pin: String) -> Result<(), WalletError> {
        let pin = read_pin(pin)?;
        self.call(|inner| Ok(drive(inner.check_pin(&pin))??))
    }

    /// Changes the PIN. After an error [`Wallet::pin_change`] tells whether to commit it or to roll it back.
    pub fn change_pin(&self, old: String, new: String) -> Result<(), WalletError> {
        let (old, new) = (read_pin(old)?, read_pin(new)?);
        self.call(|inner| Ok(drive(inner.change_pin(&old, &new))??))
    }

    /// How far a PIN change got that was neither finished nor dropped.
    pub fn pin_change(&self) -> Result<Option<PinChangeStage>, WalletError> {
        self.call(|inner| Ok(inner.pin_change().map(Into::into)))
    }

    /// Makes the new PIN of a change that was begun the only one.
    pub fn commit_pin_change(&self, new: String) -> Result<(), WalletError> {
        let new = read_pin(new)?;
        self.call(|inner| Ok(drive(inner.commit_pin_change(&new))??))
    }

    /// Keeps the old PIN and drops a change that was begun.
    pub fn rollback_pin_change(&self, old: String) -> Result<(), WalletError> {
        let old = read_pin(old)?;
        self.call(|inner| Ok(drive(inner.rollback_pin_change(&old))??))
    }

    /// Sets a new PIN after two operators unlocked the account; `code` is what they handed to the holder.
    pub fn set_new_pin(&self, code: String, pin: String) -> Result<(), WalletError> {
        let pin = read_pin(pin)?;
        self.call(|inner| Ok(drive(inner.set_new_pin(&code, &pin))??))
    }

    // ---- Credentials ----

    /// Reads an offer without accepting it.
    pub fn look_at_offer(&self, link: String, language: String) -> Result<OfferSummary, WalletError> {
        self.call(|inner| Ok(drive(inner.look_at_offer(&link, &language))??.into()))
    }

    /// Accepts an offer of any issuer. `tx_code` is what the person typed, where the offer asks for it.
    pub fn receive(&self, link: String, tx_code: Option<String>) -> Result<Received, WalletError> {
        let options = Options { tx_code: tx_code.as_deref(), ..Options::default() };
        self.call(|inner| Ok(drive(inner.receive(&link, options))??.into()))
    }

    /// Receives the badge of this phone's account, or its next batch of copies; goes on with what was begun.
    pub fn receive_badge(&self, tx_code: Option<String>) -> Result<Received, WalletError> {
        let options = Options { tx_code: tx_code.as_deref(), ..Options::default() };
        self.call(|inner| Ok(drive(inner.receive_badge(options))??.into()))
    }

    /// Goes on with an issuance that a crash or a lost connection interrupted.
    pub fn resume_issuing(&self, tx_code: Option<String>) -> Result<Received, WalletError> {
        self.call(|inner| {
            let received = drive(inner.resume_issuing(tx_code.as_deref()))??;
            Ok(received.ok_or(IssueError::NoOffer)?.into())
        })
    }

    /// Drops an issuance that is under way, with its keys.
    pub fn drop_issuing(&self) -> Result<(), WalletError> {
        self.call(|inner| Ok(drive(inner.drop_issuing())??))
    }

    /// Everything that is held, unverified.
    pub fn cards(&self) -> Result<Vec<Card>, WalletError> {
        self.call(|inner| Ok(inner.shown().into_iter().map(Into::into).collect()))
    }

    /// Verifies a holding as a verifier would, its status list asked; nothing if no copy of it could be shown.
    pub fn check(&self, holding: String) -> Result<Option<Checked>, WalletError> {
        self.call(|inner| Ok(drive(inner.check(&holding))?.map(Into::into)))
    }

    // ---- Presentation and login ----

    /// Fetches and verifies the request behind a link or QR code, and finds what here would answer it. With
    /// `allow_unsigned` also a request of nobody knows whom is read; the shell then warns.
    pub fn ask(&self, link: String, allow_unsigned: bool) -> Result<Arc<PresentationRequest>, WalletError> {
        let policy = Policy { allow_unsigned, ..Policy::default() };
        self.call(|inner| Ok(Arc::new(PresentationRequest(drive(inner.ask(&link, policy))??))))
    }

    /// Answers a request as the person chose; for a login of our provider also approves it, with the number and, where
    /// asked for, the PIN.
    pub fn answer(&self, request: Arc<PresentationRequest>, choice: Choice) -> Result<Answered, WalletError> {
        let pin = choice.pin.map(read_pin).transpose()?;
        let holdings: Vec<(String, String)> =
            choice.holdings.into_iter().map(|chosen| (chosen.query, chosen.holding)).collect();
        let chosen = wallet::present::Choice {
            claims: &choice.claims,
            everything: choice.everything,
            credentials: &choice.credentials,
            holdings: &holdings,
            allow_reuse: choice.allow_reuse,
            number: choice.number.as_deref(),
            pin: pin.as_ref(),
        };
        self.call(|inner| Ok(drive(inner.answer(&request.0, chosen))??.into()))
    }

    /// Tells the verifier that the person said no, and remembers it.
    pub fn decline(&self, request: Arc<PresentationRequest>) -> Result<(), WalletError> {
        self.call(|inner| Ok(drive(inner.decline(&request.0))??))
    }

    /// Where and when the wallet was used, oldest first; this never leaves the phone.
    pub fn history(&self) -> Result<Vec<UsageRecord>, WalletError> {
        self.call(|inner| Ok(inner.state().usage.iter().map(Into::into).collect()))
    }
}

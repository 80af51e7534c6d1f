//! A deleted wallet, brought back: passkey → one-time password → PIN, on a new device key.
//!
//! Nothing but the passkey and the PIN is needed: the passkey names the account and opens the salt that the server keeps,
//! the PIN proves itself as in every instruction. What was on the old app stays lost and is issued anew: copies are drawn
//! by [`Wallet::receive_badge`], and with the first of them the old ones end.

use keys::encoding::{b64url_decode, b64url_encode};
use keys::jws::Header;
use keys::sha256;
use serde_json::Value;

use crate::account::Enrolled;
use crate::account::client::{AccountError, Speaker, device_signed, endpoint, post_to, read};
use crate::account::messages::{
    Envelope, Instruction, MoveDevice, Moved, Otp, OtpSent, PIN_INSTRUCTION_TYP, PasskeyOptions,
    PinInstruction, ProofStep, RecoveredWallet, Recovery, RecoveryStarted, RecoveryStatus, Registered,
    ResultKeys, Verdict,
};
use crate::account::passkey::assertion;
use crate::account::salt::{self, salt_key};
use crate::pin::Pin;
use crate::ports::{Http as _, KeyError, Request, Shell};
use crate::secret::Secret;
use crate::state::{Account, Moving, Passkey, Recovering};
use crate::usage::{self, Act};
use crate::wallet::{Wallet, add_anchors};

impl<S: Shell> Wallet<S> {
    /// Options for `navigator.credentials.get()`: whichever passkey of this site the phone has. The browser's part adds
    /// the `prf` extension as at the enrolment.
    pub async fn recovery_options(&self, provider: &str) -> Result<PasskeyOptions, AccountError> {
        self.post(provider, "/recovery/options", None, &serde_json::Map::new()).await
    }

    /// Starts with the passkey; a one-time password goes to the phone. `credential` is what the browser gave, `secret` the
    /// PRF at [`PRF_SALT`](crate::account::passkey::PRF_SALT).
    pub async fn start_recovery(
        &mut self,
        provider: &str,
        credential: &Value,
        secret: &[u8; 32],
    ) -> Result<OtpSent, AccountError> {
        if self.state().account.is_some() {
            return Err(AccountError::AlreadyEnrolled);
        }
        let assertion = assertion(credential)?;
        let provider = provider.trim_end_matches('/').to_owned();
        let passkey = assertion.id.clone();
        let started: RecoveryStarted =
            self.post(&provider, "/recovery", None, &Recovery { assertion }).await?;
        let recovering = Recovering {
            provider,
            token: Secret::new(started.token),
            expires_at: started.expires_at,
            passkey,
            salt_key: salt_key(secret),
            moving: None,
        };
        self.update(|state| state.recovery = Some(recovering)).await?;
        Ok(OtpSent { phone: started.phone, expires_at: started.expires_at })
    }

    /// Gives the one-time password back.
    pub async fn prove_recovery_phone(&mut self, otp: &str) -> Result<(), AccountError> {
        let recovering = self.recovering()?;
        let body = Otp { otp: otp.to_owned() };
        let _: RecoveryStatus =
            self.post(&recovering.provider, "/recovery/otp", Some(&recovering.token), &body).await?;
        Ok(())
    }

    /// Asks the server how far the recovery is.
    pub async fn recovery_status(&self) -> Result<RecoveryStatus, AccountError> {
        let recovering = self.recovering()?;
        let request = Request::get(endpoint(&recovering.provider, "/recovery"))
            .header("authorization", format!("Bearer {}", &*recovering.token));
        read(&self.shell().http().send(request).await?)
    }

    /// Proves the PIN and takes the account over. After a lost answer it finds out by itself what became of it.
    pub async fn recover(&mut self, pin: &Pin) -> Result<Enrolled, AccountError> {
        let status = self.recovery_status().await?;
        let recovering = self.recovering()?.clone();
        if let (ProofStep::Done, Some(moving)) = (status.step, recovering.moving.clone()) {
            let nothing = MoveDevice { sequence: 0, challenge: String::new(), pin_signed: String::new() };
            let (moved, _) = self.send_move(&recovering, &moving, nothing).await?;
            let registered =
                moved.registered.ok_or(AccountError::Protocol("a recovery that is done without account"))?;
            return self.moved(&recovering, moving, registered).await;
        }
        let wallet = status.wallet.ok_or(AccountError::NoEnrolment)?;
        let sealed =
            b64url_decode(&wallet.salt).map_err(|_| AccountError::Protocol("a salt that is no base64url"))?;
        let kept = salt::open(&recovering.salt_key, &wallet.account, &sealed)?;
        let record = kept.pins.iter().find(|pin| pin.generation == wallet.pin_generation);
        let record = record.ok_or(AccountError::Protocol("the salt of another PIN"))?.clone();
        let moving = Moving { account: wallet.account.clone(), pin: record, owner: kept.owner };
        self.device().await?;
        let noted = moving.clone();
        self.update(|state| {
            if let Some(recovering) = &mut state.recovery {
                recovering.moving = Some(noted);
            }
        })
        .await?;
        let message = self.move_message(&recovering, &moving, &wallet, pin)?;
        let sequence = message.sequence;
        let (moved, request) = self.send_move(&recovering, &moving, message).await?;
        let verdict = self.move_verdict(&recovering, &moving, &moved.result, sequence, &request).await?;
        match (verdict, moved.registered) {
            (Verdict::Done { .. }, Some(registered)) => self.moved(&recovering, moving, registered).await,
            (Verdict::WrongPin { tries_left }, _) => Err(AccountError::WrongPin { tries_left }),
            (Verdict::Refused { code }, _) => Err(AccountError::InstructionRefused { code }),
            (Verdict::Done { .. }, None) => Err(AccountError::Protocol("a recovery without account")),
        }
    }

    /// Gives a recovery up that is not finished.
    pub async fn drop_recovery(&mut self) -> Result<(), AccountError> {
        self.update(|state| state.recovery = None).await?;
        Ok(())
    }

    fn recovering(&self) -> Result<&Recovering, AccountError> {
        self.state().recovery.as_ref().ok_or(AccountError::NoEnrolment)
    }

    fn move_message(
        &self,
        recovering: &Recovering,
        moving: &Moving,
        wallet: &RecoveredWallet,
        pin: &Pin,
    ) -> Result<MoveDevice, AccountError> {
        use crate::ports::DeviceKey as _;
        let sequence =
            wallet.sequence.checked_add(1).ok_or(AccountError::Protocol("a sequence out of range"))?;
        let inner = PinInstruction {
            aud: recovering.provider.clone(),
            account: moving.account.clone(),
            device: self.device_key()?.public_key().thumbprint(),
            sequence,
            challenge: wallet.challenge.clone(),
            instruction: Instruction::MoveDevice,
        };
        let inner = serde_json::to_vec(&inner)
            .map_err(|_| AccountError::Protocol("a message that can't be written"))?;
        let header = Header::es256(PIN_INSTRUCTION_TYP);
        let pin_signed = keys::jws::sign(&pin.key(&moving.pin.salt), &header, &inner)
            .map_err(|error| KeyError::Failed(error.to_string()))?;
        Ok(MoveDevice { sequence, challenge: wallet.challenge.clone(), pin_signed })
    }

    /// Sends it; the second value is the hash under which the result names it.
    async fn send_move(
        &self,
        recovering: &Recovering,
        moving: &Moving,
        message: MoveDevice,
    ) -> Result<(Moved, String), AccountError> {
        let device = self.state().device.as_ref().ok_or(KeyError::Missing)?;
        let speaker = Speaker::new(&recovering.provider, &moving.account, device)?;
        let signed = device_signed(self.shell(), &speaker, message).await?;
        let request = b64url_encode(&sha256(signed.as_bytes()));
        let (provider, token) = (&recovering.provider, Some(&*recovering.token));
        let moved = post_to(self.shell(), provider, "/recovery/device", token, &Envelope { signed }).await?;
        Ok((moved, request))
    }

    async fn move_verdict(
        &self,
        recovering: &Recovering,
        moving: &Moving,
        result: &str,
        sequence: u64,
        request: &str,
    ) -> Result<Verdict, AccountError> {
        let asked = Request::get(endpoint(&recovering.provider, "/keys"));
        let keys: ResultKeys = read(&self.shell().http().send(asked).await?)?;
        let keys = keys::JwkSet { keys: keys.keys };
        let expected = super::instruct::Expected {
            provider: &recovering.provider,
            account: &moving.account,
            sequence,
            request,
        };
        Ok(expected.verify(result, &keys)?.verdict)
    }

    async fn moved(
        &mut self,
        recovering: &Recovering,
        moving: Moving,
        registered: Registered,
    ) -> Result<Enrolled, AccountError> {
        let passkey =
            Passkey { credential: recovering.passkey.clone(), evidence: registered.passkey, prf: true };
        let account = Account {
            provider: recovering.provider.clone(),
            id: registered.account.clone(),
            pin: moving.pin,
            pin_change: None,
            owner: moving.owner,
            result_keys: registered.result_keys,
            state: crate::account::messages::AccountState::Active,
            tries_left: 5,
            offer: Some(Secret::new(registered.offer)),
            code: None,
            passkey: Some(passkey),
            salt_key: Some(recovering.salt_key.clone()),
            salt_kept: Vec::new(),
            status: None,
        };
        let record = self.usage_record(recovering.provider.clone(), true, Act::Recovered);
        self.update(|state| {
            state.account = Some(account);
            state.recovery = None;
            state.provider_roots.clone_from(&registered.trust_anchors);
            add_anchors(state, registered.trust_anchors);
            state.accreditation = registered.accreditation;
            usage::record(&mut state.usage, record);
        })
        .await?;
        Ok(Enrolled { account: registered.account, share: None })
    }
}

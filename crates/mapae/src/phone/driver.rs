//! [`Phone`]: one method for each thing a holder does.

use std::path::Path;
use std::sync::Arc;

use openid::approval::Level;
use wallet::account::InvitationLink;
use wallet::account::messages::{AccountStatus, OtpSent};
use wallet::issue::{IssueError, OfferSummary, Options, Received};
use wallet::pin::Pin;
use wallet::ports::Storage as _;
use wallet::present::{Answered, Asked, Choice, Policy, PresentError};
use wallet::show::Shown;
use wallet::usage::UsageRecord;
use wallet::vault::{self, VaultKey};
use wallet::{OpenError, Wallet};

use super::fault::PhoneError;
use super::http::HttpClient;
use super::lock::Unlock;
use super::shell::PhoneShell;
use super::storage::{PhoneStorage, VAULT};
use crate::operations::{Clock, Language, SystemClock};

/// A phone: a wallet whose vault is open.
#[derive(Debug)]
pub struct Phone {
    wallet: Wallet<PhoneShell>,
}

impl Phone {
    /// A new phone in a folder, its vault locked by a key file beside it. `http` must follow no redirects.
    ///
    /// # Errors
    /// There is one already, or the folder can't be used.
    pub async fn create(folder: &Path, http: reqwest::Client) -> Result<Phone, PhoneError> {
        Phone::create_with(folder, &Unlock::KeyFile, HttpClient::over(http, Language::Ko)).await
    }

    /// A new phone in a folder.
    ///
    /// # Errors
    /// As [`Phone::create`].
    pub async fn create_with(folder: &Path, unlock: &Unlock, http: HttpClient) -> Result<Phone, PhoneError> {
        let storage = place(folder)?;
        if storage.load().await.map_err(OpenError::from)?.is_some() {
            // Before a key is made: a new key file would lock the old vault for ever.
            return Err(OpenError::Exists.into());
        }
        let (key, hint) = unlock.make(folder)?;
        let shell = PhoneShell::new(storage, http, Arc::new(SystemClock));
        Ok(Phone { wallet: Wallet::create(shell, key, hint).await? })
    }

    /// The phone in a folder.
    ///
    /// # Errors
    /// There is none, or it does not open.
    pub async fn open(folder: &Path, unlock: &Unlock, http: HttpClient) -> Result<Phone, PhoneError> {
        if !folder.join(VAULT).exists() {
            return Err(OpenError::Missing.into());
        }
        let storage = place(folder)?;
        let blob = storage.load().await.map_err(OpenError::from)?.ok_or(OpenError::Missing)?;
        let key = unlock.open(folder, vault::hint(&blob).map_err(OpenError::from)?)?;
        Ok(Phone { wallet: Wallet::open(PhoneShell::new(storage, http, Arc::new(SystemClock)), key).await? })
    }

    /// A phone that is gone with the process. `http` must follow no redirects.
    ///
    /// # Errors
    /// None in practice; the vault's own.
    pub async fn in_memory(http: reqwest::Client) -> Result<Phone, PhoneError> {
        Phone::in_memory_with(HttpClient::over(http, Language::Ko), Arc::new(SystemClock)).await
    }

    /// A phone that is gone with the process, on a client that may remember documents and with a clock of the caller's.
    ///
    /// # Errors
    /// None in practice; the vault's own.
    pub async fn in_memory_with(http: HttpClient, clock: Arc<dyn Clock>) -> Result<Phone, PhoneError> {
        let shell = PhoneShell::new(PhoneStorage::memory(), http, clock);
        Ok(Phone { wallet: Wallet::create(shell, VaultKey::generate(), Vec::new()).await? })
    }

    /// The wallet itself.
    pub fn wallet(&self) -> &Wallet<PhoneShell> {
        &self.wallet
    }

    /// The wallet itself, for what has no method here.
    pub fn wallet_mut(&mut self) -> &mut Wallet<PhoneShell> {
        &mut self.wallet
    }

    // ---- Enrolment ----

    /// Starts the enrolment with the install link of the text message and the code that the portal shows.
    ///
    /// # Errors
    /// The link is none, or the wallet provider refuses.
    pub async fn activate(&mut self, link: &str, code: &str) -> Result<(), PhoneError> {
        let InvitationLink { provider, handle } =
            InvitationLink::parse(link).map_err(|_| PhoneError::InstallLink)?;
        Ok(self.wallet.activate(&provider, &handle, code).await?)
    }

    /// Says who the holder is; a one-time password goes to the phone number of the personnel record.
    ///
    /// # Errors
    /// The wallet provider refuses.
    pub async fn prove(&mut self, name: &str, rrn: &str) -> Result<OtpSent, PhoneError> {
        Ok(self.wallet.prove_identity(name, rrn).await?)
    }

    /// Gives the one-time password back.
    ///
    /// # Errors
    /// It is wrong or over.
    pub async fn otp(&mut self, otp: &str) -> Result<(), PhoneError> {
        self.wallet.prove_phone(otp).await?;
        Ok(())
    }

    /// Registers the phone with its first PIN; returns the account id.
    ///
    /// # Errors
    /// The PIN is too easy, or the wallet provider refuses.
    pub async fn register(&mut self, pin: &str) -> Result<String, PhoneError> {
        Ok(self.wallet.register(&read_pin(pin)?).await?.account)
    }

    // ---- PIN ----

    /// Proves the PIN, nothing else.
    ///
    /// # Errors
    /// It is wrong, or the account does not allow it.
    pub async fn check_pin(&mut self, pin: &str) -> Result<(), PhoneError> {
        Ok(self.wallet.check_pin(&read_pin(pin)?).await?)
    }

    /// Changes the PIN; takes up a change that was begun and not finished.
    ///
    /// # Errors
    /// The old one is wrong, the new one too easy, or no answer came: then the same call goes on later.
    pub async fn change_pin(&mut self, old: &str, new: &str) -> Result<(), PhoneError> {
        let (old, new) = (read_pin(old)?, read_pin(new)?);
        self.wallet.resume().await?;
        if self.wallet.pin_change() == Some(wallet::state::PinChangeStage::Begun) {
            return Ok(self.wallet.commit_pin_change(&new).await?);
        }
        Ok(self.wallet.change_pin(&old, &new).await?)
    }

    /// Drops a change of PIN that was begun.
    ///
    /// # Errors
    /// The old PIN is wrong, or there is no account.
    pub async fn keep_pin(&mut self, old: &str) -> Result<(), PhoneError> {
        Ok(self.wallet.rollback_pin_change(&read_pin(old)?).await?)
    }

    /// Sets a new PIN after two operators unlocked the account.
    ///
    /// # Errors
    /// The unlock code is wrong or the PIN too easy.
    pub async fn set_new_pin(&mut self, code: &str, pin: &str) -> Result<(), PhoneError> {
        Ok(self.wallet.set_new_pin(code, &read_pin(pin)?).await?)
    }

    // ---- Credentials ----

    /// Reads an offer without accepting it.
    ///
    /// # Errors
    /// It is none, or its issuer can't be asked.
    pub async fn look_at_offer(&self, link: &str, language: &str) -> Result<OfferSummary, PhoneError> {
        Ok(self.wallet.look_at_offer(link, language).await?)
    }

    /// Receives what a link offers, or without one the badge of this phone's account; returns the number of copies.
    ///
    /// # Errors
    /// See [`wallet::issue::IssueError`].
    pub async fn receive(&mut self, link: Option<&str>, tx_code: Option<&str>) -> Result<usize, PhoneError> {
        Ok(self.receive_with(link, Options { tx_code, ..Options::default() }).await?.copies)
    }

    /// Accepts an offer of any issuer; without one, receives the account's badge or its next batch of copies, and
    /// finishes what was begun.
    ///
    /// # Errors
    /// See [`wallet::issue::IssueError`].
    pub async fn receive_with(
        &mut self,
        link: Option<&str>,
        options: Options<'_>,
    ) -> Result<Received, PhoneError> {
        Ok(match link {
            Some(link) => self.wallet.receive(link, options).await?,
            None if self.wallet.state().account.is_none() => {
                self.wallet.resume_issuing(options.tx_code).await?.ok_or(IssueError::NoOffer)?
            }
            None => self.wallet.receive_badge(options).await?,
        })
    }

    /// Begins the sign-in that an offer needs; tells the address for the browser.
    ///
    /// # Errors
    /// See [`wallet::issue::IssueError`].
    pub async fn sign_in(&mut self, redirect_uri: &str) -> Result<String, PhoneError> {
        Ok(self.wallet.sign_in(redirect_uri).await?)
    }

    /// Goes on with the address that the browser was sent back to.
    ///
    /// # Errors
    /// See [`wallet::issue::IssueError`].
    pub async fn signed_in(&mut self, address: &str) -> Result<Received, PhoneError> {
        Ok(self.wallet.signed_in(address).await?)
    }

    /// Every credential held; with `check` each is verified as a verifier would, its status list asked.
    ///
    /// # Errors
    /// None; what can't be verified says so.
    pub async fn show(&self, check: bool) -> Result<Vec<Shown>, PhoneError> {
        let mut shown = self.wallet.shown();
        for one in shown.iter_mut().filter(|_| check) {
            one.checked = self.wallet.check(&one.id).await;
        }
        Ok(shown)
    }

    /// Checks the first credential held as a verifier would: issuer's signature and certificate, own key, type, status.
    ///
    /// # Errors
    /// Nothing is held, or a verifier would refuse it.
    pub async fn verify(&mut self) -> Result<serde_json::Value, PhoneError> {
        let shown = self.wallet.shown().into_iter().next().ok_or(PhoneError::Nothing)?;
        let checked = self.wallet.check(&shown.id).await.ok_or(PresentError::Expired)?;
        if let Some(code) = checked.refusal {
            return Err(PhoneError::DoesNotHold(code));
        }
        Ok(serde_json::json!({
            "issuer": shown.issuer,
            "vct": shown.vct,
            "issuer_signature": checked.issuer_signature,
            "key_binding": checked.key_binding,
            "status": checked.status,
            "status_age": checked.status_age_s,
            "status_list": checked.status_list,
            "copies": shown.copies,
            "unused": shown.unused_copies,
            "claims": shown.claims,
        }))
    }

    /// Reads and verifies a presentation request.
    ///
    /// # Errors
    /// See [`wallet::present::PresentError`].
    pub async fn ask(&mut self, link: &str) -> Result<Asked, PhoneError> {
        self.ask_with(link, Policy::default()).await
    }

    /// Reads and verifies a presentation request, by a policy of the caller's.
    ///
    /// # Errors
    /// See [`wallet::present::PresentError`].
    pub async fn ask_with(&mut self, link: &str, policy: Policy<'_>) -> Result<Asked, PhoneError> {
        Ok(self.wallet.ask(link, policy).await?)
    }

    /// Verifies a request that a page hands over through the Digital Credentials API.
    ///
    /// # Errors
    /// See [`wallet::present::PresentError`].
    pub async fn ask_from_page(
        &mut self,
        protocol: openid::vp::DcProtocol,
        data: &serde_json::Value,
        origin: &str,
        policy: Policy<'_>,
    ) -> Result<Asked, PhoneError> {
        Ok(self.wallet.ask_from_page(protocol, data, origin, policy).await?)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// See [`wallet::present::PresentError`].
    pub async fn answer(&mut self, asked: &Asked, choice: Choice<'_>) -> Result<Answered, PhoneError> {
        Ok(self.wallet.answer(asked, choice).await?)
    }

    /// Tells the verifier no.
    ///
    /// # Errors
    /// The verifier can't be told; the history has it anyway.
    pub async fn decline(&mut self, asked: &Asked) -> Result<(), PhoneError> {
        Ok(self.wallet.decline(asked).await?)
    }

    /// Approves a login: the link in the QR code, the number beside it, the PIN where the login asks for it. Tells
    /// what was shown.
    ///
    /// # Errors
    /// See [`wallet::present::PresentError`].
    pub async fn login(&mut self, link: &str, number: &str, pin: Option<&str>) -> Result<String, PhoneError> {
        let asked = self.ask(link).await?;
        let wants_pin = match &asked.consent().login {
            Some(login) => login.level == Level::Pin,
            None => return Err(PhoneError::NotALogin),
        };
        let pin = pin.filter(|_| wants_pin).map(read_pin).transpose()?;
        let choice = Choice { number: Some(number), pin: pin.as_ref(), ..Choice::default() };
        Ok(self.answer(&asked, choice).await?.claims.join(", "))
    }

    // ---- The rest ----

    /// Asks the wallet provider how the account stands, and what became of the last unanswered instruction.
    ///
    /// # Errors
    /// There is no account, or no answer.
    pub async fn sync(&mut self) -> Result<AccountStatus, PhoneError> {
        self.wallet.resume().await?;
        Ok(self.wallet.sync().await?)
    }

    /// Where and when the wallet was used.
    pub fn history(&self) -> &[UsageRecord] {
        &self.wallet.state().usage
    }

    /// Trusts issuers and verifiers under a root certificate (DER) from now on.
    ///
    /// # Errors
    /// It is no root certificate.
    pub async fn trust(&mut self, der: &[u8]) -> Result<(), PhoneError> {
        let root = keys::x509::Certificate::parse(der).map_err(|_| PhoneError::Certificate)?;
        if !root.is_authority() || !root.is_self_issued() {
            return Err(PhoneError::Certificate);
        }
        Ok(self.wallet.trust(&[der.to_vec()]).await?)
    }
}

pub(super) fn read_pin(text: &str) -> Result<Pin, PhoneError> {
    Pin::parse(text).map_err(|_| PhoneError::PinForm)
}

fn place(folder: &Path) -> Result<PhoneStorage, PhoneError> {
    PhoneStorage::folder(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => PhoneError::InUse,
        _ => PhoneError::Folder(error),
    })
}

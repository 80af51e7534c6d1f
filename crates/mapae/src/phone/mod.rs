//! A phone in the terminal: `mapae wallet` on the holder crate, and the same phone as a value for the demo and the load
//! tool.
//!
//! It speaks to any standard issuer and verifier. Its keys are software keys inside its vault, and it says so.

mod check;
pub mod cli;
mod lock;
mod shell;
mod storage;

use std::path::Path;

use openid::approval::Level;
use wallet::account::messages::{AccountStatus, OtpSent};
use wallet::account::{AccountError, InvitationLink};
use wallet::issue::{IssueError, Options};
use wallet::pin::Pin;
use wallet::present::{Answered, Asked, Choice, Policy, PresentError};
use wallet::vault::{self, VaultKey};
use wallet::{OpenError, Wallet};

pub use check::{CheckError, Checked};
pub use shell::{Net, PhoneClock, PhoneShell};
pub use storage::PhoneStorage;

use crate::operations::Language;

/// Why the phone did not do what was asked. The texts hold no personal data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// The address is not the one from the message.
    #[error("this is not the install address from the message")]
    Invitation,
    /// Not six digits.
    #[error("a PIN is six digits")]
    PinForm,
    /// The vault is locked with a passphrase.
    #[error("this wallet opens with its passphrase (MAPAE_VAULT_PASSPHRASE)")]
    PassphraseNeeded,
    /// The key file is missing or damaged.
    #[error("the vault's key file is missing or damaged")]
    KeyFile,
    /// Another process holds the wallet.
    #[error("another process uses this wallet")]
    Busy,
    /// The request is no login of our provider.
    #[error("this is a request for a presentation, not a login")]
    NotALogin,
    /// The person has to say yes.
    #[error("consent is needed")]
    ConsentNeeded,
    /// The person said no.
    #[error("declined")]
    Declined,
    /// The disk failed.
    #[error("the wallet's folder: {0}")]
    Io(std::io::Error),
    /// The vault failed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The wallet provider.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// An issuer.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A verifier.
    #[error(transparent)]
    Present(#[from] PresentError),
    /// The credential held does not hold.
    #[error(transparent)]
    Check(#[from] CheckError),
}

impl From<std::io::Error> for PhoneError {
    fn from(error: std::io::Error) -> PhoneError {
        if error.kind() == std::io::ErrorKind::WouldBlock { PhoneError::Busy } else { PhoneError::Io(error) }
    }
}

impl PhoneError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            PhoneError::Invitation => "invitation_address",
            PhoneError::PinForm => "pin_form",
            PhoneError::PassphraseNeeded => "passphrase_needed",
            PhoneError::KeyFile => "key_file",
            PhoneError::Busy => "wallet_busy",
            PhoneError::NotALogin => "not_a_login",
            PhoneError::ConsentNeeded => "consent_needed",
            PhoneError::Declined => "declined",
            PhoneError::Io(_) => "folder",
            PhoneError::Open(error) => error.code(),
            PhoneError::Account(error) => error.code(),
            PhoneError::Issue(error) => error.code(),
            PhoneError::Present(error) => error.code(),
            PhoneError::Check(error) => error.code(),
        }
    }
}

/// A phone whose vault is open.
#[derive(Debug)]
pub struct Phone {
    wallet: Wallet<PhoneShell>,
}

impl Phone {
    /// A new phone in a folder, its vault locked by a key file beside it. `http` must not follow redirects.
    pub async fn create(folder: &Path, http: reqwest::Client) -> Result<Phone, PhoneError> {
        Phone::create_with(folder, http, Language::Ko, None).await
    }

    /// A new phone in a folder, its vault locked by a passphrase if there is one.
    pub async fn create_with(
        folder: &Path,
        http: reqwest::Client,
        language: Language,
        passphrase: Option<&str>,
    ) -> Result<Phone, PhoneError> {
        use wallet::ports::Storage as _;
        let storage = PhoneStorage::folder(folder)?;
        if storage.load().await.map_err(OpenError::from)?.is_some() {
            // Before a key is made: a new key file would lock the old vault for ever.
            return Err(OpenError::Exists.into());
        }
        let (key, hint) = lock::create(folder, passphrase)?;
        let wallet = Wallet::create(PhoneShell::new(storage, http, language), key, hint).await?;
        Ok(Phone { wallet })
    }

    /// The phone in a folder.
    pub async fn open(
        folder: &Path,
        http: reqwest::Client,
        language: Language,
        passphrase: Option<&str>,
    ) -> Result<Phone, PhoneError> {
        use wallet::ports::Storage as _;
        let storage = PhoneStorage::folder(folder)?;
        let blob = storage.load().await.map_err(OpenError::from)?.ok_or(OpenError::Missing)?;
        let hint = vault::hint(&blob).map_err(OpenError::from)?;
        let key = lock::find(folder, hint, passphrase)?;
        Ok(Phone { wallet: Wallet::open(PhoneShell::new(storage, http, language), key).await? })
    }

    /// Whether the vault in a folder asks for a passphrase; `None` if there is no vault.
    pub fn asks_passphrase(folder: &Path) -> Option<bool> {
        let blob = std::fs::read(folder.join("vault.bin")).ok()?;
        Some(vault::hint(&blob).is_ok_and(lock::needs_passphrase))
    }

    /// A phone that is gone with the process, for load and tests.
    pub async fn in_memory(http: reqwest::Client) -> Result<Phone, PhoneError> {
        let shell = PhoneShell::new(PhoneStorage::memory(), http, Language::Ko);
        Ok(Phone { wallet: Wallet::create(shell, VaultKey::generate(), Vec::new()).await? })
    }

    /// The wallet itself.
    pub fn wallet(&self) -> &Wallet<PhoneShell> {
        &self.wallet
    }

    /// The wallet itself, to do what this driver has no shorter word for.
    pub fn wallet_mut(&mut self) -> &mut Wallet<PhoneShell> {
        &mut self.wallet
    }

    /// Opens the address from the message, with the code that the portal shows.
    pub async fn activate(&mut self, link: &str, code: &str) -> Result<(), PhoneError> {
        let link = InvitationLink::parse(link).map_err(|_| PhoneError::Invitation)?;
        Ok(self.wallet.activate(&link.provider, &link.handle, code).await?)
    }

    /// Says who the holder is; a one-time password is sent.
    pub async fn prove(&mut self, name: &str, rrn: &str) -> Result<OtpSent, PhoneError> {
        Ok(self.wallet.prove_identity(name, rrn).await?)
    }

    /// Gives the one-time password back.
    pub async fn otp(&mut self, otp: &str) -> Result<(), PhoneError> {
        self.wallet.prove_phone(otp).await?;
        Ok(())
    }

    /// Registers the device with its first PIN; returns the account id.
    pub async fn register(&mut self, pin: &str) -> Result<String, PhoneError> {
        Ok(self.wallet.register(&parse_pin(pin)?).await?.account)
    }

    /// Receives what a link offers, or without one the badge of this phone's account; returns the number of copies.
    pub async fn receive(&mut self, link: Option<&str>, tx_code: Option<&str>) -> Result<usize, PhoneError> {
        let options = Options { tx_code, ..Options::default() };
        let received = match link {
            Some(link) => self.wallet.receive(link, options).await?,
            None => self.wallet.receive_badge(options).await?,
        };
        Ok(received.copies)
    }

    /// Reads and verifies a presentation request.
    pub async fn ask(&mut self, link: &str) -> Result<Asked, PhoneError> {
        Ok(self.wallet.ask(link, Policy::default()).await?)
    }

    /// Answers a request as the person chose.
    pub async fn answer(&mut self, asked: &Asked, choice: Choice<'_>) -> Result<Answered, PhoneError> {
        Ok(self.wallet.answer(asked, choice).await?)
    }

    /// Approves a login: the link in the QR code, the number beside it, the PIN where the login asks for it. Tells
    /// what was shown.
    pub async fn login(&mut self, link: &str, number: &str, pin: Option<&str>) -> Result<String, PhoneError> {
        let asked = self.ask(link).await?;
        let login = asked.consent().login.as_ref().ok_or(PhoneError::NotALogin)?;
        let pin = pin.map(parse_pin).transpose()?;
        if login.level == Level::Pin && pin.is_none() {
            return Err(PresentError::PinNeeded.into());
        }
        let choice = Choice { number: Some(number), pin: pin.as_ref(), ..Choice::default() };
        Ok(self.answer(&asked, choice).await?.claims.join(", "))
    }

    /// Changes the PIN.
    pub async fn change_pin(&mut self, old: &str, new: &str) -> Result<(), PhoneError> {
        Ok(self.wallet.change_pin(&parse_pin(old)?, &parse_pin(new)?).await?)
    }

    /// Asks the wallet provider how the account stands, and finishes what a crash or a lost reply left open.
    pub async fn sync(&mut self) -> Result<AccountStatus, PhoneError> {
        self.wallet.resume().await?;
        Ok(self.wallet.sync().await?)
    }

    /// Checks a held credential as a verifier would: issuer's signature and certificate, own key, type, status.
    pub async fn verify(&mut self) -> Result<serde_json::Value, PhoneError> {
        let checked = check::first(&self.wallet).await?;
        serde_json::to_value(checked).map_err(|_| PhoneError::KeyFile)
    }
}

/// Six digits.
pub(crate) fn parse_pin(text: &str) -> Result<Pin, PhoneError> {
    Pin::parse(text.trim()).map_err(|_| PhoneError::PinForm)
}

//! Why a step of the phone did not work: a stable code, a sentence, what to do next, and an exit code.

use serde_json::{Value, json};
use wallet::OpenError;
use wallet::account::{AccountError, SignError};
use wallet::issue::IssueError;
use wallet::ports::HttpError;
use wallet::present::PresentError;

use crate::operations::Language;
use crate::operations::language;

/// Why a step of the phone did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// Account, enrolment, PIN.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Signing a document.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Receiving.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Showing.
    #[error(transparent)]
    Present(#[from] PresentError),
    /// The vault.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The vault's folder.
    #[error("the vault's folder: {0}")]
    Folder(std::io::Error),
    /// Another process has the vault open.
    #[error("another process has this vault open")]
    InUse,
    /// The key file is gone.
    #[error("the vault's key file is missing")]
    KeyMissing,
    /// Others can read the key file.
    #[error("the vault's key file can be read by others")]
    KeyReadable,
    /// The key file or the vault's hint makes no sense.
    #[error("the vault's key file is damaged")]
    KeyDamaged,
    /// The vault is locked by a passphrase.
    #[error("the vault needs its passphrase")]
    PassphraseNeeded,
    /// Not six digits.
    #[error("a PIN is six digits")]
    PinForm,
    /// The two PINs typed differ.
    #[error("the two PINs differ")]
    PinDiffers,
    /// Not an install link.
    #[error("this is not an install link")]
    InstallLink,
    /// Something has to be typed and there is no terminal; names the option.
    #[error("{0} is missing")]
    Input(&'static str),
    /// A gate's reader went away, or the entry code can't be made.
    #[error("at the gate: {0}")]
    Reader(String),
    /// A file that can't be read or is no certificate.
    #[error("not a certificate")]
    Certificate,
    /// The person said no.
    #[error("declined")]
    Declined,
    /// The request is no login of our provider.
    #[error("this is a request for a presentation, not a login")]
    NotALogin,
    /// A verifier would refuse the credential, for this reason.
    #[error("a verifier would refuse it: {0}")]
    DoesNotHold(&'static str),
    /// No document of this id waits.
    #[error("no such document waits")]
    NoDocument,
    /// Nothing is held.
    #[error("this wallet holds no credential yet")]
    Nothing,
    /// The browser did not come back in time.
    #[error("the browser did not come back")]
    SignInTimeout,
    /// The HTTP client can't be made.
    #[error("the HTTP client can't be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// What kind of trouble it is, as an exit code: 1 refused here, 3 refused by the other side, 4 try again when the
/// network is back, 5 wrong PIN or number, 6 locked or suspended, 7 declined by the person. (2 is wrong usage.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Here = 1,
    OtherSide = 3,
    Network = 4,
    Wrong = 5,
    Locked = 6,
    Declined = 7,
}

impl PhoneError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            PhoneError::Account(error) => error.code(),
            PhoneError::Sign(error) => error.code(),
            PhoneError::Issue(error) => error.code(),
            PhoneError::Present(error) => error.code(),
            PhoneError::Open(error) => error.code(),
            PhoneError::Folder(_) => "vault_folder",
            PhoneError::InUse => "vault_in_use",
            PhoneError::KeyMissing => "vault_key_missing",
            PhoneError::KeyReadable => "vault_key_readable",
            PhoneError::KeyDamaged => "vault_key_damaged",
            PhoneError::PassphraseNeeded => "passphrase_needed",
            PhoneError::PinForm => "pin_form",
            PhoneError::PinDiffers => "pin_differs",
            PhoneError::InstallLink => "install_link",
            PhoneError::Input(_) => "input_missing",
            PhoneError::Reader(_) => "gate_reader",
            PhoneError::Certificate => "not_a_certificate",
            PhoneError::Declined => "declined",
            PhoneError::NotALogin => "not_a_login",
            PhoneError::DoesNotHold(code) => code,
            PhoneError::NoDocument => "no_document",
            PhoneError::Nothing => "nothing_held",
            PhoneError::SignInTimeout => "sign_in_timeout",
            PhoneError::Client(_) => "http_client",
        }
    }

    /// The account's own error, wherever it came up.
    fn account(&self) -> Option<&AccountError> {
        match self {
            PhoneError::Account(error)
            | PhoneError::Sign(SignError::Account(error))
            | PhoneError::Issue(IssueError::Account(error))
            | PhoneError::Present(PresentError::Account(error)) => Some(error),
            _ => None,
        }
    }

    fn http(&self) -> bool {
        let account =
            |error: &AccountError| matches!(error, AccountError::Http(_) | AccountError::AnswerUnknown);
        self.account().is_some_and(account)
            || matches!(
                self,
                PhoneError::Issue(IssueError::Http(_) | IssueError::Later { .. })
                    | PhoneError::Present(
                        PresentError::Http(_) | PresentError::AnswerLost | PresentError::TypeUnknown
                    )
            )
    }

    pub(super) fn kind(&self) -> Kind {
        if matches!(self, PhoneError::Declined) {
            return Kind::Declined;
        }
        match self.code() {
            "account_locked" | "account_suspended" | "account_closed" | "new_pin_needed" => {
                return Kind::Locked;
            }
            "wrong_pin" | "tx_code_wrong" | "otp_wrong" | "activation_refused" | "identity_mismatch"
            | "login_number_wrong" | "unlock_code_wrong" => return Kind::Wrong,
            _ => {}
        }
        if self.http() {
            return Kind::Network;
        }
        let refused = matches!(
            self.account(),
            Some(AccountError::Refused { .. } | AccountError::InstructionRefused { .. })
        ) || matches!(
            self,
            PhoneError::Issue(
                IssueError::Refused { .. } | IssueError::OfferSpent | IssueError::Credential(_)
            ) | PhoneError::Present(
                PresentError::Refused { .. } | PresentError::Fetch { .. } | PresentError::Request(_)
            )
        );
        if refused { Kind::OtherSide } else { Kind::Here }
    }

    /// Tries left, where something is counted.
    pub fn tries_left(&self) -> Option<u32> {
        match (self, self.account()) {
            (PhoneError::Issue(IssueError::TxCodeWrong { tries_left }), _) => *tries_left,
            (_, Some(AccountError::WrongPin { tries_left })) => Some(*tries_left),
            (_, Some(AccountError::Refused { tries_left, .. })) => *tries_left,
            _ => None,
        }
    }

    /// The sentence for people.
    pub fn message(&self, language: Language) -> String {
        let key = format!("phone.error.{}", self.code());
        if language::knows(&key) {
            let left = self.tries_left().map(|left| left.to_string()).unwrap_or_default();
            let what = match self {
                PhoneError::Input(option) => (*option).to_owned(),
                PhoneError::Folder(error) => error.to_string(),
                PhoneError::Reader(why) => why.clone(),
                PhoneError::Present(PresentError::ReservedClaim(claim)) => claim.clone(),
                PhoneError::Present(PresentError::NumberNeeded { digits }) => digits.to_string(),
                PhoneError::Issue(IssueError::Later { seconds }) => seconds.to_string(),
                _ => String::new(),
            };
            return language::format(language, &key, &[("left", left), ("what", what)]);
        }
        if let Some(AccountError::Refused { detail, .. }) = self.account() {
            return detail.clone();
        }
        for prefix in ["refusal", "phone.error"] {
            let key = format!("{prefix}.{}", self.code());
            if language::knows(&key) {
                return language::text(language, &key).to_owned();
            }
        }
        // A sentence of the server's catalogue, where this binary is both.
        if language::knows(self.code()) {
            return language::text(language, self.code()).to_owned();
        }
        self.to_string()
    }

    /// What to do next.
    pub fn next(&self, language: Language) -> String {
        let own = format!("phone.next.{}", self.code());
        let key = if language::knows(&own) {
            own
        } else {
            let kind = match self.kind() {
                Kind::Here => "here",
                Kind::OtherSide => "other_side",
                Kind::Network => "network",
                Kind::Wrong => "wrong",
                Kind::Locked => "locked",
                Kind::Declined => "declined",
            };
            format!("phone.next_kind.{kind}")
        };
        language::text(language, &key).to_owned()
    }

    pub(super) fn to_json(&self, language: Language) -> Value {
        let mut error = json!({
            "code": self.code(),
            "message": self.message(language),
            "next": self.next(language),
        });
        if let (Some(members), Some(left)) = (error.as_object_mut(), self.tries_left()) {
            members.insert("tries_left".to_owned(), left.into());
        }
        json!({ "ok": false, "error": error })
    }
}

impl From<HttpError> for PhoneError {
    fn from(error: HttpError) -> PhoneError {
        PhoneError::Account(AccountError::Http(error))
    }
}

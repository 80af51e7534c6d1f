//! What went wrong, why, and what to do next, in words.

use wallet::OpenError;
use wallet::account::AccountError;
use wallet::issue::IssueError;
use wallet::present::PresentError;

use crate::browser::Failure;
use crate::texts::{self, Language};

/// Whatever ends a step of the app early.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// The wallet provider.
    Account(AccountError),
    /// Receiving the badge.
    Issue(IssueError),
    /// Showing the badge.
    Present(PresentError),
    /// The vault.
    Open(OpenError),
    /// The browser.
    Browser(Failure),
    /// Found by the app itself; a code of the catalogue.
    Own(&'static str),
}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Trouble {
                Trouble::$variant(error)
            }
        }
    )*};
}
from!(Account(AccountError), Issue(IssueError), Present(PresentError), Open(OpenError), Browser(Failure));

/// What a person reads about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable code, for the screen to act on and for the judge to see.
    pub code: String,
    /// What happened.
    pub what: String,
    /// What to do next.
    pub next: String,
}

impl Trouble {
    /// The account's own error, wherever it came up.
    fn account(&self) -> Option<&AccountError> {
        match self {
            Trouble::Account(error)
            | Trouble::Issue(IssueError::Account(error))
            | Trouble::Present(PresentError::Account(error)) => Some(error),
            _ => None,
        }
    }

    /// Stable code.
    pub fn code(&self) -> String {
        let code = match self {
            Trouble::Account(error) => error.code(),
            Trouble::Issue(error) => error.code(),
            Trouble::Present(error) => error.code(),
            Trouble::Open(error) => error.code(),
            Trouble::Browser(failure) => match failure.name.as_str() {
                "QuotaExceededError" => "storage_full",
                "NotAllowedError" => "browser_declined",
                "NotFoundError" => "browser_missing",
                "NotReadableError" => "camera_busy",
                "InvalidStateError" => "passkey_exists",
                "OperationError" => "vault_does_not_open",
                _ => "browser_failed",
            },
            Trouble::Own(code) => code,
        };
        code.to_owned()
    }

    /// Whether the server was not reached or its answer was lost.
    pub fn is_network(&self) -> bool {
        matches!(
            self.code().as_str(),
            "unreachable"
                | "answer_lost"
                | "fetch_lost"
                | "answer_unknown"
                | "http"
                | "http_client"
                | "rest_missing"
        )
    }

    /// Tries left, where something was counted.
    pub fn tries_left(&self) -> Option<u32> {
        match (self, self.account()) {
            (Trouble::Issue(IssueError::TxCodeWrong { tries_left }), _) => *tries_left,
            (_, Some(AccountError::WrongPin { tries_left })) => Some(*tries_left),
            (_, Some(AccountError::Refused { tries_left, .. })) => *tries_left,
            _ => None,
        }
    }

    /// In words.
    pub fn told(&self, language: Language) -> Fault {
        let code = self.code();
        let left = self.tries_left().map(|left| left.to_string()).unwrap_or_default();
        let what = match self {
            Trouble::Present(PresentError::ReservedClaim(claim)) => claim.clone(),
            Trouble::Browser(failure) => failure.name.clone(),
            _ => code.clone(),
        };
        let fill = |key: &str| texts::format(language, key, &[("left", &left), ("what", &what)]);
        let said = texts::find(language, &format!("error.{code}"));
        let detail = match self.account() {
            Some(AccountError::Refused { detail, .. }) if !detail.is_empty() => Some(detail.clone()),
            _ => None,
        };
        // Ours where we have words for it; else the server's, which are made for people; else the kind of trouble.
        let text = match (said, detail) {
            (Some(_), _) => fill(&format!("error.{code}")),
            (None, Some(detail)) => detail,
            (None, None) => fill(self.kind()),
        };
        let next = format!("next.{code}");
        let next = if texts::find(language, &next).is_some() {
            fill(&next)
        } else {
            fill(&self.kind().replacen("error.", "next.", 1))
        };
        Fault { code, what: text, next }
    }

    fn kind(&self) -> &'static str {
        match self {
            _ if self.is_network() => "error.network",
            Trouble::Present(PresentError::Request(_)) => "error.request",
            Trouble::Present(PresentError::Refused { .. } | PresentError::Fetch { .. })
            | Trouble::Issue(_)
            | Trouble::Account(_) => "error.other_side",
            _ => "error.here",
        }
    }
}

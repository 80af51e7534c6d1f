//! What crosses when something did not work: a stable code in one of three shapes.

use wallet::OpenError;
use wallet::account::AccountError;
use wallet::issue::IssueError;
use wallet::ports::{HttpError, KeyError};
use wallet::present::PresentError;

/// Why a step did not work. `code` is stable and the key of the text that people see; `detail` is for developers and
/// holds no personal data. The shapes tell what a shell does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum WalletError {
    /// The person declined the use of a key; nothing that needed it has left the phone.
    #[error("{code}: {detail}")]
    Declined {
        /// `key_declined`
        code: String,
        /// For developers.
        detail: String,
    },
    /// No connection, or no answer: the same call may be tried again.
    #[error("{code}: {detail}")]
    Network {
        /// Stable code.
        code: String,
        /// For developers.
        detail: String,
    },
    /// Refused here or by the other side, for the reason that the code names.
    #[error("{code}: {detail}")]
    Refused {
        /// Stable code.
        code: String,
        /// For developers; where our own server refused, its sentence in the language of `accept-language`.
        detail: String,
        /// Tries left, where something is counted.
        tries_left: Option<u32>,
    },
}

impl WalletError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            WalletError::Declined { code, .. }
            | WalletError::Network { code, .. }
            | WalletError::Refused { code, .. } => code,
        }
    }

    /// Refused before anything was sent.
    pub(crate) fn here(code: &str, detail: &str) -> WalletError {
        WalletError::Refused { code: code.to_owned(), detail: detail.to_owned(), tries_left: None }
    }

    fn of(
        key: Option<&KeyError>,
        network: bool,
        code: &str,
        detail: String,
        tries: Option<u32>,
    ) -> WalletError {
        let code = code.to_owned();
        match key {
            Some(KeyError::Declined) => WalletError::Declined { code: "key_declined".to_owned(), detail },
            _ if network => WalletError::Network { code, detail },
            _ => WalletError::Refused { code, detail, tries_left: tries },
        }
    }
}

impl From<OpenError> for WalletError {
    fn from(error: OpenError) -> WalletError {
        WalletError::of(None, false, error.code(), error.to_string(), None)
    }
}

impl From<AccountError> for WalletError {
    fn from(error: AccountError) -> WalletError {
        let key = match &error {
            AccountError::Key(key) => Some(key),
            _ => None,
        };
        let network = match &error {
            AccountError::Http(http) => may_try_again(http),
            error => matches!(error, AccountError::AnswerUnknown),
        };
        let (tries, detail) = match &error {
            AccountError::WrongPin { tries_left } => (Some(*tries_left), error.to_string()),
            AccountError::Refused { tries_left, detail, .. } => (*tries_left, detail.clone()),
            _ => (None, error.to_string()),
        };
        WalletError::of(key, network, error.code(), detail, tries)
    }
}

impl From<IssueError> for WalletError {
    fn from(error: IssueError) -> WalletError {
        match error {
            IssueError::Account(error) => error.into(),
            error => {
                let key = match &error {
                    IssueError::Key(key) => Some(key),
                    _ => None,
                };
                let network = match &error {
                    IssueError::Http(http) => may_try_again(http),
                    error => matches!(error, IssueError::Later { .. }),
                };
                let tries = match &error {
                    IssueError::TxCodeWrong { tries_left } => *tries_left,
                    _ => None,
                };
                WalletError::of(key, network, error.code(), error.to_string(), tries)
            }
        }
    }
}

impl From<PresentError> for WalletError {
    fn from(error: PresentError) -> WalletError {
        match error {
            PresentError::Account(error) => error.into(),
            error => {
                let key = match &error {
                    PresentError::Key(key) => Some(key),
                    _ => None,
                };
                // After `answer_lost` the copy counts as shown and the request as answered: no second try.
                let network = match &error {
                    PresentError::Http(http) => may_try_again(http),
                    error => matches!(error, PresentError::TypeUnknown),
                };
                WalletError::of(key, network, error.code(), error.to_string(), None)
            }
        }
    }
}

fn may_try_again(error: &HttpError) -> bool {
    matches!(error, HttpError::Unreachable | HttpError::AnswerLost)
}

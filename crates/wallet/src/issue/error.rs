//! Why a credential did not come, and whether trying again helps.

use credential::verify::Refusal;
use openid::OAuthError;
use openid::metadata::MetadataError;
use openid::vci::holder::PlanError;

use crate::account::AccountError;
use crate::ports::{HttpError, KeyError};
use crate::trust::TrustError;
use crate::wallet::{DeviceError, OpenError};

/// Why no credential was received. None of these texts holds personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The link is no offer.
    #[error("this is not a credential offer: {0}")]
    Offer(OAuthError),
    /// There is no offer, and no account to ask for one.
    #[error("there is no offer; enrol first or scan the issuer's code")]
    NoOffer,
    /// Another issuance is under way.
    #[error("an issuance by {issuer} is under way; finish or drop it first")]
    Busy {
        /// The other issuer.
        issuer: String,
    },
    /// The issuer's or its authorization server's document can't be used.
    #[error("the issuer's metadata can't be used: {0}")]
    Metadata(#[from] MetadataError),
    /// Offer and documents do not fit.
    #[error("the offer can't be followed: {0}")]
    Plan(#[from] PlanError),
    /// The person has to type a code.
    #[error("the offer asks for a code")]
    TxCodeNeeded {
        /// How many characters, if announced.
        length: Option<u32>,
        /// The issuer's words for where to find it (unverified).
        description: Option<String>,
    },
    /// The code typed is wrong or has the wrong form.
    #[error("the code is wrong")]
    TxCodeWrong {
        /// Tries left, where the issuer tells.
        tries_left: Option<u32>,
    },
    /// The holder has to sign in at the issuer first: [`crate::Wallet::sign_in`].
    #[error("the issuer wants its holder to sign in first")]
    SignInNeeded,
    /// The offer's code is spent, expired, or was void.
    #[error("the offer is used up or has expired; ask for a new one")]
    OfferSpent,
    /// The issuer said no.
    #[error("the issuer refused: {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The code as sent, or `http_<status>`.
        code: String,
    },
    /// The answer is not what the standard says.
    #[error("the issuer's answer can't be used: {0}")]
    Protocol(&'static str),
    /// The credential does not hold.
    #[error("the credential that came does not verify: {0}")]
    Credential(#[from] Refusal),
    /// This wallet trusts no root at all, so no issuer can be verified.
    #[error("this wallet trusts no issuer yet; add the issuer's root certificate")]
    NoTrust,
    /// Which issuers are accredited can't be learnt.
    #[error("the list of accredited issuers can't be used: {0}")]
    Trust(#[from] TrustError),
    /// To be asked for later.
    #[error("the issuer needs time; ask again in {seconds} s")]
    Later {
        /// Seconds to wait at least.
        seconds: u64,
    },
    /// The wallet provider did not help.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] OpenError),
}

impl IssueError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            IssueError::Offer(_) => "offer_malformed",
            IssueError::NoOffer => "offer_missing",
            IssueError::Busy { .. } => "issuing_other",
            IssueError::Metadata(_) => "issuer_metadata",
            IssueError::Plan(PlanError::TxCodeForm) => "tx_code_form",
            IssueError::Plan(_) => "offer_unusable",
            IssueError::TxCodeNeeded { .. } => "tx_code_needed",
            IssueError::TxCodeWrong { .. } => "tx_code_wrong",
            IssueError::SignInNeeded => "sign_in_needed",
            IssueError::OfferSpent => "offer_spent",
            IssueError::Refused { code, .. } => code,
            IssueError::Protocol(_) => "issuer_protocol",
            IssueError::Credential(refusal) => refusal.code(),
            IssueError::NoTrust => "no_trust_anchor",
            IssueError::Trust(error) if error.is_away() => "trust_list_away",
            IssueError::Trust(_) => "trust_list",
            IssueError::Later { .. } => "issuing_deferred",
            IssueError::Account(error) => error.code(),
            IssueError::Http(HttpError::Unreachable) => "unreachable",
            IssueError::Http(HttpError::AnswerLost) => "answer_lost",
            IssueError::Http(HttpError::TooLarge) => "answer_too_large",
            IssueError::Http(_) => "http",
            IssueError::Key(_) => "holder_key",
            IssueError::Vault(error) => error.code(),
        }
    }

    /// Whether the same offer may lead on when it is tried again.
    pub fn may_resume(&self) -> bool {
        match self {
            IssueError::Http(_) | IssueError::Later { .. } | IssueError::Key(_) | IssueError::Vault(_) => {
                true
            }
            IssueError::TxCodeNeeded { .. } | IssueError::SignInNeeded | IssueError::Account(_) => true,
            IssueError::Trust(error) => error.is_away(),
            IssueError::TxCodeWrong { tries_left } => *tries_left != Some(0),
            IssueError::Plan(PlanError::TxCode | PlanError::TxCodeForm) => true,
            IssueError::Refused { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

impl From<DeviceError> for IssueError {
    fn from(error: DeviceError) -> IssueError {
        match error {
            DeviceError::Key(error) => IssueError::Key(error),
            DeviceError::Open(error) => IssueError::Vault(error),
        }
    }
}

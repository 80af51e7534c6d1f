//! Why nothing was shown, or what became of it.

use credential::dcql::{NoMatch, Reason};
use credential::mdoc::in_person::InPersonError;
use openid::OAuthError;
use openid::vp::Refusal;

use crate::account::AccountError;
use crate::ports::{HttpError, KeyError};
use crate::wallet::{DeviceError, OpenError};

/// Why a presentation did not happen. None of these texts holds personal data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PresentError {
    /// The link is no request.
    #[error("this is not a presentation request: {0}")]
    Link(OAuthError),
    /// The request could not be fetched.
    #[error("the verifier did not give its request: {code}")]
    Fetch {
        /// HTTP status.
        status: u16,
        /// The code as sent, or `http_<status>`.
        code: String,
    },
    /// The request does not verify; nothing was answered.
    #[error("the request can't be trusted: {0}")]
    Request(#[from] Refusal),
    /// This phone answered the request before.
    #[error("this request was answered before")]
    AlreadyAnswered,
    /// Nothing here answers the query.
    #[error("this wallet holds nothing that was asked for")]
    NoMatch {
        /// For each credential asked for, the nearest miss.
        unmet: Vec<(String, Reason)>,
    },
    /// A claim is for the login provider alone.
    #[error("the verifier asks for a claim that is for the login provider alone: {0}")]
    ReservedClaim(String),
    /// The rules of a credential type can't be had now.
    #[error("the type's rules can't be had now; try again when the network is back")]
    TypeUnknown,
    /// The choice names a credential or claim that was not asked for.
    #[error("what was chosen is not what was asked for")]
    Choice,
    /// Every copy was shown before; one may be shown again if the holder says so.
    #[error("no unused copy is left")]
    NoFreshCopy,
    /// Every copy has expired.
    #[error("every copy has expired")]
    Expired,
    /// The browser's number is missing.
    #[error("the request asks for the number that the browser shows")]
    NumberNeeded {
        /// How many digits.
        digits: u8,
    },
    /// The PIN is missing.
    #[error("the request asks for the PIN")]
    PinNeeded,
    /// The wallet provider did not take the approval; nothing was shown.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The verifier answered no; the copy counts as shown.
    #[error("the verifier refused the answer: {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The code as sent, or `http_<status>`.
        code: String,
    },
    /// The answer went out and nothing came back; the copy counts as shown.
    #[error("it is not known whether the verifier got the answer")]
    AnswerLost,
    /// No connection; nothing was shown.
    #[error(transparent)]
    Http(HttpError),
    /// A meeting face to face failed; nothing was shown.
    #[error("the meeting failed: {0}")]
    InPerson(#[from] InPersonError),
    /// The answer could not be made.
    #[error("the answer can't be made: {0}")]
    Protocol(&'static str),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] OpenError),
}

impl PresentError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            PresentError::Link(_) => "request_link",
            PresentError::Fetch { code, .. } | PresentError::Refused { code, .. } => code,
            PresentError::Request(refusal) => request_code(*refusal),
            PresentError::AlreadyAnswered => "request_answered",
            PresentError::NoMatch { .. } => "no_matching_credential",
            PresentError::ReservedClaim(_) => "claim_reserved",
            PresentError::TypeUnknown => "type_unknown",
            PresentError::Choice => "choice_not_asked",
            PresentError::NoFreshCopy => "no_fresh_copy",
            PresentError::Expired => "copies_expired",
            PresentError::NumberNeeded { .. } => "number_needed",
            PresentError::PinNeeded => "pin_needed",
            PresentError::Account(error) => error.code(),
            PresentError::AnswerLost => "answer_lost",
            PresentError::Http(HttpError::Unreachable) => "unreachable",
            PresentError::Http(HttpError::AnswerLost) => "fetch_lost",
            PresentError::Http(HttpError::TooLarge) => "answer_too_large",
            PresentError::Http(_) => "http",
            PresentError::InPerson(InPersonError::Engagement | InPersonError::NoWebSocket) => {
                "in_person_engagement"
            }
            PresentError::InPerson(InPersonError::Message) => "in_person_message",
            PresentError::InPerson(InPersonError::Encryption) => "in_person_encryption",
            PresentError::InPerson(InPersonError::Request) => "in_person_request",
            PresentError::InPerson(InPersonError::ReaderSignature) => "in_person_reader",
            PresentError::Protocol(_) => "presentation_protocol",
            PresentError::Key(_) => "holder_key",
            PresentError::Vault(error) => error.code(),
        }
    }
}

/// The stable code of a request that does not verify.
fn request_code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed => "request_malformed",
        Refusal::Type => "request_type",
        Refusal::Algorithm => "request_algorithm",
        Refusal::Unsigned => "request_unsigned",
        Refusal::ClientId => "request_client_id",
        Refusal::ForeignClient => "request_foreign_client",
        Refusal::Certificate => "request_certificate",
        Refusal::Untrusted => "request_untrusted",
        Refusal::Signature => "request_signature",
        Refusal::Audience => "request_audience",
        Refusal::Origin => "request_origin",
        Refusal::Time => "request_expired",
        Refusal::WalletNonce => "request_replayed",
        Refusal::Nonce => "request_nonce",
        Refusal::State => "request_state",
        Refusal::ResponseUri => "request_response_uri",
        Refusal::ResponseMode => "request_response_mode",
        Refusal::Formats => "request_formats",
        Refusal::ResponseType => "request_response_type",
        Refusal::Query => "request_query",
        Refusal::EncryptionKey => "request_encryption_key",
        Refusal::TransactionData => "request_transaction_data",
    }
}

impl From<NoMatch> for PresentError {
    fn from(miss: NoMatch) -> PresentError {
        PresentError::NoMatch { unmet: miss.unmet }
    }
}

impl From<DeviceError> for PresentError {
    fn from(error: DeviceError) -> PresentError {
        match error {
            DeviceError::Key(error) => PresentError::Key(error),
            DeviceError::Open(error) => PresentError::Vault(error),
        }
    }
}

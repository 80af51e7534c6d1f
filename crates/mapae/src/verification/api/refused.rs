//! Why the API refuses, with a stable code each.

use credential::dcql::ResponseError;
use http::StatusCode;

use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::tokens::TokenError;
use crate::verification::exchange::{self, AnswerRefused};

/// Why the API refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiRefused {
    #[error("the API key is missing or unknown")]
    Unauthorized,
    #[error("the relying party's registration has expired")]
    Expired,
    #[error("the query is not one that can be asked")]
    Query(String),
    #[error("the relying party may not ask for this claim")]
    Claim(String),
    #[error("the redirect URI is not registered")]
    Redirect,
    #[error("the origin is none of a registered redirect URI")]
    Origin,
    #[error("no webhook is registered, or the result belongs to a browser")]
    Webhook,
    #[error("the query is too long")]
    TooLong,
    #[error("there is no such verification")]
    Unknown,
    #[error("the verification has expired or was picked up")]
    Gone,
    #[error("the result is kept for the browser that the wallet returned to")]
    ResponseCode,
    #[error("the request was answered before")]
    Answered,
    #[error(transparent)]
    Answer(#[from] AnswerRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Internal(&'static str),
}

impl From<exchange::RequestError> for ApiRefused {
    fn from(_: exchange::RequestError) -> ApiRefused {
        ApiRefused::Internal("a request object can't be made")
    }
}

impl From<TokenError> for ApiRefused {
    fn from(error: TokenError) -> ApiRefused {
        match error {
            TokenError::Expired => ApiRefused::Gone,
            TokenError::Invalid => ApiRefused::Unknown,
        }
    }
}

impl From<ApiRefused> for Problem {
    fn from(refused: ApiRefused) -> Problem {
        match refused {
            ApiRefused::Unauthorized => Problem::new(StatusCode::UNAUTHORIZED, "verification_unauthorized"),
            ApiRefused::Expired => Problem::new(StatusCode::FORBIDDEN, "verification_party_expired"),
            ApiRefused::Query(reason) => {
                Problem::new(StatusCode::BAD_REQUEST, "verification_query").with("reason", reason)
            }
            ApiRefused::Claim(claim) => {
                Problem::new(StatusCode::FORBIDDEN, "verification_claim").with("claim", claim)
            }
            ApiRefused::Redirect => Problem::new(StatusCode::BAD_REQUEST, "verification_redirect"),
            ApiRefused::Origin => Problem::new(StatusCode::BAD_REQUEST, "verification_origin"),
            ApiRefused::Webhook => Problem::new(StatusCode::BAD_REQUEST, "verification_webhook"),
            ApiRefused::TooLong => Problem::new(StatusCode::BAD_REQUEST, "verification_too_long"),
            ApiRefused::Unknown => Problem::new(StatusCode::NOT_FOUND, "verification_unknown"),
            ApiRefused::Gone => Problem::new(StatusCode::GONE, "verification_gone"),
            ApiRefused::ResponseCode => Problem::new(StatusCode::FORBIDDEN, "verification_response_code"),
            ApiRefused::Answered => Problem::new(StatusCode::CONFLICT, "verification_answered"),
            ApiRefused::Answer(refused) => refused.into(),
            ApiRefused::Store(error) => error.into(),
            ApiRefused::Internal(cause) => Problem::internal(cause),
        }
    }
}

impl From<AnswerRefused> for Problem {
    fn from(refused: AnswerRefused) -> Problem {
        let reason = match &refused {
            AnswerRefused::Protocol(error) => error.error.as_str(),
            AnswerRefused::Plain => "response_not_encrypted",
            AnswerRefused::KeyId => "response_other_key",
            AnswerRefused::TooMany => "too_many_presentations",
            AnswerRefused::Presentation(refusal) => refusal.code(),
            AnswerRefused::Query(error) => match error {
                ResponseError::NotAsked(_) => "credential_not_asked",
                ResponseError::TooMany(_) => "credential_twice",
                ResponseError::OtherType(_) => "wrong_type",
                ResponseError::OtherAuthority(_) => "other_authority",
                ResponseError::ClaimMissing(_) => "claim_missing",
                ResponseError::CredentialMissing => "credential_missing",
            },
            AnswerRefused::Request(_) => return Problem::internal(refused),
            AnswerRefused::Trust(_) => return Problem::internal(refused),
            AnswerRefused::Store(_) => {
                let AnswerRefused::Store(error) = refused else { return Problem::internal("store") };
                return error.into();
            }
        };
        Problem::new(StatusCode::BAD_REQUEST, "presentation_refused").with("reason", reason)
    }
}

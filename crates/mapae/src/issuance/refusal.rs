//! How the issuer says no: the standard's code, and beside it what a wallet may show its holder.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use openid::error::Scheme;
use openid::{Code, OAuthError, attestation, dpop};
use serde::Serialize;

use crate::operations::store::StoreError;
use crate::operations::tokens::TokenError;

/// A refused request to one of the issuer's endpoints.
#[derive(Debug)]
pub struct Refused {
    error: OAuthError,
    tries_left: Option<i64>,
    at_resource: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    error: &'a OAuthError,
    /// Wrong transaction codes that may still be typed before the offer is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_code_tries_left: Option<i64>,
}

impl Refused {
    /// A wrong transaction code, and how many tries are left.
    pub(super) fn with_tries_left(error: OAuthError, tries_left: i64) -> Self {
        Self { error, tries_left: Some(tries_left), at_resource: false }
    }

    /// The same, as a protected resource says it: with 401 and `WWW-Authenticate` for token and proof faults.
    #[must_use]
    pub(super) fn at_resource(self) -> Self {
        Self { error: self.error.at_resource(), at_resource: true, ..self }
    }

    /// The error code.
    pub fn code(&self) -> Code {
        self.error.error
    }
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self { error, tries_left: None, at_resource: false }
    }
}

impl From<dpop::Refusal> for Refused {
    fn from(refusal: dpop::Refusal) -> Self {
        OAuthError::from(refusal).into()
    }
}

impl From<attestation::Refusal> for Refused {
    fn from(refusal: attestation::Refusal) -> Self {
        OAuthError::from(refusal).into()
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let code = if error.may_pass() { Code::TemporarilyUnavailable } else { Code::ServerError };
        tracing::error!(%error, "issuance: store");
        OAuthError::new(code, "").into()
    }
}

impl From<TokenError> for Refused {
    /// Sealing failed; a token that does not open is answered where it is opened.
    fn from(error: TokenError) -> Self {
        internal("token", &error)
    }
}

/// Something that must not happen did; the cause goes to the log, not to the client.
pub(super) fn internal(what: &'static str, cause: &dyn std::fmt::Display) -> Refused {
    tracing::error!(what, %cause, "issuance");
    OAuthError::new(Code::ServerError, "").into()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Body { error: &self.error, tx_code_tries_left: self.tries_left };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.at_resource
            && status == StatusCode::UNAUTHORIZED
            && let Ok(challenge) = HeaderValue::from_str(&self.error.www_authenticate(Scheme::Dpop))
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

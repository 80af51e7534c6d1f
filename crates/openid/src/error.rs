//! The one error type of every endpoint, with the codes that the standards register.
//!
//! Descriptions are written for developers, in ASCII, and never hold personal data: they are our own constant texts
//! or name a parameter. What a person reads is chosen by the code, in their language, by the caller.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::form::Form;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// An error code registered by one of the standards of this crate, with its HTTP status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The HTTP status that goes with it where the answer is not a redirect.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            /// Reads a code received from another party; an unregistered one is `None`.
            #[must_use]
            pub fn parse(text: &str) -> Option<Code> {
                match text { $($text => Some(Code::$name),)* _ => None }
            }
        }
    };
}

codes! {
    // RFC 6749 §4.1.2.1, §5.2
    /// A parameter is missing, repeated or malformed.
    InvalidRequest = "invalid_request", 400;
    /// The client is unknown or failed to authenticate.
    InvalidClient = "invalid_client", 401;
    /// The code, refresh token or transaction code is wrong, expired, used or of another client.
    InvalidGrant = "invalid_grant", 400;
    /// This client may not use this grant or response type.
    UnauthorizedClient = "unauthorized_client", 400;
    /// The grant type is not offered here.
    UnsupportedGrantType = "unsupported_grant_type", 400;
    /// The scope is unknown, malformed or more than was granted.
    InvalidScope = "invalid_scope", 400;
    /// The person or the server said no.
    AccessDenied = "access_denied", 403;
    /// The response type is not offered here.
    UnsupportedResponseType = "unsupported_response_type", 400;
    /// Something of ours is broken.
    ServerError = "server_error", 500;
    /// Overloaded or under maintenance.
    TemporarilyUnavailable = "temporarily_unavailable", 503;
    // RFC 6750 §3.1
    /// The access token is expired, revoked, malformed or bound to another key.
    InvalidToken = "invalid_token", 401;
    /// The access token is good but does not reach this far.
    InsufficientScope = "insufficient_scope", 403;
    // RFC 9449
    /// The DPoP proof is missing or wrong.
    InvalidDpopProof = "invalid_dpop_proof", 400;
    /// The DPoP proof must carry the nonce given in the `DPoP-Nonce` header.
    UseDpopNonce = "use_dpop_nonce", 400;
    // RFC 9396, RFC 8707
    /// `authorization_details` is malformed, unknown or refused.
    InvalidAuthorizationDetails = "invalid_authorization_details", 400;
    /// The requested resource is unknown or refused.
    InvalidTarget = "invalid_target", 400;
    // RFC 8628
    /// The person has not answered yet.
    AuthorizationPending = "authorization_pending", 400;
    /// Polled too fast.
    SlowDown = "slow_down", 400;
    /// The device code has expired.
    ExpiredToken = "expired_token", 400;
    // OpenID Connect Core §3.1.2.6, RFC 9470, RFC 9101
    /// The person would have to be asked, and `prompt=none` forbids it.
    InteractionRequired = "interaction_required", 400;
    /// The person would have to log in, and `prompt=none` forbids it.
    LoginRequired = "login_required", 400;
    /// The person would have to choose an account.
    AccountSelectionRequired = "account_selection_required", 400;
    /// The person would have to consent, and `prompt=none` forbids it.
    ConsentRequired = "consent_required", 400;
    /// The asked authentication level can't be reached.
    UnmetAuthenticationRequirements = "unmet_authentication_requirements", 400;
    /// `request_uri` is unknown, expired or used.
    InvalidRequestUri = "invalid_request_uri", 400;
    /// The request object does not verify.
    InvalidRequestObject = "invalid_request_object", 400;
    /// `request` is not taken here.
    RequestNotSupported = "request_not_supported", 400;
    /// `request_uri` is not taken here.
    RequestUriNotSupported = "request_uri_not_supported", 400;
    /// `registration` is not taken here.
    RegistrationNotSupported = "registration_not_supported", 400;
    // OpenID4VCI 1.0 §8.3.1.2, §9.3, §11.3
    /// The credential request is malformed.
    InvalidCredentialRequest = "invalid_credential_request", 400;
    /// The credential configuration is unknown.
    UnknownCredentialConfiguration = "unknown_credential_configuration", 400;
    /// The credential identifier is unknown.
    UnknownCredentialIdentifier = "unknown_credential_identifier", 400;
    /// A proof is missing, wrong, or carries no nonce.
    InvalidProof = "invalid_proof", 400;
    /// A proof's nonce is wrong or stale: get a new one.
    InvalidNonce = "invalid_nonce", 400;
    /// Encryption parameters are wrong, or missing where they are required.
    InvalidEncryptionParameters = "invalid_encryption_parameters", 400;
    /// No credential will be issued: asking again is useless.
    CredentialRequestDenied = "credential_request_denied", 400;
    /// The deferred transaction is unknown or already done.
    InvalidTransactionId = "invalid_transaction_id", 400;
    /// The notification id is unknown.
    InvalidNotificationId = "invalid_notification_id", 400;
    /// The notification is malformed.
    InvalidNotificationRequest = "invalid_notification_request", 400;
    // OpenID4VP 1.0 §8.5
    /// None of the requested formats is held here.
    VpFormatsNotSupported = "vp_formats_not_supported", 400;
    /// `request_uri_method` is neither `get` nor `post`.
    InvalidRequestUriMethod = "invalid_request_uri_method", 400;
    /// Transaction data of an unknown type or with wrong content.
    InvalidTransactionData = "invalid_transaction_data", 400;
    /// No wallet answered.
    WalletUnavailable = "wallet_unavailable", 400;
    // Attestation-based client authentication §6.4
    /// The client attestation or its proof of possession does not verify.
    InvalidClientAttestation = "invalid_client_attestation", 401;
    /// The proof of possession must carry the server's challenge.
    UseAttestationChallenge = "use_attestation_challenge", 400;
    /// The client attestation is too old.
    UseFreshAttestation = "use_fresh_attestation", 400;
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An error answer of any endpoint of this crate (RFC 6749 §5.2 and those built on it).
///
/// Serializes to the JSON body. Send it with [`OAuthError::status`] and `Cache-Control: no-store`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{error}: {error_description}")]
pub struct OAuthError {
    /// The registered code.
    pub error: Code,
    /// For developers; only the characters that RFC 6749 allows.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub error_description: Cow<'static, str>,
    /// The HTTP status.
    #[serde(skip)]
    pub status: u16,
}

impl OAuthError {
    /// An error with the code's own status; characters that RFC 6749 forbids in the description become spaces.
    pub fn new(error: Code, description: impl Into<Cow<'static, str>>) -> OAuthError {
        let description = description.into();
        let error_description = if description.chars().all(allowed) {
            description
        } else {
            description.replace(|c| !allowed(c), " ").into()
        };
        OAuthError { error, error_description, status: error.status() }
    }

    /// The same error with another HTTP status, where an endpoint's standard says so.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> OAuthError {
        self.status = status;
        self
    }

    /// The same error as a protected resource tells it: 401 for token and proof faults (RFC 6750 §3.1, RFC 9449 §7.1).
    #[must_use]
    pub fn at_resource(self) -> OAuthError {
        let status = match self.error {
            Code::InvalidDpopProof | Code::UseDpopNonce | Code::InvalidToken => 401,
            _ => self.status,
        };
        self.with_status(status)
    }

    /// The `WWW-Authenticate` value of a 401 or 403 from a protected resource (RFC 6750 §3, RFC 9449 §7.1).
    ///
    /// A DPoP nonce does not travel here but in the `DPoP-Nonce` header beside it.
    #[must_use]
    pub fn www_authenticate(&self, scheme: Scheme) -> String {
        let mut value = format!("{} error=\"{}\"", scheme.name(), self.error);
        if !self.error_description.is_empty() {
            value.push_str(&format!(", error_description=\"{}\"", self.error_description));
        }
        if scheme == Scheme::Dpop {
            value.push_str(", algs=\"ES256\"");
        }
        value
    }

    /// The redirect that tells a client of a failed authorization (RFC 6749 §4.1.2.1 with `iss`, RFC 9207 §2).
    ///
    /// `redirect_uri` must already be known to be the client's own: an unknown one never gets a redirect.
    #[must_use]
    pub fn redirect(&self, redirect_uri: &str, state: Option<&str>, issuer: &str) -> String {
        let mut form = Form::default();
        form.push("error", self.error.as_str());
        if !self.error_description.is_empty() {
            form.push("error_description", &self.error_description);
        }
        if let Some(state) = state {
            form.push("state", state);
        }
        form.push("iss", issuer);
        crate::link::with_query(redirect_uri, &form)
    }
}

/// The challenge for a request that carried no token at all: no error code is told (RFC 6750 §3.1).
#[must_use]
pub fn challenge_without_token(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Bearer => "Bearer",
        Scheme::Dpop => "DPoP algs=\"ES256\"",
    }
}

/// How an access token travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449.
    Dpop,
}

impl Scheme {
    /// The scheme's name in `Authorization` and `WWW-Authenticate`, and the `token_type` of a token response.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Bearer => "Bearer",
            Scheme::Dpop => "DPoP",
        }
    }

    /// Splits an `Authorization` header value into scheme and token; the scheme's case does not matter (RFC 9110 §11.1).
    ///
    /// # Errors
    /// `invalid_request` for another scheme or characters outside `token68`.
    pub fn parse_authorization(value: &str) -> Result<(Scheme, &str), OAuthError> {
        let refused =
            || OAuthError::new(Code::InvalidRequest, "Authorization must be Bearer or DPoP with one token");
        let (name, token) = value.split_once(' ').ok_or_else(refused)?;
        let token = token.trim_matches(' ');
        let body = token.trim_end_matches('=');
        let token68 = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        if body.is_empty() || token.len() > MAX_ACCESS_TOKEN || !body.bytes().all(token68) {
            return Err(refused());
        }
        if name.eq_ignore_ascii_case("bearer") {
            Ok((Scheme::Bearer, token))
        } else if name.eq_ignore_ascii_case("dpop") {
            Ok((Scheme::Dpop, token))
        } else {
            Err(refused())
        }
    }
}

/// Longest access token read, in bytes.
pub const MAX_ACCESS_TOKEN: usize = 8 * 1024;

/// An error answer as a client receives it: the code may be one that nobody registered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ErrorResponse {
    /// The code as sent.
    pub error: String,
    /// The other side's words; show them to developers only.
    #[serde(default)]
    pub error_description: Option<String>,
}

impl ErrorResponse {
    /// Reads a JSON error body of at most 16 KiB; anything else is `None`, and then only the HTTP status speaks.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<ErrorResponse> {
        crate::json::parse(body, crate::json::SMALL).ok()
    }

    /// The registered code, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::parse(&self.error)
    }
}

fn allowed(c: char) -> bool {
    matches!(c, ' '..='!' | '#'..='[' | ']'..='~')
}

#[cfg(test)]
mod tests;

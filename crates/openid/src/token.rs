//! The token endpoint (RFC 6749 §3.2): requests of the grants offered here, and the response.

use serde::{Deserialize, Serialize};

use crate::error::{Code, OAuthError, Scheme};
use crate::form::Form;
use crate::json;

/// `grant_type` of OpenID4VCI §3.5.
pub const PRE_AUTHORIZED_CODE: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
/// `grant_type` of RFC 6749 §4.1.3.
pub const AUTHORIZATION_CODE: &str = "authorization_code";
/// `grant_type` of RFC 6749 §6.
pub const REFRESH_TOKEN: &str = "refresh_token";
/// `type` of an authorization detail for a credential (OpenID4VCI §5.1.1).
pub const OPENID_CREDENTIAL: &str = "openid_credential";

/// Longest code, token or client id read, in bytes.
const MAX_VALUE: usize = 4096;
/// Longest transaction code, in characters.
const MAX_TX_CODE: usize = 64;
/// Most authorization details in one request.
const MAX_DETAILS: usize = 16;

/// One request to the token endpoint, by grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRequest {
    /// OpenID4VCI §6.1.
    PreAuthorizedCode(PreAuthorizedCodeGrant),
    /// RFC 6749 §4.1.3.
    AuthorizationCode(AuthorizationCodeGrant),
    /// RFC 6749 §6.
    Refresh(RefreshGrant),
}

/// A pre-authorized code with the transaction code that the person typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreAuthorizedCodeGrant {
    /// The offer's code.
    pub pre_authorized_code: String,
    /// What the person typed, if anything.
    pub tx_code: Option<String>,
    /// The client, where it names itself.
    pub client_id: Option<String>,
    /// What of the offer is wanted; empty means all.
    pub authorization_details: Vec<AuthorizationDetail>,
}

/// An authorization code with its PKCE verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCodeGrant {
    /// The code.
    pub code: String,
    /// The redirect address of the authorization request.
    pub redirect_uri: Option<String>,
    /// The PKCE verifier.
    pub code_verifier: Option<String>,
    /// The client, where it names itself in the body.
    pub client_id: Option<String>,
    /// What of the granted is wanted; empty means all.
    pub authorization_details: Vec<AuthorizationDetail>,
}

/// A refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshGrant {
    /// The token.
    pub refresh_token: String,
    /// A narrower scope, if asked for.
    pub scope: Option<String>,
    /// The client, where it names itself in the body.
    pub client_id: Option<String>,
}

impl TokenRequest {
    /// Reads a token request.
    ///
    /// # Errors
    /// `invalid_request` for a missing, repeated or oversized parameter, `unsupported_grant_type` for another grant,
    /// `invalid_authorization_details` where that parameter is malformed.
    pub fn parse(form: &Form) -> Result<TokenRequest, OAuthError> {
        if form.iter().any(|(name, value)| name != "authorization_details" && value.len() > MAX_VALUE) {
            return Err(OAuthError::new(Code::InvalidRequest, "a parameter is too long"));
        }
        let owned = |name: &str| form.get(name).map(str::to_owned);
        let grant = form.require("grant_type")?;
        let tx_code = owned("tx_code");
        if tx_code.is_some() && grant != PRE_AUTHORIZED_CODE {
            return Err(OAuthError::new(
                Code::InvalidRequest,
                "tx_code belongs to the pre-authorized code grant",
            ));
        }
        match grant {
            PRE_AUTHORIZED_CODE => {
                if tx_code.as_ref().is_some_and(|code| code.chars().count() > MAX_TX_CODE) {
                    return Err(OAuthError::new(Code::InvalidRequest, "tx_code is too long"));
                }
                Ok(TokenRequest::PreAuthorizedCode(PreAuthorizedCodeGrant {
                    pre_authorized_code: form.require("pre-authorized_code")?.to_owned(),
                    tx_code,
                    client_id: owned("client_id"),
                    authorization_details: AuthorizationDetail::parse_list(
                        form.get("authorization_details"),
                    )?,
                }))
            }
            AUTHORIZATION_CODE => Ok(TokenRequest::AuthorizationCode(AuthorizationCodeGrant {
                code: form.require("code")?.to_owned(),
                redirect_uri: owned("redirect_uri"),
                code_verifier: owned("code_verifier"),
                client_id: owned("client_id"),
                authorization_details: AuthorizationDetail::parse_list(form.get("authorization_details"))?,
            })),
            REFRESH_TOKEN => Ok(TokenRequest::Refresh(RefreshGrant {
                refresh_token: form.require("refresh_token")?.to_owned(),
                scope: owned("scope"),
                client_id: owned("client_id"),
            })),
            _ => Err(OAuthError::new(Code::UnsupportedGrantType, "this grant type is not offered here")),
        }
    }

    /// The client as named in the body.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            TokenRequest::PreAuthorizedCode(grant) => grant.client_id.as_deref(),
            TokenRequest::AuthorizationCode(grant) => grant.client_id.as_deref(),
            TokenRequest::Refresh(grant) => grant.client_id.as_deref(),
        }
    }

    /// The form a client sends.
    #[must_use]
    pub fn to_form(&self) -> Form {
        let mut form = Form::default();
        let mut optional = Vec::new();
        let details = match self {
            TokenRequest::PreAuthorizedCode(grant) => {
                form.push("grant_type", PRE_AUTHORIZED_CODE);
                form.push("pre-authorized_code", &grant.pre_authorized_code);
                optional.push(("tx_code", &grant.tx_code));
                optional.push(("client_id", &grant.client_id));
                grant.authorization_details.as_slice()
            }
            TokenRequest::AuthorizationCode(grant) => {
                form.push("grant_type", AUTHORIZATION_CODE);
                form.push("code", &grant.code);
                optional.push(("redirect_uri", &grant.redirect_uri));
                optional.push(("code_verifier", &grant.code_verifier));
                optional.push(("client_id", &grant.client_id));
                grant.authorization_details.as_slice()
            }
            TokenRequest::Refresh(grant) => {
                form.push("grant_type", REFRESH_TOKEN);
                form.push("refresh_token", &grant.refresh_token);
                optional.push(("scope", &grant.scope));
                optional.push(("client_id", &grant.client_id));
                &[]
            }
        };
        for (name, value) in optional {
            if let Some(value) = value {
                form.push(name, value);
            }
        }
        if !details.is_empty() {
            form.push("authorization_details", &serde_json::to_string(details).unwrap_or_default());
        }
        form
    }
}

impl PreAuthorizedCodeGrant {
    /// The transaction code if the offer demands one, `None` if it demands none (§6.3).
    ///
    /// # Errors
    /// `invalid_request` when one is demanded and absent, or present and not expected.
    pub fn tx_code(&self, demanded: bool) -> Result<Option<&str>, OAuthError> {
        match (demanded, self.tx_code.as_deref()) {
            (true, None) => Err(OAuthError::new(Code::InvalidRequest, "tx_code is missing")),
            (false, Some(_)) => Err(OAuthError::new(Code::InvalidRequest, "tx_code is not expected")),
            (_, code) => Ok(code),
        }
    }
}

/// What credential is asked for or granted (OpenID4VCI §5.1.1, §6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationDetail {
    /// Always [`OPENID_CREDENTIAL`].
    #[serde(rename = "type")]
    pub kind: String,
    /// A key of the issuer's `credential_configurations_supported`.
    pub credential_configuration_id: String,
    /// The issuer, where the authorization server serves several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<String>,
    /// In a token response: the credential datasets that may be requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credential_identifiers: Vec<String>,
    /// In a request: the claims wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<crate::metadata::ClaimDescription>,
}

impl AuthorizationDetail {
    /// A detail for one configuration, without identifiers.
    #[must_use]
    pub fn for_configuration(id: &str) -> AuthorizationDetail {
        AuthorizationDetail {
            kind: OPENID_CREDENTIAL.to_owned(),
            credential_configuration_id: id.to_owned(),
            locations: Vec::new(),
            credential_identifiers: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// Reads the request parameter; absent means none.
    ///
    /// # Errors
    /// `invalid_authorization_details` if it is no non-empty list of at most 16 `openid_credential` details.
    pub fn parse_list(parameter: Option<&str>) -> Result<Vec<AuthorizationDetail>, OAuthError> {
        let Some(text) = parameter else { return Ok(Vec::new()) };
        let refused = |why| OAuthError::new(Code::InvalidAuthorizationDetails, why);
        let details: Vec<AuthorizationDetail> = json::parse_list(text.as_bytes(), json::SMALL)
            .map_err(|_| refused("authorization_details is malformed"))?;
        if details.is_empty() || details.len() > MAX_DETAILS {
            return Err(refused("authorization_details is empty or too long"));
        }
        if details.iter().any(|detail| detail.kind != OPENID_CREDENTIAL) {
            return Err(refused("authorization_details has an unknown type"));
        }
        if details.iter().any(|detail| !detail.credential_identifiers.is_empty()) {
            return Err(refused("credential_identifiers belongs to the response"));
        }
        Ok(details)
    }
}

/// A successful token response (RFC 6749 §5.1, OpenID4VCI §6.2, OpenID Connect Core §3.1.3.3).
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// `DPoP` or `Bearer`, in any case.
    pub token_type: String,
    /// Seconds until the token expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The granted scope, where it differs from the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The ID token, from an OpenID provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The granted credentials, from a credential issuer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<AuthorizationDetail>,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse").field("token_type", &self.token_type).finish_non_exhaustive()
    }
}

impl TokenResponse {
    /// A response with the members every response has.
    #[must_use]
    pub fn new(access_token: String, scheme: Scheme, expires_in: u64) -> TokenResponse {
        TokenResponse {
            access_token,
            token_type: scheme.name().to_owned(),
            expires_in: Some(expires_in),
            refresh_token: None,
            scope: None,
            id_token: None,
            authorization_details: Vec::new(),
        }
    }

    /// Reads a response as a client, and pins the token type it asked for.
    ///
    /// # Errors
    /// `invalid_request` if malformed, `invalid_token` if the token is of another type: a client that sent a DPoP
    /// proof must not go on with a bearer token (RFC 9449 §5).
    pub fn parse(body: &[u8], expected: Scheme) -> Result<TokenResponse, OAuthError> {
        let response: TokenResponse = json::parse(body, json::LARGE)?;
        if !response.token_type.eq_ignore_ascii_case(expected.name()) {
            return Err(OAuthError::new(Code::InvalidToken, "the token type is another than asked for"));
        }
        if response.access_token.is_empty() || response.access_token.len() > crate::error::MAX_ACCESS_TOKEN {
            return Err(OAuthError::new(Code::InvalidToken, "the access token is empty or too long"));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests;

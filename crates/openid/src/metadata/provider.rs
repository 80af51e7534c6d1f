//! OpenID provider metadata (OpenID Connect Discovery 1.0 §3, and the logout specifications).

use serde::{Deserialize, Serialize};

use super::{MetadataError, check_endpoints};
use crate::{json, link};

/// What an OpenID provider publishes at `/.well-known/openid-configuration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenIdProvider {
    /// The issuer identifier, `iss` of every ID token.
    pub issuer: String,
    /// Where authorization requests go.
    pub authorization_endpoint: String,
    /// Where tokens are given.
    pub token_endpoint: String,
    /// Where claims are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// The signing keys.
    pub jwks_uri: String,
    /// Where requests are pushed (RFC 9126).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// Where a token's state is told (RFC 7662).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// Where a token is given back (RFC 7009).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Where a device asks for a login (RFC 8628 §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    /// Where a relying party sends the browser to log out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// Scopes offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// Response types offered.
    pub response_types_supported: Vec<String>,
    /// Response modes offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// Grants offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    /// Authentication levels that may be asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acr_values_supported: Vec<String>,
    /// `public`, `pairwise`.
    pub subject_types_supported: Vec<String>,
    /// Algorithms of ID tokens.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// How clients authenticate at the token endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms of a client's own JWTs at the token endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// How clients authenticate where a token's state is told; absent means as at the token endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms of their JWTs there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// How clients authenticate where a token is given back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms of their JWTs there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Algorithms of request objects (RFC 9101 §9).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_object_signing_alg_values_supported: Vec<String>,
    /// PKCE methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// DPoP algorithms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Claims that may be given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims_supported: Vec<String>,
    /// Whether `claims` is taken.
    pub claims_parameter_supported: bool,
    /// Whether `request` is taken.
    pub request_parameter_supported: bool,
    /// Whether `request_uri` is taken by value; absent means yes, so it is always written.
    pub request_uri_parameter_supported: bool,
    /// `prompt` values taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompt_values_supported: Vec<String>,
    /// Languages of the pages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ui_locales_supported: Vec<String>,
    /// Whether `iss` comes with authorization responses (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether sessions end by a call from server to server.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backchannel_logout_supported: bool,
    /// Whether that call names the session.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backchannel_logout_session_supported: bool,
    /// Documentation for developers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
}

impl OpenIdProvider {
    /// The path appended to an issuer (Discovery §4: appended, not inserted as in RFC 8414).
    pub const WELL_KNOWN: &'static str = "/.well-known/openid-configuration";

    /// Where the document of an issuer lies.
    ///
    /// # Errors
    /// `issuer` is no issuer identifier.
    pub fn location(issuer: &str) -> Result<String, MetadataError> {
        link::issuer(issuer)?;
        Ok(format!("{}{}", issuer.trim_end_matches('/'), Self::WELL_KNOWN))
    }

    /// Reads the document fetched for `issuer`.
    ///
    /// # Errors
    /// Malformed, of another issuer, or with an endpoint that is no https address.
    pub fn read(body: &[u8], issuer: &str) -> Result<OpenIdProvider, MetadataError> {
        let document: OpenIdProvider = json::parse(body, json::LARGE)?;
        if document.issuer != issuer {
            return Err(MetadataError::ForeignIssuer);
        }
        link::issuer(issuer)?;
        check_endpoints([
            Some(&document.authorization_endpoint),
            Some(&document.token_endpoint),
            Some(&document.jwks_uri),
            document.userinfo_endpoint.as_ref(),
            document.pushed_authorization_request_endpoint.as_ref(),
            document.end_session_endpoint.as_ref(),
            document.introspection_endpoint.as_ref(),
            document.revocation_endpoint.as_ref(),
            document.device_authorization_endpoint.as_ref(),
        ])?;
        Ok(document)
    }
}

//! Authorization server metadata (RFC 8414 §2, with the members of RFC 9126, 9207, 9449, OpenID4VCI and attestations).

use serde::{Deserialize, Serialize};

use super::{MetadataError, check_endpoints};
use crate::{json, link};

/// What an authorization server publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationServer {
    /// The issuer identifier.
    pub issuer: String,
    /// Where authorization requests go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// Where tokens are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// Where requests are pushed (RFC 9126).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// Whether requests must be pushed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_pushed_authorization_requests: bool,
    /// The signing keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Where a token's state is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// Where a token is given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Where a challenge for a client attestation is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge_endpoint: Option<String>,
    /// Scopes offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// Response types offered; left out where only the pre-authorized code is (OpenID4VCI §12.2.4, RFC 8414 §3.2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_types_supported: Vec<String>,
    /// Response modes offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// Grants offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    /// How clients authenticate at the token endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms for JWT client authentication.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// PKCE methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// DPoP algorithms (RFC 9449 §5.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Types of `authorization_details` (RFC 9396 §10).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types_supported: Vec<String>,
    /// Algorithms of client attestations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_attestation_signing_alg_values_supported: Vec<String>,
    /// Algorithms of their proofs of possession.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_attestation_pop_signing_alg_values_supported: Vec<String>,
    /// Whether `iss` comes with authorization responses (RFC 9207 §3).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a pre-authorized code is taken without a `client_id` (OpenID4VCI §12.3).
    #[serde(
        rename = "pre-authorized_grant_anonymous_access_supported",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub pre_authorized_grant_anonymous_access_supported: bool,
    /// Documentation for developers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
}

impl AuthorizationServer {
    /// The name of the well-known document.
    pub const WELL_KNOWN: &'static str = "oauth-authorization-server";

    /// Where the document of an issuer lies (RFC 8414 §3.1).
    ///
    /// # Errors
    /// `issuer` is no issuer identifier.
    pub fn location(issuer: &str) -> Result<String, MetadataError> {
        Ok(link::well_known(issuer, Self::WELL_KNOWN)?)
    }

    /// Reads the document fetched for `issuer`.
    ///
    /// # Errors
    /// Malformed, of another issuer, or with an endpoint that is no https address.
    pub fn read(body: &[u8], issuer: &str) -> Result<AuthorizationServer, MetadataError> {
        let document: AuthorizationServer = json::parse(body, json::LARGE)?;
        if document.issuer != issuer {
            return Err(MetadataError::ForeignIssuer);
        }
        link::issuer(issuer)?;
        check_endpoints([
            document.authorization_endpoint.as_ref(),
            document.token_endpoint.as_ref(),
            document.pushed_authorization_request_endpoint.as_ref(),
            document.jwks_uri.as_ref(),
            document.introspection_endpoint.as_ref(),
            document.revocation_endpoint.as_ref(),
            document.challenge_endpoint.as_ref(),
        ])?;
        Ok(document)
    }

    /// Whether a grant is offered; an absent list means the code and implicit grants (RFC 8414 §2).
    #[must_use]
    pub fn offers_grant(&self, grant: &str) -> bool {
        if self.grant_types_supported.is_empty() {
            return grant == crate::token::AUTHORIZATION_CODE;
        }
        self.grant_types_supported.iter().any(|offered| offered == grant)
    }

    /// Whether tokens can be bound with a DPoP key of ours.
    #[must_use]
    pub fn takes_dpop(&self) -> bool {
        self.dpop_signing_alg_values_supported.iter().any(|alg| alg == "ES256")
    }
}

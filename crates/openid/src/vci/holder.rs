//! The holder's side of issuance as stages: an offer becomes a plan, a plan an authorization, that a request.

use super::credential::{CredentialRequest, ResponseEncryption, Target};
use super::offer::{CredentialOffer, TxCode};
use super::proof::Proofs;
use crate::error::Scheme;
use crate::metadata::{AuthorizationServer, CredentialConfiguration, CredentialIssuer, MetadataError};
use crate::token::{
    AuthorizationDetail, PRE_AUTHORIZED_CODE, PreAuthorizedCodeGrant, TokenRequest, TokenResponse,
};

/// Why an offer can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The offer is of another issuer than the metadata.
    #[error("the offer and the metadata are of different issuers")]
    ForeignIssuer,
    /// The offer has no pre-authorized code.
    #[error("the offer has no pre-authorized code")]
    NoPreAuthorizedCode,
    /// The authorization server does not take pre-authorized codes, or has no token endpoint.
    #[error("the authorization server does not take pre-authorized codes")]
    GrantNotOffered,
    /// The authorization server is not one that the issuer names.
    #[error("the authorization server is not one of the issuer's")]
    ForeignServer,
    /// None of the offered configurations is known and of a format held here.
    #[error("nothing in the offer can be held here")]
    NothingToHold,
    /// A transaction code is demanded and missing, or given and not demanded.
    #[error("a transaction code is missing or not expected")]
    TxCode,
    /// The transaction code has not the announced form.
    #[error("the transaction code has not the announced form")]
    TxCodeForm,
    /// The token does not allow what was asked for.
    #[error("the token does not allow what was asked for")]
    NotGranted,
}

impl From<MetadataError> for PlanError {
    fn from(_: MetadataError) -> PlanError {
        PlanError::ForeignServer
    }
}

/// An offer with a pre-authorized code, checked against what issuer and authorization server publish.
#[derive(Clone, Debug)]
pub struct Plan {
    offer: CredentialOffer,
    issuer: CredentialIssuer,
    token_endpoint: String,
    server: String,
    dpop: bool,
}

impl Plan {
    /// The issuer identifier of the authorization server whose metadata [`Plan::new`] needs.
    ///
    /// # Errors
    /// `ForeignServer` if the offer's hint is not in the issuer's metadata.
    pub fn authorization_server<'a>(
        offer: &'a CredentialOffer,
        issuer: &'a CredentialIssuer,
    ) -> Result<&'a str, PlanError> {
        let grant = offer.grants.as_ref().and_then(|grants| grants.pre_authorized_code.as_ref());
        Ok(issuer.authorization_server(grant.and_then(|grant| grant.authorization_server.as_deref()))?)
    }

    /// Joins the three documents.
    ///
    /// # Errors
    /// They do not belong together, or the offer holds nothing that can be got by pre-authorized code.
    pub fn new(
        offer: CredentialOffer,
        issuer: CredentialIssuer,
        server: &AuthorizationServer,
    ) -> Result<Plan, PlanError> {
        if offer.credential_issuer != issuer.credential_issuer {
            return Err(PlanError::ForeignIssuer);
        }
        if offer.grants.as_ref().and_then(|grants| grants.pre_authorized_code.as_ref()).is_none() {
            return Err(PlanError::NoPreAuthorizedCode);
        }
        if Plan::authorization_server(&offer, &issuer)? != server.issuer {
            return Err(PlanError::ForeignServer);
        }
        let token_endpoint = match &server.token_endpoint {
            Some(endpoint) if server.offers_grant(PRE_AUTHORIZED_CODE) => endpoint.clone(),
            _ => return Err(PlanError::GrantNotOffered),
        };
        let dpop = server.takes_dpop();
        let plan = Plan { offer, issuer, token_endpoint, server: server.issuer.clone(), dpop };
        if plan.configurations().next().is_none() {
            return Err(PlanError::NothingToHold);
        }
        Ok(plan)
    }

    /// The offered configurations that the issuer describes, in the order of the offer.
    pub fn configurations(&self) -> impl Iterator<Item = (&str, &CredentialConfiguration)> {
        let known = &self.issuer.credential_configurations_supported;
        self.offer.credential_configuration_ids.iter().filter_map(|id| Some((id.as_str(), known.get(id)?)))
    }

    /// The issuer's metadata.
    #[must_use]
    pub fn issuer(&self) -> &CredentialIssuer {
        &self.issuer
    }

    /// Where the token request goes.
    #[must_use]
    pub fn token_endpoint(&self) -> &str {
        &self.token_endpoint
    }

    /// The authorization server's issuer identifier, audience of a client attestation's proof.
    #[must_use]
    pub fn authorization_server_id(&self) -> &str {
        &self.server
    }

    /// How tokens are bound: DPoP wherever the server takes it.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.dpop { Scheme::Dpop } else { Scheme::Bearer }
    }

    /// What to ask the person for, if anything.
    #[must_use]
    pub fn tx_code(&self) -> Option<&TxCode> {
        self.offer.grants.as_ref()?.pre_authorized_code.as_ref()?.tx_code.as_ref()
    }

    /// The token request.
    ///
    /// # Errors
    /// A transaction code is missing, not expected, or not of the announced form.
    pub fn token_request(
        &self,
        tx_code: Option<&str>,
        client_id: Option<&str>,
    ) -> Result<TokenRequest, PlanError> {
        match (self.tx_code(), tx_code) {
            (Some(announced), Some(typed)) if announced.fits(typed) => {}
            (Some(_), Some(_)) => return Err(PlanError::TxCodeForm),
            (None, None) => {}
            _ => return Err(PlanError::TxCode),
        }
        let grant = self.offer.grants.as_ref().and_then(|grants| grants.pre_authorized_code.as_ref());
        let code = grant.ok_or(PlanError::NoPreAuthorizedCode)?.pre_authorized_code.clone();
        Ok(TokenRequest::PreAuthorizedCode(PreAuthorizedCodeGrant {
            pre_authorized_code: code,
            tx_code: tx_code.map(str::to_owned),
            client_id: client_id.map(str::to_owned),
            authorization_details: Vec::new(),
        }))
    }

    /// Goes on with the token response.
    #[must_use]
    pub fn authorized(self, response: TokenResponse) -> Authorized {
        let scheme = self.scheme();
        Authorized { issuer: self.issuer, scheme, response }
    }
}

/// A token for one issuer, and what may be asked for with it.
#[derive(Clone, Debug)]
pub struct Authorized {
    issuer: CredentialIssuer,
    scheme: Scheme,
    response: TokenResponse,
}

impl Authorized {
    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.response.access_token
    }

    /// How it travels.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The issuer's metadata.
    #[must_use]
    pub fn issuer(&self) -> &CredentialIssuer {
        &self.issuer
    }

    /// The whole token response.
    #[must_use]
    pub fn token(&self) -> &TokenResponse {
        &self.response
    }

    /// Whether the issuer asks for proofs of keys for this configuration.
    #[must_use]
    pub fn needs_proofs(&self, configuration: &str) -> bool {
        let known = self.issuer.credential_configurations_supported.get(configuration);
        known.is_some_and(|configuration| !configuration.proof_types_supported.is_empty())
    }

    /// How each credential of a configuration is to be named in the request: one [`Target`] for each dataset.
    #[must_use]
    pub fn targets(&self, configuration: &str) -> Vec<Target> {
        let details = &self.response.authorization_details;
        if details.is_empty() {
            return vec![Target::Configuration(configuration.to_owned())];
        }
        let wanted = |detail: &&AuthorizationDetail| detail.credential_configuration_id == configuration;
        let identifiers =
            details.iter().filter(wanted).flat_map(|detail| detail.credential_identifiers.iter());
        identifiers.map(|id| Target::Identifier(id.clone())).collect()
    }

    /// A credential request, encrypted if the issuer demands it.
    ///
    /// # Errors
    /// `NotGranted` if the token allows nothing of this configuration.
    pub fn request(
        &self,
        target: Target,
        proofs: Option<Proofs>,
        response_encryption: Option<ResponseEncryption>,
    ) -> Result<CredentialRequest, PlanError> {
        let allowed = match &target {
            Target::Configuration(id) => {
                self.response.authorization_details.is_empty()
                    && self.issuer.credential_configurations_supported.contains_key(id)
            }
            Target::Identifier(id) => self
                .response
                .authorization_details
                .iter()
                .any(|detail| detail.credential_identifiers.contains(id)),
        };
        let support = self.issuer.credential_response_encryption.as_ref();
        let encrypted = super::credential::require_encryption(response_encryption.as_ref(), support).is_ok();
        if !allowed || !encrypted {
            return Err(PlanError::NotGranted);
        }
        Ok(CredentialRequest { target, proofs, response_encryption })
    }
}

//! The holder's side of issuance as stages: an offer becomes a plan, a plan an authorization, that a request.

use super::credential::{CredentialRequest, ResponseEncryption, Target};
use super::offer::{CredentialOffer, TxCode};
use super::proof::Proofs;
use crate::error::Scheme;
use crate::metadata::{AuthorizationServer, CredentialConfiguration, CredentialIssuer, MetadataError};
use crate::pkce;
use crate::token::{
    AUTHORIZATION_CODE, AuthorizationCodeGrant, AuthorizationDetail, PRE_AUTHORIZED_CODE,
    PreAuthorizedCodeGrant, TokenRequest, TokenResponse,
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
    /// The authorization server does not take the offer's grants, or lacks an endpoint for them. The authorization code
    /// is asked for by a pushed request only (HAIP 1.0 §4).
    #[error("the authorization server does not take the grants of the offer")]
    GrantNotOffered,
    /// What is offered has no scope to ask for it by (HAIP 1.0 §4.3).
    #[error("what is offered has no scope")]
    NoScope,
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

/// An offer, checked against what issuer and authorization server publish.
#[derive(Clone, Debug)]
pub struct Plan {
    offer: CredentialOffer,
    issuer: CredentialIssuer,
    token_endpoint: String,
    /// Where the person signs in and agrees, if the offer has no pre-authorized code.
    sign_in: Option<SignIn>,
    server: String,
    dpop: bool,
}

/// The endpoints of the authorization code (RFC 9126, RFC 6749 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Where the request is pushed.
    pub push_endpoint: String,
    /// Where the browser is sent.
    pub endpoint: String,
    /// Whether the answer must name the server (RFC 9207 §2.4).
    pub iss_promised: bool,
    /// From the offer, to be sent along.
    pub issuer_state: Option<String>,
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
        let grants = offer.grants.as_ref();
        let hint = match grants.and_then(|grants| grants.pre_authorized_code.as_ref()) {
            Some(grant) => grant.authorization_server.as_deref(),
            None => grants
                .and_then(|grants| grants.authorization_code.as_ref())
                .and_then(|grant| grant.authorization_server.as_deref()),
        };
        Ok(issuer.authorization_server(hint)?)
    }

    /// Joins the three documents. A pre-authorized code is preferred; an offer without grants means the authorization
    /// code (§4.1.1).
    ///
    /// # Errors
    /// They do not belong together, or the offer holds nothing that can be got by the grants that both know.
    pub fn new(
        offer: CredentialOffer,
        issuer: CredentialIssuer,
        server: &AuthorizationServer,
    ) -> Result<Plan, PlanError> {
        if offer.credential_issuer != issuer.credential_issuer {
            return Err(PlanError::ForeignIssuer);
        }
        if Plan::authorization_server(&offer, &issuer)? != server.issuer {
            return Err(PlanError::ForeignServer);
        }
        let token_endpoint = server.token_endpoint.clone().ok_or(PlanError::GrantNotOffered)?;
        let grants = offer.grants.as_ref();
        let sign_in = if grants.is_some_and(|grants| grants.pre_authorized_code.is_some()) {
            if !server.offers_grant(PRE_AUTHORIZED_CODE) {
                return Err(PlanError::GrantNotOffered);
            }
            None
        } else if grants.is_none_or(|grants| grants.authorization_code.is_some()) {
            let grant = grants.and_then(|grants| grants.authorization_code.as_ref());
            Some(SignIn::at(server, grant.and_then(|grant| grant.issuer_state.clone()))?)
        } else {
            return Err(PlanError::NoPreAuthorizedCode);
        };
        let dpop = server.takes_dpop();
        let server = server.issuer.clone();
        let plan = Plan { offer, issuer, token_endpoint, sign_in, server, dpop };
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

    /// Where the person has to sign in first; `None` with a pre-authorized code.
    #[must_use]
    pub fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }

    /// The scopes that ask for these configurations, separated by spaces (HAIP 1.0 §4.3).
    ///
    /// # Errors
    /// `NoScope` if one of them has none.
    pub fn scope(&self, configurations: &[String]) -> Result<String, PlanError> {
        let known = &self.issuer.credential_configurations_supported;
        let mut scopes: Vec<&str> = Vec::new();
        for id in configurations {
            let scope = known.get(id).and_then(|configuration| configuration.scope.as_deref());
            let scope = scope.ok_or(PlanError::NoScope)?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.is_empty() { Err(PlanError::NoScope) } else { Ok(scopes.join(" ")) }
    }

    /// The token request for a code that the browser brought back.
    #[must_use]
    pub fn code_request(
        &self,
        code: &str,
        verifier: &pkce::Verifier,
        redirect_uri: &str,
        client_id: &str,
    ) -> TokenRequest {
        TokenRequest::AuthorizationCode(AuthorizationCodeGrant {
            code: code.to_owned(),
            redirect_uri: Some(redirect_uri.to_owned()),
            code_verifier: Some(verifier.as_str().to_owned()),
            client_id: Some(client_id.to_owned()),
            authorization_details: Vec::new(),
        })
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

impl SignIn {
    fn at(server: &AuthorizationServer, issuer_state: Option<String>) -> Result<SignIn, PlanError> {
        let s256 = server.code_challenge_methods_supported.iter().any(|method| method == pkce::METHOD);
        match (&server.authorization_endpoint, &server.pushed_authorization_request_endpoint) {
            (Some(endpoint), Some(push)) if s256 && server.offers_grant(AUTHORIZATION_CODE) => Ok(SignIn {
                push_endpoint: push.clone(),
                endpoint: endpoint.clone(),
                iss_promised: server.authorization_response_iss_parameter_supported,
                issuer_state,
            }),
            _ => Err(PlanError::GrantNotOffered),
        }
    }

    /// Where the browser is sent with a pushed request.
    #[must_use]
    pub fn location(&self, client_id: &str, request_uri: &str) -> String {
        let form = crate::form::Form::default().with("client_id", client_id).with("request_uri", request_uri);
        crate::link::with_query(&self.endpoint, &form)
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

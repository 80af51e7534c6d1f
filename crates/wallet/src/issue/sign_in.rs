//! The authorization code: the holder signs in at the issuer, in a browser, before anything is issued (OpenID4VCI 1.0
//! §5, HAIP 1.0 §4).
//!
//! The request is pushed (RFC 9126) with PKCE and, where the server takes DPoP, bound to the key of this issuance. What
//! has to be known when the browser comes back is noted before the request leaves.

use openid::error::Scheme;
use openid::metadata::AuthorizationServer;
use openid::oidc::PushedResponse;
use openid::vci::authorize::{self, Push};
use openid::vci::holder::Plan;
use openid::{Code, attestation, pkce};
use serde::{Deserialize, Serialize};

use super::flow::{CLIENT_ID, Prepared, SMALL, protocol};
use super::sending::{Attested, Binding, Nonces, refusal};
use super::{IssueError, Received};
use crate::ports::{DeviceKey as _, Request, Shell};
use crate::secret::Secret;
use crate::wallet::Wallet;

/// Longest address of the browser that is read, in bytes.
const MAX_ADDRESS: usize = 16 * 1024;

/// A sign-in under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SigningIn {
    redirect_uri: String,
    /// Tells our answer from anybody else's.
    state: Secret,
    /// The PKCE verifier.
    verifier: Secret,
    client_id: String,
    /// What the browser brought back.
    #[serde(default)]
    code: Option<Secret>,
}

/// How a server wants to know its wallets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientKind {
    /// Not at all, with a pre-authorized code.
    Anonymous,
    /// By a name.
    Named,
    /// By the word of a wallet provider (OpenID4VCI 1.0 Appendix E).
    Attested,
}

impl ClientKind {
    /// What the metadata demands; an attestation is shown to nobody who does not demand it.
    pub(super) fn of(server: &AuthorizationServer, pre_authorized: bool) -> Self {
        let methods = &server.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.iter().any(|taken| taken == method);
        if takes(attestation::METHOD) && !takes("none") {
            Self::Attested
        } else if pre_authorized && server.pre_authorized_grant_anonymous_access_supported {
            Self::Anonymous
        } else {
            Self::Named
        }
    }
}

/// The wallet as it shows itself to one server.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) id: Option<String>,
    pub(super) attested: Option<Attested>,
}

impl SigningIn {
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    pub(super) fn verifier(&self) -> Result<pkce::Verifier, IssueError> {
        pkce::Verifier::parse(&self.verifier).map_err(|_| IssueError::SignInNeeded)
    }
}

impl<S: Shell> Wallet<S> {
    /// Begins the sign-in that the noted offer needs and tells where to send the browser. Begun again, the earlier one
    /// is forgotten. `redirect_uri` is where the shell awaits the browser's return.
    ///
    /// # Errors
    /// There is no such offer, or the server does not take the request.
    pub async fn sign_in(&mut self, redirect_uri: &str) -> Result<String, IssueError> {
        let (prepared, wanted) = self.noted_plan().await?;
        let Prepared { plan, client } = prepared;
        let at = plan.sign_in().cloned().ok_or(IssueError::NoOffer)?;
        let scope = plan.scope(&wanted)?;
        let verifier = pkce::Verifier::random();
        let state = keys::random::token();
        let client = self.show_client(&plan, client).await?;
        let client_id = client.id.clone().unwrap_or_else(|| CLIENT_ID.to_owned());
        let signing_in = SigningIn {
            redirect_uri: redirect_uri.to_owned(),
            state: Secret::new(state.clone()),
            verifier: Secret::new(verifier.as_str()),
            client_id: client_id.clone(),
            code: None,
        };
        self.update(|noted| {
            if let Some(issuing) = &mut noted.issuing {
                issuing.sign_in = Some(signing_in);
            }
        })
        .await?;
        let jkt = match plan.scheme() {
            Scheme::Dpop => Some(self.bound_key(self.issuing()?.dpop.as_ref())?.public_key().thumbprint()),
            Scheme::Bearer => None,
        };
        let push = Push {
            client_id: &client_id,
            redirect_uri,
            state: &state,
            code_challenge: &verifier.challenge(),
            scope: &scope,
            issuer_state: at.issuer_state.as_deref(),
            dpop_jkt: jkt.as_deref(),
        };
        let request =
            Request { max_response: SMALL, ..Request::form(&at.push_endpoint, push.to_form().encode()) };
        let key = self.issuing()?.dpop.as_ref();
        // Bound by `dpop_jkt`: no proof is needed here.
        let binding =
            Binding { scheme: Scheme::Bearer, key, token: None, attested: client.attested.as_ref() };
        let request = request.header("accept", "application/json");
        let response = self.send_bound(&mut Nonces::default(), request, binding).await?;
        if !response.is_success() {
            return Err(refusal(&response));
        }
        let pushed: PushedResponse =
            openid::json::parse(&response.body, SMALL).map_err(|error| protocol(error.into()))?;
        Ok(at.location(&client_id, &pushed.request_uri))
    }

    /// Goes on with the address that the browser was sent back to.
    ///
    /// # Errors
    /// It is no answer to this wallet's request; or the holder or the server said no.
    pub async fn signed_in(&mut self, address: &str) -> Result<Received, IssueError> {
        if address.len() > MAX_ADDRESS {
            return Err(IssueError::Protocol("an answer of another shape"));
        }
        let signing_in = self.state().issuing.as_ref().and_then(|issuing| issuing.sign_in.clone());
        let signing_in = signing_in.ok_or(IssueError::NoOffer)?;
        let (Prepared { plan, .. }, _) = self.noted_plan().await?;
        let at = plan.sign_in().ok_or(IssueError::NoOffer)?;
        let read = authorize::read_answer(
            address,
            &signing_in.redirect_uri,
            &signing_in.state,
            plan.authorization_server_id(),
            at.iss_promised,
        );
        let code = match read {
            Ok(code) => code,
            // No word of the server's: whoever sent it, our own request still waits.
            Err(error) if error.error == Code::InvalidRequest => {
                return Err(IssueError::Protocol("an answer to another request"));
            }
            Err(error) => {
                self.drop_issuing().await?;
                return Err(IssueError::Refused { status: 400, code: error.error.as_str().to_owned() });
            }
        };
        self.update(|noted| {
            if let Some(signing_in) = noted.issuing.as_mut().and_then(|issuing| issuing.sign_in.as_mut()) {
                signing_in.code = Some(Secret::new(code));
            }
        })
        .await?;
        self.follow(None).await
    }

    /// Makes what shows the wallet to this server: where it demands an attestation, a fresh one by the own wallet
    /// provider over the key of this issuance, by which no two issuers can recognise the phone.
    pub(super) async fn show_client(&self, plan: &Plan, kind: ClientKind) -> Result<Client, IssueError> {
        match kind {
            ClientKind::Anonymous => Ok(Client::default()),
            ClientKind::Named => Ok(Client { id: Some(CLIENT_ID.to_owned()), attested: None }),
            ClientKind::Attested => {
                let key = self.bound_key(self.issuing()?.dpop.as_ref())?.public_key().to_jwk();
                let attested = self.attest_wallet(key).await?;
                let id = attested.client_id;
                let attested = Attested {
                    attestation: attested.attestation,
                    client_id: id.clone(),
                    audience: plan.authorization_server_id().to_owned(),
                };
                Ok(Client { id: Some(id), attested: Some(attested) })
            }
        }
    }
}

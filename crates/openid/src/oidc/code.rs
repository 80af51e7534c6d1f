//! The exchange of an authorization code (OpenID Connect Core §3.1.3.2, RFC 7636 §4.6, RFC 9449 §10).

use serde::{Deserialize, Serialize};

use super::client::Client;
use crate::error::{Code, OAuthError};
use crate::pkce;
use crate::token::AuthorizationCodeGrant;

/// What a code stands for. That it is fresh and used once is the store's to see, before this is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeGrant {
    /// The client it was given to.
    pub client_id: String,
    /// The address it was sent to.
    pub redirect_uri: String,
    /// The PKCE challenge.
    pub code_challenge: pkce::Challenge,
    /// The DPoP key it is bound to, if any.
    pub dpop_jkt: Option<String>,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// For the ID token.
    pub nonce: Option<String>,
}

impl CodeGrant {
    /// Judges a token request against the code; `dpop_jkt` is the thumbprint of a verified proof, if there was one.
    ///
    /// # Errors
    /// `invalid_grant` for another client, another address, a wrong or missing verifier, or another DPoP key.
    pub fn redeem(
        &self,
        request: &AuthorizationCodeGrant,
        client: &Client,
        dpop_jkt: Option<&str>,
    ) -> Result<(), OAuthError> {
        let refused = |why| Err(OAuthError::new(Code::InvalidGrant, why));
        if client.client_id != self.client_id
            || request.client_id.as_ref().is_some_and(|id| *id != self.client_id)
        {
            return refused("the code was given to another client");
        }
        if request.redirect_uri.as_deref() != Some(self.redirect_uri.as_str()) {
            return refused("redirect_uri is another than in the authorization request");
        }
        if self.dpop_jkt.is_some() && self.dpop_jkt.as_deref() != dpop_jkt {
            return refused("the code is bound to another DPoP key");
        }
        self.code_challenge.check(request.code_verifier.as_deref())
    }
}

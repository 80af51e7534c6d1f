//! The relying party's side: the request it sends, and what it must check before it believes anybody.

use keys::jws::{Typ, Unverified, Verified};
use keys::{JwkSet, PublicKey};
use serde_json::Value;

use super::id_token::{IdToken, token_hash};
use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::metadata::OpenIdProvider;
use crate::pkce;

/// Clock difference tolerated, in seconds.
const SKEW_S: i64 = 30;
/// Longest ID token read, in bytes.
const MAX_ID_TOKEN: usize = 32 * 1024;

/// One login in progress, to be kept with the browser's session until it comes back.
#[derive(Clone, Debug)]
pub struct Login {
    /// The client.
    pub client_id: String,
    /// Its address.
    pub redirect_uri: String,
    /// Fresh for each login.
    pub state: String,
    /// Fresh for each login.
    pub nonce: String,
    /// Fresh for each login.
    pub verifier: pkce::Verifier,
}

impl Login {
    /// A login with fresh random values.
    #[must_use]
    pub fn start(client_id: &str, redirect_uri: &str) -> Login {
        Login {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: keys::random::token(),
            nonce: keys::random::token(),
            verifier: pkce::Verifier::random(),
        }
    }

    /// Where to send the browser; `extra` may hold `acr_values`, `max_age`, `prompt`, `ui_locales`.
    #[must_use]
    pub fn location(&self, provider: &OpenIdProvider, scope: &str, extra: &Form) -> String {
        let mut form = Form::default()
            .with("response_type", "code")
            .with("client_id", &self.client_id)
            .with("redirect_uri", &self.redirect_uri)
            .with("scope", scope)
            .with("state", &self.state)
            .with("nonce", &self.nonce)
            .with("code_challenge", self.verifier.challenge().as_str())
            .with("code_challenge_method", pkce::METHOD);
        for (name, value) in extra.iter() {
            form.push(name, value);
        }
        crate::link::with_query(&provider.authorization_endpoint, &form)
    }

    /// The code from the query the browser came back with.
    ///
    /// # Errors
    /// The provider's own error; `invalid_request` if `state` or `iss` is another (RFC 9207 §2.4) or there is no code.
    pub fn code(&self, query: &[u8], provider: &OpenIdProvider) -> Result<String, OAuthError> {
        let form = Form::parse(query)?;
        let refused = |why| OAuthError::new(Code::InvalidRequest, why);
        if form.get("state") != Some(self.state.as_str()) {
            return Err(refused("state is of another login"));
        }
        let issuer = form.get("iss");
        let named = issuer.is_some() || provider.authorization_response_iss_parameter_supported;
        if named && issuer != Some(provider.issuer.as_str()) {
            return Err(refused("the response is of another provider"));
        }
        if let Some(error) = form.get("error") {
            let code = Code::parse(error).unwrap_or(Code::ServerError);
            return Err(OAuthError::new(code, "the provider refused"));
        }
        Ok(form.require("code")?.to_owned())
    }

    /// Verifies the ID token that came with the access token (§3.1.3.7).
    ///
    /// # Errors
    /// `invalid_token`, saying which rule does not hold.
    pub fn verify_id_token(
        &self,
        id_token: &str,
        access_token: &str,
        jwks: &JwkSet,
        provider: &OpenIdProvider,
        now: i64,
    ) -> Result<IdToken, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidToken, why);
        let unverified =
            Unverified::parse(id_token, MAX_ID_TOKEN).map_err(|_| refused("the ID token is malformed"))?;
        let verified =
            verify_with(unverified, jwks).ok_or_else(|| refused("the ID token's signature is wrong"))?;
        let token: IdToken = read(&verified).ok_or_else(|| refused("the ID token is malformed"))?;
        if token.iss != provider.issuer {
            return Err(refused("the ID token is of another provider"));
        }
        if token.aud != self.client_id || token.azp.as_ref().is_some_and(|azp| *azp != self.client_id) {
            return Err(refused("the ID token is for another client"));
        }
        if token.exp.saturating_add(SKEW_S) <= now || token.iat > now.saturating_add(SKEW_S) {
            return Err(refused("the ID token is expired or from the future"));
        }
        if token.nonce.as_deref() != Some(self.nonce.as_str()) {
            return Err(refused("the ID token is of another login"));
        }
        if token.at_hash.as_ref().is_some_and(|hash| *hash != token_hash(access_token)) {
            return Err(refused("the ID token is of another access token"));
        }
        Ok(token)
    }
}

fn verify_with(unverified: Unverified, jwks: &JwkSet) -> Option<Verified> {
    let header = unverified.header();
    let jwk = match &header.kid {
        Some(kid) => jwks.find(kid)?,
        None => match jwks.keys.as_slice() {
            [only] => only,
            _ => return None,
        },
    };
    match header.alg.as_str() {
        "ES256" => unverified.verify(&PublicKey::from_signing_jwk(jwk).ok()?, Typ::Any).ok(),
        #[cfg(feature = "aws-lc")]
        "RS256" => unverified.verify_rs256(jwk, Typ::Any).ok(),
        _ => None,
    }
}

/// Reads the claims; a list of one audience is the same as that audience (RFC 7519 §4.1.3).
fn read(verified: &Verified) -> Option<IdToken> {
    let mut claims: serde_json::Map<String, Value> = verified.claims().ok()?;
    let only = match claims.get("aud") {
        Some(Value::Array(audiences)) if audiences.len() == 1 => audiences.first().cloned(),
        _ => None,
    };
    if let Some(only) = only {
        claims.insert("aud".to_owned(), only);
    }
    serde_json::from_value(Value::Object(claims)).ok()
}

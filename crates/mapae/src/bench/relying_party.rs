//! The relying party of the measurements: the code flow with PKCE as any client library does it, metadata and keys
//! fetched once.

use keys::JwkSet;
use openid::form::Form;
use openid::metadata::OpenIdProvider;
use openid::oidc::relying_party::Login;
use openid::oidc::{IdToken, UserInfo};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use url::Url;

use super::AnyError;
use super::ground::{CLIENT, REDIRECT};
use crate::operations::{Clock as _, SystemClock};

/// One relying party and what it knows of its provider.
#[derive(Debug)]
pub(super) struct RelyingParty {
    http: Client,
    secret: String,
    provider: OpenIdProvider,
    keys: JwkSet,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

impl RelyingParty {
    /// Reads the provider's metadata and keys.
    pub(super) async fn discover(http: Client, issuer: &str, secret: String) -> Result<Self, AnyError> {
        let document = http.get(OpenIdProvider::location(issuer)?).send().await?.error_for_status()?;
        let provider = OpenIdProvider::read(&document.bytes().await?, issuer)?;
        let keys = http.get(&provider.jwks_uri).send().await?.error_for_status()?.json().await?;
        Ok(Self { http, secret, provider, keys })
    }

    /// A login, and where to send the browser.
    pub(super) fn begin(&self) -> (Login, String) {
        let login = Login::start(CLIENT, REDIRECT);
        let location = login.location(&self.provider, "openid profile badge", &Form::default());
        (login, location)
    }

    /// Redeems the code that the browser came back with, checks the ID token and asks who it is.
    pub(super) async fn finish(&self, login: &Login, back: &Url) -> Result<UserInfo, AnyError> {
        let (token, access_token) = self.tokens(login, back).await?;
        let userinfo = self.provider.userinfo_endpoint.as_ref().ok_or("the provider has no userinfo")?;
        let request = self.http.get(userinfo).bearer_auth(&access_token);
        let person: UserInfo = request.send().await?.error_for_status()?.json().await?;
        if person.sub == token.sub { Ok(person) } else { Err("userinfo is about somebody else".into()) }
    }

    /// Redeems the code and checks the ID token; the access token.
    pub(super) async fn redeem(&self, login: &Login, back: &Url) -> Result<String, AnyError> {
        Ok(self.tokens(login, back).await?.1)
    }

    /// How the provider answers this access token, if it answers and is not out of order.
    pub(super) async fn standing(&self, access_token: &str) -> Result<StatusCode, AnyError> {
        let userinfo = self.provider.userinfo_endpoint.as_ref().ok_or("the provider has no userinfo")?;
        let status = self.http.get(userinfo).bearer_auth(access_token).send().await?.status();
        if status.is_server_error() { Err(format!("userinfo answered {status}").into()) } else { Ok(status) }
    }

    async fn tokens(&self, login: &Login, back: &Url) -> Result<(IdToken, String), AnyError> {
        let code = login.code(back.query().unwrap_or_default().as_bytes(), &self.provider)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", login.verifier.as_str()),
        ];
        let request = self.http.post(&self.provider.token_endpoint).basic_auth(CLIENT, Some(&self.secret));
        let tokens: Tokens = request.form(&form).send().await?.error_for_status()?.json().await?;
        let now_s = SystemClock.now_s();
        let token = login.verify_id_token(
            &tokens.id_token,
            &tokens.access_token,
            &self.keys,
            &self.provider,
            now_s,
        )?;
        Ok((token, tokens.access_token))
    }
}

//! The relying party of the measurements: the code flow with PKCE as any client library does it, metadata and keys
//! fetched once.

use std::time::Duration;

use keys::JwkSet;
use openid::form::Form;
use openid::metadata::OpenIdProvider;
use openid::oidc::relying_party::Login;
use openid::oidc::{IdToken, UserInfo};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::AnyError;
use super::ground::{CLIENT, REDIRECT};
use crate::operations::{Clock as _, SystemClock};
use crate::personnel::demo_data::DemoPerson;

/// One relying party and what it knows of its provider.
#[derive(Debug)]
pub(super) struct RelyingParty {
    http: Client,
    secret: String,
    /// For the API of verifications and signatures.
    api_key: Option<String>,
    provider: OpenIdProvider,
    keys: JwkSet,
}

/// A verification that was asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) link: String,
}

#[derive(Deserialize)]
struct Standing {
    state: String,
}

#[derive(Deserialize)]
struct Made {
    id: String,
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
        Ok(Self { http, secret, api_key: None, provider, keys })
    }

    /// The same, which may use the API.
    pub(super) fn with_api_key(self, key: String) -> Self {
        Self { api_key: Some(key), ..self }
    }

    /// Asks for these claims of a badge.
    pub(super) async fn ask(&self, claims: &[&str]) -> Result<Asked, AnyError> {
        let request = self.api(Method::POST, "/verifications")?.json(&json!({ "claims": claims }));
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Picks up a result that has come.
    pub(super) async fn pick_up(&self, id: &str) -> Result<(), AnyError> {
        let standing = self.standing_of(&format!("/verifications/{id}")).await?;
        if standing.state == "verified" { Ok(()) } else { Err(standing.state.into()) }
    }

    /// Asks this official to sign a document; the request's id.
    pub(super) async fn send_to_sign(&self, pdf: &[u8], person: &DemoPerson) -> Result<String, AnyError> {
        let body = json!({
            "title": "예시 문서", "purpose": "부하 시험", "document": keys::encoding::b64_encode(pdf), "expires_in": 3_600,
            "signers": [{ "inst_code": person.agency, "employee_number": person.number }],
        });
        let request = self.api(Method::POST, "/signatures")?.json(&body);
        let made: Made = request.send().await?.error_for_status()?.json().await?;
        Ok(made.id)
    }

    /// Waits until it is signed and fetches it.
    pub(super) async fn fetch_signed(&self, id: &str) -> Result<(), AnyError> {
        let path = format!("/signatures/{id}");
        for _ in 0..600 {
            let standing = self.standing_of(&path).await?;
            match standing.state.as_str() {
                "signed" => {
                    let request = self.api(Method::GET, &format!("{path}/document"))?;
                    let pdf = request.send().await?.error_for_status()?.bytes().await?;
                    return if pdf.starts_with(b"%PDF-") { Ok(()) } else { Err("no PDF came back".into()) };
                }
                "waiting" | "assembling" => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => return Err(standing.state.into()),
            }
        }
        Err("the document is still not signed".into())
    }

    async fn standing_of(&self, path: &str) -> Result<Standing, AnyError> {
        Ok(self.api(Method::GET, path)?.send().await?.error_for_status()?.json().await?)
    }

    fn api(&self, method: Method, path: &str) -> Result<RequestBuilder, AnyError> {
        let key = self.api_key.as_ref().ok_or("no key for the API was prepared")?;
        let url = format!("{}/api/v1{path}", self.provider.issuer);
        Ok(self.http.request(method, url).bearer_auth(key))
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

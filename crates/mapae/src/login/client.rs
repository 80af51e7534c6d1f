//! An OpenID Connect client: code flow with PKCE, everything checked, over HTTP only.
//!
//! It is written as any relying party would write it and calls nothing of the provider but its addresses. The sample site
//! and the console sign people in with it.

use keys::jws::{Typ, Unverified};
use keys::{JwkSet, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::operations::traces;

/// Largest answer read from the provider, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// How far the provider's clock may be from ours, in seconds.
const CLOCK_SKEW_S: i64 = 60;

/// Why a login did not succeed; the text is shown to the developer who reads the sample.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginFailed {
    /// The provider could not be reached or answered something else than JSON.
    #[error("the provider can't be reached or answers something unexpected: {0}")]
    Provider(String),
    /// The provider said no.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The answer belongs to no login that this browser began.
    #[error("the answer belongs to no login of this browser")]
    State,
    /// The answer comes from another provider (RFC 9207).
    #[error("the answer names another provider")]
    Issuer,
    /// The ID token breaks a rule of OpenID Connect Core §3.1.3.7.
    #[error("the ID token is refused: {0}")]
    IdToken(&'static str),
    /// The session has ended at the provider.
    #[error("the session has ended")]
    Ended,
}

/// What the client knows about its provider (OpenID Connect Discovery §4).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
}

/// A login that has begun: what must come back unchanged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    state: String,
    nonce: String,
    verifier: String,
}

/// Who logged in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoggedIn {
    /// The token to ask the provider with.
    pub(crate) access_token: String,
    /// Our identifier for the person.
    pub(crate) sub: String,
    /// How strongly the phone checked its holder.
    pub(crate) acr: String,
    /// When, in seconds.
    pub(crate) auth_time: i64,
}

/// The client of one relying party at one provider.
#[derive(Debug)]
pub(crate) struct Client {
    issuer: String,
    id: String,
    /// None for a public client, which PKCE alone protects.
    secret: Option<String>,
    redirect_uri: String,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    token_type: String,
    id_token: String,
}

#[derive(Deserialize)]
struct IdToken {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    auth_time: i64,
    nonce: String,
    acr: String,
    at_hash: String,
}

/// What the provider sends the browser back with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Callback {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl Client {
    /// A client with one redirect URI; without a secret it is a public one.
    pub(crate) fn new(
        issuer: String,
        id: String,
        secret: Option<String>,
        redirect_uri: String,
        http: reqwest::Client,
    ) -> Client {
        Client { issuer, id, secret, redirect_uri, http }
    }

    /// Begins a login: the address for the browser, and what to keep until it returns.
    ///
    /// # Errors
    /// The provider's metadata can't be had.
    pub(crate) async fn begin(
        &self,
        scope: &str,
        acr: Option<&str>,
        language: &str,
    ) -> Result<(String, Begun), LoginFailed> {
        let provider = self.discover().await?;
        let begun = Begun {
            state: keys::random::token(),
            nonce: keys::random::token(),
            verifier: keys::random::token(),
        };
        let challenge = keys::encoding::b64url_encode(&keys::sha256(begun.verifier.as_bytes()));
        let mut url = url::Url::parse(&provider.authorization_endpoint).map_err(unexpected)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", scope)
            .append_pair("state", &begun.state)
            .append_pair("nonce", &begun.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("ui_locales", language);
        if let Some(acr) = acr {
            url.query_pairs_mut().append_pair("acr_values", acr);
        }
        Ok((url.into(), begun))
    }

    /// Finishes a login: checks the answer, redeems the code, checks the ID token.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub(crate) async fn finish(
        &self,
        begun: &Begun,
        callback: Callback,
        now_s: i64,
    ) -> Result<LoggedIn, LoginFailed> {
        let state = callback.state.unwrap_or_default();
        if !keys::mac::eq(state.as_bytes(), begun.state.as_bytes()) {
            return Err(LoginFailed::State);
        }
        if callback.iss.as_deref() != Some(&self.issuer) {
            return Err(LoginFailed::Issuer);
        }
        if let Some(error) = callback.error {
            return Err(LoginFailed::Refused(error));
        }
        let provider = self.discover().await?;
        let code = callback.code.unwrap_or_default();
        let form: [(&str, &str); 4] = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &begun.verifier),
        ];
        let request = self.http.post(&provider.token_endpoint);
        let request = match &self.secret {
            Some(secret) => request.basic_auth(&self.id, Some(secret)).form(&form),
            None => request.form(&[form.as_slice(), &[("client_id", &self.id)]].concat()),
        };
        let tokens: Tokens = answer(request).await?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(LoginFailed::IdToken("token type"));
        }
        let jwks: JwkSet = answer(self.http.get(&provider.jwks_uri)).await?;
        let id_token = verify(&tokens.id_token, &jwks)?;
        self.check(&id_token, begun, &tokens.access_token, now_s)?;
        Ok(LoggedIn {
            access_token: tokens.access_token,
            sub: id_token.sub,
            acr: id_token.acr,
            auth_time: id_token.auth_time,
        })
    }

    /// What the provider tells about the person, as long as the session lives.
    ///
    /// # Errors
    /// [`LoginFailed::Ended`] once the provider has ended the session.
    pub(crate) async fn userinfo(&self, session: &LoggedIn) -> Result<Map<String, Value>, LoginFailed> {
        let provider = self.discover().await?;
        let request = self.http.get(&provider.userinfo_endpoint).bearer_auth(&session.access_token);
        let claims: Map<String, Value> = answer(request).await?;
        // OpenID Connect Core §5.3.2: the two subjects must be one.
        match claims.get("sub").and_then(Value::as_str) {
            Some(sub) if sub == session.sub => Ok(claims),
            _ => Err(LoginFailed::IdToken("userinfo is about somebody else")),
        }
    }

    async fn discover(&self) -> Result<Provider, LoginFailed> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer);
        let provider: Provider = answer(self.http.get(address)).await?;
        if provider.issuer == self.issuer { Ok(provider) } else { Err(LoginFailed::Issuer) }
    }

    fn check(
        &self,
        token: &IdToken,
        begun: &Begun,
        access_token: &str,
        now_s: i64,
    ) -> Result<(), LoginFailed> {
        let hash = keys::sha256(access_token.as_bytes());
        let half = keys::encoding::b64url_encode(hash.get(..16).unwrap_or_default());
        let rules = [
            (token.iss == self.issuer, "iss"),
            (token.aud == self.id, "aud"),
            (keys::mac::eq(token.nonce.as_bytes(), begun.nonce.as_bytes()), "nonce"),
            (token.exp > now_s - CLOCK_SKEW_S, "exp"),
            (token.iat < now_s + CLOCK_SKEW_S, "iat"),
            (token.at_hash == half, "at_hash"),
        ];
        match rules.iter().find(|(kept, _)| !kept) {
            Some((_, name)) => Err(LoginFailed::IdToken(name)),
            None => Ok(()),
        }
    }
}

/// The ID token's claims, if a published key of the right kind signed it.
fn verify(token: &str, jwks: &JwkSet) -> Result<IdToken, LoginFailed> {
    let refused = |_| LoginFailed::IdToken("signature");
    let unverified = Unverified::parse(token, MAX_ANSWER).map_err(refused)?;
    let kid = unverified.header().kid.clone().unwrap_or_default();
    let jwk = jwks.find(&kid).ok_or(LoginFailed::IdToken("unknown key"))?;
    let verified = match jwk.kty.as_str() {
        "RSA" => unverified.verify_rs256(jwk, Typ::Any),
        _ => {
            let key = PublicKey::from_signing_jwk(jwk).map_err(|_| LoginFailed::IdToken("key"))?;
            unverified.verify(&key, Typ::Any)
        }
    };
    verified.and_then(|token| token.claims()).map_err(refused)
}

async fn answer<T: serde::de::DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, LoginFailed> {
    let response = traces::send_to_own("provider", request).await.map_err(unexpected)?;
    let status = response.status();
    if response.content_length().is_some_and(|length| length > MAX_ANSWER as u64) {
        return Err(LoginFailed::Provider("too long".to_owned()));
    }
    let mut body = Vec::new();
    let mut response = response;
    while let Some(part) = response.chunk().await.map_err(unexpected)? {
        body.extend_from_slice(&part);
        if body.len() > MAX_ANSWER {
            return Err(LoginFailed::Provider("too long".to_owned()));
        }
    }
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(unexpected);
    }
    if status == http::StatusCode::UNAUTHORIZED {
        return Err(LoginFailed::Ended);
    }
    let error = openid::ErrorResponse::parse(&body).map_or_else(|| status.to_string(), |body| body.error);
    Err(LoginFailed::Refused(error))
}

fn unexpected(error: impl std::fmt::Display) -> LoginFailed {
    LoginFailed::Provider(error.to_string())
}

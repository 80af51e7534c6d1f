//! Authorization requests (OpenID Connect Core §3.1.2.1): what is read, what is judged, and where failures go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::code::CodeGrant;
use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::pkce;
use crate::{json, link};

/// Longest `state` and `nonce`, in bytes.
const MAX_OPAQUE: usize = 2048;
/// Longest `claims` parameter, in bytes.
const MAX_CLAIMS_JSON: usize = 8 * 1024;
/// Longest `sub` (§2).
const MAX_SUBJECT: usize = 255;
/// Most claims asked for in one place.
const MAX_CLAIMS: usize = 64;
/// Most values in a list parameter.
const MAX_LIST: usize = 32;

/// An authorization request as received: only the client's name may be looked at.
#[derive(Clone, Debug)]
pub struct AuthorizeForm {
    form: Form,
    client_id: String,
}

/// Why an authorization request failed, and where that may be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeRefusal {
    /// On a page of ours: the client or its address is unknown, so nothing may be sent there.
    #[error("{0}")]
    Page(OAuthError),
    /// At the client: redirect the browser to `location`.
    #[error("{error}")]
    Redirect {
        /// The client's address with `error`, `state` and `iss`.
        location: String,
        /// The error in it.
        error: OAuthError,
    },
}

impl AuthorizeRefusal {
    /// The error, wherever it is told.
    #[must_use]
    pub fn error(&self) -> &OAuthError {
        match self {
            AuthorizeRefusal::Page(error) | AuthorizeRefusal::Redirect { error, .. } => error,
        }
    }
}

impl AuthorizeForm {
    /// Reads the query (GET) or body (POST).
    ///
    /// # Errors
    /// Always for a page: too large, repeated parameters, or no `client_id`.
    pub fn parse(encoded: &[u8]) -> Result<AuthorizeForm, AuthorizeRefusal> {
        let form = Form::parse(encoded).map_err(|refusal| AuthorizeRefusal::Page(refusal.into()))?;
        AuthorizeForm::from_form(form)
    }

    /// The same for a form already read, such as a pushed one.
    ///
    /// # Errors
    /// For a page: no `client_id`.
    pub fn from_form(form: Form) -> Result<AuthorizeForm, AuthorizeRefusal> {
        let client_id = form.require("client_id").map_err(AuthorizeRefusal::Page)?.to_owned();
        Ok(AuthorizeForm { form, client_id })
    }

    /// Which client's registration [`AuthorizeForm::validate`] needs.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The parameters as received.
    #[must_use]
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Tells a failure that came before [`AuthorizeForm::validate`], such as that of a request object, where it may be told.
    #[must_use]
    pub fn refuse(&self, error: OAuthError, client: &Client, issuer: &str) -> AuthorizeRefusal {
        let state = self.form.get("state").filter(|state| state.len() <= MAX_OPAQUE);
        match self.form.get("redirect_uri").filter(|uri| client.redirects_to(uri)) {
            Some(uri) => AuthorizeRefusal::Redirect { location: error.redirect(uri, state, issuer), error },
            None => AuthorizeRefusal::Page(error),
        }
    }

    /// The pushed request that this one refers to (RFC 9126 §4), if it does.
    #[must_use]
    pub fn pushed(&self) -> Option<&str> {
        self.form.get("request_uri").and_then(super::PushedResponse::reference)
    }

    /// Judges the request against the client's registration; `issuer` is ours.
    ///
    /// # Errors
    /// For a page until the client's own address is certain, as a redirect from then on.
    pub fn validate(&self, client: &Client, issuer: &str) -> Result<AuthorizationRequest, AuthorizeRefusal> {
        let page = |why| AuthorizeRefusal::Page(OAuthError::new(Code::InvalidRequest, why));
        if client.client_id != self.client_id {
            return Err(page("unknown client_id"));
        }
        let redirect_uri = self.form.get("redirect_uri").ok_or_else(|| page("redirect_uri is missing"))?;
        if !client.redirects_to(redirect_uri) {
            return Err(page("redirect_uri is not registered for this client"));
        }
        let state = self.form.get("state");
        if state.is_some_and(|state| state.len() > MAX_OPAQUE) {
            // Sending back what is beyond the bound would make us carry it.
            return Err(page("state is too long"));
        }
        self.judge(client, redirect_uri).map_err(|error| AuthorizeRefusal::Redirect {
            location: error.redirect(redirect_uri, state, issuer),
            error,
        })
    }

    fn judge(&self, client: &Client, redirect_uri: &str) -> Result<AuthorizationRequest, OAuthError> {
        let form = &self.form;
        if form.get("request").is_some() {
            return Err(OAuthError::new(Code::RequestNotSupported, "request is not supported"));
        }
        if form.get("request_uri").is_some() {
            return Err(OAuthError::new(
                Code::RequestUriNotSupported,
                "request_uri must be a pushed request",
            ));
        }
        if form.get("registration").is_some() {
            return Err(OAuthError::new(Code::RegistrationNotSupported, "registration is not supported"));
        }
        let invalid = |why| OAuthError::new(Code::InvalidRequest, why);
        if form.require("response_type")? != "code" {
            return Err(OAuthError::new(Code::UnsupportedResponseType, "response_type must be code"));
        }
        if form.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("response_mode must be query"));
        }
        let code_challenge =
            pkce::Challenge::parse(form.get("code_challenge"), form.get("code_challenge_method"))?;
        let scopes = list(form.get("scope").unwrap_or_default())?;
        if !scopes.iter().any(|scope| scope == "openid") {
            return Err(OAuthError::new(Code::InvalidScope, "scope must contain openid"));
        }
        if !scopes.iter().all(|scope| scope == "openid" || client.scopes.contains(scope)) {
            return Err(OAuthError::new(Code::InvalidScope, "a scope is not granted to this client"));
        }
        let nonce = form.get("nonce").map(str::to_owned);
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_OPAQUE) {
            return Err(invalid("nonce is too long"));
        }
        let mut prompts = Vec::new();
        for value in list(form.get("prompt").unwrap_or_default())? {
            prompts.push(Prompt::parse(&value).ok_or_else(|| invalid("prompt has an unknown value"))?);
        }
        if prompts.contains(&Prompt::None) && prompts.len() > 1 {
            return Err(invalid("prompt none excludes all others"));
        }
        let max_age = match form.get("max_age") {
            None => None,
            Some(text) => {
                Some(text.parse::<u32>().map_err(|_| invalid("max_age is not a number of seconds"))?)
            }
        };
        let claims = ClaimsRequest::parse(form.get("claims"))?;
        Ok(AuthorizationRequest {
            client_id: self.client_id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            scopes,
            state: form.get("state").map(str::to_owned),
            nonce,
            code_challenge,
            prompts,
            max_age,
            acr_values: list(form.get("acr_values").unwrap_or_default())?,
            ui_locales: list(form.get("ui_locales").unwrap_or_default())?,
            login_hint: form.get("login_hint").filter(|hint| hint.len() <= 256).map(str::to_owned),
            subject: claims.subject()?,
            id_token_hint: form.get("id_token_hint").map(str::to_owned),
            claims,
            dpop_jkt: jkt(form.get("dpop_jkt"))?,
        })
    }
}

/// A judged authorization request. Serializable, to be sealed while the person logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The client.
    pub client_id: String,
    /// Its address, as registered.
    pub redirect_uri: String,
    /// Scopes, `openid` among them.
    pub scopes: Vec<String>,
    /// To be sent back.
    pub state: Option<String>,
    /// To be put into the ID token.
    pub nonce: Option<String>,
    /// To be checked when the code is redeemed.
    pub code_challenge: pkce::Challenge,
    /// What may or must be asked of the person.
    pub prompts: Vec<Prompt>,
    /// Oldest login accepted, in seconds.
    pub max_age: Option<u32>,
    /// Levels wanted, best first.
    pub acr_values: Vec<String>,
    /// Languages wanted, best first.
    pub ui_locales: Vec<String>,
    /// Who is expected, in the client's words; never shown before that person has logged in.
    pub login_hint: Option<String>,
    /// The person who has to log in, by the `sub` of the client (§5.5.1); whoever reads the hint adds its own.
    #[serde(default)]
    pub subject: Option<String>,
    /// An ID token of the person who has to log in (§3.1.2.1), to be read by whoever issued it.
    #[serde(skip)]
    pub id_token_hint: Option<String>,
    /// Single claims wanted.
    pub claims: ClaimsRequest,
    /// The DPoP key that the code shall be bound to (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
}

impl AuthorizationRequest {
    /// Whether the person may not be asked anything.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.prompts.contains(&Prompt::None)
    }

    /// Whether the person is to be asked for consent although it was given before (§3.1.2.1).
    #[must_use]
    pub fn wants_consent(&self) -> bool {
        self.prompts.contains(&Prompt::Consent)
    }

    /// Whether a session that began at `auth_time` serves, or the person must log in anew (§3.1.2.1).
    #[must_use]
    pub fn accepts_login_at(&self, auth_time: i64, now: i64) -> bool {
        let young = self.max_age.is_none_or(|age| now.saturating_sub(auth_time) <= i64::from(age));
        young && !self.prompts.contains(&Prompt::Login)
    }

    /// Whether a scope was asked for.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|asked| asked == scope)
    }

    /// What a code stands for, to be stored or sealed with it.
    #[must_use]
    pub fn grant(&self) -> CodeGrant {
        CodeGrant {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            code_challenge: self.code_challenge.clone(),
            dpop_jkt: self.dpop_jkt.clone(),
            scopes: self.scopes.clone(),
            nonce: self.nonce.clone(),
        }
    }

    /// The redirect with the code (§3.1.2.5) and `iss` (RFC 9207 §2).
    #[must_use]
    pub fn success(&self, code: &str, issuer: &str) -> String {
        let mut form = Form::default().with("code", code);
        if let Some(state) = &self.state {
            form.push("state", state);
        }
        form.push("iss", issuer);
        link::with_query(&self.redirect_uri, &form)
    }

    /// The redirect with an error, for failures after the request itself was found good.
    #[must_use]
    pub fn failure(&self, error: &OAuthError, issuer: &str) -> String {
        error.redirect(&self.redirect_uri, self.state.as_deref(), issuer)
    }
}

/// `prompt` (§3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Ask nothing.
    None,
    /// Log in anew.
    Login,
    /// Ask for consent anew.
    Consent,
    /// Let the person choose who they are.
    SelectAccount,
}

impl Prompt {
    fn parse(text: &str) -> Option<Prompt> {
        match text {
            "none" => Some(Prompt::None),
            "login" => Some(Prompt::Login),
            "consent" => Some(Prompt::Consent),
            "select_account" => Some(Prompt::SelectAccount),
            _ => None,
        }
    }
}

/// The `claims` parameter (§5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// From the userinfo endpoint.
    #[serde(default)]
    pub userinfo: BTreeMap<String, Option<ClaimRequest>>,
    /// In the ID token.
    #[serde(default)]
    pub id_token: BTreeMap<String, Option<ClaimRequest>>,
}

/// How one claim is asked for (§5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimRequest {
    /// Whether the client says it can't do without.
    pub essential: bool,
    /// The value it must have.
    pub value: Option<Value>,
    /// The values it may have, best first.
    pub values: Option<Vec<Value>>,
}

impl ClaimsRequest {
    fn parse(parameter: Option<&str>) -> Result<ClaimsRequest, OAuthError> {
        let Some(text) = parameter else { return Ok(ClaimsRequest::default()) };
        let invalid = || OAuthError::new(Code::InvalidRequest, "claims is malformed or too large");
        let claims: ClaimsRequest = json::parse(text.as_bytes(), MAX_CLAIMS_JSON).map_err(|_| invalid())?;
        if claims.userinfo.len() > MAX_CLAIMS || claims.id_token.len() > MAX_CLAIMS {
            return Err(invalid());
        }
        Ok(claims)
    }

    /// The one `sub` that is asked for; asked for with several values, nobody is.
    fn subject(&self) -> Result<Option<String>, OAuthError> {
        let Some(Some(sub)) = self.id_token.get("sub") else { return Ok(None) };
        match (&sub.value, &sub.values) {
            (None, None) => Ok(None),
            (Some(Value::String(value)), None) if value.len() <= MAX_SUBJECT => Ok(Some(value.clone())),
            _ => Err(OAuthError::new(Code::InvalidRequest, "sub is asked for with a value that none has")),
        }
    }
}

fn list(text: &str) -> Result<Vec<String>, OAuthError> {
    let values: Vec<String> = text.split(' ').filter(|v| !v.is_empty()).map(str::to_owned).collect();
    if values.len() > MAX_LIST || values.iter().any(|value| value.len() > 256) {
        return Err(OAuthError::new(Code::InvalidRequest, "a list parameter is too long"));
    }
    Ok(values)
}

fn jkt(parameter: Option<&str>) -> Result<Option<String>, OAuthError> {
    match parameter {
        None => Ok(None),
        Some(jkt) if keys::encoding::b64url_decode(jkt).is_ok_and(|hash| hash.len() == 32) => {
            Ok(Some(jkt.to_owned()))
        }
        Some(_) => Err(OAuthError::new(Code::InvalidRequest, "dpop_jkt is not a thumbprint")),
    }
}

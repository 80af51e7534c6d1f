//! Authorization requests of a wallet (OpenID4VCI 1.0 §5), pushed to the server (RFC 9126) with PKCE (RFC 7636).
//!
//! A request is judged when it is pushed: what comes back to the authorization endpoint is a reference only. Until
//! `client_id` and `redirect_uri` are known to be good, nothing is ever sent to an address of the request.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::token::{AuthorizationCodeGrant, AuthorizationDetail};
use crate::{link, pkce};

/// Longest `client_id`, in bytes.
pub const MAX_CLIENT_ID: usize = 256;
/// Longest `redirect_uri` and `state`, in bytes.
const MAX_ADDRESS: usize = 512;
/// Most scope values in one request.
const MAX_SCOPES: usize = 32;
/// Schemes that a browser runs, shows or opens by itself: no wallet answers there.
const NOT_A_WALLET: [&str; 9] =
    ["javascript", "data", "vbscript", "blob", "about", "file", "filesystem", "view-source", "ftp"];

/// What an issuer needs to know of itself to judge a request.
#[derive(Clone, Copy)]
pub struct Offered<'a> {
    /// The credential issuer identifier.
    pub issuer: &'a str,
    /// Whether this is a key of `credential_configurations_supported`.
    pub configuration: &'a dyn Fn(&str) -> bool,
    /// The configuration that a scope value stands for.
    pub scope: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Offered<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offered").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A judged authorization request. Serializable, to be sealed while the person signs in and agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuanceRequest {
    /// The wallet.
    #[serde(rename = "n")]
    pub client_id: String,
    /// Where the answer goes.
    #[serde(rename = "r")]
    pub redirect_uri: String,
    /// To be sent back.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// To be checked when the code is redeemed.
    #[serde(rename = "p")]
    pub code_challenge: pkce::Challenge,
    /// What is asked for: keys of `credential_configurations_supported`, each once.
    #[serde(rename = "c")]
    pub configurations: Vec<String>,
    /// Whether `authorization_details` was used, so that the token response must name identifiers (§6.2).
    #[serde(rename = "i")]
    pub by_identifier: bool,
    /// The DPoP key that the code is bound to (RFC 9449 §10).
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
}

impl IssuanceRequest {
    /// Judges a pushed form. `client_id` is the authenticated client, if it authenticated; `proof_jkt` the thumbprint of
    /// a verified DPoP proof that came along (RFC 9449 §10.1).
    ///
    /// # Errors
    /// `invalid_request`, `invalid_client`, `unsupported_response_type`, `request_not_supported`, `invalid_scope`,
    /// `invalid_authorization_details`, `invalid_target` or `invalid_dpop_proof`, by the part that is wrong.
    pub fn parse(
        form: &Form,
        client_id: Option<&str>,
        proof_jkt: Option<&str>,
        offered: &Offered<'_>,
    ) -> Result<IssuanceRequest, OAuthError> {
        let invalid = |why| OAuthError::new(Code::InvalidRequest, why);
        if form.get("request_uri").is_some() {
            return Err(invalid("request_uri can not be pushed"));
        }
        if form.get("request").is_some() {
            return Err(OAuthError::new(Code::RequestNotSupported, "request objects are not taken"));
        }
        let named = form.get("client_id");
        if let (Some(named), Some(client_id)) = (named, client_id)
            && named != client_id
        {
            return Err(OAuthError::new(Code::InvalidClient, "client_id is another than the authenticated"));
        }
        let client_id = client_id.or(named).ok_or_else(|| invalid("client_id is missing"))?;
        if client_id.len() > MAX_CLIENT_ID {
            return Err(invalid("client_id is too long"));
        }
        let redirect_uri = form.require("redirect_uri")?;
        if !may_be_answered(redirect_uri) {
            return Err(invalid("redirect_uri is not an address of a wallet"));
        }
        if form.require("response_type")? != "code" {
            let text = "response_type must be code";
            return Err(OAuthError::new(Code::UnsupportedResponseType, text));
        }
        if form.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("response_mode must be query"));
        }
        let state = form.get("state");
        if state.is_some_and(|state| state.len() > MAX_ADDRESS) {
            return Err(invalid("state is too long"));
        }
        let code_challenge =
            pkce::Challenge::parse(form.get("code_challenge"), form.get("code_challenge_method"))?;
        let dpop_jkt = bound_key(form.get("dpop_jkt"), proof_jkt)?;
        if let Some(resource) = form.get("resource")
            && resource.trim_end_matches('/') != offered.issuer
        {
            return Err(OAuthError::new(Code::InvalidTarget, "resource is not this credential issuer"));
        }
        let (configurations, by_identifier) = wanted(form, offered)?;
        Ok(IssuanceRequest {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: state.map(str::to_owned),
            code_challenge,
            configurations,
            by_identifier,
            dpop_jkt,
        })
    }

    /// The redirect with the code (RFC 6749 §4.1.2) and `iss` (RFC 9207 §2).
    #[must_use]
    pub fn success(&self, code: &str, server: &str) -> String {
        let mut form = Form::default().with("code", code);
        if let Some(state) = &self.state {
            form.push("state", state);
        }
        form.push("iss", server);
        link::with_query(&self.redirect_uri, &form)
    }

    /// The redirect with an error (RFC 6749 §4.1.2.1) and `iss`.
    #[must_use]
    pub fn failure(&self, error: &OAuthError, server: &str) -> String {
        error.redirect(&self.redirect_uri, self.state.as_deref(), server)
    }

    /// Where the answer goes, as a source of the content security policy's `form-action`: browsers apply it to the
    /// redirect that follows a form, too.
    #[must_use]
    pub fn form_action(&self) -> Option<String> {
        let url = Url::parse(&self.redirect_uri).ok()?;
        match url.scheme() {
            "http" | "https" => Some(url.origin().ascii_serialization()),
            scheme => Some(format!("{scheme}:")),
        }
    }

    /// Judges a token request against what the code stands for; `dpop_jkt` is the thumbprint of its verified proof.
    ///
    /// # Errors
    /// `invalid_grant` for another client, another address, a wrong or missing verifier, or another DPoP key.
    pub fn redeem(
        &self,
        grant: &AuthorizationCodeGrant,
        client_id: Option<&str>,
        dpop_jkt: &str,
    ) -> Result<(), OAuthError> {
        let refused = |why| Err(OAuthError::new(Code::InvalidGrant, why));
        if client_id != Some(self.client_id.as_str()) {
            return refused("the code was given to another client");
        }
        // Always required here: it was part of the authorization request (RFC 6749 §4.1.3).
        if grant.redirect_uri.as_deref() != Some(self.redirect_uri.as_str()) {
            return refused("redirect_uri is another than in the authorization request");
        }
        if self.dpop_jkt.as_deref().is_some_and(|bound| bound != dpop_jkt) {
            return refused("the code is bound to another DPoP key");
        }
        self.code_challenge.check(grant.code_verifier.as_deref())
    }
}

/// What `authorization_details` and `scope` ask for. The two are read each by itself; where both name a configuration,
/// the detail counts (§5.1.2). Unknown scope values are ignored.
fn wanted(form: &Form, offered: &Offered<'_>) -> Result<(Vec<String>, bool), OAuthError> {
    let details = AuthorizationDetail::parse_list(form.get("authorization_details"))?;
    let mut configurations: Vec<String> = Vec::new();
    for detail in &details {
        let id = &detail.credential_configuration_id;
        let foreign = detail.locations.iter().any(|location| location != offered.issuer);
        if foreign || !(offered.configuration)(id) {
            let text = "authorization_details names an unknown credential configuration or location";
            return Err(OAuthError::new(Code::InvalidAuthorizationDetails, text));
        }
        if !configurations.contains(id) {
            configurations.push(id.clone());
        }
    }
    let scopes = form.get("scope").unwrap_or_default().split(' ').filter(|value| !value.is_empty());
    for (at, value) in scopes.enumerate() {
        if at == MAX_SCOPES {
            return Err(OAuthError::new(Code::InvalidScope, "scope has too many values"));
        }
        if let Some(id) = (offered.scope)(value)
            && !configurations.contains(&id)
        {
            configurations.push(id);
        }
    }
    if configurations.is_empty() {
        let text = "scope and authorization_details name no credential of this issuer";
        return Err(OAuthError::new(Code::InvalidScope, text));
    }
    Ok((configurations, !details.is_empty()))
}

/// The key of `dpop_jkt` or of the proof; where both are there, they must agree (RFC 9449 §10.1).
fn bound_key(parameter: Option<&str>, proof_jkt: Option<&str>) -> Result<Option<String>, OAuthError> {
    if let Some(jkt) = parameter
        && !keys::encoding::b64url_decode(jkt).is_ok_and(|hash| hash.len() == 32)
    {
        return Err(OAuthError::new(Code::InvalidRequest, "dpop_jkt is not a thumbprint"));
    }
    match (parameter, proof_jkt) {
        (Some(named), Some(proved)) if named != proved => {
            Err(OAuthError::new(Code::InvalidDpopProof, "dpop_jkt is not the key of the DPoP proof"))
        }
        (named, proved) => Ok(proved.or(named).map(str::to_owned)),
    }
}

/// Whether an answer may be sent there: https, http on loopback (RFC 8252 §7.3), or a wallet's own scheme (§7.1).
fn may_be_answered(text: &str) -> bool {
    if text.len() > MAX_ADDRESS || text.contains('#') || text.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return false;
    }
    let Ok(url) = Url::parse(text) else { return false };
    match url.scheme() {
        "https" | "http" => link::endpoint(text).is_ok(),
        scheme => !NOT_A_WALLET.contains(&scheme),
    }
}

/// A pushed request as a wallet makes it.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// The wallet's `client_id`.
    pub client_id: &'a str,
    /// Where the answer is awaited.
    pub redirect_uri: &'a str,
    /// Random; tells the answer from anybody else's.
    pub state: &'a str,
    /// The public half of the verifier.
    pub code_challenge: &'a pkce::Challenge,
    /// The scopes of what is wanted (HAIP 1.0 §4.3), separated by spaces.
    pub scope: &'a str,
    /// From the offer.
    pub issuer_state: Option<&'a str>,
    /// The thumbprint of the DPoP key of the token request.
    pub dpop_jkt: Option<&'a str>,
}

impl Push<'_> {
    /// The form to be pushed.
    #[must_use]
    pub fn to_form(&self) -> Form {
        let mut form = Form::default()
            .with("response_type", "code")
            .with("client_id", self.client_id)
            .with("redirect_uri", self.redirect_uri)
            .with("state", self.state)
            .with("scope", self.scope)
            .with("code_challenge", self.code_challenge.as_str())
            .with("code_challenge_method", pkce::METHOD);
        for (name, value) in [("issuer_state", self.issuer_state), ("dpop_jkt", self.dpop_jkt)] {
            if let Some(value) = value {
                form.push(name, value);
            }
        }
        form
    }
}

/// Reads where the browser was sent back to, as a wallet: the code, if `state` and `iss` are those expected.
///
/// # Errors
/// `invalid_request` if it is no answer to this request (another address, `state` or `iss`, a repeated parameter); the
/// server's own error where it told one, `server_error` if that has no registered code.
pub fn read_answer(
    url: &str,
    redirect_uri: &str,
    state: &str,
    server: &str,
    iss_promised: bool,
) -> Result<String, OAuthError> {
    let refused = |why| OAuthError::new(Code::InvalidRequest, why);
    let (address, query) = url.split_once('?').ok_or_else(|| refused("the answer has no parameters"))?;
    if address != redirect_uri.split_once('?').map_or(redirect_uri, |(address, _)| address) {
        return Err(refused("the answer came to another address"));
    }
    let form = Form::parse_bounded(query.split('#').next().unwrap_or_default().as_bytes(), 16 * 1024)?;
    let ours = form.get("state").is_some_and(|sent| keys::mac::eq(sent.as_bytes(), state.as_bytes()));
    if !ours {
        return Err(refused("the answer belongs to another request"));
    }
    match form.get("iss") {
        Some(iss) if iss == server => {}
        None if !iss_promised => {}
        _ => return Err(refused("the answer is of another authorization server")),
    }
    if let Some(error) = form.get("error") {
        let code = Code::parse(error).unwrap_or(Code::ServerError);
        return Err(OAuthError::new(code, "the authorization server refused"));
    }
    let code = form.require("code")?;
    if code.len() > 4096 { Err(refused("the code is too long")) } else { Ok(code.to_owned()) }
}

#[cfg(test)]
mod tests;

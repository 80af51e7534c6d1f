//! The authorization response (OpenID4VP 1.0 §8): made by the wallet, read by the verifier.

use std::collections::BTreeMap;

use keys::{SecretKey, jwe};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::{json, link};

/// Longest response read, in bytes.
pub const MAX_RESPONSE: usize = 1024 * 1024;
/// Most queries, and most presentations for one, in a response.
const MAX_ENTRIES: usize = 32;

/// The presentations, by credential query id (§8.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct VpToken(BTreeMap<String, Vec<String>>);

impl VpToken {
    /// Adds a presentation for a query.
    pub fn push(&mut self, query_id: &str, presentation: String) {
        self.0.entry(query_id.to_owned()).or_default().push(presentation);
    }

    /// The presentations by query id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(id, presentations)| (id.as_str(), presentations.as_slice()))
    }

    /// The presentations for one query.
    #[must_use]
    pub fn get(&self, query_id: &str) -> &[String] {
        self.0.get(query_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Reads the object; presentations must be texts (all formats here are).
    ///
    /// # Errors
    /// `invalid_request` if it is no object of non-empty lists of texts, or beyond the bounds.
    pub fn from_value(value: Value) -> Result<VpToken, OAuthError> {
        let refused =
            || OAuthError::new(Code::InvalidRequest, "vp_token is not an object of lists of presentations");
        let token: BTreeMap<String, Vec<String>> = serde_json::from_value(value).map_err(|_| refused())?;
        let fits = |list: &Vec<String>| (1..=MAX_ENTRIES).contains(&list.len());
        if token.is_empty() || token.len() > MAX_ENTRIES || !token.values().all(fits) {
            return Err(refused());
        }
        Ok(VpToken(token))
    }
}

/// A POST that the wallet has to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectPost {
    /// Where to.
    pub url: String,
    /// `application/x-www-form-urlencoded`.
    pub form: Form,
}

/// What the verifier received at `response_uri`.
#[derive(Clone, Debug)]
pub enum Response {
    /// `direct_post.jwt`: find the key by [`EncryptedResponse::kid`], then open it.
    Encrypted(EncryptedResponse),
    /// `direct_post`.
    Plain(ResponseContent),
    /// The wallet said no.
    Error(ErrorAnswer),
}

/// The wallet's refusal (§8.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The code as sent.
    pub error: String,
    /// The `state` of the request.
    pub state: Option<String>,
}

impl ErrorAnswer {
    /// The registered code, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::parse(&self.error)
    }
}

/// A response still encrypted.
#[derive(Clone, Debug)]
pub struct EncryptedResponse {
    text: String,
    kid: Option<String>,
}

/// What a response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseContent {
    /// The presentations.
    pub vp_token: VpToken,
    /// The `state` of the request.
    pub state: Option<String>,
}

impl Response {
    /// Reads the posted form.
    ///
    /// # Errors
    /// `invalid_request` if malformed, beyond the bounds, or none of the three kinds.
    pub fn parse(body: &[u8]) -> Result<Response, OAuthError> {
        let form = Form::parse_bounded(body, MAX_RESPONSE)?;
        let token =
            form.get("vp_token").map(|token| json::parse(token.as_bytes(), MAX_RESPONSE)).transpose()?;
        let state = form.get("state").map(str::to_owned);
        Response::of(form.get("response"), token, form.get("error"), state)
    }

    /// Reads the `data` that a wallet handed back through the Digital Credentials API (Appendix A.4), as JSON text.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_page(data: &[u8]) -> Result<Response, OAuthError> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(default)]
            response: Option<String>,
            #[serde(default)]
            vp_token: Option<Value>,
            #[serde(default)]
            error: Option<String>,
        }
        let Data { response, vp_token, error } = json::parse(data, MAX_RESPONSE)?;
        Response::of(response.as_deref(), vp_token, error.as_deref(), None)
    }

    fn of(
        response: Option<&str>,
        vp_token: Option<Value>,
        error: Option<&str>,
        state: Option<String>,
    ) -> Result<Response, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidRequest, why);
        match (response, vp_token, error) {
            (Some(text), None, None) => {
                let header = jwe::header(text).map_err(|_| refused("response is not an ECDH-ES JWE"))?;
                Ok(Response::Encrypted(EncryptedResponse { text: text.to_owned(), kid: header.kid }))
            }
            (None, Some(token), None) => {
                Ok(Response::Plain(ResponseContent { vp_token: VpToken::from_value(token)?, state }))
            }
            (None, None, Some(error)) if error.len() <= 128 => {
                Ok(Response::Error(ErrorAnswer { error: error.to_owned(), state }))
            }
            _ => Err(refused("exactly one of response, vp_token and error is expected")),
        }
    }
}

impl EncryptedResponse {
    /// The name of the key it is encrypted to, as `client_metadata` gave it; unverified until opened.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Opens it with the key made for the request.
    ///
    /// # Errors
    /// `invalid_request` if it is encrypted to another key, was changed, or holds no presentations.
    pub fn open(&self, key: &SecretKey) -> Result<ResponseContent, OAuthError> {
        #[derive(Deserialize)]
        struct Plain {
            #[serde(default)]
            vp_token: Option<Value>,
            #[serde(default)]
            state: Option<String>,
        }
        let refused = |why| OAuthError::new(Code::InvalidRequest, why);
        let plain = jwe::decrypt(key, &self.text, MAX_RESPONSE)
            .map_err(|_| refused("the response does not decrypt with the key of this request"))?;
        let plain: Plain = json::parse(&plain, MAX_RESPONSE)?;
        let vp_token = plain.vp_token.ok_or_else(|| refused("vp_token is missing"))?;
        Ok(ResponseContent { vp_token: VpToken::from_value(vp_token)?, state: plain.state })
    }
}

/// What the verifier answers to a post (§8.2): where to send the person on, if anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Where the wallet must send the browser on the same device; holds a fresh secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
}

impl Acknowledgement {
    /// Sends the person to `address` with a `response_code` that only this wallet learns (§13.3).
    #[must_use]
    pub fn with_response_code(address: &str, response_code: &str) -> Acknowledgement {
        let form = Form::default().with("response_code", response_code);
        Acknowledgement { redirect_uri: Some(link::with_query(address, &form)) }
    }

    /// Reads the answer as the wallet; an address that is not https is dropped, not followed.
    ///
    /// # Errors
    /// `invalid_request` if malformed.
    pub fn parse(body: &[u8]) -> Result<Acknowledgement, OAuthError> {
        let mut answer: Acknowledgement = json::parse(body, json::SMALL)?;
        // A fragment may carry the response code (§8.2), which no endpoint of ours may have.
        let followable = |uri: &String| link::endpoint(uri.split('#').next().unwrap_or_default()).is_ok();
        answer.redirect_uri = answer.redirect_uri.filter(followable);
        Ok(answer)
    }
}

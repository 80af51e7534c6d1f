//! A judged request, and the answers that only a judged one can get (OpenID4VP 1.0 §8, Appendix A.4).

use credential::dcql::Query;
use keys::x509::Certificate;
use keys::{PublicKey, jwe};
use serde_json::{Map, Value};

use super::client_id::ClientId;
use super::request::RequestObject;
use super::response::{DirectPost, VpToken};
use super::transaction_data::TransactionData;
use crate::error::{Code, OAuthError};
use crate::form::Form;

/// Who asks, as far as it was proven.
#[derive(Clone, Debug)]
pub enum Verifier {
    /// By a certificate under a trusted root.
    Certified(Box<Certificate>),
    /// By a DID whose key signed.
    Did(String),
    /// By the browser alone, which vouches for the origin of the page (Digital Credentials API).
    Page(String),
    /// Not at all: only the address is known, and the person must be told.
    Unproven,
}

/// A request that was judged and may be shown, consented to and answered.
#[derive(Clone, Debug)]
pub struct VerifiedRequest {
    pub(super) request: RequestObject,
    pub(super) client_id: ClientId,
    pub(super) verifier: Verifier,
    pub(super) destination: Destination,
    pub(super) query: Query,
    pub(super) encryption: Option<Encryption>,
    pub(super) transaction_data: Vec<TransactionData>,
    pub(super) signed: Option<String>,
}

/// Where the answer goes, and with it whom it is for.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// To an address, for the client.
    Post { response_uri: String, client_id: String },
    /// To the page that asked, for its origin (Appendix A.4).
    Page { origin: String, audience: String },
}

/// How the answer is encrypted.
#[derive(Clone, Debug)]
pub(super) struct Encryption {
    pub(super) key: PublicKey,
    pub(super) kid: Option<String>,
    pub(super) enc: jwe::Enc,
}

impl VerifiedRequest {
    /// Who asks, prefix included; `origin:` and the page's origin for an unsigned request of a page. For the eyes and the
    /// log: what presentations are bound to is [`Self::audience`].
    #[must_use]
    pub fn client_id(&self) -> &str {
        match (&self.request.client_id, &self.destination) {
            (Some(client_id), _) => client_id,
            (None, Destination::Post { client_id, .. }) => client_id,
            (None, Destination::Page { audience, .. }) => audience,
        }
    }

    /// The audience of every presentation: the client, or `origin:` and the origin of the page.
    #[must_use]
    pub fn audience(&self) -> &str {
        match &self.destination {
            Destination::Post { client_id, .. } => client_id,
            Destination::Page { audience, .. } => audience,
        }
    }

    /// Who asks, as far as proven.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Where the answer goes: the address to post it to, or the origin of the page that asked.
    #[must_use]
    pub fn response_uri(&self) -> &str {
        match &self.destination {
            Destination::Post { response_uri, .. } => response_uri,
            Destination::Page { origin, .. } => origin,
        }
    }

    /// The origin of the page, where the request came over the Digital Credentials API.
    #[must_use]
    pub fn page(&self) -> Option<&str> {
        match &self.destination {
            Destination::Post { .. } => None,
            Destination::Page { origin, .. } => Some(origin),
        }
    }

    /// The nonce of every presentation.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.request.nonce
    }

    /// The key that the answer is encrypted to, if it is.
    #[must_use]
    pub fn encryption_key(&self) -> Option<&PublicKey> {
        self.encryption.as_ref().map(|encryption| &encryption.key)
    }

    /// What is asked for.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// What else the presentation would authorize.
    #[must_use]
    pub fn transaction_data(&self) -> &[TransactionData] {
        &self.transaction_data
    }

    /// All parameters.
    #[must_use]
    pub fn parameters(&self) -> &RequestObject {
        &self.request
    }

    /// The signed text, for [`crate::approval::approved_part`]; `None` for an unsigned request.
    #[must_use]
    pub fn signed_text(&self) -> Option<&str> {
        self.signed.as_deref()
    }

    /// The typed client identifier.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.client_id
    }

    /// The answer with presentations as a post, encrypted where the request says so.
    ///
    /// # Errors
    /// `server_error` if encryption fails.
    pub fn respond(&self, vp_token: &VpToken) -> Result<DirectPost, OAuthError> {
        let mut form = Form::default();
        for (name, value) in self.members(vp_token)? {
            match value {
                Value::String(text) => form.push(&name, &text),
                other => form.push(&name, &other.to_string()),
            }
        }
        Ok(DirectPost { url: self.response_uri().to_owned(), form })
    }

    /// The same as the `data` object that goes back through the Digital Credentials API.
    ///
    /// # Errors
    /// `server_error` if encryption fails.
    pub fn respond_to_page(&self, vp_token: &VpToken) -> Result<Value, OAuthError> {
        self.members(vp_token).map(Value::Object)
    }

    fn members(&self, vp_token: &VpToken) -> Result<Map<String, Value>, OAuthError> {
        let mut members = Map::new();
        members.insert("vp_token".to_owned(), serde_json::to_value(vp_token).unwrap_or_default());
        // The Digital Credentials API knows no state (Appendix A.2).
        if let (Some(state), None) = (&self.request.state, self.page()) {
            members.insert("state".to_owned(), state.as_str().into());
        }
        let Some(Encryption { key, kid, enc }) = &self.encryption else { return Ok(members) };
        let plain = Value::Object(members).to_string();
        let text = jwe::encrypt(key, kid.as_deref(), *enc, &[], &[], plain.as_bytes())
            .map_err(|_| OAuthError::new(Code::ServerError, "the response could not be encrypted"))?;
        Ok(Map::from_iter([("response".to_owned(), text.into())]))
    }

    /// The answer that says no (§8.5), such as `access_denied` when the person declines.
    #[must_use]
    pub fn refuse(&self, code: Code) -> DirectPost {
        refusal_post(self.response_uri(), self.request.state.as_deref(), code)
    }

    /// The same as the `data` object of the Digital Credentials API (Appendix A.4).
    #[must_use]
    pub fn refuse_page(&self, code: Code) -> Value {
        refusal_data(code)
    }
}

/// A refusal for an address.
pub(super) fn refusal_post(response_uri: &str, state: Option<&str>, code: Code) -> DirectPost {
    let mut form = Form::default().with("error", code.as_str());
    if let Some(state) = state {
        form.push("state", state);
    }
    DirectPost { url: response_uri.to_owned(), form }
}

/// A refusal for a page.
pub(super) fn refusal_data(code: Code) -> Value {
    serde_json::json!({ "error": code.as_str() })
}

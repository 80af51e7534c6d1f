//! The wallet's judgement of a request (OpenID4VP 1.0 §5), and the answers that only a judged one can get.

use credential::dcql::Query;
use keys::jws::{Typ, Unverified};
use keys::x509::{self, Certificate, Purpose};
use keys::{PublicKey, jwe};
use serde_json::Value;
use url::Url;

use super::client_id::ClientId;
use super::link::Fetched;
use super::request::{ClientMetadata, DEFAULT_AUDIENCE, RequestObject, ResponseMode, TYP};
use super::response::{DirectPost, VpToken};
use super::transaction_data::{MAX_ENTRIES, TransactionData};
use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::{json, link};

/// Longest signed request object, in bytes.
const MAX_REQUEST: usize = 128 * 1024;
/// Clock difference tolerated, in seconds.
const SKEW_S: i64 = 30;

/// Finds the public key that a DID URL leads to.
pub type DidKeys<'a> = &'a dyn Fn(&str) -> Option<PublicKey>;

/// What a wallet expects of a request.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// What is remembered of the link and the fetch.
    pub fetched: Fetched<'a>,
    /// Roots under which verifiers are certified.
    pub anchors: &'a [Certificate],
    /// Finds the key of a verifier's DID URL, or says that there is none.
    pub did_key: Option<DidKeys<'a>>,
    /// This wallet's issuer identifier where it has one; the symbolic audience is always taken.
    pub audience: Option<&'a str>,
    /// Transaction data types that this wallet understands.
    pub transaction_types: &'a [&'a str],
    /// Whether an unsigned request with a `redirect_uri:` client may be shown at all.
    pub allow_unsigned: bool,
    /// Seconds.
    pub now: i64,
}

impl std::fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expected").field("fetched", &self.fetched).finish_non_exhaustive()
    }
}

/// Why a request was refused. No answer goes to a verifier that could not be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a signed request object, or its parameters have the wrong shape.
    #[error("the request is malformed")]
    Malformed,
    /// `typ` is not `oauth-authz-req+jwt`.
    #[error("the request has another typ")]
    Type,
    /// `alg` is not ES256.
    #[error("the request must be signed with ES256")]
    Algorithm,
    /// An unsigned request where that is not allowed, or a prefix that can't be signed.
    #[error("the request is not signed as its client identifier demands")]
    Unsigned,
    /// The client identifier is malformed or of a prefix not taken here.
    #[error("the client identifier is not supported")]
    ClientId,
    /// The link and the request name different clients.
    #[error("the link and the request name different clients")]
    ForeignClient,
    /// The certificate is not the one that the client identifier names.
    #[error("the certificate is not the client's")]
    Certificate,
    /// The certificates lead to no root that this wallet trusts, or are expired.
    #[error("the verifier's certificate is not trusted")]
    Untrusted,
    /// The signature is wrong.
    #[error("the request's signature is wrong")]
    Signature,
    /// `aud` is neither the symbolic one nor this wallet.
    #[error("the request is for another wallet")]
    Audience,
    /// Expired or not yet valid.
    #[error("the request is expired or not yet valid")]
    Time,
    /// The nonce that this wallet sent is missing or another.
    #[error("the request does not repeat the wallet's nonce")]
    WalletNonce,
    /// `nonce` is missing, too short, or has foreign characters.
    #[error("the nonce is malformed")]
    Nonce,
    /// `state` is too long or has foreign characters.
    #[error("the state is malformed")]
    State,
    /// `response_uri` is missing, no https address, beside a `redirect_uri`, or not the client's.
    #[error("the response address is not the client's")]
    ResponseUri,
    /// `response_type` is not `vp_token`.
    #[error("the response type is not supported")]
    ResponseType,
    /// No query, one against the rules of DCQL, or a scope instead of one.
    #[error("the request has no well-formed query")]
    Query,
    /// The response must be encrypted and no key fits.
    #[error("the request has no key to encrypt to")]
    EncryptionKey,
    /// Transaction data of an unknown type or with wrong content.
    #[error("the transaction data is not understood")]
    TransactionData,
}

impl Refusal {
    /// The code for the wallet's own log and screen (§8.5).
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Refusal::TransactionData => Code::InvalidTransactionData,
            Refusal::ResponseType => Code::UnsupportedResponseType,
            Refusal::Signature | Refusal::Type | Refusal::Algorithm | Refusal::Malformed => {
                Code::InvalidRequestObject
            }
            Refusal::Certificate | Refusal::Untrusted => Code::InvalidClient,
            _ => Code::InvalidRequest,
        }
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> OAuthError {
        OAuthError::new(refusal.code(), refusal.to_string())
    }
}

/// Who asks, as far as it was proven.
#[derive(Clone, Debug)]
pub enum Verifier {
    /// By a certificate under a trusted root.
    Certified(Box<Certificate>),
    /// By a DID whose key signed.
    Did(String),
    /// Not at all: only the address is known, and the person must be told.
    Unproven,
}

/// A request that was judged and may be shown, consented to and answered.
#[derive(Clone, Debug)]
pub struct VerifiedRequest {
    request: RequestObject,
    client_id: ClientId,
    verifier: Verifier,
    response_uri: String,
    query: Query,
    encryption: Option<(PublicKey, Option<String>, jwe::Enc)>,
    transaction_data: Vec<TransactionData>,
    signed: Option<String>,
}

impl VerifiedRequest {
    /// Judges a signed request object.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn verify(request_object: &str, expected: &Expected<'_>) -> Result<VerifiedRequest, Refusal> {
        let request_object = request_object.trim();
        let unverified = Unverified::parse(request_object, MAX_REQUEST).map_err(|_| Refusal::Malformed)?;
        let header = unverified.header();
        if header.typ.as_deref() != Some(TYP) {
            return Err(Refusal::Type);
        }
        if header.alg != "ES256" {
            return Err(Refusal::Algorithm);
        }
        let client_id = ClientId::parse(expected.fetched.client_id).ok_or(Refusal::ClientId)?;
        let x5c = header.x5c.as_deref().unwrap_or_default();
        let (verifier, key) = match &client_id {
            ClientId::X509Hash(hash) => {
                let leaf = x5c.first().ok_or(Refusal::Certificate)?;
                if keys::sha256(leaf) != *hash {
                    return Err(Refusal::Certificate);
                }
                certified(x5c, expected)?
            }
            ClientId::X509SanDns(name) => {
                let (verifier, key) = certified(x5c, expected)?;
                match &verifier {
                    Verifier::Certified(leaf)
                        if leaf.dns_names().iter().any(|dns| dns.eq_ignore_ascii_case(name)) => {}
                    _ => return Err(Refusal::Certificate),
                }
                (verifier, key)
            }
            ClientId::DecentralizedIdentifier(did) => {
                let kid = header.kid.as_deref().ok_or(Refusal::Certificate)?;
                if kid.split('#').next() != Some(did.as_str()) {
                    return Err(Refusal::Certificate);
                }
                let find = expected.did_key.ok_or(Refusal::ClientId)?;
                (Verifier::Did(did.clone()), find(kid).ok_or(Refusal::Untrusted)?)
            }
            ClientId::RedirectUri(_) => return Err(Refusal::Unsigned),
            ClientId::PreRegistered(_) => return Err(Refusal::ClientId),
        };
        let verified = unverified.verify(&key, Typ::Is(TYP)).map_err(|_| Refusal::Signature)?;
        if !json::is_object(verified.payload()) {
            return Err(Refusal::Malformed);
        }
        let request: RequestObject = verified.claims().map_err(|_| Refusal::Malformed)?;
        if request.client_id != expected.fetched.client_id {
            return Err(Refusal::ForeignClient);
        }
        let for_us = |aud: &str| aud == DEFAULT_AUDIENCE || Some(aud) == expected.audience;
        if !request.aud.as_deref().is_some_and(for_us) {
            return Err(Refusal::Audience);
        }
        judge(request, client_id, verifier, Some(request_object.to_owned()), expected)
    }

    /// Judges an unsigned request from a link (`redirect_uri:` clients only, where allowed).
    ///
    /// # Errors
    /// The first rule that does not hold; `Unsigned` wherever the policy or the client identifier demands a signature.
    pub fn from_unsigned(form: &Form, expected: &Expected<'_>) -> Result<VerifiedRequest, Refusal> {
        let client_id =
            ClientId::parse(form.get("client_id").unwrap_or_default()).ok_or(Refusal::ClientId)?;
        let ClientId::RedirectUri(address) = &client_id else { return Err(Refusal::Unsigned) };
        if !expected.allow_unsigned {
            return Err(Refusal::Unsigned);
        }
        let mut members = serde_json::Map::new();
        for (name, value) in form.iter() {
            let structured =
                matches!(name, "dcql_query" | "client_metadata" | "transaction_data" | "verifier_info");
            let value = if structured {
                json::parse(value.as_bytes(), MAX_REQUEST).map_err(|_| Refusal::Malformed)?
            } else {
                Value::from(value)
            };
            members.insert(name.to_owned(), value);
        }
        let mut request: RequestObject =
            serde_json::from_value(Value::Object(members)).map_err(|_| Refusal::Malformed)?;
        if request.response_uri.as_ref().is_some_and(|uri| uri != address) {
            return Err(Refusal::ResponseUri);
        }
        request.response_uri = Some(address.clone());
        judge(request, client_id, Verifier::Unproven, None, expected)
    }

    /// Who asks, prefix included: the audience of every presentation.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.request.client_id
    }

    /// Who asks, as far as proven.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Where the answer goes.
    #[must_use]
    pub fn response_uri(&self) -> &str {
        &self.response_uri
    }

    /// The nonce of every presentation.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.request.nonce
    }

    /// The key that the answer is encrypted to, if it is.
    #[must_use]
    pub fn encryption_key(&self) -> Option<&PublicKey> {
        self.encryption.as_ref().map(|(key, ..)| key)
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

    /// The answer with presentations, encrypted where the request says so.
    ///
    /// # Errors
    /// `server_error` if encryption fails.
    pub fn respond(&self, vp_token: &VpToken) -> Result<DirectPost, OAuthError> {
        let mut form = Form::default();
        match &self.encryption {
            Some((key, kid, enc)) => {
                let mut payload = serde_json::Map::new();
                payload.insert("vp_token".to_owned(), serde_json::to_value(vp_token).unwrap_or_default());
                if let Some(state) = &self.request.state {
                    payload.insert("state".to_owned(), state.as_str().into());
                }
                let plain = Value::Object(payload).to_string();
                let text = jwe::encrypt(key, kid.as_deref(), *enc, &[], &[], plain.as_bytes())
                    .map_err(|_| OAuthError::new(Code::ServerError, "the response could not be encrypted"))?;
                form.push("response", &text);
            }
            None => {
                form.push("vp_token", &serde_json::to_string(vp_token).unwrap_or_default());
                if let Some(state) = &self.request.state {
                    form.push("state", state);
                }
            }
        }
        Ok(DirectPost { url: self.response_uri.clone(), form })
    }

    /// The answer that says no (§8.5), such as `access_denied` when the person declines.
    #[must_use]
    pub fn refuse(&self, code: Code) -> DirectPost {
        let mut form = Form::default().with("error", code.as_str());
        if let Some(state) = &self.request.state {
            form.push("state", state);
        }
        DirectPost { url: self.response_uri.clone(), form }
    }

    /// The typed client identifier.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.client_id
    }
}

fn certified(x5c: &[Vec<u8>], expected: &Expected<'_>) -> Result<(Verifier, PublicKey), Refusal> {
    if x5c.is_empty() {
        return Err(Refusal::Certificate);
    }
    let leaf = x509::verify_chain(x5c, expected.anchors, expected.now, Purpose::Verifier)
        .map_err(|_| Refusal::Untrusted)?;
    let key = leaf.public_key().clone();
    Ok((Verifier::Certified(Box::new(leaf)), key))
}

fn judge(
    request: RequestObject,
    client_id: ClientId,
    verifier: Verifier,
    signed: Option<String>,
    expected: &Expected<'_>,
) -> Result<VerifiedRequest, Refusal> {
    let ahead = expected.now.saturating_add(SKEW_S);
    let starts = request.iat.into_iter().chain(request.nbf).max();
    if request.exp.is_some_and(|exp| exp <= expected.now) || starts.is_some_and(|at| at > ahead) {
        return Err(Refusal::Time);
    }
    if expected.fetched.wallet_nonce.is_some()
        && request.wallet_nonce.as_deref() != expected.fetched.wallet_nonce
    {
        return Err(Refusal::WalletNonce);
    }
    if !(8..=512).contains(&request.nonce.len()) || !request.nonce.bytes().all(url_safe) {
        return Err(Refusal::Nonce);
    }
    if request.state.as_ref().is_some_and(|state| state.len() > 4096 || !state.bytes().all(url_safe)) {
        return Err(Refusal::State);
    }
    if request.response_type != "vp_token" {
        return Err(Refusal::ResponseType);
    }
    if request.redirect_uri.is_some() {
        return Err(Refusal::ResponseUri);
    }
    let response_uri = request.response_uri.clone().ok_or(Refusal::ResponseUri)?;
    let address = link::endpoint(&response_uri).map_err(|_| Refusal::ResponseUri)?;
    if !may_receive(&client_id, &address) {
        return Err(Refusal::ResponseUri);
    }
    let query = match (&request.dcql_query, &request.scope) {
        (Some(query), None) => Query::from_value(query).map_err(|_| Refusal::Query)?,
        _ => return Err(Refusal::Query),
    };
    let encryption = match request.response_mode {
        ResponseMode::DirectPost => None,
        ResponseMode::DirectPostJwt => {
            Some(encryption(request.client_metadata.as_ref()).ok_or(Refusal::EncryptionKey)?)
        }
    };
    let transaction_data = transaction_data(&request, &query, expected)?;
    Ok(VerifiedRequest {
        request,
        client_id,
        verifier,
        response_uri,
        query,
        encryption,
        transaction_data,
        signed,
    })
}

/// A verifier named by DNS may only receive at that host (§5.9.3).
fn may_receive(client_id: &ClientId, address: &Url) -> bool {
    match client_id {
        ClientId::X509SanDns(name) => address.host_str().is_some_and(|host| host.eq_ignore_ascii_case(name)),
        _ => true,
    }
}

/// The first P-256 key meant for encryption, and the strongest content encryption both sides know (§8.3).
fn encryption(metadata: Option<&ClientMetadata>) -> Option<(PublicKey, Option<String>, jwe::Enc)> {
    let metadata = metadata?;
    let enc = if metadata.encrypted_response_enc_values_supported.is_empty() {
        jwe::Enc::A128Gcm
    } else {
        let offers =
            |enc: &jwe::Enc| metadata.encrypted_response_enc_values_supported.iter().any(|n| n == enc.name());
        [jwe::Enc::A256Gcm, jwe::Enc::A128Gcm].into_iter().find(offers)?
    };
    let keys = &metadata.jwks.as_ref()?.keys;
    let usable = |jwk: &&keys::Jwk| {
        jwk.alg.as_deref() == Some("ECDH-ES") && jwk.use_.as_deref().is_none_or(|use_| use_ == "enc")
    };
    keys.iter().filter(usable).find_map(|jwk| Some((PublicKey::from_jwk(jwk).ok()?, jwk.kid.clone(), enc)))
}

fn transaction_data(
    request: &RequestObject,
    query: &Query,
    expected: &Expected<'_>,
) -> Result<Vec<TransactionData>, Refusal> {
    let Some(entries) = &request.transaction_data else { return Ok(Vec::new()) };
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        return Err(Refusal::TransactionData);
    }
    let bound =
        |id: &String| query.credential(id).is_some_and(|query| query.require_cryptographic_holder_binding);
    let read = |entry: &String| {
        TransactionData::parse(entry)
            .filter(|data| expected.transaction_types.contains(&data.kind.as_str()))
            .filter(|data| data.credential_ids.iter().all(bound))
            .ok_or(Refusal::TransactionData)
    };
    entries.iter().map(read).collect()
}

fn url_safe(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~".contains(&b)
}

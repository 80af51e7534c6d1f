//! One exchange with a wallet (OpenID4VP 1.0): the signed request object, and the judgement of what comes back.
//!
//! Both directions are computed from the same [`Exchange`], which travels sealed in `response_uri`: its encryption key,
//! nonce and state are made anew for every fetch and stored nowhere. The request can also be written down a second time
//! when its answer arrives, to the byte; so the hash that a holder's approval names needs no memory either.

use credential::dcql::ResponseError;
use credential::types::CredentialType;
use credential::verify::{Refusal, Verified};
use keys::jws::{Header, SigningInput};
use keys::{SecretKey, SignError};
use openid::approval::{self, LoginContext};
use openid::vp::{
    ClientId, ClientMetadata, DcProtocol, FetchMethod, PARTY, PartyName, RequestLink, RequestObject,
    Response, TYP,
};
use openid::{Code, OAuthError};
use serde_json::{Value, json};

use super::judge::{self, Rules, Shown};
use super::{ClientIdPrefix, Seed};
use crate::issuance::{self, DeskError};
use crate::lifecycle::TrustError;
use crate::operations::server_keys::{KeyName, KeysError};
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};

/// What a wallet is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The query, as it stands in the request.
    pub dcql: Value,
    /// For a login: who wants it and what the holder must do.
    pub context: Option<LoginContext>,
    /// For a relying party: its registered name.
    pub party: Option<PartyName>,
    /// What else the presentation authorizes, as it stands in the request (OpenID4VP 1.0 §5.1).
    pub transaction_data: Vec<String>,
}

/// One exchange: everything that its request object is made of besides the [`Ask`].
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The secret of this exchange.
    pub seed: &'a Seed,
    /// Where the answer goes.
    pub place: Place<'a>,
    /// When the request object was made, in seconds.
    pub at_s: i64,
    /// The wallet's own nonce.
    pub wallet_nonce: Option<&'a str>,
}

/// Where an answer goes, and what it is bound to.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Posted to this address by the wallet.
    Post(&'a str),
    /// Through the browser to the page of this origin (Digital Credentials API).
    Page(&'a str),
}

/// Why no request could be made.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The verifier's key or certificate is missing.
    #[error("the verifier has no certificate")]
    Certificate,
    /// The key is missing.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key refused to sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The issuer's credential type can't be read.
    #[error(transparent)]
    Type(#[from] DeskError),
    /// The request can't be written as JSON.
    #[error("the request can't be written")]
    Json,
}

/// The credential type of the badge.
///
/// # Errors
/// Its file is missing or broken.
pub fn badge(platform: &Platform) -> Result<&CredentialType, RequestError> {
    Ok(issuance::desk(platform)?.badge())
}

/// Every credential type of ours, the badge first.
///
/// # Errors
/// A file is missing or broken.
pub(super) fn types(platform: &Platform) -> Result<impl Iterator<Item = &CredentialType>, RequestError> {
    Ok(issuance::desk(platform)?.types())
}

/// Our client identifier: the hash of the verifier's certificate, or the host name in it where the configuration says so.
///
/// # Errors
/// There is no certificate.
pub fn client_id(platform: &Platform) -> Result<ClientId, RequestError> {
    let certificate = platform.keys.certificate(KeyName::Verifier).ok_or(RequestError::Certificate)?;
    let host = || platform.config.public.base_url.host_str().map(str::to_owned);
    match platform.config.verification.client_id_prefix {
        ClientIdPrefix::X509Hash => Ok(ClientId::X509Hash(certificate.sha256())),
        ClientIdPrefix::X509SanDns => host().map(ClientId::X509SanDns).ok_or(RequestError::Certificate),
    }
}

/// The link to a request object, for a QR or a button.
///
/// # Errors
/// There is no certificate.
pub fn link(platform: &Platform, request_uri: String) -> Result<String, RequestError> {
    link_to(platform, request_uri, "openid4vp")
}

/// The same for a wallet that another scheme or address opens.
///
/// # Errors
/// The verifier's key or certificate is missing.
pub fn link_to(platform: &Platform, request_uri: String, app: &str) -> Result<String, RequestError> {
    let client_id = client_id(platform)?.to_string();
    let link = RequestLink::ByReference { client_id, request_uri, method: FetchMethod::Post };
    Ok(link.to_link(app))
}

/// The signed request object (OpenID4VP 1.0 §5.10).
///
/// # Errors
/// The verifier's key or certificate is missing or does not sign.
pub fn request_object(
    platform: &Platform,
    ask: &Ask,
    exchange: Exchange<'_>,
) -> Result<String, RequestError> {
    let signer = platform.keys.signer(KeyName::Verifier)?;
    let input = written(platform, ask, exchange, &key(exchange.seed))?;
    let signature = signer.sign(input.as_bytes())?;
    Ok(input.finish(&signature))
}

/// The request as it is signed, byte for byte the same whenever it is written.
fn written(
    platform: &Platform,
    ask: &Ask,
    exchange: Exchange<'_>,
    key: &SecretKey,
) -> Result<SigningInput, RequestError> {
    let client_id = client_id(platform)?;
    let nonce = exchange.seed.text("nonce");
    let mut request = match exchange.place {
        Place::Post(response_uri) => {
            let mut request = RequestObject::new(&client_id, response_uri, &nonce, ask.dcql.clone());
            request.state = Some(exchange.seed.text("state"));
            request.wallet_nonce = exchange.wallet_nonce.map(str::to_owned);
            request
        }
        Place::Page(origin) => {
            let origins = [origin.to_owned()];
            RequestObject::dc_api(Some((&client_id, &origins)), &nonce, ask.dcql.clone())
        }
    };
    fill(&mut request, ask, exchange.seed, key);
    request.iat = Some(exchange.at_s);
    request.exp = Some(exchange.at_s.saturating_add(limits::VERIFICATION_ANSWER.get() / 1_000));
    if let Some(context) = &ask.context {
        let context = serde_json::to_value(context).map_err(|_| RequestError::Json)?;
        request.extra.insert(approval::PARAMETER.to_owned(), context);
    }
    if let Some(party) = &ask.party {
        let party = serde_json::to_value(party).map_err(|_| RequestError::Json)?;
        request.extra.insert(PARTY.to_owned(), party);
    }
    let payload = serde_json::to_vec(&request).map_err(|_| RequestError::Json)?;
    let header = Header::es256(TYP).with_x5c(platform.keys.chain(KeyName::Verifier));
    Ok(SigningInput::new(&header, &payload))
}

fn fill(request: &mut RequestObject, ask: &Ask, seed: &Seed, key: &SecretKey) {
    request.client_metadata = Some(ClientMetadata::encrypted_to(key.public_key(), &seed.id()));
    request.transaction_data = (!ask.transaction_data.is_empty()).then(|| ask.transaction_data.clone());
}

/// The same request for a page, signed and unsigned: what `navigator.credentials.get` takes as `digital.requests`
/// (Digital Credentials API; OpenID4VP 1.0 Appendix A.3). One answer serves both, for it is bound to the origin.
///
/// # Errors
/// The verifier's key or certificate is missing or does not sign.
pub(super) fn page_requests(
    platform: &Platform,
    ask: &Ask,
    exchange: Exchange<'_>,
) -> Result<Value, RequestError> {
    let signed = request_object(platform, ask, exchange)?;
    let mut unsigned = RequestObject::dc_api(None, &exchange.seed.text("nonce"), ask.dcql.clone());
    fill(&mut unsigned, ask, exchange.seed, &key(exchange.seed));
    let unsigned = serde_json::to_value(&unsigned).map_err(|_| RequestError::Json)?;
    Ok(json!([
        { "protocol": DcProtocol::Signed.as_str(), "data": { "request": signed } },
        { "protocol": DcProtocol::Unsigned.as_str(), "data": unsigned },
    ]))
}

/// The key that the answer is encrypted to: fresh for every fetch.
fn key(seed: &Seed) -> SecretKey {
    SecretKey::derive(&*seed.derive("encryption"), &[], b"mapae direct_post.jwt")
}

/// What came back.
#[derive(Debug)]
pub enum Answer {
    /// Presentations that hold.
    Presented(Box<Presented>),
    /// The wallet or its holder said no, and why in the words of OpenID4VP 1.0 §8.5.
    Declined(Code),
}

/// Presentations that hold, and the request they answer.
#[derive(Debug)]
pub struct Presented {
    /// Who, what, when, how fresh: one for each presentation, never empty.
    pub shown: Vec<Shown>,
    /// SHA-256 of the approved part of the request object ([`openid::approval`]), base64url.
    pub request_hash: String,
}

impl Presented {
    /// The one presentation of an answer to a query for one, and the hash of the request.
    ///
    /// # Errors
    /// There are more.
    pub fn only(self) -> Result<(Verified, String), ResponseError> {
        let mut shown = self.shown.into_iter();
        match (shown.next(), shown.next()) {
            (Some(one), None) => Ok((one.verified, self.request_hash)),
            (Some(one), Some(_)) => Err(ResponseError::TooMany(one.query)),
            (None, _) => Err(ResponseError::CredentialMissing),
        }
    }
}

/// Why an answer was refused.
#[derive(Debug, thiserror::Error)]
pub enum AnswerRefused {
    /// Malformed, not encrypted to this exchange's key, or of another `state`.
    #[error(transparent)]
    Protocol(#[from] OAuthError),
    /// Not encrypted although the request demands it.
    #[error("the answer must be encrypted")]
    Plain,
    /// Encrypted under the name of another key than this exchange's.
    #[error("the answer is encrypted to another key")]
    KeyId,
    /// More presentations than are looked at.
    #[error("the answer holds too many presentations")]
    TooMany,
    /// The presentation does not hold.
    #[error("the presentation is refused: {0}")]
    Presentation(#[from] Refusal),
    /// It holds but is no answer to the query.
    #[error("the presentation does not answer the query: {0}")]
    Query(#[from] ResponseError),
    /// The request can't be written down again.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The trust list can't be had.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Judges an answer as it came: the posted form, or the `data` of the Digital Credentials API as JSON (OpenID4VP 1.0 §8).
/// Decryption, state, every presentation by the rules of its query, and the query as a whole.
///
/// # Errors
/// The first thing that does not hold.
pub async fn judge(
    platform: &Platform,
    ask: &Ask,
    rules: &Rules<'_>,
    exchange: Exchange<'_>,
    body: &[u8],
) -> Result<Answer, AnswerRefused> {
    let key = key(exchange.seed);
    let response = match exchange.place {
        Place::Post(_) => Response::parse(body)?,
        Place::Page(_) => Response::from_page(body)?,
    };
    let content = match response {
        Response::Encrypted(encrypted) => {
            // The request named its key, so the answer must (OpenID4VP 1.0 §8.3).
            if encrypted.kid() != Some(exchange.seed.id().as_str()) {
                return Err(AnswerRefused::KeyId);
            }
            encrypted.open(&key)?
        }
        Response::Plain(_) => return Err(AnswerRefused::Plain),
        Response::Error(error) => {
            // Only who fetched the request knows its state, so nobody else can decline in the holder's name. A page has
            // none: it holds the address of its own exchange.
            if let Place::Post(_) = exchange.place {
                same_state(exchange.seed, error.state.as_deref())?;
            }
            return Ok(Answer::Declined(error.code().unwrap_or(Code::AccessDenied)));
        }
    };
    if let Place::Post(_) = exchange.place {
        same_state(exchange.seed, content.state.as_deref())?;
    }
    let shown = judge::token(platform, ask, rules, exchange, key.public_key(), &content.vp_token).await?;
    let input = written(platform, ask, exchange, &key)?;
    let request_hash = keys::encoding::b64url_encode(&keys::sha256(input.as_bytes()));
    Ok(Answer::Presented(Box::new(Presented { shown, request_hash })))
}

fn same_state(seed: &Seed, state: Option<&str>) -> Result<(), OAuthError> {
    let expected = seed.text("state");
    if state.is_some_and(|state| keys::mac::eq(state.as_bytes(), expected.as_bytes())) {
        Ok(())
    } else {
        Err(OAuthError::new(Code::InvalidRequest, "state is missing or of another request"))
    }
}

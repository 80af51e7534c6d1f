//! One exchange with a wallet (OpenID4VP 1.0): the signed request object, and the judgement of what comes back.
//!
//! Both directions are computed from the same [`Exchange`], which travels sealed in `response_uri`: its encryption key,
//! nonce and state are made anew for every fetch and stored nowhere. The request can also be written down a second time
//! when its answer arrives, to the byte; so the hash that a holder's approval names needs no memory either.

use credential::dcql::{Presented as Shown, Query, ResponseError};
use credential::mdoc::{self, SessionTranscript};
use credential::types::{CredentialType, Format};
use credential::verify::{self, Policy, PresentationInput, Refusal, Verified};
use keys::encoding::b64url_decode;
use keys::jws::{Header, SigningInput};
use keys::{SecretKey, SignError};
use openid::OAuthError;
use openid::approval::{self, LoginContext};
use openid::vp::{ClientId, ClientMetadata, FetchMethod, RequestLink, RequestObject, Response, TYP, VpToken};
use serde_json::Value;

use super::Seed;
use crate::issuance::{self, DeskError};
use crate::lifecycle::{self, TrustError};
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
}

/// One exchange: everything that its request object is made of besides the [`Ask`].
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The secret of this exchange.
    pub seed: &'a Seed,
    /// Where the answer goes.
    pub response_uri: &'a str,
    /// When the request object was made, in seconds.
    pub at_s: i64,
    /// The wallet's own nonce.
    pub wallet_nonce: Option<&'a str>,
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

/// Our client identifier: the hash of the verifier's certificate.
///
/// # Errors
/// There is no certificate.
pub fn client_id(platform: &Platform) -> Result<ClientId, RequestError> {
    let certificate = platform.keys.certificate(KeyName::Verifier).ok_or(RequestError::Certificate)?;
    Ok(ClientId::X509Hash(certificate.sha256()))
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
    let mut request =
        RequestObject::new(&client_id, exchange.response_uri, &exchange.seed.text("nonce"), ask.dcql.clone());
    request.state = Some(exchange.seed.text("state"));
    request.client_metadata = Some(ClientMetadata::encrypted_to(key.public_key(), &exchange.seed.id()));
    request.wallet_nonce = exchange.wallet_nonce.map(str::to_owned);
    request.iat = Some(exchange.at_s);
    request.exp = Some(exchange.at_s.saturating_add(limits::VERIFICATION_ANSWER.get() / 1_000));
    if let Some(context) = &ask.context {
        let context = serde_json::to_value(context).map_err(|_| RequestError::Json)?;
        request.extra.insert(approval::PARAMETER.to_owned(), context);
    }
    let payload = serde_json::to_vec(&request).map_err(|_| RequestError::Json)?;
    let header = Header::es256(TYP).with_x5c(platform.keys.chain(KeyName::Verifier));
    Ok(SigningInput::new(&header, &payload))
}

/// The key that the answer is encrypted to: fresh for every fetch.
fn key(seed: &Seed) -> SecretKey {
    SecretKey::derive(&*seed.derive("encryption"), &[], b"mapae direct_post.jwt")
}

/// What came back.
#[derive(Debug)]
pub enum Answer {
    /// A presentation that holds.
    Presented(Box<Presented>),
    /// The wallet or its holder said no.
    Declined,
}

/// A presentation that holds, and the request it answers.
#[derive(Debug)]
pub struct Presented {
    /// Who, what, when, how fresh.
    pub verified: Verified,
    /// SHA-256 of the approved part of the request object ([`openid::approval`]), base64url.
    pub request_hash: String,
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

/// Judges a posted answer (OpenID4VP 1.0 §8): decryption, state, one presentation for the one query, and everything that
/// `policy` does not name as waived.
///
/// # Errors
/// The first thing that does not hold.
pub async fn judge(
    platform: &Platform,
    ask: &Ask,
    policy: &Policy,
    exchange: Exchange<'_>,
    body: &[u8],
) -> Result<Answer, AnswerRefused> {
    let key = key(exchange.seed);
    let content = match Response::parse(body)? {
        Response::Encrypted(encrypted) => encrypted.open(&key)?,
        Response::Plain(_) => return Err(AnswerRefused::Plain),
        Response::Error(error) => {
            // Only who fetched the request knows its state, so nobody else can decline in the holder's name.
            same_state(exchange.seed, error.state.as_deref())?;
            return Ok(Answer::Declined);
        }
    };
    same_state(exchange.seed, content.state.as_deref())?;
    let query = Query::from_value(&ask.dcql).map_err(|_| RequestError::Json)?;
    let (query_id, presentation) = only(&content.vp_token).ok_or(ResponseError::CredentialMissing)?;
    let asked = query.credential(query_id).ok_or_else(|| ResponseError::NotAsked(query_id.to_owned()))?;

    let status = lifecycle::LocalStatus::now(platform).await?;
    let trust = lifecycle::local_trust(platform).await?;
    let client_id = client_id(platform)?.to_string();
    let nonce = exchange.seed.text("nonce");
    let chains = &platform.local.verification.chains;
    let now_s = platform.now_ms().div_euclid(1_000);
    let format = asked.format.as_str();
    let verified = if format == Format::Mdoc.as_str() {
        let uri = exchange.response_uri;
        let transcript = SessionTranscript::openid4vp(&client_id, &nonce, Some(key.public_key()), uri);
        let response = b64url_decode(presentation).map_err(|_| Refusal::Malformed)?;
        let input = mdoc::PresentationInput { response: &response, transcript: &transcript };
        mdoc::verify(&input, policy, &*trust, &status, chains, now_s)?
    } else {
        let input = PresentationInput {
            presentation,
            nonce: &nonce,
            audience: &client_id,
            transaction_data_hashes: &[],
        };
        verify::verify(&input, policy, &*trust, &status, chains, now_s)?
    };
    let types =
        std::iter::once(verified.vct.as_str()).chain(verified.aka_vcts.iter().map(String::as_str)).collect();
    query.check_response(&[Shown { query_id, format, types, claims: &verified.claims }])?;

    let input = written(platform, ask, exchange, &key)?;
    let request_hash = keys::encoding::b64url_encode(&keys::sha256(input.as_bytes()));
    Ok(Answer::Presented(Box::new(Presented { verified, request_hash })))
}

fn same_state(seed: &Seed, state: Option<&str>) -> Result<(), OAuthError> {
    let expected = seed.text("state");
    if state.is_some_and(|state| keys::mac::eq(state.as_bytes(), expected.as_bytes())) {
        Ok(())
    } else {
        Err(OAuthError::new(openid::Code::InvalidRequest, "state is missing or of another request"))
    }
}

/// The one presentation of an answer; `None` if there are more or none.
fn only(token: &VpToken) -> Option<(&str, &str)> {
    let mut queries = token.iter();
    match (queries.next(), queries.next()) {
        (Some((id, [presentation])), None) => Some((id, presentation)),
        _ => None,
    }
}

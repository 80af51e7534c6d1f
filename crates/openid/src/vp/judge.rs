//! The wallet's judgement of a request: who signed it, for whom, and whether what it asks can be answered
//! (OpenID4VP 1.0 §5, Appendix A.3).

use credential::dcql::Query;
use keys::jws::{Typ, Unverified};
use keys::x509::{self, Certificate, Purpose};
use keys::{PublicKey, jwe};
use serde_json::Value;
use url::Url;

use super::client_id::ClientId;
use super::link::Fetched;
use super::refusal::Refusal;
use super::request::{ClientMetadata, DEFAULT_AUDIENCE, RequestObject, ResponseMode, TYP};
use super::response::DirectPost;
use super::transaction_data::{MAX_ENTRIES, TransactionData};
use super::verified::{Destination, Encryption, VerifiedRequest, Verifier, refusal_post};
use crate::form::Form;
use crate::{json, link};

/// Longest signed request object, in bytes.
const MAX_REQUEST: usize = 128 * 1024;
/// Clock difference tolerated, in seconds.
const SKEW_S: i64 = 30;
/// Most entries of `expected_origins`.
const MAX_ORIGINS: usize = 32;

/// Finds the public key that a DID URL leads to.
pub type DidKeys<'a> = &'a (dyn Fn(&str) -> Option<PublicKey> + Sync);

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

/// A request whose signer is known; what it asks is not judged yet.
pub(super) struct Authenticated {
    pub(super) request: RequestObject,
    pub(super) client_id: ClientId,
    pub(super) verifier: Verifier,
    pub(super) signed: Option<String>,
}

impl VerifiedRequest {
    /// Judges a signed request object that came by a link.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn verify(request_object: &str, expected: &Expected<'_>) -> Result<VerifiedRequest, Refusal> {
        let authenticated = by_link(request_object, expected)?;
        let (response_uri, client_id) =
            (response_uri(&authenticated)?, expected.fetched.client_id.to_owned());
        judge(authenticated, Destination::Post { response_uri, client_id }, expected)
    }

    /// The answer that a refused request gets at its `response_uri` (§8.5): only where its signature, its client and its
    /// address hold, so that nobody else makes a wallet post anywhere. Nothing of the holder is in it.
    #[must_use]
    pub fn refusal(request_object: &str, expected: &Expected<'_>, why: Refusal) -> Option<DirectPost> {
        let authenticated = by_link(request_object, expected).ok()?;
        let address = response_uri(&authenticated).ok()?;
        let state = authenticated.request.state.filter(|state| is_state(state));
        Some(refusal_post(&address, state.as_deref(), why.code()))
    }

    /// Judges an unsigned request from a link (`redirect_uri:` clients only, where allowed).
    ///
    /// # Errors
    /// The first rule that does not hold; `Unsigned` wherever the policy or the client identifier demands a signature.
    pub fn from_unsigned(form: &Form, expected: &Expected<'_>) -> Result<VerifiedRequest, Refusal> {
        let text = form.get("client_id").unwrap_or_default();
        let client_id = ClientId::parse(text).ok_or(Refusal::ClientId)?;
        let ClientId::RedirectUri(address) = &client_id else { return Err(Refusal::Unsigned) };
        if !expected.allow_unsigned {
            return Err(Refusal::Unsigned);
        }
        let mut members = serde_json::Map::new();
        for (name, value) in form.iter() {
            let structured =
                matches!(name, "dcql_query" | "client_metadata" | "transaction_data" | "verifier_info");
            let value = if structured {
                keys::strict_json::parse(value.as_bytes()).map_err(|_| Refusal::Malformed)?
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
        let destination = Destination::Post { response_uri: address.clone(), client_id: text.to_owned() };
        let verifier = Verifier::Unproven;
        judge(Authenticated { request, client_id, verifier, signed: None }, destination, expected)
    }
}

fn by_link(request_object: &str, expected: &Expected<'_>) -> Result<Authenticated, Refusal> {
    let text = request_object.trim();
    let unverified = parse(text)?;
    let client_id = expected.fetched.client_id;
    let (client_id, verifier, request) = authenticate(unverified, client_id, expected)?;
    if request.client_id.as_deref() != Some(expected.fetched.client_id) {
        return Err(Refusal::ForeignClient);
    }
    if !request.aud.as_deref().is_some_and(|aud| for_us(aud, expected)) {
        return Err(Refusal::Audience);
    }
    Ok(Authenticated { request, client_id, verifier, signed: Some(text.to_owned()) })
}

/// Reads a request object and pins type and algorithm.
pub(super) fn parse(text: &str) -> Result<Unverified, Refusal> {
    let unverified = Unverified::parse(text, MAX_REQUEST).map_err(|_| Refusal::Malformed)?;
    let header = unverified.header();
    if header.typ.as_deref() != Some(TYP) {
        return Err(Refusal::Type);
    }
    if header.alg != "ES256" {
        return Err(Refusal::Algorithm);
    }
    Ok(unverified)
}

pub(super) fn for_us(aud: &str, expected: &Expected<'_>) -> bool {
    aud == DEFAULT_AUDIENCE || Some(aud) == expected.audience
}

/// Checks that the client of that name signed, by the rules of its prefix (§5.9.3).
pub(super) fn authenticate(
    unverified: Unverified,
    client_id: &str,
    expected: &Expected<'_>,
) -> Result<(ClientId, Verifier, RequestObject), Refusal> {
    let client_id = ClientId::parse(client_id).ok_or(Refusal::ClientId)?;
    let header = unverified.header();
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
        ClientId::PreRegistered(_) | ClientId::Origin(_) => return Err(Refusal::ClientId),
    };
    let verified = unverified.verify(&key, Typ::Is(TYP)).map_err(|_| Refusal::Signature)?;
    if !json::is_object(verified.payload()) {
        return Err(Refusal::Malformed);
    }
    let request = verified.claims().map_err(|_| Refusal::Malformed)?;
    Ok((client_id, verifier, request))
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

/// Where a request by link wants its answer.
fn response_uri(authenticated: &Authenticated) -> Result<String, Refusal> {
    let request = &authenticated.request;
    if request.redirect_uri.is_some() {
        return Err(Refusal::ResponseUri);
    }
    let response_uri = request.response_uri.clone().ok_or(Refusal::ResponseUri)?;
    let address = link::endpoint(&response_uri).map_err(|_| Refusal::ResponseUri)?;
    if may_receive(&authenticated.client_id, &address) { Ok(response_uri) } else { Err(Refusal::ResponseUri) }
}

/// A verifier named by DNS may only receive at that host (§5.9.3).
fn may_receive(client_id: &ClientId, address: &Url) -> bool {
    match client_id {
        ClientId::X509SanDns(name) => address.host_str().is_some_and(|host| host.eq_ignore_ascii_case(name)),
        _ => true,
    }
}

/// Judges what is asked, once it is known by whom.
pub(super) fn judge(
    authenticated: Authenticated,
    destination: Destination,
    expected: &Expected<'_>,
) -> Result<VerifiedRequest, Refusal> {
    let Authenticated { request, client_id, verifier, signed } = authenticated;
    let ahead = expected.now.saturating_add(SKEW_S);
    let starts = request.iat.into_iter().chain(request.nbf).max();
    if request.exp.is_some_and(|exp| exp <= expected.now) || starts.is_some_and(|at| at > ahead) {
        return Err(Refusal::Time);
    }
    let by_page = matches!(destination, Destination::Page { .. });
    if !by_page
        && expected.fetched.wallet_nonce.is_some()
        && request.wallet_nonce.as_deref() != expected.fetched.wallet_nonce
    {
        return Err(Refusal::WalletNonce);
    }
    if !(8..=512).contains(&request.nonce.len()) || !request.nonce.bytes().all(url_safe) {
        return Err(Refusal::Nonce);
    }
    if !by_page && request.state.as_ref().is_some_and(|state| !is_state(state)) {
        return Err(Refusal::State);
    }
    if request.response_type != "vp_token" {
        return Err(Refusal::ResponseType);
    }
    if request.response_mode.is_dc_api() != by_page {
        return Err(Refusal::ResponseMode);
    }
    let query = match (&request.dcql_query, &request.scope) {
        (Some(query), None) => Query::from_value(query).map_err(|_| Refusal::Query)?,
        _ => return Err(Refusal::Query),
    };
    let metadata = request.client_metadata.as_ref();
    let spoken = metadata.and_then(|metadata| metadata.vp_formats_supported.as_ref());
    let known = |format: &str| matches!(format, "dc+sd-jwt" | "mso_mdoc");
    let both = |format: &str| known(format) && spoken.is_none_or(|spoken| spoken.takes(format));
    if !query.credentials.iter().any(|credential| both(&credential.format)) {
        return Err(Refusal::Formats);
    }
    let encryption = match request.response_mode {
        ResponseMode::DirectPost | ResponseMode::DcApi => None,
        ResponseMode::DirectPostJwt | ResponseMode::DcApiJwt => {
            Some(encryption(metadata).ok_or(Refusal::EncryptionKey)?)
        }
    };
    let transaction_data = transaction_data(&request, &query, expected)?;
    Ok(VerifiedRequest {
        request,
        client_id,
        verifier,
        destination,
        query,
        encryption,
        transaction_data,
        signed,
    })
}

/// The first P-256 key meant for encryption, and the strongest content encryption both sides know (§8.3).
fn encryption(metadata: Option<&ClientMetadata>) -> Option<Encryption> {
    let metadata = metadata?;
    let enc = if metadata.encrypted_response_enc_values_supported.is_empty() {
        jwe::Enc::A128Gcm
    } else {
        let offers =
            |enc: &jwe::Enc| metadata.encrypted_response_enc_values_supported.iter().any(|n| n == enc.name());
        [jwe::Enc::A256Gcm, jwe::Enc::A128Gcm].into_iter().find(offers)?
    };
    let keys = &metadata.jwks.as_ref()?.keys;
    let usable = |jwk: &&keys::Jwk| jwk.alg.is_some() && jwk.may_agree();
    keys.iter()
        .filter(usable)
        .find_map(|jwk| Some(Encryption { key: PublicKey::from_jwk(jwk).ok()?, kid: jwk.kid.clone(), enc }))
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
    // Our mobile documents authorize no element for it (Appendix B.2.1), and without holder binding nobody signs.
    let can_sign = |id: &String| {
        query
            .credential(id)
            .is_some_and(|query| query.format == "dc+sd-jwt" && query.require_cryptographic_holder_binding)
    };
    let read = |entry: &String| {
        TransactionData::parse(entry)
            .filter(|data| expected.transaction_types.contains(&data.kind.as_str()))
            .filter(|data| data.is_well_formed() && data.credential_ids.iter().all(can_sign))
            .ok_or(Refusal::TransactionData)
    };
    entries.iter().map(read).collect()
}

/// Whether a page may send a signed request: its origin stands among those expected, compared as texts (Appendix A.2).
pub(super) fn expects(expected_origins: Option<&[String]>, origin: &str) -> bool {
    let sound = |origin: &String| {
        Url::parse(origin)
            .is_ok_and(|url| url.scheme() == "https" || link::is_loopback(&url) && url.scheme() == "http")
    };
    expected_origins.is_some_and(|origins| {
        (1..=MAX_ORIGINS).contains(&origins.len())
            && origins.iter().all(sound)
            && origins.iter().any(|expected| expected == origin)
    })
}

fn is_state(state: &str) -> bool {
    state.len() <= 4096 && state.bytes().all(url_safe)
}

fn url_safe(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~".contains(&b)
}

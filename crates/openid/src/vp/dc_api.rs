//! Requests that a page hands to the wallet through the Digital Credentials API (OpenID4VP 1.0 Appendix A).
//!
//! The browser says which page asks; presentations are bound to that origin, whoever signed the request.

use serde::Deserialize;
use serde_json::Value;

use super::client_id::ClientId;
use super::judge::{Authenticated, Expected, authenticate, expects, for_us, judge, parse};
use super::refusal::Refusal;
use super::request::RequestObject;
use super::verified::{Destination, VerifiedRequest, Verifier, refusal_data};
use crate::error::Code;
use crate::link;

/// Most signatures of one request that are looked at.
const MAX_SIGNATURES: usize = 8;

/// How a request comes over the Digital Credentials API (Appendix A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DcProtocol {
    /// `openid4vp-v1-unsigned`: the parameters as they are.
    Unsigned,
    /// `openid4vp-v1-signed`: a request object.
    Signed,
    /// `openid4vp-v1-multisigned`: a request object under several client identifiers.
    MultiSigned,
}

impl DcProtocol {
    /// The name that page, browser and wallet use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            DcProtocol::Unsigned => "openid4vp-v1-unsigned",
            DcProtocol::Signed => "openid4vp-v1-signed",
            DcProtocol::MultiSigned => "openid4vp-v1-multisigned",
        }
    }

    /// The protocol of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<DcProtocol> {
        [DcProtocol::Unsigned, DcProtocol::Signed, DcProtocol::MultiSigned]
            .into_iter()
            .find(|protocol| protocol.as_str() == name)
    }
}

/// A signed request object as `data` carries it.
#[derive(Deserialize)]
struct Compact {
    request: String,
}

/// RFC 7515 §7.2.1, as far as it is used here.
#[derive(Deserialize)]
struct General {
    payload: String,
    signatures: Vec<OneSignature>,
}

#[derive(Deserialize)]
struct OneSignature {
    protected: String,
    signature: String,
}

/// The origin of a page: https, or http on this machine; exactly as browsers write it.
fn is_origin(origin: &str) -> bool {
    link::endpoint(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin)
}

impl VerifiedRequest {
    /// Judges the `data` of a request that the page at `origin` sent; `expected.fetched` says nothing here.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn from_page(
        protocol: DcProtocol,
        data: &Value,
        origin: &str,
        expected: &Expected<'_>,
    ) -> Result<VerifiedRequest, Refusal> {
        if !is_origin(origin) {
            return Err(Refusal::Origin);
        }
        let authenticated = match protocol {
            DcProtocol::Unsigned => unsigned(data, origin)?,
            DcProtocol::Signed => {
                let Compact { request } = Compact::deserialize(data).map_err(|_| Refusal::Malformed)?;
                signed(&request, None, origin, expected)?
            }
            DcProtocol::MultiSigned => multi_signed(data, origin, expected)?,
        };
        let audience = ClientId::Origin(origin.to_owned()).to_string();
        judge(authenticated, Destination::Page { origin: origin.to_owned(), audience }, expected)
    }

    /// The `data` that a page gets whose request was refused (Appendix A.4).
    #[must_use]
    pub fn refusal_for_page(why: Refusal) -> Value {
        // Which of the request's faults it was is the wallet's own: the page is told what the standard has words for.
        refusal_data(match why.code() {
            code @ (Code::VpFormatsNotSupported | Code::InvalidTransactionData) => code,
            _ => Code::InvalidRequest,
        })
    }
}

fn unsigned(data: &Value, origin: &str) -> Result<Authenticated, Refusal> {
    let mut request = RequestObject::deserialize(data).map_err(|_| Refusal::Malformed)?;
    // Both are to be ignored here (Appendix A.2).
    request.client_id = None;
    request.expected_origins = None;
    let client_id = ClientId::Origin(origin.to_owned());
    Ok(Authenticated { request, client_id, verifier: Verifier::Page(origin.to_owned()), signed: None })
}

/// A request object; the client stands in it, or in the header of one of several signatures.
fn signed(
    text: &str,
    by: Option<&str>,
    origin: &str,
    expected: &Expected<'_>,
) -> Result<Authenticated, Refusal> {
    #[derive(Deserialize)]
    struct Named {
        client_id: Option<String>,
    }
    let unverified = parse(text)?;
    let inside: Option<String> =
        unverified.dangerous_claims::<Named>().map_err(|_| Refusal::Malformed)?.client_id;
    let name = match (by, inside) {
        (None, Some(inside)) => inside,
        (Some(by), None) => by.to_owned(),
        // With several signatures each header names its own client, and nothing else does.
        _ => return Err(Refusal::ForeignClient),
    };
    let (client_id, verifier, request) = authenticate(unverified, &name, expected)?;
    if !expects(request.expected_origins.as_deref(), origin) {
        return Err(Refusal::Origin);
    }
    if request.aud.as_deref().is_some_and(|aud| !for_us(aud, expected)) {
        return Err(Refusal::Audience);
    }
    let request = RequestObject { client_id: Some(name), ..request };
    Ok(Authenticated { request, client_id, verifier, signed: Some(text.to_owned()) })
}

/// The first signature by a client that this wallet can be sure of; else why the first of them does not count.
fn multi_signed(data: &Value, origin: &str, expected: &Expected<'_>) -> Result<Authenticated, Refusal> {
    let general = match data.get("request") {
        Some(request) => General::deserialize(request),
        None => General::deserialize(data),
    };
    let General { payload, signatures } = general.map_err(|_| Refusal::Malformed)?;
    if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
        return Err(Refusal::Malformed);
    }
    let mut first = None;
    for OneSignature { protected, signature } in signatures {
        let text = format!("{protected}.{payload}.{signature}");
        let outcome = parse(&text).and_then(|unverified| {
            let named = unverified.header().extra.get("client_id").and_then(Value::as_str);
            signed(&text, Some(named.ok_or(Refusal::ClientId)?), origin, expected)
        });
        match outcome {
            Ok(authenticated) => return Ok(authenticated),
            Err(why) => first = first.or(Some(why)),
        }
    }
    Err(first.unwrap_or(Refusal::Malformed))
}

//! The QR code that begins a meeting (§8.2.1.1, §8.2.2.3).

use keys::PublicKey;
use keys::encoding::{b64url_decode, b64url_encode};

use super::{InPersonError, MAX_ENGAGEMENT, WEBSOCKET};
use crate::mdoc::cbor::{Members, Writer, encoded, parse, unsigned};
use crate::mdoc::mso::{cose_key, write_cose_key};

const SCHEME: &str = "mdoc:";
const VERSION: &str = "1.0";
/// The cipher suite: P-256, HKDF-SHA-256, AES-256-GCM (§9.1.5.2).
const SUITE: u64 = 1;
/// Version of our retrieval method.
const WEBSOCKET_VERSION: u64 = 1;
/// Its option: the address.
const ADDRESS: i64 = 0;

/// What the phone shows: the key for this meeting, and where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engagement {
    key: PublicKey,
    websocket: Option<String>,
    bytes: Vec<u8>,
}

impl Engagement {
    /// A meeting under this key, answered at this address (`wss://`, or `ws://` on the same machine).
    pub fn new(key: &PublicKey, websocket: &str) -> Self {
        let mut cose_key = Writer::with_capacity(80);
        write_cose_key(&mut cose_key, key);
        let mut out = Writer::with_capacity(160 + websocket.len());
        out.map(3).unsigned(0).text(VERSION).unsigned(1).array(2).unsigned(SUITE);
        out.embedded(cose_key.as_bytes()).unsigned(2).array(1).array(3).unsigned(WEBSOCKET);
        out.unsigned(WEBSOCKET_VERSION).map(1).integer(ADDRESS).text(websocket);
        Self { key: key.clone(), websocket: Some(websocket.to_owned()), bytes: out.into_bytes() }
    }

    /// Reads the text of a QR code.
    pub fn from_qr(text: &str) -> Result<Self, InPersonError> {
        let encoded = text.strip_prefix(SCHEME).filter(|rest| rest.len() <= MAX_ENGAGEMENT * 2);
        let bytes = encoded.and_then(|rest| b64url_decode(rest).ok()).ok_or(InPersonError::Engagement)?;
        Self::parse(bytes)
    }

    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, InPersonError> {
        let broken = InPersonError::Engagement;
        if bytes.len() > MAX_ENGAGEMENT {
            return Err(broken);
        }
        let mut members = parse(&bytes).and_then(Members::of).map_err(|_| broken)?;
        let version = members.numbered(0).map_err(|_| broken)?;
        // A later version of the same major number adds members and changes none (§8.2.1.1).
        if !version.as_text().is_some_and(|version| version.starts_with("1.")) {
            return Err(broken);
        }
        let security = members.numbered(1).ok().and_then(|value| value.into_array().ok()).ok_or(broken)?;
        let mut security = security.into_iter();
        if security.next().as_ref().and_then(unsigned) != Some(SUITE) {
            return Err(broken);
        }
        let key = security.next().ok_or(broken)?;
        let key = encoded(key).and_then(|key| parse(&key)).and_then(cose_key).map_err(|_| broken)?;
        let methods = members.numbered(2).ok().and_then(|value| value.into_array().ok()).unwrap_or_default();
        let websocket = methods.into_iter().find_map(|method| {
            let [kind, version, options] = <[_; 3]>::try_from(method.into_array().ok()?).ok()?;
            let ours = unsigned(&kind) == Some(WEBSOCKET) && unsigned(&version) == Some(WEBSOCKET_VERSION);
            let address = ours.then(|| Members::of(options).ok()?.numbered(ADDRESS).ok()).flatten()?;
            address.into_text().ok().filter(|address| may_be_called(address))
        });
        Ok(Self { key, websocket, bytes })
    }

    /// The text of the QR code.
    pub fn qr(&self) -> String {
        format!("{SCHEME}{}", b64url_encode(&self.bytes))
    }

    /// Where the phone listens, if over a WebSocket.
    pub fn websocket(&self) -> Result<&str, InPersonError> {
        self.websocket.as_deref().ok_or(InPersonError::NoWebSocket)
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// TLS, or this very machine.
fn may_be_called(address: &str) -> bool {
    let host = |rest: &str| rest.split(['/', ':', '?']).next().is_some_and(|host| !host.is_empty());
    address.is_ascii()
        && match (address.strip_prefix("wss://"), address.strip_prefix("ws://")) {
            (Some(rest), _) => host(rest),
            (None, Some(rest)) => ["localhost", "127.0.0.1"]
                .iter()
                .any(|local| rest.split(['/', ':', '?']).next() == Some(local)),
            (None, None) => false,
        }
}

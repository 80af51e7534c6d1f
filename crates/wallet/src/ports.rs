//! What a shell (terminal, browser, native app) lends to the wallet.
//!
//! The futures are not required to be `Send`: a browser's never are. With a shell whose futures are `Send` the
//! wallet's are `Send` as well, because every port is a concrete type parameter.

use core::fmt;
use core::future::Future;

use keys::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What a key is made for; a shell may keep each kind in another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// The one key that is this phone to the wallet provider.
    Device,
    /// The holder key of one copy of one credential.
    Credential,
    /// The one key that taps at gates: usable without the person while the screen is unlocked, and for nothing else.
    Gate,
    /// A key for one signature on one document, deleted right after it.
    Signature,
}

/// The shell's own name for a key, opaque to the wallet and kept in the vault.
///
/// A browser stores the name of a non-extractable key here, a software store the key itself: it rests only
/// inside the encrypted vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHandle(pub Secret);

/// A key and the name by which the shell finds it again.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Name for later use.
    pub handle: KeyHandle,
    /// The public half.
    pub public_key: PublicKey,
}

/// A key could not be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key was removed from the device, or never was there.
    #[error("the key is no longer on this device")]
    Missing,
    /// The user declined the fingerprint, face or lock code.
    #[error("the use of the key was declined")]
    Declined,
    /// Anything else the platform says; holds no personal data.
    #[error("the key store failed: {0}")]
    Failed(String),
}

/// Keys that may sign elsewhere: WebCrypto, a secure element, or memory.
pub trait KeyStore {
    /// Makes a P-256 key.
    fn generate(&self, purpose: KeyUse) -> impl Future<Output = Result<NewKey, KeyError>>;
    /// Signs `message` by ECDSA with SHA-256; the signature is `r ‖ s`.
    fn sign(&self, key: &KeyHandle, message: &[u8]) -> impl Future<Output = Result<Signature, KeyError>>;
    /// Forgets a key; one that is not there is no error.
    fn delete(&self, key: &KeyHandle) -> impl Future<Output = Result<(), KeyError>>;
}

/// The one key that is this phone to the wallet provider.
pub trait DeviceKey {
    /// The public half, registered at the wallet provider.
    fn public_key(&self) -> &PublicKey;
    /// Signs `message` by ECDSA with SHA-256.
    fn sign(&self, message: &[u8]) -> impl Future<Output = Result<Signature, KeyError>>;
}

/// The vault could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// No room left.
    #[error("the storage is full")]
    Full,
    /// Anything else the platform says; holds no personal data.
    #[error("the storage failed: {0}")]
    Failed(String),
}

/// One place for one encrypted blob.
pub trait Storage {
    /// The blob last saved, or `None` if there never was one.
    fn load(&self) -> impl Future<Output = Result<Option<Vec<u8>>, StorageError>>;
    /// Replaces the blob. When this returns `Ok` the new one survives a loss of power; after an error or a crash
    /// `load` gives the old or the new one, whole.
    fn save(&self, blob: &[u8]) -> impl Future<Output = Result<(), StorageError>>;
}

/// The time.
pub trait Clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// GET or POST; nothing else is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

impl Method {
    /// As in a request line and in a DPoP proof's `htm`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// One HTTP request.
#[derive(Clone)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for GET.
    pub body: Vec<u8>,
    /// A longer response is refused as [`HttpError::TooLarge`].
    pub max_response: usize,
}

/// Largest response body accepted unless a caller says otherwise.
pub const MAX_RESPONSE: usize = 1 << 20;

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.method.as_str(), self.body.len())
    }
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Request {
        Request {
            method: Method::Get,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            max_response: MAX_RESPONSE,
        }
    }

    /// A POST of `application/x-www-form-urlencoded`.
    pub fn form(url: impl Into<String>, body: impl Into<String>) -> Request {
        let body: String = body.into();
        Request { method: Method::Post, body: body.into_bytes(), ..Request::get(url) }
            .header("content-type", "application/x-www-form-urlencoded")
    }

    /// A POST of JSON bytes.
    pub fn json_bytes(url: impl Into<String>, body: Vec<u8>) -> Request {
        Request { method: Method::Post, body, ..Request::get(url) }.header("content-type", "application/json")
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }
}

/// One HTTP response; redirects are not followed.
#[derive(Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most the request's `max_response`.
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

impl Response {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// No response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The request certainly did not arrive: no connection was made.
    #[error("the server can't be reached")]
    Unreachable,
    /// The connection broke or timed out: the server may have done what was asked.
    #[error("the answer was lost on the way")]
    AnswerLost,
    /// The response was longer than the caller allows.
    #[error("the answer is too large")]
    TooLarge,
    /// Not an http(s) URL, or plain http to a host that is not this machine.
    #[error("the address is not allowed")]
    Address,
}

/// HTTP without redirects, cookies or a cache.
pub trait Http {
    /// Sends one request and reads the whole response.
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, HttpError>>;
}

/// One shell: its four ports in one type parameter.
pub trait Shell {
    /// Where keys live.
    type Keys: KeyStore;
    /// Where the vault lies.
    type Storage: Storage;
    /// How servers are reached.
    type Http: Http;
    /// What time it is.
    type Clock: Clock;
    /// Where keys live.
    fn keys(&self) -> &Self::Keys;
    /// Where the vault lies.
    fn storage(&self) -> &Self::Storage;
    /// How servers are reached.
    fn http(&self) -> &Self::Http;
    /// What time it is.
    fn clock(&self) -> &Self::Clock;
}

/// A key store in memory whose handles are the keys themselves; for the terminal phone, the load tool and tests.
///
/// The handle lies in the vault, so the key is at rest only under the vault's encryption.
#[derive(Debug, Clone, Copy, Default)]
pub struct SoftwareKeys;

impl SoftwareKeys {
    fn open(handle: &KeyHandle) -> Result<keys::SecretKey, KeyError> {
        let bytes = Zeroizing::new(keys::encoding::b64url_decode(&handle.0).map_err(|_| KeyError::Missing)?);
        let bytes: Zeroizing<[u8; 32]> =
            Zeroizing::new(bytes.as_slice().try_into().map_err(|_| KeyError::Missing)?);
        keys::SecretKey::from_bytes(&bytes).map_err(|_| KeyError::Missing)
    }
}

impl KeyStore for SoftwareKeys {
    async fn generate(&self, _purpose: KeyUse) -> Result<NewKey, KeyError> {
        let key = keys::SecretKey::generate();
        let handle = KeyHandle(Secret::new(keys::encoding::b64url_encode(key.to_bytes().as_slice())));
        Ok(NewKey { handle, public_key: key.public_key().clone() })
    }

    async fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<Signature, KeyError> {
        use keys::Signer as _;
        SoftwareKeys::open(key)?.sign(message).map_err(|error| KeyError::Failed(error.to_string()))
    }

    async fn delete(&self, _key: &KeyHandle) -> Result<(), KeyError> {
        Ok(())
    }
}

//! What a shell implements: keys, the vault's place, HTTP and the time.
//!
//! Byte forms are those that Android and Apple platforms give: a public key is an uncompressed point (65 bytes, SEC 1
//! §2.3.3), a signature is ECDSA with SHA-256 over P-256 in ASN.1 DER (RFC 3279 §2.2.3).

use uniffi::UnexpectedUniFFICallbackError;

/// Where a key lives, by the platform's word. Nothing here proves it; only a verified attestation chain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SecurityLevel {
    /// In the app's own memory and files.
    Software,
    /// In a trusted execution environment of the main processor (Android Keystore).
    TrustedEnvironment,
    /// In a processor of its own (Android StrongBox, Apple Secure Enclave).
    SecureElement,
    /// The platform does not say.
    Unknown,
}

/// A key could not be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SignerError {
    /// The key was removed from the device, or never was there.
    #[error("the key is no longer on this device")]
    Missing,
    /// The person declined the fingerprint, face or lock code.
    #[error("the use of the key was declined")]
    Declined,
    /// Anything else the platform says; must hold no personal data.
    #[error("the key store failed: {reason}")]
    Failed {
        /// For developers.
        reason: String,
    },
}

impl From<UnexpectedUniFFICallbackError> for SignerError {
    fn from(error: UnexpectedUniFFICallbackError) -> SignerError {
        SignerError::Failed { reason: error.reason }
    }
}

/// The one key that is this phone to the wallet provider.
#[uniffi::export(foreign)]
pub trait DeviceSigner: Send + Sync {
    /// Makes a new P-256 key in place of any that is there, and gives its public half.
    fn create_key(&self) -> Result<Vec<u8>, SignerError>;
    /// Signs with the key that is there.
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, SignerError>;
    /// Forgets the key; one that is not there is no error.
    fn delete_key(&self) -> Result<(), SignerError>;
    /// Where the key lives.
    fn security_level(&self) -> SecurityLevel;
}

/// A holder key that the shell made.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CreatedKey {
    /// The shell's name for it; kept in the vault.
    pub name: String,
    /// The public half.
    pub public_key: Vec<u8>,
}

/// What a holder key is for: a platform may ask for the person at the one and only for an open screen lock at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum HolderKeyUse {
    /// One copy of a credential.
    Credential,
    /// Gates: it has to sign while the screen is merely unlocked, at once and without a prompt.
    Gate,
}

/// The holder keys, one for each copy of each credential. A shell without them has the keys kept in the vault.
#[uniffi::export(foreign)]
pub trait CredentialKeys: Send + Sync {
    /// Makes a P-256 key.
    fn create_key(&self, purpose: HolderKeyUse) -> Result<CreatedKey, SignerError>;
    /// Signs with a key.
    fn sign(&self, name: String, message: Vec<u8>) -> Result<Vec<u8>, SignerError>;
    /// Forgets a key; one that is not there is no error.
    fn delete_key(&self, name: String) -> Result<(), SignerError>;
    /// Where the keys live.
    fn security_level(&self) -> SecurityLevel;
}

/// The vault could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum StorageError {
    /// No room left.
    #[error("the storage is full")]
    Full,
    /// Anything else the platform says; must hold no personal data.
    #[error("the storage failed: {reason}")]
    Failed {
        /// For developers.
        reason: String,
    },
}

impl From<UnexpectedUniFFICallbackError> for StorageError {
    fn from(error: UnexpectedUniFFICallbackError) -> StorageError {
        StorageError::Failed { reason: error.reason }
    }
}

/// One place for one encrypted blob.
#[uniffi::export(foreign)]
pub trait Storage: Send + Sync {
    /// The blob last saved, or nothing if there never was one.
    fn load(&self) -> Result<Option<Vec<u8>>, StorageError>;
    /// Replaces the blob. When this returns, the new one survives a loss of power; after an error or a crash `load`
    /// gives the old or the new one, whole.
    fn save(&self, blob: Vec<u8>) -> Result<(), StorageError>;
}

/// The time.
#[uniffi::export(foreign)]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
}

/// GET or POST; nothing else is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum HttpMethod {
    /// GET
    Get,
    /// POST
    Post,
}

/// One header line.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpHeader {
    /// In lower case.
    pub name: String,
    /// As sent.
    pub value: String,
}

/// One request. Its address is https, or http to this machine; both were checked.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpRequest {
    /// GET or POST.
    pub method: HttpMethod,
    /// Absolute URL.
    pub url: String,
    /// All that the wallet sets; the shell adds `accept-language`.
    pub headers: Vec<HttpHeader>,
    /// Empty for GET.
    pub body: Vec<u8>,
    /// Longest body (bytes) that the shell may return; beyond it, [`HttpError::TooLarge`].
    pub max_response: u64,
}

/// One response.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// All headers.
    pub headers: Vec<HttpHeader>,
    /// The body.
    pub body: Vec<u8>,
}

/// No response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum HttpError {
    /// The request certainly did not arrive: no connection was made.
    #[error("the server can't be reached")]
    Unreachable,
    /// The connection broke or timed out: the server may have done what was asked.
    #[error("the answer was lost on the way")]
    AnswerLost,
    /// The response was longer than allowed.
    #[error("the answer is too large")]
    TooLarge,
}

impl From<UnexpectedUniFFICallbackError> for HttpError {
    /// It is not known what happened, so the careful of the two is taken.
    fn from(_: UnexpectedUniFFICallbackError) -> HttpError {
        HttpError::AnswerLost
    }
}

/// HTTP without cookies or a cache; redirects are not followed.
#[uniffi::export(foreign)]
pub trait Http: Send + Sync {
    /// Sends one request and reads the whole response, also one whose status is an error.
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
}

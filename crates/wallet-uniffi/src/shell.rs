//! The wallet's ports, filled by the shell's.

use std::sync::Arc;

use keys::encoding::{b64url_decode, b64url_encode};
use keys::{PublicKey, Signature};
use wallet::Secret;
use wallet::ports::{
    Clock, Http, HttpError, KeyError, KeyHandle, KeyStore, KeyUse, Method, NewKey, Request, Response, Shell,
    SoftwareKeys, Storage, StorageError,
};

use crate::ports::{self, HolderKeyUse, HttpHeader, HttpMethod, HttpRequest, SecurityLevel, SignerError};

/// Everything that a shell lends to a wallet.
#[derive(Clone, uniffi::Record)]
pub struct Ports {
    /// The key that is this phone.
    pub device: Arc<dyn ports::DeviceSigner>,
    /// The holder keys; none means that they are made in software and rest in the vault.
    pub credential_keys: Option<Arc<dyn ports::CredentialKeys>>,
    /// Where the vault lies.
    pub storage: Arc<dyn ports::Storage>,
    /// How servers are reached.
    pub http: Arc<dyn ports::Http>,
    /// What time it is.
    pub clock: Arc<dyn ports::Clock>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports(…)")
    }
}

impl Ports {
    /// Where the holder keys made from now on live.
    pub(crate) fn credential_level(&self) -> SecurityLevel {
        self.credential_keys.as_ref().map_or(SecurityLevel::Software, |keys| keys.security_level())
    }
}

/// The key stores under one roof. A handle says where its key is, so that a vault goes on when a later version of the
/// shell brings holder keys of its own:
///
/// ```text
/// device:<public key>         the device signer's
/// shell:<public key>:<name>   the shell's holder key of that name
/// anything else               a software key in the vault
/// ```
#[derive(Debug)]
pub(crate) struct NativeKeys(Ports);

const DEVICE: &str = "device";
const OF_SHELL: &str = "shell";

enum Place {
    Device(PublicKey),
    OfShell(PublicKey, String),
    Vault,
}

fn place(handle: &KeyHandle) -> Result<Place, KeyError> {
    let mut parts = handle.0.splitn(3, ':');
    let public = |text: Option<&str>| {
        let bytes = b64url_decode(text.unwrap_or_default()).map_err(|_| KeyError::Missing)?;
        PublicKey::from_sec1(&bytes).map_err(|_| KeyError::Missing)
    };
    match parts.next() {
        Some(DEVICE) => Ok(Place::Device(public(parts.next())?)),
        Some(OF_SHELL) => {
            Ok(Place::OfShell(public(parts.next())?, parts.next().unwrap_or_default().to_owned()))
        }
        _ => Ok(Place::Vault),
    }
}

/// A signature of the platform, checked: a key that was replaced behind our back, or bytes of another form, would
/// otherwise be refused far away with another reason.
fn checked(key: &PublicKey, message: &[u8], der: &[u8]) -> Result<Signature, KeyError> {
    let broken = |what: &str| KeyError::Failed(what.to_owned());
    let signature = Signature::from_der(der).map_err(|_| broken("the signature is not ASN.1 DER"))?;
    key.verify(message, &signature).map_err(|_| broken("the signature is by another key"))?;
    Ok(signature)
}

fn point(bytes: &[u8]) -> Result<PublicKey, KeyError> {
    PublicKey::from_sec1(bytes)
        .map_err(|_| KeyError::Failed("the public key is no uncompressed P-256 point".to_owned()))
}

impl KeyStore for NativeKeys {
    async fn generate(&self, purpose: KeyUse) -> Result<NewKey, KeyError> {
        match (purpose, &self.0.credential_keys) {
            (KeyUse::Device, _) => {
                let public_key = point(&self.0.device.create_key()?)?;
                let handle = format!("{DEVICE}:{}", b64url_encode(public_key.as_sec1()));
                Ok(NewKey { handle: KeyHandle(Secret::new(handle)), public_key })
            }
            (KeyUse::Credential | KeyUse::Gate | KeyUse::Signature, Some(keys)) => {
                let made = keys.create_key(match purpose {
                    KeyUse::Gate => HolderKeyUse::Gate,
                    _ => HolderKeyUse::Credential,
                })?;
                let public_key = point(&made.public_key)?;
                let handle = format!("{OF_SHELL}:{}:{}", b64url_encode(public_key.as_sec1()), made.name);
                Ok(NewKey { handle: KeyHandle(Secret::new(handle)), public_key })
            }
            (KeyUse::Credential | KeyUse::Gate | KeyUse::Signature, None) => {
                SoftwareKeys.generate(purpose).await
            }
        }
    }

    async fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<Signature, KeyError> {
        match place(key)? {
            Place::Device(public) => checked(&public, message, &self.0.device.sign(message.to_vec())?),
            Place::OfShell(public, name) => {
                let keys = self.0.credential_keys.as_ref().ok_or(KeyError::Missing)?;
                checked(&public, message, &keys.sign(name, message.to_vec())?)
            }
            Place::Vault => SoftwareKeys.sign(key, message).await,
        }
    }

    async fn delete(&self, key: &KeyHandle) -> Result<(), KeyError> {
        match place(key)? {
            Place::Device(_) => Ok(self.0.device.delete_key()?),
            Place::OfShell(_, name) => match &self.0.credential_keys {
                Some(keys) => Ok(keys.delete_key(name)?),
                None => Ok(()),
            },
            Place::Vault => SoftwareKeys.delete(key).await,
        }
    }
}

impl From<SignerError> for KeyError {
    fn from(error: SignerError) -> KeyError {
        match error {
            SignerError::Missing => KeyError::Missing,
            SignerError::Declined => KeyError::Declined,
            SignerError::Failed { reason } => KeyError::Failed(reason),
        }
    }
}

/// The shell's storage.
#[derive(Debug)]
pub(crate) struct NativeStorage(Ports);

impl Storage for NativeStorage {
    async fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.0.storage.load().map_err(storage_error)
    }

    async fn save(&self, blob: &[u8]) -> Result<(), StorageError> {
        self.0.storage.save(blob.to_vec()).map_err(storage_error)
    }
}

fn storage_error(error: ports::StorageError) -> StorageError {
    match error {
        ports::StorageError::Full => StorageError::Full,
        ports::StorageError::Failed { reason } => StorageError::Failed(reason),
    }
}

/// The shell's HTTP, its addresses checked before and its lengths after.
#[derive(Debug)]
pub(crate) struct NativeHttp(Ports);

impl Http for NativeHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        openid::link::endpoint(&request.url).map_err(|_| HttpError::Address)?;
        let max_response = request.max_response;
        let header = |(name, value): (&'static str, String)| HttpHeader { name: name.to_owned(), value };
        let answer = self.0.http.send(HttpRequest {
            method: match request.method {
                Method::Get => HttpMethod::Get,
                Method::Post => HttpMethod::Post,
            },
            url: request.url,
            headers: request.headers.into_iter().map(header).collect(),
            body: request.body,
            max_response: u64::try_from(max_response).unwrap_or(u64::MAX),
        });
        match answer {
            Ok(response) if response.body.len() > max_response => Err(HttpError::TooLarge),
            Ok(response) => Ok(Response {
                status: response.status,
                headers: response
                    .headers
                    .into_iter()
                    .map(|h| (h.name.to_ascii_lowercase(), h.value))
                    .collect(),
                body: response.body,
            }),
            Err(ports::HttpError::Unreachable) => Err(HttpError::Unreachable),
            Err(ports::HttpError::AnswerLost) => Err(HttpError::AnswerLost),
            Err(ports::HttpError::TooLarge) => Err(HttpError::TooLarge),
        }
    }
}

/// The shell's clock.
#[derive(Debug)]
pub(crate) struct NativeClock(Ports);

impl Clock for NativeClock {
    fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

/// The ports as the wallet wants them.
#[derive(Debug)]
pub(crate) struct NativeShell {
    keys: NativeKeys,
    storage: NativeStorage,
    http: NativeHttp,
    clock: NativeClock,
}

impl NativeShell {
    pub(crate) fn new(ports: Ports) -> NativeShell {
        NativeShell {
            keys: NativeKeys(ports.clone()),
            storage: NativeStorage(ports.clone()),
            http: NativeHttp(ports.clone()),
            clock: NativeClock(ports),
        }
    }
}

impl Shell for NativeShell {
    type Keys = NativeKeys;
    type Storage = NativeStorage;
    type Http = NativeHttp;
    type Clock = NativeClock;

    fn keys(&self) -> &NativeKeys {
        &self.keys
    }

    fn storage(&self) -> &NativeStorage {
        &self.storage
    }

    fn http(&self) -> &NativeHttp {
        &self.http
    }

    fn clock(&self) -> &NativeClock {
        &self.clock
    }
}

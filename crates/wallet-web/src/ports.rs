//! The wallet's ports in a browser: WebCrypto keys, one IndexedDB record, fetch, `Date.now`.

use std::cell::Cell;
use std::rc::Rc;

use keys::{PublicKey, Signature};
use wallet::Secret;
use wallet::ports::{
    Clock, Http, HttpError, KeyError, KeyHandle, KeyStore, KeyUse, Method, NewKey, Request, Response, Shell,
    Storage, StorageError,
};

use crate::browser::{self, Failure};
use crate::texts::Language;

/// Name of the record that holds the vault.
pub const VAULT: &str = "vault";

/// How long a request may take, in milliseconds.
const PATIENCE_MS: u32 = 15_000;

/// Non-extractable P-256 keys of WebCrypto; the handle is a random name.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebKeys;

fn key_error(failure: &Failure) -> KeyError {
    match failure.name.as_str() {
        "NotFoundError" => KeyError::Missing,
        "NotAllowedError" => KeyError::Declined,
        name => KeyError::Failed(name.to_owned()),
    }
}

impl KeyStore for WebKeys {
    async fn generate(&self, _purpose: KeyUse) -> Result<NewKey, KeyError> {
        let name = keys::random::token();
        let point = browser::generate_key(&name).await.map_err(|failure| key_error(&failure))?;
        let public_key =
            PublicKey::from_sec1(&point).map_err(|_| KeyError::Failed("not a point of P-256".to_owned()))?;
        Ok(NewKey { handle: KeyHandle(Secret::new(name)), public_key })
    }

    async fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<Signature, KeyError> {
        let bytes = browser::sign(&key.0, message).await.map_err(|failure| key_error(&failure))?;
        Signature::from_bytes(&bytes).map_err(|_| KeyError::Failed("not a signature".to_owned()))
    }

    async fn delete(&self, key: &KeyHandle) -> Result<(), KeyError> {
        browser::delete_key(&key.0).await.map_err(|failure| key_error(&failure))
    }
}

/// One record of the database.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebStorage;

fn storage_error(failure: Failure) -> StorageError {
    match failure.name.as_str() {
        "QuotaExceededError" => StorageError::Full,
        _ => StorageError::Failed(failure.name),
    }
}

impl Storage for WebStorage {
    async fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        browser::record(VAULT).await.map_err(storage_error)
    }

    async fn save(&self, blob: &[u8]) -> Result<(), StorageError> {
        browser::put_record(VAULT, blob).await.map_err(storage_error)
    }
}

/// `fetch` without cookies, cache or redirects.
#[derive(Debug, Clone)]
pub struct WebHttp {
    /// For `Accept-Language`; shared with the settings.
    language: Rc<Cell<Language>>,
}

impl Http for WebHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        openid::link::endpoint(&request.url).map_err(|_| HttpError::Address)?;
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = (request.method == Method::Post).then_some(request.body.as_slice());
        let sent = browser::request(
            request.method.as_str(),
            &request.url,
            &headers,
            body,
            request.max_response,
            self.language.get().tag(),
            PATIENCE_MS,
        );
        match sent.await {
            Ok(answer) => Ok(Response { status: answer.status, headers: answer.headers, body: answer.body }),
            Err(failure) => Err(match failure.name.as_str() {
                "Unreachable" => HttpError::Unreachable,
                "TooLarge" => HttpError::TooLarge,
                _ => HttpError::AnswerLost,
            }),
        }
    }
}

/// `Date.now`.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebClock;

impl Clock for WebClock {
    fn now_ms(&self) -> i64 {
        js_sys::Date::now() as i64
    }
}

/// The browser as a shell.
#[derive(Debug, Clone)]
pub struct BrowserShell {
    keys: WebKeys,
    storage: WebStorage,
    http: WebHttp,
    clock: WebClock,
}

impl BrowserShell {
    /// The shell of this tab; servers are asked for texts in `language`.
    pub fn new(language: Rc<Cell<Language>>) -> BrowserShell {
        BrowserShell { keys: WebKeys, storage: WebStorage, http: WebHttp { language }, clock: WebClock }
    }
}

impl Shell for BrowserShell {
    type Keys = WebKeys;
    type Storage = WebStorage;
    type Http = WebHttp;
    type Clock = WebClock;

    fn keys(&self) -> &WebKeys {
        &self.keys
    }

    fn storage(&self) -> &WebStorage {
        &self.storage
    }

    fn http(&self) -> &WebHttp {
        &self.http
    }

    fn clock(&self) -> &WebClock {
        &self.clock
    }
}

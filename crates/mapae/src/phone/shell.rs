//! What the terminal lends to the wallet: HTTP by reqwest, keys in the vault, the system's time.

use std::sync::Arc;

use wallet::ports::{Clock, Http, HttpError, Method, Request, Response, Shell, SoftwareKeys};

use super::storage::PhoneStorage;
use crate::operations::{Clock as _, Language, SystemClock};

/// The ports of a terminal phone.
#[derive(Debug, Clone)]
pub struct PhoneShell {
    keys: SoftwareKeys,
    storage: PhoneStorage,
    http: Net,
    clock: PhoneClock,
}

impl PhoneShell {
    /// `client` must not follow redirects.
    pub fn new(storage: PhoneStorage, client: reqwest::Client, language: Language) -> PhoneShell {
        PhoneShell { keys: SoftwareKeys, storage, http: Net { client, language }, clock: PhoneClock::default() }
    }
}

impl Shell for PhoneShell {
    type Keys = SoftwareKeys;
    type Storage = PhoneStorage;
    type Http = Net;
    type Clock = PhoneClock;

    fn keys(&self) -> &SoftwareKeys {
        &self.keys
    }

    fn storage(&self) -> &PhoneStorage {
        &self.storage
    }

    fn http(&self) -> &Net {
        &self.http
    }

    fn clock(&self) -> &PhoneClock {
        &self.clock
    }
}

/// The system's time.
#[derive(Debug, Clone)]
pub struct PhoneClock(Arc<SystemClock>);

impl Default for PhoneClock {
    fn default() -> PhoneClock {
        PhoneClock(Arc::new(SystemClock))
    }
}

impl Clock for PhoneClock {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }
}

/// HTTP: https anywhere, plain http to this machine only.
#[derive(Debug, Clone)]
pub struct Net {
    client: reqwest::Client,
    language: Language,
}

impl Net {
    fn address(text: &str) -> Result<url::Url, HttpError> {
        let url = url::Url::parse(text).map_err(|_| HttpError::Address)?;
        let here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(HttpError::Address),
        };
        match url.scheme() {
            "https" => Ok(url),
            "http" if here => Ok(url),
            _ => Err(HttpError::Address),
        }
    }
}

impl Http for Net {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let url = Net::address(&request.url)?;
        let mut builder = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url).body(request.body),
        };
        builder = builder.header("accept-language", self.language.tag());
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(|error| {
            // Only a connection that was never made is certain to have done nothing.
            if error.is_connect() { HttpError::Unreachable } else { HttpError::AnswerLost }
        })?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| HttpError::AnswerLost)? {
            if body.len() + chunk.len() > request.max_response {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for good in ["https://mapae.example/x", "http://localhost:8600/", "http://127.0.0.1:1/", "http://[::1]/"] {
            assert!(Net::address(good).is_ok(), "{good}");
        }
        for bad in ["http://mapae.example/", "ftp://localhost/", "file:///etc/passwd", "localhost", ""] {
            assert!(Net::address(bad).is_err(), "{bad}");
        }
    }
}

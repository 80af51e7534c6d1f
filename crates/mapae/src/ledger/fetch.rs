//! did:web documents of others: only of hosts that the configuration names, small, and soon.

use registry::did::{Fetched, WebFetch};
use registry::{LedgerError, Pending};

use crate::operations::{Platform, limits, traces};

#[derive(Debug)]
pub(super) struct Web {
    http: reqwest::Client,
    hosts: Vec<String>,
}

impl Web {
    pub(super) fn new(platform: &Platform) -> Self {
        Self { http: platform.http.clone(), hosts: platform.config.ledger.did_web_hosts.clone() }
    }

    async fn get(&self, host: &str, path: &str) -> Result<Fetched, LedgerError> {
        if !self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            return Ok(Fetched::Refused);
        }
        let away = |error: reqwest::Error| LedgerError::Unavailable(error.without_url().to_string());
        let request = self.http.get(format!("https://{host}{path}"));
        let mut reply = traces::send("did", request).await.map_err(away)?;
        if reply.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(Fetched::NotFound);
        }
        if !reply.status().is_success() {
            return Err(LedgerError::Unavailable(format!("the host answers {}", reply.status())));
        }
        let mut body = Vec::new();
        while let Some(piece) = reply.chunk().await.map_err(away)? {
            body.extend_from_slice(&piece);
            if body.len() > limits::LEDGER_DOCUMENT.size() {
                return Err(LedgerError::Unavailable("the document is too large".to_owned()));
            }
        }
        Ok(Fetched::Document(body))
    }
}

impl WebFetch for Web {
    fn fetch<'a>(&'a self, host: &'a str, path: &'a str) -> Pending<'a, Fetched> {
        Box::pin(self.get(host, path))
    }
}

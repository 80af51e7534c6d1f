//! The controller's side of the network: enrolment, the feed, passages. None of it is on the way of a tap.

use std::sync::Arc;
use std::time::Duration;

use keys::{SecretKey, jws};
use openid::dpop;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Controller;
use super::disk::{Folder, Papers};
use crate::gates::enrolment::{BASE, Enrol, Enrolled, KeyProof, PROOF_TYP};
use crate::gates::passages::{Standing, Taken, Upload};
use crate::operations::limits;

/// Why something at the server did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("the server can't be reached: {0}")]
    Network(#[from] reqwest::Error),
    /// It refused.
    #[error("the server refused: {status} {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code.
        code: String,
    },
    /// It answered something else.
    #[error("the server's answer can't be used: {0}")]
    Protocol(&'static str),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
    /// A page.
    #[error(transparent)]
    Page(#[from] super::cache::PageError),
}

/// A client for a controller: no redirects, no time limit on the feed's connection.
///
/// # Errors
/// The TLS roots of the system can't be read.
pub fn http() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(limits::HTTP_CLIENT_CONNECT.duration())
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("mapae-gate/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn read<T: DeserializeOwned>(response: reqwest::Response) -> Result<T, ClientError> {
    let status = response.status();
    let body = response.bytes().await?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| ClientError::Protocol("another shape"));
    }
    let code = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .and_then(|body| Some(body.get("code")?.as_str()?.to_owned()))
        .unwrap_or_default();
    Err(ClientError::Refused { status: status.as_u16(), code })
}

/// Enrols a controller with its one-time code, and writes its papers.
///
/// # Errors
/// The code is over, or the disk fails.
pub async fn enrol(
    http: &reqwest::Client,
    server: &str,
    code: &str,
    folder: &Folder,
) -> Result<Papers, ClientError> {
    let server = server.trim_end_matches('/').to_owned();
    let key = SecretKey::generate();
    let proof = serde_json::to_vec(&KeyProof { aud: server.clone(), code: code.to_owned() })
        .map_err(|_| ClientError::Protocol("the proof"))?;
    let proof = jws::sign(&key, &jws::Header::es256(PROOF_TYP), &proof)
        .map_err(|_| ClientError::Protocol("the proof"))?;
    let asked = Enrol { code: code.to_owned(), key: key.public_key().to_jwk(), proof };
    let response = http
        .post(format!("{server}{BASE}/enrol"))
        .timeout(limits::HTTP_CLIENT_TIME.duration())
        .json(&asked)
        .send()
        .await?;
    let enrolled: Enrolled = read(response).await?;
    let papers = papers(server, enrolled);
    folder.put_papers(&papers, &key)?;
    Ok(papers)
}

fn papers(server: String, enrolled: Enrolled) -> Papers {
    Papers {
        v: 1,
        server,
        controller: enrolled.controller,
        group: enrolled.group,
        token: enrolled.token,
        certificate: enrolled.certificate,
        feed_key: enrolled.feed_key,
    }
}

impl Controller {
    fn request(
        &self,
        http: &reqwest::Client,
        method: &reqwest::Method,
        path: &str,
        query: &str,
    ) -> Result<reqwest::RequestBuilder, ClientError> {
        let papers = self.papers();
        let url = format!("{}{BASE}{path}", papers.server);
        let asked = dpop::Request {
            method: method.as_str(),
            url: &url,
            access_token: Some(&papers.token),
            nonce: None,
        };
        let jti = keys::encoding::b64url_encode(&keys::random::bytes::<16>());
        let now_s = self.system.now_ms().div_euclid(1_000);
        let proof = asked.prove(&*self.key, &jti, now_s).map_err(|_| ClientError::Protocol("the proof"))?;
        let request = http.request(method.clone(), format!("{url}{query}"));
        Ok(request.header("authorization", format!("DPoP {}", papers.token)).header("dpop", proof))
    }

    async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        http: &reqwest::Client,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let request = self.request(http, &reqwest::Method::POST, path, "")?;
        read(request.timeout(limits::HTTP_CLIENT_TIME.duration()).json(body).send().await?).await
    }

    /// New token and certificate, long before the old ones end.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn renew_papers(&self, http: &reqwest::Client) -> Result<(), ClientError> {
        let enrolled: Enrolled = self.post(http, "/papers", &serde_json::json!({})).await?;
        let old = self.papers();
        if enrolled.controller != old.controller || enrolled.group != old.group {
            return Err(ClientError::Protocol("papers of another controller"));
        }
        // The pinned key stays: only a new enrolment changes whom this controller believes.
        let papers = Papers { feed_key: old.feed_key, ..papers(old.server, enrolled) };
        self.folder.put_papers(&papers, &self.key)?;
        *self.papers.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = papers;
        Ok(())
    }

    /// Uploads what waits; gives how many lines are safe at the server.
    ///
    /// # Errors
    /// See [`ClientError`]; the lines wait on.
    pub async fn upload(&self, http: &reqwest::Client) -> Result<u64, ClientError> {
        let mut n = 0;
        loop {
            let lines = self.inner().log.to_upload();
            if lines.is_empty() {
                return Ok(n);
            }
            let taken: Taken = self.post(http, "/passages", &Upload { lines, standing: None }).await?;
            self.inner().log.uploaded(taken.n)?;
            n = taken.n;
        }
    }

    /// Tells how it and its doors stand, where that is another than what was `told`, or that was long ago.
    ///
    /// # Errors
    /// See [`ClientError`]; it is told the next time.
    pub(crate) async fn tell_standing(
        &self,
        http: &reqwest::Client,
        told: &mut Option<(Standing, tokio::time::Instant)>,
    ) -> Result<(), ClientError> {
        let stands = self.stands();
        // The age goes on by itself.
        let same = |old: &Standing| Standing { age_ms: stands.age_ms, ..old.clone() } == stands;
        let lately = |at: &tokio::time::Instant| at.elapsed() < limits::GATE_STANDING.duration();
        if told.as_ref().is_some_and(|(old, at)| same(old) && lately(at)) {
            return Ok(());
        }
        let upload = Upload { lines: Vec::new(), standing: Some(stands.clone()) };
        self.post::<_, Taken>(http, "/passages", &upload).await?;
        *told = Some((stands, tokio::time::Instant::now()));
        Ok(())
    }

    /// Follows the feed until the connection ends. Every page that is taken is told to `seen`.
    ///
    /// # Errors
    /// See [`ClientError`]; what was told stays.
    pub async fn follow(
        &self,
        http: &reqwest::Client,
        mut seen: impl FnMut(&Self) + Send,
    ) -> Result<(), ClientError> {
        let (feed, after) = self.known();
        let query = format!("?feed={feed}&after={after}");
        let request = self.request(http, &reqwest::Method::GET, "/feed", &query)?;
        let mut response = request.send().await?;
        if !response.status().is_success() {
            return read::<serde_json::Value>(response).await.map(drop);
        }
        let mut lines = Lines::default();
        // A connection that says nothing for three beacons is none.
        let silence = limits::GATE_FEED_BEACON.duration() * 3;
        loop {
            let chunk = tokio::time::timeout(silence, response.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| ClientError::Protocol("silence"))?? else { return Ok(()) };
            for page in lines.take(&chunk)? {
                self.take_page(&page)?;
                seen(self);
            }
        }
    }

    /// Everything that goes on over the network, for ever: follow, come again, upload, renew.
    pub async fn keep_in_touch(self: Arc<Self>, http: reqwest::Client) {
        let uploader = async {
            let mut pause = tokio::time::interval(Duration::from_secs(1));
            let mut renewed = tokio::time::Instant::now();
            let mut told = None;
            loop {
                pause.tick().await;
                if let Err(error) = self.tell_standing(&http, &mut told).await {
                    tracing::debug!(%error, "how it stands was not told");
                }
                if let Err(error) = self.upload(&http).await {
                    tracing::debug!(%error, "passages wait");
                    tokio::time::sleep(limits::GATE_RECONNECT.duration()).await;
                }
                if renewed.elapsed() > Duration::from_secs(24 * 3_600) {
                    renewed = tokio::time::Instant::now();
                    if let Err(error) = self.renew_papers(&http).await {
                        tracing::warn!(%error, "the papers were not renewed; tried again tomorrow");
                    }
                }
            }
        };
        let follower = async {
            loop {
                if let Err(error) = self.follow(&http, |_| ()).await {
                    tracing::warn!(%error, "the feed ended; coming again");
                }
                tokio::time::sleep(limits::GATE_RECONNECT.duration()).await;
            }
        };
        tokio::join!(uploader, follower);
    }
}

/// Server-sent events (HTML Living Standard §9.2), as far as pages need them: `data:` lines of events named `page`.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn take(&mut self, chunk: &[u8]) -> Result<Vec<String>, ClientError> {
        self.0.extend_from_slice(chunk);
        let mut pages = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            let text = std::str::from_utf8(&line).map_err(|_| ClientError::Protocol("no text"))?;
            if let Some(page) = text.trim_end().strip_prefix("data:") {
                pages.push(page.trim_start().to_owned());
            }
        }
        if self.0.len() > limits::GATE_PAGE.size() + 16 {
            return Err(ClientError::Protocol("a line without an end"));
        }
        Ok(pages)
    }
}

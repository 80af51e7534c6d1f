//! The way out to phones: a trait, an adapter for any HTTP gateway, and the demo's message box.

use std::fmt::Debug;
use std::sync::Arc;

use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method};
use url::Url;

use super::outbox::Payload;
use super::provider::Provider;
use super::smpp::{self, Length, MessageState, Receipt};
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits, traces};

/// One text message. The id stays the same over all tries.
#[derive(Clone, Copy)]
pub struct Sms<'a> {
    pub id: &'a str,
    pub to: &'a str,
    pub text: &'a str,
    /// How long it is still worth something (ms).
    pub life_ms: i64,
}

/// A message that a gateway has taken charge of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Which provider: `first` or `second`.
    pub provider: &'static str,
    /// The provider's own id, by which a receipt names it.
    pub remote_id: Option<String>,
    /// What it counts as; `None` where nothing is billed.
    pub length: Option<Length>,
}

/// What a gateway says of a message whose fate is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Taken(Taken),
    NotTaken,
    /// It has no way to be asked, or does not answer.
    CannotTell,
}

impl Debug for Sms<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sms").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a gateway did not take a message. The text never holds number or message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// Not reached, overloaded or broken: another try may help.
    #[error("{0}")]
    Later(&'static str),
    /// The gateway understood and refused: no further try helps.
    #[error("{0}")]
    Never(&'static str),
    /// It may have been taken or not: ask before another try.
    #[error("{0}")]
    Unknown(&'static str),
}

/// Something that brings text messages to phones.
pub trait SmsGateway: Debug + Send + Sync {
    /// Hands one message over; `Ok` means that the gateway has taken charge of it.
    fn send<'a>(&'a self, sms: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>>;

    /// Asks whether a message of this id of ours was taken.
    fn ask<'a>(&'a self, _id: &'a str) -> BoxFuture<'a, Asked> {
        Box::pin(async { Asked::CannotTell })
    }

    /// Receipts that came since this was last called, each with its provider.
    fn receipts(&self) -> Vec<(&'static str, Receipt)> {
        Vec::new()
    }

    /// Asks what became of a message that a provider took under its own id; `None` if it can't be asked now.
    fn state_of<'a>(
        &'a self,
        _provider: &'a str,
        _remote_id: &'a str,
    ) -> BoxFuture<'a, Option<MessageState>> {
        Box::pin(async { None })
    }
}

/// Why the HTTP gateway cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum GatewayConfigError {
    #[error("notification.url: {0}")]
    Url(String),
    #[error("notification.method must be POST, PUT or GET")]
    Method,
    #[error("notification.body is no JSON once its blanks are filled: {0}")]
    Body(String),
    #[error("notification.headers: {0:?} is not `Name: value`")]
    Header(String),
    #[error("notification.ca: {0}")]
    Authority(String),
    #[error("notification.sender must be the registered number, 4 to 20 digits")]
    Sender,
}

/// Any gateway that takes a JSON document over HTTP.
pub struct HttpGateway {
    name: &'static str,
    client: reqwest::Client,
    url: Url,
    status_url: String,
    method: Method,
    body: String,
    sender: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Debug for HttpGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpGateway").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl HttpGateway {
    /// Reads the settings; a template that could not be sent is refused here, at the start.
    ///
    /// # Errors
    /// Address, method, headers or template can't be used.
    pub fn new(
        name: &'static str,
        settings: &Provider,
        client: reqwest::Client,
    ) -> Result<Self, GatewayConfigError> {
        let url = Url::parse(&settings.url).map_err(|error| GatewayConfigError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(GatewayConfigError::Url("must be http or https".to_owned()));
        }
        let method = match settings.method.as_str() {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "GET" => Method::GET,
            _ => return Err(GatewayConfigError::Method),
        };
        let mut headers = Vec::with_capacity(settings.headers.len());
        for line in &settings.headers {
            let (name, value) =
                line.split_once(':').ok_or_else(|| GatewayConfigError::Header(name_of(line)))?;
            let name = name.trim().parse().map_err(|_| GatewayConfigError::Header(name_of(line)))?;
            let mut value =
                HeaderValue::from_str(value.trim()).map_err(|_| GatewayConfigError::Header(name_of(line)))?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
        if !settings.status_url.is_empty()
            && (!settings.status_url.contains("{id}")
                || Url::parse(&settings.status_url.replace("{id}", "id")).is_err())
        {
            return Err(GatewayConfigError::Url("status_url must be an address with {id} in it".to_owned()));
        }
        let gateway = Self {
            name,
            client,
            url,
            status_url: settings.status_url.clone(),
            method,
            body: settings.body.clone(),
            sender: settings.sender.clone(),
            headers,
        };
        let sample =
            gateway.filled(&Sms { id: "id", to: "01000000000", text: "줄\n\"따옴표\"", life_ms: 0 });
        serde_json::from_str::<serde_json::Value>(&sample)
            .map_err(|error| GatewayConfigError::Body(error.to_string()))?;
        Ok(gateway)
    }

    /// The template with `{to}`, `{text}`, `{id}`, `{sender}` replaced by JSON strings without their quotes.
    fn filled(&self, sms: &Sms<'_>) -> String {
        let mut out = String::with_capacity(self.body.len() + sms.text.len() * 2);
        let mut rest = self.body.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let blank =
                [("to}", sms.to), ("text}", sms.text), ("id}", sms.id), ("sender}", self.sender.as_str())]
                    .into_iter()
                    .find_map(|(name, value)| after.strip_prefix(name).map(|rest| (value, rest)));
            match blank {
                Some((value, after)) => {
                    let quoted = serde_json::Value::from(value).to_string();
                    out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
                    rest = after;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// A header may hold a secret: an error tells only its name.
fn name_of(line: &str) -> String {
    line.split(':').next().unwrap_or_default().chars().take(64).collect()
}

impl SmsGateway for HttpGateway {
    fn send<'a>(&'a self, sms: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>> {
        Box::pin(async move {
            let length = smpp::length(sms.text).ok_or(GatewayError::Never("too_long"))?;
            let taken = Taken { provider: self.name, remote_id: None, length: Some(length) };
            let mut request = self
                .client
                .request(self.method.clone(), self.url.clone())
                .timeout(limits::SMS_TIME.duration())
                .header("idempotency-key", sms.id)
                .header(http::header::CONTENT_TYPE, "application/json");
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            if self.method != Method::GET {
                request = request.body(self.filled(&sms));
            } else {
                request = request.query(&[
                    ("to", sms.to),
                    ("text", sms.text),
                    ("id", sms.id),
                    ("from", &self.sender),
                ]);
            }
            let response = traces::send_to_own("sms", request).await.map_err(|error| {
                if error.is_connect() || error.is_builder() {
                    GatewayError::Later("gateway_unreachable")
                } else if error.is_timeout() {
                    GatewayError::Unknown("gateway_timeout")
                } else {
                    GatewayError::Unknown("gateway_silent")
                }
            })?;
            match response.status().as_u16() {
                200..=299 => Ok(taken),
                // The gateway has this id already: an earlier try arrived and its answer was lost.
                409 => Ok(taken),
                408 | 425 | 429 | 500..=599 => Err(GatewayError::Later("gateway_busy")),
                _ => Err(GatewayError::Never("gateway_refused")),
            }
        })
    }

    /// By the address that the configuration names: 2xx means that it has the message, 404 that it has not.
    fn ask<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Asked> {
        Box::pin(async move {
            if self.status_url.is_empty() {
                return Asked::CannotTell;
            }
            let mut request =
                self.client.get(self.status_url.replace("{id}", id)).timeout(limits::SMS_TIME.duration());
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            match traces::send_to_own("sms status", request).await.map(|response| response.status().as_u16())
            {
                Ok(200..=299) => Asked::Taken(Taken { provider: self.name, remote_id: None, length: None }),
                Ok(404) => Asked::NotTaken,
                _ => Asked::CannotTell,
            }
        })
    }
}

/// Demo mode: the phone is a page. Nothing leaves this machine.
pub struct DemoGateway {
    platform: Arc<Platform>,
}

impl Debug for DemoGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DemoGateway")
    }
}

impl DemoGateway {
    /// A message box in the store of this platform.
    pub fn new(platform: Arc<Platform>) -> Self {
        Self { platform }
    }
}

const INBOX: &str = "notification_demo_inbox";

impl SmsGateway for DemoGateway {
    fn send<'a>(&'a self, sms: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>> {
        Box::pin(async move {
            let payload = Payload { to: sms.to.to_owned(), text: sms.text.to_owned() };
            let plain = zeroize::Zeroizing::new(
                serde_json::to_vec(&payload).map_err(|_| GatewayError::Never("no_payload"))?,
            );
            let (id, now) = (sms.id.to_owned(), self.platform.clock.now_ms());
            let sealed = self.platform.sealer.seal(INBOX, "payload", &id, &plain);
            self.platform
                .store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move {
                        // A message that comes twice with one id is shown once, as a good gateway would.
                        tx.execute(
                            "INSERT INTO notification_demo_inbox (id, payload, received_at) VALUES ($1, $2, $3) \
                             ON CONFLICT DO NOTHING",
                            params![id, sealed, now],
                        )
                        .await
                    })
                })
                .await
                .map_err(|_| GatewayError::Later("demo_inbox"))?;
            Ok(Taken { provider: "demo", remote_id: None, length: smpp::length(sms.text) })
        })
    }
}

/// A message as the demo's phone shows it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Received {
    /// The number it went to.
    pub to: String,
    /// The text.
    pub text: String,
    /// When it came, epoch milliseconds.
    pub received_at: i64,
}

/// The newest messages of the demo's box, newest first; only those to `to` if given.
pub(crate) async fn received(platform: &Platform, to: Option<&str>) -> Result<Vec<Received>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, payload, received_at FROM notification_demo_inbox ORDER BY received_at DESC, id DESC LIMIT $1",
            params![limits::PAGE_ROWS.get()],
        )
        .await?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        let Ok(plain) = platform.sealer.open(INBOX, "payload", &row.text("id")?, &row.bytes("payload")?)
        else {
            continue;
        };
        let Ok(payload) = serde_json::from_slice::<Payload>(&plain) else { continue };
        if to.is_none_or(|to| digits(to) == digits(&payload.to)) {
            messages.push(Received {
                to: payload.to.clone(),
                text: payload.text.clone(),
                received_at: row.int("received_at")?,
            });
        }
    }
    Ok(messages)
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

//! The providers of text messages: one or two, each by HTTP or SMPP as its address says; the second takes over while the
//! first can't be reached.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::gateway::{Asked, GatewayConfigError, GatewayError, HttpGateway, Sms, SmsGateway, Taken};
use super::smpp::{MessageState, Receipt, SmppGateway};
use crate::operations::config::Section;
use crate::operations::{Clock, limits};

/// How one provider is reached; also the `[second_sms]` section of the configuration.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    pub url: String,
    pub method: String,
    pub headers: Vec<String>,
    pub body: String,
    pub status_url: String,
    pub sender: String,
    pub system_id: String,
    pub password: String,
    pub system_type: String,
    pub ca: PathBuf,
}

impl std::fmt::Debug for Provider {
    /// Headers and password are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Default for Provider {
    fn default() -> Self {
        let first = Settings::default();
        Self::of(&first)
    }
}

impl Provider {
    /// The first provider, as `[notification]` says it.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            url: settings.url.clone(),
            method: settings.method.clone(),
            headers: settings.headers.clone(),
            body: settings.body.clone(),
            status_url: settings.status_url.clone(),
            sender: settings.sender.clone(),
            system_id: settings.system_id.clone(),
            password: settings.password.clone(),
            system_type: settings.system_type.clone(),
            ca: settings.ca.clone(),
        }
    }

    fn gateway(
        &self,
        name: &'static str,
        client: reqwest::Client,
    ) -> Result<Arc<dyn SmsGateway>, GatewayConfigError> {
        if self.url.starts_with("smpp") {
            Ok(Arc::new(SmppGateway::new(name, self)?))
        } else {
            Ok(Arc::new(HttpGateway::new(name, self, client)?))
        }
    }
}

impl Section for Provider {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "url",
            "The second provider's address, http(s):// or smpp(s)://; empty means that there is none. Each provider reads every message that it carries.",
        ),
        ("method", "As notification.method."),
        ("headers", "As notification.headers."),
        ("body", "As notification.body."),
        ("status_url", "As notification.status_url."),
        ("sender", "As notification.sender; it has to be registered with this provider, too."),
        ("system_id", "As notification.system_id."),
        ("password", "As notification.password."),
        ("system_type", "As notification.system_type."),
        ("ca", "As notification.ca."),
    ];
}

/// One provider, or two of which the second takes over.
#[derive(Debug)]
pub struct Providers {
    first: Arc<dyn SmsGateway>,
    second: Option<Arc<dyn SmsGateway>>,
    clock: Arc<dyn Clock>,
    /// Until when the first is left alone, because it could not be reached (ms).
    rests_until: AtomicI64,
}

impl Providers {
    /// The providers of a configuration; `None` if it names none.
    ///
    /// # Errors
    /// One of them could never work as configured.
    pub fn new(
        first: &Settings,
        second: &Provider,
        client: &reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, GatewayConfigError> {
        let of = |name, provider: &Provider| match provider.url.is_empty() {
            true => Ok(None),
            false => provider.gateway(name, client.clone()).map(Some),
        };
        let second = of("second", second)?;
        let Some(first) = of("first", &Provider::of(first))? else { return Ok(None) };
        Ok(Some(Self { first, second, clock, rests_until: AtomicI64::new(0) }))
    }

    /// Of two gateways.
    pub fn of(
        first: Arc<dyn SmsGateway>,
        second: Option<Arc<dyn SmsGateway>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { first, second, clock, rests_until: AtomicI64::new(0) }
    }
}

impl SmsGateway for Providers {
    fn send<'a>(&'a self, sms: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>> {
        Box::pin(async move {
            let Some(second) = &self.second else { return self.first.send(sms).await };
            let now = self.clock.now_ms();
            if now >= self.rests_until.load(Ordering::Relaxed) {
                match self.first.send(sms).await {
                    // Not taken, that is known: the second may have it.
                    Err(GatewayError::Later(why)) => {
                        self.rests_until.store(now + limits::SMS_REST.get(), Ordering::Relaxed);
                        tracing::warn!(why, "the second SMS provider takes over");
                        metrics::counter!("mapae_notification_takeovers_total").increment(1);
                    }
                    // Taken, refused for what it is, or nobody knows: not the second's.
                    told => return told,
                }
            }
            second.send(sms).await
        })
    }

    fn ask<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Asked> {
        Box::pin(async move {
            let first = self.first.ask(id).await;
            let Some(second) = self.second.as_ref().filter(|_| !matches!(first, Asked::Taken(_))) else {
                return first;
            };
            // It was not taken only if neither has it.
            match (first, second.ask(id).await) {
                (_, taken @ Asked::Taken(_)) => taken,
                (Asked::NotTaken, Asked::NotTaken) => Asked::NotTaken,
                _ => Asked::CannotTell,
            }
        })
    }

    fn receipts(&self) -> Vec<(&'static str, Receipt)> {
        let mut all = self.first.receipts();
        all.extend(self.second.iter().flat_map(|second| second.receipts()));
        all
    }

    fn state_of<'a>(&'a self, provider: &'a str, remote_id: &'a str) -> BoxFuture<'a, Option<MessageState>> {
        Box::pin(async move {
            match (self.first.state_of(provider, remote_id).await, &self.second) {
                (None, Some(second)) => second.state_of(provider, remote_id).await,
                (told, _) => told,
            }
        })
    }
}

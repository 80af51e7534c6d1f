//! The worker that carries messages from the outbox to the gateway and to browsers.

use std::sync::Arc;

use futures::future::join_all;
use wallet::account::messages::PushKind;

use super::gateway::{Asked, GatewayError, Sms, SmsGateway, Taken};
use super::outbox::{self, Channel, Claimed, Outcome};
use super::push::{self, Delivered};
use super::receipt;
use crate::operations::store::StoreError;
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits};

/// Carries messages; any number may run, in one process or many.
#[derive(Debug)]
pub struct Worker {
    platform: Arc<Platform>,
    gateway: Option<Arc<dyn SmsGateway>>,
}

impl Worker {
    async fn text(&self, claimed: &Claimed) -> Outcome {
        let Some(payload) = outbox::open(&self.platform, claimed) else {
            return Outcome::GiveUp("unreadable");
        };
        let Some(gateway) = &self.gateway else { return Outcome::TryAgain("no_gateway") };
        // Asked before it is sent again; where that can't be known, it is, and the record says that it may come twice.
        if claimed.in_doubt
            && let Asked::Taken(taken) = gateway.ask(&claimed.id).await
        {
            return Outcome::Sent(taken);
        }
        let life_ms = claimed.ends_at.saturating_sub(self.platform.clock.now_ms());
        let sms = Sms { id: &claimed.id, to: &payload.to, text: &payload.text, life_ms };
        match gateway.send(sms).await {
            Ok(taken) => Outcome::Sent(taken),
            Err(GatewayError::Later(why)) => Outcome::TryAgain(why),
            Err(GatewayError::Unknown(why)) => Outcome::InDoubt(why),
            Err(GatewayError::Never(why)) => Outcome::GiveUp(why),
        }
    }

    async fn push(&self, push_id: &str, kind: PushKind, at: i64) -> Result<Delivered, StoreError> {
        let local = &self.platform.local.notification.push_client;
        let client = match local.get() {
            Some(client) => client,
            None => match push::client(self.platform.config.demo.enabled) {
                Ok(client) => local.get_or_init(|| client),
                Err(error) => {
                    tracing::error!(%error, "no client for push services");
                    return Ok(Delivered::Later("push_client"));
                }
            },
        };
        push::send(&self.platform, client, push_id, kind, at).await
    }

    /// The browser is gone, and with it what it was to be told.
    async fn forget(&self, claimed: Claimed) -> Result<(), StoreError> {
        self.platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    if let Some((push_id, _)) = &claimed.push {
                        push::forget(tx, push_id).await?;
                    }
                    outbox::forget(tx, &claimed).await
                })
            })
            .await
    }

    /// A worker for this gateway.
    pub fn new(platform: Arc<Platform>, gateway: Arc<dyn SmsGateway>) -> Self {
        Self { platform, gateway: Some(gateway) }
    }

    /// A worker that carries messages to browsers only; text messages wait.
    pub fn without_gateway(platform: Arc<Platform>) -> Self {
        Self { platform, gateway: None }
    }

    /// Works until the server stops. Text messages and messages to browsers go their own ways at once: a push service that
    /// hangs keeps no code waiting.
    pub async fn run(self, stop: Stop) {
        futures::join!(self.run_texts(stop.clone()), self.run_pushes(stop));
    }

    /// When woken by a commit, and every [`limits::OUTBOX_POLL`] for what others wrote.
    async fn run_texts(&self, mut stop: Stop) {
        let (mut since_sweep, mut since_asked) = (0_i64, 0_i64);
        loop {
            if let Some(gateway) = &self.gateway
                && let Err(error) = receipt::note(&self.platform, gateway.receipts()).await
            {
                tracing::warn!(%error, "receipts could not be noted");
            }
            match self.texts().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::error!(%error, "the outbox could not be read"),
            }
            since_sweep += limits::OUTBOX_POLL.get();
            if since_sweep >= limits::OUTBOX_SWEEP.get() {
                since_sweep = 0;
                if let Err(error) = outbox::sweep(&self.platform).await {
                    tracing::warn!(%error, "sent messages could not be forgotten");
                }
            }
            since_asked += limits::OUTBOX_POLL.get();
            if since_asked >= limits::RECEIPT_SWEEP.get()
                && let Some(gateway) = &self.gateway
            {
                since_asked = 0;
                if let Err(error) = receipt::ask_overdue(&self.platform, gateway.as_ref()).await {
                    tracing::warn!(%error, "overdue receipts could not be asked for");
                }
            }
            tokio::select! {
                () = stop.stopped() => return,
                () = self.platform.local.notification.wake.notified() => {}
                () = tokio::time::sleep(limits::OUTBOX_POLL.duration()) => {}
            }
        }
    }

    async fn run_pushes(&self, mut stop: Stop) {
        loop {
            match self.group(Channel::Push).await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::error!(%error, "the outbox could not be read"),
            }
            if !stop.sleep(limits::OUTBOX_POLL.duration()).await {
                return;
            }
        }
    }

    /// One group of each channel; returns how many were tried.
    pub async fn round(&self) -> Result<usize, StoreError> {
        Ok(self.texts().await? + self.group(Channel::Push).await?)
    }

    /// Without a gateway text messages wait.
    async fn texts(&self) -> Result<usize, StoreError> {
        if self.gateway.is_some() { self.group(Channel::Sms).await } else { Ok(0) }
    }

    /// Claims what is due, sends it, writes down how it went; returns how many were tried.
    async fn group(&self, channel: Channel) -> Result<usize, StoreError> {
        let claimed = outbox::claim(&self.platform, channel, limits::OUTBOX_GROUP.get()).await?;
        let tried = claimed.len();
        for settled in join_all(claimed.into_iter().map(|message| self.deliver(message))).await {
            settled?;
        }
        Ok(tried)
    }

    async fn deliver(&self, claimed: Claimed) -> Result<(), StoreError> {
        let job = if claimed.push.is_some() { "carry push" } else { "carry sms" };
        self.platform.traces.job(job).around(self.deliver_one(claimed)).await
    }

    async fn deliver_one(&self, claimed: Claimed) -> Result<(), StoreError> {
        let outcome = match &claimed.push {
            Some((push_id, kind)) => match self.push(push_id, *kind, claimed.created_at).await? {
                Delivered::Sent => Outcome::Sent(Taken::default()),
                Delivered::Later(why) => Outcome::TryAgain(why),
                Delivered::Never(why) => Outcome::GiveUp(why),
                Delivered::Gone => return self.forget(claimed).await,
            },
            None => self.text(&claimed).await,
        };
        if !matches!(outcome, Outcome::Sent(_)) {
            tracing::warn!(message = %claimed.id, attempts = claimed.attempts, ?outcome, "a message was not taken");
        }
        let now = self.platform.clock.now_ms();
        self.platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move { outbox::settle(tx, &claimed, &outcome, now).await })
            })
            .await?;
        Ok(())
    }
}

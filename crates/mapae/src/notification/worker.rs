//! The worker that carries messages from the outbox to the gateway.

use std::sync::Arc;

use futures::future::join_all;

use super::gateway::{GatewayError, Sms, SmsGateway};
use super::outbox::{self, Claimed, Outcome};
use crate::operations::store::StoreError;
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits};

/// Carries messages; any number may run, in one process or many.
#[derive(Debug)]
pub struct Worker {
    platform: Arc<Platform>,
    gateway: Arc<dyn SmsGateway>,
}

impl Worker {
    /// A worker for this gateway.
    pub fn new(platform: Arc<Platform>, gateway: Arc<dyn SmsGateway>) -> Self {
        Self { platform, gateway }
    }

    /// Works until the server stops: when woken by a commit, and every [`limits::OUTBOX_POLL`] for what others wrote.
    pub async fn run(self, mut stop: Stop) {
        let mut since_sweep = 0_i64;
        loop {
            match self.round().await {
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
            tokio::select! {
                () = stop.stopped() => return,
                () = self.platform.local.notification.wake.notified() => {}
                () = tokio::time::sleep(limits::OUTBOX_POLL.duration()) => {}
            }
        }
    }

    /// Claims what is due, sends it, writes down how it went; returns how many were tried.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let claimed = outbox::claim(&self.platform, limits::OUTBOX_GROUP.get()).await?;
        let tried = claimed.len();
        for settled in join_all(claimed.into_iter().map(|message| self.deliver(message))).await {
            settled?;
        }
        Ok(tried)
    }

    async fn deliver(&self, claimed: Claimed) -> Result<(), StoreError> {
        let outcome = match outbox::open(&self.platform, &claimed) {
            None => Outcome::GiveUp("unreadable"),
            Some(payload) => {
                let sms = Sms { id: &claimed.id, to: &payload.to, text: &payload.text };
                match self.gateway.send(sms).await {
                    Ok(()) => Outcome::Sent,
                    Err(GatewayError::Later(why)) => Outcome::TryAgain(why),
                    Err(GatewayError::Never(why)) => Outcome::GiveUp(why),
                }
            }
        };
        if outcome != Outcome::Sent {
            tracing::warn!(message = %claimed.id, attempts = claimed.attempts, ?outcome, "a message was not taken");
        }
        let now = self.platform.clock.now_ms();
        self.platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move { outbox::settle(tx, &claimed, outcome, now).await })
            })
            .await?;
        Ok(())
    }
}

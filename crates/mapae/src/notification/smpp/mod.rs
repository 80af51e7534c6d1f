//! Text messages over SMPP 3.4, for gateways that speak it.
//!
//! ```text
//! submit_sm ─▶ submit_sm_resp: taken, under this id ─▶ deliver_sm: a receipt, delivered or not
//!     └─ no answer: taken or not, nobody knows           └─ overdue: query_sm asks by the id
//! ```
//!
//! SMPP has no id of ours by which a message that was not answered could be asked for. It is sent again, and the record
//! says that it may arrive twice.

mod pdu;
mod session;
mod text;
mod tls;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc};
use url::Url;

pub use pdu::{MessageState, Receipt};
use session::{Account, NoAnswer, NoSession, Session};
pub use text::Length;
pub(super) use text::length;

use super::gateway::{Asked, GatewayConfigError, GatewayError, Sms, SmsGateway, Taken};
use super::provider::Provider;
use crate::operations::limits;

/// A gateway that speaks SMPP 3.4.
#[derive(Debug)]
pub struct SmppGateway {
    name: &'static str,
    account: Account,
    sender: String,
    session: Mutex<Option<Arc<Session>>>,
    receipts: mpsc::Sender<Receipt>,
    received: std::sync::Mutex<mpsc::Receiver<Receipt>>,
}

impl SmppGateway {
    /// Reads the settings; what could not be used is refused here, at the start.
    ///
    /// # Errors
    /// The address, the authority or the sender's number can't be used.
    pub fn new(name: &'static str, provider: &Provider) -> Result<Self, GatewayConfigError> {
        let url = Url::parse(&provider.url).map_err(|error| GatewayConfigError::Url(error.to_string()))?;
        let tls = match (url.scheme(), provider.ca.as_os_str().is_empty()) {
            ("smpp", true) => None,
            ("smpps", false) => {
                let authority = tls::Authority::read(Path::new(&provider.ca));
                Some(authority.map_err(GatewayConfigError::Authority)?)
            }
            _ => {
                return Err(GatewayConfigError::Url(
                    "smpp://host:port, or smpps://host:port together with ca".to_owned(),
                ));
            }
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let (Some(host), Some(port)) = (host, url.port()) else {
            return Err(GatewayConfigError::Url("has no host and port".to_owned()));
        };
        let sender: String = provider.sender.chars().filter(char::is_ascii_digit).collect();
        // Carriers refuse texts without a registered sender's number.
        if !(4..=20).contains(&sender.len()) {
            return Err(GatewayConfigError::Sender);
        }
        let (receipts, received) = mpsc::channel(limits::SMPP_RECEIPTS.size());
        Ok(Self {
            name,
            account: Account {
                host: host.to_owned(),
                port,
                tls,
                system_id: provider.system_id.clone(),
                password: provider.password.clone(),
                system_type: provider.system_type.clone(),
            },
            sender,
            session: Mutex::new(None),
            receipts,
            received: std::sync::Mutex::new(received),
        })
    }

    /// The bound session, made if there is none; one sender binds, the others wait for it.
    async fn session(&self) -> Result<Arc<Session>, GatewayError> {
        let mut place = self.session.lock().await;
        if let Some(session) = place.as_ref().filter(|session| session.is_open()) {
            return Ok(Arc::clone(session));
        }
        match Session::open(&self.account, self.receipts.clone()).await {
            Ok(session) => {
                *place = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(NoSession::Unreachable) => Err(GatewayError::Later("gateway_unreachable")),
            Err(NoSession::Refused(status)) => {
                tracing::error!(provider = self.name, status, "the SMS gateway refuses to be bound to");
                Err(GatewayError::Later("gateway_refused_bind"))
            }
        }
    }
}

impl SmsGateway for SmppGateway {
    fn send<'a>(&'a self, sms: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>> {
        Box::pin(async move {
            let encoded = text::encode(sms.text).ok_or(GatewayError::Never("too_long"))?;
            let session = self.session().await?;
            let body = pdu::submit(&pdu::Submission {
                from: &self.sender,
                to: sms.to,
                data_coding: encoded.data_coding,
                bytes: &encoded.bytes,
                long: encoded.length == Length::Lms,
                validity_s: sms.life_ms / 1_000,
            });
            let answer = match session.request(pdu::id::SUBMIT_SM, body).await {
                Ok(answer) => answer,
                Err(NoAnswer::NotSent) => return Err(GatewayError::Later("gateway_unreachable")),
                Err(NoAnswer::Lost) => return Err(GatewayError::Unknown("gateway_silent")),
            };
            match answer.status {
                pdu::status::OK => {
                    let remote_id = pdu::submitted(&answer.body).ok().filter(|id| !id.is_empty());
                    Ok(Taken { provider: self.name, remote_id, length: Some(encoded.length) })
                }
                pdu::status::SYSTEM_ERROR
                | pdu::status::QUEUE_FULL
                | pdu::status::THROTTLED
                | pdu::status::TEMPORARY => Err(GatewayError::Later("gateway_busy")),
                _ => Err(GatewayError::Never("gateway_refused")),
            }
        })
    }

    fn ask<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Asked> {
        // Only the gateway's own id can be asked for, and that came with the answer that did not come.
        Box::pin(async { Asked::CannotTell })
    }

    fn receipts(&self) -> Vec<(&'static str, Receipt)> {
        let mut received = self.received.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::iter::from_fn(|| received.try_recv().ok())
            .take(limits::SMPP_RECEIPTS.size())
            .map(|receipt| (self.name, receipt))
            .collect()
    }

    fn state_of<'a>(&'a self, provider: &'a str, remote_id: &'a str) -> BoxFuture<'a, Option<MessageState>> {
        Box::pin(async move {
            if provider != self.name {
                return None;
            }
            let session = self.session().await.ok()?;
            let answer =
                session.request(pdu::id::QUERY_SM, pdu::query(remote_id, &self.sender)).await.ok()?;
            match answer.status {
                pdu::status::OK => pdu::queried(&answer.body).ok(),
                // It does not know the message, or does not answer such questions.
                _ => Some(MessageState::Unknown),
            }
        })
    }
}

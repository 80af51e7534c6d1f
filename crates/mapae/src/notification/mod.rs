//! Telling people: a transactional outbox, a worker with retries and a dead-letter state, and gateways to phones.
//!
//! A text message carries an address or a code and nothing else about the person.

pub mod cli;
mod console;
mod contact;
mod contact_pages;
mod count;
mod depth;
mod gateway;
mod outbox;
mod pages;
mod provider;
mod push;
mod quiet;
mod receipt;
mod smpp;
mod worker;

#[cfg(test)]
mod contact_tests;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

pub use contact::{choose_language, language_of, second_notice, second_phone};
pub use depth::{Depth, depth};
#[cfg(test)]
pub(crate) use gateway::received;
pub use gateway::{
    Asked, DemoGateway, GatewayConfigError, GatewayError, HttpGateway, Received, Sms, SmsGateway, Taken,
};
pub use outbox::{Fate, Message, Subscriber, Topic, enqueue, fate};
pub use provider::{Provider, Providers};
pub(crate) use push::address::is_public;
pub use push::{PushRefusal, key as push_key, subscribe, tell, unsubscribe};
pub use smpp::{Length, MessageState, Receipt, SmppGateway};
pub use worker::Worker;

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;

/// The `[notification]` section of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
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
    pub quiet_from: i64,
    pub quiet_until: i64,
    pub push_contact: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            method: "POST".to_owned(),
            headers: Vec::new(),
            body: r#"{"id":"{id}","from":"{sender}","to":"{to}","text":"{text}"}"#.to_owned(),
            status_url: String::new(),
            sender: String::new(),
            system_id: String::new(),
            password: String::new(),
            system_type: String::new(),
            ca: PathBuf::new(),
            quiet_from: 21,
            quiet_until: 8,
            push_contact: String::new(),
        }
    }
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "url",
            "The SMS gateway's address: http(s):// for any gateway that takes JSON, smpp(s)://host:port for SMPP 3.4; empty means that messages wait. Who runs it reads every install address and one-time code. Demo mode sends nothing and fills the message box instead.",
        ),
        ("method", "POST, PUT or GET. With GET the blanks go as query parameters to, text, id and from."),
        ("headers", "Further headers as \"Name: value\", such as the gateway's API key."),
        ("body", "The JSON the gateway expects; {to}, {text}, {id} and {sender} are filled in."),
        (
            "status_url",
            "Over HTTP: an address with {id} that answers 2xx if the gateway has the message of this id and 404 if not. It is asked before a message whose answer was lost is sent again.",
        ),
        ("sender", "The number the message comes from, registered with the carrier (발신번호)."),
        ("system_id", "Over SMPP: who we are to the gateway."),
        (
            "password",
            "Over SMPP: at most 8 letters, as the protocol has it. Who has it sends texts in our name.",
        ),
        ("system_type", "Over SMPP: what the gateway calls our kind of system; mostly empty."),
        ("ca", "With smpps://: a PEM file with the authority whose certificate the gateway shows."),
        ("quiet_from", "Notices that can wait are not sent from this hour of the day on (Korean time)."),
        (
            "quiet_until",
            "Until this hour. The same hour twice: no hour is quiet. Codes and invitations are sent at any time.",
        ),
        (
            "push_contact",
            "Whom a browser's push service may ask about our messages: a mailto: or https: address; empty means public.base_url. Messages to browsers leave directly, by no proxy.",
        ),
    ];
}

/// What this process remembers for speed: somebody enqueued something here.
#[derive(Debug, Default)]
pub struct Local {
    wake: Arc<tokio::sync::Notify>,
    push_client: OnceLock<reqwest::Client>,
}

/// Who hears of a topic. The table of the house: the folders below know nothing of each other.
fn subscriber(topic: Topic) -> Option<Subscriber> {
    match topic {
        Topic::Invitation => Some(crate::application::message_sent),
        Topic::Code | Topic::Notice => None,
    }
}

/// The demo's message box; empty routes outside of demo mode answer 404.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    pages::routes().merge(contact_pages::routes())
}

/// How messages stand and what they cost, for operators and auditors.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    console::routes()
}

/// After a restore: nothing that waited is sent, since it may have been, and the codes in it are good for nothing now.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let now_ms = tx.now_ms();
    tx.execute(
        "UPDATE notification_contact SET pending = NULL, code_hash = NULL, code_ends_at = 0 WHERE pending IS NOT NULL",
        params![],
    )
    .await?;
    outbox::give_up_all(tx, "restored", now_ms).await
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let gateway: Option<Arc<dyn SmsGateway>> = if platform.config.demo.enabled {
        Some(Arc::new(DemoGateway::new(Arc::clone(platform))))
    } else {
        let (first, second) = (&platform.config.notification, &platform.config.second_sms);
        match Providers::new(first, second, &platform.http, Arc::clone(&platform.clock)) {
            Ok(Some(providers)) => Some(Arc::new(providers)),
            Ok(None) => {
                tracing::warn!(
                    "no SMS gateway is configured (notification.url): messages wait until they are too late"
                );
                None
            }
            Err(error) => {
                tracing::error!(%error, "the SMS gateway cannot be used: messages wait");
                None
            }
        }
    };
    let worker = match gateway {
        Some(gateway) => Worker::new(Arc::clone(platform), gateway),
        None => Worker::without_gateway(Arc::clone(platform)),
    };
    tasks.spawn(|stop| worker.run(stop));
}

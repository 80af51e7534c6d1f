//! Telling people: a transactional outbox, a worker with retries and a dead-letter state, and gateways to phones.
//!
//! A text message carries an address or a code and nothing else about the person.

mod depth;
mod gateway;
mod outbox;
mod pages;
mod push;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

#[cfg(test)]
pub(crate) use gateway::received;
pub use depth::{Depth, depth};
pub use gateway::{DemoGateway, GatewayConfigError, GatewayError, HttpGateway, Received, Sms, SmsGateway};
pub use outbox::{Fate, Message, Subscriber, Topic, enqueue, fate};
pub use push::{PushRefusal, key as push_key, subscribe, tell, unsubscribe};
pub use worker::Worker;

use crate::operations::Platform;
use crate::operations::config::Section;
use crate::operations::tasks::Tasks;

/// The `[notification]` section of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub url: String,
    pub method: String,
    pub headers: Vec<String>,
    pub body: String,
    pub sender: String,
    pub push_contact: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            method: "POST".to_owned(),
            headers: Vec::new(),
            body: r#"{"id":"{id}","from":"{sender}","to":"{to}","text":"{text}"}"#.to_owned(),
            sender: String::new(),
            push_contact: String::new(),
        }
    }
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "url",
            "The SMS gateway's address; empty means that messages wait. Who runs it reads every install address and one-time code. Demo mode sends nothing and fills the message box instead.",
        ),
        ("method", "POST, PUT or GET. With GET the blanks go as query parameters to, text, id and from."),
        ("headers", "Further headers as \"Name: value\", such as the gateway's API key."),
        ("body", "The JSON the gateway expects; {to}, {text}, {id} and {sender} are filled in."),
        ("sender", "The number or name the message comes from."),
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
    pages::routes()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let gateway: Option<Arc<dyn SmsGateway>> = if platform.config.demo.enabled {
        Some(Arc::new(DemoGateway::new(Arc::clone(platform))))
    } else if platform.config.notification.url.is_empty() {
        tracing::warn!(
            "no SMS gateway is configured (notification.url): messages wait until they are too late"
        );
        None
    } else {
        match HttpGateway::new(&platform.config.notification, platform.http.clone()) {
            Ok(gateway) => Some(Arc::new(gateway)),
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

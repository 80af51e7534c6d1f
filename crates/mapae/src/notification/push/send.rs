//! One message to one browser.

use std::sync::Arc;

use http::{StatusCode, header};
use keys::web_push;
use wallet::account::messages::{PushKind, PushNotice};

use super::address::{self, PublicAddresses};
use super::{Subscription, TABLE};
use crate::operations::store::{StoreError, params};
use crate::operations::{KeyName, Platform, limits, traces};

/// How a try ended. The texts hold neither address nor content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    Sent,
    /// The browser unsubscribed or is gone (RFC 8030 §7.3): forget it.
    Gone,
    Later(&'static str),
    Never(&'static str),
}

/// A client that follows no redirect, asks no proxy and connects to public addresses only.
pub(crate) fn client(demo: bool) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(limits::HTTP_CLIENT_CONNECT.duration())
        .timeout(limits::PUSH_TIME.duration())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(PublicAddresses { loopback: demo }))
        .user_agent(concat!("mapae/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends word of `kind`, which happened at `at` (ms), to a subscription.
pub(crate) async fn send(
    platform: &Platform,
    client: &reqwest::Client,
    push_id: &str,
    kind: PushKind,
    at: i64,
) -> Result<Delivered, StoreError> {
    let row = platform
        .store
        .fetch_optional("SELECT subscription FROM notification_push WHERE id = $1", params![push_id])
        .await?;
    let Some(row) = row else { return Ok(Delivered::Gone) };
    let sealed = row.bytes("subscription")?;
    let Ok(plain) = platform.sealer.open(TABLE, "subscription", push_id, &sealed) else {
        return Ok(Delivered::Never("push_unreadable"));
    };
    let subscription = serde_json::from_slice::<Subscription>(&plain).ok();
    let Some((subscription, (key, auth))) =
        subscription.and_then(|subscription| subscription.keys().map(|keys| (subscription, keys)))
    else {
        return Ok(Delivered::Never("push_unreadable"));
    };
    let Some(url) = address::judge(&subscription.endpoint, platform.config.demo.enabled) else {
        return Ok(Delivered::Gone);
    };
    let body = serde_json::to_vec(&PushNotice { kind, at }).unwrap_or_default();
    let Ok(body) = web_push::encrypt(&key, &auth, &body) else {
        return Ok(Delivered::Never("push_too_long"));
    };
    let expires = platform.now_ms().div_euclid(1_000) + limits::PUSH_TOKEN_LIFE.get().div_euclid(1_000);
    let audience = url.origin().ascii_serialization();
    let signed =
        platform.keys.signer(KeyName::Push).ok().and_then(|signer| {
            web_push::authorization(&*signer, &audience, expires, &contact(platform)).ok()
        });
    let Some(authorization) = signed else { return Ok(Delivered::Later("push_key")) };
    let urgency = match kind {
        PushKind::Login | PushKind::Gate | PushKind::Document | PushKind::Activity => "normal",
        PushKind::Locked | PushKind::Suspended | PushKind::Resumed | PushKind::Ended => "high",
    };
    let request = client
        .post(url)
        .header(header::AUTHORIZATION, authorization)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_ENCODING, "aes128gcm")
        .header("ttl", limits::PUSH_LIFE.get().div_euclid(1_000).to_string())
        .header("urgency", urgency)
        .body(body);
    Ok(match traces::send("push", request).await {
        Ok(response) => judge(response.status()),
        Err(error) if error.is_timeout() => Delivered::Later("push_timeout"),
        Err(_) => Delivered::Later("push_unreachable"),
    })
}

/// What a push service's answer means (RFC 8030 §5, §7.3, §8.4).
fn judge(status: StatusCode) -> Delivered {
    match status.as_u16() {
        200..=299 => Delivered::Sent,
        404 | 410 => Delivered::Gone,
        408 | 425 | 429 | 500..=599 => Delivered::Later("push_busy"),
        _ => Delivered::Never("push_refused"),
    }
}

/// Whom a push service may ask about our messages (RFC 8292 §2.1).
fn contact(platform: &Platform) -> String {
    let configured = &platform.config.notification.push_contact;
    if !configured.is_empty() {
        return configured.clone();
    }
    match platform.config.public.base_url.scheme() {
        "https" => platform.config.public.origin().to_owned(),
        _ => "mailto:operator@localhost".to_owned(),
    }
}

//! A browser and its push service, both here: what is sent, to whom, and what the service's answer leads to.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use keys::jws::{Typ, Unverified};
use keys::{PublicKey, SecretKey};
use wallet::account::messages::{PushNotice, SubscriptionKeys};

use super::*;
use crate::notification::Worker;
use crate::testing::{TestPlatform, platform_with};

/// Headers and body of one message.
type Taken = (HeaderMap, Vec<u8>);

#[derive(Clone)]
struct Service {
    got: Arc<Mutex<Vec<Taken>>>,
    answer: Arc<Mutex<StatusCode>>,
    address: String,
}

async fn receive(State(service): State<Service>, headers: HeaderMap, body: axum::body::Bytes) -> StatusCode {
    service.got.lock().unwrap().push((headers, body.to_vec()));
    *service.answer.lock().unwrap()
}

impl Service {
    async fn start() -> Service {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let service =
            Service { got: Arc::default(), answer: Arc::new(Mutex::new(StatusCode::CREATED)), address };
        let router =
            axum::Router::new().route("/push/{id}", axum::routing::post(receive)).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
}

/// A browser's subscription with its secret halves.
struct Browser {
    key: SecretKey,
    auth: [u8; 16],
    endpoint: String,
}

impl Browser {
    fn at(service: &Service, name: &str) -> Browser {
        let endpoint = format!("{}/push/{name}", service.address);
        Browser { key: SecretKey::generate(), auth: keys::random::bytes(), endpoint }
    }

    fn wanted(&self) -> Subscribe {
        Subscribe {
            endpoint: self.endpoint.clone(),
            keys: SubscriptionKeys {
                p256dh: b64url_encode(self.key.public_key().as_sec1()),
                auth: b64url_encode(&self.auth),
            },
        }
    }

    fn read(&self, body: &[u8]) -> PushNotice {
        let plain = keys::web_push::decrypt(&self.key, &self.auth, body).unwrap();
        serde_json::from_slice(&plain).unwrap()
    }
}

async fn demo() -> TestPlatform {
    platform_with(|config| config.demo.enabled = true).await
}

async fn happened(platform: &TestPlatform, account: &'static str, kind: PushKind) {
    platform
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { tell(tx, account, kind).await }))
        .await
        .unwrap();
}

async fn deliver(platform: &TestPlatform) {
    let worker = Worker::without_gateway(Arc::clone(platform));
    while worker.round().await.unwrap() > 0 {}
}

async fn left(platform: &TestPlatform, table: &'static str) -> usize {
    let sql = match table {
        "outbox" => "SELECT id FROM notification_outbox WHERE state = 'waiting'",
        "dead" => "SELECT id FROM notification_outbox WHERE state = 'dead'",
        _ => "SELECT id FROM notification_push",
    };
    platform.store.fetch_all(sql, params![]).await.unwrap().len()
}

#[tokio::test]
async fn a_browser_reads_what_and_when_and_the_service_reads_nothing() {
    let (platform, service) = (demo().await, Service::start().await);
    let browser = Browser::at(&service, "a");
    assert_eq!(subscribe(&platform, "holder", "device", browser.wanted()).await.unwrap(), 1);
    happened(&platform, "holder", PushKind::Suspended).await;
    happened(&platform, "another", PushKind::Login).await;
    deliver(&platform).await;

    let taken = service.taken();
    let [(headers, body)] = taken.as_slice() else { panic!("{} messages", taken.len()) };
    assert_eq!(browser.read(body), PushNotice { kind: PushKind::Suspended, at: platform.now_ms() });
    assert_eq!(headers["content-encoding"], "aes128gcm");
    assert_eq!(headers["ttl"], "86400");
    assert_eq!(headers["urgency"], "high");
    let text = headers["authorization"].to_str().unwrap();
    let (token, named) = text.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(named, key(&platform).unwrap().key, "the key the browser subscribed with");
    let signer = PublicKey::from_sec1(&keys::encoding::b64url_decode(named).unwrap()).unwrap();
    let claims: serde_json::Value =
        Unverified::parse(token, 4_096).unwrap().verify(&signer, Typ::Is("JWT")).unwrap().claims().unwrap();
    assert_eq!(claims["aud"], service.address);
    let ahead = claims["exp"].as_i64().unwrap() - platform.now_ms() / 1_000;
    assert!((1..=86_400).contains(&ahead), "{ahead}");
    assert!(claims["sub"].as_str().unwrap().starts_with("mailto:"));
    assert_eq!((left(&platform, "outbox").await, left(&platform, "push").await), (0, 1));
}

#[tokio::test]
async fn every_kind_looks_alike_on_the_way() {
    let (platform, service) = (demo().await, Service::start().await);
    let browser = Browser::at(&service, "a");
    subscribe(&platform, "holder", "device", browser.wanted()).await.unwrap();
    for kind in PushKind::ALL {
        happened(&platform, "holder", kind).await;
    }
    deliver(&platform).await;
    let bodies: Vec<Vec<u8>> = service.taken().into_iter().map(|(_, body)| body).collect();
    assert!(bodies.iter().all(|body| body.len() == bodies[0].len()));
    let mut kinds: Vec<PushKind> = bodies.iter().map(|body| browser.read(body).kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    let mut all = PushKind::ALL.to_vec();
    all.sort_by_key(|kind| kind.as_str());
    assert_eq!(kinds, all);
}

#[tokio::test]
async fn a_browser_that_is_gone_is_forgotten_with_what_it_was_to_be_told() {
    for gone in [StatusCode::NOT_FOUND, StatusCode::GONE] {
        let (platform, service) = (demo().await, Service::start().await);
        subscribe(&platform, "holder", "device", Browser::at(&service, "a").wanted()).await.unwrap();
        *service.answer.lock().unwrap() = gone;
        happened(&platform, "holder", PushKind::Login).await;
        deliver(&platform).await;
        assert_eq!(service.taken().len(), 1);
        assert_eq!((left(&platform, "push").await, left(&platform, "dead").await), (0, 0));
        happened(&platform, "holder", PushKind::Login).await;
        deliver(&platform).await;
        assert!(service.taken().is_empty());
    }
}

#[tokio::test]
async fn a_busy_service_is_asked_again_later_and_a_redirect_is_not_followed() {
    let (platform, service) = (demo().await, Service::start().await);
    let browser = Browser::at(&service, "a");
    subscribe(&platform, "holder", "device", browser.wanted()).await.unwrap();
    *service.answer.lock().unwrap() = StatusCode::TOO_MANY_REQUESTS;
    happened(&platform, "holder", PushKind::Locked).await;
    let at = platform.now_ms();
    deliver(&platform).await;
    assert_eq!((service.taken().len(), left(&platform, "outbox").await), (1, 1));
    *service.answer.lock().unwrap() = StatusCode::CREATED;
    platform.clock.advance_ms(5_000);
    deliver(&platform).await;
    let taken = service.taken();
    assert_eq!(browser.read(&taken[0].1), PushNotice { kind: PushKind::Locked, at }, "when it happened");
    *service.answer.lock().unwrap() = StatusCode::FOUND;
    happened(&platform, "holder", PushKind::Login).await;
    deliver(&platform).await;
    assert_eq!((service.taken().len(), left(&platform, "dead").await), (1, 1));
}

#[tokio::test]
async fn another_device_of_the_account_takes_the_place_of_the_first() {
    let (platform, service) = (demo().await, Service::start().await);
    let (first, second) = (Browser::at(&service, "a"), Browser::at(&service, "b"));
    subscribe(&platform, "holder", "device", first.wanted()).await.unwrap();
    assert_eq!(subscribe(&platform, "holder", "device", second.wanted()).await.unwrap(), 2);
    assert_eq!(subscribe(&platform, "holder", "device", second.wanted()).await.unwrap(), 2, "again");
    let third = Browser::at(&service, "c");
    assert_eq!(subscribe(&platform, "holder", "new device", third.wanted()).await.unwrap(), 1);
    assert_eq!(unsubscribe(&platform, "another", &third.endpoint).await.unwrap(), 0);
    assert_eq!(left(&platform, "push").await, 1, "nobody ends another's");
    assert_eq!(unsubscribe(&platform, "holder", &third.endpoint).await.unwrap(), 0);
    assert_eq!(left(&platform, "push").await, 0);
}

#[tokio::test]
async fn the_oldest_beyond_four_are_forgotten() {
    let (platform, service) = (demo().await, Service::start().await);
    for n in 0..6 {
        platform.clock.advance_ms(1);
        let browser = Browser::at(&service, &n.to_string());
        subscribe(&platform, "holder", "device", browser.wanted()).await.unwrap();
    }
    assert_eq!(left(&platform, "push").await, 4);
}

#[tokio::test]
async fn a_subscription_that_leads_inside_or_has_no_keys_is_refused() {
    let (platform, service) = (platform_with(|_| {}).await, Service::start().await);
    let browser = Browser::at(&service, "a");
    let local = subscribe(&platform, "holder", "device", browser.wanted()).await;
    assert!(matches!(local, Err(PushRefusal::Address)), "this machine only in demo mode");
    let mut wanted = browser.wanted();
    wanted.endpoint = "https://push.example/a".into();
    wanted.keys.auth = "AAAA".into();
    let keys = subscribe(&platform, "holder", "device", wanted.clone()).await;
    assert!(matches!(keys, Err(PushRefusal::Keys)));
    wanted.keys = browser.wanted().keys;
    wanted.keys.p256dh = b64url_encode(&[4; 65]);
    assert!(matches!(subscribe(&platform, "holder", "device", wanted).await, Err(PushRefusal::Keys)));
    assert_eq!(left(&platform, "push").await, 0);
}

#[tokio::test]
async fn without_a_text_gateway_browsers_are_told_and_texts_wait() {
    let (platform, service) = (demo().await, Service::start().await);
    subscribe(&platform, "holder", "device", Browser::at(&service, "a").wanted()).await.unwrap();
    let message = crate::notification::Message::sms(
        &platform,
        crate::notification::Topic::Notice,
        "01000000000",
        "예시",
    );
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { crate::notification::enqueue(tx, message).await })
        })
        .await
        .unwrap();
    happened(&platform, "holder", PushKind::Resumed).await;
    deliver(&platform).await;
    assert_eq!((service.taken().len(), left(&platform, "outbox").await), (1, 1));
}

#[tokio::test]
async fn the_address_rests_sealed() {
    let (platform, service) = (demo().await, Service::start().await);
    let browser = Browser::at(&service, "secret-part");
    subscribe(&platform, "holder", "device", browser.wanted()).await.unwrap();
    let row =
        platform.store.fetch_one("SELECT subscription FROM notification_push", params![]).await.unwrap();
    let sealed = row.bytes("subscription").unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("secret-part"));
}

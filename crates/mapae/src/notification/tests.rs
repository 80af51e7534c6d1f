use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;

use super::gateway::{
    Asked, DemoGateway, GatewayConfigError, GatewayError, HttpGateway, Sms, SmsGateway, Taken, received,
};
use super::outbox::{self, Channel, Fate, Message, Outcome, Topic, enqueue, fate, pause};
use super::provider::Provider;
use super::smpp::{Length, MessageState, Receipt};
use super::{Settings, Worker, count, receipt};
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};
use crate::testing::{TestPlatform, platform, platform_with};

async fn put(platform: &TestPlatform, to: &str, text: &str) -> String {
    let message = Message::sms(platform, Topic::Notice, to, text);
    let id = message.id().to_owned();
    write(platform, message).await;
    id
}

async fn write(platform: &Arc<Platform>, message: Message) {
    platform
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { enqueue(tx, message).await }))
        .await
        .unwrap();
}

/// A gateway that answers as told and counts what it got, by message.
#[derive(Debug, Default)]
struct Scripted {
    refusals: AtomicUsize,
    error: Option<GatewayError>,
    got: Mutex<HashMap<String, usize>>,
}

impl SmsGateway for Scripted {
    fn send<'a>(&'a self, sms: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>> {
        Box::pin(async move {
            *self.got.lock().unwrap().entry(sms.id.to_owned()).or_default() += 1;
            tokio::task::yield_now().await;
            match self.error {
                Some(error)
                    if self
                        .refusals
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                        .is_ok() =>
                {
                    Err(error)
                }
                _ => Ok(Taken::default()),
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_workers_bring_each_message_once() {
    let platform = Arc::new(platform().await);
    for n in 0..40 {
        put(&platform, "01000000000", &format!("{n}")).await;
    }
    let gateway = Arc::new(Scripted::default());
    let workers = (0..64).map(|_| {
        let worker = Worker::new(Arc::clone(&platform.platform), Arc::<Scripted>::clone(&gateway));
        tokio::spawn(async move { while worker.round().await.unwrap() > 0 {} })
    });
    for worker in futures::future::join_all(workers).await {
        worker.unwrap();
    }
    let got = gateway.got.lock().unwrap();
    assert_eq!(got.len(), 40);
    assert!(got.values().all(|times| *times == 1), "{got:?}");
}

#[tokio::test]
async fn of_two_that_saw_the_same_message_waiting_one_gets_it() {
    let platform = platform().await;
    let (id, now) = (put(&platform, "01000000000", "once").await, platform.now_ms());
    let both = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                Ok((
                    outbox::claim_one(tx, &id, now).await?.is_some(),
                    outbox::claim_one(tx, &id, now).await?.is_some(),
                ))
            })
        })
        .await
        .unwrap();
    assert_eq!(both, (true, false));
}

#[tokio::test]
async fn what_is_rolled_back_is_never_told() {
    let platform = platform().await;
    let message = Message::sms(&platform, Topic::Notice, "01000000000", "no");
    let failed: Result<(), StoreError> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                enqueue(tx, message).await?;
                Err(StoreError::NotFound)
            })
        })
        .await;
    assert!(failed.is_err());
    assert!(outbox::claim(&platform, Channel::Sms, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_gateway_that_is_away_is_asked_again_after_growing_pauses() {
    let platform = platform().await;
    let id = put(&platform, "01000000000", "later").await;
    let gateway = Arc::new(Scripted {
        refusals: AtomicUsize::new(3),
        error: Some(GatewayError::Later("gateway_busy")),
        ..Scripted::default()
    });
    let worker = Worker::new(Arc::clone(&platform.platform), Arc::<Scripted>::clone(&gateway));
    for wait in [1_000, 2_000, 4_000] {
        assert_eq!(worker.round().await.unwrap(), 1);
        assert_eq!(fate(&platform.store, &id).await.unwrap(), Some(Fate::Waiting));
        platform.clock.advance_ms(wait - 1);
        assert_eq!(worker.round().await.unwrap(), 0, "not before {wait} ms");
        platform.clock.advance_ms(1);
    }
    assert_eq!(worker.round().await.unwrap(), 1);
    assert_eq!(fate(&platform.store, &id).await.unwrap(), Some(Fate::Sent { at: platform.now_ms() }));
    assert_eq!(gateway.got.lock().unwrap()[&id], 4);
    assert_eq!(pause(1_000_000), limits::OUTBOX_PAUSE.get());
}

#[tokio::test]
async fn after_the_last_try_or_a_plain_refusal_the_message_is_dead() {
    let platform = platform().await;
    let refused = put(&platform, "01000000000", "refused").await;
    let never = Arc::new(Scripted {
        refusals: AtomicUsize::new(1),
        error: Some(GatewayError::Never("gateway_refused")),
        ..Scripted::default()
    });
    Worker::new(Arc::clone(&platform.platform), never).round().await.unwrap();
    assert_eq!(fate(&platform.store, &refused).await.unwrap(), Some(Fate::Dead { at: platform.now_ms() }));

    let unlucky = put(&platform, "01000000000", "unlucky").await;
    let away = Arc::new(Scripted {
        refusals: AtomicUsize::new(usize::MAX),
        error: Some(GatewayError::Later("gateway_unreachable")),
        ..Scripted::default()
    });
    let worker = Worker::new(Arc::clone(&platform.platform), Arc::<Scripted>::clone(&away));
    for _ in 0..limits::OUTBOX_TRIES.get() {
        worker.round().await.unwrap();
        platform.clock.advance_ms(limits::OUTBOX_PAUSE.get());
    }
    assert!(matches!(fate(&platform.store, &unlucky).await.unwrap(), Some(Fate::Dead { .. })));
    assert_eq!(away.got.lock().unwrap()[&unlucky], 12);
    assert_eq!(worker.round().await.unwrap(), 0);
}

#[tokio::test]
async fn a_message_that_a_dead_worker_held_is_taken_over_and_its_late_word_does_not_count() {
    let platform = platform().await;
    let id = put(&platform, "01000000000", "crash").await;
    // The first worker claims and is never heard of, as after kill -9.
    let lost = outbox::claim(&platform, Channel::Sms, 10).await.unwrap().remove(0);
    assert!(outbox::claim(&platform, Channel::Sms, 10).await.unwrap().is_empty(), "held");
    platform.clock.advance_ms(limits::OUTBOX_LEASE.get());
    let taken = outbox::claim(&platform, Channel::Sms, 10).await.unwrap().remove(0);
    assert_eq!((taken.id.as_str(), taken.attempts), (id.as_str(), 2));
    let now = platform.now_ms();
    let settled = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let late = outbox::settle(tx, &lost, &Outcome::GiveUp("late"), now).await?;
                let good = outbox::settle(tx, &taken, &Outcome::Sent(Taken::default()), now).await?;
                Ok((late, good))
            })
        })
        .await
        .unwrap();
    assert_eq!(settled, (false, true));
    assert_eq!(fate(&platform.store, &id).await.unwrap(), Some(Fate::Sent { at: now }));
}

#[tokio::test]
async fn a_code_that_has_run_out_is_not_sent() {
    let platform = platform().await;
    let message =
        Message::sms(&platform, Topic::Code, "01000000000", "123456").until(platform.now_ms() + 180_000);
    let id = message.id().to_owned();
    write(&platform, message).await;
    platform.clock.advance_ms(180_000);
    let gateway = Arc::new(Scripted::default());
    Worker::new(Arc::clone(&platform.platform), Arc::<Scripted>::clone(&gateway)).round().await.unwrap();
    assert!(gateway.got.lock().unwrap().is_empty());
    assert!(matches!(fate(&platform.store, &id).await.unwrap(), Some(Fate::Dead { .. })));
}

#[tokio::test]
async fn number_and_text_are_sealed_and_gone_once_sent() {
    let platform = platform().await;
    let id = put(&platform, "01012345678", "비밀 문자").await;
    let payload = async || {
        platform
            .store
            .fetch_one("SELECT payload FROM notification_outbox WHERE id = $1", params![id.as_str()])
            .await
            .unwrap()
            .opt_bytes("payload")
            .unwrap()
    };
    let sealed = payload().await.unwrap();
    for plain in ["01012345678".as_bytes(), "비밀".as_bytes()] {
        assert!(!sealed.windows(plain.len()).any(|window| window == plain));
    }
    let demo = Arc::new(DemoGateway::new(Arc::clone(&platform.platform)));
    Worker::new(Arc::clone(&platform.platform), demo).round().await.unwrap();
    assert_eq!(payload().await, None);
    let inbox = received(&platform, Some("010-1234-5678")).await.unwrap();
    assert_eq!(inbox.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["비밀 문자"]);
    assert!(received(&platform, Some("01099999999")).await.unwrap().is_empty());
    platform.clock.advance_ms(limits::OUTBOX_KEEP.get() + 1);
    assert_eq!(outbox::sweep(&platform).await.unwrap(), 1);
    assert_eq!(fate(&platform.store, &id).await.unwrap(), None);
}

#[tokio::test]
async fn a_message_that_comes_twice_with_one_id_is_shown_once() {
    let platform = platform_with(|config| config.demo.enabled = true).await;
    let demo = DemoGateway::new(Arc::clone(&platform.platform));
    for _ in 0..2 {
        demo.send(Sms { id: "same", to: "01000000000", text: "once", life_ms: 60_000 }).await.unwrap();
    }
    assert_eq!(received(&platform, None).await.unwrap().len(), 1);
}

/// A gateway of somebody else: an HTTP server that answers with the given statuses, one after the other.
async fn server(statuses: Vec<u16>) -> (String, Arc<Mutex<Vec<(http::HeaderMap, String)>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let (seen, statuses) = (Arc::clone(&got), Arc::new(Mutex::new(statuses.into_iter())));
    let router = axum::Router::new().route(
        "/send",
        axum::routing::any(move |headers: http::HeaderMap, body: String| {
            let (seen, statuses) = (Arc::clone(&seen), Arc::clone(&statuses));
            async move {
                seen.lock().unwrap().push((headers, body));
                http::StatusCode::from_u16(statuses.lock().unwrap().next().unwrap_or(200)).unwrap()
            }
        }),
    );
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let service = hyper_util::service::TowerToHyperService::new(router);
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let service = service.clone();
            tokio::spawn(async move {
                let io = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
            });
        }
    });
    (format!("http://{address}/send"), got)
}

#[tokio::test]
async fn any_http_gateway_is_spoken_to_by_its_template() {
    let (url, got) = server(vec![200, 503, 409, 400]).await;
    let settings = Settings {
        url,
        headers: vec!["X-Api-Key: secret".to_owned()],
        body: r#"{"msg":{"receiver":"{to}","body":"{text}","ref":"{id}","sender":"{sender}"}}"#.to_owned(),
        sender: "0212345678".to_owned(),
        ..Settings::default()
    };
    let gateway = HttpGateway::new("first", &Provider::of(&settings), reqwest::Client::new()).unwrap();
    assert!(!format!("{gateway:?}").contains("secret"));
    let text = "줄\n\"따옴표\" {to} \\";
    let sms = || Sms { id: "m-1", to: "01000000000", text, life_ms: 60_000 };
    assert_eq!(gateway.send(sms()).await.map(|_| ()), Ok(()));
    assert_eq!(gateway.send(sms()).await.map(|_| ()), Err(GatewayError::Later("gateway_busy")));
    assert_eq!(gateway.send(sms()).await.map(|_| ()), Ok(()), "409: it has this id already");
    assert_eq!(gateway.send(sms()).await.map(|_| ()), Err(GatewayError::Never("gateway_refused")));
    let got = got.lock().unwrap();
    let (headers, body) = &got[0];
    assert_eq!(
        (&headers["x-api-key"], &headers["idempotency-key"]),
        (&"secret".parse().unwrap(), &"m-1".parse().unwrap())
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["msg"]["receiver"], "01000000000");
    assert_eq!(body["msg"]["body"], text, "what stands in a text is never taken for a blank");
    assert_eq!(body["msg"]["sender"], "0212345678");
}

#[tokio::test]
async fn a_gateway_that_cannot_be_reached_is_tried_later() {
    let settings = Settings { url: "http://127.0.0.1:9/send".to_owned(), ..Settings::default() };
    let gateway = HttpGateway::new("first", &Provider::of(&settings), reqwest::Client::new()).unwrap();
    let error = gateway.send(Sms { id: "m", to: "0", text: "t", life_ms: 60_000 }).await.unwrap_err();
    assert_eq!(error, GatewayError::Later("gateway_unreachable"));
}

#[test]
fn a_gateway_that_could_not_work_is_refused_at_the_start() {
    let good = Settings { url: "https://sms.example/send".to_owned(), ..Settings::default() };
    let with = |change: fn(&mut Settings)| {
        let mut settings = good.clone();
        change(&mut settings);
        HttpGateway::new("first", &Provider::of(&settings), reqwest::Client::new()).unwrap_err()
    };
    assert!(matches!(with(|s| s.url = "ftp://x".to_owned()), GatewayConfigError::Url(_)));
    assert!(matches!(with(|s| s.method = "DELETE".to_owned()), GatewayConfigError::Method));
    assert!(matches!(with(|s| s.body = "{text}".to_owned()), GatewayConfigError::Body(_)));
    let header = with(|s| s.headers = vec!["no colon secret".to_owned()]);
    assert!(matches!(header, GatewayConfigError::Header(_)));
}

/// A gateway whose first answer is lost, and which may or may not be asked what became of the message.
#[derive(Debug)]
struct Forgetful {
    sent: AtomicUsize,
    told: Asked,
}

fn taken() -> Taken {
    Taken { provider: "first", remote_id: Some("r-1".to_owned()), length: Some(Length::Sms) }
}

impl SmsGateway for Forgetful {
    fn send<'a>(&'a self, _: Sms<'a>) -> BoxFuture<'a, Result<Taken, GatewayError>> {
        let n = self.sent.fetch_add(1, Ordering::SeqCst);
        Box::pin(
            async move { if n == 0 { Err(GatewayError::Unknown("gateway_silent")) } else { Ok(taken()) } },
        )
    }

    fn ask<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Asked> {
        Box::pin(async { self.told.clone() })
    }
}

#[tokio::test]
async fn a_message_that_nobody_answered_is_asked_for_before_it_is_sent_again() {
    for (told, sent) in [(Asked::Taken(taken()), 1), (Asked::NotTaken, 2), (Asked::CannotTell, 2)] {
        let platform = platform().await;
        let id = put(&platform, "01000000000", "once").await;
        let gateway = Arc::new(Forgetful { sent: AtomicUsize::new(0), told });
        let worker = Worker::new(Arc::clone(&platform.platform), Arc::<Forgetful>::clone(&gateway));
        worker.round().await.unwrap();
        assert_eq!(fate(&platform.store, &id).await.unwrap(), Some(Fate::Waiting));
        platform.clock.advance_ms(1_000);
        worker.round().await.unwrap();
        assert!(matches!(fate(&platform.store, &id).await.unwrap(), Some(Fate::Sent { .. })));
        assert_eq!(gateway.sent.load(Ordering::SeqCst), sent);
        let standing = count::standing(&platform.store).await.unwrap();
        assert_eq!((standing.sent, standing.in_doubt), (1, 1), "the record says so");
        let lines = count::lines(&platform.store, 10).await.unwrap();
        assert_eq!((lines[0].messages, lines[0].doubts, lines[0].length.as_str()), (1, 1, "sms"));
    }
}

#[tokio::test]
async fn what_a_dead_worker_held_may_have_been_sent_and_is_told_so() {
    let platform = platform().await;
    put(&platform, "01000000000", "crash").await;
    outbox::claim(&platform, Channel::Sms, 10).await.unwrap();
    platform.clock.advance_ms(limits::OUTBOX_LEASE.get());
    let again = outbox::claim(&platform, Channel::Sms, 10).await.unwrap();
    assert!(again[0].in_doubt);
    assert_eq!(count::standing(&platform.store).await.unwrap().in_doubt, 1);
}

#[tokio::test]
async fn receipts_are_noted_with_the_message_they_name() {
    let platform = platform().await;
    put(&platform, "01000000000", "x").await;
    let gateway = Arc::new(Forgetful { sent: AtomicUsize::new(1), told: Asked::CannotTell });
    Worker::new(Arc::clone(&platform.platform), gateway).round().await.unwrap();
    let receipt = |state| Receipt { message_id: "r-1".to_owned(), state };
    let standing = async || count::standing(&platform.store).await.unwrap();
    receipt::note(&platform, vec![("second", receipt(MessageState::Delivered))]).await.unwrap();
    assert_eq!(standing().await.delivered, 0, "another provider's id");
    receipt::note(&platform, vec![("first", receipt(MessageState::Underway))]).await.unwrap();
    assert_eq!(standing().await.delivered, 0);
    receipt::note(&platform, vec![("first", receipt(MessageState::Failed))]).await.unwrap();
    receipt::note(&platform, vec![("first", receipt(MessageState::Delivered))]).await.unwrap();
    assert_eq!((standing().await.failed, standing().await.delivered), (1, 0), "the first final word counts");
}

#[tokio::test]
async fn a_notice_waits_for_the_morning_and_a_code_does_not() {
    let platform = platform().await;
    // 23:00 in Korea.
    platform.clock.advance_ms(14 * 3_600_000);
    put(&platform, "01000000000", "notice").await;
    let code = Message::sms(&platform, Topic::Code, "01000000000", "123456");
    let id = code.id().to_owned();
    write(&platform, code).await;
    let night = outbox::claim(&platform, Channel::Sms, 10).await.unwrap();
    assert_eq!(night.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    platform.clock.advance_ms(9 * 3_600_000);
    assert!(
        outbox::claim(&platform, Channel::Sms, 10).await.unwrap().len() == 2,
        "the notice, and the code's lease"
    );
}

//! Results brought to the relying party: signed, again until acknowledged, and nothing of them is kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use futures::future::join_all;
use http::StatusCode;
use keys::PublicKey;
use keys::jws::{Typ, Unverified};
use serde_json::{Value, json};

use super::{create, created, pick_up};
use crate::login::tests::support::{NAME, REDIRECT, World, count, registration};
use crate::operations::limits;
use crate::operations::store::StoreError;
use crate::operations::tasks::Tasks;
use crate::testing;
use crate::verification::{cli, webhook};

/// A relying party's endpoint that answers as it is told, the last answer again and again.
#[derive(Clone)]
struct Hook {
    got: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<u16>>>,
    url: String,
}

impl Hook {
    async fn answering(answers: &[u16]) -> Hook {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/mapae", listener.local_addr().unwrap().port());
        let hook = Hook { got: Arc::default(), answers: Arc::new(Mutex::new(answers.to_vec())), url };
        let router = axum::Router::new().route("/mapae", post(take)).with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        hook
    }

    fn bodies(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

async fn take(State(hook): State<Hook>, body: String) -> (StatusCode, [(http::HeaderName, &'static str); 1]) {
    hook.got.lock().unwrap().push(body);
    let mut answers = hook.answers.lock().unwrap();
    let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
    (StatusCode::from_u16(answer).unwrap(), [(http::header::LOCATION, "http://localhost:9/elsewhere")])
}

async fn world(hook: &Hook) -> World {
    let world = World::on(testing::platform_with(|config| config.demo.enabled = true).await).await;
    cli::webhook(&world.platform, "portal", Some(hook.url.clone())).await.unwrap();
    world
}

/// A verification that the phone has answered; its id and its public name.
async fn answered(world: &World) -> (String, String) {
    let created = created(world, json!({ "claims": ["name"], "webhook": true })).await;
    let asked = world.phone.fetch(world, created["link"].as_str().unwrap()).await;
    let reply = world.phone.present(world, &asked).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    (created["id"].as_str().unwrap().to_owned(), created["reference"].as_str().unwrap().to_owned())
}

/// The claims of an event, verified as a relying party would.
async fn verified(world: &World, body: &str) -> Value {
    let jwks = world.get("/verification/jwks", None).await.json();
    let unverified = Unverified::parse(body, 64 * 1024).unwrap();
    let jwk = &jwks["keys"][0];
    assert_eq!(unverified.header().kid.as_deref(), jwk["kid"].as_str());
    let key = PublicKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap();
    unverified.verify(&key, Typ::Is(webhook::TYP)).unwrap().claims().unwrap()
}

#[tokio::test]
async fn a_result_is_brought_signed_and_gone_when_it_was_acknowledged() {
    let hook = Hook::answering(&[204]).await;
    let world = world(&hook).await;
    let (id, reference) = answered(&world).await;
    let stored = world
        .platform
        .store
        .fetch_one("SELECT sealed FROM verification_event", crate::operations::store::params![])
        .await
        .unwrap();
    let stored = stored.bytes("sealed").unwrap();
    assert!(!stored.windows(NAME.len()).any(|window| window == NAME.as_bytes()), "sealed at rest");
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 1);

    let event = verified(&world, &hook.bodies()[0]).await;
    assert_eq!(event["aud"], "portal");
    assert_eq!(event["iss"], world.platform.config.public.origin());
    assert_eq!((&event["reference"], &event["jti"]), (&json!(reference), &json!(reference)));
    assert_eq!(event["exp"].as_i64().unwrap() - event["iat"].as_i64().unwrap(), 300);
    assert_eq!(event["verification"]["state"], "verified");
    assert_eq!(event["verification"]["claims"]["name"]["ko"], NAME);

    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_event").await, 0);
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_result").await, 0);
    let key = world.secrets.api_key.clone().unwrap();
    assert_eq!(pick_up(&world, &id, &key).await.code(), "verification_gone");
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 0);
}

#[tokio::test]
async fn it_is_brought_again_with_growing_pauses_until_it_is_acknowledged() {
    let hook = Hook::answering(&[503, 302, 400, 200]).await;
    let world = world(&hook).await;
    answered(&world).await;
    for (tries, wait) in [(1, 1_000), (2, 2_000), (3, 4_000)] {
        assert_eq!(webhook::round(&world.platform).await.unwrap(), 1);
        assert_eq!(hook.bodies().len(), tries, "no redirect is followed");
        world.platform.clock.advance_ms(wait - 1);
        assert_eq!(webhook::round(&world.platform).await.unwrap(), 0, "not before its time");
        world.platform.clock.advance_ms(1);
    }
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 1);
    let ids: Vec<Value> = join_all(hook.bodies().iter().map(|body| verified(&world, body)))
        .await
        .iter()
        .map(|event| event["jti"].clone())
        .collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| *id == ids[0]), "the same event each time");
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_event").await, 0);
    assert_eq!(
        (1..9).map(webhook::pause).collect::<Vec<_>>(),
        [1, 2, 4, 8, 16, 32, 60, 60].map(|s| s * 1_000)
    );
}

#[tokio::test]
async fn what_nobody_acknowledges_is_deleted_after_five_minutes() {
    let hook = Hook::answering(&[500]).await;
    let world = world(&hook).await;
    answered(&world).await;
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 1);
    world.platform.clock.advance_ms(300_000);
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 0, "its time is over");
    crate::verification::api::sweep(&world.platform.store, world.platform.now_ms()).await.unwrap();
    for table in
        ["SELECT COUNT(*) AS n FROM verification_event", "SELECT COUNT(*) AS n FROM verification_result"]
    {
        assert_eq!(count(&world, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn what_waits_for_a_name_that_does_not_resolve_is_brought_once_it_does() {
    let hook = Hook::answering(&[204]).await;
    let world = world(&hook).await;
    answered(&world).await;
    // Names under `.invalid` never resolve (RFC 6761 §6.4).
    let nowhere = "https://hook.invalid/mapae".to_owned();
    cli::webhook(&world.platform, "portal", Some(nowhere)).await.unwrap();
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 1);
    assert!(hook.bodies().is_empty());
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_event").await, 1, "it waits");
    // The name leads somewhere again.
    cli::webhook(&world.platform, "portal", Some(hook.url.clone())).await.unwrap();
    world.platform.clock.advance_ms(webhook::pause(1));
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 1);
    assert_eq!(verified(&world, &hook.bodies()[0]).await["verification"]["state"], "verified");
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM verification_event").await, 0);
}

#[tokio::test]
async fn a_result_that_is_picked_up_is_not_brought() {
    let hook = Hook::answering(&[204]).await;
    let world = world(&hook).await;
    let (id, _) = answered(&world).await;
    let key = world.secrets.api_key.clone().unwrap();
    assert_eq!(pick_up(&world, &id, &key).await.json()["state"], "verified");
    assert_eq!(webhook::round(&world.platform).await.unwrap(), 0);
    assert!(hook.bodies().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_workers_one_brings_an_event() {
    let hook = Hook::answering(&[204]).await;
    let world = world(&hook).await;
    answered(&world).await;
    let brought = join_all((0..64).map(|_| webhook::round(&world.platform))).await;
    assert_eq!(brought.into_iter().map(|tried| tried.unwrap()).sum::<usize>(), 1);
    assert_eq!(hook.bodies().len(), 1);
}

#[tokio::test]
async fn addresses_are_registered_and_judged_and_a_browsers_result_is_not_brought() {
    let world = World::new().await;
    let ask = |body: Value| create(&world, body);
    let unregistered = ask(json!({ "claims": ["name"], "webhook": true })).await;
    assert_eq!(
        (unregistered.status, unregistered.code().as_str()),
        (StatusCode::BAD_REQUEST, "verification_webhook")
    );
    for url in
        ["http://rp.example/hook", "https://10.0.0.1/hook", "https://localhost/hook", "https://intranet/"]
    {
        assert!(cli::webhook(&world.platform, "portal", Some(url.to_owned())).await.is_err(), "{url}");
    }
    cli::webhook(&world.platform, "portal", Some("https://rp.example/hook".to_owned())).await.unwrap();
    assert_eq!(ask(json!({ "claims": ["name"], "webhook": true })).await.status, StatusCode::CREATED);
    let beside = ask(json!({ "claims": ["name"], "webhook": true, "redirect_uri": REDIRECT })).await;
    assert_eq!(beside.code(), "verification_webhook");
    cli::webhook(&world.platform, "portal", None).await.unwrap();
    assert_eq!(ask(json!({ "claims": ["name"], "webhook": true })).await.code(), "verification_webhook");
}

/// An endpoint that takes calls and never answers; how many stand open, and how many were given up.
#[derive(Clone, Default)]
struct Hanging {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

async fn hang(State(hanging): State<Hanging>) {
    hanging.begun.fetch_add(1, Ordering::SeqCst);
    let _open = Open(hanging.ended);
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_hangs_keeps_no_other_relying_party_waiting() {
    let hook = Hook::answering(&[204]).await;
    let world = World::on(testing::platform_with(|config| config.demo.enabled = true).await).await;
    let hanging = Hanging::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/mapae", listener.local_addr().unwrap().port());
    let router = axum::Router::new().route("/mapae", post(hang)).with_state(hanging.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    cli::webhook(&world.platform, "portal", Some(url)).await.unwrap();
    cli::register(&world.platform, registration("other")).await.unwrap();
    cli::webhook(&world.platform, "other", Some(hook.url.clone())).await.unwrap();

    // More for the address that hangs than a worker carries at once, and all of it due before the other's.
    let many = limits::COURIER_GROUP.size() * 2;
    let event =
        |id: String, party| webhook::Event::new(&world.platform, &id, party, &json!({ "state": "verified" }));
    let portal: Vec<_> = (0..many).map(|n| event(format!("portal-{n}"), "portal")).collect();
    let other = event("other-1".to_owned(), "other");
    let unit = world.platform.store.write(move |tx| {
        Box::pin(async move {
            for event in portal {
                event.enqueue(tx).await?;
            }
            Ok::<(), StoreError>(())
        })
    });
    unit.await.unwrap();
    world.platform.clock.advance_ms(1);
    world.platform.store.write(move |tx| Box::pin(async move { other.enqueue(tx).await })).await.unwrap();

    let mut tasks = Tasks::default();
    let platform = Arc::clone(&world.platform);
    tasks.spawn(move |stop| webhook::run(platform, stop));
    let told = async {
        while hook.bodies().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), told).await.unwrap();
    let (begun, ended) = (hanging.begun.load(Ordering::SeqCst), hanging.ended.load(Ordering::SeqCst));
    assert!(begun - ended <= limits::COURIER_OF_ONE.size(), "{begun} begun, {ended} ended");
    assert_eq!(ended, 0, "the other was told while the first calls stood open");
    assert_eq!(verified(&world, &hook.bodies()[0]).await["aud"], "other");
}

//! A relying party's key endpoint as a stranger's: it may change its keys, lie, hang, or never stop talking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use keys::SecretKey;
use openid::form::Form;
use openid::oidc::assertion::{ASSERTION_TYPE, ClientAssertion};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::support::{Reply, World, registration};
use crate::login::registration::{ClientKeys, ClientSettings};
use crate::testing;

/// What the endpoint says, and how often it was asked.
struct Endpoint {
    asked: Arc<AtomicUsize>,
    world: World,
}

#[derive(Clone)]
enum Says {
    Body(Arc<std::sync::Mutex<String>>),
    Nothing,
    Forever,
    Elsewhere,
}

impl Endpoint {
    async fn saying(says: Says) -> Endpoint {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://localhost:{}/jwks", listener.local_addr().unwrap().port());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let says = says.clone();
                tokio::spawn(async move {
                    let mut request = [0_u8; 4_096];
                    let _ = stream.read(&mut request).await;
                    match says {
                        Says::Body(body) => {
                            let body = body.lock().unwrap().clone();
                            let head = format!(
                                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                                body.len()
                            );
                            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                        }
                        Says::Nothing => tokio::time::sleep(Duration::from_secs(600)).await,
                        Says::Forever => {
                            let _ = stream
                                .write_all(
                                    b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n{\"keys\":[",
                                )
                                .await;
                            let piece = vec![b' '; 64 * 1_024];
                            while stream.write_all(&piece).await.is_ok() {}
                        }
                        Says::Elsewhere => {
                            let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n").await;
                        }
                    }
                });
            }
        });
        let world = World::on(testing::platform_with(|config| config.demo.enabled = true).await).await;
        world.register(registration("signing")).await;
        let settings = ClientSettings { keys: ClientKeys::Address(address), ..ClientSettings::default() };
        world.configure("signing", settings).await;
        Endpoint { asked, world }
    }

    async fn ask(&self, key: &SecretKey, kid: &str) -> Reply {
        let now = self.world.platform.now_ms() / 1_000;
        let origin = self.world.platform.config.public.origin();
        let jti = keys::random::token();
        let text = ClientAssertion::make(key, kid, "signing", origin, &jti, now).unwrap();
        let form = Form::default()
            .with("token", "x")
            .with("client_assertion_type", ASSERTION_TYPE)
            .with("client_assertion", &text);
        self.world.post_form("/oidc/introspect", &form, &[]).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn set(keys: &[(&SecretKey, &str)]) -> String {
    let keys: Vec<_> =
        keys.iter().map(|(key, kid)| key.public_key().to_jwk().with_kid(*kid).to_value()).collect();
    json!({ "keys": keys }).to_string()
}

#[tokio::test]
async fn keys_are_remembered_and_a_new_one_is_looked_for() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let body = Arc::new(std::sync::Mutex::new(set(&[(&old, "old")])));
    let endpoint = Endpoint::saying(Says::Body(Arc::clone(&body))).await;
    for _ in 0..3 {
        assert_eq!(endpoint.ask(&old, "old").await.status, StatusCode::OK);
    }
    assert_eq!(endpoint.asked(), 1, "remembered");
    *body.lock().unwrap() = set(&[(&old, "old"), (&new, "new")]);
    for kid in ["new", "made-up", "made-up-too"] {
        assert_eq!(endpoint.ask(&new, kid).await.status, StatusCode::UNAUTHORIZED, "{kid}: looked just now");
    }
    assert_eq!(endpoint.asked(), 1, "made-up names make us call nobody");
    endpoint.world.platform.clock.advance_ms(30_000);
    assert_eq!(endpoint.ask(&new, "new").await.status, StatusCode::OK);
    assert_eq!(endpoint.asked(), 2);
    // A key that was taken away is good for five minutes at the most.
    *body.lock().unwrap() = set(&[(&new, "new")]);
    endpoint.world.platform.clock.advance_ms(300_000);
    assert_eq!(endpoint.ask(&old, "old").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_endpoint_that_hangs_costs_five_seconds_once() {
    let endpoint = Endpoint::saying(Says::Nothing).await;
    let key = SecretKey::generate();
    let begun = Instant::now();
    assert_eq!(endpoint.ask(&key, "one").await.code(), "invalid_client");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let again = Instant::now();
    assert_eq!(endpoint.ask(&key, "one").await.code(), "invalid_client");
    assert!(again.elapsed() < Duration::from_secs(1) && endpoint.asked() == 1, "not asked again at once");
}

#[tokio::test]
async fn an_endpoint_that_never_stops_talking_is_cut_off() {
    let endpoint = Endpoint::saying(Says::Forever).await;
    let begun = Instant::now();
    assert_eq!(endpoint.ask(&SecretKey::generate(), "one").await.code(), "invalid_client");
    assert!(begun.elapsed() < Duration::from_secs(3), "a gigabyte was not waited for: {:?}", begun.elapsed());
}

#[tokio::test]
async fn an_endpoint_that_lies_or_points_elsewhere_is_not_believed() {
    let key = SecretKey::generate();
    let elsewhere = Endpoint::saying(Says::Elsewhere).await;
    assert_eq!(elsewhere.ask(&key, "one").await.code(), "invalid_client");
    for body in [
        "<html>".to_owned(),
        "{\"keys\":[]}".to_owned(),
        "{\"keys\":[],\"keys\":[]}".to_owned(),
        set(&[(&SecretKey::generate(), "one")]),
    ] {
        let endpoint = Endpoint::saying(Says::Body(Arc::new(std::sync::Mutex::new(body.clone())))).await;
        assert_eq!(endpoint.ask(&key, "one").await.code(), "invalid_client", "{body}");
    }
}

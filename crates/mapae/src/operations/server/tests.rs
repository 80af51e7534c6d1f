use std::time::Duration;

use axum::body::Body;
use axum::routing::post;
use http::{Request, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::*;
use crate::testing;

/// A router with one route of each kind of trouble behind the real edge.
fn troubled() -> Router {
    let router = Router::new()
        .route("/json", post(|Json(_): Json<std::collections::BTreeMap<String, i64>>| async { "fine" }))
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .route(
            "/oauth",
            get(|| async {
                (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": "invalid_grant" })))
            }),
        )
        .route("/secret/{id}", get(|| async { "fine" }))
        .fallback(|| async { StatusCode::NOT_FOUND });
    guarded("test", &Default::default(), router)
}

async fn ask(request: Request<Body>) -> Response<Body> {
    troubled().oneshot(request).await.expect("answer")
}

async fn told(response: Response<Body>) -> Value {
    let kind =
        response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    assert_eq!(kind.as_deref(), Some("application/problem+json"));
    let status = response.status().as_u16();
    let id = response.headers()["x-request-id"].to_str().expect("text").to_owned();
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("body");
    let problem: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["instance"], id.as_str());
    problem
}

fn json(body: impl Into<Body>) -> Request<Body> {
    Request::post("/json").header("content-type", "application/json").body(body.into()).expect("request")
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_code_and_request_id() {
    let get = |path: &str| Request::get(path).body(Body::empty()).expect("request");
    let large = "1".repeat(limits::HTTP_BODY.size() + 1);
    for (request, status, code) in [
        (get("/nowhere"), 404, "not_found"),
        (get("/json"), 405, "method_not_allowed"),
        (json("{"), 400, "bad_request"),
        (json(r#"{"a":"b"}"#), 422, "unprocessable"),
        (Request::post("/json").body(Body::from("{}")).expect("request"), 415, "unsupported_media_type"),
        (json(large), 413, "payload_too_large"),
        (get("/panic"), 500, "internal"),
    ] {
        let what = request.uri().to_string();
        let response = ask(request).await;
        assert_eq!(response.status().as_u16(), status, "{what}");
        if status == 405 {
            assert_eq!(response.headers()[header::ALLOW], "POST");
        }
        assert_eq!(told(response).await["code"], code, "{what}");
    }
}

#[tokio::test]
async fn a_problem_speaks_the_language_asked_for() {
    for (accept, word) in [("en", "Check the address"), ("ko", "주소를 확인해"), ("de", "주소를 확인해")]
    {
        let request =
            Request::get("/nowhere").header("accept-language", accept).body(Body::empty()).expect("request");
        let problem = told(ask(request).await).await;
        assert!(problem["detail"].as_str().expect("detail").contains(word), "{accept}: {problem}");
    }
}

#[tokio::test]
async fn an_error_that_speaks_its_own_standard_is_left_alone() {
    let response = ask(Request::get("/oauth").body(Body::empty()).expect("request")).await;
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("body");
    assert_eq!(&body[..], br#"{"error":"invalid_grant"}"#);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    for path in ["/secret/1", "/nowhere", "/panic"] {
        let response = ask(Request::get(path).body(Body::empty()).expect("request")).await;
        let headers = response.headers();
        assert_eq!(headers["content-security-policy"], edge::CONTENT_SECURITY_POLICY);
        assert!(!edge::CONTENT_SECURITY_POLICY.contains("unsafe"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn the_api_describes_itself_without_conflicts() {
    for (_, api) in [public_api(), console_api()] {
        assert_eq!(api.info.title, "Mapae");
        let text = api.to_json().expect("JSON");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let schemas = value["components"]["schemas"].as_object().expect("schemas");
        // Every reference has its target.
        for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().expect("name");
            assert!(schemas.contains_key(name), "{name} is referred to and missing");
        }
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_a_page_for_people_and_a_problem_for_programs() {
    let platform = testing::platform().await;
    for router in [public_router(&platform), console_router(&platform)] {
        for (accept, kind) in [("text/html,*/*;q=0.8", "text/html"), ("*/*", "application/problem+json")] {
            let request =
                Request::get("/nowhere").header("accept", accept).body(Body::empty()).expect("request");
            let response = router.clone().oneshot(request).await.expect("answer");
            assert_eq!(response.status(), 404);
            let got = response.headers()[header::CONTENT_TYPE].to_str().expect("text").to_owned();
            assert!(got.starts_with(kind), "{got}");
        }
    }
}

/// A PKCS #8 file of a P-256 key (RFC 5915 inside RFC 5208), as an operator would have one.
fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", keys::encoding::b64_encode(der))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_where_a_certificate_is_configured() {
    let folder = std::env::temp_dir().join(format!("mapae-tls-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder).expect("folder");
    let (certificate, key_file) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let key = keys::SecretKey::generate();
    let now = crate::operations::clock::Clock::now_s(&crate::operations::SystemClock);
    let root = keys::x509::root(&key, "localhost", now - 60, now + 3_600).expect("certificate");
    let head =
        keys::encoding::hex_decode("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420");
    let der = [head.expect("hex").as_slice(), key.to_bytes().as_slice()].concat();
    std::fs::write(&certificate, pem("CERTIFICATE", root.der())).expect("write");
    std::fs::write(&key_file, pem("PRIVATE KEY", &der)).expect("write");

    let platform = testing::platform_with(|config| {
        config.public.tls_certificate.clone_from(&certificate);
        config.public.tls_key.clone_from(&key_file);
    })
    .await;
    let server = Server::start(Arc::clone(&platform.platform)).await.expect("server");
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().expect("client");
    let response =
        client.get(format!("https://{}/openapi.json", server.public)).send().await.expect("answer");
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    assert!(
        reqwest::get(format!("http://{}/openapi.json", server.public)).await.is_err(),
        "no plain HTTP there"
    );
    server.stop().await;

    std::fs::write(&key_file, "nothing").expect("write");
    let refused = Server::start(Arc::clone(&platform.platform)).await.expect_err("refused").to_string();
    assert!(refused.contains("key.pem"), "{refused}");
    std::fs::remove_dir_all(folder).expect("clean");
}

async fn running() -> (testing::TestPlatform, Server) {
    let platform = testing::platform().await;
    let server = Server::start(Arc::clone(&platform.platform)).await.expect("server");
    (platform, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_probes_answer_on_their_own_listener_and_nowhere_else() {
    let (_platform, server) = running().await;
    let status = |address: SocketAddr, path: &'static str| async move {
        reqwest::get(format!("http://{address}{path}")).await.expect("answer").status().as_u16()
    };
    assert_eq!(status(server.metrics, "/healthz").await, 200);
    assert_eq!(status(server.metrics, "/readyz").await, 200);
    assert_eq!(status(server.metrics, "/metrics").await, 200);
    assert_eq!(status(server.public, "/metrics").await, 404);
    assert_eq!(status(server.console, "/metrics").await, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_stop_is_there_and_later_requests_find_nobody() {
    let (platform, server) = running().await;
    let address = server.public;
    let mut idle = TcpStream::connect(address).await.expect("connected");
    let store = platform.store.clone();
    let writing = tokio::spawn(async move {
        let mut written = 0_u32;
        while crate::operations::store::tests::mark(&store, format!("id{written}")).await.unwrap_or(false) {
            written += 1;
        }
        written
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop().await;
    let written = writing.await.expect("task");
    assert!(written > 0);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await; // ends: the idle connection was closed
    let again = crate::operations::Platform::open(platform.config.clone(), platform.platform.clock.clone())
        .await
        .expect("open");
    let row = again
        .store
        .fetch_one("SELECT COUNT(*) AS n FROM once", crate::operations::params![])
        .await
        .expect("count");
    assert_eq!(row.int("n").expect("n"), i64::from(written));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_too_large_are_refused_and_the_server_goes_on() {
    let (_platform, server) = running().await;
    let mut stream = TcpStream::connect(server.public).await.expect("connected");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.expect("written");
    let line = format!("x-long: {}\r\n", "a".repeat(8_000));
    for _ in 0..8 {
        if stream.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    let response = reqwest::get(format!("http://{}/healthz", server.metrics)).await.expect("answer");
    assert_eq!(response.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_of_ours_a_request_comes_from_whom_it_speaks_for() {
    let platform = testing::platform_with(|config| {
        config.login.proxies = vec!["192.0.2.1/32".to_owned().try_into().expect("a network")];
    })
    .await;
    let whoever = get(|source: crate::staff::Source| async move { source.0.to_string() });
    let router = explained(&platform, Router::new().route("/", whoever));
    for (peer, expected) in [("192.0.2.1:9", "203.0.113.9"), ("192.0.2.2:9", "192.0.2.2")] {
        let peer: SocketAddr = peer.parse().expect("an address");
        let request = Request::get("/").header("x-forwarded-for", "198.51.100.1, 203.0.113.9");
        let request = request.extension(ConnectInfo(peer)).body(Body::empty()).expect("request");
        let answer = router.clone().oneshot(request).await.expect("answer");
        let body = axum::body::to_bytes(answer.into_body(), 100).await.expect("body");
        assert_eq!(body, expected);
    }
}

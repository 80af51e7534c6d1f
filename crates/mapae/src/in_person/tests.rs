//! Two WebSockets of one channel, and the page.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tower::ServiceExt as _;

use super::*;
use crate::operations::store::{Engine, params};
use crate::testing::{self, TestPlatform};

use futures::{SinkExt as _, StreamExt as _};

type Socket = WebSocketStream<TcpStream>;

/// A hall where phones and readers meet.
struct Hall {
    address: std::net::SocketAddr,
    platform: TestPlatform,
}

impl Hall {
    async fn open() -> Hall {
        let platform = testing::platform().await;
        let address = doors(Arc::clone(&platform.platform)).await;
        Hall { address, platform }
    }

    async fn enter(&self, path: &str) -> Result<Socket, StatusCode> {
        enter(self.address, path).await
    }

    async fn pair(&self) -> (Socket, Socket) {
        let channel = channel();
        let phone = self.enter(&format!("{channel}/phone")).await.unwrap();
        (phone, self.enter(&channel).await.unwrap())
    }
}

async fn doors(platform: Arc<Platform>) -> std::net::SocketAddr {
    let router = axum::Router::from(public_routes()).with_state(platform);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn enter(address: std::net::SocketAddr, path: &str) -> Result<Socket, StatusCode> {
    {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/in-person/{path}");
        match tokio_tungstenite::client_async(url, stream).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => Err(answer.status()),
            Err(error) => panic!("{error}"),
        }
    }
}

fn channel() -> String {
    keys::encoding::b64url_encode(&keys::random::bytes::<16>())
}

async fn heard(socket: &mut Socket) -> Option<Vec<u8>> {
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => Some(bytes.to_vec()),
        Some(Ok(Message::Close(_)) | Err(_)) | None => None,
        Some(Ok(other)) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_one_says_the_other_hears_and_a_third_hears_nothing() {
    let hall = Hall::open().await;
    let channel = channel();
    assert_eq!(hall.enter(&channel).await.unwrap_err(), StatusCode::NOT_FOUND, "nobody waits yet");
    let mut phone = hall.enter(&format!("{channel}/phone")).await.unwrap();
    assert_eq!(hall.enter(&format!("{channel}/phone")).await.unwrap_err(), StatusCode::CONFLICT);
    let mut reader = hall.enter(&channel).await.unwrap();
    assert_eq!(hall.enter(&channel).await.unwrap_err(), StatusCode::NOT_FOUND, "one reader only");

    reader.send(Message::Binary(b"asked".to_vec().into())).await.unwrap();
    assert_eq!(heard(&mut phone).await.unwrap(), b"asked");
    phone.send(Message::Binary(b"told".to_vec().into())).await.unwrap();
    assert_eq!(heard(&mut reader).await.unwrap(), b"told");
    reader.close(None).await.unwrap();
    assert_eq!(heard(&mut phone).await, None);
}

/// Two processes on one PostgreSQL; `None` on an embedded store, which has but one.
async fn two_halls() -> Option<(Hall, std::net::SocketAddr, Arc<Platform>)> {
    let hall = Hall::open().await;
    if hall.platform.store.engine() == Engine::Sqlite {
        return None;
    }
    let other = hall.platform.replica().await;
    let address = doors(Arc::clone(&other)).await;
    Some((hall, address, other))
}

async fn rows(platform: &Platform) -> i64 {
    let sql =
        "SELECT (SELECT COUNT(*) FROM in_person_meeting) + (SELECT COUNT(*) FROM in_person_message) AS n";
    platform.store.fetch_one(sql, params![]).await.unwrap().int("n").unwrap()
}

#[tokio::test]
async fn nothing_is_kept_of_a_meeting_within_one_process() {
    let hall = Hall::open().await;
    let (mut phone, mut reader) = hall.pair().await;
    reader.send(Message::Binary(b"asked".to_vec().into())).await.unwrap();
    assert_eq!(heard(&mut phone).await.unwrap(), b"asked");
    assert_eq!(rows(&hall.platform).await, 0, "with two sockets of one process, none is needed any more");
    reader.close(None).await.unwrap();
    assert_eq!(heard(&mut phone).await, None);
}

#[tokio::test]
async fn a_phone_and_a_reader_at_different_processes_hear_each_other_and_no_third() {
    let Some((hall, elsewhere, other)) = two_halls().await else { return };
    let channel = channel();
    assert_eq!(enter(elsewhere, &channel).await.unwrap_err(), StatusCode::NOT_FOUND, "nobody waits yet");
    let mut phone = hall.enter(&format!("{channel}/phone")).await.unwrap();
    let again = enter(elsewhere, &format!("{channel}/phone")).await;
    assert_eq!(again.unwrap_err(), StatusCode::CONFLICT, "one phone");
    let mut reader = enter(elsewhere, &channel).await.unwrap();
    assert_eq!(hall.enter(&channel).await.unwrap_err(), StatusCode::NOT_FOUND, "one reader only");
    assert_eq!(enter(elsewhere, &channel).await.unwrap_err(), StatusCode::NOT_FOUND, "one reader only");

    for n in 0..3_u8 {
        let large = vec![n; limits::IN_PERSON_MESSAGE.size()];
        reader.send(Message::Binary(large.clone().into())).await.unwrap();
        assert_eq!(heard(&mut phone).await.unwrap(), large);
        phone.send(Message::Binary(vec![n, 1].into())).await.unwrap();
        assert_eq!(heard(&mut reader).await.unwrap(), [n, 1]);
    }
    reader.close(None).await.unwrap();
    assert_eq!(heard(&mut phone).await, None);
    while rows(&other).await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_readers_that_race_at_two_processes_one_meets_the_phone() {
    let Some((hall, elsewhere, _other)) = two_halls().await else { return };
    let channel = channel();
    let mut phone = hall.enter(&format!("{channel}/phone")).await.unwrap();
    let racing = (0..16).map(|n| {
        let address = if n % 2 == 0 { hall.address } else { elsewhere };
        let channel = channel.clone();
        async move { enter(address, &channel).await }
    });
    let came = futures::future::join_all(racing).await;
    let mut readers: Vec<Socket> = came.into_iter().filter_map(Result::ok).collect();
    assert_eq!(readers.len(), 1);
    readers[0].send(Message::Binary(b"asked".to_vec().into())).await.unwrap();
    assert_eq!(heard(&mut phone).await.unwrap(), b"asked");
}

#[tokio::test]
async fn a_reader_whose_phone_s_process_died_is_told_that_nobody_is_there() {
    let Some((hall, elsewhere, other)) = two_halls().await else { return };
    let channel = channel();
    // The row of a process that is no more.
    let meeting = across::name(&relay::Channel::parse(&channel).unwrap());
    let until = hall.platform.now_ms() + 60_000;
    let left = other.store.write::<_, crate::operations::StoreError, _>(move |tx| {
        Box::pin(async move {
            let sql = "INSERT INTO in_person_meeting (channel, phone, until_at) VALUES ($1, 'gone', $2)";
            tx.execute(sql, params![meeting, until]).await
        })
    });
    left.await.unwrap();
    let mut reader = enter(elsewhere, &channel).await.unwrap();
    match reader.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 4000),
        told => panic!("{told:?}"),
    }
}

#[tokio::test]
async fn a_phone_that_left_is_not_joined_and_its_channel_is_free() {
    let hall = Hall::open().await;
    let channel = channel();
    let mut phone = hall.enter(&format!("{channel}/phone")).await.unwrap();
    phone.close(None).await.unwrap();
    assert_eq!(heard(&mut phone).await, None);
    while hall.enter(&channel).await.is_ok() {}
    assert_eq!(hall.enter(&channel).await.unwrap_err(), StatusCode::NOT_FOUND);
    assert!(hall.enter(&format!("{channel}/phone")).await.is_ok());
}

#[tokio::test]
async fn what_is_out_of_bounds_ends_the_meeting() {
    let hall = Hall::open().await;
    // Before anybody asked, a phone has nothing to say.
    let mut early = hall.enter(&format!("{}/phone", channel())).await.unwrap();
    early.send(Message::Binary(b"hello".to_vec().into())).await.unwrap();
    assert_eq!(heard(&mut early).await, None);

    let (mut phone, mut reader) = hall.pair().await;
    reader.send(Message::Text("words".into())).await.unwrap();
    assert_eq!(heard(&mut phone).await, None);

    let (mut phone, mut reader) = hall.pair().await;
    let most = limits::IN_PERSON_MESSAGE.size();
    reader.send(Message::Binary(vec![7; most].into())).await.unwrap();
    assert_eq!(heard(&mut phone).await.unwrap().len(), most);
    let _ = reader.send(Message::Binary(vec![7; most + 1].into())).await;
    assert_eq!(heard(&mut phone).await, None);

    let (mut phone, mut reader) = hall.pair().await;
    for _ in 0..limits::IN_PERSON_MESSAGES.get() {
        reader.send(Message::Binary(b"again".to_vec().into())).await.unwrap();
        assert_eq!(heard(&mut phone).await.unwrap(), b"again");
    }
    let _ = reader.send(Message::Binary(b"again".to_vec().into())).await;
    assert_eq!(heard(&mut phone).await, None);
}

#[tokio::test]
async fn only_channels_of_128_bits_are_known_and_only_over_websockets() {
    let hall = Hall::open().await;
    for bad in ["x", "AAAA", &"A".repeat(43), "AAAAAAAAAAAAAAAAAAAAA%2F"] {
        assert_eq!(hall.enter(bad).await.unwrap_err(), StatusCode::NOT_FOUND, "{bad}");
        assert_eq!(hall.enter(&format!("{bad}/phone")).await.unwrap_err(), StatusCode::NOT_FOUND, "{bad}");
    }
    let router = axum::Router::from(public_routes()).with_state(Arc::clone(&hall.platform.platform));
    let plain = Request::get(format!("/in-person/{}", channel())).body(Body::empty()).unwrap();
    assert!(router.oneshot(plain).await.unwrap().status().is_client_error());
}

#[tokio::test]
async fn the_page_names_its_words_and_its_registrar_in_both_languages() {
    let hall = Hall::open().await;
    for language in ["ko", "en"] {
        let router = axum::Router::from(public_routes()).with_state(Arc::clone(&hall.platform.platform));
        let asked = Request::get("/check").header("accept-language", language).body(Body::empty()).unwrap();
        let answer = router.oneshot(asked).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"));
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("data-document=\"io.mapae.badge.1\""));
        let words = text.split("id=\"words\">").nth(1);
        if let Some(words) = words.and_then(|rest| rest.split("</script>").next()) {
            let words: serde_json::Value = serde_json::from_str(words).unwrap();
            assert!(words["meeting.gone"].as_str().unwrap().len() > 20);
            assert!(words["refusals"]["suspended"].as_str().unwrap().len() > 5);
        } else {
            // A binary without the modules says what is missing.
            assert!(!crate::wallet_app::has("check.js"));
        }
    }
}

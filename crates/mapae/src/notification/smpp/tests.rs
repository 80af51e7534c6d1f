//! A gateway played on a socket: what it takes, what it loses, and what we say of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::pdu::{self, Pdu, Submission, id, status};
use super::{Length, MessageState, SmppGateway, length, text};
use crate::notification::gateway::{Asked, GatewayError, Sms, SmsGateway};
use crate::notification::provider::{Provider, Providers};
use crate::testing::TestClock;

fn provider(port: u16) -> Provider {
    Provider {
        url: format!("smpp://127.0.0.1:{port}"),
        sender: "02-123-4567".to_owned(),
        system_id: "mapae".to_owned(),
        password: "secret".to_owned(),
        ..Provider::default()
    }
}

fn sms(text: &str) -> Sms<'_> {
    Sms { id: "m", to: "01000000000", text, life_ms: 180_000 }
}

/// What a played gateway does with its n-th submission, counted from 1.
type Play = fn(usize, &Pdu) -> Option<Pdu>;

/// A gateway; the number of submissions that reached it is told.
async fn gateway(play: Play) -> (u16, Arc<AtomicUsize>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = socket.accept().await.unwrap();
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut received = Vec::new();
                let mut block = [0_u8; 4096];
                loop {
                    while let Ok(Some(unit)) = Pdu::take(&mut received) {
                        let mut answers = Vec::new();
                        match unit.command {
                            id::SUBMIT_SM => {
                                let n = count.fetch_add(1, Ordering::SeqCst) + 1;
                                match play(n, &unit) {
                                    Some(answer) => answers.push(answer),
                                    None => return,
                                }
                                answers.push(receipt_of(&format!("id-{n}")));
                            }
                            id::QUERY_SM => {
                                let mut answer = unit.answer(status::OK);
                                answer.body = b"id-1\0\0\x05\0".to_vec();
                                answers.push(answer);
                            }
                            _ if unit.is_response() => {}
                            _ => {
                                let mut answer = unit.answer(status::OK);
                                answer.body = b"smsc\0".to_vec();
                                answers.push(answer);
                            }
                        }
                        for answer in answers {
                            stream.write_all(&answer.encode()).await.unwrap();
                        }
                    }
                    match stream.read(&mut block).await {
                        Ok(count) if count > 0 => received.extend_from_slice(&block[..count]),
                        _ => return,
                    }
                }
            });
        }
    });
    (port, reached)
}

fn receipt_of(message_id: &str) -> Pdu {
    let words = format!(
        "id:{message_id} sub:001 dlvrd:001 submit date:2611240900 done date:2611240900 stat:DELIVRD err:000 text:"
    );
    let mut body = b"\0\0\x01010\0\0\x0102\0\x04\0\0\0\0\0\0\0\0".to_vec();
    body.push(u8::try_from(words.len()).unwrap());
    body.extend_from_slice(words.as_bytes());
    Pdu::new(id::DELIVER_SM, 7, body)
}

fn taken(n: usize, unit: &Pdu) -> Option<Pdu> {
    let mut answer = unit.answer(status::OK);
    answer.body = format!("id-{n}\0").into_bytes();
    Some(answer)
}

#[tokio::test]
async fn a_message_is_taken_under_an_id_and_its_receipt_names_it() {
    let (port, reached) = gateway(taken).await;
    let gateway = SmppGateway::new("first", &provider(port)).unwrap();
    let taken = gateway.send(sms("[예시] 인증번호는 123456입니다.")).await.unwrap();
    assert_eq!((taken.provider, taken.remote_id.as_deref()), ("first", Some("id-1")));
    assert_eq!(taken.length, Some(Length::Sms));
    let mut receipts = Vec::new();
    for _ in 0..100 {
        receipts.extend(gateway.receipts());
        if !receipts.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(receipts.len(), 1);
    assert_eq!((receipts[0].0, receipts[0].1.message_id.as_str()), ("first", "id-1"));
    assert_eq!(receipts[0].1.state, MessageState::Delivered);
    assert_eq!(gateway.state_of("first", "id-1").await, Some(MessageState::Failed), "asked by its id");
    assert_eq!(gateway.state_of("second", "id-1").await, None);
    assert_eq!(gateway.ask("m").await, Asked::CannotTell);
    assert_eq!(reached.load(Ordering::SeqCst), 1);
    assert!(!format!("{gateway:?}").contains("secret"));
}

#[tokio::test]
async fn a_gateway_that_dies_after_it_took_a_message_leaves_its_fate_unknown() {
    let (port, reached) = gateway(|n, unit| if n == 1 { None } else { taken(n, unit) }).await;
    let gateway = SmppGateway::new("first", &provider(port)).unwrap();
    assert_eq!(gateway.send(sms("하나")).await, Err(GatewayError::Unknown("gateway_silent")));
    assert!(gateway.send(sms("둘")).await.is_ok(), "bound again for the next");
    assert_eq!(reached.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn refusals_are_told_apart_from_overload() {
    let (port, _) = gateway(|n, unit| {
        Some(unit.answer(match n {
            1 => status::THROTTLED,
            2 => status::QUEUE_FULL,
            _ => 0x0b,
        }))
    })
    .await;
    let gateway = SmppGateway::new("first", &provider(port)).unwrap();
    for _ in 0..2 {
        assert_eq!(gateway.send(sms("x")).await, Err(GatewayError::Later("gateway_busy")));
    }
    assert_eq!(gateway.send(sms("x")).await, Err(GatewayError::Never("gateway_refused")));
    let too_long = "가".repeat(1_001);
    assert_eq!(gateway.send(sms(&too_long)).await, Err(GatewayError::Never("too_long")));
}

#[tokio::test]
async fn the_second_provider_takes_over_only_what_the_first_did_not_take() {
    let (port, reached) = gateway(taken).await;
    let (deaf, deaf_reached) = gateway(|_, _| None).await;
    let second = || Arc::new(SmppGateway::new("second", &provider(port)).unwrap());
    let away = Arc::new(SmppGateway::new("first", &provider(9)).unwrap());
    let clock = Arc::new(TestClock::default());
    let providers = Providers::of(away, Some(second()), clock);
    assert_eq!(providers.send(sms("x")).await.unwrap().provider, "second");
    let silent = Arc::new(SmppGateway::new("first", &provider(deaf)).unwrap());
    let providers = Providers::of(silent, Some(second()), Arc::new(TestClock::default()));
    assert!(matches!(providers.send(sms("x")).await, Err(GatewayError::Unknown(_))), "it may have it");
    assert_eq!((reached.load(Ordering::SeqCst), deaf_reached.load(Ordering::SeqCst)), (1, 1));
}

#[test]
fn ninety_bytes_are_short_and_two_thousand_long() {
    assert_eq!(length(&"가".repeat(45)), Some(Length::Sms));
    assert_eq!(length(&format!("{}a", "가".repeat(45))), Some(Length::Lms));
    assert_eq!(length(&"가".repeat(1_000)), Some(Length::Lms));
    assert_eq!(length(&"가".repeat(1_001)), None);
    let korean = text::encode("똠방각하").unwrap();
    assert_eq!((korean.data_coding, korean.bytes.len()), (0x0e, 8), "CP949 has what old EUC-KR lacks");
    let other = text::encode("नमस्ते").unwrap();
    assert_eq!((other.data_coding, other.length), (0x08, Length::Sms));
    let long = text::encode(&"가".repeat(46)).unwrap();
    let body = pdu::submit(&Submission {
        from: "021234567",
        to: "01000000000",
        data_coding: long.data_coding,
        bytes: &long.bytes,
        long: true,
        validity_s: 90_061,
    });
    let payload = [0x04, 0x24, 0, 92];
    assert!(body.windows(4).any(|window| window == payload), "as a payload, so that it stays one message");
    assert!(
        body.windows(16).any(|window| window == b"000001010101000R"),
        "a day, an hour, a minute, a second"
    );
}

#[test]
fn a_gateway_that_could_not_work_is_refused_at_the_start() {
    let with = |change: fn(&mut Provider)| {
        let mut provider = provider(2775);
        change(&mut provider);
        SmppGateway::new("first", &provider).is_err()
    };
    assert!(!with(|_| {}));
    assert!(with(|provider| provider.url = "smpp://host".to_owned()));
    assert!(with(|provider| provider.url = "smpps://host:3550".to_owned()), "whose certificate is believed?");
    assert!(with(|provider| provider.sender = "Mapae".to_owned()), "carriers refuse it");
    assert!(with(|provider| {
        provider.url = "smpps://host:3550".to_owned();
        provider.ca = "/nonexistent.pem".into();
    }));
}

#[test]
fn receipts_are_read_from_parameters_and_from_words() {
    let unit = receipt_of("abc");
    let receipt = pdu::receipt(&unit.body).unwrap().unwrap();
    assert_eq!((receipt.message_id.as_str(), receipt.state), ("abc", MessageState::Delivered));
    let mut body = unit.body.clone();
    body.extend_from_slice(&[0x00, 0x1e, 0, 4, b'x', b'y', b'z', 0, 0x04, 0x27, 0, 1, 5]);
    let receipt = pdu::receipt(&body).unwrap().unwrap();
    assert_eq!((receipt.message_id.as_str(), receipt.state), ("xyz", MessageState::Failed));
    let mut from_a_phone = unit.body;
    from_a_phone[13] = 0;
    let class = from_a_phone.iter().position(|byte| *byte == 0x04);
    if let Some(class) = class {
        from_a_phone[class] = 0;
    }
    assert_eq!(pdu::receipt(&from_a_phone), Ok(None));
}

proptest! {
    #[test]
    fn units_read_back_however_they_are_cut(
        units in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..60)), 1..6),
        cut in 1_usize..40,
    ) {
        let units: Vec<Pdu> = units
            .into_iter()
            .map(|(command, status, sequence, body)| Pdu { command, status, sequence, body })
            .collect();
        let bytes: Vec<u8> = units.iter().flat_map(Pdu::encode).collect();
        let (mut received, mut read) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(cut) {
            received.extend_from_slice(piece);
            while let Some(unit) = Pdu::take(&mut received).unwrap() {
                read.push(unit);
            }
        }
        prop_assert_eq!(read, units);
    }

    #[test]
    fn no_bytes_make_the_readers_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Pdu::take(&mut bytes.clone());
        let _ = pdu::receipt(&bytes);
        let _ = pdu::queried(&bytes);
        let _ = pdu::submitted(&bytes);
    }
}

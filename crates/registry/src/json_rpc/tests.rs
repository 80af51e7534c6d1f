//! The chain of others is our own, served over a socket: what is asked and what is answered meet here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use revm_primitives::B256;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::contract::{self, Code, call};
use crate::embedded::tests::{Ground, ground, key};
use crate::ledger::{Call, Ledger, LedgerError, LogFilter};
use crate::sender::Sender;

/// A node for one test: HTTP/1.1, one request a connection. While `down`, connections end at once.
async fn node(ledger: Arc<dyn Ledger>) -> (reqwest::Url, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let down = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&down);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (ledger, fails) = (Arc::clone(&ledger), Arc::clone(&fails));
            tokio::spawn(async move {
                let mut request = Vec::new();
                let body = loop {
                    let mut piece = [0; 4096];
                    let count = socket.read(&mut piece).await.unwrap_or(0);
                    if count == 0 || fails.load(Ordering::Relaxed) {
                        return;
                    }
                    request.extend_from_slice(&piece[..count]);
                    let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
                    let Some(end) = text.find("\r\n\r\n") else { continue };
                    let length = text.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                    let body = end + 4;
                    if request.len() >= body + length.parse::<usize>().unwrap() {
                        break request.split_off(body);
                    }
                };
                let answer = answer(ledger.as_ref(), Access::Send, &body).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    answer.len()
                );
                let _ = socket.write_all(head.as_bytes()).await;
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    (url, down)
}

fn remote(endpoints: Vec<reqwest::Url>, chain_id: u64) -> Remote {
    let mut options = Options::new(endpoints, chain_id);
    options.timeout = Duration::from_secs(2);
    options.receipt_timeout = Duration::from_secs(3);
    options.resend = Duration::from_millis(200);
    Remote::new(options).unwrap()
}

async fn asked(ground: &Ground, method: &str, parameters: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters }).to_string();
    let bytes = answer(&ground.chain, Access::Read, request.as_bytes()).await;
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_client_of_the_served_chain_sees_what_the_chain_sees() {
    let ground = ground().await;
    let (url, _) = node(Arc::new(ground.chain.clone())).await;
    let remote = Arc::new(remote(vec![url], ground.chain.chain_id()));
    let registrar = Sender::new(Arc::clone(&remote) as Arc<dyn Ledger>, key(1));
    let agency = Code::parse("9900001").unwrap();
    let to = Some(ground.registry);
    let receipt = registrar.act(to, call::register_agency(agency, key(9).address(), b"{}")).await.unwrap();
    assert_eq!(Some(receipt.clone()), ground.chain.receipt(receipt.transaction).await.unwrap());
    let refusal =
        registrar.act(to, call::register_agency(agency, key(9).address(), b"{}")).await.unwrap_err();
    assert!(matches!(&refusal, LedgerError::Refused(refusal) if refusal.name == "AgencyExists"), "{refusal}");
    let question = Call::to(ground.registry, call::agency_of(agency));
    assert_eq!(remote.call(question.clone()).await, ground.chain.call(question).await);
    assert_eq!(remote.head().await, ground.chain.head().await);
    assert_eq!(remote.block(1).await, ground.chain.block(1).await);
    assert_eq!(remote.block(99).await, Ok(None));
    assert_eq!(remote.code(ground.registry).await, ground.chain.code(ground.registry).await);
    let filter = LogFilter { address: to, ..LogFilter::default() };
    let logs = remote.logs(filter.clone()).await.unwrap();
    assert_eq!(Ok(logs.clone()), ground.chain.logs(filter).await);
    let one = LogFilter {
        topics: [vec![contract::topic::agency_document()], vec![agency.word()], vec![], vec![]],
        ..LogFilter::default()
    };
    assert_eq!(remote.logs(one).await.unwrap().len(), 1);
    assert_eq!(remote.receipt(B256::ZERO).await, Ok(None));
}

#[tokio::test]
async fn another_endpoint_takes_over_and_one_of_another_chain_is_never_believed() {
    let (ours, foreign) = (ground().await, ground().await);
    let chain: Arc<dyn Ledger> = Arc::new(ours.chain.clone());
    let (first, first_down) = node(Arc::clone(&chain)).await;
    let (second, _) = node(Arc::clone(&chain)).await;
    drop(foreign);
    let liar = {
        let folder = crate::embedded::tests::Folder::new();
        let options = crate::embedded::Options { path: folder.0.join("other.db"), chain_id: 7 };
        let time = crate::embedded::tests::Time::new();
        let other = crate::embedded::Chain::open(&options, time.clock()).await.unwrap();
        node(Arc::new(other)).await.0
    };
    let remote = Arc::new(remote(vec![liar, first, second], ours.chain.chain_id()));
    assert_eq!(remote.head().await, ours.chain.head().await);
    first_down.store(true, Ordering::Relaxed);
    let anchorer = Sender::new(Arc::clone(&remote) as Arc<dyn Ledger>, key(2));
    for minute in 1..5 {
        let data = call::anchor_status_lists(minute, B256::repeat_byte(1), 1);
        anchorer.act(Some(ours.registry), data).await.unwrap();
    }
    let health: Vec<bool> = remote.health().await.iter().map(|one| one.reachable).collect();
    assert_eq!(health, [false, false, true]);
}

#[tokio::test]
async fn fifty_at_once_with_one_key_all_arrive_once() {
    let ground = ground().await;
    let (url, _) = node(Arc::new(ground.chain.clone())).await;
    let remote = Arc::new(remote(vec![url], ground.chain.chain_id()));
    let sender = Arc::new(Sender::new(remote as Arc<dyn Ledger>, key(50)));
    let tasks = (0..50).map(|_| {
        let (sender, to) = (Arc::clone(&sender), ground.registry);
        tokio::spawn(async move { sender.act(Some(to), call::paused()).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ground.chain.nonce(key(50).address()).await, Ok(50));
}

#[tokio::test]
async fn nobody_reachable_is_told_as_such() {
    let ground = ground().await;
    let (url, down) = node(Arc::new(ground.chain.clone())).await;
    down.store(true, Ordering::Relaxed);
    let remote = remote(vec![url], ground.chain.chain_id());
    assert!(matches!(remote.head().await, Err(LedgerError::Unavailable(_))));
}

#[tokio::test]
async fn strangers_may_ask_and_not_write_and_nonsense_gets_an_answer() {
    let ground = ground().await;
    assert_eq!(asked(&ground, "eth_sendRawTransaction", json!(["0x02"])).await["error"]["code"], -32601);
    assert_eq!(asked(&ground, "eth_mine", json!([])).await["error"]["code"], -32601);
    assert_eq!(asked(&ground, "eth_call", json!([])).await["error"]["code"], -32602);
    assert_eq!(
        asked(&ground, "eth_call", json!([{ "to": "0x12" }, "latest"])).await["error"]["code"],
        -32602
    );
    assert_eq!(
        asked(&ground, "eth_getCode", json!([ground.registry.to_string(), "0x0"])).await["error"]["code"],
        -32000
    );
    assert_eq!(asked(&ground, "eth_getBlockByNumber", json!(["0x63", false])).await["result"], Value::Null);
    let everything = json!([{ "fromBlock": "0x0", "toBlock": "0xffffffff" }]);
    assert_eq!(asked(&ground, "eth_getLogs", everything).await["error"]["code"], -32005);
    let revert =
        json!([{ "to": ground.registry.to_string(), "data": call::unpause().to_string() }, "latest"]);
    let refused = asked(&ground, "eth_call", revert).await;
    assert_eq!(refused["error"]["code"], 3);
    assert!(refused["error"]["data"].as_str().unwrap().len() > 10);
    for bytes in [b"".as_slice(), b"{", b"[]", b"7", b"null", &[0xff; 20]] {
        let answer = answer(&ground.chain, Access::Read, bytes).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(answer["error"]["code"].is_i64(), "{answer}");
    }
    let many = Value::Array(vec![json!({ "id": 1, "method": "eth_chainId" }); 33]).to_string();
    let answer: Value =
        serde_json::from_slice(&answer(&ground.chain, Access::Read, many.as_bytes()).await).unwrap();
    assert_eq!(answer["error"]["code"], -32600);
}

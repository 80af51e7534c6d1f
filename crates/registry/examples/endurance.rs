//! The embedded chain under kills and under load: `endurance kills 200`, `endurance bench 20000`. `cargo xtask interop
//! ledger` and `cargo xtask bench ledger` call it.
//!
//! `kills` starts a writer, which prints every receipt that it was given, kills it with SIGKILL at a random moment, and
//! looks whether everything that was acknowledged is there; at the end a replay must make the state that is kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a judge fails loudly, and measures"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use credential::trust::{KeyState, Origin, TrustEntry, TrustList, TrustSource as _};
use credential::types::Bilingual;
use registry::contract::{self, Code, call};
use registry::embedded::{self, Chain, Options};
use registry::ethereum::{Address, B256, SecretKey, Signed, Transaction};
use registry::{Call, Ledger, Sender};
use serde_json::json;

const CHAIN: u64 = 20_260;
const NOW: u64 = 1_790_000_000;

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

async fn open(path: &Path) -> Chain {
    Chain::open(&Options { path: path.to_owned(), chain_id: CHAIN }, Arc::new(|| NOW)).await.unwrap()
}

/// The registry that the first transaction of key 1 makes.
fn registry() -> Address {
    key(1).address().create(0)
}

async fn found(chain: &Chain) {
    if chain.code(registry()).await.unwrap().is_empty() {
        let data =
            contract::deploy_registry(Code::parse("test").unwrap(), key(1).address(), key(2).address())
                .unwrap();
        Sender::new(Arc::new(chain.clone()), key(1)).act(None, data).await.unwrap();
    }
}

fn scratch() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mapae-endurance-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes from several hands until it is killed.
async fn write(path: &Path) {
    let chain = open(path).await;
    found(&chain).await;
    println!("started");
    let hands = (10..14).map(|hand| {
        let chain = chain.clone();
        tokio::spawn(async move {
            let sender = Sender::new(Arc::new(chain.clone()), key(hand));
            loop {
                acknowledge(&sender.act(Some(registry()), call::paused()).await.unwrap());
            }
        })
    });
    let hands: Vec<_> = hands.collect();
    let anchorer = Sender::new(Arc::new(chain.clone()), key(2));
    let answer = chain.call(Call::to(registry(), call::status_lists())).await.unwrap();
    let mut minute = contract::Anchor::read(&answer).unwrap().position;
    loop {
        minute += 1;
        let data = call::anchor_status_lists(minute, B256::repeat_byte(1), 1);
        acknowledge(&anchorer.act(Some(registry()), data).await.unwrap());
        assert!(hands.iter().all(|hand| !hand.is_finished()));
    }
}

fn acknowledge(receipt: &registry::Receipt) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", receipt.transaction).unwrap();
    out.flush().unwrap();
}

async fn kills(rounds: u32) {
    let folder = scratch();
    let path = folder.join("ledger.db");
    let (mut acknowledged, mut heads) = (Vec::<B256>::new(), 0);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("write")
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Some rounds end while it still opens or makes the chain.
        let early = round % 8 == 7;
        if !early {
            assert_eq!(lines.next().unwrap().unwrap(), "started");
        }
        let [a, b] = keys::random::bytes::<2>();
        std::thread::sleep(Duration::from_micros(u64::from(u16::from_be_bytes([a, b]))));
        child.kill().unwrap();
        child.wait().unwrap();
        let told = lines.map_while(Result::ok).filter(|line| line.len() == 66);
        acknowledged.extend(told.map(|line| line.parse::<B256>().unwrap()));
        let chain = open(&path).await;
        let head = chain.head().await.unwrap().number;
        assert!(head >= heads, "the chain is shorter than before");
        heads = head;
        for hash in acknowledged.iter().rev().take(200) {
            assert!(chain.receipt(*hash).await.unwrap().is_some(), "{hash} was acknowledged and is gone");
        }
    }
    let chain = open(&path).await;
    for hash in &acknowledged {
        assert!(chain.receipt(*hash).await.unwrap().is_some(), "{hash} was acknowledged and is gone");
    }
    let verified = embedded::verify(&chain, &mut |_| ()).await.unwrap();
    assert!(verified.transactions >= acknowledged.len() as u64);
    println!(
        "{}",
        json!({ "kills": rounds, "acknowledged": acknowledged.len(), "lost": 0, "blocks": verified.blocks,
                "transactions": verified.transactions, "state_equals_replay": true })
    );
    let _ = std::fs::remove_dir_all(folder);
}

async fn bench(writes: u64) {
    let folder = scratch();
    let path = folder.join("ledger.db");
    let chain = open(&path).await;
    found(&chain).await;
    let first = chain.nonce(key(2).address()).await.unwrap();
    let raw: Vec<_> = (0..writes)
        .map(|number| {
            let transaction = Transaction {
                chain_id: CHAIN,
                nonce: first + number,
                max_priority_fee: 0,
                max_fee: 0,
                gas_limit: 120_000,
                to: Some(registry()),
                data: call::anchor_status_lists(number + 1, B256::repeat_byte(1), 1),
            };
            transaction.sign(&key(2)).unwrap().raw
        })
        .collect();
    let before = chain.head().await.unwrap().number;
    let begun = Instant::now();
    let room = Arc::new(tokio::sync::Semaphore::new(256));
    let mut sent = Vec::new();
    for raw in raw {
        let (chain, place) = (chain.clone(), Arc::clone(&room).acquire_owned().await.unwrap());
        sent.push(tokio::spawn(async move {
            let receipt = chain.send(Signed::decode(&raw).unwrap()).await.unwrap().done().unwrap();
            drop(place);
            receipt.gas_used
        }));
    }
    for one in sent {
        one.await.unwrap();
    }
    let writing = begun.elapsed().as_secs_f64();
    let blocks = chain.head().await.unwrap().number - before;
    let question = Call::to(registry(), call::status_lists());
    let begun = Instant::now();
    let reads = 20_000;
    for _ in 0..reads {
        std::hint::black_box(chain.call(question.clone()).await.unwrap());
    }
    let reading = begun.elapsed().as_secs_f64();
    drop(chain);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    let chain = open(&path).await;
    let opening = begun.elapsed().as_secs_f64() * 1_000.0;
    let begun = Instant::now();
    let verified = embedded::verify(&chain, &mut |_| ()).await.unwrap();
    let verifying = begun.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({
            "writes": writes,
            "writes_per_s_durable": (writes as f64 / writing).round(),
            "transactions_per_block": (writes as f64 / blocks as f64 * 10.0).round() / 10.0,
            "reads_per_s": (f64::from(reads) / reading).round(),
            "trust_list_check_ns": trust_check_ns(),
            "open_ms": (opening * 10.0).round() / 10.0,
            "transactions_on_chain": verified.transactions,
            "replayed_per_s": (verified.transactions as f64 / verifying).round(),
        })
    );
    let _ = std::fs::remove_dir_all(folder);
}

/// A look-up in a verified list of 10,000 entries, as every verification does it.
fn trust_check_ns() -> f64 {
    let entry = |number: u32| TrustEntry {
        issuer: format!("https://agency-{number}.example"),
        name: Bilingual { ko: "예시부".into(), en: "Example".into() },
        jkt: keys::encoding::b64url_encode(&keys::sha256(&number.to_be_bytes())),
        vcts: vec!["https://example.test/badge".into()],
        from: 0,
        until: Some(i64::MAX),
        state: KeyState::Active,
        statement: None,
    };
    let entries: Vec<TrustEntry> = (0..10_000).map(entry).collect();
    let known: Vec<(String, String)> =
        entries.iter().map(|entry| (entry.jkt.clone(), entry.issuer.clone())).collect();
    let list = TrustList::new("https://example.test".into(), 1, (0, 3_600), Vec::new(), entries).unwrap();
    let (begun, times) = (Instant::now(), 1_000_000_usize);
    for time in 0..times {
        let (jkt, issuer) = &known[time * 7_919 % known.len()];
        let origin = Origin {
            jkt,
            issuer: Some(issuer),
            vct: "https://example.test/badge",
            issued_at: Some(5_000_000),
        };
        std::hint::black_box(list.judge(&origin).unwrap());
    }
    (begun.elapsed().as_nanos() as f64 / times as f64).round()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |default: u32| arguments.get(1).map_or(default, |text| text.parse().unwrap());
    match arguments.first().map(String::as_str) {
        Some("write") => write(Path::new(&arguments[1])).await,
        Some("kills") => kills(number(200)).await,
        Some("bench") => bench(number(20_000).into()).await,
        _ => panic!("endurance kills N | bench N"),
    }
}

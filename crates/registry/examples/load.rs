//! Writes to a chain of others from several hands, each beginning at another endpoint, until standard input ends: `load
//! CHAIN URL…`. `cargo xtask interop ledger-bft` kills nodes meanwhile.
//!
//! Prints a line for each write that was acknowledged. In the end every one of them must be on the chain, exactly once,
//! as each endpoint tells it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a judge fails loudly"
)]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use registry::contract::{self, Code, call};
use registry::ethereum::{Address, B256, SecretKey};
use registry::json_rpc::{Options, Remote};
use registry::{Ledger, LedgerError, Outcome, Sender};
use serde_json::json;

const HANDS: usize = 4;

fn key(hand: usize) -> SecretKey {
    let mut bytes = keys::sha256(b"a fixed key of the load on a chain of others");
    bytes[0] = hand as u8 + 1;
    SecretKey::from_bytes(&bytes).unwrap()
}

/// The chain, asked at another endpoint first by each hand.
fn chain(chain_id: u64, urls: &[String], first: usize) -> Arc<dyn Ledger> {
    let endpoints = (0..urls.len()).map(|step| urls[(first + step) % urls.len()].parse().unwrap()).collect();
    let options = Options { receipt_timeout: Duration::from_secs(20), ..Options::new(endpoints, chain_id) };
    Arc::new(Remote::new(options).unwrap())
}

/// One hand: an act after the other. What got no receipt is looked for until it is known what became of it.
async fn hand(sender: Sender, registry: Address, stop: Arc<AtomicBool>) -> Vec<B256> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let written = match sender.act(Some(registry), call::paused()).await {
            Ok(receipt) => Some(receipt.transaction),
            Err(LedgerError::NoReceipt(transaction)) => later(&sender, transaction, &stop).await,
            Err(error) => {
                eprintln!("load: {error}");
                tokio::time::sleep(Duration::from_millis(300)).await;
                None
            }
        };
        if let Some(transaction) = written {
            acknowledged.push(transaction);
            let mut out = std::io::stdout().lock();
            writeln!(out, "{transaction}").unwrap();
            out.flush().unwrap();
        }
    }
    acknowledged
}

async fn later(sender: &Sender, transaction: B256, stop: &AtomicBool) -> Option<B256> {
    for _ in 0..120 {
        if let Ok(Some(receipt)) = sender.ledger().receipt(transaction).await {
            assert_eq!(receipt.outcome, Outcome::Done);
            return Some(transaction);
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    None
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().expect("load CHAIN URL… | load addresses");
    if first == "addresses" {
        (0..=HANDS).for_each(|hand| println!("{}", key(hand).address()));
        return;
    }
    let chain_id: u64 = first.parse().unwrap();
    let urls: Vec<String> = arguments.collect();
    let deployer = Sender::new(chain(chain_id, &urls, 0), key(HANDS));
    let anchorer = deployer.address();
    let code = contract::deploy_registry(Code::parse("load").unwrap(), anchorer, anchorer).unwrap();
    let registry = deployer.act(None, code).await.unwrap().created.unwrap();
    println!("started");
    let stop = Arc::new(AtomicBool::new(false));
    let hands: Vec<_> = (0..HANDS)
        .map(|number| {
            let sender = Sender::new(chain(chain_id, &urls, number), key(number));
            tokio::spawn(hand(sender, registry, Arc::clone(&stop)))
        })
        .collect();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for one in hands {
        acknowledged.extend(one.await.unwrap());
    }
    let different: BTreeSet<B256> = acknowledged.iter().copied().collect();
    assert_eq!(different.len(), acknowledged.len(), "a write was acknowledged twice");
    for url in &urls {
        let one = chain(chain_id, std::slice::from_ref(url), 0);
        for transaction in &acknowledged {
            let receipt = one.receipt(*transaction).await.unwrap();
            let receipt = receipt.unwrap_or_else(|| panic!("{transaction} is not at {url}"));
            assert_eq!(receipt.outcome, Outcome::Done);
        }
    }
    println!(
        "{}",
        json!({ "acknowledged": acknowledged.len(), "endpoints": urls.len(), "lost": 0, "twice": 0 })
    );
}

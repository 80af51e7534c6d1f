//! Plays one fixed story against a chain and prints what happened, a JSON line a step: `cargo xtask interop ledger`
//! compares the lines of the embedded chain with those of chains that others wrote.
//!
//! `conformance embedded`, or `conformance http://… --chain-id 1337 [--fund anvil] [--no-reasons]`; `conformance addresses` names who
//! needs something to pay gas with. What can't be the same
//! on two chains (times, block numbers) is checked here and left out of the lines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a judge fails loudly"
)]

use std::sync::Arc;

use registry::contract::{self, Code, Event, Role, call};
use registry::did::{Did, Document, Fetched, IssuerKey, Resolver, WebFetch};
use registry::embedded::{self, Chain};
use registry::ethereum::{Address, B256, Bytes, SecretKey, Transaction};
use registry::json_rpc::{Options, Remote};
use registry::{Call, Ledger, LogFilter, Outcome, Pending, Receipt, Registry};
use serde_json::{Value, json};

const CHAIN: u64 = 1337;

#[derive(Debug)]
struct NoWeb;

impl WebFetch for NoWeb {
    fn fetch<'a>(&'a self, _: &'a str, _: &'a str) -> Pending<'a, Fetched> {
        Box::pin(async { Ok(Fetched::Refused) })
    }
}

struct Story {
    ledger: Arc<dyn Ledger>,
    nonces: [u64; 8],
    /// Whether this engine tells what a revert said.
    reasons: bool,
    /// How many events of the registry the receipts held.
    told: usize,
    registry: Option<Address>,
}

fn key(number: usize) -> SecretKey {
    let mut bytes = keys::sha256(b"a fixed key of the conformance story");
    bytes[0] = number as u8 + 1;
    SecretKey::from_bytes(&bytes).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", keys::encoding::hex_encode(bytes))
}

impl Story {
    async fn act(&mut self, step: &str, hand: usize, to: Option<Address>, data: Bytes) -> Receipt {
        let fee = self.ledger.fee().await.unwrap();
        let sender = key(hand).address();
        let floor = floor(&data, to.is_none());
        let refused = match to {
            Some(to) => self.ledger.call(Call { from: sender, to: Some(to), data: data.clone() }).await.err(),
            None => None,
        };
        let transaction = Transaction {
            chain_id: self.ledger.chain_id(),
            nonce: self.nonces[hand],
            max_priority_fee: fee,
            max_fee: fee.saturating_mul(2),
            gas_limit: 3_000_000,
            to,
            data,
        };
        self.nonces[hand] += 1;
        let receipt = self.ledger.send(transaction.sign(&key(hand)).unwrap()).await.unwrap();
        let said = refused.map(|error| match error.revert_data() {
            Some(_) if !self.reasons => "reverted".to_owned(),
            Some(data) => hex(data),
            None => panic!("{step}: {error}"),
        });
        assert_eq!(
            said.is_some(),
            receipt.outcome != Outcome::Done,
            "{step}: the question and the act disagree"
        );
        let block = self.ledger.block(receipt.block).await.unwrap().unwrap();
        assert!(block.transactions.contains(&receipt.transaction) && block.hash == receipt.block_hash);
        let logs: Vec<Value> = receipt.logs.iter().map(|log| told(log, block.timestamp)).collect();
        // The first contract of the story is the registry.
        self.registry = self.registry.or(receipt.created);
        self.told += receipt.logs.iter().filter(|log| Some(log.address) == self.registry).count();
        let line = json!({
            "step": step,
            "reverted": said,
            // An engine that knows no least price may be below it.
            "gas": match receipt.gas_used {
                gas if !self.reasons && gas <= floor => json!("at most the least price of the data"),
                gas => json!(gas),
            },
            "created": receipt.created.filter(|_| to.is_none()).map(|address| hex(address.as_slice())),
            "logs": logs,
        });
        println!("{line}");
        receipt
    }
}

/// The least that a transaction with this data costs (EIP-7623): ten for each token, four tokens for a byte that is not zero.
fn floor(data: &[u8], creates: bool) -> u64 {
    let tokens: u64 = data.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
    if creates { 0 } else { 21_000 + 10 * tokens }
}

/// An event with what no two chains share replaced: block numbers and times.
fn told(log: &registry::Log, timestamp: u64) -> Value {
    let mut data = log.data.to_vec();
    let place = match Event::read(log) {
        Some(Event::Document { version, previous, .. }) => {
            assert_eq!(version == 1, previous == 0);
            assert!(previous <= log.block);
            Some(1)
        }
        Some(Event::Deactivated { .. }) => Some(0),
        Some(Event::Revoked { at, .. }) => {
            assert_eq!(at, timestamp);
            Some(0)
        }
        _ => None,
    };
    if let Some(place) = place {
        data[place * 32..(place + 1) * 32].fill(0xee);
    }
    let topics: Vec<String> = log.topics.iter().map(|topic| hex(topic.as_slice())).collect();
    json!({ "address": hex(log.address.as_slice()), "topics": topics, "data": hex(&data) })
}

async fn play(ledger: Arc<dyn Ledger>, reasons: bool) {
    let mut story = Story { ledger: Arc::clone(&ledger), nonces: [0; 8], reasons, told: 0, registry: None };
    let network = Code::parse("test").unwrap();
    let (registrar, anchorer, owner, other, heir) = (0, 1, 2, 3, 4);
    let address = |hand: usize| key(hand).address();
    let data = contract::deploy_registry(network, address(registrar), address(anchorer)).unwrap();
    let at = story.act("deploy", registrar, None, data).await.created.unwrap();
    let to = Some(at);
    let did = Did::parse("did:mapae:test:9900001").unwrap();
    let (agency, vct) = (did.agency, "https://example.test/credentials/badge");
    let issuing = keys::SecretKey::from_bytes(&[7; 32]).unwrap().public_key().clone();
    let document = |signs| {
        Document::of_agency(
            did,
            &[IssuerKey { key: issuing.clone(), signs }],
            None,
            Some("https://example.test"),
        )
        .to_bytes()
    };
    let thumbprint = keys::encoding::b64url_decode_array::<32>(&issuing.thumbprint()).unwrap();
    let triple = (agency, contract::credential_type(vct), B256::from(thumbprint));
    let root = B256::repeat_byte(0xab);
    let long = vec![b'x'; contract::MAX_DOCUMENT + 1];
    for (step, hand, data) in [
        ("register", registrar, call::register_agency(agency, address(owner), &document(true))),
        ("register by a stranger", other, call::register_agency(agency, address(other), b"{}")),
        ("register twice", registrar, call::register_agency(agency, address(other), b"{}")),
        (
            "register without a name",
            registrar,
            call::register_agency(Code::parse("a").unwrap(), Address::ZERO, b"{}"),
        ),
        ("update", owner, call::update_document(agency, 2, &document(false))),
        ("update by another", other, call::update_document(agency, 3, b"{}")),
        ("update a version back", owner, call::update_document(agency, 2, b"{}")),
        ("update with nothing", owner, call::update_document(agency, 3, b"")),
        ("update with too much", owner, call::update_document(agency, 3, &long)),
        ("update as large as may be", owner, call::update_document(agency, 3, &long[1..])),
        ("schema", registrar, call::set_schema(vct, 1, root)),
        ("accredit", registrar, call::accredit(triple, 1, (1_790_000_000, 1_890_000_000), b"a statement")),
        ("accredit backwards", registrar, call::accredit(triple, 2, (20, 10), b"a statement")),
        ("renew", registrar, call::accredit(triple, 2, (1_790_000_000, 1_990_000_000), b"another statement")),
        ("retire by a stranger", other, call::retire(triple, 1_800_000_000)),
        ("retire", owner, call::retire(triple, 1_800_000_000)),
        ("renew what has ended", registrar, call::accredit(triple, 3, (1, 2), b"s")),
        ("pause", registrar, call::pause()),
        ("anchor while paused", anchorer, call::anchor_status_lists(1, root, 4)),
        ("revoke while paused", registrar, call::revoke(triple)),
        ("revoke twice", registrar, call::revoke(triple)),
        ("unpause", registrar, call::unpause()),
        ("anchor lists", anchorer, call::anchor_status_lists(29_833_333, root, 4)),
        ("anchor lists again", anchorer, call::anchor_status_lists(29_833_333, root, 4)),
        ("anchor a checkpoint", anchorer, call::anchor_checkpoint(root, 1_000, root)),
        ("anchor by a stranger", other, call::anchor_checkpoint(root, 1_001, root)),
        ("offer", registrar, call::offer_role(Role::Registrar, address(heir))),
        ("take by another", other, call::take_role(Role::Registrar, address(registrar))),
        ("take", heir, call::take_role(Role::Registrar, address(registrar))),
        ("register by the former registrar", registrar, call::register_agency(agency, address(owner), b"{}")),
        ("renounce by the last registrar", heir, call::renounce_role(Role::Registrar, address(heir))),
        ("deactivate", heir, call::deactivate_agency(agency)),
        ("update what is gone", owner, call::update_document(agency, 5, b"{}")),
    ] {
        story.act(step, hand, to, data).await;
    }
    let members = [address(heir), address(owner), address(other)];
    let data = contract::deploy_council(&members, 2).unwrap();
    let council = story.act("council", registrar, None, data).await.created.unwrap();
    story.act("offer to the council", heir, to, call::offer_role(Role::Registrar, council)).await;
    let take = call::approve(root, at, &call::take_role(Role::Registrar, address(heir)));
    let pause = call::approve(B256::ZERO, at, &call::pause());
    for (step, hand, data) in [
        ("first approval", owner, take.clone()),
        ("the same again", owner, take.clone()),
        ("approval by a stranger", registrar, take.clone()),
        ("second approval", other, take.clone()),
        ("after the act", heir, take),
        ("pause, one", heir, pause.clone()),
        ("pause, two", owner, pause),
    ] {
        story.act(step, hand, Some(council), data).await;
    }
    // What readers see.
    let opened = Registry::open(Arc::clone(&ledger), at, network).await.unwrap();
    let history = opened.history(agency).await.unwrap().unwrap();
    let versions: Vec<_> = history
        .versions
        .iter()
        .map(|version| (version.number, version.document.as_ref().map(|bytes| hex(bytes))))
        .collect();
    println!("{}", json!({ "step": "history", "versions": versions }));
    let filter = LogFilter { address: to, ..LogFilter::default() };
    let count = ledger.logs(filter).await.unwrap().len();
    assert_eq!(count, story.told);
    println!("{}", json!({ "step": "logs", "count": count }));
    let resolver = Resolver::new(opened, Arc::new(NoWeb));
    for url in ["did:mapae:test:9900001", "did:mapae:test:9900001?versionId=2", "did:mapae:test:9900002"] {
        let resolution = resolver.resolve(url).await;
        let document = resolution.outcome.as_ref().map(Document::to_value).map_err(|error| error.code());
        println!(
            "{}",
            json!({ "step": url, "status": resolution.status(), "document": format!("{document:?}") })
        );
    }
}

/// Gives every key of the story something to pay with, as anvil lets one.
async fn fund(url: &str) {
    let http = reqwest::Client::new();
    for hand in 0..8 {
        let parameters = json!([hex(key(hand).address().as_slice()), "0x56bc75e2d63100000"]);
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": parameters });
        let answer: Value = http.post(url).json(&request).send().await.unwrap().json().await.unwrap();
        assert!(answer["error"].is_null(), "{answer}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    // Some engines don't tell what a revert said, and know no least price of data.
    let reasons = !arguments.iter().any(|each| each == "--no-reasons");
    let target = arguments.first().expect("embedded or the address of a node");
    if target == "addresses" {
        (0..8).for_each(|hand| println!("{}", hex(key(hand).address().as_slice())));
        return;
    }
    if target == "embedded" {
        let folder = std::env::temp_dir().join(format!("mapae-conformance-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let options = embedded::Options { path: folder.join("ledger.db"), chain_id: CHAIN };
        let chain = Chain::open(&options, Arc::new(|| 1_790_000_000)).await.unwrap();
        play(Arc::new(chain.clone()), reasons).await;
        embedded::verify(&chain, &mut |_| ()).await.unwrap();
        let _ = std::fs::remove_dir_all(&folder);
        return;
    }
    let chain_id = option("--chain-id").map_or(CHAIN, |text| text.parse().unwrap());
    if option("--fund").is_some() {
        fund(target).await;
    }
    let mut endpoints = vec![target.parse().unwrap()];
    endpoints.extend(
        arguments.iter().skip(1).filter(|each| each.starts_with("http")).map(|each| each.parse().unwrap()),
    );
    play(Arc::new(Remote::new(Options::new(endpoints, chain_id)).unwrap()), reasons).await;
}

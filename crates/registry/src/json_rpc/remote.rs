//! The ledger of others, behind several endpoints.
//!
//! - An endpoint counts once it has named the right chain. One that fails is left for the next, and asked again after a
//!   pause; an error that a node *answers* is the answer.
//! - A transaction is sent, its receipt awaited, and the same bytes sent again to the next endpoint every few seconds:
//!   that is harmless, for a number is used once.
//! - Final is what lies `finality` blocks under the newest: 0 on a chain whose consensus takes nothing back (QBFT).
//!
//! Nodes differ: one answers null for a receipt that is not there yet, another an error; one tells what a revert said,
//! another nothing. Both are borne.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Url;
use revm_primitives::{Address, B256, Bytes};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::shape;
use crate::ethereum::Signed;
use crate::ledger::{Block, Call, Ledger, LedgerError, Log, LogFilter, Pending, Receipt};

/// The largest answer, in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// The blocks of one question for logs: Besu answers no more by default.
const LOG_STEP: u64 = 5_000;
/// How long an endpoint that failed is left alone.
const PAUSE: Duration = Duration::from_secs(5);
const POLL_FIRST: Duration = Duration::from_millis(50);
const POLL_LONGEST: Duration = Duration::from_millis(1_000);

/// Which chain, and how to reach it.
#[derive(Debug, Clone)]
pub struct Options {
    pub endpoints: Vec<Url>,
    pub chain_id: u64,
    /// Blocks above one that make it final.
    pub finality: u64,
    /// For one request.
    pub timeout: Duration,
    /// For a transaction to become final.
    pub receipt_timeout: Duration,
    /// After how long the same bytes are sent again.
    pub resend: Duration,
}

impl Options {
    pub fn new(endpoints: Vec<Url>, chain_id: u64) -> Self {
        Self {
            endpoints,
            chain_id,
            finality: 0,
            timeout: Duration::from_secs(5),
            receipt_timeout: Duration::from_secs(60),
            resend: Duration::from_secs(5),
        }
    }
}

#[derive(Debug)]
struct Endpoint {
    url: Url,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// It named the right chain.
    checked: bool,
    /// Not asked before this moment.
    rest_until: Option<Instant>,
}

/// How an endpoint does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub endpoint: String,
    pub reachable: bool,
    pub error: Option<String>,
}

/// A chain behind JSON-RPC.
#[derive(Debug)]
pub struct Remote {
    http: reqwest::Client,
    options: Options,
    endpoints: Vec<Endpoint>,
    /// The endpoint that answered last.
    current: AtomicUsize,
    requests: AtomicU64,
}

enum Failure {
    /// The endpoint: another may do better.
    Endpoint(String),
    /// The chain's own answer.
    Answer(LedgerError),
}

impl Remote {
    /// A client; nothing is asked yet.
    pub fn new(options: Options) -> Result<Self, LedgerError> {
        if options.endpoints.is_empty() {
            return Err(LedgerError::Unavailable("no endpoint is configured".into()));
        }
        let http = reqwest::Client::builder()
            .timeout(options.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| LedgerError::Unavailable(error.to_string()))?;
        let endpoint = |url: &Url| Endpoint { url: url.clone(), state: Mutex::default() };
        let endpoints = options.endpoints.iter().map(endpoint).collect();
        Ok(Self { http, options, endpoints, current: AtomicUsize::new(0), requests: AtomicU64::new(0) })
    }

    /// Asks every endpoint for its chain.
    pub async fn health(&self) -> Vec<Health> {
        let mut all = Vec::with_capacity(self.endpoints.len());
        for endpoint in &self.endpoints {
            let error = match self.check(endpoint).await {
                Ok(()) => None,
                Err(Failure::Endpoint(error)) => Some(error),
                Err(Failure::Answer(error)) => Some(error.to_string()),
            };
            // Never the whole address: it may hold a token.
            let host = endpoint.url.host_str().unwrap_or_default();
            let port = endpoint.url.port().map(|port| format!(":{port}")).unwrap_or_default();
            all.push(Health { endpoint: format!("{host}{port}"), reachable: error.is_none(), error });
        }
        all
    }

    async fn ask(&self, method: &str, parameters: Value) -> Result<Value, LedgerError> {
        let first = self.current.load(Ordering::Relaxed);
        self.ask_from(first, method, parameters).await
    }

    /// Asks from one endpoint on, and the others as long as one fails: first those that are well, then the rest.
    async fn ask_from(&self, first: usize, method: &str, parameters: Value) -> Result<Value, LedgerError> {
        let now = Instant::now();
        let rests = |at: usize| {
            let endpoint = self.endpoints.get(at);
            endpoint.is_some_and(|endpoint| endpoint.state().rest_until.is_some_and(|until| until > now))
        };
        let count = self.endpoints.len();
        let mut order: Vec<usize> = (0..count).map(|step| first.wrapping_add(step) % count).collect();
        order.sort_by_key(|at| rests(*at));
        let mut last = String::new();
        for at in order {
            let Some(endpoint) = self.endpoints.get(at) else { continue };
            match self.ask_one(endpoint, method, &parameters).await {
                Ok(answer) => {
                    self.current.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Failure::Answer(error)) => return Err(error),
                Err(Failure::Endpoint(error)) => {
                    *endpoint.state() = State { checked: false, rest_until: Some(Instant::now() + PAUSE) };
                    last = error;
                }
            }
        }
        Err(LedgerError::Unavailable(format!("no endpoint of {count} answers: {last}")))
    }

    async fn ask_one(&self, endpoint: &Endpoint, method: &str, parameters: &Value) -> Result<Value, Failure> {
        let checked = endpoint.state().checked;
        if !checked {
            self.check(endpoint).await?;
        }
        self.exchange(endpoint, method, parameters).await
    }

    /// Whether an endpoint is of the right chain: nothing is believed of it before.
    async fn check(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        let answer = self.exchange(endpoint, "eth_chainId", &json!([])).await?;
        let given = shape::read_quantity(&answer).ok_or_else(malformed)?;
        if given != self.options.chain_id {
            return Err(Failure::Endpoint(format!("it is of chain {given}, not {}", self.options.chain_id)));
        }
        *endpoint.state() = State { checked: true, ..State::default() };
        Ok(())
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        method: &str,
        parameters: &Value,
    ) -> Result<Value, Failure> {
        let id = self.requests.fetch_add(1, Ordering::Relaxed);
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters });
        let network = |error: reqwest::Error| Failure::Endpoint(error.without_url().to_string());
        let mut reply = self.http.post(endpoint.url.clone()).json(&request).send().await.map_err(network)?;
        let status = reply.status();
        let mut body = Vec::new();
        while let Some(piece) = reply.chunk().await.map_err(network)? {
            if body.len().saturating_add(piece.len()) > MAX_ANSWER {
                return Err(Failure::Endpoint("its answer is too large".into()));
            }
            body.extend_from_slice(&piece);
        }
        // Some nodes send errors of the chain with a status of their own.
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|_| Failure::Endpoint(format!("it answers {status} and no JSON-RPC")))?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            return Err(read_error(error));
        }
        if answer.get("id") != Some(&Value::from(id)) {
            return Err(malformed());
        }
        answer.get("result").cloned().ok_or_else(malformed)
    }

    async fn newest(&self) -> Result<u64, LedgerError> {
        let answer = self.ask("eth_blockNumber", json!([])).await?;
        shape::read_quantity(&answer).ok_or_else(unreadable)
    }

    async fn last_final(&self) -> Result<u64, LedgerError> {
        Ok(self.newest().await?.saturating_sub(self.options.finality))
    }

    /// The block whose state is asked.
    async fn at(&self) -> Result<Value, LedgerError> {
        if self.options.finality == 0 {
            return Ok(Value::String("latest".into()));
        }
        Ok(shape::quantity(self.last_final().await?))
    }

    async fn found(&self, transaction: B256) -> Result<Option<Receipt>, LedgerError> {
        let parameters = json!([shape::data(transaction.as_slice())]);
        let answer = match self.ask("eth_getTransactionReceipt", parameters).await {
            Ok(Value::Null) | Err(LedgerError::Invalid(_)) => return Ok(None),
            Ok(answer) => answer,
            Err(error) => return Err(error),
        };
        let receipt = shape::read_receipt(&answer).ok_or_else(unreadable)?;
        let is_final = self.options.finality == 0 || receipt.block <= self.last_final().await?;
        Ok(is_final.then_some(receipt))
    }

    async fn send_and_wait(&self, signed: Signed) -> Result<Receipt, LedgerError> {
        if signed.transaction.chain_id != self.options.chain_id {
            let given = signed.transaction.chain_id;
            return Err(LedgerError::OtherChain { ours: self.options.chain_id, given });
        }
        let until = Instant::now() + self.options.receipt_timeout;
        let mut endpoint = self.current.load(Ordering::Relaxed);
        let (mut poll, mut sent_at, mut refusal) = (POLL_FIRST, None::<Instant>, None);
        loop {
            let again = sent_at.is_none_or(|sent| sent.elapsed() >= self.options.resend);
            if again {
                let raw = json!([shape::data(&signed.raw)]);
                // A node that knows it already says so in words of its own; the receipt decides.
                refusal = self.ask_from(endpoint, "eth_sendRawTransaction", raw).await.err();
                endpoint = endpoint.wrapping_add(1);
                sent_at = Some(Instant::now());
            }
            match self.found(signed.hash).await {
                Ok(Some(receipt)) => return Ok(self.with_reason(&signed, receipt).await),
                Ok(None) | Err(LedgerError::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
            if let Some(LedgerError::Invalid(why)) = &refusal
                && !is_known(why)
            {
                return Err(LedgerError::Invalid(why.clone()));
            }
            if Instant::now() + poll > until {
                return Err(match refusal {
                    Some(error @ LedgerError::Unavailable(_)) => error,
                    _ => LedgerError::NoReceipt(signed.hash),
                });
            }
            tokio::time::sleep(poll).await;
            poll = (poll * 2).min(POLL_LONGEST);
        }
    }

    /// A receipt does not say why; the same call once more does, where the state still gives the same answer.
    async fn with_reason(&self, signed: &Signed, mut receipt: Receipt) -> Receipt {
        use crate::ledger::Outcome;
        if matches!(receipt.outcome, Outcome::Reverted(_)) {
            let transaction = &signed.transaction;
            let call = Call { from: signed.sender, to: transaction.to, data: transaction.data.clone() };
            if let Err(error) = self.call(call).await
                && let Some(data) = error.revert_data()
            {
                receipt.outcome = Outcome::Reverted(data.clone());
            }
        }
        receipt
    }
}

impl Endpoint {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Remote {
    fn chain_id(&self) -> u64 {
        self.options.chain_id
    }

    fn head(&self) -> Pending<'_, Block> {
        Box::pin(async move {
            let number = self.last_final().await?;
            let answer = self.ask("eth_getBlockByNumber", json!([shape::quantity(number), false])).await?;
            shape::read_block(&answer).ok_or_else(unreadable)
        })
    }

    fn block(&self, number: u64) -> Pending<'_, Option<Block>> {
        Box::pin(async move {
            if self.options.finality > 0 && number > self.last_final().await? {
                return Ok(None);
            }
            let answer = self.ask("eth_getBlockByNumber", json!([shape::quantity(number), false])).await?;
            if answer.is_null() {
                return Ok(None);
            }
            shape::read_block(&answer).map(Some).ok_or_else(unreadable)
        })
    }

    fn code(&self, address: Address) -> Pending<'_, Bytes> {
        Box::pin(async move {
            let parameters = json!([shape::data(address.as_slice()), self.at().await?]);
            shape::read_data(&self.ask("eth_getCode", parameters).await?).ok_or_else(unreadable)
        })
    }

    fn nonce(&self, address: Address) -> Pending<'_, u64> {
        Box::pin(async move {
            // With those that wait: a restart must not reuse their numbers.
            let parameters = json!([shape::data(address.as_slice()), "pending"]);
            shape::read_quantity(&self.ask("eth_getTransactionCount", parameters).await?)
                .ok_or_else(unreadable)
        })
    }

    fn call(&self, call: Call) -> Pending<'_, Bytes> {
        Box::pin(async move {
            let parameters = json!([call_object(&call), self.at().await?]);
            shape::read_data(&self.ask("eth_call", parameters).await?).ok_or_else(unreadable)
        })
    }

    fn estimate(&self, call: Call) -> Pending<'_, u64> {
        Box::pin(async move {
            let answer = self.ask("eth_estimateGas", json!([call_object(&call)])).await?;
            shape::read_quantity(&answer).ok_or_else(unreadable)
        })
    }

    fn fee(&self) -> Pending<'_, u128> {
        Box::pin(async move {
            let answer = self.ask("eth_gasPrice", json!([])).await?;
            let digits = answer.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(unreadable)?;
            u128::from_str_radix(digits, 16).map_err(|_| unreadable())
        })
    }

    fn logs(&self, filter: LogFilter) -> Pending<'_, Vec<Log>> {
        Box::pin(async move {
            let last = self.last_final().await?;
            let end = filter.to_block.map_or(last, |to| to.min(last));
            let (mut logs, mut from) = (Vec::new(), filter.from_block);
            while from <= end {
                let to = from.saturating_add(LOG_STEP - 1).min(end);
                let answer = self.ask("eth_getLogs", json!([shape::filter(&filter, from, to)])).await?;
                for one in answer.as_array().ok_or_else(unreadable)? {
                    logs.push(shape::read_log(one).ok_or_else(unreadable)?);
                }
                if logs.len() > MAX_LOGS {
                    return Err(LedgerError::TooMany(MAX_LOGS));
                }
                from = to.saturating_add(1);
            }
            Ok(logs)
        })
    }

    fn receipt(&self, transaction: B256) -> Pending<'_, Option<Receipt>> {
        Box::pin(self.found(transaction))
    }

    fn send(&self, signed: Signed) -> Pending<'_, Receipt> {
        Box::pin(self.send_and_wait(signed))
    }
}

/// The most logs of one answer.
const MAX_LOGS: usize = 10_000;

fn call_object(call: &Call) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("from".into(), shape::data(call.from.as_slice()));
    if let Some(to) = call.to {
        object.insert("to".into(), shape::data(to.as_slice()));
    }
    object.insert("data".into(), shape::data(&call.data));
    Value::Object(object)
}

fn read_error(error: &Value) -> Failure {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let short: String = message.chars().take(200).collect();
    let said = error.get("data").and_then(|data| shape::read_data(data.get("data").unwrap_or(data)));
    if message.contains("revert") {
        return Failure::Answer(LedgerError::reverted(said.unwrap_or_default()));
    }
    match error.get("code").and_then(Value::as_i64) {
        // Overloaded, or not synchronised yet: another endpoint may answer.
        Some(-32005 | -32603) if !message.contains("insufficient") => Failure::Endpoint(short),
        _ => Failure::Answer(LedgerError::Invalid(short)),
    }
}

/// What nodes say of a transaction that is on its way or on the chain.
fn is_known(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    [
        "already known",
        "known transaction",
        "already imported",
        "already in",
        "nonce too low",
        "invalid nonce",
        "invalid sequence",
        "nonce has already been used",
        "not found",
    ]
    .iter()
    .any(|words| why.contains(words))
}

fn malformed() -> Failure {
    Failure::Endpoint("its answer is not what was asked".into())
}

fn unreadable() -> LedgerError {
    LedgerError::Unavailable("an endpoint's answer is malformed".into())
}

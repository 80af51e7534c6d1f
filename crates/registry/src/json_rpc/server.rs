//! A ledger served to others: one request in, one answer out, no socket. Reading is for everybody; a transaction is taken
//! only where the one who mounts this says so, for on a chain without fees nothing else keeps strangers from filling it.

use revm_primitives::Address;
use serde_json::{Value, json};

use super::shape;
use crate::embedded::BLOCK_GAS;
use crate::ethereum::Signed;
use crate::ledger::{Call, Ledger, LedgerError, LogFilter};

/// The largest request, in bytes.
pub const MAX_REQUEST: usize = 256 * 1024;
/// The most requests in one.
const MAX_BATCH: usize = 32;
/// The most words of one place of a filter.
const MAX_TOPICS: usize = 32;

/// The most blocks of one question for logs that names no event: that one has no index.
const MAX_SCAN: u64 = 10_000;

/// What others may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Also send signed transactions.
    Send,
}

struct Fault {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl Fault {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    fn parameters() -> Self {
        Self::new(-32602, "invalid params")
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        if let Some(data) = error.revert_data() {
            let message = "execution reverted".into();
            return Self { code: 3, message, data: Some(shape::data(data)) };
        }
        match error {
            // The words that clients look for.
            LedgerError::Nonce { next, given } if given < next => {
                Self::new(-32000, format!("nonce too low: next nonce {next}, tx nonce {given}"))
            }
            LedgerError::TooMany(_) => Self::new(-32005, error.to_string()),
            other => Self::new(-32000, other.to_string()),
        }
    }
}

/// Answers a request, or a batch of them. Whatever comes in, the answer is JSON-RPC.
pub async fn answer(ledger: &dyn Ledger, access: Access, request: &[u8]) -> Vec<u8> {
    let answer = match parse(request) {
        None => Some(fault(&Value::Null, &Fault::new(-32700, "parse error"))),
        Some(Value::Array(batch)) if (1..=MAX_BATCH).contains(&batch.len()) => {
            let mut answers = Vec::with_capacity(batch.len());
            for one in &batch {
                answers.extend(answer_one(ledger, access, one).await);
            }
            Some(Value::Array(answers))
        }
        Some(one) => answer_one(ledger, access, &one).await,
    };
    answer.map(|answer| answer.to_string().into_bytes()).unwrap_or_default()
}

fn parse(request: &[u8]) -> Option<Value> {
    if request.len() > MAX_REQUEST {
        return None;
    }
    serde_json::from_slice(request).ok()
}

async fn answer_one(ledger: &dyn Ledger, access: Access, request: &Value) -> Option<Value> {
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    let Some(method) = request.get("method").and_then(Value::as_str) else {
        return Some(fault(&id, &Fault::new(-32600, "invalid request")));
    };
    let none = Vec::new();
    let parameters = request.get("params").and_then(Value::as_array).unwrap_or(&none);
    let answer = match run(ledger, access, method, parameters).await {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => fault(&id, &error),
    };
    Some(answer)
}

fn fault(id: &Value, fault: &Fault) -> Value {
    let mut error = json!({ "code": fault.code, "message": fault.message });
    if let (Some(object), Some(data)) = (error.as_object_mut(), &fault.data) {
        object.insert("data".into(), data.clone());
    }
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

async fn run(ledger: &dyn Ledger, access: Access, method: &str, given: &[Value]) -> Result<Value, Fault> {
    let parameter = |at: usize| given.get(at).ok_or_else(Fault::parameters);
    Ok(match method {
        "eth_chainId" => shape::quantity(ledger.chain_id()),
        "net_version" => Value::String(ledger.chain_id().to_string()),
        "web3_clientVersion" => Value::String(concat!("mapae/", env!("CARGO_PKG_VERSION")).into()),
        "eth_blockNumber" => shape::quantity(ledger.head().await?.number),
        "eth_gasPrice" | "eth_maxPriorityFeePerGas" => Value::String(format!("{:#x}", ledger.fee().await?)),
        "eth_getBalance" => shape::quantity(0),
        "eth_getBlockByNumber" => {
            let head = ledger.head().await?;
            let number = block_number(parameter(0)?, head.number)?;
            let block = if number == head.number { Some(head) } else { ledger.block(number).await? };
            block.map_or(Value::Null, |block| shape::block(&block, BLOCK_GAS))
        }
        "eth_getTransactionCount" => {
            let address = shape::read_address(parameter(0)?).ok_or_else(Fault::parameters)?;
            shape::quantity(ledger.nonce(address).await?)
        }
        "eth_getCode" => {
            let address = shape::read_address(parameter(0)?).ok_or_else(Fault::parameters)?;
            at_head(ledger, given.get(1)).await?;
            shape::data(&ledger.code(address).await?)
        }
        "eth_call" => {
            at_head(ledger, given.get(1)).await?;
            shape::data(&ledger.call(call(parameter(0)?)?).await?)
        }
        "eth_estimateGas" => {
            let used = ledger.estimate(call(parameter(0)?)?).await?;
            // What a call hands on and gets back is not in what it used.
            shape::quantity(used.saturating_add(used / 4))
        }
        "eth_getLogs" => {
            let filter = filter(parameter(0)?, ledger.head().await?.number)?;
            let last = filter.to_block.unwrap_or(u64::MAX);
            let [event, ..] = &filter.topics;
            if event.is_empty() && last.saturating_sub(filter.from_block) > MAX_SCAN {
                return Err(Fault::new(-32005, format!("at most {MAX_SCAN} blocks without a first topic")));
            }
            ledger.logs(filter).await?.iter().map(shape::log).collect()
        }
        "eth_getTransactionReceipt" => {
            let hash = shape::read_word(parameter(0)?).ok_or_else(Fault::parameters)?;
            ledger.receipt(hash).await?.map_or(Value::Null, |receipt| shape::receipt(&receipt))
        }
        "eth_sendRawTransaction" if access == Access::Send => {
            let raw = shape::read_data(parameter(0)?).ok_or_else(Fault::parameters)?;
            let signed = Signed::decode(&raw).map_err(LedgerError::from)?;
            shape::data(ledger.send(signed).await?.transaction.as_slice())
        }
        "eth_sendRawTransaction" => return Err(Fault::new(-32601, "this endpoint only answers questions")),
        _ => return Err(Fault::new(-32601, format!("the method {method:.64} does not exist"))),
    })
}

fn block_number(value: &Value, head: u64) -> Result<u64, Fault> {
    match value.as_str() {
        Some("latest" | "safe" | "finalized" | "pending") => Ok(head),
        Some("earliest") => Ok(0),
        _ => shape::read_quantity(value).ok_or_else(Fault::parameters),
    }
}

/// The state is that of the head; history is in the events.
async fn at_head(ledger: &dyn Ledger, block: Option<&Value>) -> Result<(), Fault> {
    let Some(block) = block.filter(|block| !block.is_null()) else { return Ok(()) };
    if matches!(block.as_str(), Some("latest" | "safe" | "finalized" | "pending")) {
        return Ok(());
    }
    let head = ledger.head().await?.number;
    if block_number(block, head)? == head {
        return Ok(());
    }
    Err(Fault::new(-32000, "the state is kept for the last block only"))
}

fn call(value: &Value) -> Result<Call, Fault> {
    let address = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(given) => shape::read_address(given).map(Some).ok_or_else(Fault::parameters),
    };
    let data = match value.get("input").or_else(|| value.get("data")) {
        None => Default::default(),
        Some(given) => shape::read_data(given).ok_or_else(Fault::parameters)?,
    };
    Ok(Call { from: address("from")?.unwrap_or(Address::ZERO), to: address("to")?, data })
}

fn filter(value: &Value, head: u64) -> Result<LogFilter, Fault> {
    let number = |name: &str| value.get(name).map(|given| block_number(given, head)).transpose();
    if value.get("blockHash").is_some() {
        return Err(Fault::new(-32602, "blockHash is not supported; name fromBlock and toBlock"));
    }
    let address = match value.get("address") {
        None | Some(Value::Null) => None,
        Some(Value::Array(list)) => match list.as_slice() {
            [] => None,
            [one] => Some(shape::read_address(one).ok_or_else(Fault::parameters)?),
            _ => return Err(Fault::new(-32602, "one address at a time")),
        },
        Some(one) => Some(shape::read_address(one).ok_or_else(Fault::parameters)?),
    };
    let mut filter = LogFilter {
        from_block: number("fromBlock")?.unwrap_or(head),
        to_block: Some(number("toBlock")?.unwrap_or(head)),
        address,
        ..LogFilter::default()
    };
    let none = Vec::new();
    let given = value.get("topics").and_then(Value::as_array).unwrap_or(&none);
    if given.len() > filter.topics.len() {
        return Err(Fault::parameters());
    }
    for (place, given) in filter.topics.iter_mut().zip(given) {
        *place = match given {
            Value::Null => Vec::new(),
            Value::Array(any) if any.len() <= MAX_TOPICS => {
                any.iter().map(shape::read_word).collect::<Option<_>>().ok_or_else(Fault::parameters)?
            }
            one => vec![shape::read_word(one).ok_or_else(Fault::parameters)?],
        };
    }
    Ok(filter)
}

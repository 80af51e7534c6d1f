//! How things look in JSON (execution-apis): quantities as `0x` without leading zeros, data as `0x` with two digits a byte.

use revm_primitives::{Address, B256, Bytes};
use serde_json::{Value, json};

use crate::ledger::{Block, Log, LogFilter, Outcome, Receipt};

pub(super) fn quantity(number: u64) -> Value {
    Value::String(format!("{number:#x}"))
}

pub(super) fn data(bytes: &[u8]) -> Value {
    Value::String(format!("0x{}", keys::encoding::hex_encode(bytes)))
}

pub(super) fn block(block: &Block, gas_limit: u64) -> Value {
    let zero = |bytes: usize| data(&vec![0; bytes]);
    json!({
        "number": quantity(block.number),
        "hash": data(block.hash.as_slice()),
        "parentHash": data(block.parent.as_slice()),
        "timestamp": quantity(block.timestamp),
        "gasUsed": quantity(block.gas_used),
        "gasLimit": quantity(gas_limit),
        "stateRoot": data(block.state_root.as_slice()),
        "transactions": block.transactions.iter().map(|hash| data(hash.as_slice())).collect::<Vec<_>>(),
        "baseFeePerGas": "0x0",
        "difficulty": "0x0",
        "extraData": "0x",
        "miner": zero(20),
        "nonce": zero(8),
        "mixHash": zero(32),
        "logsBloom": zero(256),
        "receiptsRoot": zero(32),
        "transactionsRoot": zero(32),
        "sha3Uncles": zero(32),
        "uncles": [],
        "size": "0x0",
    })
}

pub(super) fn log(log: &Log) -> Value {
    json!({
        "address": data(log.address.as_slice()),
        "topics": log.topics.iter().map(|topic| data(topic.as_slice())).collect::<Vec<_>>(),
        "data": data(&log.data),
        "blockNumber": quantity(log.block),
        "blockHash": data(log.block_hash.as_slice()),
        "transactionHash": data(log.transaction.as_slice()),
        "transactionIndex": quantity(log.transaction_index),
        "logIndex": quantity(log.index),
        "removed": false,
    })
}

pub(super) fn receipt(receipt: &Receipt) -> Value {
    let address = |address: &Option<Address>| address.map_or(Value::Null, |address| data(address.as_slice()));
    json!({
        "transactionHash": data(receipt.transaction.as_slice()),
        "blockNumber": quantity(receipt.block),
        "blockHash": data(receipt.block_hash.as_slice()),
        "transactionIndex": quantity(receipt.index),
        "from": data(receipt.sender.as_slice()),
        "to": address(&receipt.to),
        "contractAddress": address(&receipt.created),
        "status": if receipt.outcome == Outcome::Done { "0x1" } else { "0x0" },
        "gasUsed": quantity(receipt.gas_used),
        "cumulativeGasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": "0x0",
        "logs": receipt.logs.iter().map(log).collect::<Vec<_>>(),
        "logsBloom": data(&[0; 256]),
        "type": "0x2",
    })
}

pub(super) fn filter(filter: &LogFilter, from: u64, to: u64) -> Value {
    let mut out = json!({ "fromBlock": quantity(from), "toBlock": quantity(to) });
    // A place that is named must be there, even where anything will do: geth leaves out logs with fewer topics.
    let named =
        filter.topics.iter().rposition(|topics| !topics.is_empty()).map_or(0, |last| last.saturating_add(1));
    let topics: Vec<Value> = filter
        .topics
        .iter()
        .take(named)
        .map(|topics| match topics.as_slice() {
            [] => Value::Null,
            some => some.iter().map(|topic| data(topic.as_slice())).collect(),
        })
        .collect();
    if let Some(object) = out.as_object_mut() {
        if let Some(address) = filter.address {
            object.insert("address".into(), data(address.as_slice()));
        }
        object.insert("topics".into(), Value::Array(topics));
    }
    out
}

pub(super) fn read_quantity(value: &Value) -> Option<u64> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

pub(super) fn read_data(value: &Value) -> Option<Bytes> {
    keys::encoding::hex_decode(value.as_str()?.strip_prefix("0x")?).ok().map(Bytes::from)
}

pub(super) fn read_word(value: &Value) -> Option<B256> {
    B256::try_from(read_data(value)?.as_ref()).ok()
}

pub(super) fn read_address(value: &Value) -> Option<Address> {
    Address::try_from(read_data(value)?.as_ref()).ok()
}

pub(super) fn read_block(value: &Value) -> Option<Block> {
    let hash = |each: &Value| match each {
        Value::Object(transaction) => read_word(transaction.get("hash")?),
        other => read_word(other),
    };
    Some(Block {
        number: read_quantity(value.get("number")?)?,
        hash: read_word(value.get("hash")?)?,
        parent: read_word(value.get("parentHash")?)?,
        timestamp: read_quantity(value.get("timestamp")?)?,
        gas_used: read_quantity(value.get("gasUsed")?)?,
        state_root: read_word(value.get("stateRoot")?)?,
        transactions: value.get("transactions")?.as_array()?.iter().map(hash).collect::<Option<_>>()?,
    })
}

pub(super) fn read_log(value: &Value) -> Option<Log> {
    let topics = value.get("topics")?.as_array()?;
    Some(Log {
        address: read_address(value.get("address")?)?,
        topics: topics.iter().map(read_word).collect::<Option<_>>()?,
        data: read_data(value.get("data")?)?,
        block: read_quantity(value.get("blockNumber")?)?,
        block_hash: read_word(value.get("blockHash")?)?,
        transaction: read_word(value.get("transactionHash")?)?,
        transaction_index: read_quantity(value.get("transactionIndex")?)?,
        index: read_quantity(value.get("logIndex")?)?,
    })
}

pub(super) fn read_receipt(value: &Value) -> Option<Receipt> {
    let address = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(given) => read_address(given).map(Some),
    };
    let success = read_quantity(value.get("status")?)? == 1;
    Some(Receipt {
        transaction: read_word(value.get("transactionHash")?)?,
        block: read_quantity(value.get("blockNumber")?)?,
        block_hash: read_word(value.get("blockHash")?)?,
        index: read_quantity(value.get("transactionIndex")?)?,
        sender: read_address(value.get("from")?)?,
        to: address("to")?,
        created: address("contractAddress")?,
        outcome: if success { Outcome::Done } else { Outcome::Reverted(Bytes::new()) },
        gas_used: read_quantity(value.get("gasUsed")?)?,
        logs: value.get("logs")?.as_array()?.iter().map(read_log).collect::<Option<_>>()?,
    })
}

//! Rows of any table: read in the order of their key, and hashed.

use keys::encoding::{hex_decode, hex_encode};
use serde_json::Value as Json;
use sqlx::AssertSqlSafe;

use crate::operations::limits;
use crate::operations::store::{Kind, Row, Snapshot, StoreError, Table, Value};

/// How many rows a table holds, and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub rows: u64,
    /// The sum (mod 2^256) of the SHA-256 of every row: the same in whatever order an engine sorts them.
    pub sum: [u8; 32],
}

/// Reads a whole table and hashes it.
///
/// ```text
/// row   SHA-256(length ‖ table ‖ for each column: length ‖ name ‖ kind ‖ length ‖ value)    lengths as u64, big-endian
/// kind  0 missing, 1 text, 2 number (i64, big-endian), 3 bytes
/// ```
pub async fn digest(source: &mut Snapshot, table: &Table) -> Result<Digest, StoreError> {
    let mut digest = Digest { rows: 0, sum: [0; 32] };
    let mut after: Option<Vec<Value>> = None;
    loop {
        let rows = select(source, table, after.as_deref(), limits::TRANSFER_ROWS.size()).await?;
        let Some(last) = rows.last() else { return Ok(digest) };
        for row in &rows {
            digest.rows += 1;
            add(&mut digest.sum, &hash(table, row)?);
        }
        after = Some(table.key.iter().map(|column| column.of(last)).collect::<Result<_, _>>()?);
    }
}

fn hash(table: &Table, row: &Row) -> Result<[u8; 32], StoreError> {
    let mut text = Vec::new();
    let mut push = |bytes: &[u8]| {
        text.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        text.extend_from_slice(bytes);
    };
    push(table.name.as_bytes());
    for column in &table.columns {
        push(column.name.as_bytes());
        match column.of(row)? {
            Value::Text(None) | Value::Int(None) | Value::Bytes(None) => push(&[0]),
            Value::Text(Some(value)) => push(&[&[1], value.as_bytes()].concat()),
            Value::Int(Some(value)) => push(&[[2].as_slice(), &value.to_be_bytes()].concat()),
            Value::Bytes(Some(value)) => push(&[&[3], value.as_slice()].concat()),
        }
    }
    Ok(keys::sha256(&text))
}

fn add(sum: &mut [u8; 32], hash: &[u8; 32]) {
    let mut carry = 0_u16;
    for (digit, more) in sum.iter_mut().zip(hash).rev() {
        let total = u16::from(*digit) + u16::from(*more) + carry;
        *digit = (total & 0xff) as u8;
        carry = total >> 8;
    }
}

/// Rows after a key, in the order of the key, as this engine sorts it.
pub(super) async fn select(
    source: &mut Snapshot,
    table: &Table,
    after: Option<&[Value]>,
    most: usize,
) -> Result<Vec<Row>, StoreError> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let key: Vec<&str> = table.key.iter().map(|column| column.name.as_str()).collect();
    let (columns, key) = (columns.join(", "), key.join(", "));
    let mut params: Vec<Value> = after.unwrap_or_default().to_vec();
    let beyond = match params.len() {
        0 => String::new(),
        count => {
            let places: Vec<String> = (1..=count).map(|place| format!("${place}")).collect();
            format!(" WHERE ({key}) > ({})", places.join(", "))
        }
    };
    params.push(i64::try_from(most).unwrap_or(i64::MAX).into());
    // Names come from our own migrations.
    let sql = format!("SELECT {columns} FROM {}{beyond} ORDER BY {key} LIMIT ${}", table.name, params.len());
    source.fetch_all(AssertSqlSafe(sql), params).await
}

/// The bytes that a value takes, roughly.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.as_ref().map_or(1, String::len),
        Value::Int(_) => 8,
        Value::Bytes(bytes) => bytes.as_ref().map_or(1, Vec::len),
    }
}

/// A key as JSON; bytes as hex.
pub(super) fn write_key(key: &[Value]) -> String {
    let parts = key.iter().map(|value| match value {
        Value::Text(text) => text.clone().map_or(Json::Null, Json::String),
        Value::Int(number) => number.map_or(Json::Null, Json::from),
        Value::Bytes(bytes) => bytes.as_ref().map_or(Json::Null, |bytes| Json::String(hex_encode(bytes))),
    });
    Json::Array(parts.collect()).to_string()
}

/// What [`write_key`] wrote.
pub(super) fn read_key(table: &Table, text: &str) -> Result<Vec<Value>, StoreError> {
    let malformed = || StoreError::Column("after".to_owned(), "is no key of this table".to_owned());
    let parts: Vec<Json> = serde_json::from_str(text).map_err(|_| malformed())?;
    if parts.len() != table.key.len() {
        return Err(malformed());
    }
    let read = table.key.iter().zip(parts).map(|(column, part)| match (column.kind, part) {
        (Kind::Text, Json::String(text)) => Ok(Value::Text(Some(text))),
        (Kind::Int, Json::Number(number)) => {
            number.as_i64().map(|n| Value::Int(Some(n))).ok_or_else(malformed)
        }
        (Kind::Bytes, Json::String(hex)) => {
            hex_decode(&hex).map(|bytes| Value::Bytes(Some(bytes))).map_err(|_| malformed())
        }
        _ => Err(malformed()),
    });
    read.collect()
}

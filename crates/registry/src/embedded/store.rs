//! The chain's file: SQLite, write-ahead log, synchronous=FULL.

use std::path::Path;

use revm_primitives::{Address, B256, Bytes, U256, keccak256};
use revm_state::Bytecode;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    ConnectOptions as _, Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection, SqlitePool,
};

use super::block::Header;
use super::evm::Executed;
use super::state::{Account, Changes, State};
use crate::ethereum::Signed;
use crate::ledger::{Block, LedgerError, Log, LogFilter, Outcome, Receipt};

const FORMAT: i64 = 1;
const READERS: u32 = 4;
/// The most logs of one answer.
pub(super) const MAX_LOGS: usize = 10_000;
/// The most blocks of one step of a replay.
const STEP: i64 = 64;

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(std::time::Duration::from_secs(10))
        .statement_cache_capacity(64)
        .disable_statement_logging()
}

/// The connection that writes. Makes the file where there is none.
pub(super) async fn open_writer(
    path: &Path,
    chain_id: u64,
    now: u64,
) -> Result<SqliteConnection, LedgerError> {
    let mut db = options(path).create_if_missing(true).connect().await?;
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
    let made: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'chain'")
        .fetch_one(&mut *tx)
        .await?;
    if made == 0 {
        sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO chain (only, format, chain_id) VALUES (1, $1, $2)")
            .bind(FORMAT)
            .bind(int(chain_id)?)
            .execute(&mut *tx)
            .await?;
        let genesis = Header {
            number: 0,
            parent: B256::ZERO,
            timestamp: now,
            gas_used: 0,
            transactions_root: super::block::transactions_root(&[]),
            receipts_root: super::block::receipts_root(&[]),
            state_root: State::empty().root(),
        };
        put_header(&mut tx, &genesis, genesis.hash(chain_id)).await?;
    }
    tx.commit().await?;
    check_format(&mut db, chain_id).await?;
    Ok(db)
}

/// Connections that only read. The file must be there.
pub(super) async fn open_readers(path: &Path, chain_id: u64) -> Result<SqlitePool, LedgerError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(options(path).pragma("query_only", "ON"))
        .await?;
    check_format(&mut *pool.acquire().await?, chain_id).await?;
    Ok(pool)
}

async fn check_format(db: &mut SqliteConnection, chain_id: u64) -> Result<(), LedgerError> {
    let row = sqlx::query("SELECT format, chain_id FROM chain").fetch_one(db).await?;
    let (format, given): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if format != FORMAT {
        return Err(LedgerError::Damaged(format!("format {format} is none that this version reads")));
    }
    if given != int(chain_id)? {
        return Err(LedgerError::OtherChain { ours: chain_id, given: given.unsigned_abs() });
    }
    Ok(())
}

/// The head and the state at it, checked against each other.
pub(super) async fn load(
    db: &mut SqliteConnection,
    chain_id: u64,
) -> Result<(Header, B256, State), LedgerError> {
    // One snapshot: the head and the state of it.
    let mut tx = db.begin().await?;
    let row = sqlx::query("SELECT * FROM block ORDER BY number DESC LIMIT 1").fetch_one(&mut *tx).await?;
    let (header, hash) = header(&row)?;
    if header.hash(chain_id) != hash {
        return Err(LedgerError::Damaged(format!("block {} is not what its hash says", header.number)));
    }
    let state = load_state(&mut tx).await?;
    tx.rollback().await?;
    if state.root() != header.state_root {
        return Err(LedgerError::Damaged(format!("the state is not that of block {}", header.number)));
    }
    Ok((header, hash, state))
}

pub(super) async fn load_state(db: &mut SqliteConnection) -> Result<State, LedgerError> {
    let mut all = Changes::default();
    for row in sqlx::query("SELECT address, nonce, code_hash FROM account").fetch_all(&mut *db).await? {
        let nonce = row.try_get::<i64, _>(1)?.unsigned_abs();
        all.accounts.insert(address(&row, 0)?, Account { nonce, code_hash: word(&row, 2)? });
    }
    for row in sqlx::query("SELECT address, key, value FROM slot").fetch_all(&mut *db).await? {
        let (key, value) = (word(&row, 1)?, word(&row, 2)?);
        all.slots.insert((address(&row, 0)?, U256::from_be_bytes(key.0)), U256::from_be_bytes(value.0));
    }
    for row in sqlx::query("SELECT hash, bytes FROM code").fetch_all(&mut *db).await? {
        let (hash, bytes) = (word(&row, 0)?, bytes(&row, 1)?);
        // Code is not part of the state root, its hash is.
        if keccak256(&bytes) != hash {
            return Err(LedgerError::Damaged("code is not what its hash says".into()));
        }
        all.codes.insert(hash, Bytecode::new_legacy(bytes));
    }
    Ok(State::empty().after(&all))
}

/// Writes a block and what it changed, as one: when this returns `Ok` it is on the disk.
pub(super) async fn append(
    db: &mut SqliteConnection,
    (header, hash): (&Header, B256),
    executed: &[Executed],
    changes: &Changes,
) -> Result<(), LedgerError> {
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
    // The number is taken when another process was faster.
    put_header(&mut tx, header, hash).await?;
    put_transactions(&mut tx, header.number, executed).await?;
    put_changes(&mut tx, changes).await?;
    tx.commit().await?;
    Ok(())
}

async fn put_header(db: &mut SqliteConnection, header: &Header, hash: B256) -> Result<(), LedgerError> {
    sqlx::query(
        "INSERT INTO block (number, hash, parent, timestamp, gas_used, transactions_root, receipts_root, state_root) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(int(header.number)?)
    .bind(hash.as_slice())
    .bind(header.parent.as_slice())
    .bind(int(header.timestamp)?)
    .bind(int(header.gas_used)?)
    .bind(header.transactions_root.as_slice())
    .bind(header.receipts_root.as_slice())
    .bind(header.state_root.as_slice())
    .execute(db)
    .await?;
    Ok(())
}

async fn put_transactions(
    db: &mut SqliteConnection,
    block: u64,
    executed: &[Executed],
) -> Result<(), LedgerError> {
    let block = int(block)?;
    for (start, some) in (0_i64..).step_by(100).zip(executed.chunks(100)) {
        let mut insert: QueryBuilder<Sqlite> =
            QueryBuilder::new("INSERT INTO tx (block, place, hash, raw, sender, success, gas_used, output) ");
        insert.push_values((start..).zip(some), |mut row, (place, one)| {
            row.push_bind(block)
                .push_bind(place)
                .push_bind(one.signed.hash.as_slice())
                .push_bind(one.signed.raw.as_ref())
                .push_bind(one.signed.sender.as_slice())
                .push_bind(one.success)
                .push_bind(i64::try_from(one.gas_used).unwrap_or(i64::MAX))
                .push_bind(one.output.as_ref());
        });
        insert.build().execute(&mut *db).await?;
    }
    let logs: Vec<_> =
        (0_i64..).zip(executed).flat_map(|(tx, one)| one.logs.iter().map(move |log| (tx, log))).collect();
    for (start, some) in (0_i64..).step_by(100).zip(logs.chunks(100)) {
        let mut insert: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO log (block, place, tx, address, topic0, topic1, topic2, topic3, data) ",
        );
        insert.push_values((start..).zip(some), |mut row, (place, (tx, log))| {
            let topic = |at: usize| log.topics.get(at).map(|topic| topic.as_slice());
            row.push_bind(block)
                .push_bind(place)
                .push_bind(*tx)
                .push_bind(log.address.as_slice())
                .push_bind(topic(0))
                .push_bind(topic(1))
                .push_bind(topic(2))
                .push_bind(topic(3))
                .push_bind(log.data.as_ref());
        });
        insert.build().execute(&mut *db).await?;
    }
    Ok(())
}

async fn put_changes(db: &mut SqliteConnection, changes: &Changes) -> Result<(), LedgerError> {
    for (address, account) in &changes.accounts {
        sqlx::query(
            "INSERT INTO account (address, nonce, code_hash) VALUES ($1, $2, $3) \
             ON CONFLICT (address) DO UPDATE SET nonce = excluded.nonce, code_hash = excluded.code_hash",
        )
        .bind(address.as_slice())
        .bind(int(account.nonce)?)
        .bind(account.code_hash.as_slice())
        .execute(&mut *db)
        .await?;
    }
    for ((address, key), value) in &changes.slots {
        let (key, bytes) = (key.to_be_bytes::<32>(), value.to_be_bytes::<32>());
        let query = if value.is_zero() {
            sqlx::query("DELETE FROM slot WHERE address = $1 AND key = $2")
        } else {
            sqlx::query(
                "INSERT INTO slot (address, key, value) VALUES ($1, $2, $3) \
                 ON CONFLICT (address, key) DO UPDATE SET value = excluded.value",
            )
        };
        let query = query.bind(address.to_vec()).bind(key.to_vec());
        let query = if value.is_zero() { query } else { query.bind(bytes.to_vec()) };
        query.execute(&mut *db).await?;
    }
    for (hash, code) in &changes.codes {
        sqlx::query("INSERT INTO code (hash, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(hash.as_slice())
            .bind(code.original_byte_slice())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

pub(super) async fn head_number(pool: &SqlitePool) -> Result<u64, LedgerError> {
    let number: i64 = sqlx::query_scalar("SELECT MAX(number) FROM block").fetch_one(pool).await?;
    Ok(number.unsigned_abs())
}

pub(super) async fn block(pool: &SqlitePool, number: u64) -> Result<Option<Block>, LedgerError> {
    let Ok(at) = int(number) else { return Ok(None) };
    let row = sqlx::query("SELECT * FROM block WHERE number = $1").bind(at).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    let (header, hash) = header(&row)?;
    let rows =
        sqlx::query("SELECT hash FROM tx WHERE block = $1 ORDER BY place").bind(at).fetch_all(pool).await?;
    let transactions = rows.iter().map(|row| word(row, 0)).collect::<Result<_, _>>()?;
    Ok(Some(Block {
        number,
        hash,
        parent: header.parent,
        timestamp: header.timestamp,
        gas_used: header.gas_used,
        state_root: header.state_root,
        transactions,
    }))
}

pub(super) async fn receipt(pool: &SqlitePool, transaction: B256) -> Result<Option<Receipt>, LedgerError> {
    let row = sqlx::query(
        "SELECT tx.block, tx.place, tx.raw, tx.success, tx.gas_used, tx.output, block.hash AS block_hash \
         FROM tx JOIN block ON block.number = tx.block WHERE tx.hash = $1",
    )
    .bind(transaction.as_slice())
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (number, place): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let signed = Signed::decode(&bytes(&row, 2)?)?;
    let logs = sqlx::query(
        "SELECT log.block, log.place, log.tx, log.address, topic0, topic1, topic2, topic3, data, \
         $3 AS block_hash, $4 AS tx_hash FROM log WHERE block = $1 AND tx = $2 ORDER BY place",
    )
    .bind(number)
    .bind(place)
    .bind(word(&row, 6)?.to_vec())
    .bind(transaction.to_vec())
    .fetch_all(pool)
    .await?;
    let output = bytes(&row, 5)?;
    Ok(Some(Receipt {
        transaction,
        block: number.unsigned_abs(),
        block_hash: word(&row, 6)?,
        index: place.unsigned_abs(),
        sender: signed.sender,
        to: signed.transaction.to,
        created: signed.created(),
        outcome: if row.try_get(3)? { Outcome::Done } else { Outcome::Reverted(output) },
        gas_used: row.try_get::<i64, _>(4)?.unsigned_abs(),
        logs: logs.iter().map(log).collect::<Result<_, _>>()?,
    }))
}

pub(super) async fn logs(pool: &SqlitePool, filter: &LogFilter) -> Result<Vec<Log>, LedgerError> {
    let mut select: QueryBuilder<Sqlite> = QueryBuilder::new(
        "SELECT log.block, log.place, log.tx, log.address, topic0, topic1, topic2, topic3, data, \
         block.hash AS block_hash, tx.hash AS tx_hash FROM log \
         JOIN block ON block.number = log.block JOIN tx ON tx.block = log.block AND tx.place = log.tx \
         WHERE log.block >= ",
    );
    select.push_bind(int(filter.from_block)?);
    if let Some(to) = filter.to_block {
        select.push(" AND log.block <= ").push_bind(int(to)?);
    }
    if let Some(address) = filter.address {
        select.push(" AND log.address = ").push_bind(address.to_vec());
    }
    for (column, topics) in ["topic0", "topic1", "topic2", "topic3"].into_iter().zip(&filter.topics) {
        if topics.is_empty() {
            continue;
        }
        select.push(format!(" AND {column} IN ("));
        let mut list = select.separated(", ");
        for topic in topics {
            list.push_bind(topic.to_vec());
        }
        list.push_unseparated(")");
    }
    select.push(" ORDER BY log.block, log.place LIMIT ").push_bind(int(MAX_LOGS as u64 + 1)?);
    let rows = select.build().fetch_all(pool).await?;
    if rows.len() > MAX_LOGS {
        return Err(LedgerError::TooMany(MAX_LOGS));
    }
    rows.iter().map(log).collect()
}

/// A block as it was written, to be run again.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) header: Header,
    pub(super) hash: B256,
    pub(super) transactions: Vec<(Bytes, bool, u64, Bytes)>,
    pub(super) logs: Vec<Log>,
}

/// Some blocks from a number on, in order.
pub(super) async fn written(pool: &SqlitePool, from: u64) -> Result<Vec<Written>, LedgerError> {
    let (from, to) = (int(from)?, int(from)?.saturating_add(STEP));
    let mut blocks = Vec::new();
    for row in sqlx::query("SELECT * FROM block WHERE number >= $1 AND number < $2 ORDER BY number")
        .bind(from)
        .bind(to)
        .fetch_all(pool)
        .await?
    {
        let (header, hash) = header(&row)?;
        blocks.push(Written { header, hash, transactions: Vec::new(), logs: Vec::new() });
    }
    let rows = sqlx::query(
        "SELECT block, raw, success, gas_used, output FROM tx WHERE block >= $1 AND block < $2 ORDER BY block, place",
    )
    .bind(from)
    .bind(to)
    .fetch_all(pool)
    .await?;
    for row in rows {
        let at = usize::try_from(row.try_get::<i64, _>(0)?.saturating_sub(from)).unwrap_or(usize::MAX);
        let one =
            (bytes(&row, 1)?, row.try_get(2)?, row.try_get::<i64, _>(3)?.unsigned_abs(), bytes(&row, 4)?);
        let block = blocks.get_mut(at).ok_or_else(|| LedgerError::Damaged("a block is missing".into()))?;
        block.transactions.push(one);
    }
    let rows = sqlx::query(
        "SELECT block, place, tx, address, topic0, topic1, topic2, topic3, data, x'' AS block_hash, x'' AS tx_hash \
         FROM log WHERE block >= $1 AND block < $2 ORDER BY block, place",
    )
    .bind(from)
    .bind(to)
    .fetch_all(pool)
    .await?;
    for row in rows {
        let at = usize::try_from(row.try_get::<i64, _>(0)?.saturating_sub(from)).unwrap_or(usize::MAX);
        let block = blocks.get_mut(at).ok_or_else(|| LedgerError::Damaged("a block is missing".into()))?;
        block.logs.push(log(&row)?);
    }
    Ok(blocks)
}

fn header(row: &SqliteRow) -> Result<(Header, B256), LedgerError> {
    let number = |name: &str| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
    let word = |name: &str| Ok::<_, LedgerError>(to_word(row.try_get::<&[u8], _>(name)?));
    let header = Header {
        number: number("number")?,
        parent: word("parent")?,
        timestamp: number("timestamp")?,
        gas_used: number("gas_used")?,
        transactions_root: word("transactions_root")?,
        receipts_root: word("receipts_root")?,
        state_root: word("state_root")?,
    };
    Ok((header, word("hash")?))
}

fn log(row: &SqliteRow) -> Result<Log, LedgerError> {
    let mut topics = Vec::with_capacity(4);
    for column in 4..8_usize {
        if let Some(topic) = row.try_get::<Option<&[u8]>, _>(column)? {
            topics.push(to_word(topic));
        }
    }
    Ok(Log {
        address: address(row, 3)?,
        topics,
        data: bytes(row, 8)?,
        block: row.try_get::<i64, _>(0)?.unsigned_abs(),
        block_hash: word(row, 9)?,
        transaction: word(row, 10)?,
        transaction_index: row.try_get::<i64, _>(2)?.unsigned_abs(),
        index: row.try_get::<i64, _>(1)?.unsigned_abs(),
    })
}

fn int(number: u64) -> Result<i64, LedgerError> {
    i64::try_from(number).map_err(|_| LedgerError::Invalid(format!("{number} is no number of this chain")))
}

fn word(row: &SqliteRow, column: usize) -> Result<B256, LedgerError> {
    Ok(to_word(row.try_get(column)?))
}

/// A wrong length gives zeros, which no hash is: the checks say what is wrong.
fn to_word(bytes: &[u8]) -> B256 {
    B256::try_from(bytes).unwrap_or_default()
}

fn address(row: &SqliteRow, column: usize) -> Result<Address, LedgerError> {
    Ok(Address::try_from(row.try_get::<&[u8], _>(column)?).unwrap_or_default())
}

fn bytes(row: &SqliteRow, column: usize) -> Result<Bytes, LedgerError> {
    Ok(Bytes::copy_from_slice(row.try_get::<&[u8], _>(column)?))
}

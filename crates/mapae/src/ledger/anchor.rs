//! Anchors: one root a minute over all status lists, and the audit log's checkpoints, each once.
//!
//! A root is written into the outbox first and sent from there, oldest first; while the ledger is away they wait. The
//! contract takes a position only once and only forward: one that it refuses may have been sent before, by another
//! replica or by this one before a crash, and is looked up.
//!
//! ```text
//! leaf     ["<address of the list>", <version>, "<SHA-256 of the signed JWT in hex>"]      JSON, no spaces
//! root     RFC 6962 over the leaves, sorted by address
//! ```

use std::sync::Arc;

use registry::contract::{Event, call, topic};
use registry::ethereum::{B256, Bytes};
use registry::{LedgerError as ChainError, LogFilter};
use serde_json::json;

use super::open::Opened;
use super::{LedgerError, open, record};
use crate::operations::store::{Row, StoreError, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};
use crate::{audit, lifecycle};

pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let maker = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::LEDGER_ANCHOR.duration()).await {
            match only_one(&maker, "ledger_anchor", make(&maker)).await {
                Ok(_) | Err(LedgerError::NotSetUp) => {}
                Err(error) => tracing::warn!(%error, "roots to be anchored"),
            }
        }
    });
    let sender = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::LEDGER_DRAIN.duration()).await {
            match only_one(&sender, "ledger_drain", drain(&sender)).await {
                Ok(_) | Err(LedgerError::NotSetUp) => {}
                Err(error) => {
                    tracing::warn!(%error, "roots wait for the ledger");
                    // An outage is asked about less often than a queue.
                    if !stop.sleep(limits::LEDGER_FOLLOW.duration()).await {
                        break;
                    }
                }
            }
        }
    });
}

/// Does it if it is this process's turn: two that send with one key would use its numbers twice. Whoever lost a turn
/// unknowingly meets the contract, which takes each position once.
pub(super) async fn only_one<T: Default>(
    platform: &Platform,
    job: &'static str,
    work: impl Future<Output = Result<T, LedgerError>>,
) -> Result<T, LedgerError> {
    match platform.store.turn(job).await? {
        Some(_) => work.await,
        None => Ok(T::default()),
    }
}

/// Writes the roots of this minute into the outbox.
pub(super) async fn make(platform: &Platform) -> Result<(), LedgerError> {
    if record::setup(platform).await?.is_none() {
        return Err(LedgerError::NotSetUp);
    }
    let mut lists = lifecycle::status::digests(platform).await.map_err(LedgerError::Source)?;
    lists.sort();
    let leaves: Vec<String> = lists
        .iter()
        .map(|(uri, version, hash)| json!([uri, version, keys::encoding::hex_encode(hash)]).to_string())
        .collect();
    if !leaves.is_empty() {
        let minute = platform.now_ms().div_euclid(limits::LEDGER_ANCHOR.get());
        put(platform, "status", minute, String::new(), root(&leaves), format!("[{}]", leaves.join(",")))
            .await?;
    }
    let head = audit::head(platform).await.map_err(|error| LedgerError::Source(error.to_string()))?;
    let mut lines = head.note.lines();
    if let (Some(origin), Some(size), Some(hash)) = (lines.next(), lines.next(), lines.next()) {
        let size = size.parse().map_err(|_| LedgerError::Source("the checkpoint has no size".to_owned()))?;
        let hash = keys::encoding::b64_decode(hash).ok().and_then(|hash| hash.try_into().ok());
        let hash = hash.ok_or_else(|| LedgerError::Source("the checkpoint has no root".to_owned()))?;
        let origin = keys::encoding::hex_encode(&keys::sha256(origin.as_bytes()));
        put(platform, "checkpoint", size, origin, hash, "[]".to_owned()).await?;
    }
    let old = platform.now_ms().saturating_sub(limits::LEDGER_ANCHORS_KEPT.get());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM ledger_anchor WHERE sent_at IS NOT NULL AND made_at < $1";
                tx.execute(sql, params![old]).await
            })
        })
        .await
        .map(|_: u64| ())
        .map_err(StoreError::into)
}

async fn put(
    platform: &Platform,
    kind: &'static str,
    position: i64,
    origin: String,
    root: [u8; 32],
    leaves: String,
) -> Result<(), StoreError> {
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                // Another replica may have written this minute already.
                tx.execute(
                    "INSERT INTO ledger_anchor (kind, position, origin, root, leaves, made_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                    params![kind, position, origin, root, leaves, now],
                )
                .await
                .map(|_| ())
            })
        })
        .await
}

struct Waiting {
    kind: String,
    position: i64,
    origin: String,
    root: B256,
    leaves: usize,
}

impl Waiting {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let leaves: Vec<serde_json::Value> = serde_json::from_str(&row.text("leaves")?).unwrap_or_default();
        let root = B256::try_from(row.bytes("root")?.as_slice())
            .map_err(|_| StoreError::Column("root".to_owned(), "is no hash".to_owned()))?;
        Ok(Self {
            kind: row.text("kind")?,
            position: row.int("position")?,
            origin: row.text("origin")?,
            root,
            leaves: leaves.len(),
        })
    }

    fn topics(&self) -> (B256, B256) {
        let position = B256::left_padding_from(&self.position.to_be_bytes());
        match self.kind.as_str() {
            "status" => (topic::status_lists_anchored(), position),
            _ => (topic::checkpoint_anchored(), position),
        }
    }

    fn origin(&self) -> B256 {
        let bytes = keys::encoding::hex_decode(&self.origin).unwrap_or_default();
        B256::try_from(bytes.as_slice()).unwrap_or_default()
    }

    fn call(&self) -> Bytes {
        let position = self.position.unsigned_abs();
        match self.kind.as_str() {
            "status" => {
                call::anchor_status_lists(position, self.root, u32::try_from(self.leaves).unwrap_or(u32::MAX))
            }
            _ => call::anchor_checkpoint(self.origin(), position, self.root),
        }
    }
}

/// Sends what waits, oldest first, and stops at the first that the ledger does not take; how many were sent.
pub(super) async fn drain(platform: &Platform) -> Result<usize, LedgerError> {
    if record::setup(platform).await?.is_none() {
        return Err(LedgerError::NotSetUp);
    }
    let rows = platform
        .store
        .fetch_all(
            "SELECT kind, position, origin, root, leaves FROM ledger_anchor WHERE sent_at IS NULL \
             ORDER BY made_at, kind, position LIMIT $1",
            params![limits::LEDGER_DRAIN_ROWS.get()],
        )
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    platform.traces.job("anchor").around(send(platform, &rows)).await
}

async fn send(platform: &Platform, rows: &[Row]) -> Result<usize, LedgerError> {
    let opened = open::opened(platform).await?;
    let mut sent = 0;
    for row in rows {
        let waiting = Waiting::of(row)?;
        let hash = match opened.anchorer.act(Some(opened.registry.address()), waiting.call()).await {
            Ok(receipt) => receipt.transaction,
            // Whatever the contract says of it, and some engines tell nothing: what stands there was sent before.
            Err(refused @ (ChainError::Refused(_) | ChainError::Reverted(_))) => {
                found(&opened, &waiting).await?.ok_or(refused)?
            }
            Err(error) => return Err(error.into()),
        };
        let (kind, position, tx_hash) = (waiting.kind, waiting.position, hash.to_string());
        platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE ledger_anchor SET sent_at = $3, tx = $4 \
                         WHERE kind = $1 AND position = $2 AND sent_at IS NULL",
                        params![kind, position, tx.now_ms(), tx_hash],
                    )
                    .await
                })
            })
            .await?;
        sent += 1;
    }
    metrics::counter!("mapae_ledger_anchors_total").increment(sent as u64);
    Ok(sent)
}

/// The transaction that anchored the very same root, if it is on the ledger.
async fn found(opened: &Opened, waiting: &Waiting) -> Result<Option<B256>, LedgerError> {
    let (kind, position) = waiting.topics();
    let topics = match waiting.kind.as_str() {
        "status" => [vec![kind], vec![position], vec![], vec![]],
        _ => [vec![kind], vec![waiting.origin()], vec![position], vec![]],
    };
    let filter = LogFilter { address: Some(opened.registry.address()), topics, ..LogFilter::default() };
    let logs = opened.connection.ledger.logs(filter).await?;
    let same = logs.iter().find(|log| match Event::read(log) {
        Some(Event::StatusLists { root, .. } | Event::Checkpoint { root, .. }) => root == waiting.root,
        _ => false,
    });
    if same.is_none() && waiting.kind == "status" {
        // Another replica's root of the same minute is as good: one a minute is promised.
        return Ok(logs.first().map(|log| log.transaction));
    }
    Ok(same.map(|log| log.transaction))
}

/// RFC 6962 §2.1: `SHA-256(0x00 ‖ leaf)`, `SHA-256(0x01 ‖ left ‖ right)`, split at the largest power of two.
fn root(leaves: &[String]) -> [u8; 32] {
    match leaves {
        [] => keys::sha256(b""),
        [one] => keys::sha256(&[&[0], one.as_bytes()].concat()),
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            keys::sha256(&[[1].as_slice(), &root(left), &root(right)].concat())
        }
    }
}

/// How the outbox stands.
#[derive(Debug, serde::Serialize)]
pub(super) struct Queue {
    pub(super) waiting: i64,
    /// Age of the oldest that waits, in milliseconds.
    pub(super) lag_ms: i64,
    pub(super) sent: i64,
}

pub(super) async fn queue(platform: &Platform) -> Result<Queue, StoreError> {
    let row = platform
        .store
        .fetch_one(
            "SELECT COUNT(*) AS every_one, COUNT(sent_at) AS sent, \
             MIN(CASE WHEN sent_at IS NULL THEN made_at END) AS oldest FROM ledger_anchor",
            params![],
        )
        .await?;
    let (all, sent) = (row.int("every_one")?, row.int("sent")?);
    let lag_ms = row.opt_int("oldest")?.map_or(0, |oldest| platform.now_ms().saturating_sub(oldest));
    Ok(Queue { waiting: all.saturating_sub(sent), lag_ms, sent })
}

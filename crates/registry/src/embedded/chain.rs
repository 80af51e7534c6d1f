//! The chain at work: one task makes the blocks, everybody reads the last state that is on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use revm_primitives::{Address, B256, Bytes};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use super::block::{Header, receipts_root, transactions_root};
use super::evm::{BLOCK_GAS, Builder, Executed, Place};
use super::state::State;
use super::store;
use crate::ethereum::Signed;
use crate::ledger::{Block, Call, Ledger, LedgerError, Log, LogFilter, Outcome, Pending, Receipt};

/// Seconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The most transactions of one block.
const BLOCK_TRANSACTIONS: usize = 512;
/// The most transactions that wait.
const QUEUE: usize = 2048;
/// How long a transaction waits for the one before it.
const GAP: Duration = Duration::from_millis(if cfg!(test) { 500 } else { 5_000 });

/// Where a chain lies and what it is called.
#[derive(Debug, Clone)]
pub struct Options {
    pub path: PathBuf,
    pub chain_id: u64,
}

/// The last block on the disk and the state at it.
#[derive(Debug)]
struct Head {
    header: Header,
    hash: B256,
    state: State,
}

type Reply = oneshot::Sender<Result<Receipt, LedgerError>>;

/// An embedded chain; clones share it.
#[derive(Clone)]
pub struct Chain {
    chain_id: u64,
    head: Arc<RwLock<Arc<Head>>>,
    readers: SqlitePool,
    queue: mpsc::Sender<(Signed, Reply)>,
    refresh: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

impl Chain {
    /// Opens a chain, or makes it, and checks the state against its head.
    pub async fn open(options: &Options, clock: Clock) -> Result<Self, LedgerError> {
        let mut writer = store::open_writer(&options.path, options.chain_id, clock()).await?;
        let (header, hash, state) = store::load(&mut writer, options.chain_id).await?;
        let readers = store::open_readers(&options.path, options.chain_id).await?;
        let head = Arc::new(RwLock::new(Arc::new(Head { header, hash, state })));
        let (queue, waiting) = mpsc::channel(QUEUE);
        let producer = Producer {
            chain_id: options.chain_id,
            clock,
            writer,
            head: Arc::clone(&head),
            waiting,
            early: BTreeMap::new(),
        };
        tokio::spawn(producer.run());
        Ok(Self { chain_id: options.chain_id, head, readers, queue, refresh: Arc::default() })
    }

    /// Whether there is a chain at a path.
    pub fn exists(path: &Path) -> bool {
        path.is_file()
    }

    /// How many accounts and slots the state has.
    pub fn cells(&self) -> usize {
        self.now().state.cells()
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    fn now(&self) -> Arc<Head> {
        Arc::clone(&self.head.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, call: &Call) -> Result<(Bytes, u64), LedgerError> {
        let head = self.now();
        let place =
            Place { chain_id: self.chain_id, number: head.header.number, timestamp: head.header.timestamp };
        Builder::new(&head.state, place).ask(call)
    }

    /// Looks whether another process (a command at the terminal) has written, and reads the state again if so.
    async fn refreshed(&self) -> Result<Arc<Head>, LedgerError> {
        let number = store::head_number(&self.readers).await?;
        if number == self.now().header.number {
            return Ok(self.now());
        }
        let _one = self.refresh.lock().await;
        let mut connection = self.readers.acquire().await?;
        let (header, hash, state) = store::load(&mut connection, self.chain_id).await?;
        let mut head = self.head.write().unwrap_or_else(PoisonError::into_inner);
        // The producer may have gone further in between.
        if header.number > head.header.number {
            *head = Arc::new(Head { header, hash, state });
        }
        Ok(Arc::clone(&head))
    }
}

impl Ledger for Chain {
    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    fn head(&self) -> Pending<'_, Block> {
        Box::pin(async move {
            let number = self.refreshed().await?.header.number;
            let block = store::block(&self.readers, number).await?;
            block.ok_or_else(|| LedgerError::Damaged("the head is missing".into()))
        })
    }

    fn block(&self, number: u64) -> Pending<'_, Option<Block>> {
        Box::pin(store::block(&self.readers, number))
    }

    fn code(&self, address: Address) -> Pending<'_, Bytes> {
        Box::pin(async move {
            let head = self.refreshed().await?;
            let Some(account) = head.state.account(address) else { return Ok(Bytes::new()) };
            Ok(head.state.code(account.code_hash).map(|code| code.original_bytes()).unwrap_or_default())
        })
    }

    fn nonce(&self, address: Address) -> Pending<'_, u64> {
        Box::pin(async move {
            let head = self.refreshed().await?;
            Ok(head.state.account(address).unwrap_or_default().nonce)
        })
    }

    fn call(&self, call: Call) -> Pending<'_, Bytes> {
        Box::pin(async move { self.ask(&call).map(|(answer, _)| answer) })
    }

    fn estimate(&self, call: Call) -> Pending<'_, u64> {
        Box::pin(async move { self.ask(&call).map(|(_, gas)| gas) })
    }

    fn fee(&self) -> Pending<'_, u128> {
        Box::pin(async { Ok(0) })
    }

    fn logs(&self, filter: LogFilter) -> Pending<'_, Vec<Log>> {
        Box::pin(async move { store::logs(&self.readers, &filter).await })
    }

    fn receipt(&self, transaction: B256) -> Pending<'_, Option<Receipt>> {
        Box::pin(store::receipt(&self.readers, transaction))
    }

    fn send(&self, signed: Signed) -> Pending<'_, Receipt> {
        Box::pin(async move {
            if signed.transaction.chain_id != self.chain_id {
                let given = signed.transaction.chain_id;
                return Err(LedgerError::OtherChain { ours: self.chain_id, given });
            }
            let hash = signed.hash;
            let (reply, receipt) = oneshot::channel();
            let closed = || LedgerError::Unavailable("the embedded chain has stopped".into());
            self.queue.send((signed, reply)).await.map_err(|_| closed())?;
            match receipt.await.map_err(|_| closed())? {
                // Sent twice: it has its receipt already.
                Err(refusal @ LedgerError::Nonce { .. }) => {
                    store::receipt(&self.readers, hash).await?.ok_or(refusal)
                }
                answer => answer,
            }
        })
    }
}

/// The one who makes blocks.
struct Producer {
    chain_id: u64,
    clock: Clock,
    writer: SqliteConnection,
    head: Arc<RwLock<Arc<Head>>>,
    waiting: mpsc::Receiver<(Signed, Reply)>,
    /// Transactions whose predecessor has not come yet, by sender and number.
    early: BTreeMap<(Address, u64), (Signed, Reply, tokio::time::Instant)>,
}

impl Producer {
    async fn run(mut self) {
        loop {
            let mut batch = Vec::new();
            let next = self.early.values().map(|(_, _, until)| *until).min();
            let first = match next {
                Some(until) => tokio::time::timeout_at(until, self.waiting.recv()).await.unwrap_or(None),
                None => match self.waiting.recv().await {
                    Some(first) => Some(first),
                    // Every handle is gone.
                    None => break,
                },
            };
            if first.is_none() && self.waiting.is_closed() && self.waiting.is_empty() {
                break;
            }
            batch.extend(first);
            while batch.len() < BLOCK_TRANSACTIONS
                && let Ok(more) = self.waiting.try_recv()
            {
                batch.push(more);
            }
            self.produce(batch).await;
            self.forget_late();
        }
        let _ = self.writer.close().await;
    }

    /// Makes a block of what waits, and answers everybody whose transaction is in, or can never be.
    async fn produce(&mut self, batch: Vec<(Signed, Reply)>) {
        let mut todo = batch;
        // Twice: the first try fails where another process has made a block meanwhile.
        for again in [true, false] {
            let head = Arc::clone(&self.head.read().unwrap_or_else(PoisonError::into_inner));
            let number = head.header.number.saturating_add(1);
            let timestamp = (self.clock)().max(head.header.timestamp);
            let place = Place { chain_id: self.chain_id, number, timestamp };
            let mut builder = Builder::new(&head.state, place);
            let (mut executed, mut replies, mut left) = (Vec::new(), Vec::new(), Vec::new());
            for (signed, reply) in std::mem::take(&mut todo) {
                if let Some(one) = self.run_one(&mut builder, (signed, reply), &mut executed, &mut replies) {
                    left.push(one);
                }
            }
            if executed.is_empty() {
                return;
            }
            let state = head.state.after(&builder.changes);
            let header = Header {
                number,
                parent: head.hash,
                timestamp,
                gas_used: builder.gas_used,
                transactions_root: transactions_root(&executed),
                receipts_root: receipts_root(&executed),
                state_root: state.root(),
            };
            let hash = header.hash(self.chain_id);
            let changes = std::mem::take(&mut builder.changes);
            match store::append(&mut self.writer, (&header, hash), &executed, &changes).await {
                Ok(()) => {
                    let made = Arc::new(Head { header, hash, state });
                    *self.head.write().unwrap_or_else(PoisonError::into_inner) = made;
                    for (receipt, reply) in receipts(number, hash, executed).into_iter().zip(replies) {
                        let _ = reply.send(Ok(receipt));
                    }
                    todo = left;
                    if todo.is_empty() {
                        return;
                    }
                    // What found no room is next.
                    return Box::pin(self.produce(todo)).await;
                }
                Err(error) => {
                    let reloaded = self.reload().await;
                    let waiting: Vec<_> =
                        executed.into_iter().map(|one| one.signed).zip(replies).chain(left).collect();
                    match reloaded {
                        Ok(()) if again => todo = waiting,
                        Ok(()) => fail(waiting, &error),
                        Err(error) => return fail(waiting, &error),
                    }
                }
            }
        }
    }

    /// Runs one transaction, and then those of its sender that waited for it. Gives back what found no room.
    fn run_one(
        &mut self,
        builder: &mut Builder<'_>,
        (signed, reply): (Signed, Reply),
        executed: &mut Vec<Executed>,
        replies: &mut Vec<Reply>,
    ) -> Option<(Signed, Reply)> {
        let sender = signed.sender;
        let mut next = Some((signed, reply));
        while let Some((signed, reply)) = next.take() {
            let number = signed.transaction.nonce;
            let early = builder.nonce(sender) < number;
            if early && self.early.len() < QUEUE && !self.early.contains_key(&(sender, number)) {
                let until = tokio::time::Instant::now() + GAP;
                self.early.insert((sender, number), (signed, reply, until));
                return None;
            }
            let gas = builder.gas_used.saturating_add(signed.transaction.gas_limit);
            if gas > BLOCK_GAS && !executed.is_empty() {
                return Some((signed, reply));
            }
            match builder.run(signed) {
                Ok(one) => {
                    executed.push(one);
                    replies.push(reply);
                }
                Err(refusal) => {
                    let _ = reply.send(Err(refusal));
                    return None;
                }
            }
            let waiting = self.early.remove(&(sender, builder.nonce(sender)));
            next = waiting.map(|(signed, reply, _)| (signed, reply));
        }
        None
    }

    fn forget_late(&mut self) {
        let now = tokio::time::Instant::now();
        let late: Vec<_> =
            self.early.iter().filter(|(_, (_, _, until))| *until <= now).map(|(key, _)| *key).collect();
        for key in late {
            let next = {
                let head = self.head.read().unwrap_or_else(PoisonError::into_inner);
                head.state.account(key.0).unwrap_or_default().nonce
            };
            if let Some((signed, reply, _)) = self.early.remove(&key) {
                let _ = reply.send(Err(LedgerError::Nonce { next, given: signed.transaction.nonce }));
            }
        }
    }

    async fn reload(&mut self) -> Result<(), LedgerError> {
        let (header, hash, state) = store::load(&mut self.writer, self.chain_id).await?;
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Head { header, hash, state });
        Ok(())
    }
}

fn fail(waiting: Vec<(Signed, Reply)>, error: &LedgerError) {
    for (_, reply) in waiting {
        let _ = reply.send(Err(error.clone()));
    }
}

fn receipts(block: u64, block_hash: B256, executed: Vec<Executed>) -> Vec<Receipt> {
    let mut index = 0..;
    let numbered = (0..).zip(executed);
    let receipt = |(place, one): (u64, Executed)| {
        let logs = one.logs.into_iter().zip(index.by_ref()).map(|(log, index)| Log {
            address: log.address,
            topics: log.topics,
            data: log.data,
            block,
            block_hash,
            transaction: one.signed.hash,
            transaction_index: place,
            index,
        });
        Receipt {
            transaction: one.signed.hash,
            block,
            block_hash,
            index: place,
            sender: one.signed.sender,
            to: one.signed.transaction.to,
            created: one.signed.created(),
            outcome: if one.success { Outcome::Done } else { Outcome::Reverted(one.output) },
            gas_used: one.gas_used,
            logs: logs.collect(),
        }
    };
    numbered.map(receipt).collect()
}

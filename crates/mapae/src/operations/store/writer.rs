//! The one thread that writes to SQLite, with natural group commit.
//!
//! ```text
//! BEGIN IMMEDIATE
//!   unit 1                         ─ fails: ROLLBACK, begin again (nothing else is inside yet)
//!   SAVEPOINT unit · unit 2 · …    ─ fails: ROLLBACK TO unit, the others stay
//!                                    (savepoints nest and end with the COMMIT; no RELEASE is needed)
//!   … whatever waits, at most 64 units or 8 ms
//! COMMIT                           ─ fails: every unit hears it, nothing is stored
//! replies, then wake-ups
//! ```
//!
//! There is no artificial wait: while one group's COMMIT syncs the disk, the next group gathers in the queue, so the
//! group grows exactly as fast as the disk is slow. Refusals are answered after the COMMIT too, because they may rest on
//! what an earlier unit of the same group wrote.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::signals::Signals;
use super::sqlite::{File, Sqlite};
use super::tx::{AfterCommit, wake};
use super::{Counters, StoreError, Tx};
use crate::operations::clock::Clock;
use crate::operations::limits;
use crate::operations::traces::UnitSpan;

/// How often the write lock is asked for while another process holds it. SQLite's own wait sleeps up to 100 ms at a
/// time, and would miss gap after gap that an import leaves.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(1);
/// The name of the thread, by which a profile tells its time.
pub(crate) const THREAD: &str = "store-writer";
/// Turns SQLite's own wait off.
const NO_WAIT: &str = "PRAGMA busy_timeout = 0";

/// A unit of work with its types erased.
trait Job: Send {
    /// Runs the unit and keeps its outcome; tells whether it succeeded.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool>;
    /// Nobody waits for the answer any more.
    fn abandoned(&self) -> bool;
    /// Sends the outcome, or the reason why the commit failed.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Unit<F, T, E> {
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
    span: UnitSpan,
}

impl<F, T, E> Job for Unit<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            self.span.begun();
            let limit = limits::STORE_UNIT.duration();
            let guarded = std::panic::AssertUnwindSafe(work(tx)).catch_unwind();
            let outcome = match tokio::time::timeout(limit, guarded).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(StoreError::Panicked.into()),
                Err(_) => Err(StoreError::Timeout.into()),
            };
            self.span.worked();
            let succeeded = outcome.is_ok();
            self.outcome = Some(outcome);
            succeeded
        })
    }

    fn abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        self.span.ended(match (&committed, &self.outcome) {
            (Err(_), _) => "failed",
            (Ok(()), Some(Ok(_))) => "committed",
            (Ok(()), _) => "rolled_back",
        });
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Unavailable.into()),
            (Err(error), _) => Err(error.into()),
        };
        // The caller may be gone; the work is done all the same.
        let _ = self.answer.send(outcome);
    }
}

enum Message {
    Work(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// The way to the writer's thread.
#[derive(Debug)]
pub(super) struct Handle {
    queue: mpsc::Sender<Message>,
}

impl Handle {
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let unit = Unit { work: Some(work), outcome: None, answer, span: UnitSpan::asked("sqlite") };
        self.queue.send(Message::Work(Box::new(unit))).await.map_err(|_| StoreError::Unavailable)?;
        // Only a writer that fell drops an answer, and nobody knows how far it had come.
        outcome.await.unwrap_or_else(|_| Err(StoreError::InDoubt("the writer fell".to_owned()).into()))
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// Starts the thread. Units run on it one after the other, their statements without a way to another thread and back.
pub(super) fn start(
    file: File,
    sqlite: Sqlite,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    signals: Arc<Signals>,
) -> Result<Handle, StoreError> {
    let (queue, waiting) = mpsc::channel(limits::STORE_QUEUE.size());
    let tx = Tx::sqlite(sqlite, Arc::clone(&clock), Arc::clone(&signals));
    let writer = Writer { file, tx, counters, clock, signals, broken: false };
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || writer.stay(&runtime, waiting))
        .map_err(|error| StoreError::Database(sqlx::Error::Io(error)))?;
    Ok(Handle { queue })
}

struct Writer {
    file: File,
    tx: Tx,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    signals: Arc<Signals>,
    /// The connection is in an unknown state and has to be opened again.
    broken: bool,
}

impl Writer {
    /// Serves until the store closes. What panics outside a unit (an answer that nobody took, as it is dropped) takes the
    /// units of its group with it and nobody else: the next group begins on a connection of its own.
    fn stay(mut self, runtime: &tokio::runtime::Handle, mut waiting: mpsc::Receiver<Message>) {
        self.broken = self.tx.control(NO_WAIT).is_err();
        let serve = |writer: &mut Self, waiting: &mut mpsc::Receiver<Message>| {
            let guarded = std::panic::AssertUnwindSafe(|| runtime.block_on(writer.serve(waiting)));
            std::panic::catch_unwind(guarded)
        };
        let closing = loop {
            match serve(&mut self, &mut waiting) {
                Ok(closing) => break closing,
                Err(_) => {
                    tracing::error!("the writer of the store fell; it goes on with a new connection");
                    self.tx.forget_wakes(0);
                    self.broken = true;
                }
            }
        };
        self.tx.close_sqlite();
        if let Some(done) = closing {
            // Whoever closes may have given up waiting.
            let _ = done.send(());
        }
    }

    /// Returns who asked to close, once nothing waits any more.
    async fn serve(&mut self, waiting: &mut mpsc::Receiver<Message>) -> Option<oneshot::Sender<()>> {
        while let Some(message) = waiting.recv().await {
            let closing = match message {
                Message::Work(first) => self.group(first, waiting).await,
                Message::Close(done) => Some(done),
            };
            if let Some(done) = closing {
                waiting.close();
                while let Some(message) = waiting.recv().await {
                    if let Message::Work(first) = message {
                        self.group(first, waiting).await;
                    }
                }
                return Some(done);
            }
        }
        None
    }

    /// Runs one group to its commit and replies; returns a request to close that was found in the queue.
    async fn group(
        &mut self,
        first: Box<dyn Job>,
        waiting: &mut mpsc::Receiver<Message>,
    ) -> Option<oneshot::Sender<()>> {
        let mut jobs = Vec::new();
        let mut inside = 0_u64;
        let mut closing = None;
        let mut next = Some(first);
        let mut failure = self.begin().await.err();
        // Waiting for the lock does not count: who has waited gathered most, and should not commit them one by one.
        let begun = Instant::now();
        while let Some(mut job) = next.take() {
            if failure.is_none() && !job.abandoned() {
                match self.run(job.as_mut(), inside > 0).await {
                    Ok(true) => inside += 1,
                    Ok(false) => {
                        self.counters.rolled_back.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => failure = Some(error),
                }
            }
            jobs.push(job);
            let full = jobs.len() >= limits::STORE_GROUP.size()
                || begun.elapsed() >= limits::STORE_GROUP_TIME.duration();
            if failure.is_some() || full {
                break;
            }
            match waiting.try_recv() {
                Ok(Message::Work(job)) => next = Some(job),
                Ok(Message::Close(done)) => closing = Some(done),
                Err(_) => {}
            }
        }
        let committed = match failure {
            None => self.commit(inside),
            Some(error) => {
                self.broken = true;
                Err(error)
            }
        };
        match committed {
            Ok(wakes) => {
                jobs.into_iter().for_each(|job| job.reply(Ok(())));
                wake(wakes);
            }
            Err(error) => {
                tracing::error!(%error, units = jobs.len(), "a group of writes failed; nothing of it is stored");
                self.tx.forget_wakes(0);
                let reason = error.to_string();
                jobs.into_iter().for_each(|job| job.reply(Err(StoreError::Commit(reason.clone()))));
            }
        }
        closing
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        if self.broken {
            let fresh = Tx::sqlite(self.file.writer()?, Arc::clone(&self.clock), Arc::clone(&self.signals));
            let old = std::mem::replace(&mut self.tx, fresh);
            old.close_sqlite();
            self.tx.control(NO_WAIT)?;
            self.broken = false;
        }
        let begun = Instant::now();
        loop {
            match self.tx.control("BEGIN IMMEDIATE") {
                Err(error) if error.is_busy() && begun.elapsed() < limits::STORE_BUSY.duration() => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                done => return done,
            }
        }
    }

    /// Runs one unit. `Ok(false)`: it failed and its traces are gone; `Err`: the whole group is lost.
    async fn run(&mut self, job: &mut dyn Job, others_inside: bool) -> Result<bool, StoreError> {
        let wakes = self.tx.pending_wakes();
        if others_inside {
            self.tx.control("SAVEPOINT unit")?;
        }
        self.tx.limit(Some(limits::STORE_UNIT.duration()));
        let succeeded = job.run(&mut self.tx).await;
        self.tx.limit(None);
        if !succeeded {
            self.tx.forget_wakes(wakes);
        }
        match (succeeded, others_inside) {
            (true, _) => {}
            // The innermost of that name: this unit's own.
            (false, true) => self.tx.control("ROLLBACK TO unit")?,
            (false, false) => {
                self.tx.control("ROLLBACK")?;
                self.begin().await?;
            }
        }
        Ok(succeeded)
    }

    fn commit(&mut self, inside: u64) -> Result<Vec<AfterCommit>, StoreError> {
        if inside == 0 {
            self.tx.control("ROLLBACK")?;
            return Ok(Vec::new());
        }
        let begun = Instant::now();
        if let Err(error) = self.tx.control("COMMIT") {
            // A disk that is full now may have room later: go back to a clean connection.
            self.broken = true;
            return Err(error);
        }
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.units.fetch_add(inside, Ordering::Relaxed);
        metrics::counter!("mapae_store_commits_total").increment(1);
        metrics::counter!("mapae_store_units_total").increment(inside);
        metrics::histogram!("mapae_store_commit_seconds").record(begun.elapsed().as_secs_f64());
        Ok(self.tx.take_wakes())
    }
}

//! One store with two engines: SQLite embedded by default, PostgreSQL when one machine is not enough.
//!
//! Both speak the same portable SQL: `$1` parameters, TEXT ids, BIGINT epoch milliseconds, TEXT JSON, BLOB bytes.
//! Writing goes through [`Store::write`], a unit of work that commits exactly when it returns `Ok`. On SQLite one
//! thread gathers the units that wait into one commit ([`writer`]); on PostgreSQL each unit is its own transaction.
//!
//! Two habits keep a unit right on both engines:
//! - decide by affected rows (`INSERT … ON CONFLICT DO NOTHING`, `UPDATE … WHERE state = …`), not by reading first and
//!   not by catching a constraint error: PostgreSQL aborts the whole transaction at the first error;
//! - no signature, HSM or network call inside: everybody waits behind the one writer.

mod catalogue;
mod migrate;
mod readers;
mod replica;
mod signals;
mod snapshot;
mod sqlite;
mod turn;
mod tx;
mod value;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, SqlSafeStr};
use tokio::time::Instant;

pub use catalogue::{Column, Kind, Table, catalogue, catalogue_of};
pub use migrate::missing_migrations;
use readers::Readers;
use replica::Replica;
pub(crate) use replica::is_postgres;
pub use replica::replica_behind;
use signals::Signals;
pub use signals::Watch;
pub use snapshot::Snapshot;
pub use sqlite::single_file;
use sqlite::{File, Sqlite};
pub use turn::Turn;
use turn::Turns;
pub use tx::Tx;
pub use value::{Row, STATEMENT_ROWS, Value, places};
pub(crate) use writer::THREAD as WRITER_THREAD;

use crate::operations::clock::Clock;
use crate::operations::limits;
use crate::operations::tasks::Stop;
use crate::operations::traces::UnitSpan;

/// Why the store could not do what was asked. The text names tables and columns, never values.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// The same, of the embedded database.
    #[error("database: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// A unique index refused a row; on PostgreSQL the transaction is over.
    #[error("a row with this key exists already")]
    Unique,
    /// A row that had to exist does not.
    #[error("no such row")]
    NotFound,
    /// A column is missing or holds another type than asked for.
    #[error("column {0}: {1}")]
    Column(String, String),
    /// The commit failed: nothing of the unit is stored.
    #[error("commit failed: {0}")]
    Commit(String),
    /// The answer to a commit was lost: the unit is stored, or it is not.
    #[error("the answer to a commit was lost: {0}")]
    InDoubt(String),
    /// The store is closing or its queue is full.
    #[error("the store takes no work now")]
    Unavailable,
    /// The unit took longer than [`limits::STORE_UNIT`] and was rolled back.
    #[error("a unit of work took too long and was rolled back")]
    Timeout,
    /// The unit panicked and was rolled back.
    #[error("a unit of work panicked and was rolled back")]
    Panicked,
    /// A migration could not be applied or differs from the one applied earlier.
    #[error("migration {version} ({name}): {reason}")]
    Migration { version: i64, name: String, reason: String },
    /// Another process has taken this job's turn; nothing of the unit is stored.
    #[error("another process has taken over the job {0}")]
    TurnLost(String),
    /// The read replica can't be used; the primary goes on.
    #[error("read replica: {0}")]
    Replica(String),
    /// The store address is neither `sqlite:` nor `postgres:`.
    #[error("store.url must begin with sqlite: or postgres:, got {0:?}")]
    Url(String),
}

impl StoreError {
    /// Whether the same may go well in a while: the database is away, is starting, has no room, or another node is the
    /// primary by now.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable | Self::Timeout | Self::Commit(_) => true,
            Self::Database(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed,
            ) => true,
            // Classes of SQLSTATE: connection, resources, an operator or a restart; a standby, a deadlock, a serialization.
            Self::Database(sqlx::Error::Database(cause)) => cause.code().is_some_and(|code| {
                ["08", "53", "57"].iter().any(|class| code.starts_with(class))
                    || ["25006", "40001", "40P01"].contains(&code.as_ref())
            }),
            Self::Sqlite(error) => {
                use rusqlite::ffi::ErrorCode;
                let passing = [
                    ErrorCode::DatabaseBusy,
                    ErrorCode::DatabaseLocked,
                    ErrorCode::DiskFull,
                    ErrorCode::SystemIoFailure,
                    ErrorCode::CannotOpen,
                    ErrorCode::OutOfMemory,
                ];
                error.sqlite_error_code().is_some_and(|code| passing.contains(&code))
            }
            _ => false,
        }
    }

    /// Whether another process holds SQLite's write lock (SQLITE_BUSY, whatever its extended code).
    fn is_busy(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        error.sqlite_error_code() == Some(rusqlite::ffi::ErrorCode::DatabaseBusy)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::Unavailable,
            sqlx::Error::Database(ref cause) if cause.is_unique_violation() => Self::Unique,
            other => Self::Database(other),
        }
    }
}

/// Which engine a store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Counters of one store since it was opened.
#[derive(Debug, Default)]
pub struct Counters {
    commits: AtomicU64,
    units: AtomicU64,
    rolled_back: AtomicU64,
}

impl Counters {
    /// Durable commits. The budget of a flow is counted with this.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Units of work that were committed; `units / commits` is the size of a group.
    pub fn units(&self) -> u64 {
        self.units.load(Ordering::Relaxed)
    }

    /// Units of work that returned an error and left nothing behind.
    pub fn rolled_back(&self) -> u64 {
        self.rolled_back.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
enum Db {
    Sqlite { read: Box<Readers>, writer: writer::Handle },
    Postgres(PgPool),
}

/// A handle to the store; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    db: Arc<Db>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    signals: Arc<Signals>,
    turns: Arc<Turns>,
    replica: Option<Arc<Replica>>,
}

impl Store {
    /// Opens the store at `url` (`sqlite:path/to/file.db` or `postgres://…`), creating and migrating it.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let (counters, signals) = (Arc::new(Counters::default()), Arc::<Signals>::default());
        let db = if let Some(path) = url.strip_prefix("sqlite:") {
            open_sqlite(
                path.trim_start_matches("//"),
                Arc::clone(&counters),
                Arc::clone(&clock),
                Arc::clone(&signals),
            )
            .await?
        } else if is_postgres(url) {
            open_postgres(url).await?
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(StoreError::Url(scheme.to_owned()));
        };
        Ok(Self { db: Arc::new(db), counters, clock, signals, turns: Arc::default(), replica: None })
    }

    /// The engine behind this store.
    pub fn engine(&self) -> Engine {
        match *self.db {
            Db::Sqlite { .. } => Engine::Sqlite,
            Db::Postgres(_) => Engine::Postgres,
        }
    }

    /// Now, in epoch milliseconds, by the platform's clock.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Commits, units and roll-backs since the store was opened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Runs a unit of work; it is durable when this returns `Ok`, and has left nothing when it returns `Err`.
    ///
    /// A unit that is cancelled before it began is not run; once begun it runs to its end even if the caller is gone.
    pub async fn write<T, E, F>(&self, unit: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.db {
            Db::Sqlite { writer, .. } => writer.write(unit).await,
            Db::Postgres(pool) => {
                let (pool, counters) = (pool.clone(), Arc::clone(&self.counters));
                let (clock, signals) = (Arc::clone(&self.clock), Arc::clone(&self.signals));
                // A task of its own: a caller that goes away must not tear a unit apart between statements.
                let span = UnitSpan::asked("postgresql");
                let unit = tokio::spawn(async move {
                    write_postgres(&pool, &counters, clock, signals, span, unit).await
                });
                unit.await.unwrap_or_else(|_| Err(StoreError::Panicked.into()))
            }
        }
    }

    /// At most one row, read outside any transaction.
    pub async fn fetch_optional(
        &self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(match &*self.db {
            Db::Sqlite { read, .. } => {
                read.fetch(sql.into_sql_str(), params, 1).await?.pop().map(Row::Sqlite)
            }
            Db::Postgres(pool) => {
                sqlx::query_with(sql, value::postgres(params)?).fetch_optional(pool).await?.map(Row::Postgres)
            }
        })
    }

    /// Exactly one row, or [`StoreError::NotFound`].
    pub async fn fetch_one(
        &self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<Row, StoreError> {
        self.fetch_optional(sql, params).await?.ok_or(StoreError::NotFound)
    }

    /// Every row of a statement; the statement itself bounds how many (`LIMIT`).
    pub async fn fetch_all(
        &self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(match &*self.db {
            Db::Sqlite { read, .. } => {
                let rows = read.fetch(sql.into_sql_str(), params, usize::MAX).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Db::Postgres(pool) => sqlx::query_with(sql, value::postgres(params)?)
                .fetch_all(pool)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    /// Watches for a topic that units tell, here or in another process ([`Tx::tell`]). Also poll: a signal may be lost.
    pub fn watch(&self, topic: impl Into<String>) -> Watch {
        self.signals.watch(topic.into())
    }

    /// Hears what other processes tell, until the server stops. An embedded store has no other processes to hear.
    pub async fn listen(self, stop: Stop) {
        if let Db::Postgres(pool) = &*self.db {
            signals::listen(pool.clone(), Arc::clone(&self.signals), stop).await;
        }
    }

    /// This process's turn at a job that one process does at a time; `None` while another one has it.
    ///
    /// It stays with the process that has it until that ends or loses its connection. A unit of the job asks
    /// [`Turn::confirm`] first: one that was overtaken stores nothing.
    pub async fn turn(&self, job: &'static str) -> Result<Option<Turn>, StoreError> {
        self.turns.take(self, job).await
    }

    /// Everything as it stands now, for a copy: read while others go on writing.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::of(self).await
    }

    /// Whether the store answers; `/readyz` asks this.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.fetch_one("SELECT CAST(1 AS BIGINT) AS one", Vec::new()).await.map(|_| ())
    }

    /// Finishes what waits, then closes every connection.
    pub async fn close(&self) {
        match &*self.db {
            Db::Sqlite { read, writer } => {
                writer.close().await;
                read.close().await;
            }
            Db::Postgres(pool) => {
                self.turns.give_back().await;
                if let Some(replica) = &self.replica
                    && let Db::Postgres(pool) = &*replica.store.db
                {
                    pool.close().await;
                }
                pool.close().await;
            }
        }
    }
}

async fn open_sqlite(
    path: &str,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    signals: Arc<Signals>,
) -> Result<Db, StoreError> {
    if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Database(sqlx::Error::Io(e)))?;
    }
    let file = File::of(path);
    let sqlite = connect_and_migrate(&file).await?;
    let writer = writer::start(file.clone(), sqlite, counters, clock, signals)?;
    Ok(Db::Sqlite { read: Box::new(Readers::open(file)?), writer })
}

/// SQLite does not wait when it is busy turning a new file to WAL, so processes that start together ask again here.
async fn connect_and_migrate(file: &File) -> Result<Sqlite, StoreError> {
    let begun = Instant::now();
    loop {
        let done = file.writer().and_then(|sqlite| migrate::sqlite(&sqlite).map(|()| sqlite));
        match done {
            Err(error) if StoreError::is_busy(&error) && begun.elapsed() < limits::STORE_BUSY.duration() => {
                tokio::time::sleep(writer::ASK_AGAIN).await;
            }
            done => return done,
        }
    }
}

async fn open_postgres(url: &str) -> Result<Db, StoreError> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("mapae")
        .statement_cache_capacity(limits::STORE_STATEMENTS.size())
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(limits::STORE_CONNECTIONS.get() as u32)
        .acquire_timeout(limits::STORE_ACQUIRE.duration())
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    let mut connection = pool.acquire().await?;
    migrate::postgres(&mut connection).await?;
    drop(connection);
    Ok(Db::Postgres(pool))
}

async fn write_postgres<T, E, F>(
    pool: &PgPool,
    counters: &Counters,
    clock: Arc<dyn Clock>,
    signals: Arc<Signals>,
    mut span: UnitSpan,
    unit: F,
) -> Result<T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let transaction = pool.begin().await.map_err(StoreError::from)?;
    span.begun();
    let mut tx = Tx::postgres(transaction, clock, signals);
    let limit = limits::STORE_UNIT.duration();
    let outcome =
        tokio::time::timeout(limit, std::panic::AssertUnwindSafe(unit(&mut tx)).catch_unwind()).await;
    let outcome = match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(StoreError::Panicked.into()),
        Err(_) => Err(StoreError::Timeout.into()),
    };
    span.worked();
    match outcome {
        Ok(value) => {
            let after = match tx.commit_postgres().await {
                Ok(after) => after,
                Err(error) => {
                    span.ended("failed");
                    return Err(error.into());
                }
            };
            span.ended("committed");
            counters.commits.fetch_add(1, Ordering::Relaxed);
            counters.units.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("mapae_store_commits_total").increment(1);
            metrics::counter!("mapae_store_units_total").increment(1);
            tx::wake(after);
            Ok(value)
        }
        Err(error) => {
            tx.rollback_postgres().await;
            span.ended("rolled_back");
            counters.rolled_back.fetch_add(1, Ordering::Relaxed);
            Err(error)
        }
    }
}

/// Parameters of a statement: `params![id, Some(3_i64), bytes]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::operations::store::Value::from($value)),*] };
}
pub use params;

//! The transaction a unit of work writes through.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, Transaction};

use crate::operations::clock::Clock;

use super::signals::Signals;
use super::sqlite::Sqlite;
use super::{Row, StoreError, Value, params, value};

pub(super) type AfterCommit = Box<dyn FnOnce() + Send>;

/// Wakes who waits for what is durable now. One that panics keeps none of the others from it: what they wait for is stored.
pub(super) fn wake(all: Vec<AfterCommit>) {
    for one in all {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(one)).is_err() {
            tracing::error!("a wake-up after a commit panicked");
        }
    }
}

enum Connection {
    Sqlite(Sqlite),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction. What several folders must do together, each does in a function of its own that takes `&mut Tx`.
pub struct Tx {
    connection: Connection,
    after: Vec<AfterCommit>,
    clock: Arc<dyn Clock>,
    signals: Arc<Signals>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx")
    }
}

impl Tx {
    pub(super) fn sqlite(connection: Sqlite, clock: Arc<dyn Clock>, signals: Arc<Signals>) -> Self {
        Self { connection: Connection::Sqlite(connection), after: Vec::new(), clock, signals }
    }

    pub(super) fn postgres(
        transaction: Transaction<'static, Postgres>,
        clock: Arc<dyn Clock>,
        signals: Arc<Signals>,
    ) -> Self {
        Self { connection: Connection::Postgres(transaction), after: Vec::new(), clock, signals }
    }

    /// Now, in epoch milliseconds, by the platform's clock.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Runs one statement and returns the number of rows it changed: the answer to every "did I get it?".
    pub async fn execute(
        &mut self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<u64, StoreError> {
        Ok(match &mut self.connection {
            Connection::Sqlite(sqlite) => sqlite.execute(sql.into_sql_str().as_str(), &params)?,
            Connection::Postgres(transaction) => sqlx::query_with(sql, value::postgres(params)?)
                .execute(&mut **transaction)
                .await?
                .rows_affected(),
        })
    }

    /// At most one row.
    pub async fn fetch_optional(
        &mut self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(match &mut self.connection {
            Connection::Sqlite(sqlite) => {
                sqlite.fetch(sql.into_sql_str().as_str(), &params, 1)?.pop().map(Row::Sqlite)
            }
            Connection::Postgres(transaction) => sqlx::query_with(sql, value::postgres(params)?)
                .fetch_optional(&mut **transaction)
                .await?
                .map(Row::Postgres),
        })
    }

    /// At most one row of one table, found as it is now and held until the unit ends: whoever wants to change it waits.
    /// Nothing is written for it. On SQLite nobody else writes meanwhile.
    pub async fn fetch_held(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        match &self.connection {
            Connection::Sqlite(_) => self.fetch_optional(sql, params).await,
            Connection::Postgres(_) => {
                let held = AssertSqlSafe(format!("{sql} FOR NO KEY UPDATE"));
                self.fetch_optional(held, params).await
            }
        }
    }

    /// Exactly one row, or [`StoreError::NotFound`].
    pub async fn fetch_one(
        &mut self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<Row, StoreError> {
        self.fetch_optional(sql, params).await?.ok_or(StoreError::NotFound)
    }

    /// Every row of a statement; the statement itself bounds how many (`LIMIT`).
    pub async fn fetch_all(
        &mut self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(match &mut self.connection {
            Connection::Sqlite(sqlite) => {
                let rows = sqlite.fetch(sql.into_sql_str().as_str(), &params, usize::MAX)?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Connection::Postgres(transaction) => sqlx::query_with(sql, value::postgres(params)?)
                .fetch_all(&mut **transaction)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    /// Calls `wake` once this unit is durable, and never if it is rolled back: to wake a worker, not to do work.
    pub fn after_commit(&mut self, wake: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(wake));
    }

    /// Wakes who watches `topic` ([`super::Store::watch`]) once this unit is durable, in every process on this store.
    pub async fn tell(&mut self, topic: &str) -> Result<(), StoreError> {
        if matches!(self.connection, Connection::Postgres(_)) {
            self.execute("SELECT pg_notify('mapae', $1)", params![topic]).await?;
        }
        let (signals, topic) = (Arc::clone(&self.signals), topic.to_owned());
        self.after_commit(move || signals.wake(&topic));
        Ok(())
    }

    /// What is to be woken so far; a rolled back unit truncates to its own beginning.
    pub(super) fn pending_wakes(&self) -> usize {
        self.after.len()
    }

    pub(super) fn forget_wakes(&mut self, from: usize) {
        self.after.truncate(from);
    }

    pub(super) fn take_wakes(&mut self) -> Vec<AfterCommit> {
        std::mem::take(&mut self.after)
    }

    /// A control statement (`BEGIN`, `SAVEPOINT`, `COMMIT`) of the SQLite writer.
    pub(super) fn control(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match &self.connection {
            Connection::Sqlite(sqlite) => sqlite.execute(sql, &[]).map(drop),
            Connection::Postgres(_) => Ok(()),
        }
    }

    /// From now on the SQLite writer's statements have this much time together; `None`: all they need.
    pub(super) fn limit(&mut self, time: Option<Duration>) {
        if let Connection::Sqlite(sqlite) = &self.connection {
            time.map_or_else(|| sqlite.no_limit(), |time| sqlite.limit(time));
        }
    }

    /// Closes the SQLite writer's connection, which also writes the log back into the database file.
    pub(super) fn close_sqlite(self) {
        if let Connection::Sqlite(sqlite) = self.connection
            && let Err(error) = sqlite.close()
        {
            tracing::warn!(%error, "closing the store");
        }
    }

    pub(super) async fn commit_postgres(self) -> Result<Vec<AfterCommit>, StoreError> {
        if let Connection::Postgres(transaction) = self.connection {
            transaction.commit().await.map_err(|error| match error {
                // The server says no, or had gone before it was asked.
                sqlx::Error::Database(_) | sqlx::Error::PoolClosed => StoreError::Commit(error.to_string()),
                // It was asked, and its answer did not come.
                _ => StoreError::InDoubt(error.to_string()),
            })?;
        }
        Ok(self.after)
    }

    pub(super) async fn rollback_postgres(self) {
        if let Connection::Postgres(transaction) = self.connection
            && let Err(error) = transaction.rollback().await
        {
            tracing::warn!(%error, "rolling back");
        }
    }
}

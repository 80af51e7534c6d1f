//! Turns: a job that one process does at a time, whatever the number of processes.
//!
//! On PostgreSQL the turn is a session's advisory lock, held on a connection of its own: the database gives it to the
//! next one the moment that connection ends, with the process or without. Holding a lock is not enough: a process that
//! stood still may believe in one that it lost. So each turn has a number (the *fence*), one higher than the last, and a
//! unit that writes for the job confirms its number in its own transaction. On SQLite, whose server is one process, the
//! number alone decides.

use std::collections::HashMap;

use sqlx::{Connection as _, PgConnection, PgPool, Row as _};
use tokio::sync::Mutex;

use super::{Db, Store, StoreError, Tx, params};

/// How PostgreSQL finds out that a process is gone whose machine says nothing any more: after 5 + 3 × 2 seconds.
const KEEPALIVE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "5"), ("tcp_keepalives_interval", "2"), ("tcp_keepalives_count", "3")];

/// A job's turn, as this process got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    job: &'static str,
    fence: i64,
}

impl Turn {
    /// Goes on only if this is still the last turn that was given; holds it until the unit ends.
    ///
    /// # Errors
    /// [`StoreError::TurnLost`] when another process has the job: the unit leaves nothing.
    pub async fn confirm(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let now_ms = tx.now_ms();
        let rows = tx
            .execute(
                "UPDATE job_turn SET confirmed_at = $3 WHERE job = $1 AND fence = $2",
                params![self.job, self.fence, now_ms],
            )
            .await?;
        if rows == 1 { Ok(()) } else { Err(StoreError::TurnLost(self.job.to_owned())) }
    }

    /// The number of this turn.
    pub const fn fence(&self) -> i64 {
        self.fence
    }
}

/// The turns that this process has.
#[derive(Default)]
pub(super) struct Turns(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// Whose session holds the locks; unused on SQLite.
    connection: Option<PgConnection>,
    fences: HashMap<&'static str, i64>,
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Turns")
    }
}

impl Turns {
    pub(super) async fn take(&self, store: &Store, job: &'static str) -> Result<Option<Turn>, StoreError> {
        let mut held = self.0.lock().await;
        if let Db::Postgres(pool) = &*store.db
            && !held.lock(pool, job).await?
        {
            return Ok(None);
        }
        if let Some(fence) = held.fences.get(job).copied() {
            let row = store.fetch_optional("SELECT fence FROM job_turn WHERE job = $1", params![job]).await?;
            if row.map(|row| row.int("fence")).transpose()? == Some(fence) {
                return Ok(Some(Turn { job, fence }));
            }
        }
        let raised = store.write(move |tx| Box::pin(async move { raise(tx, job).await })).await;
        match raised {
            Ok(fence) => {
                held.fences.insert(job, fence);
                Ok(Some(Turn { job, fence }))
            }
            Err(error) => {
                held.forget();
                Err(error)
            }
        }
    }

    /// Ends every turn of this process; others may go on at once.
    pub(super) async fn give_back(&self) {
        let mut held = self.0.lock().await;
        held.fences.clear();
        let Some(mut connection) = held.connection.take() else { return };
        // Asked for and answered: the end of the session alone would release them a moment after it was told.
        let released = sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut connection).await;
        let closed = connection.close().await;
        if let Err(error) = released.map(drop).and(closed) {
            tracing::warn!(%error, "giving back the turns");
        }
    }
}

impl Held {
    /// A session that is dropped ends, and its locks with it.
    fn forget(&mut self) {
        self.connection = None;
        self.fences.clear();
    }

    /// Whether this process's session has the lock of the job, or gets it now.
    async fn lock(&mut self, pool: &PgPool, job: &'static str) -> Result<bool, StoreError> {
        let asked = match self.fences.contains_key(job) {
            true => "SELECT true",
            false => "SELECT pg_try_advisory_lock($1)",
        };
        if let Some(connection) = &mut self.connection {
            match ask(connection, asked, job).await {
                Ok(has) => return Ok(has),
                Err(error) => {
                    tracing::warn!(%error, "the session that holds this process's turns is lost");
                    self.forget();
                }
            }
        }
        let mut connection =
            PgConnection::connect_with(&pool.connect_options().as_ref().clone().options(KEEPALIVE)).await?;
        let has = ask(&mut connection, "SELECT pg_try_advisory_lock($1)", job).await?;
        self.connection = Some(connection);
        Ok(has)
    }
}

async fn ask(connection: &mut PgConnection, sql: &'static str, job: &str) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(sql);
    let query = if sql.contains("$1") { query.bind(key(job)) } else { query };
    query.fetch_one(connection).await?.try_get(0)
}

/// The number by which PostgreSQL knows the lock of a job.
fn key(job: &str) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = keys::sha256(&[b"mapae turn\0", job.as_bytes()].concat());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

async fn raise(tx: &mut Tx, job: &'static str) -> Result<i64, StoreError> {
    let now_ms = tx.now_ms();
    let row = tx
        .fetch_one(
            "INSERT INTO job_turn (job, fence, confirmed_at) VALUES ($1, 1, $2) \
             ON CONFLICT (job) DO UPDATE SET fence = job_turn.fence + 1, confirmed_at = $2 RETURNING fence",
            params![job, now_ms],
        )
        .await?;
    row.int("fence")
}

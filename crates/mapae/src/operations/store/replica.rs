//! A standby of PostgreSQL that answers what everybody may fetch and keep for a while. Nothing is decided by what it says.
//!
//! How far behind it is, is proven and not estimated: the position of the primary's log is noted together with the moment
//! before it was asked for, on this process's own steady clock. Once the standby has replayed that position, it holds all
//! that was durable at that moment. No other machine's clock counts, nothing is written, and a primary at rest is no lag.
//! While there is no fresh proof, for whatever reason, the primary is read.

use std::collections::VecDeque;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::Instant;

use super::{Db, Store, StoreError, params};
use crate::operations::clock::Clock;
use crate::operations::limits;
use crate::operations::tasks::Stop;

/// Where a server stands: which database system, on which timeline, how far.
const PRIMARY: &str = "SELECT CAST((SELECT system_identifier FROM pg_control_system()) AS TEXT) AS system, \
     substr(pg_walfile_name(lsn), 1, 8) AS timeline, CAST(pg_wal_lsn_diff(lsn, '0/0') AS BIGINT) AS position \
     FROM (SELECT pg_current_wal_flush_lsn() AS lsn) AS here";
/// No row once it is a standby no more: nobody knows what it has missed.
const STANDBY: &str = "SELECT CAST((SELECT system_identifier FROM pg_control_system()) AS TEXT) AS system, \
     upper(lpad(to_hex((SELECT timeline_id FROM pg_control_checkpoint())), 8, '0')) AS timeline, \
     CAST(pg_wal_lsn_diff(COALESCE(pg_last_wal_replay_lsn(), '0/0'), '0/0') AS BIGINT) AS position \
     WHERE pg_is_in_recovery()";
const TOO_FAR: &str = "it is too far behind";
/// Positions that are waited for at once; a standby that is so far behind proves nothing in time.
const MARKS: usize = 64;

/// A standby and what is known of it.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) store: Store,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// It holds everything that was durable then.
    proven: Option<Instant>,
    /// Positions of the primary that it has not been seen at, oldest first.
    marks: VecDeque<(Instant, i64)>,
    /// Where it was last seen.
    seen: i64,
}

/// What the standby is seen to be.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    system: String,
    timeline: String,
    position: i64,
}

impl Known {
    /// Takes in a look at both: the primary, asked after `at`, then the standby.
    fn take(&mut self, at: Instant, primary: &Standing, standby: &Standing) -> Result<(), StoreError> {
        if (&primary.system, &primary.timeline) != (&standby.system, &standby.timeline) {
            *self = Self::default();
            let of = |standing: &Standing| format!("{} on timeline {}", standing.system, standing.timeline);
            let (here, there) = (of(primary), of(standby));
            return Err(StoreError::Replica(format!("it belongs to {there}, the primary is {here}")));
        }
        if standby.position < self.seen {
            // It was started anew, and what it had before it has yet to read again.
            self.proven = None;
        }
        self.seen = standby.position;
        if self.marks.len() >= MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back((at, primary.position));
        while let Some((at, position)) = self.marks.front().copied()
            && position <= standby.position
        {
            self.proven = Some(at);
            self.marks.pop_front();
        }
        Ok(())
    }
}

impl Replica {
    /// The standby at `url`, which need not be there yet.
    pub(super) fn of(url: &str, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self { store: reader(url, clock)?, known: Mutex::default() })
    }

    /// How long ago what it holds now was all there was, at most; `None` before the first proof.
    pub(super) fn behind(&self) -> Option<Duration> {
        self.known().proven.map(|at| at.elapsed())
    }

    /// Whether it may be read now.
    pub(super) fn keeps_up(&self) -> bool {
        self.behind().is_some_and(|behind| behind <= limits::STORE_REPLICA_BEHIND.duration())
    }

    /// Looks at both servers once.
    pub(super) async fn look(&self, primary: &Store) -> Result<(), StoreError> {
        let limit = limits::STORE_REPLICA_TIME.duration();
        let at = Instant::now();
        let looking =
            async { Ok((standing(primary, PRIMARY).await?, standing(&self.store, STANDBY).await?)) };
        let looked = tokio::time::timeout(limit, looking).await;
        let (here, there) = looked.unwrap_or(Err(StoreError::Timeout))?;
        self.known().take(at, &here, &there)
    }

    /// Keeps looking until the server stops; a fault is told once, and so is its end.
    pub(super) async fn follow(&self, primary: &Store, mut stop: Stop) {
        let begun = Instant::now();
        let mut told = String::new();
        while stop.sleep(limits::STORE_REPLICA_LOOK.duration()).await {
            let fault = match self.look(primary).await {
                Ok(()) if self.keeps_up() => String::new(),
                Ok(()) => TOO_FAR.to_owned(),
                Err(error) => error.to_string(),
            };
            let behind = self.behind().unwrap_or(begun.elapsed());
            metrics::gauge!("mapae_store_replica_behind_seconds").set(behind.as_secs_f64());
            if fault.is_empty() != told.is_empty() {
                match fault.is_empty() {
                    true => tracing::info!("the read replica keeps up and is read"),
                    false => tracing::warn!(%fault, "the read replica is not read; the primary is"),
                }
            }
            told = fault;
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn standing(store: &Store, sql: &'static str) -> Result<Standing, StoreError> {
    let row = store.fetch_optional(sql, params![]).await?;
    let row = row.ok_or_else(|| StoreError::Replica("it is no standby (any more)".to_owned()))?;
    Ok(Standing {
        system: row.text("system")?,
        timeline: row.text("timeline")?,
        position: row.int("position")?,
    })
}

impl Store {
    /// The same store, with a standby for reads that may be a moment old ([`Store::read_published`]).
    ///
    /// # Errors
    /// One of the two is not PostgreSQL, or the address can't be read.
    pub fn with_replica(mut self, url: &str) -> Result<Self, StoreError> {
        if !(matches!(*self.db, Db::Postgres(_)) && is_postgres(url)) {
            return Err(StoreError::Replica("a read replica needs PostgreSQL on both sides".to_owned()));
        }
        self.replica = Some(Arc::new(Replica::of(url, Arc::clone(&self.clock))?));
        Ok(self)
    }

    /// Reads what everybody may fetch and keep for a while: from the standby while it is proven to be at most
    /// [`limits::STORE_REPLICA_BEHIND`] behind, from the primary otherwise, and also where the standby finds nothing or
    /// fails. Nothing may be decided by what comes back.
    ///
    /// # Errors
    /// The primary's.
    pub async fn read_published<'a, T, E, R, F>(&'a self, read: R) -> Result<T, E>
    where
        R: Fn(&'a Self) -> F,
        F: Future<Output = Result<T, E>>,
    {
        if let Some(replica) = &self.replica {
            if replica.keeps_up() {
                let limit = limits::STORE_REPLICA_TIME.duration();
                if let Ok(Ok(found)) = tokio::time::timeout(limit, read(&replica.store)).await {
                    count("replica");
                    return Ok(found);
                }
            }
            count("primary");
        }
        read(self).await
    }

    /// Follows how far the standby is, until the server stops; without one there is nothing to follow.
    pub async fn follow_replica(self, stop: Stop) {
        if let Some(replica) = self.replica.clone() {
            replica.follow(&self, stop).await;
        }
    }
}

/// How far the standby at `replica` is behind the PostgreSQL at `primary`, at most, once it keeps up; waits for that at
/// most `patience`. Nothing is made and nothing migrated.
///
/// # Errors
/// One of them does not answer, they do not belong together, or the standby does not get there in time.
pub async fn replica_behind(
    primary: &str,
    replica: &str,
    clock: Arc<dyn Clock>,
    patience: Duration,
) -> Result<Duration, StoreError> {
    let (primary, replica) = (reader(primary, Arc::clone(&clock))?, Replica::of(replica, clock)?);
    let begun = Instant::now();
    loop {
        replica.look(&primary).await?;
        match replica.behind() {
            Some(behind) if replica.keeps_up() => return Ok(behind),
            _ if begun.elapsed() > patience => return Err(StoreError::Replica(TOO_FAR.to_owned())),
            _ => tokio::time::sleep(limits::STORE_REPLICA_LOOK.duration()).await,
        }
    }
}

/// A store that is only read, and connected to when it is.
fn reader(url: &str, clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
    let reads_only = [
        ("default_transaction_read_only", "on".to_owned()),
        ("statement_timeout", limits::STORE_REPLICA_TIME.get().to_string()),
    ];
    let options = PgConnectOptions::from_str(url)?
        .application_name("mapae-reader")
        .options(reads_only)
        .statement_cache_capacity(limits::STORE_STATEMENTS.size())
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(limits::STORE_CONNECTIONS.get() as u32)
        .acquire_timeout(limits::STORE_REPLICA_TIME.duration())
        .test_before_acquire(false)
        .connect_lazy_with(options);
    Ok(Store {
        db: Arc::new(Db::Postgres(pool)),
        counters: Arc::default(),
        clock,
        signals: Arc::default(),
        turns: Arc::default(),
        replica: None,
    })
}

fn count(by: &'static str) {
    metrics::counter!("mapae_store_replica_reads_total", "by" => by).increment(1);
}

/// Whether an address is PostgreSQL's.
pub(crate) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

#[cfg(test)]
mod tests;

//! Read connections of a SQLite store.
//!
//! A SQLite connection of sqlx is a thread, and each statement a way there and back. The pool of sqlx pings a connection
//! whenever it is given back, which doubles the ways of a short read; here a connection is simply put down. One that was
//! dropped in the middle of a statement, or had an error, is not used again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::StoreError;
use crate::operations::limits;

/// At most [`limits::STORE_READERS`] connections, opened when needed.
#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    places: Semaphore,
}

/// A connection in use; [`Readers::put`] makes it idle again.
pub(super) struct Reader<'r> {
    pub(super) connection: SqliteConnection,
    place: SemaphorePermit<'r>,
}

impl Readers {
    /// Opens the first connection, so that a database that can't be read is told at the start.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let first = options.connect().await?;
        let places = Semaphore::new(limits::STORE_READERS.size());
        Ok(Self { options, idle: Mutex::new(vec![first]), places })
    }

    /// How a read connection is opened.
    pub(super) const fn options(&self) -> &SqliteConnectOptions {
        &self.options
    }

    /// Waits for a connection, at most [`limits::STORE_ACQUIRE`].
    pub(super) async fn take(&self) -> Result<Reader<'_>, StoreError> {
        let waiting = tokio::time::timeout(limits::STORE_ACQUIRE.duration(), self.places.acquire());
        let place = waiting.await.ok().and_then(Result::ok).ok_or(StoreError::Unavailable)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Reader { connection, place })
    }

    /// Gives a connection back whose statement has ended well.
    pub(super) fn put(&self, reader: Reader<'_>) {
        let Reader { connection, place } = reader;
        self.idle().push(connection);
        drop(place);
    }

    /// Waits for those in use and closes all; nobody gets one any more.
    pub(super) async fn close(&self) {
        let all = u32::try_from(limits::STORE_READERS.get()).unwrap_or(1);
        let everybody = self.places.acquire_many(all).await;
        self.places.close();
        drop(everybody);
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a read connection did not close");
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

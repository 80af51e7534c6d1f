//! Read connections of a SQLite store.
//!
//! A read begins on the thread of its caller. One that turns out to be long is stopped and done again on a thread where
//! it keeps no other request waiting. A connection that was dropped in the middle of a statement, or had an error, is not
//! used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::SqlStr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::sqlite::{Cells, File, Sqlite};
use super::{StoreError, Value};
use crate::operations::limits;

/// At most [`limits::STORE_READERS`] connections, opened when needed.
#[derive(Debug)]
pub(super) struct Readers {
    file: File,
    idle: Mutex<Vec<Sqlite>>,
    places: Arc<Semaphore>,
}

/// A connection in use; [`Readers::put`] makes it idle again. It keeps its place for as long as it reads, also when whoever
/// asked is gone.
struct Reader {
    sqlite: Sqlite,
    place: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens the first connection, so that a database that can't be read is told at the start.
    pub(super) fn open(file: File) -> Result<Self, StoreError> {
        let first = file.reader()?;
        let places = Arc::new(Semaphore::new(limits::STORE_READERS.size()));
        Ok(Self { file, idle: Mutex::new(vec![first]), places })
    }

    /// The file that is read.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// At most `most` rows of a statement.
    pub(super) async fn fetch(
        &self,
        sql: SqlStr,
        params: Vec<Value>,
        most: usize,
    ) -> Result<Vec<Cells>, StoreError> {
        let reader = self.take().await?;
        let (reader, found) = match reader.sqlite.fetch_short(sql.as_str(), &params, most)? {
            Some(found) => (reader, found),
            None => {
                let long = tokio::task::spawn_blocking(move || {
                    reader.sqlite.fetch(sql.as_str(), &params, most).map(|found| (reader, found))
                });
                long.await.map_err(|_| StoreError::Unavailable)??
            }
        };
        self.put(reader);
        Ok(found)
    }

    /// Waits for a connection, at most [`limits::STORE_ACQUIRE`].
    async fn take(&self) -> Result<Reader, StoreError> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let place = Arc::clone(&self.places).acquire_owned();
                let waiting = tokio::time::timeout(limits::STORE_ACQUIRE.duration(), place);
                waiting.await.ok().and_then(Result::ok).ok_or(StoreError::Unavailable)?
            }
        };
        let idle = self.idle().pop();
        let sqlite = idle.map_or_else(|| self.file.reader(), Ok)?;
        Ok(Reader { sqlite, place })
    }

    /// Gives a connection back whose statement has ended well.
    fn put(&self, reader: Reader) {
        let Reader { sqlite, place } = reader;
        self.idle().push(sqlite);
        drop(place);
    }

    /// Waits for those in use and closes all; nobody gets one any more.
    pub(super) async fn close(&self) {
        let all = u32::try_from(limits::STORE_READERS.get()).unwrap_or(1);
        let everybody = self.places.acquire_many(all).await;
        self.places.close();
        drop(everybody);
        let idle = std::mem::take(&mut *self.idle());
        for sqlite in idle {
            if let Err(error) = sqlite.close() {
                tracing::warn!(%error, "a read connection did not close");
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sqlite>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

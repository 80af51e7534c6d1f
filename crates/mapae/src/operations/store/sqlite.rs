//! SQLite, called where it is asked for.
//!
//! A statement that finds its rows by an index takes some ten microseconds, less than the way to another thread and back.
//! So the writer has one thread on which whole units run ([`super::writer`]), and a read begins on the thread of its
//! caller ([`super::readers`]).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ffi};
use tokio::time::Instant;

use super::{StoreError, Value};
use crate::operations::limits;

/// After how many steps of SQLite's machine it is asked whether a statement may go on: well under a millisecond.
const STEPS: std::ffi::c_int = 10_000;

/// The file of a store.
#[derive(Clone, Debug)]
pub(super) struct File(PathBuf);

/// One connection to it.
pub(super) struct Sqlite {
    connection: Connection,
    until: Until,
}

/// The moment from which on a statement that takes long is stopped, in milliseconds of [`uptime_ms`].
#[derive(Clone, Debug)]
struct Until(Arc<AtomicU64>);

impl Until {
    const AT_ONCE: u64 = 0;
    const NEVER: u64 = u64::MAX;

    fn set(&self, until: u64) {
        self.0.store(until, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        match self.0.load(Ordering::Relaxed) {
            Self::AT_ONCE => true,
            Self::NEVER => false,
            until => uptime_ms() >= until,
        }
    }
}

/// Milliseconds since this was first asked.
fn uptime_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(Until::NEVER)
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sqlite")
    }
}

/// One row of a result, read from the connection.
pub struct Cells {
    names: Arc<[Box<str>]>,
    values: Vec<rusqlite::types::Value>,
}

impl File {
    pub(super) fn of(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// A connection that may write; the file is made where there is none.
    pub(super) fn writer(&self) -> Result<Sqlite, StoreError> {
        // 16 MiB of log: a page that many commits write is copied into the database once for all of them. The writer
        // keeps the pages that a commit of many rows goes back to.
        const WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32000";
        let sqlite = open(&self.0, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        sqlite.batch(WRITER)?;
        Ok(sqlite)
    }

    /// A connection that only reads a file that is there.
    pub(super) fn reader(&self) -> Result<Sqlite, StoreError> {
        open(&self.0, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }
}

/// Ends the log beside a SQLite file that nobody has open: the file alone is the whole database then.
pub fn single_file(path: &Path) -> Result<(), StoreError> {
    let sqlite = File::of(path).writer()?;
    sqlite.batch("PRAGMA journal_mode = DELETE")?;
    sqlite.close()
}

fn open(path: &Path, flags: OpenFlags) -> Result<Sqlite, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(limits::STORE_BUSY.duration())?;
    connection.set_prepared_statement_cache_capacity(limits::STORE_STATEMENTS.size());
    let sqlite = Sqlite::of(connection)?;
    // No mapped file: after each commit of another connection SQLite unmaps it and maps it anew, which costs a read three
    // to four times what reading its pages does, and every thread of the process its translations.
    sqlite.batch("PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0")?;
    Ok(sqlite)
}

impl Sqlite {
    /// A database of its own that nobody else sees.
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        Self::of(Connection::open_in_memory()?)
    }

    fn of(connection: Connection) -> Result<Self, StoreError> {
        let until = Until(Arc::new(AtomicU64::new(Until::NEVER)));
        let asked = until.clone();
        connection.progress_handler(STEPS, Some(move || asked.is_over()))?;
        Ok(Self { connection, until })
    }

    /// Stops statements with [`StoreError::Timeout`] once this much time has passed.
    pub(super) fn limit(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(Until::NEVER);
        self.until.set(uptime_ms().saturating_add(time).max(1));
    }

    /// Lets statements take the time they need.
    pub(super) fn no_limit(&self) {
        self.until.set(Until::NEVER);
    }

    /// Runs one statement; the number of rows it changed.
    pub(super) fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        self.in_time()?;
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let reads = statement.readonly();
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        Ok(if reads { 0 } else { self.connection.changes() })
    }

    /// Many short statements may take long, too.
    fn in_time(&self) -> Result<(), StoreError> {
        let until = self.until.0.load(Ordering::Relaxed);
        if until != Until::AT_ONCE && self.until.is_over() { Err(StoreError::Timeout) } else { Ok(()) }
    }

    /// At most `most` rows of one statement.
    pub(super) fn fetch(&self, sql: &str, params: &[Value], most: usize) -> Result<Vec<Cells>, StoreError> {
        self.in_time()?;
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let names: Arc<[Box<str>]> = statement.column_names().into_iter().map(Box::from).collect();
        let mut found = Vec::new();
        let mut rows = statement.raw_query();
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            let values = (0..names.len()).map(|column| row.get(column)).collect::<Result<_, _>>()?;
            found.push(Cells { names: Arc::clone(&names), values });
        }
        Ok(found)
    }

    /// The same, if it does not take long; `None`: it would.
    pub(super) fn fetch_short(
        &self,
        sql: &str,
        params: &[Value],
        most: usize,
    ) -> Result<Option<Vec<Cells>>, StoreError> {
        self.until.set(Until::AT_ONCE);
        let found = self.fetch(sql, params, most);
        self.no_limit();
        match found {
            Err(StoreError::Timeout) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Statements without parameters, one after the other.
    pub(super) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    /// Closes it, which also writes the log back into the file when it was the last.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

/// `$1` is the first value, wherever it stands and however often.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<(), StoreError> {
    for place in 1..=statement.parameter_count() {
        let number = match statement.parameter_name(place) {
            Some(name) => name.trim_start_matches(['$', '?']).parse().ok(),
            None => Some(place),
        };
        let value = number.and_then(|number: usize| params.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(params.len(), place))?;
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Int(Some(number)) => ValueRef::Integer(*number),
            Self::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Text(None) | Self::Int(None) | Self::Bytes(None) => ValueRef::Null,
        }))
    }
}

impl std::fmt::Debug for Cells {
    /// Values stay out: a row may hold personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cells")
    }
}

impl Cells {
    /// The value of a column.
    pub(super) fn value(&self, name: &str) -> Result<&rusqlite::types::Value, StoreError> {
        let place = self.names.iter().position(|known| **known == *name);
        place
            .and_then(|place| self.values.get(place))
            .ok_or_else(|| StoreError::Column(name.to_owned(), "no column of that name".to_owned()))
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Every value, in order.
    #[cfg(test)]
    pub(super) fn values(&self) -> &[rusqlite::types::Value] {
        &self.values
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            Some(cause) => match (cause.code, cause.extended_code) {
                (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => Self::Unique,
                (ffi::ErrorCode::OperationInterrupted, _) => Self::Timeout,
                _ => Self::Sqlite(error),
            },
            None => Self::Sqlite(error),
        }
    }
}

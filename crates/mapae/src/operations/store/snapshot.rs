//! A whole database as it stands at one moment, read while others go on writing.

use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqlSafeStr};

use super::sqlite::{File, Sqlite};
use super::{Db, Engine, Row, Store, StoreError, Value, value};

/// One read transaction over everything; the server's own reads and writes don't wait for it.
pub struct Snapshot(Connection);

enum Connection {
    /// Nowhere while a statement runs on a thread of its own: a copy is long, and the server goes on beside it.
    Sqlite(Option<Sqlite>),
    Postgres(PgConnection),
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Snapshot {
    /// Opens the database at `url` as it is: nothing is created, nothing migrated.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::sqlite(File::of(path.trim_start_matches("//")).reader()?);
        }
        if super::is_postgres(url) {
            let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
            return Self::postgres(options.connect().await?).await;
        }
        Err(StoreError::Url(url.split(':').next().unwrap_or_default().to_owned()))
    }

    pub(super) async fn of(store: &Store) -> Result<Self, StoreError> {
        match &*store.db {
            Db::Sqlite { read, .. } => Self::sqlite(read.file().reader()?),
            Db::Postgres(pool) => {
                Self::postgres(PgConnection::connect_with(&pool.connect_options()).await?).await
            }
        }
    }

    fn sqlite(sqlite: Sqlite) -> Result<Self, StoreError> {
        sqlite.execute("BEGIN", &[])?;
        // The first read is what fixes the moment.
        sqlite.fetch("SELECT COUNT(*) FROM sqlite_master", &[], 1)?;
        Ok(Self(Connection::Sqlite(Some(sqlite))))
    }

    async fn postgres(mut connection: PgConnection) -> Result<Self, StoreError> {
        let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
        sqlx::query(begin).execute(&mut connection).await?;
        sqlx::query("SELECT 1").execute(&mut connection).await?;
        Ok(Self(Connection::Postgres(connection)))
    }

    /// The engine that is read.
    pub const fn engine(&self) -> Engine {
        match self.0 {
            Connection::Sqlite(_) => Engine::Sqlite,
            Connection::Postgres(_) => Engine::Postgres,
        }
    }

    /// Every row of a statement; the statement itself bounds how many (`LIMIT`).
    pub async fn fetch_all(
        &mut self,
        sql: impl SqlSafeStr + Send,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(match &mut self.0 {
            Connection::Sqlite(place) => {
                let sqlite = place.take().ok_or(StoreError::Unavailable)?;
                let sql = sql.into_sql_str();
                let reading = tokio::task::spawn_blocking(move || {
                    let rows = sqlite.fetch(sql.as_str(), &params, usize::MAX);
                    (sqlite, rows)
                });
                let (sqlite, rows) = reading.await.map_err(|_| StoreError::Unavailable)?;
                *place = Some(sqlite);
                rows?.into_iter().map(Row::Sqlite).collect()
            }
            Connection::Postgres(connection) => {
                let rows = sqlx::query_with(sql, value::postgres(params)?).fetch_all(connection).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Ends the transaction.
    pub async fn close(self) -> Result<(), StoreError> {
        match self.0 {
            Connection::Sqlite(sqlite) => sqlite.map_or(Ok(()), Sqlite::close)?,
            Connection::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

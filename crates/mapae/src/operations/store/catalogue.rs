//! What the migrations make: every table with its columns, its primary key and what it refers to. Asked of an empty
//! SQLite in memory, so that both engines have one answer and no list has to be kept.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection};

use super::{Row, StoreError, Value, migrate};

/// What a column holds; the portable SQL knows three kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Bytes,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// A table. Names come from the migrations, never from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Columns of the primary key, in its order.
    pub key: Vec<Column>,
}

impl Column {
    /// The value of this column in a row.
    pub fn of(&self, row: &Row) -> Result<Value, StoreError> {
        Ok(match self.kind {
            Kind::Text => Value::Text(row.opt_text(&self.name)?),
            Kind::Int => Value::Int(row.opt_int(&self.name)?),
            Kind::Bytes => Value::Bytes(row.opt_bytes(&self.name)?),
        })
    }
}

/// Every table that the migrations make, each after those it refers to.
pub async fn catalogue() -> Result<Vec<Table>, StoreError> {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await?;
    migrate::sqlite(&mut connection).await?;
    tables(connection).await
}

/// The tables of a SQLite file as they are, without migrating it.
pub async fn catalogue_of(url: &str) -> Result<Vec<Table>, StoreError> {
    let path = url.strip_prefix("sqlite:").ok_or_else(|| StoreError::Url(url.to_owned()))?;
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    tables(options.connect().await?).await
}

async fn tables(mut connection: SqliteConnection) -> Result<Vec<Table>, StoreError> {
    let names = sqlx::query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await?;
    let mut waiting = Vec::new();
    for row in names {
        let name: String = row.try_get(0)?;
        let table = read(&mut connection, &name).await?;
        waiting.push((table, refers(&mut connection, &name).await?));
    }
    let mut ordered: Vec<Table> = Vec::with_capacity(waiting.len());
    let mut done = BTreeSet::new();
    while !waiting.is_empty() {
        let before = ordered.len();
        let (ready, later): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(table, refers)| refers.iter().all(|to| *to == table.name || done.contains(to)));
        for (table, _) in ready {
            done.insert(table.name.clone());
            ordered.push(table);
        }
        if ordered.len() == before {
            let names: Vec<&str> = later.iter().map(|(table, _)| table.name.as_str()).collect();
            return Err(StoreError::Column(names.join(", "), "refer to each other".to_owned()));
        }
        waiting = later;
    }
    Ok(ordered)
}

async fn read(connection: &mut SqliteConnection, name: &str) -> Result<Table, StoreError> {
    let sql = format!("SELECT name, type, pk FROM pragma_table_info('{name}') ORDER BY cid");
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await? {
        let (column, kind, place): (String, String, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let kind = match kind.as_str() {
            "TEXT" => Kind::Text,
            "BIGINT" => Kind::Int,
            "BLOB" => Kind::Bytes,
            other => return Err(StoreError::Column(column, format!("is of no portable type: {other}"))),
        };
        let column = Column { name: column, kind };
        if place > 0 {
            key.push((place, column.clone()));
        }
        columns.push(column);
    }
    key.sort_by_key(|(place, _)| *place);
    let key: Vec<Column> = key.into_iter().map(|(_, column)| column).collect();
    if key.is_empty() {
        return Err(StoreError::Column(name.to_owned(), "has no primary key".to_owned()));
    }
    Ok(Table { name: name.to_owned(), columns, key })
}

async fn refers(connection: &mut SqliteConnection, name: &str) -> Result<Vec<String>, StoreError> {
    let sql = format!("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list('{name}')");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
    rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
}

//! What the migrations make: every table with its columns, its primary key and what it refers to. Asked of an empty
//! SQLite in memory, so that both engines have one answer and no list has to be kept.

use std::collections::BTreeSet;

use super::sqlite::{File, Sqlite};
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
    let sqlite = Sqlite::in_memory()?;
    migrate::sqlite(&sqlite)?;
    tables(&sqlite)
}

/// The tables of a SQLite file as they are, without migrating it.
pub async fn catalogue_of(url: &str) -> Result<Vec<Table>, StoreError> {
    let path = url.strip_prefix("sqlite:").ok_or_else(|| StoreError::Url(url.to_owned()))?;
    tables(&File::of(path).reader()?)
}

fn tables(sqlite: &Sqlite) -> Result<Vec<Table>, StoreError> {
    let names = rows(
        sqlite,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    let mut waiting = Vec::new();
    for row in names {
        let name = row.text("name")?;
        let table = read(sqlite, &name)?;
        waiting.push((table, refers(sqlite, &name)?));
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

fn rows(sqlite: &Sqlite, sql: &str) -> Result<Vec<Row>, StoreError> {
    Ok(sqlite.fetch(sql, &[], usize::MAX)?.into_iter().map(Row::Sqlite).collect())
}

fn read(sqlite: &Sqlite, name: &str) -> Result<Table, StoreError> {
    let sql = format!("SELECT name, type, pk FROM pragma_table_info('{name}') ORDER BY cid");
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for row in rows(sqlite, &sql)? {
        let (column, kind, place) = (row.text("name")?, row.text("type")?, row.int("pk")?);
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

fn refers(sqlite: &Sqlite, name: &str) -> Result<Vec<String>, StoreError> {
    let sql = format!("SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_list('{name}')");
    rows(sqlite, &sql)?.iter().map(|row| row.text("name")).collect()
}

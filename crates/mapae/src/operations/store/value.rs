//! What goes into a statement and what comes out of a row.

use std::sync::Arc;

use rusqlite::types::Value as cell;
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments as _, Decode, Postgres, Row as _, Type};

use super::StoreError;
use super::sqlite::Cells;

/// One parameter. A missing value keeps its type: PostgreSQL wants to know what kind of NULL it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($kind:ty => $variant:ident, |$name:ident| $convert:expr;)*) => {$(
        impl From<$kind> for Value {
            fn from($name: $kind) -> Self { Self::$variant(Some($convert)) }
        }
        impl From<Option<$kind>> for Value {
            fn from(value: Option<$kind>) -> Self { Self::$variant(value.map(|$name| $convert)) }
        }
    )*};
}

value_from! {
    &str => Text, |v| v.to_owned();
    String => Text, |v| v;
    &String => Text, |v| v.clone();
    Arc<str> => Text, |v| v.to_string();
    i64 => Int, |v| v;
    i32 => Int, |v| i64::from(v);
    u32 => Int, |v| i64::from(v);
    u16 => Int, |v| i64::from(v);
    u8 => Int, |v| i64::from(v);
    bool => Int, |v| i64::from(v);
    Vec<u8> => Bytes, |v| v;
    &[u8] => Bytes, |v| v.to_vec();
    &Vec<u8> => Bytes, |v| v.clone();
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

/// Rows that go into one statement at most. The driver looks the name of each parameter up in the list of all of them, so
/// that a statement costs the square of its length.
pub const STATEMENT_ROWS: usize = 20;

/// The places of `rows` rows with `columns` parameters each: `($1, $2), ($3, $4)`.
pub fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let row: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", row.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

fn encoding(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Database(sqlx::Error::Encode(error))
}

pub(super) fn postgres(params: Vec<Value>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    arguments.reserve(params.len(), 0);
    for value in params {
        match value {
            Value::Text(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(encoding)?;
    }
    Ok(arguments)
}

/// One row of a result. Columns are asked for by name; a wrong name or type is an error, not a panic.
pub enum Row {
    #[doc(hidden)]
    Sqlite(Cells),
    #[doc(hidden)]
    Postgres(PgRow),
}

impl std::fmt::Debug for Row {
    /// Values stay out: a row may hold personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Row(sqlite)",
            Self::Postgres(_) => "Row(postgres)",
        })
    }
}

fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<T, StoreError>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(name).map_err(|error| StoreError::Column(name.to_owned(), error.to_string()))
}

/// The value of a cell that may be NULL, of one of the three kinds.
macro_rules! cell {
    ($row:expr, $name:expr, $kind:ident) => {
        match $row.value($name)? {
            cell::$kind(value) => Ok(Some(value.clone())),
            cell::Null => Ok(None),
            other => Err(StoreError::Column($name.to_owned(), format!("holds {}", other.data_type()))),
        }
    };
}

fn not_null<T>(name: &str, value: Option<T>) -> Result<T, StoreError> {
    value.ok_or_else(|| StoreError::Column(name.to_owned(), "is NULL".to_owned()))
}

impl Row {
    /// A TEXT column that is not NULL.
    pub fn text(&self, name: &str) -> Result<String, StoreError> {
        self.opt_text(name).and_then(|value| not_null(name, value))
    }

    /// A TEXT column that may be NULL.
    pub fn opt_text(&self, name: &str) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(row) => cell!(row, name, Text),
            Self::Postgres(row) => column(row, name),
        }
    }

    /// A BIGINT column that is not NULL.
    pub fn int(&self, name: &str) -> Result<i64, StoreError> {
        self.opt_int(name).and_then(|value| not_null(name, value))
    }

    /// A BIGINT column that may be NULL.
    pub fn opt_int(&self, name: &str) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(row) => cell!(row, name, Integer),
            Self::Postgres(row) => column(row, name),
        }
    }

    /// A BIGINT column used as yes (not 0) or no (0).
    pub fn flag(&self, name: &str) -> Result<bool, StoreError> {
        self.int(name).map(|value| value != 0)
    }

    /// A BLOB column that is not NULL.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.opt_bytes(name).and_then(|value| not_null(name, value))
    }

    /// A BLOB column that may be NULL.
    pub fn opt_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sqlite(row) => cell!(row, name, Blob),
            Self::Postgres(row) => column(row, name),
        }
    }

    /// Every text of the row, joined: to see what is not in it.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> String {
        let text = |at: usize| match self {
            Self::Sqlite(row) => match row.values().get(at) {
                Some(cell::Text(text)) => Some(text.clone()),
                _ => None,
            },
            Self::Postgres(row) => row.try_get::<Option<String>, _>(at).ok().flatten(),
        };
        (0..self.len()).filter_map(text).collect()
    }

    /// A TEXT column that holds JSON.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let text = self.text(name)?;
        serde_json::from_str(&text).map_err(|error| StoreError::Column(name.to_owned(), error.to_string()))
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.len(),
            Self::Postgres(row) => row.len(),
        }
    }

    /// Whether the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

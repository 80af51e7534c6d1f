//! Migrations: `migrations/NNNN_name.sql`, embedded, applied each in one transaction, never changed afterwards.
//!
//! The files are written once in portable SQL. Two words differ between the engines and are rewritten for PostgreSQL:
//! `BLOB` becomes `BYTEA`, and `WITHOUT ROWID` (SQLite's clustered table) disappears. Numbers are given out in ranges to
//! the folders, so a lower number may arrive after a higher one: whatever is missing is applied, in order.

use sqlx::migrate::{Migration, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _};

use super::sqlite::Sqlite;
use super::{Row, StoreError, params};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT NOT NULL PRIMARY KEY, \
                     name TEXT NOT NULL, checksum BLOB NOT NULL, applied_at BIGINT NOT NULL)";
const APPLIED: &str = "SELECT version, checksum FROM schema_migration ORDER BY version";
const RECORD: &str =
    "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";
/// Nodes of one PostgreSQL store that start together migrate one after the other.
const ADVISORY_LOCK: i64 = 0x6d61_7061_6501;

/// The portable text as PostgreSQL wants it.
fn for_postgres(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    for line in sql.lines() {
        let code = line.split_once("--").map_or(line, |(code, _)| code);
        let code = code.replace("WITHOUT ROWID", "");
        let mut word = String::new();
        for letter in code.chars().chain(std::iter::once('\n')) {
            if letter.is_ascii_alphanumeric() || letter == '_' {
                word.push(letter);
                continue;
            }
            out.push_str(if word == "BLOB" { "BYTEA" } else { &word });
            word.clear();
            out.push(letter);
        }
    }
    out
}

fn failed(migration: &Migration, reason: impl ToString) -> StoreError {
    StoreError::Migration {
        version: migration.version,
        name: migration.description.to_string(),
        reason: reason.to_string(),
    }
}

/// Which embedded migrations are missing; refuses a database whose applied text differs from ours.
fn missing(applied: &[(i64, Vec<u8>)]) -> Result<Vec<&'static Migration>, StoreError> {
    let mut missing = Vec::new();
    for migration in MIGRATIONS.iter() {
        match applied.iter().find(|(version, _)| *version == migration.version) {
            None => missing.push(migration),
            Some((_, checksum)) if checksum.as_slice() == migration.checksum.as_ref() => {}
            Some(_) => {
                return Err(failed(migration, "was changed after it had been applied to this database"));
            }
        }
    }
    Ok(missing)
}

#[expect(
    clippy::disallowed_methods,
    reason = "runs before there is a platform clock; only a note for operators"
)]
fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// Brings a SQLite database up to date. A kill between or inside migrations leaves whole ones only.
pub(super) fn sqlite(sqlite: &Sqlite) -> Result<(), StoreError> {
    sqlite.execute(TABLE, &[])?;
    let rows = sqlite.fetch(APPLIED, &[], usize::MAX)?;
    for migration in missing(&applied(rows.into_iter().map(Row::Sqlite))?)? {
        sqlite.batch("BEGIN IMMEDIATE")?;
        if let Err(error) = apply(sqlite, migration).and_then(|()| sqlite.batch("COMMIT")) {
            // Of a transaction that failed nothing is left, whether or not this is still possible.
            let _ = sqlite.batch("ROLLBACK");
            return Err(error);
        }
    }
    Ok(())
}

fn apply(sqlite: &Sqlite, migration: &Migration) -> Result<(), StoreError> {
    let done = "SELECT version FROM schema_migration WHERE version = $1";
    if !sqlite.fetch(done, &params![migration.version], 1)?.is_empty() {
        return Ok(()); // another process was faster
    }
    sqlite.batch(migration.sql.as_str()).map_err(|error| failed(migration, error))?;
    let record =
        params![migration.version, migration.description.as_ref(), migration.checksum.as_ref(), now_ms()];
    sqlite.execute(RECORD, &record).map(drop)
}

fn applied(rows: impl Iterator<Item = Row>) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    rows.map(|row| Ok((row.int("version")?, row.bytes("checksum")?))).collect()
}

/// Brings a PostgreSQL database up to date.
pub(super) async fn postgres(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(ADVISORY_LOCK).execute(&mut *connection).await?;
    let outcome = postgres_locked(connection).await;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(ADVISORY_LOCK).execute(&mut *connection).await?;
    outcome
}

async fn postgres_locked(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::raw_sql(AssertSqlSafe(for_postgres(TABLE))).execute(&mut *connection).await?;
    let rows = sqlx::query(APPLIED).fetch_all(&mut *connection).await?;
    let applied = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<Vec<(i64, Vec<u8>)>, sqlx::Error>>()?;
    for migration in missing(&applied)? {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(for_postgres(migration.sql.as_str())))
            .execute(&mut *transaction)
            .await
            .map_err(|error| failed(migration, error))?;
        sqlx::query(RECORD)
            .bind(migration.version)
            .bind(migration.description.as_ref())
            .bind(migration.checksum.as_ref())
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// The names of our migrations that a database lacks; refuses one whose applied text differs from ours.
pub async fn missing_migrations(store: &mut super::Snapshot) -> Result<Vec<String>, StoreError> {
    let rows = store.fetch_all(APPLIED, Vec::new()).await?;
    Ok(missing(&applied(rows.into_iter())?)?
        .iter()
        .map(|migration| migration.description.to_string())
        .collect())
}

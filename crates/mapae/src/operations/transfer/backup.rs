//! A backup: a SQLite file with every row of one moment, made while servers go on, and digests to check it by.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Copied, Progress, TransferError, copy, digest, finish, is_verified, verify};
use crate::operations::clock::{Clock, SystemClock};
use crate::operations::kek::Kek;
use crate::operations::server_keys::open_all;
use crate::operations::store::{Snapshot, Store, catalogue_of, params, single_file};

/// Names the copy in its own file.
const LABEL: &str = "backup";

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> TransferError {
    let path = path.display().to_string();
    move |error| TransferError::File(path, error)
}

/// Writes everything as of now into a new file, mode 0600. It gets its name only when it is whole and was read back.
pub async fn make(
    store: &Store,
    out: &Path,
    clock: Arc<dyn Clock>,
    progress: Progress<'_>,
) -> Result<Copied, TransferError> {
    if out.exists() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(failed(out)(exists));
    }
    let partial = beside(out, "partial");
    remove(&partial)?;
    private(&partial)?;
    let url = format!("sqlite:{}", partial.display());
    let target = Store::open(&url, clock).await?;
    let mut source = store.snapshot().await?;
    copy(&mut source, &target, LABEL, progress).await?;
    let copied = verify(&mut source, &target, progress).await?;
    source.close().await?;
    finish(&target).await?;
    target.close().await;
    single_file(&partial)?;
    std::fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(failed(&partial))?;
    std::fs::rename(&partial, out).map_err(failed(out))?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
    Ok(copied)
}

/// Reads a backup whole and compares every table with the digest that was taken when it was made.
pub async fn check(file: &Path) -> Result<Copied, TransferError> {
    if !file.is_file() {
        return Err(failed(file)(std::io::Error::from(std::io::ErrorKind::NotFound)));
    }
    let url = format!("sqlite:{}", file.display());
    let tables = catalogue_of(&url).await.map_err(|_| TransferError::NoBackup)?;
    let mut snapshot = Snapshot::open(&url).await?;
    let sql = "SELECT name, rows, digest FROM store_copy WHERE name <> '' OR (after = 'backup' AND rows = 1) ORDER BY name";
    let kept = snapshot.fetch_all(sql, params![]).await.map_err(|_| TransferError::NoBackup)?;
    if kept.first().map(|row| row.text("name")).transpose()?.as_deref() != Some("") {
        return Err(TransferError::NoBackup);
    }
    let mut checked = Copied::default();
    for row in kept.iter().skip(1) {
        let name = row.text("name")?;
        let damaged = || TransferError::Damaged(name.clone());
        let table = tables.iter().find(|table| table.name == name).ok_or_else(damaged)?;
        let found = digest(&mut snapshot, table).await?;
        let rows = row.int("rows")?.unsigned_abs();
        if found.rows != rows || row.opt_bytes("digest")?.as_deref() != Some(found.sum.as_slice()) {
            return Err(damaged());
        }
        checked.tables += 1;
        checked.rows += found.rows;
    }
    snapshot.close().await?;
    Ok(checked)
}

/// Opens every key of the backup with this key-encryption key; in a copy beside it, which is removed.
pub async fn opens(file: &Path, key: &Kek) -> Result<(), TransferError> {
    let (work, old) = working_copy(file, Arc::new(SystemClock)).await?;
    let opened = open_all(&old, key).await.map_err(|error| TransferError::Keys(error.to_string()));
    old.close().await;
    remove(&work)?;
    opened.map(|_| ())
}

async fn working_copy(file: &Path, clock: Arc<dyn Clock>) -> Result<(PathBuf, Store), TransferError> {
    let work = beside(file, "restoring");
    remove(&work)?;
    private(&work)?;
    std::fs::copy(file, &work).map_err(failed(&work))?;
    let store = Store::open(&format!("sqlite:{}", work.display()), clock).await?;
    Ok((work, store))
}

/// Copies a checked backup into an empty store. The backup's file is not touched: an older one is brought up to date in a
/// copy beside it, which is removed. The store stays shut until the caller has closed what must not go on.
pub async fn unpack(
    file: &Path,
    target: &Store,
    clock: Arc<dyn Clock>,
    progress: Progress<'_>,
) -> Result<Copied, TransferError> {
    let checked = check(file).await?;
    let label = format!("restore {}", identity(file)?);
    if is_verified(target, &label).await? {
        // It was interrupted while it was being closed.
        return Ok(checked);
    }
    let (work, old) = working_copy(file, clock).await?;
    let mut source = old.snapshot().await?;
    copy(&mut source, target, &label, progress).await?;
    let copied = verify(&mut source, target, progress).await?;
    source.close().await?;
    old.close().await;
    remove(&work)?;
    Ok(copied)
}

/// The SHA-256 of the file, by which a restore that was interrupted knows its backup again.
fn identity(file: &Path) -> Result<String, TransferError> {
    use std::io::Read as _;
    let mut reader = std::fs::File::open(file).map_err(failed(file))?;
    let mut hash = [0_u8; 32];
    let mut part = vec![0_u8; 1 << 20];
    loop {
        let read = reader.read(&mut part).map_err(failed(file))?;
        let Some(bytes) = part.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash = keys::sha256(&[hash.as_slice(), bytes].concat());
    }
    Ok(keys::encoding::hex_encode(&hash))
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    path.with_file_name(name)
}

/// Removes what an earlier run left, with SQLite's files beside it.
fn remove(path: &Path) -> Result<(), TransferError> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(path)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// An empty file that nobody else may read: it will hold what the database holds.
fn private(path: &Path) -> Result<(), TransferError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(failed(path))
}

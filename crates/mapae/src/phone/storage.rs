//! Where the vault lies: a file that is replaced whole, or memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use wallet::ports::{Storage, StorageError};
use wallet::vault::MAX_BLOB;

/// A folder with one vault, held by one process at a time; or memory, for the load tool and the demo's extras.
#[derive(Debug, Clone)]
pub enum PhoneStorage {
    /// `vault.bin` in a folder.
    Folder(Arc<Folder>),
    /// Gone with the process.
    Memory(Arc<Mutex<Option<Vec<u8>>>>),
}

/// A folder that this process has locked.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

pub(super) const VAULT: &str = "vault.bin";
const LOCK: &str = "lock";

impl PhoneStorage {
    /// A vault in memory.
    pub fn memory() -> PhoneStorage {
        PhoneStorage::Memory(Arc::default())
    }

    /// Opens the folder, making it if need be, and locks it.
    ///
    /// # Errors
    /// `WouldBlock` if another process holds it.
    pub fn folder(path: &Path) -> io::Result<PhoneStorage> {
        make_private_folder(path)?;
        let lock = private_file(&path.join(LOCK), OpenOptions::new().create(true).truncate(false))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another process uses this wallet")
            }
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(PhoneStorage::Folder(Arc::new(Folder { path: path.to_owned(), _lock: lock })))
    }
}

impl Storage for PhoneStorage {
    async fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        match self {
            PhoneStorage::Memory(blob) => Ok(blob.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            PhoneStorage::Folder(folder) => {
                let file = folder.path.join(VAULT);
                blocking(move || read(&file)).await
            }
        }
    }

    async fn save(&self, blob: &[u8]) -> Result<(), StorageError> {
        match self {
            PhoneStorage::Memory(kept) => {
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(blob.to_vec());
                Ok(())
            }
            PhoneStorage::Folder(folder) => {
                let (folder, blob) = (Arc::clone(folder), blob.to_vec());
                blocking(move || replace(&folder.path, VAULT, &blob)).await
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.kind() == io::ErrorKind::StorageFull => Err(StorageError::Full),
        Ok(Err(error)) => Err(StorageError::Failed(error.to_string())),
        Err(error) => Err(StorageError::Failed(error.to_string())),
    }
}

fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut blob = Vec::new();
    // One byte more than a vault may have shows that it is none.
    let bound = u64::try_from(MAX_BLOB).unwrap_or(u64::MAX).saturating_add(1);
    opened.take(bound).read_to_end(&mut blob)?;
    Ok(Some(blob))
}

/// Replaces a file so that a loss of power leaves the old one or the new one: write beside it, flush, rename, flush
/// the folder.
pub(super) fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!("{name}.new"));
    let mut file = private_file(&beside, OpenOptions::new().create(true).truncate(true))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(name))?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn private_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.read(true).write(true).open(path)
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("mapae-phone-{}", crate::operations::id::new()))
    }

    #[tokio::test]
    async fn a_saved_vault_is_there_and_private() {
        let path = folder();
        let storage = PhoneStorage::folder(&path).unwrap();
        assert_eq!(storage.load().await.unwrap(), None);
        storage.save(b"one").await.unwrap();
        storage.save(b"two").await.unwrap();
        assert_eq!(storage.load().await.unwrap().unwrap(), b"two");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(VAULT), mode(LOCK), mode("")), (0o600, 0o600, 0o700));
        }
        fs::remove_dir_all(path).unwrap();
    }

    #[tokio::test]
    async fn a_half_written_new_vault_is_ignored() {
        let path = folder();
        let storage = PhoneStorage::folder(&path).unwrap();
        storage.save(b"whole").await.unwrap();
        fs::write(path.join("vault.bin.new"), b"ha").unwrap();
        assert_eq!(storage.load().await.unwrap().unwrap(), b"whole");
        storage.save(b"next").await.unwrap();
        assert_eq!(storage.load().await.unwrap().unwrap(), b"next");
        fs::remove_dir_all(path).unwrap();
    }

    #[tokio::test]
    async fn two_processes_never_hold_one_wallet() {
        let path = folder();
        let first = PhoneStorage::folder(&path).unwrap();
        assert_eq!(PhoneStorage::folder(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(PhoneStorage::folder(&path).is_ok());
        fs::remove_dir_all(path).unwrap();
    }
}

//! The key-encryption key: one file, 0600, made at the first start. An HSM takes its place later.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use keys::seal::SealKey;

const PREFIX: &str = "mapae-kek-1:";

/// Why the key file cannot be used, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    #[error("cannot read the key file {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot make the key file {path}: {source}")]
    Make { path: PathBuf, source: std::io::Error },
    #[error("the key file {path} can be read by others (mode {mode:03o}). Mend it: chmod 600 {path}")]
    Open { path: PathBuf, mode: u32 },
    #[error("the key file {path} is damaged: it must hold one line {PREFIX}… Restore it from its backup")]
    Damaged { path: PathBuf },
    #[error(
        "the key file {path} is missing, but the database holds keys sealed under it. Restore the file from its \
         backup; a new one would not open anything"
    )]
    Missing { path: PathBuf },
}

/// Reads the key file. `Ok(None)` when there is none.
pub fn read(path: &Path) -> Result<Option<SealKey>, KekError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => keys::Zeroizing::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KekError::Read { path: path.to_owned(), source }),
    };
    check_mode(path)?;
    let bytes = text
        .trim_end()
        .strip_prefix(PREFIX)
        .and_then(|key| keys::encoding::b64url_decode_array::<32>(key).ok())
        .ok_or_else(|| KekError::Damaged { path: path.to_owned() })?;
    Ok(Some(SealKey::from_bytes(&bytes)))
}

/// Makes a new key file; fails if there is one.
pub fn make(path: &Path) -> Result<SealKey, KekError> {
    let failed = |source| KekError::Make { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let key = SealKey::generate();
    let line = keys::Zeroizing::new(format!(
        "{PREFIX}{}\n",
        keys::encoding::b64url_encode(key.to_bytes().as_slice())
    ));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(line.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(key)
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), KekError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata =
        std::fs::metadata(path).map_err(|source| KekError::Read { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KekError::Open { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), KekError> {
    Ok(())
}

//! The key-encryption key: in a token ([`hsm`](super::hsm)), or in one file, 0600, made at the first start.
//!
//! Where both are there, the token seals and either opens: that is how an installation moves into its token.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keys::Zeroizing;
use keys::seal::{KeyRing, SealKey, key_id_of};

use super::config::Config;
use super::hsm::{Hsm, HsmError, SealKind, is_token_sealed};

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
    #[error(transparent)]
    Token(#[from] HsmError),
    #[error("the token {0} holds no key-encryption key yet: mapae keys token-prepare makes it")]
    Empty(String),
    #[error("the value was sealed under another key-encryption key")]
    DoesNotOpen,
}

/// What seals the platform's keys.
#[derive(Clone, Debug)]
pub struct Kek {
    file: Option<KeyRing>,
    token: Option<Arc<InToken>>,
}

/// The token and the numbers of the keys in it that seal now; 0: none yet.
#[derive(Debug)]
struct InToken {
    hsm: Arc<Hsm>,
    kek: AtomicU32,
    pin: AtomicU32,
}

impl Kek {
    /// The one of a key file alone.
    pub fn of_file(key: SealKey) -> Self {
        Self { file: Some(KeyRing::new(1, key)), token: None }
    }

    /// The one that the configuration names; `None` where there is neither token nor file.
    ///
    /// # Errors
    /// A file that can't be used, a token that does not answer or holds none.
    pub fn read(config: &Config) -> Result<Option<Self>, KekError> {
        let kek = Self::read_any(config)?;
        match &kek {
            Some(Self { file: None, token: Some(token) }) if token.kek.load(Ordering::Relaxed) == 0 => {
                Err(KekError::Empty(token.hsm.label().to_owned()))
            }
            _ => Ok(kek),
        }
    }

    /// The same; also where the token is to be filled.
    ///
    /// # Errors
    /// As above.
    pub fn read_any(config: &Config) -> Result<Option<Self>, KekError> {
        let file = read(&config.keys.file)?.map(|key| KeyRing::new(1, key));
        let token = match Hsm::open(&config.hsm)? {
            None => None,
            Some(hsm) => {
                let (hsm, kek, pin) = (Arc::new(hsm), AtomicU32::new(0), AtomicU32::new(0));
                Some(Arc::new(InToken { hsm, kek, pin }))
            }
        };
        let read = Self { file, token };
        read.refresh()?;
        Ok(Some(read).filter(|read| read.file.is_some() || read.token.is_some()))
    }

    /// Looks which keys of the token seal now.
    ///
    /// # Errors
    /// The token.
    pub fn refresh(&self) -> Result<(), HsmError> {
        if let Some(token) = &self.token {
            token.kek.store(token.hsm.newest(SealKind::Kek)?.unwrap_or(0), Ordering::Relaxed);
            token.pin.store(token.hsm.newest(SealKind::Pin)?.unwrap_or(0), Ordering::Relaxed);
        }
        Ok(())
    }

    /// The token, if there is one.
    pub fn token(&self) -> Option<&Arc<Hsm>> {
        self.token.as_ref().map(|token| &token.hsm)
    }

    fn current(&self, kind: SealKind) -> Option<(&Hsm, u32)> {
        let token = self.token.as_deref()?;
        let number = match kind {
            SealKind::Kek => &token.kek,
            SealKind::Pin => &token.pin,
        };
        Some((&*token.hsm, number.load(Ordering::Relaxed))).filter(|(_, number)| *number > 0)
    }

    /// Whether a token is there that does not do its work.
    ///
    /// # Errors
    /// It does not.
    pub fn probe(&self) -> Result<(), HsmError> {
        match self.current(SealKind::Kek) {
            Some((hsm, number)) => hsm.probe(number),
            None => Ok(()),
        }
    }

    /// Seals a key to its place.
    ///
    /// # Errors
    /// The token.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, KekError> {
        if let Some((hsm, number)) = self.current(SealKind::Kek) {
            return Ok(hsm.seal(SealKind::Kek, number, place, plain)?);
        }
        let empty = || KekError::Empty(self.token().map(|hsm| hsm.label().to_owned()).unwrap_or_default());
        Ok(self.file.as_ref().ok_or_else(empty)?.seal(place, plain))
    }

    /// Opens a key at its place.
    ///
    /// # Errors
    /// [`KekError::DoesNotOpen`], or the token.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KekError> {
        if is_token_sealed(sealed) {
            let token = self.token().ok_or(KekError::DoesNotOpen)?;
            return Ok(token.open_sealed(SealKind::Kek, place, sealed)?);
        }
        let file = self.file.as_ref().ok_or(KekError::DoesNotOpen)?;
        file.open(place, sealed).map_err(|_| KekError::DoesNotOpen)
    }

    /// Whether a value was sealed with what seals now.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        match self.current(SealKind::Kek) {
            Some((_, number)) => super::hsm::sealed_with(sealed) == Some(number),
            None => key_id_of(sealed) == Ok(1),
        }
    }

    /// Seals the public key of a PIN once more, under the token's key for it, if there is one.
    ///
    /// # Errors
    /// The token.
    pub fn seal_pin(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, HsmError> {
        match self.current(SealKind::Pin) {
            Some((hsm, number)) => hsm.seal(SealKind::Pin, number, place, plain),
            None => Ok(plain.to_vec()),
        }
    }

    /// Opens it; one that was never in the token is as it is.
    ///
    /// # Errors
    /// The token.
    pub fn open_pin(&self, place: &[u8], kept: &[u8]) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        if !is_token_sealed(kept) {
            return Ok(Zeroizing::new(kept.to_vec()));
        }
        let token = self.token().ok_or_else(|| HsmError::Missing("of PINs: hsm.module is not set".into()))?;
        token.open_sealed(SealKind::Pin, place, kept)
    }

    /// Whether a PIN's key was sealed with what seals now.
    pub fn is_current_pin(&self, kept: &[u8]) -> bool {
        let number = self.current(SealKind::Pin).map(|(_, number)| number);
        number == super::hsm::sealed_with(kept)
    }
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
    let key = SealKey::generate();
    write(path, &key)?;
    Ok(key)
}

/// Writes a key into a new key file; fails if there is one.
pub fn write(path: &Path, key: &SealKey) -> Result<(), KekError> {
    let failed = |source| KekError::Make { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
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
    file.sync_all().map_err(failed)
}

#[cfg(unix)]
pub(super) fn check_mode(path: &Path) -> Result<(), KekError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata =
        std::fs::metadata(path).map_err(|source| KekError::Read { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KekError::Open { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
pub(super) fn check_mode(_: &Path) -> Result<(), KekError> {
    Ok(())
}

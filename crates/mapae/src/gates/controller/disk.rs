//! What a controller keeps on disk: who it is, the signed pages it was told, the passages it wrote.
//!
//! ```text
//! folder/ controller.json   id, group, server, token, certificate, pinned feed key
//!         controller.key    P-256 scalar, base64url, mode 0600
//!         snapshot.pages    the tiles of the last snapshot, a line each, as they were signed
//!         delta.pages       the pages after it
//!         beacon.page       the newest page, if it changed nothing
//!         passages.log      lines that are not uploaded yet, and some before them
//!         uploaded.json     how far the server has them
//!         grace.order       the grace order, two lines
//! ```
//!
//! Pages are verified again when they are read: whoever changes the disk opens no door with it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use keys::{Jwk, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

/// Who this controller is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Papers {
    /// Format: 1.
    pub v: u32,
    /// Base URL of the server.
    pub server: String,
    /// Its id there.
    pub controller: String,
    /// Its 16 bytes in the tap, base64url.
    pub group: String,
    /// Access token.
    pub token: String,
    /// Reader certificate, base64url.
    pub certificate: String,
    /// The feed's key, pinned at enrolment.
    pub feed_key: Jwk,
}

/// The folder of a controller.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// Larger files are not read.
const MOST: u64 = 1 << 30;

impl Folder {
    /// The folder, made if it is not there.
    ///
    /// # Errors
    /// It can't be made.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// A folder to be read only.
    pub fn existing(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The path of a file here.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Replaces a file whole: after a loss of power it is the old or the new one.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.file(&format!("{name}.new"));
        let mut file = private(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, self.file(name))?;
        File::open(&self.0)?.sync_all()
    }

    /// Reads a file; `None` if it is not there.
    ///
    /// # Errors
    /// It can't be read, or is no text.
    pub fn read(&self, name: &str) -> io::Result<Option<String>> {
        let file = match File::open(self.file(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    /// Adds a line to a file and waits until it is safe.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn append(&self, name: &str, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.file(name))?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }

    /// Takes a file away; one that is not there is no error.
    ///
    /// # Errors
    /// The disk fails.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Who the controller is, and its key; `None` before it is enrolled.
    ///
    /// # Errors
    /// The files are damaged.
    pub fn papers(&self) -> io::Result<Option<(Papers, SecretKey)>> {
        let (Some(papers), Some(key)) = (self.read("controller.json")?, self.read("controller.key")?) else {
            return Ok(None);
        };
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{what} is damaged"));
        let papers: Papers = serde_json::from_str(&papers).map_err(|_| damaged("controller.json"))?;
        let scalar =
            keys::encoding::b64url_decode_array(key.trim()).map_err(|_| damaged("controller.key"))?;
        let key = SecretKey::from_bytes(&scalar).map_err(|_| damaged("controller.key"))?;
        if papers.v != 1 || PublicKey::from_jwk(&papers.feed_key).is_err() {
            return Err(damaged("controller.json"));
        }
        Ok(Some((papers, key)))
    }

    /// Writes who the controller is; the key first.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn put_papers(&self, papers: &Papers, key: &SecretKey) -> io::Result<()> {
        let scalar = keys::Zeroizing::new(keys::encoding::b64url_encode(key.to_bytes().as_slice()));
        self.replace("controller.key", scalar.as_bytes())?;
        self.replace("controller.json", &serde_json::to_vec_pretty(papers)?)
    }
}

#[cfg(unix)]
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(true).open(path)
}

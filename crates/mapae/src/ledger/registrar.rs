//! The registrar's hands: key files of its members. They belong on devices without a network; the demo plays both sides.

use std::path::{Path, PathBuf};

use credential::trust::Registrar;
use keys::encoding::{hex_decode, hex_encode};
use registry::ethereum::{Address, SecretKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::LedgerError;
use crate::operations::limits;

/// A member of the council: a key that approves on the chain, and one that signs statements.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) chain: SecretKey,
    pub(super) statement: keys::SecretKey,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct File {
    address: String,
    chain_key: String,
    statement_key: String,
}

impl Member {
    fn generate() -> Self {
        Self { chain: SecretKey::generate(), statement: keys::SecretKey::generate() }
    }

    /// Reads a key file.
    pub(super) fn read(path: &Path) -> Result<Self, LedgerError> {
        let fault = |reason: &str| LedgerError::Files(format!("{}: {reason}", path.display()));
        let size = std::fs::metadata(path).map_err(|error| fault(&error.to_string()))?.len();
        if size > limits::LEDGER_KEY_FILE.get().unsigned_abs() {
            return Err(fault("is too large for a key file"));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| fault(&error.to_string()))?);
        let file: File = serde_json::from_str(&text).map_err(|_| fault("is no key file of a registrar"))?;
        let secret = |text: &str| -> Result<Zeroizing<[u8; 32]>, LedgerError> {
            let bytes = Zeroizing::new(hex_decode(text).map_err(|_| fault("holds no key"))?);
            bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| fault("holds no key"))
        };
        let chain = SecretKey::from_bytes(&*secret(&file.chain_key)?).ok_or_else(|| fault("holds no key"))?;
        let statement =
            keys::SecretKey::from_bytes(&*secret(&file.statement_key)?).map_err(|_| fault("holds no key"))?;
        if chain.address().to_string() != file.address {
            return Err(fault("names another address than its key's"));
        }
        Ok(Self { chain, statement })
    }

    fn write(&self, path: &Path) -> Result<(), LedgerError> {
        let fault =
            |error: &dyn std::fmt::Display| LedgerError::Files(format!("{}: {error}", path.display()));
        let file = File {
            address: self.chain.address().to_string(),
            chain_key: hex_encode(self.chain.to_bytes().as_slice()),
            statement_key: hex_encode(self.statement.to_bytes().as_slice()),
        };
        let text = Zeroizing::new(serde_json::to_string_pretty(&file).map_err(|error| fault(&error))?);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut out = options.open(path).map_err(|error| fault(&error))?;
        std::io::Write::write_all(&mut out, text.as_bytes()).map_err(|error| fault(&error))?;
        out.sync_all().map_err(|error| fault(&error))
    }
}

/// The members whose files lie in a folder, by name of the file.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Member>, LedgerError> {
    let fault = |error: std::io::Error| LedgerError::Files(format!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(fault)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(fault)?;
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "json"));
    paths.sort();
    paths.iter().map(|path| Member::read(path)).collect()
}

/// Makes the key files of a new council; nothing that is there is overwritten.
pub(super) fn make(folder: &Path, members: u8) -> Result<Vec<Member>, LedgerError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| LedgerError::Files(format!("{}: {error}", folder.display())))?;
    let mut made = Vec::new();
    for number in 1..=members {
        let member = Member::generate();
        member.write(&folder.join(format!("registrar-{number}.json")))?;
        made.push(member);
    }
    Ok(made)
}

/// What verifiers pin.
pub(super) fn pinned(members: &[Member], needed: u8) -> Result<Registrar, LedgerError> {
    let keys = members.iter().map(|member| member.statement.public_key().clone()).collect();
    Registrar::new(keys, usize::from(needed)).ok_or_else(|| LedgerError::Configuration {
        key: "threshold",
        reason: "must be at least 1 and at most the number of members".to_owned(),
    })
}

pub(super) fn addresses(members: &[Member]) -> Vec<Address> {
    members.iter().map(|member| member.chain.address()).collect()
}

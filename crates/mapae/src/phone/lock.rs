//! The key to the vault: from a file that only its owner reads, or from a passphrase by Argon2id.

use std::fs;
use std::io;
use std::path::Path;

use keys::Zeroizing;
use keys::encoding::{b64url_decode, b64url_encode};
use serde::{Deserialize, Serialize};
use wallet::vault::VaultKey;

use super::fault::PhoneError;
use super::storage::replace;

/// Where the vault lies if nobody says otherwise, under the home folder.
pub const VAULT_FOLDER: &str = ".local/share/mapae/wallet";

const KEY_FILE: &str = "vault.key";

/// How the holder opens the vault.
#[derive(Clone)]
pub enum Unlock {
    /// By the key file beside the vault.
    KeyFile,
    /// By a passphrase.
    Passphrase(Zeroizing<String>),
}

impl std::fmt::Debug for Unlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unlock::KeyFile => "KeyFile",
            Unlock::Passphrase(_) => "Passphrase(…)",
        })
    }
}

impl Unlock {
    fn passphrase(&self) -> Option<&str> {
        match self {
            Unlock::KeyFile => None,
            Unlock::Passphrase(passphrase) => Some(passphrase),
        }
    }

    /// A key for a new vault and the hint that goes with it.
    pub(super) fn make(&self, folder: &Path) -> Result<(VaultKey, Vec<u8>), PhoneError> {
        create(folder, self.passphrase())
    }

    /// The key of the vault with this hint.
    pub(super) fn open(&self, folder: &Path, hint: &[u8]) -> Result<VaultKey, PhoneError> {
        find(folder, hint, self.passphrase())
    }
}

/// How the key is found again; stored in clear at the head of the vault.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Hint {
    /// `vault.key` beside the vault: protects copies of the vault, not the folder.
    File,
    /// Argon2id (RFC 9106).
    Passphrase { salt: String, memory_kib: u32, passes: u32 },
}

/// RFC 9106 §4, second recommendation, rounded to what a phone has.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;
/// A vault head that asks for more is not ours.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 16;

/// A key for a new vault and the hint that goes with it.
fn create(folder: &Path, passphrase: Option<&str>) -> Result<(VaultKey, Vec<u8>), PhoneError> {
    let (key, hint) = match passphrase {
        None => {
            let key = VaultKey::generate();
            let text = Zeroizing::new(b64url_encode(key.as_bytes()));
            replace(folder, KEY_FILE, text.as_bytes()).map_err(PhoneError::Folder)?;
            (key, Hint::File)
        }
        Some(passphrase) => {
            let salt = keys::random::bytes::<16>();
            let key = derive(passphrase, &salt, MEMORY_KIB, PASSES)?;
            (key, Hint::Passphrase { salt: b64url_encode(&salt), memory_kib: MEMORY_KIB, passes: PASSES })
        }
    };
    Ok((key, serde_json::to_vec(&hint).map_err(|_| PhoneError::KeyDamaged)?))
}

/// The key of a vault with this hint.
fn find(folder: &Path, hint: &[u8], passphrase: Option<&str>) -> Result<VaultKey, PhoneError> {
    match serde_json::from_slice(hint).map_err(|_| PhoneError::KeyDamaged)? {
        Hint::File => {
            let text = match fs::read_to_string(folder.join(KEY_FILE)) {
                Ok(text) => Zeroizing::new(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(PhoneError::KeyMissing),
                Err(error) => return Err(PhoneError::Folder(error)),
            };
            only_ours(&folder.join(KEY_FILE))?;
            let bytes = Zeroizing::new(b64url_decode(text.trim()).map_err(|_| PhoneError::KeyDamaged)?);
            Ok(VaultKey::from_bytes(bytes.as_slice().try_into().map_err(|_| PhoneError::KeyDamaged)?))
        }
        Hint::Passphrase { salt, memory_kib, passes } => {
            if memory_kib > MOST_MEMORY_KIB || passes > MOST_PASSES {
                return Err(PhoneError::KeyDamaged);
            }
            let salt = b64url_decode(&salt).map_err(|_| PhoneError::KeyDamaged)?;
            derive(passphrase.ok_or(PhoneError::PassphraseNeeded)?, &salt, memory_kib, passes)
        }
    }
}

#[cfg(unix)]
fn only_ours(file: &Path) -> Result<(), PhoneError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(file).map_err(PhoneError::Folder)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(PhoneError::KeyReadable) }
}

#[cfg(not(unix))]
fn only_ours(_file: &Path) -> Result<(), PhoneError> {
    Ok(())
}

fn derive(passphrase: &str, salt: &[u8], memory_kib: u32, passes: u32) -> Result<VaultKey, PhoneError> {
    let cost = argon2::Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| PhoneError::KeyDamaged)?;
    let mut key = Zeroizing::new([0; 32]);
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cost)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| PhoneError::KeyDamaged)?;
    Ok(VaultKey::from_bytes(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_finds_its_key_again_and_another_does_not() {
        let folder = Path::new("/nowhere");
        let (key, hint) = create(folder, Some("말 두 마리")).unwrap();
        assert_eq!(find(folder, &hint, Some("말 두 마리")).unwrap().as_bytes(), key.as_bytes());
        assert_ne!(find(folder, &hint, Some("말 세 마리")).unwrap().as_bytes(), key.as_bytes());
        assert!(matches!(find(folder, &hint, None), Err(PhoneError::PassphraseNeeded)));
    }

    #[test]
    fn a_key_file_that_others_can_read_opens_nothing() {
        let folder = std::env::temp_dir().join(format!("mapae-lock-{}", crate::operations::id::new()));
        fs::create_dir_all(&folder).unwrap();
        let (key, hint) = create(&folder, None).unwrap();
        assert_eq!(find(&folder, &hint, None).unwrap().as_bytes(), key.as_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(folder.join(KEY_FILE), fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(find(&folder, &hint, None), Err(PhoneError::KeyReadable)));
        }
        fs::remove_file(folder.join(KEY_FILE)).unwrap();
        assert!(matches!(find(&folder, &hint, None), Err(PhoneError::KeyMissing)));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_head_that_asks_for_all_memory_is_refused() {
        let hint =
            br#"{"kind":"passphrase","salt":"AAAAAAAAAAAAAAAAAAAAAA","memory_kib":4294967295,"passes":1}"#;
        assert!(matches!(find(Path::new("/nowhere"), hint, Some("x")), Err(PhoneError::KeyDamaged)));
    }
}

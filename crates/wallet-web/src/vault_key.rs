//! How the vault's key is kept: wrapped by a secret of this browser profile, of the passkey, or of passkey and server.
//!
//! A *lock* is a record of its own beside the vault: how the 32-byte vault key is wrapped. The vault's hint names its
//! lock. A change of lock writes the new record first, then the vault under its new hint, then deletes the old record:
//! a crash between any two leaves a vault whose lock is there.
//!
//! | kind | wrapped by | opens |
//! |---|---|---|
//! | `local` | a non-extractable AES-GCM key of this browser profile | at once; only until there is a passkey |
//! | `prf` | HKDF of the passkey's PRF secret | after a passkey assertion, also offline |
//! | `share` | HKDF of a server share, and around it the local key | after an assertion that the server accepts |

use keys::encoding::{b64url_decode, b64url_encode};
use keys::seal::{KeyRing, SealKey};
use serde::{Deserialize, Serialize};
use wallet::vault::VaultKey;
use zeroize::Zeroizing;

use crate::browser;
use crate::fault::Trouble;

const LOCAL_KEY: &str = "vault-local";
const PRF_INFO: &[u8] = b"mapae/vault/prf/v1";
const SHARE_INFO: &[u8] = b"mapae/vault/share/v1";

/// What wraps the vault key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// This browser profile alone.
    Local,
    /// The passkey's PRF secret alone.
    Prf,
    /// This browser profile and the server's share together.
    Share,
}

/// How the vault key is wrapped.
#[derive(Clone, Serialize, Deserialize)]
pub struct Lock {
    /// Name of the record, in the vault's hint.
    id: String,
    /// What wraps it.
    pub kind: Kind,
    /// The passkey's credential id, base64url; empty for `local`.
    pub credential: String,
    /// Salt of the PRF evaluation, base64url; empty unless `prf`.
    pub salt: String,
    sealed: String,
}

impl core::fmt::Debug for Lock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Lock({:?})", self.kind)
    }
}

fn record_name(id: &str) -> String {
    format!("lock-{id}")
}

fn ring(secret: &[u8], info: &[u8]) -> KeyRing {
    let key = keys::kdf::hkdf_sha256::<32>(secret, &[], info);
    KeyRing::new(1, SealKey::from_bytes(&key))
}

impl Lock {
    /// What the vault carries in clear to find this lock again.
    pub fn hint(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    /// Wraps by this browser profile alone.
    pub async fn local(key: &VaultKey) -> Result<Lock, Trouble> {
        let sealed = browser::seal_here(LOCAL_KEY, key.as_bytes()).await?;
        Lock::new(Kind::Local, String::new(), String::new(), &sealed)
    }

    /// Wraps by the passkey's PRF secret.
    pub fn prf(key: &VaultKey, credential: &str, salt: &[u8], secret: &[u8]) -> Result<Lock, Trouble> {
        let sealed = ring(secret, PRF_INFO).seal(credential.as_bytes(), key.as_bytes());
        Lock::new(Kind::Prf, credential.to_owned(), b64url_encode(salt), &sealed)
    }

    /// Wraps by the server's share and this browser profile together.
    pub async fn share(key: &VaultKey, credential: &str, share: &[u8]) -> Result<Lock, Trouble> {
        let inner = ring(share, SHARE_INFO).seal(credential.as_bytes(), key.as_bytes());
        let sealed = browser::seal_here(LOCAL_KEY, &inner).await?;
        Lock::new(Kind::Share, credential.to_owned(), String::new(), &sealed)
    }

    fn new(kind: Kind, credential: String, salt: String, sealed: &[u8]) -> Result<Lock, Trouble> {
        Ok(Lock { id: keys::random::token(), kind, credential, salt, sealed: b64url_encode(sealed) })
    }

    /// Writes the record.
    pub async fn save(&self) -> Result<(), Trouble> {
        let text = serde_json::to_vec(self).map_err(|_| Trouble::Own("vault_unknown_format"))?;
        Ok(browser::put_record(&record_name(&self.id), &text).await?)
    }

    /// The lock that a vault's hint names.
    pub async fn of(hint: &[u8]) -> Result<Lock, Trouble> {
        let id = core::str::from_utf8(hint).map_err(|_| Trouble::Own("vault_unknown_format"))?;
        let record = browser::record(&record_name(id)).await?.ok_or(Trouble::Own("vault_key_missing"))?;
        serde_json::from_slice(&record).map_err(|_| Trouble::Own("vault_unknown_format"))
    }

    /// Deletes every other lock: the vault names this one.
    pub async fn keep_only(&self) -> Result<(), Trouble> {
        let mine = record_name(&self.id);
        for name in browser::records().await? {
            if name.starts_with("lock-") && name != mine {
                browser::delete_record(&name).await?;
            }
        }
        Ok(())
    }

    /// Unwraps; `secret` is the PRF secret or the server's share, and nothing for `local`.
    pub async fn open(&self, secret: &[u8]) -> Result<VaultKey, Trouble> {
        let broken = || Trouble::Own("vault_does_not_open");
        let sealed = b64url_decode(&self.sealed).map_err(|_| broken())?;
        let bound = self.credential.as_bytes();
        let plain = match self.kind {
            Kind::Local => Zeroizing::new(browser::open_here(LOCAL_KEY, &sealed).await?),
            Kind::Prf => ring(secret, PRF_INFO).open(bound, &sealed).map_err(|_| broken())?,
            Kind::Share => {
                let inner = browser::open_here(LOCAL_KEY, &sealed).await?;
                ring(secret, SHARE_INFO).open(bound, &inner).map_err(|_| broken())?
            }
        };
        let bytes: [u8; 32] = plain.as_slice().try_into().map_err(|_| broken())?;
        Ok(VaultKey::from_bytes(bytes))
    }
}

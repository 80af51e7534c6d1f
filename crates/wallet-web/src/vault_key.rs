//! How the vault's key comes back: from this browser profile, from the passkey, or from passkey and server together.
//!
//! A *lock* is a record of its own beside the vault, and the vault's hint names it. A change of lock writes the new record
//! first, then the vault under its new hint, then deletes the old record: a crash between any two leaves a vault whose
//! lock is there.
//!
//! | kind | the vault's key is | opens |
//! |---|---|---|
//! | `local` | random, sealed by a non-extractable key of this browser profile | at once; only until there is a passkey |
//! | `prf` | made of the passkey's PRF secret | after a passkey assertion, also offline |
//! | `share` | made of a half that lies sealed as in `local` and of the server's share | after an assertion that the server accepts |

use keys::encoding::{b64url_decode, b64url_encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wallet::account::passkey::LockedPhone;
use wallet::vault::VaultKey;
use zeroize::Zeroizing;

use crate::app::App;
use crate::browser::{self, Secret32};
use crate::fault::Trouble;

/// Name of the browser profile's key.
const LOCAL_KEY: &str = "vault-local";
/// Record of what has to be known while the vault is shut; nothing in it is secret.
const PHONE: &str = "phone";

/// What the vault's key is made of.
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

/// How the vault's key comes back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lock {
    id: String,
    /// What the vault's key is made of.
    pub kind: Kind,
    /// The passkey's credential id, base64url; empty for `local`.
    credential: String,
    /// What this browser profile sealed; empty for `prf`.
    sealed: String,
}

fn record_name(id: &str) -> String {
    format!("lock-{id}")
}

impl Lock {
    /// A random key under this browser profile alone.
    pub async fn local() -> Result<(Lock, VaultKey), Trouble> {
        let key = VaultKey::generate();
        let sealed = browser::seal_here(LOCAL_KEY, key.as_bytes()).await?;
        Ok((Lock::new(Kind::Local, "", &sealed), key))
    }

    /// The key that the passkey's PRF secret makes.
    pub fn prf(credential: &str, secret: &Secret32) -> (Lock, VaultKey) {
        (Lock::new(Kind::Prf, credential, &[]), VaultKey::from_prf(secret))
    }

    /// The key that a half of this browser profile and the server's share make.
    pub async fn share(credential: &str, share: &[u8; 32]) -> Result<(Lock, VaultKey), Trouble> {
        let half = Zeroizing::new(keys::random::bytes::<32>());
        let sealed = browser::seal_here(LOCAL_KEY, half.as_slice()).await?;
        Ok((Lock::new(Kind::Share, credential, &sealed), VaultKey::from_halves(&half, share)))
    }

    fn new(kind: Kind, credential: &str, sealed: &[u8]) -> Lock {
        let (id, credential) = (keys::random::token(), credential.to_owned());
        Lock { id, kind, credential, sealed: b64url_encode(sealed) }
    }

    /// What the vault carries in clear to find this lock again.
    pub fn hint(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
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

    /// The vault's key; the person confirms with fingerprint, face or device code where there is a passkey.
    pub async fn open(&self, app: App) -> Result<VaultKey, Trouble> {
        match self.kind {
            Kind::Local => Ok(VaultKey::from_bytes(*self.opened_here().await?)),
            Kind::Prf => {
                let used = browser::use_passkey(&self.ask_here()).await?;
                let (secret, _) = used.secrets.ok_or(Trouble::Own("passkey_without_prf"))?;
                Ok(VaultKey::from_prf(&secret))
            }
            Kind::Share => {
                let share = (app.rest().await?.share)(app).await?;
                Ok(VaultKey::from_halves(&*self.opened_here().await?, &share))
            }
        }
    }

    async fn opened_here(&self) -> Result<Secret32, Trouble> {
        let broken = || Trouble::Own("vault_does_not_open");
        let sealed = b64url_decode(&self.sealed).map_err(|_| broken())?;
        let opened = Zeroizing::new(browser::open_here(LOCAL_KEY, &sealed).await?);
        Ok(Zeroizing::new(opened.as_slice().try_into().map_err(|_| broken())?))
    }

    /// Options for an assertion that nobody but this phone sees: only its PRF secret is wanted.
    fn ask_here(&self) -> serde_json::Value {
        json!({
            "challenge": b64url_encode(&keys::random::bytes::<32>()),
            "allowCredentials": [{ "type": "public-key", "id": self.credential }],
            "userVerification": "required",
            "timeout": 60_000,
        })
    }
}

/// What has to be known while the vault is shut.
pub async fn locked_phone() -> Result<Option<LockedPhone>, Trouble> {
    let record = browser::record(PHONE).await?;
    Ok(record.and_then(|record| serde_json::from_slice(&record).ok()))
}

/// Writes it.
pub async fn keep_locked_phone(phone: &LockedPhone) -> Result<(), Trouble> {
    let text = serde_json::to_vec(phone).map_err(|_| Trouble::Own("vault_unknown_format"))?;
    Ok(browser::put_record(PHONE, &text).await?)
}

//! What the server keeps against a deleted app: the PIN's salt, sealed by the passkey's PRF secret.
//!
//! ```text
//! 0x53 ‖ nonce (12 bytes) ‖ AES-256-GCM(HKDF-SHA-256(PRF of "mapae/pin-salt/v1")) ‖ tag (16 bytes)
//! associated data: "mapae/pin-salt/v1" ‖ 0x00 ‖ account id
//! ```
//!
//! The content is JSON: the salts by the number of their PIN key, and what the weak-PIN rules need. While a PIN changes
//! both salts are in it, left there before the server hears of the new key: at no moment is there a key in force whose
//! salt could be lost with the app.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use keys::encoding::{b64url_decode_array, b64url_encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::account::client::AccountError;
use crate::account::messages::{KeepSalt, SaltKept};
use crate::account::passkey::PRF_SALT;
use crate::pin::Owner;
use crate::ports::Shell;
use crate::secret::Secret;
use crate::state::PinRecord;
use crate::wallet::Wallet;

const FORMAT: u8 = 0x53;
const NONCE: usize = 12;

/// The content of the sealed salt.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) owner: Owner,
    pub(super) pins: Vec<PinRecord>,
}

/// The key that seals the salt, from the passkey's PRF at [`PRF_SALT`].
pub(super) fn salt_key(secret: &[u8; 32]) -> Secret {
    Secret::new(b64url_encode(keys::kdf::hkdf_sha256::<32>(secret, b"", PRF_SALT).as_slice()))
}

fn cipher(key: &Secret) -> Result<Aes256Gcm, AccountError> {
    let broken = AccountError::Protocol("a salt key that is none");
    let key = Zeroizing::new(b64url_decode_array::<32>(key).map_err(|_| broken.clone())?);
    Aes256Gcm::new_from_slice(key.as_slice()).map_err(|_| broken)
}

fn associated(account: &str) -> Vec<u8> {
    [PRF_SALT, b"\0", account.as_bytes()].concat()
}

pub(super) fn seal(key: &Secret, account: &str, kept: &Kept) -> Result<Vec<u8>, AccountError> {
    let broken = AccountError::Protocol("a salt that can't be sealed");
    let plain = Zeroizing::new(serde_json::to_vec(kept).map_err(|_| broken.clone())?);
    let nonce = keys::random::bytes::<NONCE>();
    let payload = Payload { msg: &plain, aad: &associated(account) };
    let sealed = cipher(key)?.encrypt(&Nonce::from(nonce), payload).map_err(|_| broken)?;
    Ok([[FORMAT].as_slice(), &nonce, &sealed].concat())
}

pub(super) fn open(key: &Secret, account: &str, sealed: &[u8]) -> Result<Kept, AccountError> {
    let broken = AccountError::Protocol("a salt that this passkey does not open");
    let rest = sealed.strip_prefix(&[FORMAT]).ok_or_else(|| broken.clone())?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(|| broken.clone())?;
    let payload = Payload { msg: sealed, aad: &associated(account) };
    let plain = cipher(key)?.decrypt(&Nonce::from(*nonce), payload).map_err(|_| broken.clone())?;
    serde_json::from_slice(&Zeroizing::new(plain)).map_err(|_| broken)
}

impl<S: Shell> Wallet<S> {
    /// Lets the wallet be brought back after its app was deleted. `secret` is the passkey's PRF at
    /// [`PRF_SALT`](crate::account::passkey::PRF_SALT); the vault keeps what follows from it, so that every later PIN is
    /// provided for.
    pub async fn allow_recovery(&mut self, secret: &[u8; 32]) -> Result<(), AccountError> {
        let key = salt_key(secret);
        self.update(|state| {
            if let Some(account) = &mut state.account {
                account.salt_key = Some(key);
                account.salt_kept.clear();
            }
        })
        .await?;
        self.keep_salt().await
    }

    /// Leaves with the server every salt that counts or is about to, unless it has them. Nothing happens on a phone that
    /// can't be brought back.
    pub async fn keep_salt(&mut self) -> Result<(), AccountError> {
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        let Some(key) = &account.salt_key else { return Ok(()) };
        let pins: Vec<PinRecord> = core::iter::once(&account.pin)
            .chain(account.pin_change.iter().map(|change| &change.new))
            .cloned()
            .collect();
        let named: Vec<String> = pins.iter().map(fingerprint).collect();
        if named == account.salt_kept {
            return Ok(());
        }
        let sealed = seal(key, &account.id, &Kept { owner: account.owner.clone(), pins })?;
        let message = KeepSalt { salt: b64url_encode(&sealed) };
        let _: SaltKept = self.account_post("/salt", message).await?;
        self.update(|state| {
            if let Some(account) = &mut state.account {
                account.salt_kept = named;
            }
        })
        .await?;
        Ok(())
    }
}

/// Tells two salts apart without showing either.
fn fingerprint(pin: &PinRecord) -> String {
    let text = Zeroizing::new(serde_json::to_vec(&pin.salt).unwrap_or_default());
    b64url_encode(&keys::sha256(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::messages::MAX_SALT;
    use crate::pin::Salt;

    fn kept() -> Kept {
        let pin = |generation| PinRecord { generation, salt: Salt::generate() };
        let owner = Owner { birth_date: "19870314".into(), phone: "010-****-2468".into() };
        Kept { owner, pins: vec![pin(u32::MAX - 1), pin(u32::MAX)] }
    }

    #[test]
    fn two_salts_fit_and_open_for_their_account_and_passkey_only() {
        let key = salt_key(&[7; 32]);
        let kept = kept();
        let sealed = seal(&key, "account", &kept).unwrap();
        assert!(sealed.len() <= MAX_SALT, "{}", sealed.len());
        let opened = open(&key, "account", &sealed).unwrap();
        assert!(opened.pins.iter().zip(&kept.pins).all(|(a, b)| a.salt == b.salt));
        assert!(open(&key, "another", &sealed).is_err());
        assert!(open(&salt_key(&[8; 32]), "account", &sealed).is_err());
        for at in [0, 1, 20, sealed.len() - 1] {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(open(&key, "account", &bent).is_err(), "{at}");
        }
        assert!(open(&key, "account", &sealed[..10]).is_err());
    }
}

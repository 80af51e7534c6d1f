//! The passkey: made during the enrolment, then half or all of what opens the vault.
//!
//! | The passkey gives | the vault's key is | and offline |
//! |---|---|---|
//! | PRF secrets | `HKDF-SHA-256(PRF of "mapae/vault/v1")` ([`VaultKey::from_prf`]) | it opens |
//! | none | made of a key that can't leave the phone and the server's share ([`VaultKey::from_halves`]) | it does not |
//!
//! The browser evaluates the PRF at [`PRF_VAULT`] for the vault and at [`PRF_SALT`] for what the server keeps against a
//! deleted app. Neither result goes into a message: of the browser's answer only what the server needs is read.
//!
//! Until the registration is done there is no account that could ask for a share, so the vault stays under the key that it
//! was made with; [`Wallet::rekey`] follows the registration.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::account::client::{AccountError, Speaker, device_signed, get_as_device, post_to, read_json};
use crate::account::messages::{
    AccountStatus, CreatedPasskey, Envelope, PasskeyAssertion, PasskeyChallengeRequest, PasskeyEvidence,
    PasskeyOptions, PasskeyPurpose, PasskeyRegistered, PasskeyRegistration, ShareGiven, ShareRequest,
    StatusRequest,
};
use crate::ports::Shell;
use crate::state::{Device, Passkey};
use crate::vault::VaultKey;
use crate::wallet::Wallet;

/// Where the PRF is evaluated for the vault's key: `eval.first`.
pub const PRF_VAULT: &[u8] = b"mapae/vault/v1";

/// Where the PRF is evaluated for the salt that the server keeps: `eval.second`.
pub const PRF_SALT: &[u8] = b"mapae/pin-salt/v1";

/// What a phone has to know while its vault is shut, so that it can ask the server about the account and for its share.
///
/// It holds nothing secret, if the shell's name of the device key is none: keep it beside the vault. A key store whose
/// names are the keys themselves must not write it down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LockedPhone {
    /// Base URL of the wallet provider.
    pub provider: String,
    /// Account id.
    pub account: String,
    /// The device key.
    pub device: Device,
    /// The passkey, if one was made.
    pub passkey: Option<Passkey>,
}

impl LockedPhone {
    /// How the account stands, before the vault is open.
    pub async fn status<S: Shell>(&self, shell: &S) -> Result<AccountStatus, AccountError> {
        get_as_device(shell, &self.speaker()?, "/account", StatusRequest {}).await
    }

    /// Options for `navigator.credentials.get()`, to ask for the share.
    pub async fn share_options<S: Shell>(&self, shell: &S) -> Result<PasskeyOptions, AccountError> {
        let request = PasskeyChallengeRequest { purpose: PasskeyPurpose::Share };
        self.post(shell, "/passkey/challenge", request).await
    }

    /// The server's share of the vault's key. `credential` is what `navigator.credentials.get()` gave, as JSON.
    pub async fn share<S: Shell>(
        &self,
        shell: &S,
        credential: &Value,
    ) -> Result<Zeroizing<[u8; 32]>, AccountError> {
        let assertion = assertion(credential)?;
        let given: ShareGiven = self.post(shell, "/passkey/share", ShareRequest { assertion }).await?;
        read_share(&given.share)
    }

    fn speaker(&self) -> Result<Speaker<'_>, AccountError> {
        Speaker::new(&self.provider, &self.account, &self.device)
    }

    async fn post<S: Shell, M: super::messages::Message, R: serde::de::DeserializeOwned>(
        &self,
        shell: &S,
        path: &str,
        message: M,
    ) -> Result<R, AccountError> {
        let signed = device_signed(shell, &self.speaker()?, message).await?;
        post_to(shell, &self.provider, path, None, &Envelope { signed }).await
    }
}

impl<S: Shell> Wallet<S> {
    /// Options for `navigator.credentials.create()`. Comes after the one-time password and before the PIN.
    pub async fn passkey_creation_options(&self) -> Result<PasskeyOptions, AccountError> {
        let onboarding = self.onboarding()?;
        let body = serde_json::Map::new();
        self.post(&onboarding.provider, "/passkey/options", Some(&onboarding.token), &body).await
    }

    /// Registers the passkey that the browser created. `credential` is `credential.toJSON()`; `prf` tells whether it
    /// gives PRF secrets. Safe to repeat with a new passkey until [`Wallet::register`].
    pub async fn add_passkey(
        &mut self,
        credential: &Value,
        prf: bool,
    ) -> Result<PasskeyRegistered, AccountError> {
        let credential: CreatedPasskey = read_json(credential)?;
        let onboarding = self.onboarding()?;
        let body = PasskeyRegistration { credential, prf };
        let registered: PasskeyRegistered =
            self.post(&onboarding.provider, "/passkey/register", Some(&onboarding.token), &body).await?;
        let passkey =
            Passkey { credential: registered.credential.clone(), evidence: registered.evidence, prf };
        self.update(|state| {
            if let Some(onboarding) = &mut state.onboarding {
                onboarding.passkey = Some(passkey);
            }
        })
        .await?;
        Ok(registered)
    }

    /// Options for `navigator.credentials.get()`, for one purpose.
    pub async fn passkey_options(&self, purpose: PasskeyPurpose) -> Result<PasskeyOptions, AccountError> {
        self.account_post("/passkey/challenge", PasskeyChallengeRequest { purpose }).await
    }

    /// The passkey, and what is known of it; `None` if none was made.
    pub fn passkey(&self) -> Option<&Passkey> {
        let state = self.state();
        match &state.account {
            Some(account) => account.passkey.as_ref(),
            None => state.onboarding.as_ref()?.passkey.as_ref(),
        }
    }

    /// What is known of the passkey.
    pub fn passkey_evidence(&self) -> PasskeyEvidence {
        self.passkey().map(|passkey| passkey.evidence).unwrap_or_default()
    }

    /// What has to lie beside the vault; `None` before the registration.
    pub fn locked_phone(&self) -> Option<LockedPhone> {
        let account = self.state().account.as_ref()?;
        Some(LockedPhone {
            provider: account.provider.clone(),
            account: account.id.clone(),
            device: self.state().device.clone()?,
            passkey: account.passkey.clone(),
        })
    }
}

impl VaultKey {
    /// The vault's key from the passkey's PRF at [`PRF_VAULT`].
    pub fn from_prf(secret: &[u8; 32]) -> VaultKey {
        VaultKey::from_bytes(*keys::kdf::hkdf_sha256::<32>(secret, b"", PRF_VAULT))
    }

    /// The vault's key from both halves: `local` is what a key that can't leave the phone made (an HMAC or decryption of
    /// something fixed), `share` the server's.
    pub fn from_halves(local: &[u8; 32], share: &[u8; 32]) -> VaultKey {
        let both = Zeroizing::new([local.as_slice(), share].concat());
        VaultKey::from_bytes(*keys::kdf::hkdf_sha256::<32>(&both, b"", b"mapae/vault-halves/v1"))
    }
}

/// What the server needs of an assertion, and nothing of what extensions gave.
pub(super) fn assertion(credential: &Value) -> Result<PasskeyAssertion, AccountError> {
    read_json(credential)
}

/// The server's share.
pub(super) fn read_share(share: &str) -> Result<Zeroizing<[u8; 32]>, AccountError> {
    keys::encoding::b64url_decode_array::<32>(share)
        .map(Zeroizing::new)
        .map_err(|_| AccountError::Protocol("a share that is not 32 bytes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_prf_gave_is_not_read_from_the_browsers_answer() {
        let credential = json!({
            "id": "aWQ", "rawId": "aWQ", "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": { "prf": { "results": { "first": "c2VjcmV0" } } },
            "response": {
                "clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA", "userHandle": null,
            },
        });
        let message = serde_json::to_string(&ShareRequest { assertion: assertion(&credential).unwrap() });
        let message = message.unwrap();
        assert!(!message.contains("c2VjcmV0") && !message.contains("prf"), "{message}");
        assert!(assertion(&json!({ "id": "aWQ" })).is_err());
    }

    #[test]
    fn each_way_to_the_vault_key_is_its_own() {
        let (a, b) = ([1; 32], [2; 32]);
        let keys = [
            VaultKey::from_prf(&a),
            VaultKey::from_prf(&b),
            VaultKey::from_halves(&a, &b),
            VaultKey::from_halves(&b, &a),
            VaultKey::from_halves(&a, &a),
        ];
        for (nth, key) in keys.iter().enumerate() {
            assert!(keys.iter().skip(nth + 1).all(|other| other.as_bytes() != key.as_bytes()));
        }
    }
}

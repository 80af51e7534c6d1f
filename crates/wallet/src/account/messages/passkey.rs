//! Passkeys: what browser and server say to each other through the wallet.
//!
//! The wallet hands the server's options to the browser as they are (WebAuthn Level 3 §5.1.8 and §5.1.9,
//! `parseCreationOptionsFromJSON`, `parseRequestOptionsFromJSON`) and reads from `credential.toJSON()` only what the
//! server needs. The results of extensions are left behind: what the PRF gave never leaves the phone.
//!
//! | Path under `/wallet/v1/passkey` | Request | Answer |
//! |---|---|---|
//! | `POST /options` (bearer) | – | [`PasskeyOptions`] to create one |
//! | `POST /register` (bearer) | [`PasskeyRegistration`] | [`PasskeyRegistered`] |
//! | `POST /challenge` | [`Envelope`](super::Envelope) of [`PasskeyChallengeRequest`] | [`PasskeyOptions`] to use it |
//! | `POST /share` | [`Envelope`](super::Envelope) of [`ShareRequest`] | [`ShareGiven`] |

use core::fmt;

use serde::{Deserialize, Serialize};

use super::Message;

/// Options for the browser, made for one ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PasskeyOptions {
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON`. The browser's part adds
    /// the `prf` extension; the server knows nothing of it.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub options: serde_json::Value,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// What `navigator.credentials.create()` gave (WebAuthn Level 3 `RegistrationResponseJSON`), as much as is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedPasskey {
    /// Credential id, base64url.
    #[cfg_attr(feature = "schema", schema(max_length = 1400))]
    pub id: String,
    /// The authenticator's answer.
    pub response: CreatedPasskeyResponse,
}

/// `AuthenticatorAttestationResponseJSON`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedPasskeyResponse {
    /// base64url.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// base64url.
    #[serde(rename = "attestationObject")]
    pub attestation_object: String,
}

/// What `navigator.credentials.get()` gave (WebAuthn Level 3 `AuthenticationResponseJSON`), as much as is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PasskeyAssertion {
    /// Credential id, base64url.
    #[cfg_attr(feature = "schema", schema(max_length = 1400))]
    pub id: String,
    /// The authenticator's answer.
    pub response: PasskeyAssertionResponse,
}

/// `AuthenticatorAssertionResponseJSON`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PasskeyAssertionResponse {
    /// base64url.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// base64url.
    #[serde(rename = "authenticatorData")]
    pub authenticator_data: String,
    /// base64url, DER.
    pub signature: String,
    /// base64url; a discoverable credential always tells it.
    #[serde(rename = "userHandle", default, skip_serializing_if = "Option::is_none")]
    pub user_handle: Option<String>,
}

/// Keeps a new passkey for the enrolment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PasskeyRegistration {
    /// From the browser.
    pub credential: CreatedPasskey,
    /// Whether the passkey gives PRF secrets. Without them the server keeps a share of the vault's key.
    pub prf: bool,
}

/// How sure it is that the passkey can't leave the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PasskeyEvidence {
    /// A verified attestation chain says that it rests in the device.
    DeviceBoundAttested,
    /// The authenticator says that it is not backed up, and nobody vouches for the authenticator.
    DeviceBoundUnattested,
    /// Backed up or fit to be: it may exist on other devices (flag BE, WebAuthn Level 3 §6.1.3).
    Synced,
    /// No passkey.
    #[default]
    None,
}

impl PasskeyEvidence {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceBoundAttested => "device_bound_attested",
            Self::DeviceBoundUnattested => "device_bound_unattested",
            Self::Synced => "synced",
            Self::None => "none",
        }
    }

    /// Reads the word; `None` for one that is unknown.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::DeviceBoundAttested, Self::DeviceBoundUnattested, Self::Synced, Self::None]
            .into_iter()
            .find(|evidence| evidence.as_str() == word)
    }

    /// Whether the passkey proves the device, so that it can bring a deleted wallet back.
    pub const fn is_device_bound(self) -> bool {
        matches!(self, Self::DeviceBoundAttested | Self::DeviceBoundUnattested)
    }
}

/// The passkey is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PasskeyRegistered {
    /// Credential id, base64url.
    pub credential: String,
    /// What is known of it.
    pub evidence: PasskeyEvidence,
}

/// What an assertion is for; a challenge serves one purpose only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasskeyPurpose {
    /// The server's share of the vault's key.
    Share,
    /// A new PIN in place of a forgotten one.
    ForgottenPin,
}

/// Asks for a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyChallengeRequest {
    /// What the assertion will be for.
    pub purpose: PasskeyPurpose,
}

impl Message for PasskeyChallengeRequest {
    const TYP: &'static str = "mapae-passkey-challenge-request+jwt";
}

/// Asks for the server's share of the vault's key, by the device key and a fresh assertion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShareRequest {
    /// From the browser, for [`PasskeyPurpose::Share`].
    pub assertion: PasskeyAssertion,
}

impl Message for ShareRequest {
    const TYP: &'static str = "mapae-share-request+jwt";
}

/// The server's share of the vault's key.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ShareGiven {
    /// 32 bytes, base64url. Kept in memory until the wallet locks, never stored.
    pub share: String,
}

impl fmt::Debug for ShareGiven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareGiven(…)")
    }
}

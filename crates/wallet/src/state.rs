//! What the vault holds.

use credential::types::Format;
use keys::{Jwk, JwkSet};
use serde::{Deserialize, Serialize};

use crate::account::messages::{AccountState, AccountStatus, Accreditation, PasskeyEvidence};
use crate::gate::AtGates;
use crate::issue::{Holding, Issuing};
use crate::pin::{Owner, Salt};
use crate::ports::KeyHandle;
use crate::secret::Secret;
use crate::usage::UsageRecord;

/// Format of [`State`]; a wallet refuses a newer one.
pub const FORMAT: u32 = 1;

/// Everything the wallet remembers, in one piece.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// The key that is this phone.
    #[serde(default)]
    pub device: Option<Device>,
    /// An enrolment that is not finished.
    #[serde(default)]
    pub onboarding: Option<Onboarding>,
    /// The account at the wallet provider.
    #[serde(default)]
    pub account: Option<Account>,
    /// A recovery that is not finished.
    #[serde(default)]
    pub recovery: Option<Recovering>,
    /// An instruction that was sent and whose result is not known yet.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// An issuance that is not finished.
    #[serde(default)]
    pub issuing: Option<Issuing>,
    /// Credentials held.
    #[serde(default)]
    pub holdings: Vec<Holding>,
    /// Roots under which issuers and requesters are known, base64url DER.
    #[serde(default)]
    pub trust_anchors: Vec<String>,
    /// Where the wallet provider says which issuers are accredited.
    #[serde(default)]
    pub accreditation: Option<Accreditation>,
    /// Roots that came from the wallet provider, base64url DER: what is under them only the list judges.
    #[serde(default)]
    pub provider_roots: Vec<String>,
    /// The newest version of that list that was seen: an older one is not believed.
    #[serde(default)]
    pub trust_list_seen: u64,
    /// Hashes of the last requests that were answered: none is answered twice.
    #[serde(default)]
    pub answered: Vec<String>,
    /// The gate key and its pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<AtGates>,
    /// The history.
    #[serde(default)]
    pub usage: Vec<UsageRecord>,
}

impl State {
    /// The credential that stands on the card: the badge, which may be held as a mobile document too and beside other IDs.
    pub fn card(&self) -> Option<&Holding> {
        let token = |held: &&Holding| held.format() == Some(Format::SdJwtVc);
        let badge = self.holdings.iter().filter(|held| held.is_badge()).find(token);
        badge.or_else(|| self.holdings.iter().find(token)).or_else(|| self.holdings.first())
    }
}

impl Default for State {
    fn default() -> State {
        State {
            format: FORMAT,
            device: None,
            onboarding: None,
            account: None,
            recovery: None,
            pending: None,
            issuing: None,
            holdings: Vec::new(),
            trust_anchors: Vec::new(),
            accreditation: None,
            provider_roots: Vec::new(),
            trust_list_seen: 0,
            answered: Vec::new(),
            gate: None,
            usage: Vec::new(),
        }
    }
}

/// The device key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    /// The shell's name for it.
    pub handle: KeyHandle,
    /// The public half.
    pub public_key: Jwk,
}

/// An enrolment on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Onboarding {
    /// Base URL of the wallet provider.
    pub provider: String,
    /// Onboarding id.
    pub id: String,
    /// Bearer token.
    pub token: Secret,
    /// The activation code, which the issuer asks for again as `tx_code`.
    pub code: Secret,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// For the weak-PIN rules.
    #[serde(default)]
    pub owner: Owner,
    /// Drawn before the registration is sent, so that a repetition after a lost reply names the same key.
    #[serde(default)]
    pub salt: Option<Salt>,
    /// The passkey, once the server keeps it.
    #[serde(default)]
    pub passkey: Option<Passkey>,
}

/// The passkey as the phone remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// Credential id, base64url.
    pub credential: String,
    /// What the server found out about it.
    pub evidence: PasskeyEvidence,
    /// Whether it gives PRF secrets.
    pub prf: bool,
}

/// The account at the wallet provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Base URL of the wallet provider.
    pub provider: String,
    /// Account id.
    pub id: String,
    /// The PIN key in force.
    pub pin: PinRecord,
    /// A PIN change on its way.
    #[serde(default)]
    pub pin_change: Option<PinChange>,
    /// For the weak-PIN rules.
    #[serde(default)]
    pub owner: Owner,
    /// Keys that sign results.
    pub result_keys: JwkSet,
    /// As the server last said.
    pub state: AccountState,
    /// As the server last said.
    pub tries_left: u32,
    /// The offer that came with the account, until it is redeemed.
    #[serde(default)]
    pub offer: Option<Secret>,
    /// The activation code, until the offer is redeemed.
    #[serde(default)]
    pub code: Option<Secret>,
    /// The passkey that was enrolled.
    #[serde(default)]
    pub passkey: Option<Passkey>,
    /// The key that seals the salts which the server keeps against a deleted app.
    #[serde(default)]
    pub salt_key: Option<Secret>,
    /// Which salts the server has; hashes.
    #[serde(default)]
    pub salt_kept: Vec<String>,
    /// What the server last said of the account, to be shown when it can't be asked.
    #[serde(default)]
    pub status: Option<AccountStatus>,
}

/// A recovery on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recovering {
    /// Base URL of the wallet provider.
    pub provider: String,
    /// Bearer token.
    pub token: Secret,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// Credential id of the passkey, base64url.
    pub passkey: String,
    /// The key that opens the salt.
    pub salt_key: Secret,
    /// What the phone becomes if the PIN was right; written down before that is asked.
    #[serde(default)]
    pub moving: Option<Moving>,
}

/// An account that is about to move to this phone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Moving {
    /// Account id.
    pub account: String,
    /// The PIN key in force.
    pub pin: PinRecord,
    /// For the weak-PIN rules.
    pub owner: Owner,
}

/// The phone's half of a PIN key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PinRecord {
    /// Number of this key, counted by the server.
    pub generation: u32,
    /// The salt.
    pub salt: Salt,
}

/// How far a PIN change got, as far as the phone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinChangeStage {
    /// The new salt is written down; the server may or may not know.
    Announced,
    /// The server accepted the new key beside the old one.
    Begun,
}

/// A PIN change on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PinChange {
    /// The new half, with the generation it will have.
    pub new: PinRecord,
    /// How far it got.
    pub stage: PinChangeStage,
}

/// What an unanswered instruction was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingKind {
    /// Nothing to do on the phone.
    CheckPin,
    /// Nothing to do on the phone.
    Approve,
    /// Nothing to do on the phone.
    Sign,
    /// The new PIN was announced.
    PinChangeBegin,
    /// The new PIN takes the place of the old one.
    PinChangeCommit,
    /// The new PIN is dropped.
    PinChangeRollback,
}

/// An instruction that was sent and whose result is not known yet. Holds nothing the PIN signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    /// Its sequence number.
    pub sequence: u64,
    /// base64url SHA-256 of what was sent.
    pub request: String,
    /// What it was for.
    pub kind: PendingKind,
}

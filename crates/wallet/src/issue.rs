//! Receiving credentials: the holder's side of OpenID4VCI 1.0, towards any issuer that keeps to the standard.
//!
//! ```text
//! offer ─ issuer and server metadata ─ note the offer ─▶ token request (DPoP, tx_code)
//!       ─ note the token ─ make and note holder keys ─ nonce ─▶ credential request (proofs)
//!       ─ verify every copy ─ store copies ─▶ notification ─ forget the offer
//! ```
//!
//! Each "note" is a write of the vault, before the message that follows from it leaves the phone. So after a crash
//! [`Wallet::resume_issuing`] knows what may have happened: a token that was received is used again, keys that may
//! have been certified are still there, and an offer whose code may be spent is tried once more before a fresh one
//! is asked for.

mod credentials;
mod error;
mod flow;
mod renewal;
mod sending;
mod sign_in;
mod type_info;

use credential::path::ClaimPath;
use credential::types::Format;
use keys::Jwk;
use openid::vci::{Target, TxCode};
use serde::{Deserialize, Serialize};

use crate::ports::{KeyHandle, Shell};
use crate::secret::Secret;
use crate::wallet::Wallet;

pub use error::IssueError;
pub use flow::Options;
pub use renewal::{OfflineCopy, Renewal, WITHOUT_PIN_MS};
pub(crate) use sending::error_code;
pub use type_info::{ClaimInfo, TypeInfo};

/// Most copies that are asked for at once, whatever the issuer's batch size, and most that are held of one credential.
pub const MAX_COPIES: usize = 64;

/// Below this many unused copies a wallet asks for the next batch.
pub const TOP_UP_BELOW: usize = 8;

/// One copy of a credential, with the key it is bound to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Copy {
    /// The credential as issued: an SD-JWT with all disclosures, or an mdoc's `IssuerSigned` in base64url.
    pub credential: Secret,
    /// The holder key.
    pub key: KeyHandle,
    /// How often it was shown.
    #[serde(default)]
    pub shown: u32,
    /// When it expires, seconds since 1970.
    #[serde(default)]
    pub expires_at: Option<i64>,
}

/// A credential in one or more copies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holding {
    /// The wallet's own id for it.
    pub id: String,
    /// Credential issuer identifier.
    pub issuer: String,
    /// Credential configuration id at that issuer.
    pub configuration: String,
    /// `dc+sd-jwt` or `mso_mdoc`
    pub format: String,
    /// Credential type: the `vct`, or the document type of an mdoc.
    pub vct: String,
    /// The copies.
    pub copies: Vec<Copy>,
    /// Names and rules of the type; `None` if its document could not be had yet.
    #[serde(default)]
    pub type_info: Option<TypeInfo>,
}

impl Holding {
    /// The format; `None` for one that this version does not know.
    pub fn format(&self) -> Option<Format> {
        Format::from_name(&self.format)
    }

    /// Whether it is a badge, by the name that wallet providers give its configurations, and not an ID beside it.
    pub fn is_badge(&self) -> bool {
        matches!(self.configuration.as_str(), "badge" | "badge-mdoc")
    }

    /// How many copies are neither shown nor expired.
    pub fn unused(&self, now_s: i64) -> usize {
        self.copies.iter().filter(|copy| copy.shown == 0 && copy.is_current(now_s)).count()
    }

    /// The copy to show next: an unused one of the earliest expiry, else the one that was shown least.
    pub(crate) fn next_copy(&self, now_s: i64) -> Option<usize> {
        let current = self.copies.iter().enumerate().filter(|(_, copy)| copy.is_current(now_s));
        current.min_by_key(|(_, copy)| (copy.shown, copy.expires_at.unwrap_or(i64::MAX))).map(|(at, _)| at)
    }
}

impl Copy {
    /// Whether it has not expired.
    pub fn is_current(&self, now_s: i64) -> bool {
        self.expires_at.is_none_or(|exp| now_s < exp)
    }
}

/// An issuance that is not finished: what was noted before each message left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Issuing {
    /// The offer object; it holds the pre-authorized code.
    pub(crate) offer: Secret,
    /// Who offers.
    pub(crate) issuer: String,
    /// The key that tokens are bound to; `None` is the device key, towards the own wallet provider only.
    pub(crate) dpop: Option<HeldKey>,
    /// Fewer copies than the issuer's batch size.
    pub(crate) copies: Option<usize>,
    /// The only format to ask for.
    #[serde(default)]
    pub(crate) format: Option<String>,
    /// The token response, once it came.
    #[serde(default)]
    pub(crate) token: Option<Secret>,
    /// Until when the token is good, milliseconds since 1970.
    #[serde(default)]
    pub(crate) token_until_ms: Option<i64>,
    /// The credential request on its way.
    #[serde(default)]
    pub(crate) request: Option<PendingRequest>,
    /// What of the offer is stored.
    #[serde(default)]
    pub(crate) stored: Vec<StoredTarget>,
    /// The sign-in that the offer needs, once it was begun.
    #[serde(default)]
    pub(crate) sign_in: Option<sign_in::SigningIn>,
    /// By which name the token was got; key proofs repeat it.
    #[serde(default)]
    pub(crate) client_id: Option<String>,
}

/// A key and its public half.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeldKey {
    pub(crate) handle: KeyHandle,
    pub(crate) public_key: Jwk,
}

/// A credential request whose answer did not come yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingRequest {
    pub(crate) configuration: String,
    pub(crate) name: String,
    pub(crate) keys: Vec<HeldKey>,
    #[serde(default)]
    pub(crate) deferred: Option<Deferred>,
}

/// What to ask for later (§9).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deferred {
    pub(crate) transaction_id: String,
    pub(crate) not_before_ms: i64,
}

/// A part of the offer whose copies are stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredTarget {
    pub(crate) name: String,
    pub(crate) holding: String,
    pub(crate) copies: usize,
    #[serde(default)]
    pub(crate) notification_id: Option<String>,
}

/// The text of a target, unique within one token.
fn name_of(target: &Target) -> &str {
    match target {
        Target::Configuration(name) | Target::Identifier(name) => name,
    }
}

/// What an offer holds, to be shown before it is accepted.
#[derive(Debug, Clone)]
pub struct OfferSummary {
    /// Credential issuer identifier.
    pub issuer: String,
    /// The issuer's own name for itself, by language tag (unverified).
    pub issuer_names: Vec<(String, String)>,
    /// Names of the credentials offered, in the language asked for.
    pub credentials: Vec<String>,
    /// Present if the person has to type a code.
    pub tx_code: Option<TxCode>,
    /// How many copies will come.
    pub copies: usize,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Ids of the holdings that came or were topped up.
    pub holdings: Vec<String>,
    /// Copies that came.
    pub copies: usize,
}

impl<S: Shell> Wallet<S> {
    /// The holding of that id.
    pub fn holding(&self, id: &str) -> Option<&Holding> {
        self.state().holdings.iter().find(|holding| holding.id == id)
    }

    /// Whether this issuer is the wallet provider that this phone is enrolled at.
    pub(crate) fn is_provider(&self, issuer: &str) -> bool {
        let account = self.state().account.as_ref();
        account.is_some_and(|account| account.provider.trim_end_matches('/') == issuer.trim_end_matches('/'))
    }
}

/// Whether a claim may go to nobody but the login provider.
pub(crate) fn is_reserved(holding: &Holding, path: &ClaimPath) -> bool {
    let reserved = |info: &TypeInfo| {
        info.claims.iter().any(|claim| claim.only_for.is_some() && claim.path.top() == path.top())
    };
    holding.type_info.as_ref().is_some_and(reserved)
}

#[cfg(test)]
mod tests;

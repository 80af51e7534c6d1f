//! The credential issuer: OpenID4VCI 1.0 with the pre-authorized code, transaction code, DPoP and batches.
//!
//! ```text
//! application ──offer──▶ open ──token──▶ redeemed ──credential──▶ issued
//!                          └──────────── void | superseded
//! ```
//!
//! An offer is the one row; codes, nonces and access tokens are sealed tokens that any replica opens. A flow costs two
//! commits, the token's and the credential's, and no signature is made while the writer waits.

mod attesters;
mod credential;
mod desk;
mod metadata;
mod nonce;
mod notice;
mod notification;
mod offer;
mod paths;
mod refusal;
mod routes;
mod sweep;
#[cfg(test)]
mod tests;
mod token;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ::credential::types::Bilingual;
use utoipa_axum::router::OpenApiRouter;

pub use desk::{BADGE, BADGE_MDOC, Desk, DeskError};
pub use offer::{
    Offer, OfferError, Order, by_value as offer_by_value, offer_for_account, offer_for_application,
    recovery_for_account, renewal_for_account, void_offers,
};
pub use refusal::Refused;

use crate::operations::config::Section;
use crate::operations::server_keys::KeyName;
use crate::operations::tasks::Tasks;
use crate::operations::{Config, Platform};

/// What is asked of a wallet that redeems an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttestationPolicy {
    /// Attestations are not looked at.
    Off,
    /// An attestation that is sent must hold; none need be sent.
    #[default]
    Accepted,
    /// Only attested wallets are issued to.
    Required,
}

/// The `[issuance]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub badge_type: PathBuf,
    pub issuing_did: String,
    pub wallet_attestation: AttestationPolicy,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        ("badge_type", "The credential type file of the badge; empty means the one that comes with Mapae."),
        (
            "issuing_did",
            "The DID that badges are issued under; empty means did:web of public.base_url. Changing it later starts new status lists.",
        ),
        (
            "wallet_attestation",
            "off, accepted (one that is sent must hold) or required: only wallets that a provider under the platform root vouches for.",
        ),
    ];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    desk: OnceLock<Desk>,
}

/// Checks what the configuration says of issuing.
///
/// # Errors
/// The credential type file is missing or broken; the error names file, line and reason.
pub fn check(config: &Config) -> Result<(), DeskError> {
    desk::badge_type(&config.issuance, config.public.origin()).map(|_| ())
}

/// The issuer's desk, made at its first use.
///
/// # Errors
/// The credential type file is missing or broken; the error names file, line and reason.
pub fn desk(platform: &Platform) -> Result<&Desk, DeskError> {
    if let Some(desk) = platform.local.issuance.desk.get() {
        return Ok(desk);
    }
    let chain = platform.keys.chain(KeyName::Issuer);
    let made = Desk::new(&platform.config.issuance, platform.config.public.origin(), &chain)?;
    Ok(platform.local.issuance.desk.get_or_init(|| made))
}

/// The issuer's name for people, as the metadata and the trust list tell it.
pub fn issuer_name() -> Bilingual {
    Bilingual { ko: "마패 발급기관".to_owned(), en: "Mapae issuer".to_owned() }
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    routes::public()
}

/// Routes of the console listener.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    sweep::start(platform, tasks);
}

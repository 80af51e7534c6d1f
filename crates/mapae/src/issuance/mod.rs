//! The credential issuer: OpenID4VCI 1.0 with the pre-authorized code, the authorization code, DPoP and batches.
//!
//! ```text
//! application ──offer──▶ open ──token──▶ redeemed ──credential──▶ issued ──refresh──▶ renewal …
//!      │                  │ └──────────── void | superseded
//!      └─push─sign in─agree                 └──deferred, while an approval is awaited
//! ```
//!
//! An offer is the one row; codes, nonces and access tokens are sealed tokens that any replica opens. A flow costs two
//! commits, the token's and the credential's, and no signature is made while the writer waits.

mod attesters;
mod authorize;
mod client;
mod code;
mod credential;
mod dates;
mod deferred;
mod desk;
mod encryption;
mod metadata;
mod nonce;
mod notice;
mod notification;
mod offer;
mod paths;
mod pushed;
mod redeem;
mod refresh;
mod refusal;
mod routes;
mod sweep;
#[cfg(test)]
mod tests;
mod token;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ::credential::types::Bilingual;
use keys::x509::Certificate;
use utoipa_axum::router::OpenApiRouter;

pub use attesters::ProvidersError;
pub use desk::{BADGE, BADGE_MDOC, Desk, DeskError};
pub use offer::{
    Agreed, Offer, OfferError, Order, after_restore, by_value as offer_by_value, offer_for_account,
    offer_for_application, offer_for_client, offer_for_request, offer_of_sign_in, recovery_for_account,
    renewal_for_account, void_offers,
};
pub use refusal::Refused;

use crate::lifecycle;
use crate::operations::config::Section;
use crate::operations::server_keys::KeyName;
use crate::operations::tasks::Tasks;
use crate::operations::{Config, Platform, limits};

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

/// Whether credential requests and responses are encrypted on top of TLS (OpenID4VCI 1.0 §10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncryptionPolicy {
    /// A wallet chooses.
    #[default]
    Offered,
    /// Both are always encrypted.
    Required,
}

/// The `[issuance]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub badge_type: PathBuf,
    pub types: PathBuf,
    pub issuing_did: String,
    pub wallet_attestation: AttestationPolicy,
    pub wallet_providers: PathBuf,
    pub encryption: EncryptionPolicy,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        ("badge_type", "The credential type file of the badge; empty means the one that comes with Mapae."),
        (
            "types",
            "Folder with one file for each further credential type (docs/new-credential-type.md); empty means none. A running server takes in what is added or changed here.",
        ),
        (
            "issuing_did",
            "The DID that badges are issued under; empty means did:web of public.base_url. Changing it later starts new status lists.",
        ),
        (
            "wallet_attestation",
            "off, accepted (one that is sent must hold) or required: only wallets that a trusted provider vouches for, as HAIP 1.0 wants it.",
        ),
        (
            "wallet_providers",
            "PEM file with the roots of other wallet providers whose word counts for their wallets and keys; empty means our own provider alone. Who writes it decides which wallets are issued to.",
        ),
        (
            "encryption",
            "offered (a wallet chooses) or required: credential requests and responses encrypted on top of TLS.",
        ),
    ];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    desk: OnceLock<desk::Generation>,
    providers: OnceLock<Vec<Certificate>>,
    request_keys: OnceLock<Vec<encryption::RequestKey>>,
}

/// What the configuration says of issuing can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuanceError {
    /// The credential type file is missing or broken.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The list of other wallet providers is.
    #[error(transparent)]
    Providers(#[from] ProvidersError),
}

/// Checks what the configuration says of issuing.
///
/// # Errors
/// The credential type file or the list of wallet providers is missing or broken; the error names file and reason.
pub fn check(config: &Config) -> Result<(), IssuanceError> {
    attesters::listed(&config.issuance)?;
    desk::types(&config.issuance, config.public.origin())?;
    Ok(())
}

/// The issuer's desk, made at its first use; the newest, where the folder of types changed since.
///
/// # Errors
/// A credential type file is missing or broken; the error names file, line and reason.
pub fn desk(platform: &Platform) -> Result<&Desk, DeskError> {
    let first = &platform.local.issuance.desk;
    if let Some(desk) = first.get() {
        return Ok(desk.desk());
    }
    let made = made(platform)?;
    Ok(first.get_or_init(|| desk::Generation::new(made)).desk())
}

fn made(platform: &Platform) -> Result<Desk, DeskError> {
    let chain = platform.keys.chain(KeyName::Issuer);
    Desk::new(&platform.config.issuance, platform.config.public.origin(), &chain)
}

/// Takes in the folder of types, if it changed; whether it did. A broken file changes nothing.
///
/// # Errors
/// A file is broken; the error names file, line and reason.
pub fn take_in_types(platform: &Platform) -> Result<bool, DeskError> {
    if !desk(platform)?.is_outdated(&platform.config.issuance) {
        return Ok(false);
    }
    let made = made(platform)?;
    if let Some(first) = platform.local.issuance.desk.get() {
        first.follow(made)?;
    }
    Ok(true)
}

/// The issuer's name for people, as the metadata and the trust list tell it.
pub fn issuer_name() -> Bilingual {
    Bilingual { ko: "마패 발급기관".to_owned(), en: "Mapae issuer".to_owned() }
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    routes::public()
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    sweep::start(platform, tasks);
}

/// Looks at the folder of types, which every process reads for itself; a broken file is told once, until it changes.
pub fn watch_types(platform: &Arc<Platform>, tasks: &mut Tasks) {
    if platform.config.issuance.types.as_os_str().is_empty() {
        return;
    }
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        let mut told = String::new();
        while stop.sleep(limits::TYPES_LOOK.duration()).await {
            match take_in_types(&platform) {
                Ok(true) => {
                    lifecycle::types_changed(&platform);
                    tracing::info!("the credential types were read anew");
                    told.clear();
                }
                Ok(false) => told.clear(),
                Err(error) => {
                    let text = error.to_string();
                    if text != told {
                        tracing::error!(%error, "the credential types stay as they were");
                        told = text;
                    }
                }
            }
        }
    });
}

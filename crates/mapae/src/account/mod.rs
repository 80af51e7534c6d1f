//! The wallet provider: activation, identity proofing, devices, PIN, instructions.
//!
//! The messages and the protocol are described where both sides share them: [`wallet::account`].

mod approval;
mod certificates;
pub mod cli;
mod device;
mod device_only;
mod effect;
mod error;
mod forgotten_pin;
mod gate;
mod instruct;
pub mod load;
mod offer;
mod onboarding;
mod passkey;
mod portal;
mod proof;
mod push;
mod record;
mod recovery;
mod registration;
mod routes;
mod signing;
mod standing;
mod status;
mod unlock;

#[cfg(test)]
pub(crate) mod tests;

pub use approval::{ApprovalRecord, approval, has_hardware};
pub use error::{DeviceRefusal, OnboardingError};
pub use passkey::PasskeyRefusal;
pub(crate) use passkey::{
    BrowserPasskey, browser_asserted, browser_created, browser_creation, browser_request,
};
pub use standing::{
    Standing, WipeError, badge_issued, end, of_employee, order_wipe, resume, standing, suspend, suspend_all,
    wipe,
};
pub use unlock::{Locked, UnlockCode, UnlockError, ask_unlock, confirm_unlock, locked, unlock};

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use keys::x509::Certificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use utoipa_axum::router::OpenApiRouter;

use crate::operations::config::{Config, Section};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// The `[account]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub attestation_roots: PathBuf,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "attestation_roots",
        "PEM file with the roots of authenticator makers whose attestation counts; empty means that every passkey is kept as unattested. Who writes it decides which passkeys are said to be bound to their device.",
    )];
}

/// The file of attestation roots can't be used.
#[derive(Debug, thiserror::Error)]
#[error("account.attestation_roots ({path}): {reason}")]
pub struct RootsError {
    path: PathBuf,
    reason: String,
}

/// Checks what the configuration says of wallet accounts.
///
/// # Errors
/// The file of attestation roots is missing or broken.
pub fn check(config: &Config) -> Result<(), RootsError> {
    attestation_roots(config).map(|_| ())
}

/// The certificates in the file of attestation roots. Those that are not P-256 are left out: no chain under them could
/// be verified.
fn attestation_roots(config: &Config) -> Result<Vec<Certificate>, RootsError> {
    let path = &config.account.attestation_roots;
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let failed = |reason: String| RootsError { path: path.clone(), reason };
    let all = CertificateDer::pem_file_iter(path)
        .and_then(|all| all.collect::<Result<Vec<_>, _>>())
        .map_err(|error| failed(error.to_string()))?;
    if all.is_empty() {
        return Err(failed("no certificate in it".to_owned()));
    }
    Ok(all.iter().filter_map(|der| Certificate::parse(der).ok()).collect())
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {
    attestation_roots: OnceLock<Vec<Certificate>>,
}

/// Routes of the public listener.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    routes::routes()
}

/// The holder's page of devices.
pub fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    portal::routes()
}

/// After a restore: enrolments, proofs, one-time codes, approvals and unlocks under way are over, and a PIN that was being
/// changed stays the former one.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let mut over = 0;
    for sql in [
        "UPDATE account_onboarding SET step = 'over', otp_hash = NULL \
         WHERE step IN ('activated', 'otp_sent', 'proofed', 'registered')",
        "UPDATE account_proof SET step = 'over', otp_hash = NULL WHERE step IN ('otp_sent', 'proofed')",
        "DELETE FROM account_approval",
        "DELETE FROM account_unlock",
        "UPDATE account SET unlock_hash = NULL, unlock_expires_at = NULL WHERE unlock_hash IS NOT NULL",
        "UPDATE account SET pin_next = NULL WHERE pin_next IS NOT NULL",
    ] {
        over += tx.execute(sql, params![]).await?;
    }
    Ok(over)
}

/// Locks accounts again that were locked when a restored backup's time was over: their five tries are used up. How many
/// were.
///
/// # Errors
/// The store.
pub async fn lock_as_remembered(
    tx: &mut Tx,
    accounts: &std::collections::BTreeSet<String>,
) -> Result<u64, StoreError> {
    let mut locked = 0;
    for account in accounts {
        let sql = "UPDATE account SET tries = $2, charged_at = $3 WHERE id = $1 AND tries < $2 AND state <> 'closed'";
        locked += tx.execute(sql, params![account.as_str(), limits::PIN_TRIES.get(), tx.now_ms()]).await?;
    }
    Ok(locked)
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(|mut stop| async move {
        while stop.sleep(limits::ACCOUNT_SWEEP.duration()).await {
            let now_ms = platform.clock.now_ms();
            let swept = platform.store.write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    approval::sweep(tx, now_ms).await?;
                    passkey::sweep(tx, now_ms).await?;
                    proof::sweep(tx, now_ms).await?;
                    unlock::sweep(tx, now_ms).await?;
                    onboarding::sweep(tx, now_ms).await
                })
            });
            if let Err(error) = swept.await {
                tracing::warn!(%error, "what is over in account could not be removed; tried again later");
            }
        }
    });
}

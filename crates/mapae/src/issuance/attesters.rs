//! Whose word counts for a wallet and for its keys: the platform's own wallet provider, and those of others whose roots
//! the operator lists.
//!
//! The same trust for wallet attestations (client authentication) and key attestations (in proofs).

use std::path::PathBuf;

use keys::PublicKey;
use keys::x509::{self, Certificate, Purpose};
use openid::attestation::KeyHint;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::Settings;
use crate::operations::Platform;

/// The list of other wallet providers can't be used.
#[derive(Debug, thiserror::Error)]
#[error("issuance.wallet_providers ({path}): {reason}")]
pub struct ProvidersError {
    path: PathBuf,
    reason: String,
}

/// The roots of other wallet providers that the configuration lists.
///
/// # Errors
/// The file is missing, holds no certificate, or one that is no P-256 authority: a provider that is listed and never
/// trusted would be found out by its users only.
pub(super) fn listed(settings: &Settings) -> Result<Vec<Certificate>, ProvidersError> {
    let path = &settings.wallet_providers;
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let failed = |reason: String| ProvidersError { path: path.clone(), reason };
    let all = CertificateDer::pem_file_iter(path)
        .and_then(|all| all.collect::<Result<Vec<_>, _>>())
        .map_err(|error| failed(error.to_string()))?;
    if all.is_empty() {
        return Err(failed("no certificate in it".to_owned()));
    }
    let read = |(at, der): (usize, &CertificateDer<'_>)| {
        let root = Certificate::parse(der);
        root.map_err(|error| failed(format!("certificate {}: {error}", at + 1)))
    };
    all.iter().enumerate().map(read).collect()
}

/// Resolves the chain that an attestation carries to the key of a trusted wallet provider.
pub(super) fn of(platform: &Platform, now_ms: i64) -> impl Fn(&KeyHint) -> Option<PublicKey> {
    let ours = [platform.keys.root().clone()];
    let others = &platform.local.issuance.providers;
    let others = others.get_or_init(|| {
        // `check` has read the same file before the server began to listen.
        listed(&platform.config.issuance).unwrap_or_else(|error| {
            tracing::error!(%error, "other wallet providers");
            Vec::new()
        })
    });
    let now = now_ms.div_euclid(1000);
    move |hint| {
        // Below our root stand other keys, too, and only one purpose is right. A root of others is listed for wallets
        // alone: how they mark their certificates is theirs (HAIP 1.0 §4.5.1 leaves the profile open).
        let own = x509::verify_chain(&hint.x5c, &ours, now, Purpose::WalletAttestation);
        let leaf = own.or_else(|_| x509::verify_chain(&hint.x5c, others, now, Purpose::Any)).ok()?;
        Some(leaf.public_key().clone())
    }
}

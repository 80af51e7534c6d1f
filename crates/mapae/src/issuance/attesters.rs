//! Whose word counts for a wallet and for its keys: wallet providers under the platform's root.
//!
//! The same trust for wallet attestations (client authentication) and key attestations (in proofs). Wallet providers of
//! others join when there is a list of them.

use keys::PublicKey;
use keys::x509::{self, Purpose};
use openid::attestation::KeyHint;

use crate::operations::Platform;

/// Resolves the chain that an attestation carries to the key of a trusted wallet provider.
pub(super) fn of(platform: &Platform, now_ms: i64) -> impl Fn(&KeyHint) -> Option<PublicKey> {
    let roots = [platform.keys.root().clone()];
    let now = now_ms.div_euclid(1000);
    move |hint| {
        let leaf = x509::verify_chain(&hint.x5c, &roots, now, Purpose::WalletAttestation).ok()?;
        Some(leaf.public_key().clone())
    }
}

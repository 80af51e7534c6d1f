//! Certificate chains that were checked a moment ago.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use keys::x509::{self, Certificate, ChainError, Purpose};
use keys::{PublicKey, sha256};

use super::Refusal;
use crate::trust::TrustSource;

/// How long a checked chain counts, in seconds. Short enough that nothing which ends in the meantime is missed for
/// long, long enough that the signature on a certificate is checked once for thousands of credentials.
const KEPT: i64 = 600;

/// After how many credentials a key is worth what it costs to prepare it.
const OFTEN: u32 = 256;
/// Prepared keys at most, at half a mebibyte each.
const PREPARED: u32 = 32;

/// Issuers whose chain was checked, by SHA-256 of their certificate. One for the process; made by the caller.
#[derive(Debug)]
pub struct ChainCache {
    capacity: usize,
    known: RwLock<HashMap<[u8; 32], Known>>,
    prepared: AtomicU32,
}

/// The key that a chain vouches for.
#[derive(Debug)]
pub(crate) struct Signing {
    pub(crate) key: PublicKey,
    pub(crate) jkt: String,
    /// When the leaf is good, first and last second.
    pub(crate) validity: (i64, i64),
    used: AtomicU32,
}

/// A key that the trust source vouches for without a chain.
pub(crate) fn pinned(key: &PublicKey) -> Arc<Signing> {
    Arc::new(Signing {
        jkt: key.thumbprint(),
        key: key.clone(),
        validity: (i64::MIN, i64::MAX),
        used: AtomicU32::new(0),
    })
}

#[derive(Debug)]
struct Known {
    signing: Arc<Signing>,
    roots_id: u64,
    from: i64,
    until: i64,
}

impl ChainCache {
    /// A cache for at most `capacity` issuers; 0 checks every chain anew.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, known: RwLock::default(), prepared: AtomicU32::new(0) }
    }

    /// The key of the leaf, once the chain leads to one of the roots.
    pub(crate) fn check(
        &self,
        x5c: &[Vec<u8>],
        trust: &dyn TrustSource,
        now: i64,
    ) -> Result<Arc<Signing>, Refusal> {
        let id = sha256(x5c.first().ok_or(Refusal::IssuerChain)?);
        let roots_id = trust.roots_id();
        // A panic elsewhere leaves the map whole: each change is one call.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id).map(|known| {
            let holds = known.roots_id == roots_id && (known.from..known.until).contains(&now);
            (Arc::clone(&known.signing), holds)
        });
        if let Some((signing, true)) = known {
            self.count(&signing);
            return Ok(signing);
        }
        let leaf =
            x509::verify_chain(x5c, trust.roots(), now, Purpose::Issuer).map_err(|error| match error {
                ChainError::Expired | ChainError::NotYetValid => Refusal::IssuerCertificateExpired,
                _ => Refusal::IssuerChain,
            })?;
        // The certificate is the same, and so is its key: what was prepared for it stays.
        let key = known.map_or_else(|| leaf.public_key().clone(), |(before, _)| before.key.clone());
        let validity = (leaf.not_before(), leaf.not_after());
        let signing = Arc::new(Signing { jkt: key.thumbprint(), key, validity, used: AtomicU32::new(0) });
        if self.capacity > 0 {
            let until = now.saturating_add(KEPT).min(last_second(x5c)).saturating_add(1);
            let known = Known { signing: Arc::clone(&signing), roots_id, from: now, until };
            let mut map = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if map.len() >= self.capacity && !map.contains_key(&id) {
                map.retain(|_, known| known.until > now);
                if map.len() >= self.capacity {
                    map.clear();
                }
            }
            map.insert(id, known);
        }
        Ok(signing)
    }
}

impl ChainCache {
    /// One more credential by this key; one that is asked often is prepared.
    fn count(&self, signing: &Signing) {
        if signing.used.fetch_add(1, Ordering::Relaxed) == OFTEN
            && !signing.key.is_prepared()
            && self.prepared.fetch_add(1, Ordering::Relaxed) < PREPARED
        {
            signing.key.prepare();
        }
    }
}

/// The last second at which every certificate of the chain holds.
fn last_second(x5c: &[Vec<u8>]) -> i64 {
    let ends = x5c.iter().map(|der| Certificate::parse(der).map_or(i64::MIN, |c| c.not_after()));
    ends.min().unwrap_or(i64::MIN)
}

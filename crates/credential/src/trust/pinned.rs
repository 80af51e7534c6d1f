//! Trust in an issuer that is known by a DID: the keys that its document named when somebody looked and agreed.

use keys::PublicKey;
use keys::x509::Certificate;

use super::{Distrust, Origin, TrustSource};
use crate::types::Bilingual;

/// The keys of one issuer, each under its DID URL. They are not looked up again: an issuer with a new key is agreed to anew.
#[derive(Debug, Clone)]
pub struct PinnedKeys {
    did: String,
    keys: Vec<(String, PublicKey)>,
    name: Bilingual,
    vcts: Vec<String>,
}

impl PinnedKeys {
    /// The issuer with this DID may issue these types with these keys.
    pub fn new(did: String, keys: Vec<(String, PublicKey)>, name: Bilingual, vcts: Vec<String>) -> Self {
        Self { did, keys, name, vcts }
    }

    /// The keys, for what else the issuer signs.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter().map(|(_, key)| key)
    }
}

impl TrustSource for PinnedKeys {
    fn roots(&self) -> &[Certificate] {
        &[]
    }

    fn roots_id(&self) -> u64 {
        0
    }

    fn issued_at(&self) -> i64 {
        i64::MIN
    }

    fn expires_at(&self) -> i64 {
        i64::MAX
    }

    fn judge(&self, origin: &Origin<'_>) -> Result<Bilingual, Distrust> {
        if !self.keys.iter().any(|(_, key)| key.thumbprint() == origin.jkt) {
            return Err(Distrust::Unknown);
        }
        // A DID issuer may name itself by its DID or by an address of its own; another DID is another issuer.
        if origin.issuer.is_some_and(|iss| iss.starts_with("did:") && iss != self.did) {
            return Err(Distrust::OtherIssuer);
        }
        if self.vcts.iter().any(|vct| vct == origin.vct) {
            Ok(self.name.clone())
        } else {
            Err(Distrust::NotAccredited)
        }
    }

    fn pinned(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|(name, _)| name == kid).map(|(_, key)| key)
    }
}

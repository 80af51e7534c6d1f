//! The public keys of relying parties that sign: registered here, or behind an address of their own.
//!
//! An address is a stranger's: the call is bounded in time and bytes, follows no redirect and reaches public addresses only;
//! what it answered is believed for five minutes, and a key that is not there makes us look again at most twice a minute. An
//! answer that is no good changes nothing: keys that were good are used until their time is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use keys::{JwkSet, PublicKey};

use super::registration::ClientKeys;
use crate::operations::{Platform, limits};
use crate::verification;

/// What this process remembers of addresses.
#[derive(Debug, Default)]
pub(super) struct Memory {
    sets: Mutex<HashMap<String, Remembered>>,
}

#[derive(Clone, Debug)]
struct Remembered {
    set: Arc<Keys>,
    fetched_ms: i64,
    tried_ms: i64,
}

/// Keys that may sign, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Keys(Vec<(String, PublicKey)>);

impl Keys {
    /// The key of that name; without a name the only key there is.
    fn find(&self, kid: Option<&str>) -> Option<&PublicKey> {
        match (kid, self.0.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|(name, _)| name == kid).map(|(_, key)| key),
            (None, [(_, key)]) => Some(key),
            (None, _) => None,
        }
    }
}

/// Reads a JWK Set: its P-256 keys for signing. `None` if it is none, has private or too many keys, or none that we use.
pub(super) fn read(bytes: &[u8]) -> Option<Keys> {
    let set: JwkSet = openid::json::parse(bytes, limits::LOGIN_JWKS_BYTES.size()).ok()?;
    if set.keys.len() > limits::LOGIN_JWKS_KEYS.size() {
        return None;
    }
    let mut found: Vec<(String, PublicKey)> = Vec::new();
    for jwk in &set.keys {
        let signs = jwk.use_.as_deref().is_none_or(|kind| kind == "sig")
            && jwk.alg.as_deref().is_none_or(|alg| alg == "ES256");
        if let (true, Ok(key)) = (signs, PublicKey::from_jwk(jwk)) {
            let name = jwk.kid.clone().unwrap_or_else(|| key.thumbprint());
            if name.len() > 256 || found.iter().any(|(known, _)| *known == name) {
                return None;
            }
            found.push((name, key));
        }
    }
    (!found.is_empty()).then_some(Keys(found))
}

/// The key of that name of a client.
pub(super) async fn find(platform: &Platform, keys: &ClientKeys, kid: Option<&str>) -> Option<PublicKey> {
    match keys {
        ClientKeys::None => None,
        ClientKeys::Inline(text) => read(text.as_bytes())?.find(kid).cloned(),
        ClientKeys::Address(address) => fetched(platform, address, kid).await,
    }
}

async fn fetched(platform: &Platform, address: &str, kid: Option<&str>) -> Option<PublicKey> {
    let memory = &platform.local.login.client_keys;
    let now_ms = platform.now_ms();
    let known = memory.get(address);
    let fresh = known
        .as_ref()
        .filter(|known| now_ms.saturating_sub(known.fetched_ms) < limits::LOGIN_JWKS_KEPT.get());
    if let Some(key) = fresh.and_then(|known| known.set.find(kid)) {
        return Some(key.clone());
    }
    // Who sends made-up key names must not make us call somebody else's server each time.
    if known
        .as_ref()
        .is_some_and(|known| now_ms.saturating_sub(known.tried_ms) < limits::LOGIN_JWKS_PAUSE.get())
    {
        return None;
    }
    let before = known.map(|known| (known.set, known.fetched_ms)).unwrap_or_default();
    memory.put(address, Remembered { set: before.0.clone(), fetched_ms: before.1, tried_ms: now_ms });
    let bytes =
        verification::fetch(platform, address, "application/json", limits::LOGIN_JWKS_BYTES.size()).await;
    let Some(set) = bytes.as_deref().and_then(read) else {
        metrics::counter!("mapae_login_client_keys_total", "outcome" => "refused").increment(1);
        tracing::warn!(address, "a relying party's keys could not be read");
        return None;
    };
    metrics::counter!("mapae_login_client_keys_total", "outcome" => "read").increment(1);
    let set = Arc::new(set);
    memory.put(address, Remembered { set: Arc::clone(&set), fetched_ms: now_ms, tried_ms: now_ms });
    set.find(kid).cloned()
}

impl Memory {
    fn get(&self, address: &str) -> Option<Remembered> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).get(address).cloned()
    }

    fn put(&self, address: &str, remembered: Remembered) {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= limits::LOGIN_JWKS_PARTIES.size() && !sets.contains_key(address) {
            sets.clear();
        }
        sets.insert(address.to_owned(), remembered);
    }
}

#[cfg(test)]
mod tests {
    use keys::SecretKey;
    use serde_json::json;

    use super::*;

    fn set(keys: &[serde_json::Value]) -> Vec<u8> {
        json!({ "keys": keys }).to_string().into_bytes()
    }

    #[test]
    fn only_p_256_keys_for_signing_are_taken() {
        let key = SecretKey::generate();
        let good = key.public_key().to_jwk().with_kid("one");
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa" });
        let enc = good.clone().with_kid("enc").with_use("enc").to_value();
        let keys = read(&set(&[rsa.clone(), enc, good.to_value()])).unwrap();
        assert!(keys.find(Some("one")).is_some() && keys.find(None).is_some());
        assert!(keys.find(Some("rsa")).is_none() && keys.find(Some("enc")).is_none());
        assert!(read(&set(&[rsa])).is_none());
    }

    #[test]
    fn what_is_no_honest_set_is_refused_whole() {
        let good = SecretKey::generate().public_key().to_jwk();
        let mut private = good.to_value();
        private["d"] = json!("AAAA");
        let twice = good.clone().with_kid("same").to_value();
        let many: Vec<_> = (0..17).map(|n| good.clone().with_kid(n.to_string()).to_value()).collect();
        for bytes in [
            set(&[private]),
            set(&[twice.clone(), twice]),
            set(&many),
            set(&[]),
            b"[]".to_vec(),
            b"{}".to_vec(),
            b"<html>".to_vec(),
            vec![b' '; 65 * 1_024],
        ] {
            assert!(read(&bytes).is_none(), "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
        }
    }

    #[test]
    fn without_a_name_only_a_single_key_is_meant() {
        let two: Vec<_> = (0..2)
            .map(|n| SecretKey::generate().public_key().to_jwk().with_kid(n.to_string()).to_value())
            .collect();
        assert!(read(&set(&two)).unwrap().find(None).is_none());
    }
}

//! The secret of one request, from which everything else about it follows.
//!
//! A request leaves no row behind until it is answered. What the answer needs (its id, its encryption key, its nonce)
//! is derived from 32 random bytes that travel sealed in the request's own addresses; what must stay unreadable on
//! the server (the disclosed claims) is sealed under a key derived from the same bytes, which the server does not keep.

use keys::Zeroizing;
use keys::encoding::{b64url_decode_array, b64url_encode};
use keys::seal::{KeyRing, SealError, SealKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 32 random bytes.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

impl Seed {
    /// Fresh random bytes.
    pub fn fresh() -> Seed {
        Seed(Zeroizing::new(keys::random::bytes()))
    }

    /// A value for one purpose; nobody finds the seed, or another purpose's value, from it.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(keys::mac::hmac_sha256(&*self.0, &[purpose.as_bytes()]))
    }

    /// The public name of what this seed belongs to: 128 bits, base64url.
    pub fn id(&self) -> String {
        let derived = self.derive("id");
        b64url_encode(derived.get(..16).unwrap_or_default())
    }

    /// A text for one purpose: 256 bits, base64url.
    pub fn text(&self, purpose: &str) -> String {
        b64url_encode(&*self.derive(purpose))
    }

    /// The seed of one exchange under this one, told apart by `salt`.
    pub fn exchange(&self, salt: &str) -> Seed {
        Seed(Zeroizing::new(keys::mac::hmac_sha256(&*self.0, &[b"exchange\0", salt.as_bytes()])))
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&b64url_encode(&*self.0))
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = b64url_decode_array(&text).map_err(|_| serde::de::Error::custom("not a seed"))?;
        Ok(Seed(Zeroizing::new(bytes)))
    }
}

/// Seals `plain` under a secret that the server does not keep; `place` says where it lies.
pub fn seal_under(secret: &[u8], place: &str, plain: &[u8]) -> Vec<u8> {
    ring(secret, place).seal(place.as_bytes(), plain)
}

/// Opens what [`seal_under`] sealed with the same secret for the same place.
///
/// # Errors
/// Another secret, another place, or changed bytes.
pub fn open_under(secret: &[u8], place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    ring(secret, place).open(place.as_bytes(), sealed)
}

fn ring(secret: &[u8], place: &str) -> KeyRing {
    let key = keys::kdf::hkdf_sha256::<32>(secret, b"mapae sealed under its own token", place.as_bytes());
    KeyRing::new(1, SealKey::from_bytes(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_exchange_has_its_own_value() {
        let seed = Seed::fresh();
        assert_ne!(seed.text("nonce"), seed.text("code"));
        assert_ne!(seed.exchange("1").text("nonce"), seed.exchange("2").text("nonce"));
        assert_ne!(seed.exchange("1").id(), seed.id());
        assert_ne!(seed.id(), Seed::fresh().id());
    }

    #[test]
    fn a_seed_comes_back_from_its_token_unchanged() {
        let seed = Seed::fresh();
        let text = serde_json::to_string(&seed).unwrap();
        let back: Seed = serde_json::from_str(&text).unwrap();
        assert_eq!(seed.id(), back.id());
        assert!(serde_json::from_str::<Seed>("\"short\"").is_err());
    }

    #[test]
    fn what_is_sealed_under_a_secret_opens_with_it_and_in_its_place_only() {
        let sealed = seal_under(b"secret", "login_session/claims", b"claims");
        assert_eq!(&**open_under(b"secret", "login_session/claims", &sealed).unwrap(), b"claims");
        assert!(open_under(b"other", "login_session/claims", &sealed).is_err());
        assert!(open_under(b"secret", "login_attempt/claims", &sealed).is_err());
    }
}

//! The cryptographic base of Mapae: P-256 keys, JOSE envelopes, X.509 and sealing.
//!
//! No socket, no clock and no disk inside; time comes in as seconds since 1970. The same types stand on two engines:
//! RustCrypto (default, also in the browser) and aws-lc-rs (feature `aws-lc`, on the server, where a signature costs
//! a tenth). Which one is chosen shows in nothing but the speed; every test runs on both.
//!
//! One curve (P-256), one signature (ES256), one hash (SHA-256): what the profile of OpenID4VC High Assurance asks.
//! RS256 exists for relying parties of the login that know nothing else, and Ed25519 for readers of the audit log's
//! checkpoints, both behind `aws-lc`; so do one-time codes by time, which authenticator apps make with HMAC-SHA-1.

pub mod aead;
mod backend;
pub mod der;
mod digest;
#[cfg(feature = "aws-lc")]
pub mod ed25519;
pub mod encoding;
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod kdf;
pub mod mac;
mod public_key;
pub mod random;
#[cfg(feature = "aws-lc")]
pub mod rsa;
pub mod seal;
mod secret_key;
pub mod shamir;
mod signature;
mod signer;
pub mod strict_json;
#[cfg(feature = "aws-lc")]
pub mod totp;
pub mod web_push;
#[cfg(test)]
mod wycheproof;
pub mod x509;

pub use digest::{Sha256, sha256};
pub use jwk::{Jwk, JwkSet, Operations};
pub use public_key::{KeyError, PublicKey};
pub use secret_key::SecretKey;
pub use signature::{BadSignature, Signature};
pub use signer::{SignError, Signer};
pub use zeroize::Zeroizing;

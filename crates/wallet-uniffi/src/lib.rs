//! The [`wallet`] crate for native shells: one [`Wallet`] object, the ports that a shell lends to it, and records that
//! cross as values. UniFFI writes the Kotlin, Swift and Python sides from this library.
//!
//! * [`ports`]: what the shell implements: [`DeviceSigner`](ports::DeviceSigner), [`CredentialKeys`](ports::CredentialKeys),
//!   [`Storage`](ports::Storage), [`Http`](ports::Http), [`Clock`](ports::Clock).
//! * [`error`]: one error with a stable code, whatever went wrong.
//! * [`attestation`]: what an Android key's chain says of it.
//! * [`records`]: what the wallet tells; [`consent`]: what it asks the person.
//!
//! # Threads
//!
//! Every call blocks until it is done, and calls the ports on the thread that called it: a shell calls from a
//! background thread. Calls to one wallet wait for each other. A port that calls the wallet that is calling it gets
//! the error `wallet_busy`.
//!
//! # Secrets
//!
//! A PIN or vault key is wiped from this library's memory after use. What the foreign language keeps of it is the
//! shell's to wipe; immutable strings of Kotlin, Swift and Python can't be.

pub mod attestation;
pub mod consent;
mod drive;
pub mod error;
pub mod ports;
pub mod records;
mod shell;
mod wallet_object;

pub use error::WalletError;
pub use wallet_object::{PresentationRequest, Wallet, vault_hint};

uniffi::setup_scaffolding!("mapae_wallet");

#[cfg(test)]
mod tests;

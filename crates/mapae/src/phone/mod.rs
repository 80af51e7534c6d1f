//! A phone in the terminal: `mapae wallet` on the holder crate.
//!
//! ```text
//! cli ─▶ Phone ─▶ wallet::Wallet ─▶ PhoneShell { keys, storage, http, clock }
//! demo, load tool ─┘
//! ```
//!
//! [`Phone`] is the same for a person at a terminal (vault in a folder, locked by a key file or a passphrase), for the
//! demonstration, and for a load tool that runs thousands of them in memory over one HTTP client: its futures are
//! `Send`.

mod ask;
mod card;
pub mod cli;
mod describe;
mod document;
mod driver;
mod fault;
mod http;
mod lock;
mod page;
mod shell;
mod sign_in;
mod storage;

pub use driver::Phone;
pub use fault::PhoneError;
pub use http::HttpClient;
pub use lock::{Unlock, VAULT_FOLDER};
pub use shell::PhoneShell;
pub use storage::PhoneStorage;

#[cfg(test)]
mod tests;

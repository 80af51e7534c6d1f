//! Ethereum JSON-RPC, both sides: [`answer`] serves a ledger to others, [`Remote`] is the ledger of others.

mod remote;
mod server;
mod shape;

#[cfg(test)]
mod tests;

pub use remote::{Health, Options, Remote};
pub use server::{Access, MAX_REQUEST, answer};

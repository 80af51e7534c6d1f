//! The registry that says whose signature counts: agencies on a ledger, people never.
//!
//! - [`contract`] is `contracts/Registry.sol` seen from Rust: calls, events, refusals.
//! - [`Ledger`] is any EVM chain that carries it. [`embedded`] is a whole chain in this process, for one machine;
//!   [`json_rpc`] speaks to a chain of others.
//! - [`did`] is the method `did:mapae` and the resolver, which also answers for did:jwk, did:key and did:web.
//!
//! Nothing here knows of badges or persons (docs/did-mapae.md, docs/ledger-operations.md).

mod client;
pub mod contract;
pub mod did;
pub mod embedded;
pub mod ethereum;
pub mod json_rpc;
mod ledger;
mod sender;

pub use client::{AgencyHistory, Registry, Version};
pub use ledger::{Block, Call, Ledger, LedgerError, Log, LogFilter, Outcome, Pending, Receipt};
pub use sender::{Prepared, Sender};

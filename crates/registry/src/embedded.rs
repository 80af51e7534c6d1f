//! A chain in this process: the EVM of `revm`, blocks in SQLite. One node and no consensus: right for one machine and
//! for tests, and the same bytecode, gas and refusals as on a chain of many (docs/ledger-operations.md).
//!
//! - A block and what it changed are one SQLite transaction, synchronous: after a power cut the block is there whole or
//!   not at all, and whoever has a receipt has it for good.
//! - All transactions that wait become one block: while one block is on its way to the disk the next one gathers.
//! - Opening reads the state and checks it against the head's state root; nothing is replayed. [`verify`] replays.
//! - Nothing is paid: there is no balance, no fee, and no transaction with a value.
//!
//! The bytes that are hashed are written down in [`block`] and [`state`].

mod block;
mod chain;
mod evm;
mod state;
mod store;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub use block::Header;
pub use chain::{Chain, Clock, Options};
pub use evm::{BLOCK_GAS, TRANSACTION_GAS};
pub use verify::{Verified, verify};

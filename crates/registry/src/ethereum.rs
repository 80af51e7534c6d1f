//! What every Ethereum chain agrees on: addresses, RLP, the contract ABI, signed transactions.

pub mod abi;
mod key;
mod rlp;
mod transaction;

#[cfg(test)]
mod tests;

pub use key::{SecretKey, address_of_text};
pub use revm_primitives::{Address, B256, Bytes, U256, keccak256};
pub use transaction::{MAX_TRANSACTION, Signed, Transaction, TransactionError};

//! Blocks: what is hashed.
//!
//! ```text
//! block hash       SHA-256( "mapae block 1\n" ‖ chain id ‖ number ‖ parent ‖ timestamp ‖ gas used
//!                           ‖ transactions root ‖ receipts root ‖ state root )
//! transactions     SHA-256( "mapae transactions 1\n" ‖ hash of each )
//! receipts         SHA-256( "mapae receipts 1\n" ‖ SHA-256 of each )
//! one receipt      status (1 byte) ‖ gas used ‖ length of output ‖ output ‖ number of logs
//!                  ‖ for each log: address ‖ number of topics (1 byte) ‖ topics ‖ length of data ‖ data
//! ```
//!
//! Numbers are 8 bytes, big-endian; hashes 32; addresses 20.

use keys::Sha256;
use revm_primitives::B256;

use super::evm::Executed;

/// What a block's hash is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub number: u64,
    pub parent: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    pub gas_used: u64,
    pub transactions_root: B256,
    pub receipts_root: B256,
    pub state_root: B256,
}

impl Header {
    pub fn hash(&self, chain_id: u64) -> B256 {
        let mut hash = Sha256::new();
        hash.update(b"mapae block 1\n");
        hash.update(&chain_id.to_be_bytes());
        hash.update(&self.number.to_be_bytes());
        hash.update(self.parent.as_slice());
        hash.update(&self.timestamp.to_be_bytes());
        hash.update(&self.gas_used.to_be_bytes());
        hash.update(self.transactions_root.as_slice());
        hash.update(self.receipts_root.as_slice());
        hash.update(self.state_root.as_slice());
        B256::from(hash.finish())
    }
}

pub(super) fn transactions_root(executed: &[Executed]) -> B256 {
    let mut hash = Sha256::new();
    hash.update(b"mapae transactions 1\n");
    executed.iter().for_each(|one| {
        hash.update(one.signed.hash.as_slice());
    });
    B256::from(hash.finish())
}

pub(super) fn receipts_root(executed: &[Executed]) -> B256 {
    let mut hash = Sha256::new();
    hash.update(b"mapae receipts 1\n");
    executed.iter().for_each(|one| {
        hash.update(&receipt(one));
    });
    B256::from(hash.finish())
}

fn receipt(one: &Executed) -> [u8; 32] {
    let number = |length: usize| (length as u64).to_be_bytes();
    let mut hash = Sha256::new();
    hash.update(&[u8::from(one.success)]);
    hash.update(&one.gas_used.to_be_bytes());
    hash.update(&number(one.output.len()));
    hash.update(&one.output);
    hash.update(&number(one.logs.len()));
    for log in &one.logs {
        hash.update(log.address.as_slice());
        hash.update(&[u8::try_from(log.topics.len()).unwrap_or(u8::MAX)]);
        log.topics.iter().for_each(|topic| {
            hash.update(topic.as_slice());
        });
        hash.update(&number(log.data.len()));
        hash.update(&log.data);
    }
    hash.finish()
}

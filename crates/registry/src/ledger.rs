//! Any EVM chain that carries the registry.

use std::pin::Pin;

use revm_primitives::{Address, B256, Bytes};

use crate::contract::Refusal;
use crate::ethereum::{Signed, TransactionError};

/// An answer that is on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'a>>;

/// A chain: an embedded one, or one of others behind JSON-RPC.
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// The chain's number, which every transaction is bound to.
    fn chain_id(&self) -> u64;

    /// The last block that is final.
    fn head(&self) -> Pending<'_, Block>;

    /// A block by its number; `None` where the chain is not that long.
    fn block(&self, number: u64) -> Pending<'_, Option<Block>>;

    /// The code at an address; empty where there is none.
    fn code(&self, address: Address) -> Pending<'_, Bytes>;

    /// How many transactions of a sender are on the chain: the next one's number.
    fn nonce(&self, address: Address) -> Pending<'_, u64>;

    /// Asks a contract, on the state of the head. A revert is [`LedgerError::Reverted`].
    fn call(&self, call: Call) -> Pending<'_, Bytes>;

    /// The gas that an act takes now, or why it is refused.
    fn estimate(&self, call: Call) -> Pending<'_, u64>;

    /// What a unit of gas costs; 0 on a chain where nothing is paid.
    fn fee(&self) -> Pending<'_, u128>;

    /// Logs in the order of the chain.
    fn logs(&self, filter: LogFilter) -> Pending<'_, Vec<Log>>;

    /// What became of a transaction; `None` while it is on no final block.
    fn receipt(&self, transaction: B256) -> Pending<'_, Option<Receipt>>;

    /// Sends a transaction and waits until it is final. One that was sent before has the same receipt.
    fn send(&self, signed: Signed) -> Pending<'_, Receipt>;
}

/// What is asked of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub from: Address,
    /// `None` tries the making of a contract.
    pub to: Option<Address>,
    pub data: Bytes,
}

impl Call {
    /// A question by nobody in particular.
    pub fn to(to: Address, data: Bytes) -> Self {
        Self { from: Address::ZERO, to: Some(to), data }
    }
}

/// A block, without its transactions' content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub number: u64,
    pub hash: B256,
    pub parent: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    pub gas_used: u64,
    pub state_root: B256,
    pub transactions: Vec<B256>,
}

/// An event on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub address: Address,
    /// 0 to 4 words.
    pub topics: Vec<B256>,
    pub data: Bytes,
    pub block: u64,
    pub block_hash: B256,
    pub transaction: B256,
    pub transaction_index: u64,
    /// Its place in the block.
    pub index: u64,
}

/// Which logs are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    pub from_block: u64,
    /// `None`: to the head.
    pub to_block: Option<u64>,
    pub address: Option<Address>,
    /// For each place: any of these words; empty for whatever.
    pub topics: [Vec<B256>; 4],
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Undone, with what the contract said where the chain tells.
    Reverted(Bytes),
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub transaction: B256,
    pub block: u64,
    pub block_hash: B256,
    pub index: u64,
    pub sender: Address,
    pub to: Option<Address>,
    /// The address of the contract that it made.
    pub created: Option<Address>,
    pub outcome: Outcome,
    pub gas_used: u64,
    pub logs: Vec<Log>,
}

impl Receipt {
    /// The receipt of what was done, or the refusal of what was not.
    pub fn done(self) -> Result<Self, LedgerError> {
        match self.outcome {
            Outcome::Done => Ok(self),
            Outcome::Reverted(ref data) => Err(LedgerError::reverted(data.clone())),
        }
    }
}

/// Why a ledger gives no answer. No text holds personal data: nothing on a ledger is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The contract refused, for a reason of ours.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The contract refused with data that none of ours makes.
    #[error("the call was reverted with {} bytes", .0.len())]
    Reverted(Bytes),
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    #[error("the transaction is for chain {given}, this is {ours}")]
    OtherChain { ours: u64, given: u64 },
    #[error("the sender's next transaction is number {next}, this one is {given}")]
    Nonce { next: u64, given: u64 },
    #[error("the transaction can't be run: {0}")]
    Invalid(String),
    /// Another contract stands where the registry should.
    #[error("there is no registry at {0}")]
    NoRegistry(Address),
    /// Ask again later.
    #[error("the ledger can't be reached: {0}")]
    Unavailable(String),
    /// The ledger contradicts itself: nobody may believe it.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    #[error("more than {0} logs match")]
    TooMany(usize),
    /// Whether it took effect is not known: ask for the receipt, or send the very same bytes again.
    #[error("no receipt for {0} in time")]
    NoReceipt(B256),
}

impl LedgerError {
    /// A revert, by the contract's own reason where it is known.
    pub fn reverted(data: Bytes) -> Self {
        Refusal::read(&data).map_or(Self::Reverted(data), Self::Refused)
    }

    /// What a contract said when it refused.
    pub fn revert_data(&self) -> Option<&Bytes> {
        match self {
            Self::Refused(refusal) => Some(&refusal.data),
            Self::Reverted(data) => Some(data),
            _ => None,
        }
    }

    /// The code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "registry_refused",
            Self::Reverted(_) => "call_reverted",
            Self::Transaction(_) | Self::Invalid(_) => "transaction_invalid",
            Self::OtherChain { .. } => "other_chain",
            Self::Nonce { .. } => "nonce",
            Self::NoRegistry(_) => "no_registry",
            Self::Unavailable(_) => "ledger_unavailable",
            Self::Damaged(_) => "ledger_damaged",
            Self::TooMany(_) => "too_many_logs",
            Self::NoReceipt(_) => "no_receipt",
        }
    }
}

//! Running transactions on a state.

use revm_context::result::{EVMError, ExecutionResult, InvalidTransaction};
use revm_context::{BlockEnv, CfgEnv, Context, Journal, TxEnv};
use revm_database_interface::{DBErrorMarker, Database};
use revm_handler::{ExecuteEvm as _, MainBuilder as _};
use revm_primitives::hardfork::SpecId;
use revm_primitives::{Address, B256, Bytes, KECCAK_EMPTY, TxKind, U256};
use revm_state::{AccountInfo, Bytecode, EvmState};

use super::state::{Account, Changes, State};
use crate::ethereum::Signed;
use crate::ledger::{Call, LedgerError};

/// The gas of a block.
pub const BLOCK_GAS: u64 = 30_000_000;
/// The most gas of one transaction (EIP-7825).
pub const TRANSACTION_GAS: u64 = 16_777_216;

/// The gas of a question: enough to try the making of the registry, and some milliseconds of work at most.
const QUESTION_GAS: u64 = 6_000_000;

/// The rules by which everything runs.
const RULES: SpecId = SpecId::OSAKA;

/// A transaction that was run.
#[derive(Debug, Clone)]
pub(super) struct Executed {
    pub(super) signed: Signed,
    pub(super) success: bool,
    pub(super) gas_used: u64,
    /// What a revert said.
    pub(super) output: Bytes,
    pub(super) logs: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) address: Address,
    pub(super) topics: Vec<B256>,
    pub(super) data: Bytes,
}

/// Where and when something runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) chain_id: u64,
    pub(super) number: u64,
    pub(super) timestamp: u64,
}

/// A block in the making: the state of its parent and what its transactions changed so far.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    state: &'a State,
    pub(super) changes: Changes,
    place: Place,
    pub(super) gas_used: u64,
}

/// Only code that is missing: the database is memory.
#[derive(Debug, thiserror::Error)]
#[error("code is missing from the state")]
pub(super) struct NoCode;

impl DBErrorMarker for NoCode {}

impl<'a> Builder<'a> {
    pub(super) fn new(state: &'a State, place: Place) -> Self {
        Self { state, changes: Changes::default(), place, gas_used: 0 }
    }

    /// How many transactions of a sender are in.
    pub(super) fn nonce(&self, address: Address) -> u64 {
        self.account(address).unwrap_or_default().nonce
    }

    /// Runs a transaction and keeps what it changed. One that can't be run leaves nothing.
    pub(super) fn run(&mut self, signed: Signed) -> Result<Executed, LedgerError> {
        let transaction = &signed.transaction;
        if transaction.chain_id != self.place.chain_id {
            return Err(LedgerError::OtherChain { ours: self.place.chain_id, given: transaction.chain_id });
        }
        let (result, state) = self.evm(
            TxEnv {
                tx_type: 2,
                caller: signed.sender,
                gas_limit: transaction.gas_limit,
                // Whatever the sender would pay: nothing is taken.
                gas_price: 0,
                gas_priority_fee: Some(0),
                kind: kind(transaction.to),
                data: transaction.data.clone(),
                nonce: transaction.nonce,
                chain_id: Some(transaction.chain_id),
                ..TxEnv::default()
            },
            true,
        )?;
        self.keep(state);
        let (success, gas_used) = (result.is_success(), result.tx_gas_used());
        self.gas_used = self.gas_used.saturating_add(gas_used);
        let output = match &result {
            ExecutionResult::Revert { output, .. } => output.clone(),
            _ => Bytes::new(),
        };
        let logs = result.into_logs().into_iter().map(|log| Event {
            address: log.address,
            topics: log.data.topics().to_vec(),
            data: log.data.data,
        });
        Ok(Executed { signed, success, gas_used, output, logs: logs.collect() })
    }

    /// Asks, and keeps nothing: the answer and the gas it took.
    pub(super) fn ask(&mut self, call: &Call) -> Result<(Bytes, u64), LedgerError> {
        let (result, _) = self.evm(
            TxEnv {
                caller: call.from,
                gas_limit: QUESTION_GAS,
                kind: kind(call.to),
                data: call.data.clone(),
                nonce: self.nonce(call.from),
                chain_id: Some(self.place.chain_id),
                gas_price: 0,
                ..TxEnv::default()
            },
            false,
        )?;
        let gas_used = result.tx_gas_used();
        match result {
            ExecutionResult::Success { output, .. } => Ok((output.into_data(), gas_used)),
            ExecutionResult::Revert { output, .. } => Err(LedgerError::reverted(output)),
            ExecutionResult::Halt { reason, .. } => Err(LedgerError::Invalid(format!("{reason:?}"))),
        }
    }

    fn evm(&mut self, tx: TxEnv, counted: bool) -> Result<(ExecutionResult, EvmState), LedgerError> {
        let mut cfg = CfgEnv::new_with_spec(RULES);
        cfg.chain_id = self.place.chain_id;
        cfg.disable_nonce_check = !counted;
        // A contract may be asked on behalf of another, as every node lets one.
        cfg.disable_eip3607 = !counted;
        let gas_limit = if counted { BLOCK_GAS.saturating_sub(self.gas_used) } else { BLOCK_GAS };
        let block = BlockEnv {
            number: U256::from(self.place.number),
            timestamp: U256::from(self.place.timestamp),
            gas_limit,
            basefee: 0,
            prevrandao: Some(B256::ZERO),
            ..BlockEnv::default()
        };
        let mut context: Context<BlockEnv, TxEnv, CfgEnv, &mut Self, Journal<&mut Self>, ()> =
            Context::new(self, RULES);
        context.block = block;
        context.cfg = cfg;
        let outcome = context.build_mainnet().transact(tx).map_err(|error| match error {
            EVMError::Transaction(
                InvalidTransaction::NonceTooHigh { tx, state }
                | InvalidTransaction::NonceTooLow { tx, state },
            ) => LedgerError::Nonce { next: state, given: tx },
            EVMError::Database(error) => LedgerError::Damaged(error.to_string()),
            other => LedgerError::Invalid(other.to_string()),
        })?;
        Ok((outcome.result, outcome.state))
    }

    fn keep(&mut self, state: EvmState) {
        for (address, account) in state {
            // A contract that is made and destroyed in one transaction was never there; an empty account is none.
            if !account.is_touched() || account.is_selfdestructed() || account.is_empty() {
                continue;
            }
            let kept = Account { nonce: account.info.nonce, code_hash: account.info.code_hash };
            if kept != self.account(address).unwrap_or_default() {
                self.changes.accounts.insert(address, kept);
            }
            if let Some(code) = account.info.code.as_ref().filter(|code| !code.is_empty())
                && self.state.code(kept.code_hash).is_none()
            {
                self.changes.codes.insert(kept.code_hash, code.clone());
            }
            for (key, slot) in account.changed_storage_slots() {
                self.changes.slots.insert((address, *key), slot.present_value());
            }
        }
    }

    fn account(&self, address: Address) -> Option<Account> {
        self.changes.accounts.get(&address).copied().or_else(|| self.state.account(address))
    }
}

fn kind(to: Option<Address>) -> TxKind {
    to.map_or(TxKind::Create, TxKind::Call)
}

impl Database for Builder<'_> {
    type Error = NoCode;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, NoCode> {
        let Some(account) = self.account(address) else { return Ok(None) };
        Ok(Some(AccountInfo {
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, NoCode> {
        if hash == KECCAK_EMPTY {
            return Ok(Bytecode::default());
        }
        self.changes.codes.get(&hash).or_else(|| self.state.code(hash)).cloned().ok_or(NoCode)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, NoCode> {
        let changed = self.changes.slots.get(&(address, key)).copied();
        Ok(changed.unwrap_or_else(|| self.state.slot(address, key)))
    }

    /// Always zero: no contract of ours asks, and an answer would have to be kept for replays.
    fn block_hash(&mut self, _: u64) -> Result<B256, NoCode> {
        Ok(B256::ZERO)
    }
}

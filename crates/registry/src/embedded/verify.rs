//! The whole chain run again from its first block: nothing that is written is believed.

use revm_primitives::B256;

use super::block::{Header, receipts_root, transactions_root};
use super::chain::Chain;
use super::evm::{Builder, Place};
use super::state::State;
use super::store;
use crate::ethereum::Signed;
use crate::ledger::{Ledger as _, LedgerError};

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub blocks: u64,
    pub transactions: u64,
    pub logs: u64,
    /// Accounts and slots.
    pub cells: usize,
    pub head: B256,
    pub state_root: B256,
}

/// Runs every block again and compares hashes, receipts, logs, and the state that is kept. `told` hears of every step.
pub async fn verify(chain: &Chain, told: &mut (dyn FnMut(u64) + Send)) -> Result<Verified, LedgerError> {
    let chain_id = chain.chain_id();
    let mut state = State::empty();
    let mut last: Option<(Header, B256)> = None;
    let (mut transactions, mut logs) = (0_u64, 0_u64);
    loop {
        let next = last.as_ref().map_or(0, |(header, _)| header.number.saturating_add(1));
        let blocks = store::written(chain.readers(), next).await?;
        if blocks.is_empty() {
            break;
        }
        for block in blocks {
            let number = block.header.number;
            let damaged = |what: &str| LedgerError::Damaged(format!("block {number}: {what}"));
            let (parent, earliest) =
                last.as_ref().map_or((B256::ZERO, 0), |(header, hash)| (*hash, header.timestamp));
            if number != last.as_ref().map_or(0, |(header, _)| header.number.saturating_add(1)) {
                return Err(damaged("its number does not follow"));
            }
            if block.header.parent != parent || block.header.timestamp < earliest {
                return Err(damaged("it does not follow the one before"));
            }
            let mut builder =
                Builder::new(&state, Place { chain_id, number, timestamp: block.header.timestamp });
            let mut executed = Vec::with_capacity(block.transactions.len());
            for (raw, success, gas_used, output) in &block.transactions {
                let one = builder.run(Signed::decode(raw)?)?;
                if (one.success, one.gas_used, &one.output) != (*success, *gas_used, output) {
                    return Err(damaged("a receipt says otherwise"));
                }
                executed.push(one);
            }
            let emitted = executed.iter().flat_map(|one| &one.logs);
            let same = emitted.clone().count() == block.logs.len()
                && emitted.zip(&block.logs).all(|(now, then)| {
                    (now.address, &now.topics, &now.data) == (then.address, &then.topics, &then.data)
                });
            if !same {
                return Err(damaged("its events are others"));
            }
            let gas_used = builder.gas_used;
            let after = state.after(&builder.changes);
            let header = Header {
                number,
                parent,
                timestamp: block.header.timestamp,
                gas_used,
                transactions_root: transactions_root(&executed),
                receipts_root: receipts_root(&executed),
                state_root: after.root(),
            };
            if header != block.header || header.hash(chain_id) != block.hash {
                return Err(damaged("its hash says otherwise"));
            }
            transactions = transactions.saturating_add(executed.len() as u64);
            logs = logs.saturating_add(block.logs.len() as u64);
            state = after;
            last = Some((header, block.hash));
            told(number);
        }
    }
    let (header, head) = last.ok_or_else(|| LedgerError::Damaged("there is no block".into()))?;
    let kept = store::load_state(&mut *chain.readers().acquire().await?).await?;
    // A block may have been added while the last step ran; then the next call compares.
    if store::head_number(chain.readers()).await? == header.number && kept.root() != state.root() {
        return Err(LedgerError::Damaged("the state that is kept is not what the blocks make".into()));
    }
    Ok(Verified {
        blocks: header.number.saturating_add(1),
        transactions,
        logs,
        cells: state.cells(),
        head,
        state_root: state.root(),
    })
}

//! A ledger of others whose every answer is waited for in a span. Its nodes are told nothing of the trace.

use std::sync::Arc;

use registry::ethereum::{Address, B256, Bytes, Signed};
use registry::{Block, Call, Ledger, Log, LogFilter, Pending, Receipt};

use crate::operations::traces::Span;

#[derive(Debug)]
pub(super) struct Traced(pub(super) Arc<dyn Ledger>);

fn waited<'a, T: 'a>(name: &'static str, pending: Pending<'a, T>) -> Pending<'a, T> {
    Box::pin(async move {
        let span = Span::child(name);
        let answer = pending.await;
        if let Err(error) = &answer {
            span.failed(error.code());
        }
        answer
    })
}

impl Ledger for Traced {
    fn chain_id(&self) -> u64 {
        self.0.chain_id()
    }

    fn head(&self) -> Pending<'_, Block> {
        waited("ledger head", self.0.head())
    }

    fn block(&self, number: u64) -> Pending<'_, Option<Block>> {
        waited("ledger block", self.0.block(number))
    }

    fn code(&self, address: Address) -> Pending<'_, Bytes> {
        waited("ledger code", self.0.code(address))
    }

    fn nonce(&self, address: Address) -> Pending<'_, u64> {
        waited("ledger nonce", self.0.nonce(address))
    }

    fn call(&self, call: Call) -> Pending<'_, Bytes> {
        waited("ledger call", self.0.call(call))
    }

    fn estimate(&self, call: Call) -> Pending<'_, u64> {
        waited("ledger estimate", self.0.estimate(call))
    }

    fn fee(&self) -> Pending<'_, u128> {
        waited("ledger fee", self.0.fee())
    }

    fn logs(&self, filter: LogFilter) -> Pending<'_, Vec<Log>> {
        waited("ledger logs", self.0.logs(filter))
    }

    fn receipt(&self, transaction: B256) -> Pending<'_, Option<Receipt>> {
        waited("ledger receipt", self.0.receipt(transaction))
    }

    fn send(&self, signed: Signed) -> Pending<'_, Receipt> {
        waited("ledger send", self.0.send(signed))
    }
}

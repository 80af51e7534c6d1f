//! One key at work: numbers its transactions, whoever asks at the same time.

use std::sync::Arc;

use revm_primitives::{Address, Bytes};
use tokio::sync::Mutex;

use crate::ethereum::{SecretKey, Signed, Transaction};
use crate::ledger::{Call, Ledger, LedgerError, Receipt};

/// A key and the ledger that it writes to.
#[derive(Debug)]
pub struct Sender {
    ledger: Arc<dyn Ledger>,
    key: SecretKey,
    /// The number of the next transaction, once it is known.
    next: Mutex<Option<u64>>,
}

/// An act that is ready to be signed, here or on a device that has no network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    pub transaction: Transaction,
    pub sender: Address,
}

impl Prepared {
    /// Numbers and prices an act; one that the contract would refuse is refused here, and nothing is sent.
    pub async fn new(
        ledger: &dyn Ledger,
        sender: Address,
        to: Option<Address>,
        data: Bytes,
    ) -> Result<Self, LedgerError> {
        let nonce = ledger.nonce(sender).await?;
        Self::numbered(ledger, sender, nonce, (to, data)).await
    }

    async fn numbered(
        ledger: &dyn Ledger,
        sender: Address,
        nonce: u64,
        (to, data): (Option<Address>, Bytes),
    ) -> Result<Self, LedgerError> {
        let used = ledger.estimate(Call { from: sender, to, data: data.clone() }).await?;
        let fee = ledger.fee().await?;
        let transaction = Transaction {
            chain_id: ledger.chain_id(),
            nonce,
            max_priority_fee: fee,
            max_fee: fee.saturating_mul(2),
            // What a call hands on and gets back is not in what it used.
            gas_limit: used.saturating_mul(3).saturating_div(2).saturating_add(50_000),
            to,
            data,
        };
        Ok(Self { transaction, sender })
    }
}

impl Sender {
    pub fn new(ledger: Arc<dyn Ledger>, key: SecretKey) -> Self {
        Self { ledger, key, next: Mutex::new(None) }
    }

    pub fn address(&self) -> Address {
        self.key.address()
    }

    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// Signs an act with the next number and waits until it is final. What the contract refuses is an error.
    pub async fn act(&self, to: Option<Address>, data: Bytes) -> Result<Receipt, LedgerError> {
        let signed = self.sign(to, data).await?;
        match self.ledger.send(signed).await {
            Ok(receipt) => receipt.done(),
            Err(error) => {
                // Whether the number is used up is not known: the ledger is asked before the next.
                *self.next.lock().await = None;
                Err(error)
            }
        }
    }

    async fn sign(&self, to: Option<Address>, data: Bytes) -> Result<Signed, LedgerError> {
        let mut next = self.next.lock().await;
        let nonce = match *next {
            Some(nonce) => nonce,
            None => self.ledger.nonce(self.address()).await?,
        };
        // A refusal ends here and uses no number.
        let prepared = Prepared::numbered(self.ledger.as_ref(), self.address(), nonce, (to, data)).await?;
        let signed = prepared.transaction.sign(&self.key)?;
        *next = Some(nonce.saturating_add(1));
        Ok(signed)
    }
}

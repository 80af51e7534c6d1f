//! Transactions: EIP-1559 made and read, EIP-155 legacy ones read for tools that still make them.

use revm_primitives::{Address, B256, Bytes, keccak256};

use super::key::{SecretKey, recover};
use super::rlp::{self, Item};

/// The longest transaction that is read, in bytes: a document of 8 KiB through the council, and some.
pub const MAX_TRANSACTION: usize = 64 * 1024;

/// An act, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub chain_id: u64,
    pub nonce: u64,
    pub max_priority_fee: u128,
    pub max_fee: u128,
    pub gas_limit: u64,
    /// `None` makes a contract.
    pub to: Option<Address>,
    pub data: Bytes,
}

/// A transaction with its signer, who was recovered from the signature: it exists checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub transaction: Transaction,
    pub sender: Address,
    pub hash: B256,
    /// What a chain takes.
    pub raw: Bytes,
}

/// Why bytes are no transaction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    #[error("the transaction is larger than {MAX_TRANSACTION} bytes")]
    TooLarge,
    #[error("the transaction is malformed")]
    Malformed,
    #[error("the transaction is of a kind that is not taken")]
    Kind,
    #[error("the transaction carries a value; nothing is paid here")]
    Value,
    #[error("the transaction's signature is nobody's")]
    Signature,
    #[error("the transaction is not bound to a chain")]
    Unbound,
}

impl Transaction {
    /// The transaction as EIP-1559 has it, signed.
    pub fn sign(self, key: &SecretKey) -> Result<Signed, TransactionError> {
        let mut items = self.items();
        let hash = typed_hash(&items);
        let (odd, r, s) = key.sign(&hash).ok_or(TransactionError::Signature)?;
        rlp::put_uint(&mut items, u128::from(odd));
        put_scalar(&mut items, &r);
        put_scalar(&mut items, &s);
        let mut raw = vec![2];
        raw.extend_from_slice(&rlp::list(&items));
        Ok(Signed { transaction: self, sender: key.address(), hash: keccak256(&raw), raw: raw.into() })
    }

    /// The hash that is signed: what an offline device shows and signs.
    pub fn signing_hash(&self) -> B256 {
        typed_hash(&self.items())
    }

    fn items(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len().saturating_add(128));
        rlp::put_uint(&mut out, self.chain_id.into());
        rlp::put_uint(&mut out, self.nonce.into());
        rlp::put_uint(&mut out, self.max_priority_fee);
        rlp::put_uint(&mut out, self.max_fee);
        rlp::put_uint(&mut out, self.gas_limit.into());
        rlp::put_bytes(&mut out, self.to.as_ref().map(|to| to.as_slice()).unwrap_or_default());
        rlp::put_uint(&mut out, 0); // value
        rlp::put_bytes(&mut out, &self.data);
        out.extend_from_slice(&rlp::list(&[])); // access list
        out
    }
}

impl Signed {
    /// Reads a raw transaction and finds its sender.
    pub fn decode(raw: &[u8]) -> Result<Self, TransactionError> {
        if raw.len() > MAX_TRANSACTION {
            return Err(TransactionError::TooLarge);
        }
        match raw.first() {
            Some(2) => typed(raw),
            Some(0xc0..) => legacy(raw),
            Some(_) => Err(TransactionError::Kind),
            None => Err(TransactionError::Malformed),
        }
    }

    /// The address of the contract that it makes.
    pub fn created(&self) -> Option<Address> {
        self.transaction.to.is_none().then(|| self.sender.create(self.transaction.nonce))
    }
}

fn typed(raw: &[u8]) -> Result<Signed, TransactionError> {
    let items = raw.get(1..).and_then(rlp::read_list).ok_or(TransactionError::Malformed)?;
    let [chain_id, nonce, priority, fee, gas, to, value, data, access, odd, r, s] = items.as_slice() else {
        return Err(TransactionError::Malformed);
    };
    let (Item::List(list), odd) = (*access, number::<u8>(*odd)?) else {
        return Err(TransactionError::Malformed);
    };
    // No sender of ours names storage ahead, and a list nobody reads must not slip in.
    if !list.is_empty() || odd > 1 {
        return Err(TransactionError::Kind);
    }
    let transaction = Transaction {
        chain_id: number(*chain_id)?,
        nonce: number(*nonce)?,
        max_priority_fee: number(*priority)?,
        max_fee: number(*fee)?,
        gas_limit: number(*gas)?,
        to: recipient(*to)?,
        data: content(*data, *value)?,
    };
    finish(raw, transaction.signing_hash(), transaction, odd == 1, (*r, *s))
}

fn legacy(raw: &[u8]) -> Result<Signed, TransactionError> {
    let items = rlp::read_list(raw).ok_or(TransactionError::Malformed)?;
    let [nonce, price, gas, to, value, data, v, r, s] = items.as_slice() else {
        return Err(TransactionError::Malformed);
    };
    // EIP-155: v = 35 + 2 × chain + parity. Without it the same act would hold on every chain.
    let v = number::<u64>(*v)?.checked_sub(35).ok_or(TransactionError::Unbound)?;
    let (chain_id, price) = (v / 2, number(*price)?);
    let transaction = Transaction {
        chain_id,
        nonce: number(*nonce)?,
        max_priority_fee: price,
        max_fee: price,
        gas_limit: number(*gas)?,
        to: recipient(*to)?,
        data: content(*data, *value)?,
    };
    let mut out = Vec::with_capacity(raw.len());
    rlp::put_uint(&mut out, transaction.nonce.into());
    rlp::put_uint(&mut out, price);
    rlp::put_uint(&mut out, transaction.gas_limit.into());
    rlp::put_bytes(&mut out, transaction.to.as_ref().map(|to| to.as_slice()).unwrap_or_default());
    rlp::put_uint(&mut out, 0);
    rlp::put_bytes(&mut out, &transaction.data);
    rlp::put_uint(&mut out, chain_id.into());
    rlp::put_uint(&mut out, 0);
    rlp::put_uint(&mut out, 0);
    finish(raw, keccak256(rlp::list(&out)), transaction, v % 2 == 1, (*r, *s))
}

fn finish(
    raw: &[u8],
    hash: B256,
    transaction: Transaction,
    odd: bool,
    (r, s): (Item<'_>, Item<'_>),
) -> Result<Signed, TransactionError> {
    let sender = recover(&hash, odd, &scalar(r)?, &scalar(s)?).ok_or(TransactionError::Signature)?;
    Ok(Signed { transaction, sender, hash: keccak256(raw), raw: Bytes::copy_from_slice(raw) })
}

fn typed_hash(items: &[u8]) -> B256 {
    let mut bytes = vec![2];
    bytes.extend_from_slice(&rlp::list(items));
    keccak256(bytes)
}

fn number<N: TryFrom<u128>>(item: Item<'_>) -> Result<N, TransactionError> {
    item.uint().and_then(|number| N::try_from(number).ok()).ok_or(TransactionError::Malformed)
}

fn recipient(item: Item<'_>) -> Result<Option<Address>, TransactionError> {
    match item.bytes() {
        Some([]) => Ok(None),
        Some(bytes) if bytes.len() == 20 => Ok(Some(Address::from_slice(bytes))),
        _ => Err(TransactionError::Malformed),
    }
}

fn content(data: Item<'_>, value: Item<'_>) -> Result<Bytes, TransactionError> {
    if value.bytes().is_none_or(|value| !value.is_empty()) {
        return Err(TransactionError::Value);
    }
    data.bytes().map(Bytes::copy_from_slice).ok_or(TransactionError::Malformed)
}

fn scalar(item: Item<'_>) -> Result<[u8; 32], TransactionError> {
    let bytes = item.bytes().filter(|bytes| bytes.first() != Some(&0)).ok_or(TransactionError::Malformed)?;
    let mut out = [0; 32];
    let start = out.len().checked_sub(bytes.len()).ok_or(TransactionError::Malformed)?;
    out.get_mut(start..).ok_or(TransactionError::Malformed)?.copy_from_slice(bytes);
    Ok(out)
}

fn put_scalar(out: &mut Vec<u8>, scalar: &[u8; 32]) {
    let start = scalar.iter().position(|byte| *byte != 0).unwrap_or(scalar.len());
    rlp::put_bytes(out, scalar.get(start..).unwrap_or_default());
}

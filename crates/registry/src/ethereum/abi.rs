//! The contract ABI (Solidity documentation, "Contract ABI Specification"), as far as our contracts use it: values of
//! one word, `bytes` and `string`, lists of addresses, no nesting.

use revm_primitives::{Address, B256, Bytes, U256, keccak256};

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Word(B256),
    /// `bytes` or `string`.
    Bytes(Bytes),
    /// A list of one-word values.
    List(Vec<B256>),
}

impl From<B256> for Value {
    fn from(word: B256) -> Self {
        Self::Word(word)
    }
}

impl From<Address> for Value {
    fn from(address: Address) -> Self {
        Self::Word(address.into_word())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Word(U256::from(number).into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(bytes))
    }
}

/// The first four bytes of the hash of a signature such as `pause()`.
pub fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak256(signature).0;
    [a, b, c, d]
}

/// A call: selector and arguments.
pub fn call(signature: &str, values: &[Value]) -> Bytes {
    let mut out = selector(signature).to_vec();
    out.extend_from_slice(&encode(values));
    out.into()
}

/// The arguments alone, as a constructor takes them.
pub fn encode(values: &[Value]) -> Vec<u8> {
    let mut head = Vec::with_capacity(values.len().saturating_mul(32));
    let mut tail = Vec::new();
    let start = values.len().saturating_mul(32);
    for value in values {
        match value {
            Value::Word(word) => head.extend_from_slice(word.as_slice()),
            Value::Bytes(bytes) => {
                put_number(&mut head, start.saturating_add(tail.len()));
                put_number(&mut tail, bytes.len());
                tail.extend_from_slice(bytes);
                tail.resize(tail.len().next_multiple_of(32), 0);
            }
            Value::List(words) => {
                put_number(&mut head, start.saturating_add(tail.len()));
                put_number(&mut tail, words.len());
                words.iter().for_each(|word| tail.extend_from_slice(word.as_slice()));
            }
        }
    }
    head.extend_from_slice(&tail);
    head
}

fn put_number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&U256::from(number).to_be_bytes::<32>());
}

/// Reads an answer or the data of an event; every reader returns `None` past the end or for a value out of range.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The word at a place of the head, counted from 0.
    pub fn word(self, place: usize) -> Option<B256> {
        let start = place.checked_mul(32)?;
        Some(B256::from_slice(self.0.get(start..start.checked_add(32)?)?))
    }

    pub fn uint<N: TryFrom<u64>>(self, place: usize) -> Option<N> {
        let number = U256::from_be_bytes(self.word(place)?.0);
        u64::try_from(number).ok().and_then(|number| N::try_from(number).ok())
    }

    pub fn address(self, place: usize) -> Option<Address> {
        let word = self.word(place)?;
        let (zeros, address) = word.as_slice().split_at_checked(12)?;
        zeros.iter().all(|byte| *byte == 0).then(|| Address::from_slice(address))
    }

    /// The bytes that the word at a place points to.
    pub fn bytes(self, place: usize) -> Option<&'a [u8]> {
        let start = self.uint::<usize>(place)?;
        let rest = self.0.get(start..)?;
        let length = Reader(rest).uint::<usize>(0)?;
        rest.get(32..)?.get(..length)
    }
}

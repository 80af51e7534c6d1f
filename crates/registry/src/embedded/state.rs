//! The state: accounts, code and storage, with a root that a change costs little.
//!
//! ```text
//! cell      account: 0 ‖ address ‖ nonce (8) ‖ code hash          storage: 1 ‖ address ‖ key ‖ value
//! bucket    SHA-256( "mapae bucket 1\n" ‖ its cells, sorted by address, then by key, the account before its storage )
//!           32 zero bytes where it holds none
//! group     SHA-256( "mapae group 1\n" ‖ its 64 buckets )
//! root      SHA-256( "mapae state 1\n" ‖ the 64 groups )
//! ```
//!
//! A cell lies in the bucket that the last 12 bits of its address, exclusive-or those of its key, number: the upper six
//! name the group. A state never changes: a change makes a new one that shares all untouched buckets, so that readers
//! go on with the old one while the new one is on its way to the disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use keys::Sha256;
use revm_primitives::{Address, B256, KECCAK_EMPTY, U256};
use revm_state::Bytecode;

const WIDTH: usize = 64;

/// An account: there is no balance here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) nonce: u64,
    pub(super) code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, code_hash: KECCAK_EMPTY }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Account(Account),
    Slot(U256),
}

/// `None`: the account itself.
type Key = (Address, Option<U256>);

/// `None`: the cell is gone.
type Change = (Key, Option<Cell>);

#[derive(Debug, Clone, Default)]
struct Bucket {
    cells: BTreeMap<Key, Cell>,
    hash: B256,
}

#[derive(Debug, Clone)]
struct Group {
    buckets: [Arc<Bucket>; WIDTH],
    hash: B256,
}

/// What a block changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    pub(super) accounts: BTreeMap<Address, Account>,
    /// Zero: the slot is gone.
    pub(super) slots: BTreeMap<(Address, U256), U256>,
    pub(super) codes: BTreeMap<B256, Bytecode>,
}

/// The whole state at one block.
#[derive(Debug, Clone)]
pub(super) struct State {
    groups: [Arc<Group>; WIDTH],
    codes: Arc<HashMap<B256, Bytecode>>,
    root: B256,
}

impl State {
    pub(super) fn empty() -> Self {
        let bucket = Arc::new(Bucket::default());
        let mut group = Group { buckets: std::array::from_fn(|_| Arc::clone(&bucket)), hash: B256::ZERO };
        group.rehash();
        let group = Arc::new(group);
        let mut state = Self {
            groups: std::array::from_fn(|_| Arc::clone(&group)),
            codes: Arc::default(),
            root: B256::ZERO,
        };
        state.rehash();
        state
    }

    pub(super) fn root(&self) -> B256 {
        self.root
    }

    pub(super) fn account(&self, address: Address) -> Option<Account> {
        match self.cell(&(address, None))? {
            Cell::Account(account) => Some(account),
            Cell::Slot(_) => None,
        }
    }

    pub(super) fn slot(&self, address: Address, key: U256) -> U256 {
        match self.cell(&(address, Some(key))) {
            Some(Cell::Slot(value)) => value,
            _ => U256::ZERO,
        }
    }

    pub(super) fn code(&self, hash: B256) -> Option<&Bytecode> {
        self.codes.get(&hash)
    }

    fn cell(&self, key: &Key) -> Option<Cell> {
        let (group, bucket) = place(key);
        self.groups.get(group)?.buckets.get(bucket)?.cells.get(key).copied()
    }

    /// The state after these changes.
    pub(super) fn after(&self, changes: &Changes) -> Self {
        let mut next = self.clone();
        let accounts = changes
            .accounts
            .iter()
            .map(|(address, account)| ((*address, None), Some(Cell::Account(*account))));
        let slots = changes.slots.iter().map(|((address, key), value)| {
            ((*address, Some(*key)), (!value.is_zero()).then_some(Cell::Slot(*value)))
        });
        let mut touched: BTreeMap<usize, BTreeMap<usize, Vec<Change>>> = BTreeMap::new();
        for (key, cell) in accounts.chain(slots) {
            let (group, bucket) = place(&key);
            touched.entry(group).or_default().entry(bucket).or_default().push((key, cell));
        }
        for (group, buckets) in touched {
            let Some(group) = next.groups.get_mut(group) else { continue };
            let group = Arc::make_mut(group);
            for (bucket, cells) in buckets {
                let Some(bucket) = group.buckets.get_mut(bucket) else { continue };
                let bucket = Arc::make_mut(bucket);
                for (key, cell) in cells {
                    match cell {
                        Some(cell) => bucket.cells.insert(key, cell),
                        None => bucket.cells.remove(&key),
                    };
                }
                bucket.rehash();
            }
            group.rehash();
        }
        if !changes.codes.is_empty() {
            Arc::make_mut(&mut next.codes)
                .extend(changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
        }
        next.rehash();
        next
    }

    /// How many accounts and slots there are.
    pub(super) fn cells(&self) -> usize {
        self.groups.iter().flat_map(|group| &group.buckets).map(|bucket| bucket.cells.len()).sum()
    }

    fn rehash(&mut self) {
        let mut hash = Sha256::new();
        hash.update(b"mapae state 1\n");
        self.groups.iter().for_each(|group| {
            hash.update(group.hash.as_slice());
        });
        self.root = B256::from(hash.finish());
    }
}

impl Group {
    fn rehash(&mut self) {
        let mut hash = Sha256::new();
        hash.update(b"mapae group 1\n");
        self.buckets.iter().for_each(|bucket| {
            hash.update(bucket.hash.as_slice());
        });
        self.hash = B256::from(hash.finish());
    }
}

impl Bucket {
    fn rehash(&mut self) {
        if self.cells.is_empty() {
            self.hash = B256::ZERO;
            return;
        }
        let mut hash = Sha256::new();
        hash.update(b"mapae bucket 1\n");
        for ((address, key), cell) in &self.cells {
            match cell {
                Cell::Account(account) => {
                    hash.update(&[0]);
                    hash.update(address.as_slice());
                    hash.update(&account.nonce.to_be_bytes());
                    hash.update(account.code_hash.as_slice());
                }
                Cell::Slot(value) => {
                    hash.update(&[1]);
                    hash.update(address.as_slice());
                    hash.update(&key.unwrap_or_default().to_be_bytes::<32>());
                    hash.update(&value.to_be_bytes::<32>());
                }
            }
        }
        self.hash = B256::from(hash.finish());
    }
}

fn place((address, key): &Key) -> (usize, usize) {
    let low = |bytes: &[u8]| match bytes {
        [.., high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let of_key = key.map_or(0, |key| low(&key.to_be_bytes::<32>()));
    let number = (low(address.as_slice()) ^ of_key) & 0xfff;
    (number / WIDTH, number % WIDTH)
}

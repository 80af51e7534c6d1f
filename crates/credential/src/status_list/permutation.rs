//! Which entry of a list belongs to which copy of which badge, computed instead of stored.
//!
//! A balanced or nearly balanced Feistel network over the indices of a list: ten rounds, each keyed by SHA-256 over
//! (key, round, half). It is a bijection whatever the round function is, so no index is ever given twice; and without
//! the key the indices of one badge look like any others. Two copies of a badge share nothing that a verifier sees.

use keys::{Zeroizing, sha256};

/// Rounds of the network; even, so that unequal halves end where they began.
const ROUNDS: u8 = 10;

/// Why there is no such permutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PermutationError {
    #[error("a list has 2^2 to 2^24 entries")]
    Bits,
    #[error("a badge has at least one copy and at most as many as the list has entries")]
    Copies,
}

/// (slot, copy) ↔ index over a list of 2^`bits` entries.
#[derive(Clone)]
pub struct Permutation {
    key: Zeroizing<[u8; 32]>,
    /// Width of the left half; the right half has the rest.
    left: u32,
    right: u32,
    copies: u32,
}

impl Permutation {
    /// `bits`: binary logarithm of the entries. `copies`: how many entries each slot has in the list, over all batches
    /// of its week.
    pub fn new(key: [u8; 32], bits: u8, copies: u32) -> Result<Self, PermutationError> {
        if !(2..=24).contains(&bits) {
            return Err(PermutationError::Bits);
        }
        if copies == 0 || copies > 1 << bits {
            return Err(PermutationError::Copies);
        }
        let left = u32::from(bits) / 2;
        Ok(Self { key: Zeroizing::new(key), left, right: u32::from(bits) - left, copies })
    }

    /// How many badges fit into the list.
    pub fn slots(&self) -> u32 {
        self.entries() / self.copies
    }

    /// How many entries each badge has in the list.
    pub fn copies(&self) -> u32 {
        self.copies
    }

    /// How many entries the list has.
    pub fn entries(&self) -> u32 {
        1 << (self.left + self.right)
    }

    /// The index of a copy, or `None` when slot or copy lie outside the list.
    pub fn index(&self, slot: u32, copy: u32) -> Option<u32> {
        if slot >= self.slots() || copy >= self.copies {
            return None;
        }
        Some(self.forward(slot * self.copies + copy))
    }

    /// The slot and copy of an index, or `None` when it lies outside the list or belongs to no slot.
    pub fn slot_of(&self, index: u32) -> Option<(u32, u32)> {
        if index >= self.entries() {
            return None;
        }
        let at = self.backward(index);
        let slot = at / self.copies;
        (slot < self.slots()).then_some((slot, at % self.copies))
    }

    fn forward(&self, value: u32) -> u32 {
        let mut halves = self.split(value);
        for round in 0..ROUNDS {
            halves = self.round(round, halves);
        }
        self.join(halves)
    }

    fn backward(&self, index: u32) -> u32 {
        let mut halves = self.split(index);
        for round in (0..ROUNDS).rev() {
            halves = self.round(round, halves);
        }
        self.join(halves)
    }

    /// One half masked by the other, alternately; each round is its own inverse.
    fn round(&self, round: u8, (left, right): (u32, u32)) -> (u32, u32) {
        if round.is_multiple_of(2) {
            (left ^ self.mask(round, right, self.left), right)
        } else {
            (left, right ^ self.mask(round, left, self.right))
        }
    }

    fn mask(&self, round: u8, half: u32, width: u32) -> u32 {
        let mut input = [0; 37];
        let (key, rest) = input.split_at_mut(32);
        key.copy_from_slice(self.key.as_slice());
        let (tag, number) = rest.split_at_mut(1);
        tag.fill(round);
        number.copy_from_slice(&half.to_be_bytes());
        let [a, b, c, d, ..] = sha256(&input);
        u32::from_be_bytes([a, b, c, d]) & ((1 << width) - 1)
    }

    fn split(&self, value: u32) -> (u32, u32) {
        (value >> self.right, value & ((1 << self.right) - 1))
    }

    fn join(&self, (left, right): (u32, u32)) -> u32 {
        left << self.right | right
    }
}

impl std::fmt::Debug for Permutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Permutation(2^{} entries, {} copies)", self.left + self.right, self.copies)
    }
}

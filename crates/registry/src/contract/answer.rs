//! What the reading calls answer.

use revm_primitives::{Address, B256};

use super::State;
use crate::ethereum::abi::Reader;

/// Answer of `agencyOf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agency {
    pub controller: Address,
    pub version: u32,
    /// The block of the last change.
    pub changed_at: u64,
    pub state: State,
    /// SHA-256 of the document.
    pub document_hash: B256,
}

impl Agency {
    pub fn read(answer: &[u8]) -> Option<Self> {
        let reader = Reader(answer);
        Some(Self {
            controller: reader.address(0)?,
            version: reader.uint(1)?,
            changed_at: reader.uint(2)?,
            state: State::of(reader.uint(3)?)?,
            document_hash: reader.word(4)?,
        })
    }
}

/// Answer of `accreditationOf`. Times in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accreditation {
    pub from: u64,
    pub until: u64,
    pub ended_at: u64,
    pub version: u32,
    pub state: State,
    /// SHA-256 of the registrar's statement.
    pub statement_hash: B256,
}

impl Accreditation {
    pub fn read(answer: &[u8]) -> Option<Self> {
        let reader = Reader(answer);
        Some(Self {
            from: reader.uint(0)?,
            until: reader.uint(1)?,
            ended_at: reader.uint(2)?,
            version: reader.uint(3)?,
            state: State::of(reader.uint(4)?)?,
            statement_hash: reader.word(5)?,
        })
    }
}

/// Answer of `schemaOf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    pub version: u32,
    pub hash: B256,
}

impl Schema {
    pub fn read(answer: &[u8]) -> Option<Self> {
        Some(Self { version: Reader(answer).uint(0)?, hash: Reader(answer).word(1)? })
    }
}

/// Answer of `statusLists` (position: minutes since 1970) and `checkpointOf` (position: size of the log).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub position: u64,
    pub root: B256,
}

impl Anchor {
    pub fn read(answer: &[u8]) -> Option<Self> {
        Some(Self { position: Reader(answer).uint(0)?, root: Reader(answer).word(1)? })
    }
}

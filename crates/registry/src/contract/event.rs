//! What the registry tells. Every write has an event.

use revm_primitives::{Address, B256, Bytes, keccak256};

use super::Code;
use crate::ethereum::abi::Reader;
use crate::ledger::Log;

/// The first topic of each event: the hash of its signature.
pub mod topic {
    use super::*;

    macro_rules! topics {
        ($($name:ident = $signature:literal;)*) => {$(
            pub fn $name() -> B256 {
                static HASH: std::sync::OnceLock<B256> = std::sync::OnceLock::new();
                *HASH.get_or_init(|| keccak256($signature))
            }
        )*};
    }

    topics! {
        agency_document = "AgencyDocument(bytes32,uint32,address,bytes32,uint48,bytes)";
        agency_controller = "AgencyController(bytes32,address,address)";
        agency_deactivated = "AgencyDeactivated(bytes32,uint32,address,uint48)";
        accredited = "Accredited(bytes32,bytes32,bytes32,uint32,uint64,uint64,bytes)";
        retired = "AccreditationRetired(bytes32,bytes32,bytes32,uint64,address)";
        revoked = "AccreditationRevoked(bytes32,bytes32,bytes32,uint64,address)";
        schema_set = "SchemaSet(bytes32,uint32,bytes32,string)";
        status_lists_anchored = "StatusListsAnchored(uint64,bytes32,uint32)";
        checkpoint_anchored = "CheckpointAnchored(bytes32,uint64,bytes32)";
    }
}

/// An event that readers of the registry follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Document {
        agency: Code,
        version: u32,
        hash: B256,
        previous: u64,
        document: Bytes,
    },
    Controller {
        agency: Code,
        controller: Address,
    },
    Deactivated {
        agency: Code,
        version: u32,
        previous: u64,
    },
    Accredited {
        agency: Code,
        credential_type: B256,
        key: B256,
        version: u32,
        period: (u64, u64),
        statement: Bytes,
    },
    Retired {
        agency: Code,
        credential_type: B256,
        key: B256,
        at: u64,
    },
    Revoked {
        agency: Code,
        credential_type: B256,
        key: B256,
        at: u64,
    },
    Schema {
        credential_type: B256,
        version: u32,
        hash: B256,
        vct: String,
    },
    StatusLists {
        minute: u64,
        root: B256,
        lists: u32,
    },
    Checkpoint {
        origin: B256,
        size: u64,
        root: B256,
    },
}

impl Event {
    /// The event that a log holds; `None` for others and for what is malformed.
    pub fn read(log: &Log) -> Option<Self> {
        let reader = Reader(&log.data);
        let topics = |place: usize| log.topics.get(place).copied();
        let number = |place: usize| Reader(topics(place)?.as_slice()).uint::<u64>(0);
        let version = |place: usize| number(place).and_then(|number| u32::try_from(number).ok());
        let agency = || Code::from_word(topics(1)?);
        let kind = topics(0)?;
        let event = if kind == topic::agency_document() {
            let document = Bytes::copy_from_slice(reader.bytes(2)?);
            let (hash, previous) = (reader.word(0)?, reader.uint(1)?);
            Self::Document { agency: agency()?, version: version(2)?, hash, previous, document }
        } else if kind == topic::agency_controller() {
            Self::Controller { agency: agency()?, controller: Reader(topics(2)?.as_slice()).address(0)? }
        } else if kind == topic::agency_deactivated() {
            Self::Deactivated { agency: agency()?, version: version(2)?, previous: reader.uint(0)? }
        } else if kind == topic::accredited() {
            Self::Accredited {
                agency: agency()?,
                credential_type: topics(2)?,
                key: topics(3)?,
                version: reader.uint(0)?,
                period: (reader.uint(1)?, reader.uint(2)?),
                statement: Bytes::copy_from_slice(reader.bytes(3)?),
            }
        } else if kind == topic::retired() {
            let (credential_type, key) = (topics(2)?, topics(3)?);
            Self::Retired { agency: agency()?, credential_type, key, at: reader.uint(0)? }
        } else if kind == topic::revoked() {
            let (credential_type, key) = (topics(2)?, topics(3)?);
            Self::Revoked { agency: agency()?, credential_type, key, at: reader.uint(0)? }
        } else if kind == topic::schema_set() {
            let vct = String::from_utf8(reader.bytes(1)?.to_vec()).ok()?;
            Self::Schema { credential_type: topics(1)?, version: version(2)?, hash: reader.word(0)?, vct }
        } else if kind == topic::status_lists_anchored() {
            Self::StatusLists { minute: number(1)?, root: reader.word(0)?, lists: reader.uint(1)? }
        } else if kind == topic::checkpoint_anchored() {
            Self::Checkpoint { origin: topics(1)?, size: number(2)?, root: reader.word(0)? }
        } else {
            return None;
        };
        Some(event)
    }
}

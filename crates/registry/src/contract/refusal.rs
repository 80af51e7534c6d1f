//! Why the contracts refuse: their custom errors, by name.

use revm_primitives::Bytes;

use crate::ethereum::abi::selector;

/// A refusal of the registry or the council.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the registry refuses: {name}")]
pub struct Refusal {
    /// The error's name in the contract, for example `VersionConflict`.
    pub name: &'static str,
    /// The whole of what it said.
    pub data: Bytes,
}

const SIGNATURES: &[&str] = &[
    "AgencyExists(bytes32)",
    "AgencyUnknown(bytes32)",
    "AgencyInactive(bytes32)",
    "NotTheAgency(bytes32,address)",
    "VersionConflict(uint32,uint32)",
    "DocumentSize(uint256,uint256)",
    "PeriodInvalid(uint64,uint64)",
    "AccreditationUnknown(bytes32,bytes32,bytes32)",
    "AccreditationEnded(uint8)",
    "AnchorStale(uint64,uint64)",
    "ValueMissing()",
    "NotOffered(bytes32,address,address)",
    "LastRegistrar()",
    "AccessControlUnauthorizedAccount(address,bytes32)",
    "AccessControlBadConfirmation()",
    "EnforcedPause()",
    "ExpectedPause()",
    "NotMember(address)",
    "NotCouncil()",
    "MemberInvalid(address)",
    "ThresholdInvalid(uint8,uint8)",
    "ActDone(bytes32)",
    "ActExpired(bytes32)",
    "ApprovedBefore(bytes32,address)",
    "TargetInvalid(address)",
];

impl Refusal {
    /// The refusal that the data of a revert holds; `None` for data that no contract of ours makes.
    pub fn read(data: &[u8]) -> Option<Self> {
        let selected = data.get(..4)?;
        let signature = SIGNATURES.iter().find(|signature| selector(signature) == selected)?;
        Some(Self {
            name: signature.split('(').next().unwrap_or(signature),
            data: Bytes::copy_from_slice(data),
        })
    }
}

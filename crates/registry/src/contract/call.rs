//! The data of each call. Writing ones are signed by whoever may; reading ones go to [`crate::Ledger::call`].

use revm_primitives::{Address, B256, Bytes};

use super::{Code, Role};
use crate::ethereum::abi::{self, Value};

/// Agency, credential type and key: what an accreditation is about.
pub type Triple = (Code, B256, B256);

pub fn register_agency(agency: Code, controller: Address, document: &[u8]) -> Bytes {
    abi::call(
        "registerAgency(bytes32,address,bytes)",
        &[agency.word().into(), controller.into(), document.into()],
    )
}

pub fn update_document(agency: Code, version: u32, document: &[u8]) -> Bytes {
    abi::call(
        "updateDocument(bytes32,uint32,bytes)",
        &[agency.word().into(), u64::from(version).into(), document.into()],
    )
}

pub fn set_controller(agency: Code, controller: Address) -> Bytes {
    abi::call("setController(bytes32,address)", &[agency.word().into(), controller.into()])
}

pub fn deactivate_agency(agency: Code) -> Bytes {
    abi::call("deactivateAgency(bytes32)", &[agency.word().into()])
}

/// `from` and `until`: seconds since 1970.
pub fn accredit(
    (agency, credential_type, key): Triple,
    version: u32,
    (from, until): (u64, u64),
    statement: &[u8],
) -> Bytes {
    abi::call(
        "accredit(bytes32,bytes32,bytes32,uint32,uint64,uint64,bytes)",
        &[
            agency.word().into(),
            credential_type.into(),
            key.into(),
            u64::from(version).into(),
            from.into(),
            until.into(),
            statement.into(),
        ],
    )
}

/// `end`: seconds since 1970.
pub fn retire((agency, credential_type, key): Triple, end: u64) -> Bytes {
    abi::call(
        "retire(bytes32,bytes32,bytes32,uint64)",
        &[agency.word().into(), credential_type.into(), key.into(), end.into()],
    )
}

pub fn revoke((agency, credential_type, key): Triple) -> Bytes {
    abi::call("revoke(bytes32,bytes32,bytes32)", &[agency.word().into(), credential_type.into(), key.into()])
}

pub fn set_schema(vct: &str, version: u32, hash: B256) -> Bytes {
    abi::call(
        "setSchema(string,uint32,bytes32)",
        &[vct.as_bytes().into(), u64::from(version).into(), hash.into()],
    )
}

pub fn anchor_status_lists(minute: u64, root: B256, lists: u32) -> Bytes {
    abi::call(
        "anchorStatusLists(uint64,bytes32,uint32)",
        &[minute.into(), root.into(), u64::from(lists).into()],
    )
}

pub fn anchor_checkpoint(origin: B256, size: u64, root: B256) -> Bytes {
    abi::call("anchorCheckpoint(bytes32,uint64,bytes32)", &[origin.into(), size.into(), root.into()])
}

pub fn grant_role(role: Role, to: Address) -> Bytes {
    abi::call("grantRole(bytes32,address)", &[role.word().into(), to.into()])
}

pub fn revoke_role(role: Role, from: Address) -> Bytes {
    abi::call("revokeRole(bytes32,address)", &[role.word().into(), from.into()])
}

pub fn renounce_role(role: Role, own: Address) -> Bytes {
    abi::call("renounceRole(bytes32,address)", &[role.word().into(), own.into()])
}

pub fn offer_role(role: Role, to: Address) -> Bytes {
    abi::call("offerRole(bytes32,address)", &[role.word().into(), to.into()])
}

pub fn take_role(role: Role, from: Address) -> Bytes {
    abi::call("takeRole(bytes32,address)", &[role.word().into(), from.into()])
}

pub fn pause() -> Bytes {
    abi::call("pause()", &[])
}

pub fn unpause() -> Bytes {
    abi::call("unpause()", &[])
}

pub fn network() -> Bytes {
    abi::call("network()", &[])
}

pub fn paused() -> Bytes {
    abi::call("paused()", &[])
}

pub fn has_role(role: Role, who: Address) -> Bytes {
    abi::call("hasRole(bytes32,address)", &[role.word().into(), who.into()])
}

pub fn agency_of(agency: Code) -> Bytes {
    abi::call("agencyOf(bytes32)", &[agency.word().into()])
}

pub fn accreditation_of((agency, credential_type, key): Triple) -> Bytes {
    abi::call(
        "accreditationOf(bytes32,bytes32,bytes32)",
        &[agency.word().into(), credential_type.into(), key.into()],
    )
}

pub fn schema_of(credential_type: B256) -> Bytes {
    abi::call("schemaOf(bytes32)", &[credential_type.into()])
}

pub fn status_lists() -> Bytes {
    abi::call("statusLists()", &[])
}

pub fn checkpoint_of(origin: B256) -> Bytes {
    abi::call("checkpointOf(bytes32)", &[origin.into()])
}

/// A member's approval of an act by the council: the one that reaches the threshold carries it out.
pub fn approve(salt: B256, target: Address, data: &[u8]) -> Bytes {
    abi::call("approve(bytes32,address,bytes)", &[salt.into(), target.into(), Value::from(data)])
}

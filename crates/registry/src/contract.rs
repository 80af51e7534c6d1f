//! `contracts/Registry.sol` and `Council.sol` seen from Rust: what is called, what is told, what is refused.

mod answer;
pub mod call;
mod event;
mod refusal;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use revm_primitives::{Address, B256, Bytes, keccak256};
use serde::Deserialize;

use crate::ethereum::abi::{self, Value};

pub use answer::{Accreditation, Agency, Anchor, Schema};
pub use event::{Event, topic};
pub use refusal::Refusal;

/// The longest DID document or statement, in bytes.
pub const MAX_DOCUMENT: usize = 8192;

/// A contract as it was compiled (`cargo xtask contracts`).
#[derive(Debug)]
pub struct Artifact {
    /// What a transaction carries to make it, without the arguments.
    pub bytecode: Bytes,
    /// What stands on the chain afterwards.
    pub deployed: Bytes,
    /// Its hash, by which a client knows that it talks to this very contract.
    pub code_hash: B256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Compiled {
    bytecode: String,
    deployed_bytecode: String,
}

fn artifact(text: &str) -> Option<Artifact> {
    let compiled: Compiled = serde_json::from_str(text).ok()?;
    let bytecode: Bytes = keys::encoding::hex_decode(&compiled.bytecode).ok()?.into();
    let deployed: Bytes = keys::encoding::hex_decode(&compiled.deployed_bytecode).ok()?.into();
    let code_hash = keccak256(&deployed);
    Some(Artifact { bytecode, deployed, code_hash })
}

/// The registry's bytecode, built in; `None` only if the program was built around a broken file.
pub fn registry() -> Option<&'static Artifact> {
    static BUILT: OnceLock<Option<Artifact>> = OnceLock::new();
    BUILT.get_or_init(|| artifact(include_str!("../../../contracts/out/Registry.json"))).as_ref()
}

/// The council's bytecode, built in.
pub fn council() -> Option<&'static Artifact> {
    static BUILT: OnceLock<Option<Artifact>> = OnceLock::new();
    BUILT.get_or_init(|| artifact(include_str!("../../../contracts/out/Council.json"))).as_ref()
}

/// What a transaction carries to make a registry of this network.
pub fn deploy_registry(network: Code, registrar: Address, anchorer: Address) -> Option<Bytes> {
    deploy(registry()?, &[network.word().into(), registrar.into(), anchorer.into()])
}

/// What a transaction carries to make a council.
pub fn deploy_council(members: &[Address], threshold: u8) -> Option<Bytes> {
    let members = members.iter().map(|member| member.into_word()).collect();
    deploy(council()?, &[Value::List(members), Value::from(u64::from(threshold))])
}

fn deploy(artifact: &Artifact, arguments: &[Value]) -> Option<Bytes> {
    let mut out = artifact.bytecode.to_vec();
    out.extend_from_slice(&abi::encode(arguments));
    Some(out.into())
}

/// A short name in one word: an institution code or a network, 1 to 32 of `a`–`z`, `0`–`9`, `-`, as DIDs have it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(B256);

impl Code {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        fits.then(|| Self(B256::right_padding_from(text.as_bytes())))
    }

    /// The code that a word on the chain holds.
    pub fn from_word(word: B256) -> Option<Self> {
        let end = word.iter().rposition(|byte| *byte != 0)?;
        let text = std::str::from_utf8(word.get(..=end)?).ok()?;
        Self::parse(text)
    }

    pub fn word(self) -> B256 {
        self.0
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(32);
        f.write_str(self.0.get(..end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default())
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code({self})")
    }
}

/// The name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Registrar,
    Anchorer,
}

impl Role {
    pub fn word(self) -> B256 {
        match self {
            Self::Registrar => keccak256("REGISTRAR"),
            Self::Anchorer => keccak256("ANCHORER"),
        }
    }
}

/// What became of an agency or an accreditation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Unknown,
    Active,
    Retired,
    Revoked,
}

impl State {
    fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Unknown),
            1 => Some(Self::Active),
            2 => Some(Self::Retired),
            3 => Some(Self::Revoked),
            _ => None,
        }
    }
}

/// The word under which the chain knows a credential type.
pub fn credential_type(vct: &str) -> B256 {
    B256::from(keys::sha256(vct.as_bytes()))
}

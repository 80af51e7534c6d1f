//! What a verifier asks of a presentation. There is no default: what is not checked is written down.

use crate::path::ClaimPath;

/// The checks that a verifier makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which credential types.
    pub types: AcceptedTypes,
    /// Claims that must be told.
    pub required: Vec<ClaimPath>,
    /// Whether the presenter must prove to be the holder.
    pub holder_binding: HolderBinding,
    /// What about suspension and revocation.
    pub status: StatusRule,
}

/// Which credential types a verifier takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptedTypes {
    /// `vct` or one of `aka_vcts` is among these.
    OneOf(Vec<String>),
    /// Waived: whatever the trust source accredits.
    Any,
}

impl AcceptedTypes {
    pub(crate) fn take(&self, vct: &str, aka_vcts: &[String]) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(types) => types.iter().any(|t| t == vct || aka_vcts.contains(t)),
        }
    }
}

/// Whether the presenter must prove to be the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderBinding {
    /// By a key binding JWT of the `cnf` key, not older than `max_age` seconds.
    Required { max_age: i64 },
    /// Waived: whoever has the text passes.
    Waived,
}

/// What a verifier does about suspension and revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusRule {
    /// The list is asked.
    Checked {
        /// Seconds since the list was signed, at most.
        max_age: i64,
        /// What to do when the list can't be had or is too old.
        unknown: Unproven,
        /// What to do when the credential names no list.
        absent: Unproven,
    },
    /// Waived: a suspended badge passes.
    Waived,
}

/// What to do where nothing is proven either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    Refuse,
    /// Accept, and say so in the result.
    Accept,
}

/// A check that was not made, or whose answer did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiver {
    Type,
    HolderBinding,
    Status,
    UnknownStatus,
    AbsentStatus,
}

impl Policy {
    pub(crate) fn waivers(&self) -> Vec<Waiver> {
        let mut waived = Vec::new();
        if self.types == AcceptedTypes::Any {
            waived.push(Waiver::Type);
        }
        if self.holder_binding == HolderBinding::Waived {
            waived.push(Waiver::HolderBinding);
        }
        if self.status == StatusRule::Waived {
            waived.push(Waiver::Status);
        }
        waived
    }
}

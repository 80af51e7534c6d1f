//! The registrar's statement: that an issuer may issue a type with a key for a time, signed by hands that no server has.
//!
//! A statement is one compact JWS for each member of the registrar who signed, a space between them; they all say the
//! same, byte for byte. It counts when enough members did.

use std::collections::BTreeSet;

use keys::jws::{self, Header, JwsError, Typ, Unverified};
use keys::{PublicKey, Signer};
use serde::{Deserialize, Serialize};

use super::TrustEntry;
use crate::types::Bilingual;

/// `typ` of a statement.
pub const STATEMENT_TYP: &str = "mapae-accreditation+jwt";
/// The longest statement that is read, in bytes: what an event on the ledger holds.
pub const MAX_STATEMENT: usize = 8_192;

/// What is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The agency's DID.
    pub sub: String,
    /// `iss` of its credentials.
    pub issuer: String,
    pub name: Bilingual,
    /// RFC 7638 thumbprint of the issuing key, base64url.
    pub jkt: String,
    pub vct: String,
    /// Seconds since 1970.
    pub from: i64,
    pub until: i64,
}

/// Why a statement does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("the statement is malformed")]
    Malformed,
    #[error("the statement is signed by {signed} of the {needed} members of the registrar that it takes")]
    Unsigned { signed: usize, needed: usize },
    #[error(transparent)]
    Sign(#[from] keys::SignError),
}

/// Whose statements count: the members' keys, and how many of them it takes.
#[derive(Debug, Clone)]
pub struct Registrar {
    members: Vec<PublicKey>,
    needed: usize,
}

impl Registrar {
    /// `None` where nobody, or nobody alive, could ever sign.
    pub fn new(members: Vec<PublicKey>, needed: usize) -> Option<Self> {
        let names: BTreeSet<String> = members.iter().map(PublicKey::thumbprint).collect();
        (needed >= 1 && needed <= names.len() && names.len() == members.len())
            .then_some(Self { members, needed })
    }

    pub fn members(&self) -> &[PublicKey] {
        &self.members
    }

    pub fn needed(&self) -> usize {
        self.needed
    }

    /// Reads a statement that enough members signed.
    pub fn read(&self, text: &str) -> Result<Statement, StatementError> {
        if text.len() > MAX_STATEMENT {
            return Err(StatementError::Malformed);
        }
        let mut signers = BTreeSet::new();
        let mut said: Option<Vec<u8>> = None;
        for part in text.split(' ') {
            let unverified = Unverified::parse(part, MAX_STATEMENT).map_err(|_| StatementError::Malformed)?;
            let kid = unverified.header().kid.clone().unwrap_or_default();
            let Some(member) = self.members.iter().find(|member| member.thumbprint() == kid) else {
                continue;
            };
            let Ok(verified) = unverified.verify(member, Typ::Is(STATEMENT_TYP)) else { continue };
            let payload = verified.into_payload();
            if said.as_ref().is_some_and(|said| *said != payload) {
                return Err(StatementError::Malformed);
            }
            said = Some(payload);
            signers.insert(kid);
        }
        let signed = signers.len();
        match said {
            Some(payload) if signed >= self.needed => {
                keys::strict_json::parse(&payload).map_err(|_| StatementError::Malformed)
            }
            _ => Err(StatementError::Unsigned { signed, needed: self.needed }),
        }
    }

    /// Whether an entry grants no more than its statement does.
    pub fn vouches_for(&self, entry: &TrustEntry) -> bool {
        let Some(Ok(statement)) = entry.statement.as_deref().map(|text| self.read(text)) else {
            return false;
        };
        let same = statement.issuer == entry.issuer
            && statement.name == entry.name
            && statement.jkt == entry.jkt
            && entry.vcts.iter().all(|vct| *vct == statement.vct);
        same && entry.from >= statement.from && entry.until.is_some_and(|until| until <= statement.until)
    }
}

impl Statement {
    /// One member's signature; several are joined by a space.
    pub fn sign(&self, member: &dyn Signer) -> Result<String, StatementError> {
        let payload = serde_json::to_vec(self).map_err(|_| StatementError::Malformed)?;
        let header = Header::es256(STATEMENT_TYP).with_kid(member.public_key().thumbprint());
        jws::sign(member, &header, &payload).map_err(|error| match error {
            JwsError::Sign(error) => StatementError::Sign(error),
            _ => StatementError::Malformed,
        })
    }
}

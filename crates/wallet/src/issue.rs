//! Receiving credentials: the holder's side of OpenID4VCI 1.0. (The flow itself, and `mapae wallet`, land together with `present` from the branch `holder`.)

use serde::{Deserialize, Serialize};

use crate::ports::KeyHandle;
use crate::secret::Secret;

/// One copy of a credential, with the key it is bound to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Copy {
    /// The credential as issued (`dc+sd-jwt`: compact, with all disclosures).
    pub credential: Secret,
    /// The holder key.
    pub key: KeyHandle,
    /// How often it was shown.
    #[serde(default)]
    pub shown: u32,
}

/// A credential in one or more copies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holding {
    /// The wallet's own id for it.
    pub id: String,
    /// Credential issuer identifier.
    pub issuer: String,
    /// Credential configuration id at that issuer.
    pub configuration: String,
    /// `dc+sd-jwt`
    pub format: String,
    /// Credential type.
    pub vct: String,
    /// The copies, unused ones first.
    pub copies: Vec<Copy>,
}

/// An issuance that is not finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Issuing {}

//! The gate pass: asked for silently, on the device key, while the badge is good.

use keys::Jwk;
use serde::{Deserialize, Serialize};

use super::Message;

/// Asks for a gate pass for a key that is used for nothing else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GatePassRequest {
    /// The gate key.
    pub key: Jwk,
    /// Compact JWS, ES256, by the gate key, `typ` [`GATE_KEY_PROOF_TYP`]; payload: [`GateKeyProof`].
    pub proof: String,
}

impl Message for GatePassRequest {
    const TYP: &'static str = "mapae-gate-pass-request+jwt";
}

/// Shows that this phone has the gate key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateKeyProof {
    /// The wallet provider's base URL.
    pub aud: String,
    /// Account id.
    pub subject: String,
    /// Seconds since 1970.
    pub iat: i64,
}

/// `typ` of [`GateKeyProof`].
pub const GATE_KEY_PROOF_TYP: &str = "mapae-gate-key-proof+jwt";

/// A gate pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GatePassGiven {
    /// The pass as it was signed, base64url.
    pub pass: String,
    /// When it ends, seconds since 1970; at most a day from now.
    pub expires: i64,
    /// Keys whose signature makes a reader one of ours.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Object>))]
    pub authorities: Vec<Jwk>,
}

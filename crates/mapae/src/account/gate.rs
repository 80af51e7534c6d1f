//! The gate pass of a phone: asked for on the device key alone, given while account and badge are good.

use axum::http::StatusCode;
use keys::PublicKey;
use keys::jws::{Typ, Unverified};
use wallet::account::messages::{
    GATE_KEY_PROOF_TYP, GateKeyProof, GatePassGiven, GatePassRequest, MAX_CLOCK_SKEW_S, code,
};

use super::device::{self, FromDevice};
use super::error::DeviceRefusal;
use crate::gates::badge::{PassRefusal, give_pass};
use crate::operations::{Platform, Problem, limits};

/// A pass for the gate key that the phone proves to have. The device key is never one: what opens doors without the person
/// must not sign for the account.
pub(super) async fn gate_pass(platform: &Platform, text: &str) -> Result<GatePassGiven, Problem> {
    let FromDevice { account, signed } = device::verify::<GatePassRequest>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    const REFUSED: DeviceRefusal = DeviceRefusal::Malformed("gate key");
    let key = PublicKey::from_jwk(&signed.message.key).map_err(|_| REFUSED)?;
    let proof: GateKeyProof = Unverified::parse(&signed.message.proof, limits::TOKEN_BYTES.size())
        .and_then(|proof| proof.verify(&key, Typ::Is(GATE_KEY_PROOF_TYP)))
        .and_then(|proof| proof.claims())
        .map_err(|_| REFUSED)?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let fresh = now_s.abs_diff(proof.iat) <= MAX_CLOCK_SKEW_S.unsigned_abs();
    let right = proof.aud == platform.wallet_provider() && proof.subject == account.id && fresh;
    if !right || key == account.device_key {
        return Err(REFUSED.into());
    }
    give_pass(platform, &account.id, key).await.map_err(|refusal| match refusal {
        PassRefusal::NoBadge => Problem::new(StatusCode::CONFLICT, code::NO_BADGE),
        PassRefusal::Store(error) => error.into(),
        PassRefusal::Internal(cause) => Problem::internal(cause),
    })
}

//! Who asks at the token endpoint and at the endpoint for pushed requests: the wallet's attestation and its DPoP proof.

use http::{HeaderMap, HeaderName};
use openid::attestation::{self, AttestedClient};
use openid::dpop::{self, BoundToken, VerifiedProof};
use openid::{Code, OAuthError};

use super::refusal::Refused;
use super::{AttestationPolicy, attesters, nonce};
use crate::operations::store::{StoreError, Tx};
use crate::operations::{Platform, once};

/// The wallet, as far as the policy wants to know it (attestation-based client authentication).
pub(super) fn attested(
    platform: &Platform,
    headers: &HeaderMap,
    client_id: Option<&str>,
) -> Result<Option<AttestedClient>, Refused> {
    let attestation = single(headers, &HeaderName::from_static("oauth-client-attestation"))?;
    let pop = single(headers, &HeaderName::from_static("oauth-client-attestation-pop"))?;
    match platform.config.issuance.wallet_attestation {
        AttestationPolicy::Off => return Ok(None),
        AttestationPolicy::Accepted if attestation.is_none() && pop.is_none() => return Ok(None),
        AttestationPolicy::Accepted | AttestationPolicy::Required => {}
    }
    let now_ms = platform.now_ms();
    let attester = attesters::of(platform, now_ms);
    let expected = attestation::Expected {
        audience: platform.config.public.origin(),
        client_id,
        attesters: &attester,
        challenge: None,
        max_age: None,
        now: now_ms.div_euclid(1000),
    };
    Ok(Some(attestation::verify(attestation, pop, &expected)?))
}

/// The DPoP proof of a request to `path`; with `token`, for that token.
pub(super) fn dpop_proof(
    platform: &Platform,
    headers: &HeaderMap,
    path: &str,
    token: Option<BoundToken<'_>>,
) -> Result<VerifiedProof, Refused> {
    let now_ms = platform.now_ms();
    let known = |text: &str| nonce::is_dpop_nonce(platform, text, now_ms);
    let url = format!("{}{path}", platform.config.public.origin());
    let expected = dpop::Expected {
        method: "POST",
        url: &url,
        token,
        nonce: Some(&known),
        now: now_ms.div_euclid(1000),
    };
    let proof = single(headers, &HeaderName::from_static("dpop"))
        .map_err(|_| OAuthError::new(Code::InvalidDpopProof, "exactly one DPoP header is expected"))?;
    Ok(dpop::verify(proof, &expected)?)
}

/// What of a request may count only once.
#[derive(Debug)]
pub(super) struct Proofs {
    pub(super) dpop: Option<VerifiedProof>,
    pub(super) wallet: Option<AttestedClient>,
}

impl Proofs {
    /// Consumes them; `Some` is the refusal of the one that was used before.
    pub(super) async fn consume(&self, tx: &mut Tx) -> Result<Option<OAuthError>, StoreError> {
        if let Some(proof) = &self.dpop {
            let until_ms = proof.replay_until().saturating_mul(1000);
            if !once::consume(tx, dpop::HEADER, proof.replay_id(), until_ms).await? {
                return Ok(Some(dpop::Refusal::Replayed.into()));
            }
        }
        if let Some(wallet) = &self.wallet {
            let until_ms = wallet.replay_until().saturating_mul(1000);
            if !once::consume(tx, attestation::POP_HEADER, wallet.replay_id(), until_ms).await? {
                return Ok(Some(attestation::Refusal::Replayed.into()));
            }
        }
        Ok(None)
    }

    /// Thumbprint of the DPoP key.
    pub(super) fn jkt(&self) -> Option<&str> {
        self.dpop.as_ref().map(VerifiedProof::jkt)
    }

    /// The client that authenticated.
    pub(super) fn client_id(&self) -> Option<&str> {
        self.wallet.as_ref().map(AttestedClient::client_id)
    }
}

/// A header that may be sent once or not at all.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, OAuthError> {
    let refused = || OAuthError::new(Code::InvalidRequest, "a header is repeated or not ASCII");
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().map_err(|_| refused())).transpose()?;
    if values.next().is_some() { Err(refused()) } else { Ok(value) }
}

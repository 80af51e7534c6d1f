//! The token endpoint (OpenID4VCI 1.0 §6): a pre-authorized code, once, becomes a DPoP-bound access token.
//!
//! Everything that may happen only once happens in one unit of work: the DPoP proof's id is consumed, the transaction
//! code is charged before it is looked at, the offer goes from open to redeemed, and the badge-to-be gets its slot. A
//! reply leaves after the commit. A crash before it leaves the offer open; a reply lost after it leaves a redeemed
//! offer that nobody holds a token for, and the wallet asks its account for a new one.

use std::sync::Arc;

use openid::attestation::{self, AttestedClient};
use openid::dpop::{self, VerifiedProof};
use openid::token::{AuthorizationDetail, PreAuthorizedCodeGrant, TokenRequest, TokenResponse};
use openid::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use super::offer::{self, OfferRow};
use super::refusal::{Refused, internal};
use crate::lifecycle::{self, Badge};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, id, limits, once};

/// What an access token says. It is sealed: only this server reads it, and no row is kept for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AccessToken {
    /// The redeemed offer.
    #[serde(rename = "o")]
    pub(super) offer_id: String,
    /// RFC 7638 thumbprint of the DPoP key it is bound to.
    #[serde(rename = "k")]
    pub(super) jkt: String,
    /// The configurations it reaches.
    #[serde(rename = "c")]
    pub(super) configurations: Vec<String>,
    /// Whether the client asked with `authorization_details`, so that it must use credential identifiers (§8.2).
    #[serde(rename = "i")]
    pub(super) by_identifier: bool,
    /// The client as it named itself, which its key proofs may name as `iss`; `None` after anonymous access.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
}

/// Longest `client_id`, in bytes: it goes into the sealed token.
const MAX_CLIENT_ID: usize = 512;

/// What the seal of an access token is for.
pub(super) const ACCESS_TOKEN: &str = "issuance-access-token";

/// What became of an attempt to redeem an offer.
#[derive(Debug)]
enum Redeemed {
    /// It is redeemed.
    Yes,
    /// The DPoP proof was used before.
    Replayed,
    /// The wallet's proof of possession was used before.
    WalletReplayed,
    /// Unknown, expired, used, void, or another key's.
    No,
    /// The transaction code was wrong; so many tries are left.
    WrongCode { tries_left: i64 },
}

/// Answers a token request whose DPoP proof holds.
pub(super) async fn answer(
    platform: &Arc<Platform>,
    request: TokenRequest,
    proof: VerifiedProof,
    wallet: Option<AttestedClient>,
) -> Result<TokenResponse, Refused> {
    let TokenRequest::PreAuthorizedCode(grant) = request else {
        let text = "only the pre-authorized code grant is offered here";
        return Err(OAuthError::new(Code::UnsupportedGrantType, text).into());
    };
    let now_ms = platform.now_ms();
    let client_id = wallet.as_ref().map(|wallet| wallet.client_id().to_owned()).or(grant.client_id.clone());
    if client_id.as_ref().is_some_and(|id| id.len() > MAX_CLIENT_ID) {
        return Err(OAuthError::new(Code::InvalidRequest, "client_id is too long").into());
    }
    let offer_id =
        offer::open_code(platform, &grant.pre_authorized_code, now_ms).ok_or_else(used_or_unknown)?;
    let row = OfferRow::find(&platform.store, &offer_id).await?.ok_or_else(used_or_unknown)?;
    // Before anything is charged: a request of the wrong shape costs no try (§6.3).
    let tx_code = grant.tx_code(row.tx_code_hash.is_some())?;
    let tx_code_hash = tx_code.map(|code| offer::tx_code_hash(platform, &offer_id, code));
    let configurations = wanted(&grant, &row)?;

    let jkt = proof.jkt().to_owned();
    let desk = super::desk(platform).map_err(|error| internal("credential type", &error))?;
    let did = desk.did().to_owned();
    let attempt = Attempt { offer_id: offer_id.clone(), tx_code_hash, proof, wallet, did };
    match platform.store.write(move |tx| Box::pin(async move { redeem(tx, &attempt).await })).await? {
        Redeemed::Yes => {}
        Redeemed::Replayed => return Err(dpop::Refusal::Replayed.into()),
        Redeemed::WalletReplayed => return Err(attestation::Refusal::Replayed.into()),
        Redeemed::No => return Err(used_or_unknown().into()),
        Redeemed::WrongCode { tries_left } => {
            let error = OAuthError::new(Code::InvalidGrant, "the transaction code is wrong");
            return Err(Refused::with_tries_left(error, tries_left));
        }
    }

    let by_identifier = !grant.authorization_details.is_empty();
    let details =
        if by_identifier { configurations.iter().map(|id| granted(id)).collect() } else { Vec::new() };
    let life = limits::ISSUANCE_TOKEN_LIFE;
    let token = AccessToken { offer_id, jkt, configurations, by_identifier, client_id };
    let sealed = platform.tokens.seal(ACCESS_TOKEN, &token, now_ms.saturating_add(life.get()))?;
    let mut response = TokenResponse::new(sealed, openid::error::Scheme::Dpop, life.duration().as_secs());
    response.authorization_details = details;
    Ok(response)
}

/// One answer for every way in which a code is no good: who guesses learns nothing.
fn used_or_unknown() -> OAuthError {
    OAuthError::new(Code::InvalidGrant, "the code is unknown, expired or used")
}

/// The configurations asked for: all of the offer, or those that `authorization_details` names.
fn wanted(grant: &PreAuthorizedCodeGrant, row: &OfferRow) -> Result<Vec<String>, OAuthError> {
    if grant.authorization_details.is_empty() {
        return Ok(row.configurations.clone());
    }
    let mut wanted: Vec<String> = Vec::new();
    for detail in &grant.authorization_details {
        let id = &detail.credential_configuration_id;
        if !row.configurations.contains(id) {
            let text = "a credential configuration is not part of the offer";
            return Err(OAuthError::new(Code::InvalidAuthorizationDetails, text));
        }
        if !wanted.contains(id) {
            wanted.push(id.clone());
        }
    }
    Ok(wanted)
}

/// What is granted for a configuration: one dataset, named like the configuration.
pub(super) fn granted(configuration: &str) -> AuthorizationDetail {
    let mut detail = AuthorizationDetail::for_configuration(configuration);
    detail.credential_identifiers = vec![configuration.to_owned()];
    detail
}

struct Attempt {
    offer_id: String,
    tx_code_hash: Option<Vec<u8>>,
    proof: VerifiedProof,
    wallet: Option<AttestedClient>,
    did: String,
}

async fn redeem(tx: &mut Tx, attempt: &Attempt) -> Result<Redeemed, StoreError> {
    let Attempt { offer_id, proof, .. } = attempt;
    let until_ms = proof.replay_until().saturating_mul(1000);
    if !once::consume(tx, dpop::HEADER, proof.replay_id(), until_ms).await? {
        return Ok(Redeemed::Replayed);
    }
    if let Some(wallet) = &attempt.wallet {
        let until_ms = wallet.replay_until().saturating_mul(1000);
        if !once::consume(tx, attestation::POP_HEADER, wallet.replay_id(), until_ms).await? {
            return Ok(Redeemed::WalletReplayed);
        }
    }
    if let Some(typed) = &attempt.tx_code_hash
        && let Some(refused) = charge(tx, attempt, typed).await?
    {
        return Ok(refused);
    }
    let redeemed = tx
        .fetch_optional(
            concat!(
                "UPDATE issuance_offer SET state = 'redeemed', dpop_jkt = $3, changed_at = $2 \
                 WHERE id = $1 AND state = 'open' AND expires_at > $2 AND (dpop_jkt IS NULL OR dpop_jkt = $3) RETURNING ",
                offer::columns!()
            ),
            params![offer_id, tx.now_ms(), proof.jkt()],
        )
        .await?;
    let Some(row) = redeemed else { return Ok(Redeemed::No) };
    let row = OfferRow::read(&row)?;
    if row.is_renewal() {
        // The badge was active when the renewal was offered; a suspension since then has voided the offer.
        return Ok(Redeemed::Yes);
    }
    let replaces = Badge::live_of_employee_in(tx, &row.employee_id).await?.map(|badge| badge.id);
    let slot = lifecycle::reserve_slot(tx, &attempt.did).await?;
    tx.execute(
        "UPDATE issuance_offer SET badge_id = $2, issuing_did = $3, slot = $4, replaces = $5 WHERE id = $1",
        params![offer_id, id::new(), &attempt.did, slot, replaces],
    )
    .await?;
    Ok(Redeemed::Yes)
}

/// Charges one try, then judges. `None` when the code is right; the fifth wrong one voids the offer and tells HR.
async fn charge(tx: &mut Tx, attempt: &Attempt, typed: &[u8]) -> Result<Option<Redeemed>, StoreError> {
    let most = limits::TX_CODE_TRIES.get();
    let charged = tx
        .fetch_optional(
            concat!(
                "UPDATE issuance_offer SET tries = tries + 1, changed_at = $2 \
                 WHERE id = $1 AND state = 'open' AND expires_at > $2 AND tries < $3 RETURNING ",
                offer::columns!()
            ),
            params![&attempt.offer_id, tx.now_ms(), most],
        )
        .await?;
    let Some(row) = charged else { return Ok(Some(Redeemed::No)) };
    let row = OfferRow::read(&row)?;
    if row.tx_code_hash.as_deref().is_some_and(|kept| keys::mac::eq(kept, typed)) {
        return Ok(None);
    }
    let tries_left = (most - row.tries).max(0);
    if tries_left == 0 {
        tx.execute(
            "UPDATE issuance_offer SET state = 'void', changed_at = $2 WHERE id = $1 AND state = 'open'",
            params![&attempt.offer_id, tx.now_ms()],
        )
        .await?;
        super::notice::code_exhausted(tx, &row).await?;
    }
    Ok(Some(Redeemed::WrongCode { tries_left }))
}

//! Refresh tokens (RFC 6749 §6): the way to a batch that waits, and to the next copies (OpenID4VCI 1.0 §14.5).
//!
//! A refresh token is bound to the wallet's DPoP key: without that key it is worth nothing, to whoever finds it. It is
//! not rotated. FAPI 2.0 §5.3.2.1, which HAIP 1.0 §4 makes a rule, forbids that: a wallet that lost one reply would be
//! locked out, and a thief without the key gains nothing either way. It ends with the badge, after its time, and when
//! its code was presented twice.

use std::sync::Arc;

use openid::token::{RefreshGrant, TokenResponse};
use openid::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use super::client::Proofs;
use super::offer::{self, OfferRow, OfferState};
use super::refusal::Refused;
use super::token::{AccessToken, response};
use crate::credentials::Held;
use crate::lifecycle::{Badge, BadgeState};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tokens::TokenError;
use crate::operations::{Platform, limits};

/// What the seal of a refresh token is for.
const REFRESH_TOKEN: &str = "issuance-refresh-token";

/// What a refresh token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RefreshToken {
    #[serde(rename = "o")]
    offer_id: String,
    #[serde(rename = "c")]
    configurations: Vec<String>,
    #[serde(rename = "i")]
    by_identifier: bool,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
}

/// The refresh token that goes with a first access token.
pub(super) fn seal(platform: &Platform, token: &AccessToken) -> Result<String, TokenError> {
    let refresh = RefreshToken {
        offer_id: token.offer_id.clone(),
        configurations: token.configurations.clone(),
        by_identifier: token.by_identifier,
        client_id: token.client_id.clone(),
    };
    let until_ms = platform.now_ms().saturating_add(limits::REFRESH_TOKEN_LIFE.get());
    platform.tokens.seal(REFRESH_TOKEN, &refresh, until_ms)
}

/// What a refresh token leads to.
enum Refreshed {
    /// This offer: the first one, while its batch is not issued, or a renewal.
    Offer(String),
    Replayed(OAuthError),
    No,
}

/// Answers a refresh request.
pub(super) async fn answer(
    platform: &Arc<Platform>,
    grant: &RefreshGrant,
    client_id: Option<String>,
    proofs: Proofs,
) -> Result<TokenResponse, Refused> {
    let refused = || OAuthError::new(Code::InvalidGrant, "the refresh token is unknown, expired or ended");
    let known: RefreshToken = platform
        .tokens
        .open(REFRESH_TOKEN, &grant.refresh_token, platform.now_ms())
        .map_err(|_| refused())?;
    if known.client_id.is_some() && known.client_id != client_id {
        return Err(
            OAuthError::new(Code::InvalidGrant, "the refresh token was given to another client").into()
        );
    }
    let configurations = narrowed(grant.scope.as_deref(), &known.configurations)?;
    let jkt = proofs.jkt().unwrap_or_default().to_owned();
    let (first, key, wanted) = (known.offer_id.clone(), jkt.clone(), configurations.clone());
    let shared = Arc::clone(platform);
    let refreshed = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                if let Some(replayed) = proofs.consume(tx).await? {
                    return Ok::<_, StoreError>(Refreshed::Replayed(replayed));
                }
                refresh(tx, &shared, &first, &key, &wanted).await
            })
        })
        .await?;
    let offer_id = match refreshed {
        Refreshed::Offer(offer_id) => offer_id,
        Refreshed::Replayed(error) => return Err(error.into()),
        Refreshed::No => return Err(refused().into()),
    };
    let token = AccessToken {
        first_offer_id: (offer_id != known.offer_id).then(|| known.offer_id.clone()),
        offer_id,
        jkt,
        configurations,
        by_identifier: known.by_identifier,
        client_id: known.client_id,
    };
    let scope = grant.scope.as_ref().map(|_| token.configurations.join(" "));
    Ok(TokenResponse {
        scope,
        refresh_token: Some(grant.refresh_token.clone()),
        ..response(platform, &token)?
    })
}

/// What is asked for now: all, or less.
fn narrowed(scope: Option<&str>, granted: &[String]) -> Result<Vec<String>, OAuthError> {
    let Some(scope) = scope else { return Ok(granted.to_vec()) };
    let wanted: Vec<String> = scope.split(' ').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    if wanted.is_empty() || wanted.iter().any(|value| !granted.contains(value)) {
        return Err(OAuthError::new(Code::InvalidScope, "scope asks for more than was granted"));
    }
    Ok(wanted)
}

async fn refresh(
    tx: &mut Tx,
    platform: &Platform,
    first: &str,
    jkt: &str,
    configurations: &[String],
) -> Result<Refreshed, StoreError> {
    let now_ms = tx.now_ms();
    let known = tx
        .execute(
            "UPDATE issuance_grant SET used_at = $2 \
             WHERE offer_id = $1 AND dpop_jkt = $3 AND revoked_at IS NULL AND expires_at > $2",
            params![first, now_ms, jkt],
        )
        .await?;
    let offer = if known == 1 { OfferRow::find_in(tx, first).await? } else { None };
    let Some(offer) = offer else { return Ok(Refreshed::No) };
    match offer.state {
        OfferState::Redeemed => Ok(Refreshed::Offer(offer.id)),
        OfferState::Issued => {
            let Some(subject_id) = &offer.badge_id else { return Ok(Refreshed::No) };
            // Held by another account by now, suspended, replaced, ended: no more copies from here.
            let good = if offer.is_of_badge() {
                let badge = Badge::find_in(tx, subject_id).await?;
                badge.is_some_and(|badge| badge.state == BadgeState::Active && badge.valid_until > now_ms)
            } else {
                let held = Held::find_in(tx, subject_id).await?;
                held.is_some_and(|held| held.is_good(now_ms))
            };
            if !good {
                return Ok(Refreshed::No);
            }
            let renewal =
                offer::renewal_by_refresh(tx, platform, &offer, subject_id, jkt, configurations).await?;
            Ok(Refreshed::Offer(renewal))
        }
        OfferState::Open | OfferState::Void | OfferState::Superseded => Ok(Refreshed::No),
    }
}

//! The token endpoint (OpenID4VCI 1.0 §6): a pre-authorized code, an authorization code or a refresh token becomes a
//! DPoP-bound access token.
//!
//! Everything that may happen only once happens in one unit of work: proofs are consumed, the transaction code is
//! charged before it is looked at, the offer goes from open to redeemed, and the badge-to-be gets its slot. A reply
//! leaves after the commit. A crash before it leaves the offer open; a reply lost after it leaves a redeemed offer that
//! nobody holds a token for, and the wallet asks for a new one.

use std::sync::Arc;

use openid::token::{AuthorizationDetail, PreAuthorizedCodeGrant, TokenRequest, TokenResponse};
use openid::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use super::client::Proofs;
use super::offer::{self, OfferRow};
use super::redeem::{self, Attempt, Redeemed};
use super::refusal::{Refused, internal};
use super::{code, refresh};
use crate::operations::{Platform, limits};

/// What an access token says. It is sealed: only this server reads it, and no row is kept for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AccessToken {
    /// The redeemed offer.
    #[serde(rename = "o")]
    pub(super) offer_id: String,
    /// The first offer, where this one came of a refresh token.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(super) first_offer_id: Option<String>,
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

impl AccessToken {
    /// The offer that all tokens of one agreement go back to.
    pub(super) fn family(&self) -> &str {
        self.first_offer_id.as_deref().unwrap_or(&self.offer_id)
    }
}

/// Longest `client_id`, in bytes: it goes into the sealed token.
const MAX_CLIENT_ID: usize = 512;

/// What the seal of an access token is for.
pub(super) const ACCESS_TOKEN: &str = "issuance-access-token";

/// Answers a token request whose DPoP proof holds.
pub(super) async fn answer(
    platform: &Arc<Platform>,
    request: TokenRequest,
    proofs: Proofs,
) -> Result<TokenResponse, Refused> {
    let client_id = proofs.client_id().or(request.client_id()).map(str::to_owned);
    if client_id.as_ref().is_some_and(|id| id.len() > MAX_CLIENT_ID) {
        return Err(OAuthError::new(Code::InvalidRequest, "client_id is too long").into());
    }
    match request {
        TokenRequest::PreAuthorizedCode(grant) => pre_authorized(platform, grant, client_id, proofs).await,
        TokenRequest::AuthorizationCode(grant) => code::answer(platform, &grant, client_id, proofs).await,
        TokenRequest::Refresh(grant) => refresh::answer(platform, &grant, client_id, proofs).await,
    }
}

async fn pre_authorized(
    platform: &Arc<Platform>,
    grant: PreAuthorizedCodeGrant,
    client_id: Option<String>,
    proofs: Proofs,
) -> Result<TokenResponse, Refused> {
    let now_ms = platform.now_ms();
    let offer_id =
        offer::open_code(platform, &grant.pre_authorized_code, now_ms).ok_or_else(used_or_unknown)?;
    let row = OfferRow::find(&platform.store, &offer_id).await?.ok_or_else(used_or_unknown)?;
    // Before anything is charged: a request of the wrong shape costs no try (§6.3).
    let tx_code = grant.tx_code(row.tx_code_hash.is_some())?;
    let tx_code_hash = tx_code.map(|code| offer::tx_code_hash(platform, &offer_id, code));
    let configurations = wanted(&grant.authorization_details, &row.configurations)?;

    let jkt = proofs.jkt().unwrap_or_default().to_owned();
    let desk = super::desk(platform).map_err(|error| internal("credential type", &error))?;
    let did = desk.did().to_owned();
    let attempt = Attempt { offer_id: offer_id.clone(), tx_code_hash, proofs, did, by_code: false };
    let redeemed =
        platform.store.write(move |tx| Box::pin(async move { redeem::redeem(tx, &attempt).await })).await?;
    let by_identifier = !grant.authorization_details.is_empty();
    let token = AccessToken { offer_id, first_offer_id: None, jkt, configurations, by_identifier, client_id };
    granted_by(platform, token, redeemed)
}

/// The answer to what became of an attempt to redeem.
pub(super) fn granted_by(
    platform: &Platform,
    token: AccessToken,
    redeemed: Redeemed,
) -> Result<TokenResponse, Refused> {
    match redeemed {
        Redeemed::Yes { refreshable } => {
            let refresh = refreshable.then(|| refresh::seal(platform, &token)).transpose()?;
            Ok(TokenResponse { refresh_token: refresh, ..response(platform, &token)? })
        }
        Redeemed::Replayed(error) => Err(error.into()),
        Redeemed::No => Err(used_or_unknown().into()),
        Redeemed::WrongCode { tries_left } => {
            let error = OAuthError::new(Code::InvalidGrant, "the transaction code is wrong");
            Err(Refused::with_tries_left(error, tries_left))
        }
    }
}

/// A token response for this access token.
pub(super) fn response(platform: &Platform, token: &AccessToken) -> Result<TokenResponse, Refused> {
    let life = limits::ISSUANCE_TOKEN_LIFE;
    let until_ms = platform.now_ms().saturating_add(life.get());
    let sealed = platform.tokens.seal(ACCESS_TOKEN, token, until_ms)?;
    let mut response = TokenResponse::new(sealed, openid::error::Scheme::Dpop, life.duration().as_secs());
    if token.by_identifier {
        response.authorization_details = token.configurations.iter().map(|id| granted(id)).collect();
    }
    Ok(response)
}

/// One answer for every way in which a code is no good: who guesses learns nothing.
pub(super) fn used_or_unknown() -> OAuthError {
    OAuthError::new(Code::InvalidGrant, "the code is unknown, expired or used")
}

/// The configurations asked for: all that were granted, or those that `authorization_details` names.
pub(super) fn wanted(details: &[AuthorizationDetail], granted: &[String]) -> Result<Vec<String>, OAuthError> {
    if details.is_empty() {
        return Ok(granted.to_vec());
    }
    let mut wanted: Vec<String> = Vec::new();
    for detail in details {
        let id = &detail.credential_configuration_id;
        if !granted.contains(id) {
            let text = "a credential configuration is not part of what was granted";
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

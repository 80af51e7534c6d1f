//! The authorization code: made when the holder agrees, redeemed once by the wallet that asked.

use std::sync::Arc;

use openid::token::{AuthorizationCodeGrant, TokenResponse};
use openid::vci::authorize::IssuanceRequest;
use openid::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use super::client::Proofs;
use super::pushed::Pushed;
use super::redeem::{self, Attempt};
use super::refusal::{Refused, internal};
use super::token::{AccessToken, granted_by, used_or_unknown, wanted};
use crate::operations::tokens::TokenError;
use crate::operations::{Platform, limits};

/// What the seal of a code is for.
const AUTHORIZATION_CODE: &str = "issuance-authorization-code";

/// What a code stands for.
#[derive(Debug, Serialize, Deserialize)]
struct Agreed {
    /// The offer that the holder's agreement made.
    #[serde(rename = "o")]
    offer_id: String,
    /// What was asked.
    #[serde(rename = "q")]
    request: IssuanceRequest,
    /// Whether the wallet authenticated when it asked; then it must here, too.
    #[serde(rename = "a")]
    attested: bool,
}

/// The code for an offer. The row says whether it was redeemed: what the seal says is only what must be found unchanged.
pub(super) fn seal(platform: &Platform, offer_id: &str, pushed: &Pushed) -> Result<String, TokenError> {
    let request = IssuanceRequest { state: None, ..pushed.request.clone() };
    let agreed = Agreed { offer_id: offer_id.to_owned(), request, attested: pushed.wallet.is_some() };
    // A replay is to be recognised for as long as an access token of the code may live.
    let life = limits::AUTHORIZATION_CODE_LIFE.get().saturating_add(limits::ISSUANCE_TOKEN_LIFE.get());
    platform.tokens.seal(AUTHORIZATION_CODE, &agreed, platform.now_ms().saturating_add(life))
}

/// Answers a token request with an authorization code.
pub(super) async fn answer(
    platform: &Arc<Platform>,
    grant: &AuthorizationCodeGrant,
    client_id: Option<String>,
    proofs: Proofs,
) -> Result<TokenResponse, Refused> {
    let agreed: Agreed = platform
        .tokens
        .open(AUTHORIZATION_CODE, &grant.code, platform.now_ms())
        .map_err(|_| used_or_unknown())?;
    if agreed.attested && proofs.wallet.is_none() {
        let text = "the wallet authenticated when it asked, and has to here";
        return Err(OAuthError::new(Code::InvalidClient, text).into());
    }
    let Agreed { offer_id, request, .. } = agreed;
    let jkt = proofs.jkt().unwrap_or_default().to_owned();
    request.redeem(grant, client_id.as_deref(), &jkt)?;
    let configurations = wanted(&grant.authorization_details, &request.configurations)?;
    let desk = super::desk(platform).map_err(|error| internal("credential type", &error))?;
    let attempt = Attempt {
        offer_id: offer_id.clone(),
        tx_code_hash: None,
        proofs,
        did: desk.did().to_owned(),
        by_code: true,
    };
    let redeemed =
        platform.store.write(move |tx| Box::pin(async move { redeem::redeem(tx, &attempt).await })).await?;
    let by_identifier = request.by_identifier || !grant.authorization_details.is_empty();
    let scope = (!by_identifier).then(|| configurations.join(" "));
    let token = AccessToken { offer_id, first_offer_id: None, jkt, configurations, by_identifier, client_id };
    Ok(TokenResponse { scope, ..granted_by(platform, token, redeemed)? })
}

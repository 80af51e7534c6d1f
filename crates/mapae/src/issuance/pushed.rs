//! Pushed authorization requests (RFC 9126): judged when they come, kept by nobody.
//!
//! A `request_uri` is a sealed token with the judged request in it, so that a stranger who pushes a million of them
//! fills no table. It is consumed when the holder answers.

use std::sync::Arc;

use openid::form::Form;
use openid::oidc::PushedResponse;
use openid::vci::authorize::{IssuanceRequest, Offered};
use openid::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use super::client::Proofs;
use super::desk::Desk;
use super::refusal::{Refused, internal};
use super::{desk, offer};
use crate::operations::store::StoreError;
use crate::operations::{Platform, id, limits};

/// What the seal of a pushed request is for, and the mark that it was answered.
pub(super) const PUSHED: &str = "issuance-pushed";

/// A judged request on its way to the holder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pushed {
    /// By which it is answered once.
    #[serde(rename = "u")]
    pub(super) id: String,
    /// The request.
    #[serde(rename = "q")]
    pub(super) request: IssuanceRequest,
    /// The wallet's name as its provider vouches for it; `None` for a wallet that nobody vouches for.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) wallet: Option<String>,
    /// Whom the offer was made for, where the request comes from one.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(super) employee_id: Option<String>,
}

/// Longest name of a wallet that is shown, in characters.
const MAX_NAME: usize = 60;

/// Judges and answers a pushed request.
pub(super) async fn answer(
    platform: &Arc<Platform>,
    form: &Form,
    proofs: Proofs,
) -> Result<PushedResponse, Refused> {
    let request = judge(platform, form, &proofs)?;
    let now_ms = platform.now_ms();
    let employee_id = match form.get("issuer_state") {
        None => None,
        Some(state) => Some(offer::open_issuer_state(platform, state, now_ms).ok_or_else(|| {
            OAuthError::new(Code::InvalidRequest, "issuer_state is unknown or expired: a new offer is needed")
        })?),
    };
    let wallet = proofs.wallet.as_ref().map(|wallet| {
        let claims = wallet.claims();
        let name = claims.wallet_name.as_deref().unwrap_or(&claims.sub);
        name.chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect()
    });
    let pushed = Pushed { id: id::new(), request, wallet, employee_id };
    let life = limits::PUSHED_REQUEST_LIFE;
    let reference = platform
        .tokens
        .seal(PUSHED, &pushed, now_ms.saturating_add(life.get()))
        .map_err(|_| OAuthError::new(Code::InvalidRequest, "the request is too long"))?;
    if proofs.dpop.is_some() || proofs.wallet.is_some() {
        let unit = platform.store.write(move |tx| Box::pin(async move { proofs.consume(tx).await }));
        let consumed: Result<Option<OAuthError>, StoreError> = unit.await;
        if let Some(replayed) = consumed? {
            return Err(replayed.into());
        }
    }
    Ok(PushedResponse::new(&reference, life.duration().as_secs()))
}

fn judge(platform: &Platform, form: &Form, proofs: &Proofs) -> Result<IssuanceRequest, Refused> {
    let desk = desk(platform).map_err(|error| internal("credential type", &error))?;
    // The other types are asked for at the portal, which then offers them.
    let scope = |value: &str| Desk::configurations_of(desk.badge()).map(|(id, _)| id).find(|id| id == value);
    let known = |id: &str| scope(id).is_some();
    let offered = Offered { issuer: platform.config.public.origin(), configuration: &known, scope: &scope };
    Ok(IssuanceRequest::parse(form, proofs.client_id(), proofs.jkt(), &offered)?)
}

/// The request behind a `request_uri`, if it is one of ours, fresh, and of this client.
pub(super) fn open(platform: &Platform, request_uri: &str, client_id: &str) -> Option<Pushed> {
    let reference = PushedResponse::reference(request_uri)?;
    let pushed: Pushed = platform.tokens.open(PUSHED, reference, platform.now_ms()).ok()?;
    (pushed.request.client_id == client_id).then_some(pushed)
}

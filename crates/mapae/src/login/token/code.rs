//! An authorization code: judged, consumed in one commit, then answered with signed tokens.

use keys::Zeroizing;
use openid::token::AuthorizationCodeGrant;
use serde_json::json;

use super::{Minted, Opened, TokenFault, Tokens, refused, seal_for_refresh};
use crate::login::authentication::Caller;
use crate::login::claims::{self, ClaimSet};
use crate::login::session::{self, NewSession, Redeemed};
use crate::login::ticket::{Code, Refresh, Ticket};
use crate::login::{CODE_CLAIMS, attempt};
use crate::operations::{Platform, id};
use crate::verification::{Seed, open_under};

/// Redeems an authorization code.
pub(super) async fn redeem(
    platform: &Platform,
    caller: &Caller,
    grant: &AuthorizationCodeGrant,
) -> Result<Tokens, TokenFault> {
    let code = Code::open(platform, &grant.code).map_err(|_| refused("the code is unknown or expired"))?;
    code.grant.redeem(grant, &caller.party.client(&claims::SCOPES), caller.proofs.jkt())?;
    let asked = Asked {
        seed: &code.seed,
        scopes: &code.grant.scopes,
        nonce: code.grant.nonce.clone(),
        in_id_token: code.in_id_token,
    };
    open(platform, caller, asked).await
}

/// What a code or device code stands for.
pub(super) struct Asked<'a> {
    pub(super) seed: &'a Seed,
    pub(super) scopes: &'a [String],
    pub(super) nonce: Option<String>,
    pub(super) in_id_token: ClaimSet,
}

/// Opens the session of a granted login.
pub(super) async fn open(
    platform: &Platform,
    caller: &Caller,
    asked: Asked<'_>,
) -> Result<Tokens, TokenFault> {
    let attempt = asked.seed.id();
    let found = attempt::redeemable(&platform.store, &attempt).await?;
    let now_ms = platform.now_ms();
    let ends_ms = now_ms.saturating_add(caller.settings.session_ms);
    // A code that was redeemed before has no claims any more; the transaction finds that out and ends its session.
    let opened = match &found {
        Some(found) if !found.grant.claims.is_empty() => {
            open_under(&*asked.seed.derive("claims"), CODE_CLAIMS, &found.grant.claims)
                .map(Some)
                .map_err(|_| TokenFault::Internal("the claims of a code do not open"))?
        }
        _ => None,
    };
    let known = opened.is_some();
    let claims = opened.unwrap_or_else(|| Zeroizing::new(Vec::new()));
    let minted = Minted::new(&claims, now_ms, ends_ms);
    let refresh_seed = caller.settings.refresh.then(Seed::fresh);
    let scope = scope(asked.scopes, caller.settings.refresh);
    let new = NewSession {
        id: id::new(),
        attempt,
        token_hash: minted.hash(),
        claims: minted.claims.clone(),
        expires_ms: minted.expires_ms,
        scope: scope.clone(),
        jkt: caller.proofs.jkt().map(str::to_owned),
        ends_ms,
        refresh_claims: refresh_seed.as_ref().map(|seed| seal_for_refresh(seed, &claims)),
    };
    let (session, client_id) = (new.id.clone(), caller.party.id.clone());
    let badge = found.as_ref().map(|found| found.grant.badge.clone());
    let proofs = caller.proofs.clone();
    let redeemed = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                proofs.consume(tx).await?;
                let redeemed = session::redeem(tx, &new, known, now_ms).await?;
                if redeemed == Redeemed::Replayed {
                    let act = "login.code_replayed";
                    crate::login::record(tx, act, badge.as_deref(), &client_id, json!({})).await?;
                }
                Ok::<_, TokenFault>(redeemed)
            })
        })
        .await?;
    match (redeemed, found) {
        (Redeemed::Open, Some(found)) => {
            tracing::debug!(%session, "a login was completed");
            let refresh = refresh_seed.map(|seed| {
                let in_id_token = asked.in_id_token;
                (Refresh { session: session.clone(), seed, number: 0, in_id_token }, ends_ms)
            });
            let opened = Opened {
                session: &session,
                subject: &found.grant.subject,
                level: found.grant.level,
                authenticated_ms: found.at_ms,
                nonce: asked.nonce,
                scope,
                in_id_token: asked.in_id_token,
                claims: &claims,
                refresh,
            };
            opened.tell(platform, caller, minted, now_ms)
        }
        (Redeemed::Replayed, _) => Err(refused("the code was used before; its tokens are revoked")),
        _ => Err(refused("the code is unknown or expired")),
    }
}

/// The scope granted: `offline_access` only where refresh tokens are (OpenID Connect Core §11).
fn scope(asked: &[String], refresh: bool) -> String {
    let granted = asked.iter().filter(|scope| refresh || *scope != "offline_access");
    granted.map(String::as_str).collect::<Vec<_>>().join(" ")
}

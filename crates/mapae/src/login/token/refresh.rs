//! Refresh tokens: each use gives another, and one that comes twice ends its whole session (RFC 9700 §4.14.2).
//!
//! A client under FAPI 2.0 keeps its refresh token: it is bound to the client's key, and rotation is forbidden there.

use openid::token::RefreshGrant;
use openid::{Code as Refusal, OAuthError};
use serde_json::json;

use super::{Minted, Opened, REFRESH_CLAIMS, TokenFault, Tokens, refused, seal_for_refresh};
use crate::login::authentication::Caller;
use crate::login::logout::Tell;
use crate::login::session::{self, Renewal};
use crate::login::ticket::{Refresh, Ticket};
use crate::operations::Platform;
use crate::verification::{Seed, open_under};

/// Redeems a refresh token.
pub(super) async fn redeem(
    platform: &Platform,
    caller: &Caller,
    grant: &RefreshGrant,
) -> Result<Tokens, TokenFault> {
    let unknown = || refused("the refresh token is unknown, expired or its session has ended");
    let ticket = Refresh::open(platform, &grant.refresh_token).map_err(|_| unknown())?;
    let now_ms = platform.now_ms();
    let session = session::by_id(&platform.store, &ticket.session, now_ms).await?.ok_or_else(unknown)?;
    if session.party != caller.party.id || !caller.settings.refresh {
        return Err(unknown());
    }
    // A public client is known by its key alone; a confidential one may have a new key, but never none (RFC 9449 §5).
    let fits = match (session.jkt.as_deref(), caller.proofs.jkt()) {
        (None, _) => caller.is_confidential() || caller.proofs.jkt().is_none(),
        (Some(_), None) => false,
        (Some(bound), Some(proven)) => bound == proven || caller.is_confidential(),
    };
    if !fits {
        return Err(refused("the refresh token is bound to another key"));
    }
    let scope = narrowed(&session.scope, grant.scope.as_deref())?;
    if ticket.number != session.refreshed {
        reused(platform, caller, &session).await?;
        return Err(refused("the refresh token was used before; its session has ended"));
    }
    let claims = open_under(&*ticket.seed.derive("claims"), REFRESH_CLAIMS, &session.refresh_claims)
        .map_err(|_| unknown())?;
    let minted = Minted::new(&claims, now_ms, session.ends_ms);
    let next = if caller.settings.rotates() {
        Refresh { seed: Seed::fresh(), number: ticket.number.saturating_add(1), ..ticket.clone() }
    } else {
        ticket.clone()
    };
    let renewal = Renewal {
        id: session.id.clone(),
        presented: ticket.number,
        next: next.number,
        token_hash: minted.hash(),
        claims: minted.claims.clone(),
        expires_ms: minted.expires_ms,
        jkt: caller.proofs.jkt().map(str::to_owned),
        refresh_claims: seal_for_refresh(&next.seed, &claims),
    };
    let proofs = caller.proofs.clone();
    let renewed = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                proofs.consume(tx).await?;
                Ok::<_, TokenFault>(session::renew(tx, &renewal, now_ms).await?)
            })
        })
        .await?;
    if !renewed {
        // Somebody else used it between our look and the commit.
        reused(platform, caller, &session).await?;
        return Err(refused("the refresh token was used before; its session has ended"));
    }
    let opened = Opened {
        session: &session.id,
        subject: &session.subject,
        level: session.level,
        authenticated_ms: session.authenticated_ms,
        nonce: None,
        scope,
        in_id_token: ticket.in_id_token,
        claims: &claims,
        refresh: Some((next, session.ends_ms)),
    };
    opened.tell(platform, caller, minted, now_ms)
}

/// The scope asked for, which can't be more than was granted (RFC 6749 §6). The session itself keeps its own.
fn narrowed(granted: &str, asked: Option<&str>) -> Result<String, OAuthError> {
    let Some(asked) = asked else { return Ok(granted.to_owned()) };
    let granted: Vec<&str> = granted.split(' ').collect();
    if asked.split(' ').filter(|scope| !scope.is_empty()).all(|scope| granted.contains(&scope)) {
        Ok(asked.to_owned())
    } else {
        Err(OAuthError::new(Refusal::InvalidScope, "more than was granted"))
    }
}

/// A refresh token came twice: whoever has the other one, it is worth nothing from now on.
async fn reused(platform: &Platform, caller: &Caller, session: &session::Session) -> Result<(), TokenFault> {
    let (id, badge, client_id) = (session.id.clone(), session.badge.clone(), caller.party.id.clone());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                if session::end(tx, &id, "refresh_reused", Tell::Party, now_ms).await? {
                    let act = "login.refresh_reused";
                    crate::login::record(tx, act, Some(&badge), &client_id, json!({})).await?;
                }
                Ok::<_, TokenFault>(())
            })
        })
        .await
}

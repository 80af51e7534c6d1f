//! Back-Channel Logout 1.0: a relying party is told that a login has ended, by a signed token, until it has taken it.
//!
//! The row is written in the transaction that ends the session; its commit wakes a worker, here and in other processes,
//! which also looks every quarter of a second. Each try signs a new token with the same `jti`.

use std::sync::Arc;

use http::header;
use openid::form::Form;
use openid::oidc::{LogoutEvents, LogoutToken};

use crate::login::{id_token, registration};
use crate::operations::courier::{Held, Route, route};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits, traces};
use crate::verification::{self, relying_party};

/// Whether the relying party learns of the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Tell {
    /// It has asked for it itself.
    Nobody,
    /// It has not.
    Party,
}

macro_rules! queue {
    ($which:literal) => {
        concat!(
            "INSERT INTO login_logout (id, relying_party, session, subject, next_at, ends_at, created_at) \
             SELECT 'logout-' || login_session.id, login_session.relying_party, login_session.id, login_session.subject, \
             $2, $3, $2 FROM login_session JOIN login_client ON login_client.relying_party = login_session.relying_party \
             WHERE login_session.",
            $which,
            " AND login_session.ended_at IS NULL AND login_session.ends_at > $2 \
             AND login_client.backchannel_uri IS NOT NULL ON CONFLICT (id) DO NOTHING"
        )
    };
}

/// Queues what relying parties are told when every live session of a badge ends; before it ends.
///
/// # Errors
/// The store.
pub(in crate::login) async fn queue_badge(tx: &mut Tx, badge: &str, now_ms: i64) -> Result<(), StoreError> {
    let rows = tx.execute(queue!("badge = $1"), params![badge, now_ms, ends(now_ms)]).await?;
    wake(tx, rows).await
}

/// The same for one session.
///
/// # Errors
/// The store.
pub(in crate::login) async fn queue_session(tx: &mut Tx, id: &str, now_ms: i64) -> Result<(), StoreError> {
    let rows = tx.execute(queue!("id = $1"), params![id, now_ms, ends(now_ms)]).await?;
    wake(tx, rows).await
}

/// The same for every live session at a relying party.
///
/// # Errors
/// The store.
pub(in crate::login) async fn queue_party(tx: &mut Tx, party: &str, now_ms: i64) -> Result<(), StoreError> {
    let rows = tx.execute(queue!("relying_party = $1"), params![party, now_ms, ends(now_ms)]).await?;
    wake(tx, rows).await
}

/// The same for every live session there is: after a restore.
///
/// # Errors
/// The store.
pub(in crate::login) async fn queue_everybody(tx: &mut Tx, now_ms: i64) -> Result<(), StoreError> {
    let rows = tx.execute(queue!("created_at <= $1"), params![i64::MAX, now_ms, ends(now_ms)]).await?;
    wake(tx, rows).await
}

/// Wakes a worker once this is committed, if there is something to tell.
async fn wake(tx: &mut Tx, rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Ok(()) } else { tx.tell(ROUTE.table).await }
}

fn ends(now_ms: i64) -> i64 {
    now_ms.saturating_add(limits::LOGIN_LOGOUT_KEPT.get())
}

/// Logouts that relying parties are still to be told.
const ROUTE: Route = route!(
    "login_logout",
    lease: limits::LOGIN_LOGOUT_LEASE,
    pause: limits::LOGIN_LOGOUT_PAUSE,
    poll: limits::LOGIN_LOGOUT_POLL
);

/// Tells until the server stops.
pub(in crate::login) async fn run(platform: Arc<Platform>, stop: Stop) {
    ROUTE.run(platform, stop, Arc::default(), tell).await;
}

/// Tells what is due once; returns how many were tried.
#[cfg(test)]
pub(in crate::login) async fn round(platform: &Arc<Platform>) -> Result<usize, StoreError> {
    ROUTE.round(platform, tell).await
}

/// The longest pause and all before it, for tests.
#[cfg(test)]
pub(in crate::login) fn pause(attempts: i64) -> i64 {
    ROUTE.pause_ms(attempts)
}

/// A logout that is told.
struct Logout {
    party: String,
    session: String,
    subject: String,
    created_ms: i64,
}

impl Logout {
    async fn find(platform: &Platform, id: &str) -> Result<Option<Self>, StoreError> {
        let row = platform
            .store
            .fetch_optional(
                "SELECT relying_party, session, subject, created_at FROM login_logout WHERE id = $1",
                params![id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Self {
            party: row.text("relying_party")?,
            session: row.text("session")?,
            subject: row.text("subject")?,
            created_ms: row.int("created_at")?,
        }))
    }
}

async fn tell(platform: Arc<Platform>, held: Held) -> Result<(), StoreError> {
    let Some(logout) = Logout::find(&platform, &held.id).await? else { return Ok(()) };
    let outcome = match post(&platform, &held.id, &logout).await? {
        Ok(()) => "taken",
        Err(why) => {
            tracing::warn!(logout = %held.id, attempts = held.attempts, why, "a logout was not taken");
            why
        }
    };
    metrics::counter!("mapae_login_logouts_total", "outcome" => outcome).increment(1);
    let now_ms = platform.now_ms();
    if outcome == "taken" {
        let took = std::time::Duration::from_millis(now_ms.saturating_sub(logout.created_ms).unsigned_abs());
        metrics::histogram!("mapae_login_logout_seconds").record(took.as_secs_f64());
    }
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            if matches!(outcome, "taken" | "no_address") {
                // Whoever took it knows; whoever has no address any more does not want to.
                tx.execute("DELETE FROM login_logout WHERE id = $1", params![held.id.as_str()]).await?;
                Ok(())
            } else {
                ROUTE.put_back(tx, &held, now_ms).await
            }
        })
    });
    unit.await
}

async fn post(
    platform: &Platform,
    id: &str,
    logout: &Logout,
) -> Result<Result<(), &'static str>, StoreError> {
    // Also one whose registration has ended is told: its people are still in.
    let Some(party) = relying_party::look(&platform.store, &logout.party).await? else {
        return Ok(Err("no_address"));
    };
    let settings = registration::of(&platform.store, &logout.party).await?;
    let Some(address) = settings.backchannel_uri else { return Ok(Err("no_address")) };
    // Judged when it was registered, and again now: the rules may have changed.
    let Some(url) = verification::outgoing_address(platform, &address) else {
        return Ok(Err("address_refused"));
    };
    let now_s = platform.now_ms().div_euclid(1_000);
    let token = LogoutToken {
        iss: platform.config.public.origin().to_owned(),
        sub: logout.subject.clone(),
        aud: party.id.clone(),
        iat: now_s,
        exp: now_s.saturating_add(limits::LOGIN_LOGOUT_TOKEN.get() / 1_000),
        jti: id.to_owned(),
        events: LogoutEvents::default(),
        sid: logout.session.clone(),
    };
    let Ok(token) = id_token::sign_logout(platform, party.id_token_alg, &token) else {
        return Ok(Err("unsigned"));
    };
    let Ok(client) = verification::outgoing_client(platform) else { return Ok(Err("no_client")) };
    let body = Form::default().with("logout_token", &token).encode();
    let request =
        client.post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
    Ok(match traces::send("logout", request).await {
        Ok(reply) if reply.status().is_success() => Ok(()),
        Ok(reply) if reply.status().is_redirection() => Err("redirected"),
        Ok(_) => Err("refused"),
        Err(error) if error.is_timeout() => Err("timeout"),
        Err(_) => Err("unreachable"),
    })
}

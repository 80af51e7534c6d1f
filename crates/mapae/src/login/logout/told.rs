//! Back-Channel Logout 1.0: a relying party is told that a login has ended, by a signed token, until it has taken it.
//!
//! The row is written in the transaction that ends the session; a worker looks every quarter of a second, so that a suspension
//! is told within one. Each try signs a new token with the same `jti`.

use std::sync::Arc;

use futures::future::join_all;
use http::header;
use openid::form::Form;
use openid::oidc::{LogoutEvents, LogoutToken};

use crate::login::{authentication, id_token};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits};
use crate::verification;

/// Whether the relying party learns of the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Tell {
    /// It has asked for it itself.
    Nobody,
    /// It has not.
    Party,
}

macro_rules! queue {
    ($column:literal) => {
        concat!(
            "INSERT INTO login_logout (id, relying_party, session, subject, next_at, ends_at, created_at) \
             SELECT 'logout-' || login_session.id, login_session.relying_party, login_session.id, login_session.subject, \
             $2, $3, $2 FROM login_session JOIN login_client ON login_client.relying_party = login_session.relying_party \
             WHERE login_session.",
            $column,
            " = $1 AND login_session.ended_at IS NULL AND login_session.ends_at > $2 \
             AND login_client.backchannel_uri IS NOT NULL ON CONFLICT (id) DO NOTHING"
        )
    };
}

/// Queues what relying parties are told when every live session of a badge ends; before it ends.
///
/// # Errors
/// The store.
pub(in crate::login) async fn queue_badge(tx: &mut Tx, badge: &str, now_ms: i64) -> Result<(), StoreError> {
    tx.execute(queue!("badge"), params![badge, now_ms, ends(now_ms)]).await?;
    Ok(())
}

/// The same for one session.
///
/// # Errors
/// The store.
pub(in crate::login) async fn queue_session(tx: &mut Tx, id: &str, now_ms: i64) -> Result<(), StoreError> {
    tx.execute(queue!("id"), params![id, now_ms, ends(now_ms)]).await?;
    Ok(())
}

fn ends(now_ms: i64) -> i64 {
    now_ms.saturating_add(limits::LOGIN_LOGOUT_KEPT.get())
}

/// Tells until the server stops.
pub(in crate::login) async fn run(platform: Arc<Platform>, mut stop: Stop) {
    loop {
        match round(&platform).await {
            Ok(0) => {
                if !stop.sleep(limits::LOGIN_LOGOUT_POLL.duration()).await {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "logouts to tell could not be read");
                if !stop.sleep(std::time::Duration::from_secs(1)).await {
                    return;
                }
            }
        }
    }
}

/// A logout in the hands of one worker until its lease ends.
struct Claimed {
    id: String,
    party: String,
    session: String,
    subject: String,
    attempts: i64,
    created_ms: i64,
    claim: String,
}

/// Claims what is due, tells it, writes down how it went; returns how many were tried.
pub(in crate::login) async fn round(platform: &Platform) -> Result<usize, StoreError> {
    let claimed = claim(platform).await?;
    let tried = claimed.len();
    for settled in join_all(claimed.into_iter().map(|logout| tell(platform, logout))).await {
        settled?;
    }
    Ok(tried)
}

async fn claim(platform: &Platform) -> Result<Vec<Claimed>, StoreError> {
    let now_ms = platform.now_ms();
    // A look without a transaction: an idle worker must not write.
    let due = platform
        .store
        .fetch_all(
            "SELECT id FROM login_logout WHERE next_at <= $1 AND ends_at > $1 ORDER BY next_at, id LIMIT $2",
            params![now_ms, limits::LOGIN_LOGOUT_GROUP.get()],
        )
        .await?;
    let due = due.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            let mut mine = Vec::with_capacity(due.len());
            for id in due {
                let claim = keys::random::token();
                let row = tx
                    .fetch_optional(
                        "UPDATE login_logout SET claim = $1, next_at = $2, attempts = attempts + 1 \
                         WHERE id = $3 AND next_at <= $4 AND ends_at > $4 \
                         RETURNING relying_party, session, subject, attempts, created_at",
                        params![
                            claim.as_str(),
                            now_ms.saturating_add(limits::LOGIN_LOGOUT_LEASE.get()),
                            id.as_str(),
                            now_ms
                        ],
                    )
                    .await?;
                if let Some(row) = row {
                    mine.push(Claimed {
                        id,
                        party: row.text("relying_party")?,
                        session: row.text("session")?,
                        subject: row.text("subject")?,
                        attempts: row.int("attempts")?,
                        created_ms: row.int("created_at")?,
                        claim,
                    });
                }
            }
            Ok::<_, StoreError>(mine)
        })
    });
    unit.await
}

async fn tell(platform: &Platform, logout: Claimed) -> Result<(), StoreError> {
    let outcome = match post(platform, &logout).await? {
        Ok(()) => "taken",
        Err(why) => {
            tracing::warn!(logout = %logout.id, attempts = logout.attempts, why, "a logout was not taken");
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
                tx.execute("DELETE FROM login_logout WHERE id = $1", params![logout.id.as_str()]).await?;
            } else {
                tx.execute(
                    "UPDATE login_logout SET claim = NULL, next_at = $1 WHERE id = $2 AND claim = $3",
                    params![
                        now_ms.saturating_add(pause(logout.attempts)),
                        logout.id.as_str(),
                        logout.claim.as_str()
                    ],
                )
                .await?;
            }
            Ok::<(), StoreError>(())
        })
    });
    unit.await
}

/// Twice as long after each try: 1 s, 2 s, 4 s … up to [`limits::LOGIN_LOGOUT_PAUSE`].
pub(in crate::login) fn pause(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or_default();
    1_000_i64.saturating_mul(1 << doublings).min(limits::LOGIN_LOGOUT_PAUSE.get())
}

async fn post(platform: &Platform, logout: &Claimed) -> Result<Result<(), &'static str>, StoreError> {
    let Some((party, settings)) = authentication::registered(platform, &logout.party).await? else {
        return Ok(Err("no_address"));
    };
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
        jti: logout.id.clone(),
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
    Ok(match request.send().await {
        Ok(reply) if reply.status().is_success() => Ok(()),
        Ok(reply) if reply.status().is_redirection() => Err("redirected"),
        Ok(_) => Err("refused"),
        Err(error) if error.is_timeout() => Err("timeout"),
        Err(_) => Err("unreachable"),
    })
}

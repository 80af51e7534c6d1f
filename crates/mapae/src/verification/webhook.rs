//! Results brought to relying parties: a signed event, posted to the registered address until it is acknowledged.
//!
//! The event is a JWT (`typ` `mapae-verification+jwt`, ES256, key at `/verification/jwks`) and the whole body of the post. It
//! is written in the transaction that keeps the result, tried again with growing pauses, and gone when the relying party
//! answers 2xx, when the result is picked up otherwise, or when its five minutes are over. Its `jti` is the same in every
//! try: a relying party that saw it drops it.

use std::sync::Arc;

use futures::future::join_all;
use http::header;
use keys::jws::{self, Header};
use serde_json::{Value, json};

use super::outgoing;
use crate::operations::server_keys::KeyName;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits};

const TABLE: &str = "verification_event";
/// `typ` of an event.
pub(super) const TYP: &str = "mapae-verification+jwt";

/// An event ready to be written: sealed before the transaction begins.
pub(super) struct Event {
    id: String,
    party: String,
    sealed: Vec<u8>,
    ends_at: i64,
    wake: Arc<tokio::sync::Notify>,
}

impl Event {
    /// The event that tells `party` what became of its verification.
    pub(super) fn new(platform: &Platform, id: &str, party: &str, standing: &impl serde::Serialize) -> Self {
        let plain = keys::Zeroizing::new(serde_json::to_vec(standing).unwrap_or_default());
        Self {
            id: id.to_owned(),
            party: party.to_owned(),
            sealed: platform.sealer.seal(TABLE, "sealed", id, &plain),
            ends_at: platform.now_ms().saturating_add(limits::VERIFICATION_RESULT.get()),
            wake: Arc::clone(&platform.local.verification.wake),
        }
    }

    /// Writes it in the transaction that keeps the result.
    pub(super) async fn enqueue(self, tx: &mut Tx) -> Result<(), StoreError> {
        let Self { id, party, sealed, ends_at, wake } = self;
        let now_ms = tx.now_ms();
        tx.execute(
            "INSERT INTO verification_event (id, relying_party, sealed, attempts, next_at, created_at, ends_at) \
             VALUES ($1, $2, $3, 0, $4, $4, $5)",
            params![id, party, sealed, now_ms, ends_at],
        )
        .await?;
        tx.after_commit(move || wake.notify_one());
        Ok(())
    }
}

/// Forgets an event whose result was picked up.
pub(super) async fn forget(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM verification_event WHERE id = $1", params![id]).await?;
    Ok(())
}

/// Forgets events whose time is over; returns how many.
pub(super) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    let given_up = tx
        .execute(
            "DELETE FROM verification_event WHERE id IN \
             (SELECT id FROM verification_event WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
            params![now_ms, limits::VERIFICATION_SWEEP_ROWS.get()],
        )
        .await?;
    metrics::counter!("mapae_verification_events_given_up_total").increment(given_up);
    Ok(given_up)
}

/// Brings events until the server stops; any number of workers may, in one process or many.
pub(super) async fn run(platform: Arc<Platform>, mut stop: Stop) {
    loop {
        match round(&platform).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(%error, "results to bring could not be read"),
        }
        tokio::select! {
            () = stop.stopped() => return,
            () = platform.local.verification.wake.notified() => {}
            () = tokio::time::sleep(limits::VERIFICATION_EVENT_POLL.duration()) => {}
        }
    }
}

/// An event in the hands of one worker until its lease ends.
struct Claimed {
    id: String,
    party: String,
    url: Option<String>,
    sealed: Vec<u8>,
    attempts: i64,
    created_at: i64,
    claim: String,
}

/// Claims what is due, brings it, writes down how it went; returns how many were tried.
pub(super) async fn round(platform: &Platform) -> Result<usize, StoreError> {
    let claimed = claim(platform).await?;
    let tried = claimed.len();
    for settled in join_all(claimed.into_iter().map(|event| bring(platform, event))).await {
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
            "SELECT id FROM verification_event WHERE next_at <= $1 AND ends_at > $1 ORDER BY next_at, id LIMIT $2",
            params![now_ms, limits::VERIFICATION_EVENT_GROUP.get()],
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
                        "UPDATE verification_event SET claim = $1, next_at = $2, attempts = attempts + 1 \
                         WHERE id = $3 AND next_at <= $4 AND ends_at > $4 \
                         RETURNING relying_party, sealed, attempts, created_at, \
                         (SELECT webhook_url FROM relying_party WHERE relying_party.id = verification_event.relying_party \
                          AND disabled_at IS NULL) AS url",
                        params![
                            claim.as_str(),
                            now_ms.saturating_add(limits::VERIFICATION_EVENT_LEASE.get()),
                            id.as_str(),
                            now_ms
                        ],
                    )
                    .await?;
                if let Some(row) = row {
                    mine.push(Claimed {
                        id,
                        party: row.text("relying_party")?,
                        url: row.opt_text("url")?,
                        sealed: row.bytes("sealed")?,
                        attempts: row.int("attempts")?,
                        created_at: row.int("created_at")?,
                        claim,
                    });
                }
            }
            Ok::<_, StoreError>(mine)
        })
    });
    unit.await
}

async fn bring(platform: &Platform, event: Claimed) -> Result<(), StoreError> {
    let outcome = match post(platform, &event).await {
        Ok(()) => "acknowledged",
        Err(why) => {
            tracing::warn!(event = %event.id, attempts = event.attempts, why, "a result was not taken");
            why
        }
    };
    metrics::counter!("mapae_verification_events_total", "outcome" => outcome).increment(1);
    let now_ms = platform.now_ms();
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            if outcome == "acknowledged" {
                // Whoever acknowledged has the result: nothing of it is kept, whoever holds the lease by now.
                forget(tx, &event.id).await?;
                tx.execute("DELETE FROM verification_result WHERE id = $1", params![event.id.as_str()])
                    .await?;
                return Ok(());
            }
            tx.execute(
                "UPDATE verification_event SET claim = NULL, next_at = $1 WHERE id = $2 AND claim = $3",
                params![
                    now_ms.saturating_add(pause(event.attempts)),
                    event.id.as_str(),
                    event.claim.as_str()
                ],
            )
            .await?;
            Ok::<(), StoreError>(())
        })
    });
    unit.await
}

/// Twice as long after each try: 1 s, 2 s, 4 s … up to [`limits::VERIFICATION_EVENT_PAUSE`].
pub(super) fn pause(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or_default();
    1_000_i64.saturating_mul(1 << doublings).min(limits::VERIFICATION_EVENT_PAUSE.get())
}

async fn post(platform: &Platform, event: &Claimed) -> Result<(), &'static str> {
    let url = event.url.as_deref().ok_or("no_address")?;
    // Judged when it was registered, and again now: the rules may have changed.
    let url = outgoing::judge(platform, url).ok_or("address_refused")?;
    let body = signed(platform, event).ok_or("unsigned")?;
    let client = outgoing::client(platform).map_err(|_| "no_client")?;
    let request = client.post(url).header(header::CONTENT_TYPE, "application/jwt").body(body);
    match request.send().await {
        Ok(reply) if reply.status().is_success() => Ok(()),
        Ok(reply) if reply.status().is_redirection() => Err("redirected"),
        Ok(_) => Err("refused"),
        Err(error) if error.is_timeout() => Err("timeout"),
        Err(_) => Err("unreachable"),
    }
}

/// The event as it is posted. Signed anew for each try, with the same `jti` and `iat`.
fn signed(platform: &Platform, event: &Claimed) -> Option<String> {
    let plain = platform.sealer.open(TABLE, "sealed", &event.id, &event.sealed).ok()?;
    let standing: Value = serde_json::from_slice(&plain).ok()?;
    let issued_at = event.created_at.div_euclid(1_000);
    let claims = json!({
        "iss": platform.config.public.origin(),
        "aud": event.party,
        "jti": event.id,
        "iat": issued_at,
        "exp": issued_at.saturating_add(limits::VERIFICATION_RESULT.get() / 1_000),
        "reference": event.id,
        "verification": standing,
    });
    let signer = platform.keys.signer(KeyName::Verifier).ok()?;
    let header = Header::es256(TYP).with_kid(signer.public_key().thumbprint());
    jws::sign(&*signer, &header, claims.to_string().as_bytes()).ok()
}

/// The key that signs events, as a JWK Set (RFC 7517).
pub(super) fn jwks(platform: &Platform) -> Option<Value> {
    let signer = platform.keys.signer(KeyName::Verifier).ok()?;
    let key = signer.public_key();
    let jwk = key.to_jwk().with_alg("ES256").with_use("sig").with_kid(key.thumbprint());
    Some(json!({ "keys": [jwk.to_value()] }))
}

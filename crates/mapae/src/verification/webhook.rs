//! Results brought to relying parties: a signed event, posted to the registered address until it is acknowledged.
//!
//! The event is a JWT (`typ` `mapae-verification+jwt`, ES256, key at `/verification/jwks`) and the whole body of the post. It
//! is written in the transaction that keeps the result, tried again with growing pauses, and gone when the relying party
//! answers 2xx, when the result is picked up otherwise, or when its five minutes are over. Its `jti` is the same in every
//! try: a relying party that saw it drops it.

use std::sync::Arc;

use http::header;
use keys::jws::{self, Header};
use serde_json::{Value, json};

use super::outgoing;
use crate::operations::courier::{Held, Route, route};
use crate::operations::server_keys::KeyName;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits, traces};

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

/// Results that relying parties are still to be brought.
const ROUTE: Route = route!(
    "verification_event",
    lease: limits::VERIFICATION_EVENT_LEASE,
    pause: limits::VERIFICATION_EVENT_PAUSE,
    poll: limits::VERIFICATION_EVENT_POLL
);

/// Brings events until the server stops.
pub(super) async fn run(platform: Arc<Platform>, stop: Stop) {
    let wake = Arc::clone(&platform.local.verification.wake);
    ROUTE.run(platform, stop, wake, bring).await;
}

/// Brings what is due once; returns how many were tried.
#[cfg(test)]
pub(super) async fn round(platform: &Arc<Platform>) -> Result<usize, StoreError> {
    ROUTE.round(platform, bring).await
}

/// The pause after this many tries (ms).
#[cfg(test)]
pub(super) fn pause(attempts: i64) -> i64 {
    ROUTE.pause_ms(attempts)
}

/// An event that is brought.
struct Carried {
    id: String,
    party: String,
    url: Option<String>,
    sealed: Vec<u8>,
    created_at: i64,
}

impl Carried {
    async fn find(platform: &Platform, id: &str) -> Result<Option<Self>, StoreError> {
        let row = platform
            .store
            .fetch_optional(
                "SELECT relying_party, sealed, created_at, \
                 (SELECT webhook_url FROM relying_party WHERE relying_party.id = verification_event.relying_party \
                  AND disabled_at IS NULL) AS url FROM verification_event WHERE id = $1",
                params![id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Self {
            id: id.to_owned(),
            party: row.text("relying_party")?,
            url: row.opt_text("url")?,
            sealed: row.bytes("sealed")?,
            created_at: row.int("created_at")?,
        }))
    }
}

async fn bring(platform: Arc<Platform>, held: Held) -> Result<(), StoreError> {
    // Picked up meanwhile: there is nothing to bring.
    let Some(event) = Carried::find(&platform, &held.id).await? else { return Ok(()) };
    let outcome = match post(&platform, &event).await {
        Ok(()) => "acknowledged",
        Err(why) => {
            tracing::warn!(event = %held.id, attempts = held.attempts, why, "a result was not taken");
            why
        }
    };
    metrics::counter!("mapae_verification_events_total", "outcome" => outcome).increment(1);
    let now_ms = platform.now_ms();
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            if outcome == "acknowledged" {
                // Whoever acknowledged has the result: nothing of it is kept, whoever holds the lease by now.
                forget(tx, &held.id).await?;
                tx.execute("DELETE FROM verification_result WHERE id = $1", params![held.id.as_str()])
                    .await?;
                return Ok(());
            }
            ROUTE.put_back(tx, &held, now_ms).await
        })
    });
    unit.await
}

async fn post(platform: &Platform, event: &Carried) -> Result<(), &'static str> {
    let url = event.url.as_deref().ok_or("no_address")?;
    // Judged when it was registered, and again now: the rules may have changed.
    let url = outgoing::judge(platform, url).ok_or("address_refused")?;
    let body = signed(platform, event).ok_or("unsigned")?;
    let client = outgoing::client(platform).map_err(|_| "no_client")?;
    let request = client.post(url).header(header::CONTENT_TYPE, "application/jwt").body(body);
    match traces::send("webhook", request).await {
        Ok(reply) if reply.status().is_success() => Ok(()),
        Ok(reply) if reply.status().is_redirection() => Err("redirected"),
        Ok(_) => Err("refused"),
        Err(error) if error.is_timeout() => Err("timeout"),
        Err(_) => Err("unreachable"),
    }
}

/// The event as it is posted. Signed anew for each try, with the same `jti` and `iat`.
fn signed(platform: &Platform, event: &Carried) -> Option<String> {
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

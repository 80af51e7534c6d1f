//! Word to the relying party's webhook that a request ended: a JWT (`typ` `mapae-signing+jwt`, ES256, key at
//! `/verification/jwks`) that names the request and its state, and nothing of the document or of a person.

use std::sync::Arc;

use http::header;
use keys::jws::{self, Header};
use serde_json::json;
use tokio::sync::Notify;

use super::request::State;
use crate::operations::courier::{Held, Route, route};
use crate::operations::server_keys::KeyName;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Stop;
use crate::operations::{Platform, id, limits, traces};
use crate::verification::{outgoing_address, outgoing_client};

/// `typ` of an event.
pub(super) const TYP: &str = "mapae-signing+jwt";

const ROUTE: Route = route!(
    "signing_event",
    lease: limits::SIGNING_EVENT_LEASE,
    pause: limits::SIGNING_EVENT_PAUSE,
    poll: limits::SIGNING_POLL
);

pub(super) fn wake(platform: &Platform) -> Arc<Notify> {
    Arc::clone(&platform.local.signatures.requests.tell)
}

/// Writes the event in the transaction that ends the request, if word was asked for.
pub(super) async fn enqueue(
    tx: &mut Tx,
    request: &str,
    state: State,
    wake: Arc<Notify>,
) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "INSERT INTO signing_event (id, relying_party, request_id, state, attempts, next_at, created_at, ends_at) \
             SELECT $1, relying_party, id, $3, 0, $4, $4, $5 FROM signing_request \
             WHERE id = $2 AND webhook = 1 AND relying_party IS NOT NULL",
            params![id::new(), request, state.as_str(), now_ms, now_ms + limits::SIGNING_EVENT_LIFE.get()],
        )
        .await?;
    if rows == 1 {
        tx.after_commit(move || wake.notify_one());
    }
    Ok(())
}

/// Gives up what nobody acknowledged in time.
pub(super) async fn sweep(platform: &Platform, now_ms: i64) -> Result<(), StoreError> {
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM signing_event WHERE ends_at <= $1";
                tx.execute(sql, params![now_ms]).await?;
                Ok(())
            })
        })
        .await
}

pub(super) async fn run(platform: Arc<Platform>, stop: Stop) {
    let wake = wake(&platform);
    ROUTE.run(platform, stop, wake, bring).await;
}

/// Brings what is due once; returns how many were tried.
#[cfg(test)]
pub(super) async fn round(platform: &Arc<Platform>) -> Result<usize, StoreError> {
    ROUTE.round(platform, bring).await
}

async fn bring(platform: Arc<Platform>, held: Held) -> Result<(), StoreError> {
    let outcome = match post(&platform, &held).await {
        Ok(()) => "acknowledged",
        Err(why) => {
            tracing::warn!(event = %held.id, attempts = held.attempts, why, "word of a signature was not taken");
            why
        }
    };
    metrics::counter!("mapae_signing_events_total", "outcome" => outcome).increment(1);
    let now_ms = platform.now_ms();
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            if outcome == "acknowledged" {
                tx.execute("DELETE FROM signing_event WHERE id = $1", params![held.id.as_str()]).await?;
                return Ok(());
            }
            ROUTE.put_back(tx, &held, now_ms).await
        })
    });
    unit.await
}

async fn post(platform: &Platform, held: &Held) -> Result<(), &'static str> {
    let sql = "SELECT e.request_id, e.state, e.created_at, p.webhook_url FROM signing_event e \
               JOIN relying_party p ON p.id = e.relying_party WHERE e.id = $1 AND p.disabled_at IS NULL";
    let row = platform.store.fetch_optional(sql, params![&held.id]).await.map_err(|_| "store")?;
    let row = row.ok_or("no_party")?;
    let read = || -> Result<(String, String, i64, Option<String>), StoreError> {
        Ok((
            row.text("request_id")?,
            row.text("state")?,
            row.int("created_at")?,
            row.opt_text("webhook_url")?,
        ))
    };
    let (request, state, created_at, url) = read().map_err(|_| "store")?;
    let url = url.ok_or("no_address")?;
    // Judged when it was registered, and again now: the rules may have changed.
    let url = outgoing_address(platform, &url).ok_or("address_refused")?;
    let issued_at = created_at.div_euclid(1_000);
    let claims = json!({
        "iss": platform.config.public.origin(),
        "aud": held.party,
        "jti": held.id,
        "iat": issued_at,
        "exp": issued_at + limits::SIGNING_EVENT_LIFE.get() / 1_000,
        "reference": request,
        "signature": { "state": state },
    });
    let signer = platform.keys.signer(KeyName::Verifier).map_err(|_| "unsigned")?;
    let header = Header::es256(TYP).with_kid(signer.public_key().thumbprint());
    let body = jws::sign(&*signer, &header, claims.to_string().as_bytes()).map_err(|_| "unsigned")?;
    let client = outgoing_client(platform).map_err(|_| "no_client")?;
    let request = client.post(url).header(header::CONTENT_TYPE, "application/jwt").body(body);
    match traces::send("webhook", request).await {
        Ok(reply) if reply.status().is_success() => Ok(()),
        Ok(_) => Err("refused"),
        Err(error) if error.is_timeout() => Err("timeout"),
        Err(_) => Err("unreachable"),
    }
}

//! Web Push: browsers that asked to be told what happened to their account.
//!
//! The message says what and when, nothing else ([`PushNotice`]); it is encrypted for the browser (RFC 8291), so that the
//! push service learns only that there was one. An address that a browser names is somebody else's word: it is judged
//! ([`address`]) when it is taken, and the address it resolves to each time it is used.

pub(super) mod address;
mod send;
#[cfg(test)]
mod tests;

use keys::encoding::{b64url_decode_array, b64url_encode};
use keys::{PublicKey, sha256};
use serde::{Deserialize, Serialize};
use wallet::account::messages::{PushKey, PushKind, Subscribe};

pub(super) use send::{Delivered, client, send};

use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{KeyName, Platform, id, limits};

const TABLE: &str = "notification_push";

/// Why a browser is not told.
#[derive(Debug, thiserror::Error)]
pub enum PushRefusal {
    /// Not https, not a name, a private address, or too long.
    #[error("the address is not one of a push service")]
    Address,
    /// The browser's keys are none.
    #[error("the subscription's keys are malformed")]
    Keys,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key of ours failed.
    #[error("{0}")]
    Internal(String),
}

/// What lies sealed in the row.
#[derive(Serialize, Deserialize)]
struct Subscription {
    endpoint: String,
    p256dh: String,
    auth: String,
}

impl Subscription {
    fn keys(&self) -> Option<(PublicKey, [u8; 16])> {
        let key = b64url_decode_array::<65>(&self.p256dh).ok()?;
        let auth = b64url_decode_array::<16>(&self.auth).ok()?;
        Some((PublicKey::from_sec1(&key).ok()?, auth))
    }
}

fn endpoint_hash(endpoint: &str) -> String {
    b64url_encode(&sha256(endpoint.as_bytes()))
}

/// The key that browsers subscribe with.
pub fn key(platform: &Platform) -> Result<PushKey, PushRefusal> {
    let signer =
        platform.keys.signer(KeyName::Push).map_err(|error| PushRefusal::Internal(error.to_string()))?;
    Ok(PushKey { key: b64url_encode(signer.public_key().as_sec1()) })
}

/// Tells this browser from now on. What another device of the account asked for before is forgotten, and the oldest
/// beyond [`limits::PUSH_SUBSCRIPTIONS`]. Returns how many browsers are told.
pub async fn subscribe(
    platform: &Platform,
    account: &str,
    device: &str,
    wanted: Subscribe,
) -> Result<u32, PushRefusal> {
    address::judge(&wanted.endpoint, platform.config.demo.enabled).ok_or(PushRefusal::Address)?;
    let subscription =
        Subscription { endpoint: wanted.endpoint, p256dh: wanted.keys.p256dh, auth: wanted.keys.auth };
    subscription.keys().ok_or(PushRefusal::Keys)?;
    let hash = endpoint_hash(&subscription.endpoint);
    let row_id = id::new();
    let plain = keys::Zeroizing::new(serde_json::to_vec(&subscription).map_err(|_| PushRefusal::Keys)?);
    let sealed = platform.sealer.seal(TABLE, "subscription", &row_id, &plain);
    let (account, device, now_ms) = (account.to_owned(), device.to_owned(), platform.now_ms());
    let told = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM notification_push \
                     WHERE endpoint_hash = $1 OR (account_id = $2 AND device <> $3)",
                    params![&hash, &account, &device],
                )
                .await?;
                tx.execute(
                    "INSERT INTO notification_push (id, account_id, device, endpoint_hash, subscription, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    params![row_id, &account, device, hash, sealed, now_ms],
                )
                .await?;
                tx.execute(
                    "DELETE FROM notification_push WHERE account_id = $1 AND id NOT IN \
                     (SELECT id FROM notification_push WHERE account_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)",
                    params![&account, limits::PUSH_SUBSCRIPTIONS.get()],
                )
                .await?;
                count(tx, &account).await
            })
        })
        .await?;
    Ok(told)
}

/// Tells this browser no more. Returns how many are still told.
pub async fn unsubscribe(platform: &Platform, account: &str, endpoint: &str) -> Result<u32, PushRefusal> {
    let (account, hash) = (account.to_owned(), endpoint_hash(endpoint));
    let told = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM notification_push WHERE account_id = $1 AND endpoint_hash = $2",
                    params![&account, hash],
                )
                .await?;
                count(tx, &account).await
            })
        })
        .await?;
    Ok(told)
}

async fn count(tx: &mut Tx, account: &str) -> Result<u32, StoreError> {
    let rows =
        tx.fetch_all("SELECT id FROM notification_push WHERE account_id = $1", params![account]).await?;
    Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
}

/// Tells the account's browsers what happened, in the transaction in which it happens.
pub async fn tell(tx: &mut Tx, account: &str, kind: PushKind) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    let rows = tx
        .fetch_all("SELECT id FROM notification_push WHERE account_id = $1 ORDER BY id", params![account])
        .await?;
    for row in rows {
        tx.execute(
            "INSERT INTO notification_outbox (id, topic, channel, push_id, push_kind, state, attempts, next_at, \
             created_at, ends_at) VALUES ($1, 'notice', 'push', $2, $3, 'waiting', 0, $4, $4, $5)",
            params![
                id::new(),
                row.text("id")?,
                kind.as_str(),
                now_ms,
                now_ms.saturating_add(limits::PUSH_LIFE.get())
            ],
        )
        .await?;
    }
    Ok(())
}

/// The browser is gone: nothing more is sent there.
pub(super) async fn forget(tx: &mut Tx, push_id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM notification_push WHERE id = $1", params![push_id]).await?;
    Ok(())
}

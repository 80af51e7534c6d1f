//! The outbox: a message is a row written by the transaction that caused it, then carried away by a worker.
//!
//! A worker claims a row with a lease and one conditional UPDATE; of any number of workers one gets it. A worker that dies
//! leaves a lease that runs out, and the message is tried again: at least once, with the same id each time, so that a
//! gateway that keeps ids delivers it once. What a phone got is removed from here at once, only the fact stays.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use wallet::account::messages::PushKind;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::gateway::Taken;
use super::{count, quiet};
use crate::operations::store::{Store, StoreError, Tx, params};
use crate::operations::{Platform, id, limits};

const TABLE: &str = "notification_outbox";

/// What a message is about; who waits for its fate subscribes to the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The install address of an approved application.
    Invitation,
    /// A one-time code.
    Code,
    /// Something a holder or the HR desk should know.
    Notice,
}

impl Topic {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Code => "code",
            Self::Notice => "notice",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "invitation" => Self::Invitation,
            "code" => Self::Code,
            _ => Self::Notice,
        }
    }
}

/// What lies sealed in the row.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Payload {
    pub(super) to: String,
    pub(super) text: String,
}

/// A message ready to be enqueued: sealed before the transaction begins, because sealing does not belong inside.
#[derive(Clone, Debug)]
pub struct Message {
    id: String,
    topic: Topic,
    payload: Vec<u8>,
    created_at: i64,
    /// Not before; what can wait is not sent at night.
    from_at: i64,
    ends_at: i64,
    wake: Arc<Notify>,
}

impl Message {
    /// A text message to a phone number. It is given up after [`limits::OUTBOX_LIFE`] unless [`Self::until`] says sooner.
    pub fn sms(platform: &Platform, topic: Topic, to: &str, text: &str) -> Self {
        let id = id::new();
        let payload = Payload { to: to.to_owned(), text: text.to_owned() };
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&payload).unwrap_or_default());
        let created_at = platform.clock.now_ms();
        Self {
            payload: platform.sealer.seal(TABLE, "payload", &id, &plain),
            id,
            topic,
            created_at,
            from_at: match topic {
                Topic::Notice => quiet::end(&platform.config.notification, created_at),
                // Somebody waits for it.
                Topic::Invitation | Topic::Code => created_at,
            },
            ends_at: created_at + limits::OUTBOX_LIFE.get(),
            wake: Arc::clone(&platform.local.notification.wake),
        }
    }

    /// Worthless after `ends_at` (ms), such as a code that has run out: not sent then.
    #[must_use]
    pub fn until(mut self, ends_at: i64) -> Self {
        self.ends_at = self.ends_at.min(ends_at);
        self
    }

    /// Its id, by which its fate can be asked.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Writes the message in the caller's transaction; the worker is woken when that is durable.
pub async fn enqueue(tx: &mut Tx, message: Message) -> Result<(), StoreError> {
    let Message { id, topic, payload, created_at, from_at, ends_at, wake } = message;
    tx.execute(
        "INSERT INTO notification_outbox (id, topic, channel, payload, state, attempts, next_at, created_at, ends_at) \
         VALUES ($1, $2, 'sms', $3, 'waiting', 0, $4, $5, $6)",
        params![id, topic.as_str(), payload, from_at, created_at, ends_at],
    )
    .await?;
    tx.after_commit(move || wake.notify_one());
    Ok(())
}

/// Gives up every message that waits or is under way; returns how many.
pub(super) async fn give_up_all(tx: &mut Tx, why: &str, now_ms: i64) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE notification_outbox SET state = 'dead', payload = NULL, done_at = $1, claim = NULL, failure = $2 \
         WHERE state IN ('waiting', 'claimed')",
        params![now_ms, why],
    )
    .await
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Waits for its first or next try.
    Waiting,
    /// Taken by the gateway at this time (ms).
    Sent { at: i64 },
    /// Given up at this time (ms): a person has to look.
    Dead { at: i64 },
}

/// The fate of a message; `None` for an id that was never enqueued or is long forgotten.
pub async fn fate(store: &Store, message_id: &str) -> Result<Option<Fate>, StoreError> {
    let row = store
        .fetch_optional("SELECT state, done_at FROM notification_outbox WHERE id = $1", params![message_id])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let at = row.opt_int("done_at")?.unwrap_or_default();
    Ok(Some(match row.text("state")?.as_str() {
        "sent" => Fate::Sent { at },
        "dead" => Fate::Dead { at },
        _ => Fate::Waiting,
    }))
}

/// A message in the hands of one worker until its lease ends.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) id: String,
    pub(super) topic: Topic,
    pub(super) payload: Vec<u8>,
    /// Which browser is told what, if it is a message to one.
    pub(super) push: Option<(String, PushKind)>,
    pub(super) attempts: i64,
    pub(super) created_at: i64,
    pub(super) ends_at: i64,
    /// Nobody knows whether an earlier try arrived.
    pub(super) in_doubt: bool,
    claim: String,
}

/// The way by which a message goes; each is worked on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// A text message, by the gateway.
    Sms,
    /// A message to a browser, by its push service.
    Push,
}

impl Channel {
    const fn word(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Push => "push",
        }
    }
}

/// Claims at most `limit` messages of a channel that are due. What is past its end is given up instead.
pub(super) async fn claim(
    platform: &Platform,
    channel: Channel,
    limit: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let now = platform.clock.now_ms();
    let channel = channel.word();
    // A look without a transaction: an idle worker must not write.
    let due = platform
        .store
        .fetch_optional(
            "SELECT id FROM notification_outbox WHERE ((state = 'waiting' AND next_at <= $1) \
             OR (state = 'claimed' AND claim_ends_at <= $1)) AND channel = $2 LIMIT 1",
            params![now, channel],
        )
        .await?;
    if due.is_none() {
        return Ok(Vec::new());
    }
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let due = tx
                    .fetch_all(
                        "SELECT id FROM notification_outbox WHERE ((state = 'waiting' AND next_at <= $1) \
                         OR (state = 'claimed' AND claim_ends_at <= $1)) AND channel = $3 \
                         ORDER BY next_at, id LIMIT $2",
                        params![now, limit, channel],
                    )
                    .await?;
                let mut mine = Vec::with_capacity(due.len());
                for row in due {
                    if let Some(claimed) = claim_one(tx, &row.text("id")?, now).await? {
                        mine.push(claimed);
                    }
                }
                Ok(mine)
            })
        })
        .await
}

/// Claims one message if nobody holds it at this moment, whatever was read before.
pub(super) async fn claim_one(tx: &mut Tx, id: &str, now: i64) -> Result<Option<Claimed>, StoreError> {
    let claim = keys::random::token();
    let row = tx
        .fetch_optional(
            // A claim that ran out was a worker's that died: what it sent or did not send, it can't tell any more.
            "UPDATE notification_outbox SET state = 'claimed', claim = $1, claim_ends_at = $2, attempts = attempts + 1, \
             in_doubt = CASE WHEN state = 'claimed' THEN 1 ELSE in_doubt END, \
             doubts = COALESCE(doubts, 0) + CASE WHEN state = 'claimed' THEN 1 ELSE 0 END \
             WHERE id = $3 AND ((state = 'waiting' AND next_at <= $4) OR (state = 'claimed' AND claim_ends_at <= $4)) \
             RETURNING topic, payload, push_id, push_kind, attempts, created_at, ends_at, in_doubt",
            params![claim.as_str(), now + limits::OUTBOX_LEASE.get(), id, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (topic, attempts) = (Topic::parse(&row.text("topic")?), row.int("attempts")?);
    let claimed = Claimed {
        id: id.to_owned(),
        topic,
        payload: row.opt_bytes("payload")?.unwrap_or_default(),
        push: row
            .opt_text("push_id")?
            .zip(row.opt_text("push_kind")?.and_then(|kind| PushKind::parse(&kind))),
        attempts,
        created_at: row.int("created_at")?,
        ends_at: row.int("ends_at")?,
        in_doubt: row.opt_int("in_doubt")? == Some(1),
        claim,
    };
    if row.int("ends_at")? <= now {
        settle(tx, &claimed, &Outcome::GiveUp("too_late"), now).await?;
        return Ok(None);
    }
    Ok(Some(claimed))
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent(Taken),
    /// Again later, if tries are left.
    TryAgain(&'static str),
    /// The same, and this try may have arrived.
    InDoubt(&'static str),
    /// No further try helps.
    GiveUp(&'static str),
}

/// Who wants to hear that a message of a topic was taken, in the transaction that notes it.
pub type Subscriber = for<'t> fn(&'t mut Tx, &'t str, i64) -> BoxFuture<'t, Result<(), StoreError>>;

/// Writes down how a try ended. `false` if the lease had run out and somebody else has the message now.
pub(super) async fn settle(
    tx: &mut Tx,
    claimed: &Claimed,
    outcome: &Outcome,
    now: i64,
) -> Result<bool, StoreError> {
    let rows = match outcome {
        Outcome::Sent(taken) => {
            tx.execute(
                "UPDATE notification_outbox SET state = 'sent', payload = NULL, done_at = $1, claim = NULL, failure = NULL, \
                 provider = $4, remote_id = $5, length = $6, in_doubt = 0 \
                 WHERE id = $2 AND claim = $3 AND state = 'claimed'",
                params![
                    now,
                    claimed.id.as_str(),
                    claimed.claim.as_str(),
                    taken.provider,
                    taken.remote_id.as_deref(),
                    taken.length.map(|length| length.as_str())
                ],
            )
            .await?
        }
        Outcome::TryAgain(why) | Outcome::InDoubt(why) if claimed.attempts < limits::OUTBOX_TRIES.get() => {
            let doubt = i64::from(matches!(outcome, Outcome::InDoubt(_)));
            tx.execute(
                "UPDATE notification_outbox SET state = 'waiting', next_at = $1, claim = NULL, failure = $2, \
                 doubts = COALESCE(doubts, 0) + $5, in_doubt = CASE WHEN $5 = 1 THEN 1 ELSE in_doubt END \
                 WHERE id = $3 AND claim = $4 AND state = 'claimed'",
                params![
                    now + pause(claimed.attempts),
                    *why,
                    claimed.id.as_str(),
                    claimed.claim.as_str(),
                    doubt
                ],
            )
            .await?
        }
        Outcome::TryAgain(why) | Outcome::InDoubt(why) | Outcome::GiveUp(why) => {
            metrics::counter!("mapae_notification_dead_total").increment(1);
            tx.execute(
                "UPDATE notification_outbox SET state = 'dead', payload = NULL, done_at = $1, claim = NULL, failure = $2 \
                 WHERE id = $3 AND claim = $4 AND state = 'claimed'",
                params![now, *why, claimed.id.as_str(), claimed.claim.as_str()],
            )
            .await?
        }
    };
    if rows == 1
        && let Outcome::Sent(taken) = outcome
    {
        count::add(tx, &claimed.id, taken, now).await?;
    }
    if rows == 1
        && matches!(outcome, Outcome::Sent(_))
        && let Some(subscriber) = super::subscriber(claimed.topic)
    {
        subscriber(tx, &claimed.id, now).await?;
    }
    Ok(rows == 1)
}

/// Forgets a message whose browser is gone: nobody has to look at it.
pub(super) async fn forget(tx: &mut Tx, claimed: &Claimed) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM notification_outbox WHERE id = $1 AND claim = $2",
        params![claimed.id.as_str(), claimed.claim.as_str()],
    )
    .await?;
    Ok(())
}

/// Twice as long after each try: 1 s, 2 s, 4 s … up to [`limits::OUTBOX_PAUSE`].
pub(super) fn pause(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or_default();
    1_000_i64.saturating_mul(1 << doublings).min(limits::OUTBOX_PAUSE.get())
}

/// Forgets messages that ended longer ago than [`limits::OUTBOX_KEEP`].
pub(super) async fn sweep(platform: &Platform) -> Result<u64, StoreError> {
    let before = platform.clock.now_ms() - limits::OUTBOX_KEEP.get();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM notification_outbox WHERE id IN (SELECT id FROM notification_outbox \
                     WHERE state IN ('sent', 'dead') AND done_at < $1 LIMIT 500)",
                    params![before],
                )
                .await
            })
        })
        .await
}

/// Opens the sealed payload of a claimed message.
pub(super) fn open(platform: &Platform, claimed: &Claimed) -> Option<Payload> {
    let plain = platform.sealer.open(TABLE, "payload", &claimed.id, &claimed.payload).ok()?;
    serde_json::from_slice(&plain).ok()
}

//! A meeting whose phone and reader came to different processes on one PostgreSQL: what one says is a row for a moment,
//! and the other process is told of it.
//!
//! ```text
//! phone ══ws══ process A ── row, NOTIFY ──▶ process B ══ws══ reader
//! ```
//!
//! The row of the meeting decides who is its one reader, whichever process that came to. Neither row says who they are:
//! the channel is a hash of what the code tells, and the messages are encrypted between the two (ISO/IEC 18013-5 §9.1.1).

use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, timeout_at};

use super::relay::{self, Channel, Refused, close};
use crate::operations::store::{Store, StoreError, Watch, params};
use crate::operations::{Platform, limits};

/// Which of the two is connected to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Phone,
    Reader,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Reader => "reader",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Phone => Self::Reader,
            Self::Reader => Self::Phone,
        }
    }

    fn topic(self, meeting: &str) -> String {
        format!("meeting:{}:{meeting}", self.as_str())
    }
}

/// The meeting's name in the table.
pub(super) fn name(channel: &Channel) -> String {
    keys::encoding::hex_encode(&keys::sha256(&[b"meeting\0", channel.bytes().as_slice()].concat()))
}

/// Enters that a phone waits in this process. A meeting that is over leaves its name free.
pub(super) async fn announce(platform: &Platform, meeting: &str) -> Result<(), Refused> {
    let (meeting, node) = (meeting.to_owned(), platform.local.in_person.node.clone());
    let until = platform.now_ms().saturating_add(limits::IN_PERSON_WAIT.get().saturating_mul(2));
    let entered = platform.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let now_ms = tx.now_ms();
            tx.execute(
                "INSERT INTO in_person_meeting (channel, phone, until_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (channel) DO UPDATE SET phone = $2, reader = NULL, met_at = NULL, until_at = $3 \
                 WHERE in_person_meeting.until_at <= $4",
                params![meeting, node, until, now_ms],
            )
            .await
        })
    });
    match entered.await {
        Ok(1) => Ok(()),
        Ok(_) => Err(Refused::Taken),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Takes the place of the meeting's one reader; whether its phone waits in this very process. Another one is told.
pub(super) async fn join(platform: &Platform, meeting: &str) -> Result<bool, Refused> {
    let (meeting, node) = (meeting.to_owned(), platform.local.in_person.node.clone());
    let joined = platform.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let now_ms = tx.now_ms();
            let row = tx
                .fetch_optional(
                    "UPDATE in_person_meeting SET reader = $2 \
                     WHERE channel = $1 AND reader IS NULL AND until_at > $3 RETURNING phone",
                    params![&meeting, node.as_str(), now_ms],
                )
                .await?;
            let Some(row) = row else { return Ok(None) };
            let here = row.text("phone")? == node;
            if !here {
                tx.tell(&Side::Phone.topic(&meeting)).await?;
            }
            Ok(Some(here))
        })
    });
    match joined.await {
        Ok(Some(here)) => Ok(here),
        Ok(None) => Err(Refused::NoPhone),
        Err(error) => Err(unavailable(&error)),
    }
}

fn unavailable(error: &StoreError) -> Refused {
    tracing::warn!(%error, "a meeting could not be written down");
    Refused::Unavailable
}

/// Waits until a reader came to another process; never returns where one comes to this one.
pub(super) async fn reader_elsewhere(platform: &Platform, meeting: &str) {
    let told = platform.store.watch(Side::Phone.topic(meeting));
    loop {
        match meet(platform, meeting).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a meeting can't be looked at; tried again"),
        }
        wait(&told).await;
    }
}

async fn meet(platform: &Platform, meeting: &str) -> Result<bool, StoreError> {
    let sql =
        "SELECT channel FROM in_person_meeting WHERE channel = $1 AND reader IS NOT NULL AND reader <> $2";
    let node = platform.local.in_person.node.clone();
    if platform.store.fetch_optional(sql, params![meeting, node]).await?.is_none() {
        return Ok(false);
    }
    let meeting = meeting.to_owned();
    let noticed = platform.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let now_ms = tx.now_ms();
            let sql = "UPDATE in_person_meeting SET met_at = $2 WHERE channel = $1 AND met_at IS NULL";
            let rows = tx.execute(sql, params![&meeting, now_ms]).await?;
            tx.tell(&Side::Reader.topic(&meeting)).await?;
            Ok(rows)
        })
    });
    Ok(noticed.await? == 1)
}

async fn wait(told: &Watch) {
    tokio::select! {
        () = told.told() => {}
        () = tokio::time::sleep(limits::IN_PERSON_LOOK.duration()) => {}
    }
}

/// Removes a meeting that is over.
pub(super) async fn forget(platform: &Platform, meeting: &str) {
    let meeting = meeting.to_owned();
    let removed = platform.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            tx.execute("DELETE FROM in_person_message WHERE channel = $1", params![&meeting]).await?;
            tx.execute("DELETE FROM in_person_meeting WHERE channel = $1", params![&meeting]).await
        })
    });
    if let Err(error) = removed.await {
        tracing::warn!(%error, "a meeting that is over stays until the next sweep");
    }
}

/// Removes what a process left that ended in the middle.
pub(super) async fn sweep(platform: &Platform) -> Result<u64, StoreError> {
    let now_ms = platform.now_ms();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM in_person_message WHERE channel NOT IN \
                     (SELECT channel FROM in_person_meeting WHERE until_at > $1)",
                    params![now_ms],
                )
                .await?;
                tx.execute("DELETE FROM in_person_meeting WHERE until_at <= $1", params![now_ms]).await
            })
        })
        .await
}

/// A reader's end: first the phone's process has to notice, then messages go both ways.
pub(super) async fn read(platform: &Platform, meeting: &str, reader: WebSocket) {
    let told = platform.store.watch(Side::Reader.topic(meeting));
    let by = Instant::now() + limits::IN_PERSON_JOIN.duration();
    let sql = "SELECT channel FROM in_person_meeting WHERE channel = $1 AND met_at IS NOT NULL";
    let noticed = timeout_at(by, async {
        while !matches!(platform.store.fetch_optional(sql, params![meeting]).await, Ok(Some(_))) {
            wait(&told).await;
        }
    });
    if noticed.await.is_err() {
        // The process that held the phone is gone, and the phone with it.
        forget(platform, meeting).await;
        return relay::end(reader, close::NOBODY).await;
    }
    carry(platform, meeting, reader, Side::Reader, &told).await;
}

/// A phone's end, once a reader came elsewhere.
pub(super) async fn show(platform: &Platform, meeting: &str, phone: WebSocket) {
    let told = platform.store.watch(Side::Phone.topic(meeting));
    carry(platform, meeting, phone, Side::Phone, &told).await;
}

/// Carries between a socket of this process and the rows of the other, with the bounds of a meeting in one process.
async fn carry(platform: &Platform, meeting: &str, mut socket: WebSocket, side: Side, told: &Watch) {
    let until = Instant::now() + limits::IN_PERSON_WAIT.duration();
    let most = limits::IN_PERSON_MESSAGES.get();
    let (mut said, mut heard, mut ended) = (0_i64, 0_i64, false);
    'meeting: while said + heard < most {
        let next = async {
            tokio::select! {
                message = socket.recv() => Some(message),
                () = wait(told) => None,
            }
        };
        let Ok(next) = timeout_at(until, next).await else { break };
        match next {
            Some(Some(Ok(Message::Binary(bytes)))) if bytes.len() <= limits::IN_PERSON_MESSAGE.size() => {
                if let Err(error) = say(&platform.store, meeting, side, said, Some(bytes.to_vec())).await {
                    tracing::warn!(%error, "a message of a meeting could not be carried");
                    break;
                }
                said += 1;
            }
            Some(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Some(_) => break,
            None => match hear(&platform.store, meeting, side.other(), heard).await {
                Ok(messages) => {
                    for message in messages {
                        heard += 1;
                        let Some(bytes) = message else {
                            ended = true;
                            break 'meeting;
                        };
                        if socket.send(Message::Binary(bytes.into())).await.is_err() {
                            break 'meeting;
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "a meeting can't be heard; tried again"),
            },
        }
    }
    // Who hears that the other is done clears up; who is done first leaves that to the other.
    if ended || say(&platform.store, meeting, side, said, None).await.is_err() {
        forget(platform, meeting).await;
    }
    relay::end(socket, close::NORMAL).await;
}

async fn say(
    store: &Store,
    meeting: &str,
    side: Side,
    n: i64,
    said: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    let meeting = meeting.to_owned();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO in_person_message (channel, side, n, said) \
                     SELECT channel, $2, $3, $4 FROM in_person_meeting WHERE channel = $1",
                    params![&meeting, side.as_str(), n, said],
                )
                .await?;
                tx.tell(&side.other().topic(&meeting)).await
            })
        })
        .await
}

/// What the other side said from number `from` on; taken away as it is read.
async fn hear(
    store: &Store,
    meeting: &str,
    side: Side,
    from: i64,
) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let sql = "SELECT n, said FROM in_person_message WHERE channel = $1 AND side = $2 AND n >= $3 ORDER BY n LIMIT $4";
    let most = limits::IN_PERSON_MESSAGES.get() + 1;
    let rows = store.fetch_all(sql, params![meeting, side.as_str(), from, most]).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut messages = Vec::with_capacity(rows.len());
    for (expected, row) in (from..).zip(&rows) {
        if row.int("n")? != expected {
            break;
        }
        messages.push(row.opt_bytes("said")?);
    }
    let (meeting, to) = (meeting.to_owned(), from + i64::try_from(messages.len()).unwrap_or(0));
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM in_person_message WHERE channel = $1 AND side = $2 AND n < $3",
                    params![meeting, side.as_str(), to],
                )
                .await
            })
        })
        .await
        .map(|_: u64| messages)
}

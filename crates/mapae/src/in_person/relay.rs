//! Carries a meeting face to face: two WebSockets of one channel, and every message from one to the other.
//!
//! The phone waits at an address that only its QR code tells; the first reader that calls it is joined with it. What passes
//! is encrypted between the two (ISO/IEC 18013-5 §9.1.1): nothing is read, kept or logged here, not even that it happened.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::across;
use crate::operations::{Platform, limits};

/// Closing codes of RFC 6455 §7.4.1 and §7.4.2.
pub(super) mod close {
    pub(in crate::in_person) const NORMAL: u16 = 1000;
    pub(super) const POLICY: u16 = 1008;
    /// Ours: nobody came.
    pub(in crate::in_person) const NOBODY: u16 = 4000;
}

/// A channel: 128 bits in base64url, which the phone drew.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Channel([u8; 16]);

impl Channel {
    pub(super) fn parse(text: &str) -> Option<Self> {
        keys::encoding::b64url_decode_array(text).ok().map(Self)
    }

    pub(super) const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No phone waits: the code is old or used.
    NoPhone,
    /// A phone waits here already.
    Taken,
    /// Too many phones wait.
    Full,
    /// The store that joins processes does not answer.
    Unavailable,
}

/// Phones that wait for their reader.
#[derive(Default)]
pub(super) struct Relay {
    waiting: Mutex<HashMap<Channel, oneshot::Sender<WebSocket>>>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

impl Relay {
    /// A place for a phone; what it resolves to is the reader.
    pub(super) fn wait(&self, channel: &Channel) -> Result<oneshot::Receiver<WebSocket>, Refused> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= limits::IN_PERSON_WAITING.size() {
            // Phones that went away leave their place.
            waiting.retain(|_, reader| !reader.is_closed());
        }
        if waiting.len() >= limits::IN_PERSON_WAITING.size() {
            return Err(Refused::Full);
        }
        let (reader, came) = oneshot::channel();
        match waiting.entry(channel.clone()) {
            Entry::Occupied(mut old) if old.get().is_closed() => {
                old.insert(reader);
            }
            Entry::Occupied(_) => return Err(Refused::Taken),
            Entry::Vacant(free) => {
                free.insert(reader);
            }
        }
        Ok(came)
    }

    /// The phone of this channel, for one reader only.
    pub(super) fn call(&self, channel: &Channel) -> Result<oneshot::Sender<WebSocket>, Refused> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(channel).filter(|phone| !phone.is_closed()).ok_or(Refused::NoPhone)
    }
}

/// Holds a phone until its reader comes, then carries. `meeting` names its row where there may be other processes.
pub(super) async fn hold(
    platform: Arc<Platform>,
    meeting: Option<String>,
    mut phone: WebSocket,
    came: oneshot::Receiver<WebSocket>,
) {
    let elsewhere = async {
        match &meeting {
            Some(meeting) => across::reader_elsewhere(&platform, meeting).await,
            None => std::future::pending().await,
        }
    };
    let reader = tokio::select! {
        reader = timeout(limits::IN_PERSON_WAIT.duration(), came) => match reader {
            Ok(Ok(reader)) => Ok(reader),
            _ => Err(close::NOBODY),
        },
        () = elsewhere => return across::show(&platform, meeting.as_deref().unwrap_or_default(), phone).await,
        // It has nothing to say before somebody asks; whatever comes, it is gone or broken.
        _ = phone.recv() => Err(close::POLICY),
    };
    // The row has decided who comes; from here on it would only keep the name taken.
    if let Some(meeting) = meeting {
        across::forget(&platform, &meeting).await;
    }
    match reader {
        Ok(reader) => carry(phone, reader).await,
        Err(code) => end(phone, code).await,
    }
}

/// Carries messages both ways until one side is done, a bound is met or time is up.
async fn carry(mut phone: WebSocket, mut reader: WebSocket) {
    let until = Instant::now() + limits::IN_PERSON_WAIT.duration();
    for _ in 0..limits::IN_PERSON_MESSAGES.get() {
        let next = async {
            tokio::select! {
                message = phone.recv() => (message, true),
                message = reader.recv() => (message, false),
            }
        };
        let Ok((Some(Ok(message)), from_phone)) = timeout_at(until, next).await else { break };
        let to = if from_phone { &mut reader } else { &mut phone };
        match message {
            Message::Binary(bytes) if bytes.len() <= limits::IN_PERSON_MESSAGE.size() => {
                if to.send(Message::Binary(bytes)).await.is_err() {
                    break;
                }
            }
            // Answered by the socket itself.
            Message::Ping(_) | Message::Pong(_) => {}
            _ => break,
        }
    }
    end(phone, close::NORMAL).await;
    end(reader, close::NORMAL).await;
}

pub(super) async fn end(mut socket: WebSocket, code: u16) {
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await;
}

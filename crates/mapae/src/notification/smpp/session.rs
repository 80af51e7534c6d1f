//! One connection to an SMPP gateway: bound once, used by many senders at once, gone at the first thing that does not fit.
//!
//! A request that got no answer ends as [`NoAnswer::Lost`]: the gateway may have taken it. Only a request that never left, or was
//! refused, is known not to have been taken; the two must not be confused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::pdu::{self, Pdu, Receipt, id, status};
use crate::operations::limits;

/// Where a gateway is and who we are to it.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Option<super::tls::Authority>,
    pub(super) system_id: String,
    pub(super) password: String,
    pub(super) system_type: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSession {
    Unreachable,
    Refused(u32),
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It never left.
    NotSent,
    /// It left, and nothing came back.
    Lost,
}

type Waiting = Arc<Mutex<HashMap<u32, oneshot::Sender<Pdu>>>>;

/// A bound connection.
pub(super) struct Session {
    out: mpsc::Sender<Vec<u8>>,
    waiting: Waiting,
    next: AtomicU32,
    open: Arc<AtomicBool>,
    window: Semaphore,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connect(account: &Account) -> Result<Box<dyn Stream>, NoSession> {
    let address = (account.host.as_str(), account.port);
    let stream = tokio::time::timeout(limits::HTTP_CLIENT_CONNECT.duration(), TcpStream::connect(address))
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or(NoSession::Unreachable)?;
    let _ = stream.set_nodelay(true);
    match &account.tls {
        None => Ok(Box::new(stream)),
        Some(authority) => {
            let inside = authority.wrap(&account.host, stream).await;
            Ok(Box::new(inside.ok_or(NoSession::Unreachable)?))
        }
    }
}

impl Session {
    /// Connects and binds as transceiver. Receipts go to `receipts` as they come.
    pub(super) async fn open(
        account: &Account,
        receipts: mpsc::Sender<Receipt>,
    ) -> Result<Arc<Self>, NoSession> {
        let stream = connect(account).await?;
        let (reader, writer) = tokio::io::split(stream);
        let (out, to_write) = mpsc::channel(limits::SMPP_WINDOW.size() * 2);
        let waiting = Waiting::default();
        let open = Arc::new(AtomicBool::new(true));
        let session = Arc::new(Self {
            out: out.clone(),
            waiting: Arc::clone(&waiting),
            next: AtomicU32::new(1),
            open: Arc::clone(&open),
            window: Semaphore::new(limits::SMPP_WINDOW.size()),
        });
        tokio::spawn(write(writer, to_write));
        tokio::spawn(async move {
            let ended = read(reader, &out, &waiting, &receipts).await;
            open.store(false, Ordering::SeqCst);
            // Whoever waits hears now that no answer comes.
            waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
            tracing::warn!(reason = ended, "the connection to the SMS gateway ended");
        });
        let body = pdu::bind(&account.system_id, &account.password, &account.system_type);
        let answer = session.request(id::BIND_TRANSCEIVER, body).await.map_err(|_| NoSession::Unreachable)?;
        if answer.status != status::OK {
            session.close();
            return Err(NoSession::Refused(answer.status));
        }
        Ok(session)
    }

    /// Whether requests may still be sent.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Uses this connection no more.
    pub(super) fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    /// Sends a request and waits for its answer; at most [`limits::SMPP_WINDOW`] wait at once.
    pub(super) async fn request(&self, command: u32, body: Vec<u8>) -> Result<Pdu, NoAnswer> {
        let _place = self.window.acquire().await.map_err(|_| NoAnswer::NotSent)?;
        if !self.is_open() {
            return Err(NoAnswer::NotSent);
        }
        // Sequence numbers go from 1 to 0x7fffffff (§5.1.4).
        let sequence = self.next.fetch_add(1, Ordering::Relaxed) & 0x7fff_ffff;
        let sequence = sequence.max(1);
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence, answer);
        // The reader may have ended between the look and the entry; then nobody would ever clear it.
        if !self.is_open() || self.out.send(Pdu::new(command, sequence, body).encode()).await.is_err() {
            self.forget(sequence);
            return Err(NoAnswer::NotSent);
        }
        match tokio::time::timeout(limits::SMS_TIME.duration(), answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(NoAnswer::Lost),
            Err(_) => {
                self.forget(sequence);
                // A gateway that does not answer one request is not asked another on this connection.
                self.close();
                Err(NoAnswer::Lost)
            }
        }
    }

    fn forget(&self, sequence: u32) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&sequence);
    }
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut units: mpsc::Receiver<Vec<u8>>) {
    while let Some(unit) = units.recv().await {
        if writer.write_all(&unit).await.is_err() || writer.flush().await.is_err() {
            break;
        }
    }
    let _ = writer.shutdown().await;
}

/// Reads until the connection ends or makes no sense; says why it ended.
async fn read<R: AsyncRead + Unpin>(
    mut reader: R,
    out: &mpsc::Sender<Vec<u8>>,
    waiting: &Waiting,
    receipts: &mpsc::Sender<Receipt>,
) -> &'static str {
    let (mut received, mut block, mut sequence) = (Vec::new(), vec![0_u8; 8 * 1_024], 0x4000_0000_u32);
    loop {
        loop {
            match Pdu::take(&mut received) {
                Ok(None) => break,
                Ok(Some(unit)) => {
                    if let Some(end) = handle(&unit, out, waiting, receipts).await {
                        return end;
                    }
                }
                Err(_) => return "malformed",
            }
        }
        // A connection on which nothing comes is asked whether it is alive, then given up.
        let quiet = limits::SMPP_ENQUIRE.duration();
        let mut asked = false;
        let count = loop {
            match tokio::time::timeout(quiet, reader.read(&mut block)).await {
                Ok(Ok(count)) => break count,
                Ok(Err(_)) => return "broken",
                Err(_) if asked => return "silent",
                Err(_) => {
                    asked = true;
                    sequence += 1;
                    let enquiry = Pdu::new(id::ENQUIRE_LINK, sequence, Vec::new());
                    if out.try_send(enquiry.encode()).is_err() {
                        return "stuck";
                    }
                }
            }
        };
        if count == 0 {
            return "closed";
        }
        received.extend_from_slice(block.get(..count).unwrap_or_default());
    }
}

async fn handle(
    unit: &Pdu,
    out: &mpsc::Sender<Vec<u8>>,
    waiting: &Waiting,
    receipts: &mpsc::Sender<Receipt>,
) -> Option<&'static str> {
    if unit.is_response() {
        let waits = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&unit.sequence);
        if let Some(waits) = waits {
            let _ = waits.send(unit.clone());
        }
        return None;
    }
    let answer = match unit.command {
        id::DELIVER_SM => match pdu::receipt(&unit.body) {
            // Taken in before it is answered: what is not noted comes again.
            Ok(Some(receipt)) => match receipts.try_send(receipt) {
                Ok(()) => unit.answer(status::OK),
                Err(_) => unit.answer(status::TEMPORARY),
            },
            Ok(None) => unit.answer(status::OK),
            Err(_) => unit.answer(status::SYSTEM_ERROR),
        },
        id::ENQUIRE_LINK | id::UNBIND => unit.answer(status::OK),
        _ => unit.answer(status::INVALID_COMMAND),
    };
    // Where nothing can be written any more, what the gateway had answered before may still stand here to be read: whoever
    // waits for that must not be told that its message is lost. The end of the connection ends the reading.
    let _ = out.send(answer.encode()).await;
    (unit.command == id::UNBIND).then_some("unbound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_that_came_before_the_connection_broke_are_heard_though_nothing_can_be_written() {
        let receipt = Pdu::new(id::DELIVER_SM, 7, b"no receipt".to_vec());
        let taken = Pdu::new(id::SUBMIT_SM | id::RESPONSE, 2, b"id-2\0".to_vec());
        let bytes = [receipt.encode(), taken.encode()].concat();
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting::default();
        waiting.lock().unwrap().insert(2, answer);
        let (receipts, _kept) = mpsc::channel(8);
        let (out, writer) = mpsc::channel(8);
        drop(writer);
        assert_eq!(read(bytes.as_slice(), &out, &waiting, &receipts).await, "closed");
        assert_eq!(answered.await.unwrap(), taken);
    }
}

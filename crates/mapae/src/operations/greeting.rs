//! A connection whose client has to begin, in time.
//!
//! The time for headers runs once it is known which version of HTTP a client speaks, and that it says itself: in the first
//! byte that is not the preface of HTTP/2 (RFC 9113 §3.4). Whoever says nothing at all, or stops within the preface, would
//! keep its place for ever, and a listener has only so many.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that fails to read when its client has not said in time how it will speak.
pub(super) struct Greeting<IO> {
    io: IO,
    /// Of the preface, what is still open.
    open: &'static [u8],
    until: Pin<Box<Sleep>>,
}

impl<IO> Greeting<IO> {
    pub(super) fn within(time: Duration, io: IO) -> Self {
        Self { io, open: PREFACE, until: Box::pin(tokio::time::sleep(time)) }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Greeting<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.open.is_empty() && self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        for byte in buffer.filled().iter().skip(before) {
            match self.open.split_first() {
                Some((expected, rest)) if expected == byte => self.open = rest,
                _ => self.open = &[],
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Greeting<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const TIME: Duration = Duration::from_secs(2);

    /// What a server reads of a client that says this at once and then nothing until it is too late to begin.
    async fn heard(said: &[u8]) -> io::Result<usize> {
        let (mut client, server) = duplex(1_024);
        let mut server = Greeting::within(TIME, server);
        client.write_all(said).await.unwrap();
        let mut buffer = vec![0; said.len()];
        server.read_exact(&mut buffer).await?;
        let later = tokio::spawn(async move {
            tokio::time::sleep(TIME + Duration::from_secs(1)).await;
            // Nobody listens any more to one that was let go.
            let _ = client.write_all(b"more").await;
        });
        let more = server.read(&mut [0; 8]).await;
        later.await.unwrap();
        more
    }

    #[tokio::test]
    async fn who_says_nothing_or_stops_within_the_preface_is_let_go_and_anybody_else_may_pause() {
        let stuck = [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"].map(heard);
        let begun = [&b"GET / HTTP/1.1\r\n"[..], b"POST", b"\x16", PREFACE].map(heard);
        let (stuck, begun) = tokio::join!(join_all(stuck), join_all(begun));
        assert!(stuck.into_iter().all(|read| read.unwrap_err().kind() == io::ErrorKind::TimedOut));
        assert!(begun.into_iter().all(|read| read.unwrap() == 4));
    }
}

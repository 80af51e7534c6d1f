//! Waiting for the browser: a page on this machine's loopback, on a port the system chooses (RFC 8252 §7.3).

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::fault::PhoneError;
use crate::operations::Language;
use crate::operations::language;

/// How long the person has to sign in and agree.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long one connection may take to say what it wants.
const READ: Duration = Duration::from_secs(5);
/// Longest request line and headers that are read, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The path that the browser comes back to.
const PATH: &str = "/signed-in";

/// Where the browser comes back to.
#[derive(Debug)]
pub(super) struct Return {
    listener: TcpListener,
    redirect_uri: String,
}

impl Return {
    /// Listens.
    pub(super) async fn listen() -> Result<Self, PhoneError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(PhoneError::Folder)?;
        let port = listener.local_addr().map_err(PhoneError::Folder)?.port();
        Ok(Self { listener, redirect_uri: format!("http://127.0.0.1:{port}{PATH}") })
    }

    /// The address for the request.
    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the browser and returns the address that it was sent to. Whatever else knocks is sent away.
    pub(super) async fn wait(self, language: Language) -> Result<String, PhoneError> {
        let arrived = async {
            loop {
                let Ok((stream, _)) = self.listener.accept().await else { continue };
                if let Ok(Some(target)) = tokio::time::timeout(READ, answer(stream, language)).await {
                    let query = target.strip_prefix(PATH).unwrap_or_default();
                    return format!("{}{query}", self.redirect_uri);
                }
            }
        };
        tokio::time::timeout(PATIENCE, arrived).await.map_err(|_| PhoneError::SignInTimeout)
    }
}

/// Reads one request and answers it; the target, if it is the awaited one.
async fn answer(mut stream: TcpStream, language: Language) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0_u8; 2_048];
        let read = stream.read(&mut piece).await.ok()?;
        if read == 0 || head.len() + read > MAX_HEAD {
            return None;
        }
        head.extend_from_slice(piece.get(..read)?);
    }
    let line = std::str::from_utf8(head.split(|b| *b == b'\r').next()?).ok()?;
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    let awaited = target.split('?').next() == Some(PATH) && target.contains('?');
    let (status, text) = match awaited {
        true => ("200 OK", language::text(language, "phone.sign_in.back")),
        false => ("404 Not Found", ""),
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(reply.as_bytes()).await.ok()?;
    let _ = stream.shutdown().await;
    awaited.then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn knock(address: &str, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        reply
    }

    #[tokio::test]
    async fn the_browsers_return_is_read_and_whatever_else_knocks_is_sent_away() {
        let back = Return::listen().await.unwrap();
        let redirect_uri = back.redirect_uri().to_owned();
        let address = redirect_uri.strip_prefix("http://").unwrap().strip_suffix(PATH).unwrap().to_owned();
        let waiting = tokio::spawn(back.wait(Language::En));
        for wrong in ["GET /favicon.ico HTTP/1.1\r\n\r\n", "GET /signed-in HTTP/1.1\r\n\r\n"] {
            assert!(knock(&address, wrong).await.starts_with("HTTP/1.1 404"), "{wrong}");
        }
        assert_eq!(knock(&address, "POST /signed-in?code=x HTTP/1.1\r\n\r\n").await, "");
        let reply = knock(&address, "GET /signed-in?code=1&state=2 HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("signed in"), "{reply}");
        assert_eq!(waiting.await.unwrap().unwrap(), format!("{redirect_uri}?code=1&state=2"));
    }
}

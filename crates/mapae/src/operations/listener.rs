//! One listening socket: plain or TLS, HTTP/1.1 and HTTP/2, bounded, with a graceful end.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::greeting::Greeting;
use super::limits;
use super::tasks::Stop;
use super::tls::Closing;

/// Why a listener could not be opened, and what to mend.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("cannot listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("TLS file {path}: {reason}")]
    Tls { path: String, reason: String },
}

/// A bound socket, not yet serving.
pub(super) struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    address: SocketAddr,
    places: usize,
}

/// How much of this process's open files the connections of a listener may take. All of them together leave an eighth to
/// stores, logs and calls to others: connections that took every file would keep even `/readyz` from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Of people, phones and relying parties.
    Served,
    /// Of those who watch.
    Watching,
}

impl Share {
    fn places(self, files: Option<usize>) -> usize {
        let eighths = match self {
            Self::Served => 3,
            Self::Watching => 1,
        };
        let most = limits::HTTP_CONNECTIONS.size();
        files.map_or(most, |files| (files / 8).saturating_mul(eighths).clamp(8, most))
    }
}

/// How many files this process may have open (proc(5)); where nobody tells, nothing is known.
fn open_files() -> Option<usize> {
    soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn soft_limit(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

impl Listener {
    pub(super) async fn bind(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        share: Share,
    ) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let files = open_files();
        let places = share.places(files);
        if share == Share::Served && places < limits::HTTP_CONNECTIONS.size() {
            tracing::warn!(%address, places, ?files, "few files may be open, and so few connections");
        }
        Ok(Self { socket, tls, address, places })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `stop`, then lets requests in flight finish.
    pub(super) async fn serve(self, router: Router, mut stop: Stop) {
        let places = Arc::new(Semaphore::new(self.places));
        let graceful = GracefulShutdown::new();
        let server = Arc::new(http_server());
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                () = stop.stopped() => break,
            };
            let (stream, peer) = tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, mostly: wait for some to come back.
                        tracing::warn!(%error, "accept");
                        if stop.sleep(std::time::Duration::from_millis(50)).await { continue } else { break }
                    }
                },
                () = stop.stopped() => break,
            };
            let (router, tls, server, watcher) =
                (router.clone(), self.tls.clone(), Arc::clone(&server), graceful.watcher());
            let crowded = places.available_permits() < self.places / 4;
            tokio::spawn(async move {
                // Most that come in a crowd say nothing, and whoever waits for a place would wait for all of them.
                if crowded
                    && tokio::time::timeout(limits::HTTP_CROWDED.duration(), stream.readable()).await.is_err()
                {
                    return;
                }
                serve_stream(stream, peer, router, tls, &server, watcher).await;
                drop(place);
            });
        }
        drop(self.socket);
        if tokio::time::timeout(limits::HTTP_STOP.duration(), graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not finish in time");
        }
    }
}

type HttpServer = auto::Builder<TokioExecutor>;

fn http_server() -> HttpServer {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HTTP_HEADER_TIME.duration())
        .max_buf_size(limits::HTTP_HEADER.size())
        .max_headers(100);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits::HTTP_HEADER.get()).unwrap_or(u32::MAX))
        .max_concurrent_streams(u32::try_from(limits::HTTP_STREAMS.get()).unwrap_or(u32::MAX))
        .keep_alive_interval(limits::HTTP_REQUEST_TIME.duration())
        .keep_alive_timeout(limits::HTTP_HEADER_TIME.duration());
    server
}

async fn serve_stream(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<TlsAcceptor>,
    server: &HttpServer,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small answers, one after another: waiting to fill a packet only adds latency.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve_io(stream, peer, router, server, watcher).await,
        Some(tls) => match tokio::time::timeout(limits::HTTP_TLS_TIME.duration(), tls.accept(stream)).await {
            Ok(Ok(stream)) => serve_io(Closing::of(stream), peer, router, server, watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
            Err(_) => tracing::debug!("TLS handshake timed out"),
        },
    }
}

async fn serve_io<IO>(
    io: IO,
    peer: SocketAddr,
    router: Router,
    server: &HttpServer,
    watcher: hyper_util::server::graceful::Watcher,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let io = Greeting::within(limits::HTTP_HEADER_TIME.duration(), io);
    let connection =
        server.serve_connection_with_upgrades(TokioIo::new(io), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%error, "connection");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_listeners_together_leave_files_to_everything_else() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax processes  9  9  processes\n\
                    Max open files            4096                 524288               files\n";
        assert_eq!(soft_limit(text), Some(4_096));
        assert_eq!(
            soft_limit("Max open files            unlimited            unlimited            files"),
            None
        );
        let most = limits::HTTP_CONNECTIONS.size();
        for files in [256, 1_024, 4_096, 20_000, 131_072] {
            let [served, watching] = [Share::Served, Share::Watching].map(|share| share.places(Some(files)));
            assert!(served * 2 + watching <= files - files / 8, "{files}: {served}, {watching}");
        }
        assert_eq!(Share::Served.places(Some(131_072)), most);
        assert_eq!(Share::Watching.places(None), most);
    }
}

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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::greeting::Greeting;
use super::limits;
use super::places::{Guest, Place, Places, Share, open_files};
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

impl Listener {
    pub(super) fn bind(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        share: Share,
    ) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address, source };
        let socket = socket(address).map_err(failed)?;
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
        let places = Places::new(self.places);
        let graceful = GracefulShutdown::new();
        let server = Arc::new(http_server());
        loop {
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
            let place = tokio::select! {
                place = places.take() => place,
                () = stop.stopped() => break,
            };
            let (router, tls, server, watcher) =
                (router.clone(), self.tls.clone(), Arc::clone(&server), graceful.watcher());
            tokio::spawn(async move {
                let Place { guest, mut let_go, free: _free } = place;
                tokio::select! {
                    // First: of one that is told to go, no request is begun.
                    biased;
                    Ok(()) = &mut let_go => tracing::debug!("made room for another connection"),
                    () = serve_stream(stream, peer, router, tls, &server, guest, watcher) => {}
                }
            });
        }
        drop(self.socket);
        if tokio::time::timeout(limits::HTTP_STOP.duration(), graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not finish in time");
        }
    }
}

/// As many as the kernel keeps for whoever comes while others are being accepted (it takes its own limit, 4,096, if that is
/// lower): a crowd that finds no room there asks again after a second, and so does everybody beside it.
const BACKLOG: u32 = 4_096;

fn socket(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that starts again gets its address though connections of the one before are still ending.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
    guest: Arc<Guest>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small answers, one after another: waiting to fill a packet only adds latency.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve_io(stream, peer, router, server, guest, watcher).await,
        Some(tls) => match tokio::time::timeout(limits::HTTP_TLS_TIME.duration(), tls.accept(stream)).await {
            Ok(Ok(stream)) => serve_io(Closing::of(stream), peer, router, server, guest, watcher).await,
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
    guest: Arc<Guest>,
    watcher: hyper_util::server::graceful::Watcher,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: http::Request<Incoming>| {
        guest.asks();
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
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::super::tasks::Tasks;
    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    /// What a connection is answered first; nothing where it was let go.
    async fn asked(stream: &mut TcpStream) -> Vec<u8> {
        let mut block = vec![0; 12];
        match stream.write_all(REQUEST).await {
            Ok(()) if stream.read_exact(&mut block).await.is_ok() => block,
            _ => Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_crowd_that_asks_for_nothing_keeps_nobody_out_and_pushes_nobody_out_who_asked() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listener = Listener::bind(address, None, Share::Served).unwrap();
        listener.places = 4;
        let address = listener.address();
        let mut tasks = Tasks::default();
        let router = Router::new().route("/", get(|| async { "here" }));
        tasks.spawn(|stop| listener.serve(router, stop));

        let mut known = TcpStream::connect(address).await.unwrap();
        assert_eq!(asked(&mut known).await, b"HTTP/1.1 200");
        let mut crowd = Vec::new();
        for turn in 0..40 {
            let mut silent = TcpStream::connect(address).await.unwrap();
            if turn % 2 == 0 {
                // It begins to speak and never ends.
                silent.write_all(b"GET /").await.unwrap();
            }
            crowd.push(silent);
        }
        let mut newcomer = TcpStream::connect(address).await.unwrap();
        assert_eq!(asked(&mut newcomer).await, b"HTTP/1.1 200");
        assert_eq!(asked(&mut crowd[0]).await, b"", "who came first was let go");

        let mut rest = vec![0; 1_024];
        let _ = known.read(&mut rest).await.unwrap();
        assert_eq!(asked(&mut known).await, b"HTTP/1.1 200", "who asked once keeps its place");
        tasks.stop(limits::HTTP_STOP.duration()).await;
    }
}

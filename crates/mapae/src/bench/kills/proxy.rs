//! The smallest load balancer: each connection goes to the next node that takes it, with no memory of who came before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::bench::AnyError;

/// A round-robin proxy; ends with this value.
#[derive(Debug)]
pub(super) struct Proxy {
    _serving: JoinSet<()>,
    carried: Arc<Vec<AtomicUsize>>,
}

impl Proxy {
    /// Listens at `address` for the nodes behind it.
    pub(super) async fn start(address: SocketAddr, nodes: Vec<SocketAddr>) -> Result<Self, AnyError> {
        let listener = TcpListener::bind(address).await?;
        let carried: Arc<Vec<AtomicUsize>> = Arc::new(nodes.iter().map(|_| AtomicUsize::new(0)).collect());
        let (counted, turn) = (Arc::clone(&carried), Arc::new(AtomicUsize::new(0)));
        let nodes = Arc::new(nodes);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (nodes, counted, turn) = (Arc::clone(&nodes), Arc::clone(&counted), Arc::clone(&turn));
                tokio::spawn(async move { carry(client, &nodes, &counted, &turn).await });
            }
        });
        Ok(Self { _serving: serving, carried })
    }

    /// Connections that each node took.
    pub(super) fn carried(&self) -> Vec<usize> {
        self.carried.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

async fn carry(mut client: TcpStream, nodes: &[SocketAddr], counted: &[AtomicUsize], turn: &AtomicUsize) {
    let first = turn.fetch_add(1, Ordering::Relaxed);
    for step in 0..nodes.len() {
        let Some(place) = (first + step).checked_rem(nodes.len()) else { return };
        let Some(node) = nodes.get(place) else { return };
        if let Ok(mut server) = TcpStream::connect(node).await {
            if let Some(count) = counted.get(place) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            // A node that is killed ends both ways; what it had said until then has arrived.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn node(says: &'static [u8]) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(says).await;
            }
        });
        (address, serving)
    }

    async fn heard(proxy: SocketAddr) -> String {
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[tokio::test]
    async fn each_connection_goes_to_the_next_node_and_past_one_that_is_dead() {
        let ((a, _first), (b, second)) = (node(b"a").await, node(b"b").await);
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let proxy = Proxy::start(free, vec![a, b]).await.unwrap();
        assert_eq!([heard(free).await, heard(free).await, heard(free).await], ["a", "b", "a"]);
        drop(second);
        tokio::task::yield_now().await;
        while TcpStream::connect(b).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!([heard(free).await, heard(free).await], ["a", "a"]);
        assert_eq!(proxy.carried(), [4, 1]);
    }
}

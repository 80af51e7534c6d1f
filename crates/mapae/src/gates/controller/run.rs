//! `mapae gate run`: one process for one or many doors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Controller, client, disk::Folder, display, wire};
use crate::operations::{SystemClock, signal};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What a controller is started with.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Folder of the controller.
    #[arg(long)]
    pub folder: std::path::PathBuf,
    /// Where readers, contacts and displays connect (docs/gates.md). Not for other machines but the door's own.
    #[arg(long, default_value = "127.0.0.1:8650")]
    pub listen: SocketAddr,
    /// Where the doors' displays are served as pages, if anywhere: `/?door=ID`. For the door's own network.
    #[arg(long)]
    pub display: Option<SocketAddr>,
    /// Never connect to the server: decide on what lies on disk.
    #[arg(long)]
    pub offline: bool,
}

/// Runs until it is told to stop. The first line on standard output says where readers connect.
///
/// # Errors
/// The controller is not enrolled, its files are damaged, or the address is taken.
pub async fn run(arguments: Arguments) -> Result<(), AnyError> {
    let controller = Controller::open(Folder::open(&arguments.folder)?, Arc::new(SystemClock))?;
    let listener = TcpListener::bind(arguments.listen).await?;
    let display = match arguments.display {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let shown_at = display.as_ref().map(TcpListener::local_addr).transpose()?;
    println!(
        "{}",
        serde_json::json!({
            "listen": listener.local_addr()?.to_string(),
            "display": shown_at.map(|address| address.to_string()),
            "standing": controller.standing(),
        })
    );
    if let Some(listener) = display {
        tokio::spawn(display::serve(Arc::clone(&controller), listener));
    }
    let served = tokio::spawn(wire::serve(Arc::clone(&controller), listener));
    if !arguments.offline {
        tokio::spawn(Arc::clone(&controller).keep_in_touch(client::http()?));
    }
    let ticking = Arc::clone(&controller);
    tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_millis(500));
        loop {
            second.tick().await;
            for (door, alarm) in ticking.tick() {
                tracing::warn!(?door, alarm = alarm.code(), "a door");
            }
        }
    });
    let order = arguments.folder.join("grace.new");
    let watching = Arc::clone(&controller);
    tokio::spawn(async move { watch_order(&watching, &order).await });
    tokio::select! {
        served = served => served??,
        stopped = signal::wait() => stopped?,
    }
    Ok(())
}

/// A grace order is loaded by file: whoever may write into the folder brings it, two officers signed it.
async fn watch_order(controller: &Controller, path: &std::path::Path) {
    let mut look = tokio::time::interval(Duration::from_secs(1));
    loop {
        look.tick().await;
        let Ok(file) = tokio::fs::read_to_string(path).await else { continue };
        match controller.take_order(&file) {
            Ok(order) => tracing::warn!(order = order.id, drill = order.drill, "a grace order is in force"),
            Err(error) => tracing::error!(code = error.code(), "a grace order was refused"),
        }
        if let Err(error) = tokio::fs::remove_file(path).await {
            tracing::error!(%error, "the file of the grace order can't be taken away");
            return;
        }
    }
}

//! Being told to stop.

/// Waits for SIGTERM or Ctrl-C.
///
/// # Errors
/// The system lets us not listen for signals.
#[cfg(unix)]
pub async fn wait() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        signal = tokio::signal::ctrl_c() => signal,
        _ = terminate.recv() => Ok(()),
    }
}

/// Waits for Ctrl-C.
///
/// # Errors
/// The system lets us not listen for signals.
#[cfg(not(unix))]
pub async fn wait() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

//! Logs: one JSON object a line on standard error. Nothing personal: no bodies, no paths with ids, no query strings.

use tracing_subscriber::EnvFilter;

/// Starts logging with a level or filter; the second call does nothing.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Err: a subscriber is set already (tests start several servers in one process).
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}

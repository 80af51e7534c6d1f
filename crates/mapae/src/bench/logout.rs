//! From a suspension to the relying party's own logout: the signed token at its address, for every session of the badge.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::AnyError;
use super::flows::log_in;
use super::ground::CLIENT;
use super::latency::Latencies;
use super::relying_party::RelyingParty;
use super::report::Figure;
use crate::lifecycle::{self, By, Reason};
use crate::login::registration::ClientSettings;
use crate::operations::config::Config;
use crate::operations::store::params;
use crate::operations::{Platform, SystemClock};
use crate::phone::Phone;

/// Badges that are suspended, one after another.
pub(super) const BADGES: usize = 20;
/// A logout that has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

#[expect(clippy::disallowed_methods, reason = "this is where a measurement is made")]
fn instant() -> Instant {
    Instant::now()
}

/// `logout_after_suspension`: the suspension is written by another process than the one that tells.
pub(super) async fn after_suspension(
    config: &Path,
    party: &Arc<RelyingParty>,
    http: &Client,
    phones: Vec<Phone>,
) -> Result<Figure, AnyError> {
    let (told, mut heard) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://localhost:{}/logout", listener.local_addr()?.port());
    let take = move || {
        let told = told.clone();
        async move {
            // Nobody listens any more once the measurement is over.
            let _ = told.send(instant());
            StatusCode::NO_CONTENT
        }
    };
    let relying_party = tokio::spawn(async move {
        let router = Router::new().route("/logout", post(take));
        axum::serve(listener, router).await
    });
    let platform = Platform::open(Config::load(Some(config), [])?, Arc::new(SystemClock)).await?;
    let settings = ClientSettings { backchannel_uri: Some(address), ..ClientSettings::default() };
    crate::login::cli::put(&platform, CLIENT, settings).await?;

    let begun_ms = platform.now_ms();
    for phone in phones {
        log_in(Arc::clone(party), http.clone(), phone).await?;
    }
    let rows = platform
        .store
        .fetch_all("SELECT DISTINCT badge FROM login_session WHERE created_at >= $1", params![begun_ms])
        .await?;
    let (mut times, mut sessions) = (Latencies::default(), 0_i64);
    for row in rows {
        let badge = row.text("badge")?;
        let live =
            "SELECT COUNT(*) AS n FROM login_session WHERE badge = $1 AND ended_at IS NULL AND ends_at > $2";
        let live = platform.store.fetch_one(live, params![&badge, platform.now_ms()]).await?.int("n")?;
        let begun = instant();
        let unit = platform.store.write(move |tx| {
            Box::pin(async move { lifecycle::suspend(tx, &badge, &By::system(), Reason::Loss).await })
        });
        unit.await?;
        let mut last = begun;
        for _ in 0..live {
            let at = tokio::time::timeout(PATIENCE, heard.recv()).await;
            last = at.map_err(|_| "a suspension was not told to the relying party")?.unwrap_or(last);
        }
        times.add(last.duration_since(begun));
        sessions += live;
    }
    relying_party.abort();
    platform.store.close().await;
    Ok(Figure {
        more: vec![("badges", times.count() as f64), ("sessions", sessions as f64)],
        ..Figure::of("logout_after_suspension", &times)
    })
}

//! `mapae bench`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Client;

use super::AnyError;
use super::flows::{self, Gauge};
use super::ground::{self, Folder, Ground, Plan};
use super::latency::Latencies;
use super::process::ServerProcess;
use super::relying_party::RelyingParty;
use super::report::{self, Figure, NAMES};
use super::{gate, import, kills, logout, micro, scale};

/// Starts that are timed.
const STARTS: usize = 7;
/// How long the server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);
/// Officials made ready for each second of a flow: more than two cores can serve.
const OFFERS_A_SECOND: u64 = 500;
const INVITATIONS_A_SECOND: u64 = 80;

/// Measure the hot paths and the flows, each beside the raw operation of the same run.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Command {
    #[command(subcommand)]
    other: Option<Other>,
    /// Seconds for each flow.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Flows at the same time.
    #[arg(long, default_value_t = 16)]
    in_flight: usize,
    /// Leave out the import of 100,000 officials.
    #[arg(long)]
    no_import: bool,
    /// Folder on the disk to measure [default: the system's folder for temporary files].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Program that verifies the same credential with the library of others.
    #[arg(long)]
    peer: Option<PathBuf>,
}

/// What else is measured.
#[derive(Debug, clap::Subcommand)]
enum Other {
    Scale(scale::Command),
    Gate(gate::Command),
    Kills(kills::Command),
}

/// Runs it.
///
/// # Errors
/// Whatever fails: a run with a failed flow has no figures.
pub async fn run(command: Command) -> Result<(), AnyError> {
    match command.other {
        Some(Other::Scale(command)) => return scale::run(command).await,
        Some(Other::Gate(command)) => return gate::run(command).await,
        Some(Other::Kills(command)) => return kills::run(command).await,
        None => {}
    }
    let beside = command.data.clone().unwrap_or_else(std::env::temp_dir);
    let time = Duration::from_secs(command.seconds);
    let http = flows::client()?;

    progress("P-256");
    let (raw, mut figures) = micro::raw()?;
    figures.push(first_start(&beside, &http).await?);
    progress("officials, approvals, offers, invitations");
    let plan = Plan {
        offers: OFFERS_A_SECOND * command.seconds,
        invitations: INVITATIONS_A_SECOND * command.seconds,
    };
    let Ground { folder, config, platform, origin, metrics, client_secret, offered, invited } =
        Ground::lay(&beside, plan, None).await?;
    figures.push(micro::fsync(folder.path())?);
    progress("SD-JWT VC");
    let employee = ground::first_employee(&platform).await?;
    figures.extend(micro::credentials(&platform, &employee, command.peer.as_deref()).await?);
    let root = platform.keys.root().der().to_vec();
    platform.store.close().await;
    drop(platform);

    progress("starts");
    let (server, start) = starts(&config, &metrics, &http).await?;
    figures.push(start);
    tokio::time::sleep(IDLE).await;
    let mb = server.resident_mb()?;
    figures.push(Figure { name: "idle_rss_mb", more: vec![("mb", mb)], ..Figure::default() });

    let gauge = Gauge { server: &server, raw, in_flight: command.in_flight, time };
    progress("issue_flow_sqlite");
    let phones = flows::phone_client(&http);
    let standard = stream::iter(offered)
        .then(async |offered| Ok::<_, AnyError>((flows::phone(&phones, &root).await?, offered)))
        .try_collect()
        .await?;
    figures.push(gauge.issue(standard).await?);
    progress("phones");
    let phones = flows::set_up(&http, &origin, invited).await?;
    progress("issue_batch_sqlite");
    let (batch, phones) = gauge.batch(phones).await?;
    figures.push(batch);
    progress("login_flow_sqlite");
    let party = Arc::new(RelyingParty::discover(http.clone(), &origin, client_secret).await?);
    let (login, phones) = gauge.login(&party, &http, phones).await?;
    figures.push(login);
    progress("logout_after_suspension");
    let mut phones = phones;
    let suspended = phones.split_off(phones.len().saturating_sub(logout::BADGES));
    figures.push(logout::after_suspension(&config, &party, &http, suspended).await?);
    if !command.no_import {
        progress("import_100k");
        figures.push(import::beside_logins(folder.path(), &config, &party, &http, phones, time).await?);
    }
    server.stop().await?;

    let place = |figure: &Figure| NAMES.iter().position(|(name, _)| *name == figure.name);
    figures.sort_by_key(place);
    if command.json {
        println!("{}", report::json(&figures));
    } else {
        print!("{}", report::table(&figures));
    }
    Ok(())
}

/// Told on standard error: a run takes a few minutes.
fn progress(step: &str) {
    eprintln!("mapae bench: {step}");
}

/// A start on an empty folder, which makes tables and keys.
async fn first_start(beside: &Path, http: &Client) -> Result<Figure, AnyError> {
    let mut times = Latencies::default();
    for _ in 0..STARTS {
        let folder = Folder::make(beside)?;
        let config = ground::configuration(folder.path())?;
        let file = ground::write_config(folder.path(), &config)?;
        let metrics = format!("http://{}", config.metrics.listen);
        let server = ServerProcess::start(&file, metrics, http.clone()).await?;
        times.add(server.ready_after);
        server.stop().await?;
    }
    Ok(Figure::of("first_start_to_ready", &times))
}

/// Starts on the store that is there; the last server goes on running.
async fn starts(config: &Path, metrics: &str, http: &Client) -> Result<(ServerProcess, Figure), AnyError> {
    let mut times = Latencies::default();
    loop {
        let server = ServerProcess::start(config, metrics.to_owned(), http.clone()).await?;
        times.add(server.ready_after);
        if times.count() == STARTS {
            return Ok((server, Figure::of("start_to_ready", &times)));
        }
        server.stop().await?;
    }
}

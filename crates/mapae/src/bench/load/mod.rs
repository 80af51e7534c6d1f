//! `mapae load`: real wallets against a running server, which may be on another machine.
//!
//! ```text
//! prepare   on the server's store: officials approved and invited, a relying party  ─▶ mapae.toml, load.json
//! serve     mapae --config mapae.toml serve, where it is to be measured
//! run       phones are set up, then flows arrive at a rate (open model) or as fast as they end (--flat-out)
//! ```
//!
//! Every wallet has keys of its own and does what a phone does. A flow's time counts from the moment at which it was to
//! begin, whether or not the generator or the server was ready for it: a server that stands still for a second makes
//! everybody late who comes in that second, and the report says so. The server's CPU time comes from its own metrics.

mod arrivals;
mod gate;
mod people;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::AnyError;
use super::flows;
use super::ground::{self, Plan};
use super::relying_party::RelyingParty;
use crate::application::load::codes_until;
use crate::operations::StoreError;
use arrivals::{Model, Source};
use people::{Flow, People, Prepared};

/// How long the codes of those who enrol live: as long as somebody may take to run what was prepared.
const CODES_LIVE_MS: i64 = 24 * 3_600_000;

/// Load a running server with real wallets, and tell how it bore it.
#[derive(Debug, clap::Args)]
pub struct Command {
    #[command(subcommand)]
    step: Step,
}

/// The two steps.
#[derive(Debug, clap::Subcommand)]
enum Step {
    Prepare(Prepare),
    Run(Run),
}

/// Fill an empty store with fictional officials, approved and invited; write mapae.toml for the server and load.json for
/// the run.
#[derive(Debug, clap::Args)]
struct Prepare {
    /// Folder for mapae.toml, load.json, the key file and, unless --store says otherwise, the database.
    #[arg(long)]
    data: PathBuf,
    /// PostgreSQL instead of the embedded store: the URL of an empty database.
    #[arg(long)]
    store: Option<String>,
    /// Officials with an invitation: one for each phone of a run.
    #[arg(long, default_value_t = 1_000)]
    people: u64,
    /// Badges of other officials that are there beside them.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=5_000_000))]
    badges: u64,
    /// What the outside calls the server [default: http://127.0.0.1 on a free port].
    #[arg(long)]
    base_url: Option<Url>,
    /// Where the server listens [default: the address of --base-url].
    #[arg(long)]
    listen: Option<std::net::SocketAddr>,
    /// Where its metrics are served.
    #[arg(long)]
    metrics_listen: Option<std::net::SocketAddr>,
}

/// Load the server and write a report.
#[derive(Debug, clap::Args)]
struct Run {
    /// load.json of `prepare`.
    #[arg(long)]
    from: PathBuf,
    /// Base address of the server's metrics [default: as prepared].
    #[arg(long)]
    metrics: Option<Url>,
    /// Flows that begin each second, all kinds together, whatever the server does.
    #[arg(long, required_unless_present = "flat_out")]
    rate: Option<f64>,
    /// The rate is a morning's mean: it grows from nothing to twice that in the middle of the run, and falls again.
    #[arg(long, conflicts_with = "flat_out")]
    morning: bool,
    /// Instead of a rate: this many flows at a time, each followed by the next at once.
    #[arg(long, conflicts_with = "rate")]
    flat_out: Option<usize>,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Kinds and their shares: enrol (link, code, identity, one-time password, PIN), issue (a batch of copies), login
    /// (request, badge shown, code, tokens, userinfo), present (a question over the API, badge shown, result), sign (a
    /// document of one page, PIN, the signed file), gate (a pass if it is time, a tap, the door).
    #[arg(long, default_value = "login=1", value_parser = people::mix)]
    mix: people::Mix,
    /// Phones that are set up before, with their badge; each login needs one that is free.
    #[arg(long, default_value_t = 200)]
    phones: usize,
    /// The report: one HTML file with everything in it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// The server can't be reached, or there are too few officials.
pub async fn run(command: Command) -> Result<(), AnyError> {
    match command.step {
        Step::Prepare(prepare) => prepared(prepare).await,
        Step::Run(run) => loaded(run).await,
    }
}

async fn prepared(wish: Prepare) -> Result<(), AnyError> {
    std::fs::create_dir_all(&wish.data)?;
    let mut config = ground::configuration(&wish.data)?;
    if let Some(url) = wish.store {
        config.store.url = url;
    }
    if let Some(url) = wish.base_url {
        let port = url.port_or_known_default().ok_or("the base URL names no port")?;
        config.public.listen.set_port(port);
        config.public.base_url = url;
    }
    if let Some(listen) = wish.listen {
        config.public.listen = listen;
        config.public.plain_http_beyond_loopback = !listen.ip().is_loopback();
    }
    if let Some(listen) = wish.metrics_listen {
        config.metrics.listen = listen;
    }
    let laid = ground::laid(&wish.data, config, Plan { offers: 0, invitations: wish.people }).await?;
    if wish.badges > 0 {
        eprintln!("mapae load: {} other badges", wish.badges);
        super::scale::with_badges(&laid.platform, wish.badges).await?;
    }
    let until = laid.platform.now_ms() + CODES_LIVE_MS;
    laid.platform
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { codes_until(tx, until).await }))
        .await?;
    let file = Prepared::of(&laid).await?.write(&wish.data)?;
    laid.platform.store.close().await;
    println!("{}", file.display());
    println!("now: mapae --config {} serve", wish.data.join("mapae.toml").display());
    Ok(())
}

async fn loaded(wish: Run) -> Result<(), AnyError> {
    let prepared = Prepared::read(&wish.from)?;
    let metrics = wish.metrics.as_ref().map_or(prepared.metrics.as_str(), Url::as_str);
    let source = Source::of(metrics)?;
    let model = match (wish.rate, wish.flat_out) {
        (_, Some(in_flight)) => Model::FlatOut { in_flight },
        (Some(rate), None) if rate > 0.0 => Model::Open { rate, morning: wish.morning },
        _ => return Err("a rate is more than nothing".into()),
    };
    let kinds = Flow::ALL.into_iter().filter(|flow| wish.mix.share(*flow) > 0.0);
    let names: Vec<&str> = kinds.map(Flow::as_str).collect();
    eprintln!("mapae load: {} phones are set up", wish.phones);
    let people = Arc::new(gathered(&wish.from, &wish.mix).await?);
    people.ready(wish.phones).await?;
    eprintln!("mapae load: {} for {} s", names.join(", "), wish.seconds);
    let time = Duration::from_secs(wish.seconds);
    let before = source.usage().await?;
    let run = arrivals::run(Arc::clone(&people), &wish.mix, model, time).await;
    let after = source.usage().await?;
    let told = report::Told::of(&run, model, time, before, after);
    if let Some(out) = &wish.out {
        std::fs::write(out, report::html(&told, &run))?;
        eprintln!("mapae load: {}", out.display());
    }
    if wish.json {
        println!("{}", serde_json::to_string(&told)?);
    } else {
        print!("{}", report::text(&told));
    }
    Ok(())
}

/// Everybody of a load.json, the relying party that they log in to, and the gate if one is passed.
async fn gathered(from: &Path, mix: &people::Mix) -> Result<People, AnyError> {
    let prepared = Prepared::read(from)?;
    let http = flows::client()?;
    let party =
        RelyingParty::discover(http.clone(), &prepared.origin, prepared.client_secret.clone()).await?;
    let party = party.with_api_key(prepared.api_key.clone());
    let gate = match from.parent() {
        Some(beside) if mix.share(Flow::Gate) > 0.0 => {
            Some(gate::Gate::open(&prepared.origin, &prepared.door, beside).await?)
        }
        _ => None,
    };
    Ok(People::new(prepared, mix, http, Arc::new(party), gate))
}

#[cfg(test)]
mod tests;

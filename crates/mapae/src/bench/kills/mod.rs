//! `mapae bench kills`: nodes behind a round-robin proxy are killed under load (SIGKILL), one after the other.
//!
//! People log in, take badges and report losses all the while, through connections that go to any node. What a reply
//! acknowledged has to stand afterwards; what may happen once happened at most once; the audit log is proven whole.
//!
//! * `proxy`: the load balancer.
//! * `acts`: what people do, and the book of what they were promised.
//! * `check`: the store against the book.

mod acts;
mod check;
mod proxy;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Client;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::acts::{Book, lock};
use self::proxy::Proxy;
use super::AnyError;
use super::flows;
use super::ground::{self, Folder, Ground, Plan};
use super::latency::Latencies;
use super::process::ServerProcess;
use super::relying_party::RelyingParty;
use crate::operations::{Config, Platform, SystemClock};
use crate::{loss, phone::Phone};

/// People who log in.
const PEOPLE: u64 = 8;
/// Offers for each kill.
const OFFERS_A_KILL: u64 = 4;
/// A node is killed so long after the one before was ready again.
const BETWEEN: Duration = Duration::from_millis(400);

/// Kill nodes under load and look for what was lost or done twice.
#[derive(Debug, clap::Args)]
pub(super) struct Command {
    /// How often a node is killed.
    #[arg(long, default_value_t = 10)]
    kills: usize,
    /// Nodes on the same store; more than one needs PostgreSQL.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    /// The URL of an empty PostgreSQL database instead of the embedded store.
    #[arg(long)]
    store: Option<String>,
    /// The URL of a streaming standby of that database, for published reads.
    #[arg(long, requires = "store")]
    replica: Option<String>,
    /// Run this command (`sh -c`) in place of each kill: it strikes something else, the database say, and ends when it has.
    #[arg(long)]
    strike: Option<String>,
    /// Seconds that people go on after the last kill.
    #[arg(long, default_value_t = 1)]
    after: u64,
    /// Folder on the disk to use [default: the system's folder for temporary files].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What came out.
#[derive(Debug, Serialize)]
struct Report {
    kills: usize,
    nodes: usize,
    store: &'static str,
    seconds: f64,
    acts: Vec<Act>,
    /// Of all requests of people, in percent; each is one that a killed node had, or found no node.
    failed_percent: f64,
    /// The longest time in which nothing was acknowledged to anybody.
    longest_silence_ms: f64,
    ready_again_p50_ms: f64,
    ready_again_max_ms: f64,
    connections: Vec<usize>,
    audit_records: u64,
    messages_in_doubt: i64,
    lost: Vec<String>,
    twice: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Act {
    what: &'static str,
    done: usize,
    failed: usize,
    p50_ms: f64,
    p99_ms: f64,
    reasons: BTreeMap<String, usize>,
}

/// Runs it.
///
/// # Errors
/// Something was lost or done twice, or the run could not be set up.
pub(super) async fn run(command: Command) -> Result<(), AnyError> {
    if command.nodes == 0 || (command.nodes > 1 && command.store.is_none()) {
        return Err("more than one node needs --store postgres://…".into());
    }
    let report = kills(&command).await?;
    if command.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    match (report.lost.len(), report.twice.len()) {
        (0, 0) => Ok(()),
        (lost, twice) => Err(format!("{lost} acknowledged and lost, {twice} done twice").into()),
    }
}

fn progress(step: &str) {
    eprintln!("mapae bench kills: {step}");
}

/// One node: its configuration and, while it lives, its process.
struct Node {
    config: PathBuf,
    public: SocketAddr,
    metrics: String,
    process: Option<ServerProcess>,
}

impl Node {
    /// The ground's configuration with listeners of its own; phones know the proxy's address.
    fn prepare(folder: &Folder, shared: &Config, number: usize) -> Result<Self, AnyError> {
        let place = folder.path().join(format!("node-{number}"));
        std::fs::create_dir_all(&place)?;
        let own = ground::configuration(&place)?;
        let mut config = shared.clone();
        config.public.listen = own.public.listen;
        config.console.listen = own.console.listen;
        config.metrics.listen = own.metrics.listen;
        config.login.sample_listen = own.login.sample_listen;
        let metrics = format!("http://{}", config.metrics.listen);
        let public = config.public.listen;
        Ok(Self { config: ground::write_config(&place, &config)?, public, metrics, process: None })
    }

    async fn start(&mut self, http: &Client) -> Result<Duration, AnyError> {
        let process = ServerProcess::start(&self.config, self.metrics.clone(), http.clone()).await?;
        let ready_after = process.ready_after;
        self.process = Some(process);
        Ok(ready_after)
    }

    async fn kill(&mut self) -> Result<(), AnyError> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }
}

async fn kills(command: &Command) -> Result<Report, AnyError> {
    let beside = command.data.clone().unwrap_or_else(std::env::temp_dir);
    // Connections are not kept: each request goes to the next node.
    let http = Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()?;
    progress("officials, approvals, offers, invitations");
    let offers = OFFERS_A_KILL * (u64::try_from(command.kills)? + 2 * command.after) + 20;
    let plan = Plan { offers, invitations: PEOPLE };
    let Ground { folder, platform, origin, client_secret, offered, invited, .. } =
        Ground::lay(&beside, plan, command.store.as_deref()).await?;
    let codes = loss_codes(&platform, offers).await?;
    let mut shared = platform.config.clone();
    shared.store.replica_url = command.replica.clone().unwrap_or_default();
    let root = platform.keys.root().der().to_vec();
    platform.store.close().await;

    let mut nodes = Vec::new();
    for number in 0..command.nodes {
        let mut node = Node::prepare(&folder, &shared, number)?;
        node.start(&http).await?;
        nodes.push(node);
    }
    let behind = nodes.iter().map(|node| node.public).collect();
    let proxy = Proxy::start(shared.public.listen, behind).await?;

    progress("phones are set up, badges issued");
    let phones = flows::set_up(&http, &origin, invited).await?;
    let phones: Vec<Phone> = stream::iter(phones)
        .then(async |mut phone| {
            phone.receive_with(None, wallet::issue::Options::default()).await?;
            Ok::<_, AnyError>(phone)
        })
        .try_collect()
        .await?;
    let client = flows::phone_client(&http);
    let mut waiting = Vec::new();
    for (n, offered) in (0..).zip(offered) {
        waiting.push((n, flows::phone(&client, &root).await?, offered));
    }
    let party = Arc::new(RelyingParty::discover(http.clone(), &origin, client_secret).await?);

    progress("the load begins");
    let book = Arc::new(Book::default());
    let mut people = JoinSet::new();
    for phone in phones {
        people.spawn(acts::log_in(Arc::clone(&book), Arc::clone(&party), http.clone(), phone));
    }
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..2 {
        people.spawn(acts::issue(Arc::clone(&book), Arc::clone(&waiting), Duration::from_millis(250)));
    }
    let losses = (http.clone(), origin.clone(), Arc::new(codes), Duration::from_millis(300));
    people.spawn(acts::report_losses(Arc::clone(&book), losses.0, losses.1, losses.2, losses.3));
    people.spawn(acts::watch_tokens(Arc::clone(&book), Arc::clone(&party)));

    let begun = Instant::now();
    let mut ready = Latencies::default();
    tokio::time::sleep(BETWEEN).await;
    for kill in 0..command.kills {
        let Some(node) = kill.checked_rem(nodes.len()).and_then(|place| nodes.get_mut(place)) else { break };
        match &command.strike {
            None => {
                node.kill().await?;
                ready.add(node.start(&http).await?);
            }
            Some(strike) => {
                let begun = Instant::now();
                let struck = tokio::process::Command::new("sh").args(["-c", strike]).status().await?;
                if !struck.success() {
                    return Err(format!("{strike}: {struck}").into());
                }
                ready.add(begun.elapsed());
            }
        }
        book.kills.fetch_add(1, Ordering::Relaxed);
        if (kill + 1) % 10 == 0 {
            progress(&format!("{} of {} kills", kill + 1, command.kills));
        }
        // Not always at the same place of what is under way.
        let [random] = keys::random::bytes::<1>();
        tokio::time::sleep(BETWEEN + Duration::from_millis(u64::from(random) * 2)).await;
    }
    tokio::time::sleep(Duration::from_secs(command.after)).await;
    book.over.store(true, Ordering::Relaxed);
    let seconds = begun.elapsed().as_secs_f64();
    while let Some(ended) = people.join_next().await {
        ended?;
    }

    progress("what was promised is compared with what is there");
    let platform = Platform::open(shared, Arc::new(SystemClock)).await?;
    check::compare(&platform, &book).await?;
    let messages_in_doubt = check::doubts(&platform).await?;
    platform.store.close().await;
    let config = nodes.first().map(|node| node.config.clone()).unwrap_or_default();
    let audit_records = check::prove_audit_log(&config, folder.path()).await?;
    for node in &mut nodes {
        if let Some(process) = node.process.take() {
            process.stop().await?;
        }
    }
    Ok(report(command, &book, &ready, seconds, proxy.carried(), audit_records, messages_in_doubt))
}

fn report(
    command: &Command,
    book: &Book,
    ready: &Latencies,
    seconds: f64,
    connections: Vec<usize>,
    audit_records: u64,
    messages_in_doubt: i64,
) -> Report {
    let ms = |times: &Latencies, percent| times.percentile_us(percent).unwrap_or(0.0) / 1_000.0;
    let acts: Vec<Act> = book
        .counts()
        .into_iter()
        .map(|(what, count)| Act {
            what,
            done: count.done,
            failed: count.failed,
            p50_ms: ms(&count.times, 50.0),
            p99_ms: ms(&count.times, 99.0),
            reasons: count.reasons,
        })
        .collect();
    let (done, failed) = acts.iter().fold((0, 0), |sum, act| (sum.0 + act.done, sum.1 + act.failed));
    Report {
        kills: command.kills,
        nodes: command.nodes,
        store: if command.store.is_some() { "postgres" } else { "sqlite" },
        seconds,
        failed_percent: 100.0 * failed as f64 / (done + failed).max(1) as f64,
        acts,
        longest_silence_ms: book.longest_silence().as_secs_f64() * 1_000.0,
        ready_again_p50_ms: ms(ready, 50.0),
        ready_again_max_ms: ms(ready, 100.0),
        connections,
        audit_records,
        messages_in_doubt,
        lost: lock(&book.lost).clone(),
        twice: lock(&book.twice).clone(),
    }
}

/// The paper with the code that stops a badge, for each official.
async fn loss_codes(platform: &Platform, count: u64) -> Result<Vec<String>, AnyError> {
    let mut codes = Vec::new();
    for n in 0..count {
        codes.push(loss::code_on_paper(platform, &ground::employee(platform, n).await?).await?);
    }
    Ok(codes)
}

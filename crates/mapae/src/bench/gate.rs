//! `mapae bench gate`: the decision at full size, the exchange beside its raw cryptography, and how fast a thousand
//! controllers hear of a loss. The controllers are simulated, the feed, its signatures and connections are real.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use gate::card::{Card, Phone};
use gate::certificate::ReaderCertificate;
use gate::decision::{Arrival, Mind, Moment};
use gate::fast::{CardKeys, ReaderKeys};
use gate::feed::{
    Direction, Door, Escort, Grant, Keeping, Kind, Name, Page, Passback, Record, Tier, Who, WithoutPower,
    Zone,
};
use gate::pass::{GateRef, Pass};
use gate::reader::{self, Draw, Identity, Proved};
use gate::wire::{Evidence, GateId, Verdict};
use keys::{PublicKey, SecretKey, Signer as _};
use serde_json::{Value, json};

use super::AnyError;
use crate::gates::controller::{Controller, client, disk::Folder};
use crate::gates::{self, add_controller};
use crate::operations::server::Server;
use crate::operations::store::StoreError;
use crate::operations::{Clock as _, Config, Platform, SystemClock};

/// Measure gates.
#[derive(Debug, clap::Args)]
pub(super) struct Command {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Controllers that are connected.
    #[arg(long, default_value_t = 1_000)]
    controllers: usize,
    /// Losses that are reported.
    #[arg(long, default_value_t = 30)]
    losses: usize,
    /// Badges that a controller knows to be stopped: the worst there can be.
    #[arg(long, default_value_t = 1_200_000)]
    badges: u32,
    /// Folder for the simulated controllers: on a memory disk, for a thousand real ones have a thousand disks.
    #[arg(long, default_value = "/dev/shm")]
    memory: PathBuf,
}

const TAPS: usize = 300;
const DECISIONS: usize = 20_000;

#[expect(clippy::disallowed_methods, reason = "this is where a measurement is made")]
fn instant() -> Instant {
    Instant::now()
}

pub(super) async fn run(command: Command) -> Result<(), AnyError> {
    let decision = decision(command.badges)?;
    let exchange = exchange()?;
    let feed = crowd(&command).await?;
    let all = json!({ "decision": decision, "exchange": exchange, "feed": feed });
    if command.json {
        println!("{all}");
    } else {
        println!("{all:#}");
    }
    Ok(())
}

fn quantiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len().saturating_sub(1) as f64 * share) as usize;
        times.get(place).map_or(0.0, |time| (time.as_secs_f64() * 1e6).round() / 1e3)
    };
    json!({ "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0), "n": times.len() })
}

/// Resident memory of this process (MiB).
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn reference(n: u32) -> GateRef {
    let mut bytes = [0; 16];
    let hash = keys::sha256(&n.to_be_bytes());
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    GateRef(bytes)
}

/// Every badge stopped, 5,000 grants (a third each by person, agency and agencies below), 50 doors.
fn decision(badges: u32) -> Result<Value, AnyError> {
    let before = resident();
    let now_ms = SystemClock.now_ms();
    let name = || Name { ko: "예시".to_owned(), en: "Example".to_owned() };
    let mut records = Vec::new();
    for n in 0..50_u32 {
        let id = format!("zone-{n}");
        records.push(Record::Zone(Zone {
            id: id.clone(),
            name: name(),
            tier: Tier::Ordinary,
            passback: Passback::Area { hard: false },
            unlocked_within_s: None,
            tap_within_ms: None,
        }));
        records.push(Record::Door(Door {
            id: reference(n),
            zone: id,
            direction: Direction::In,
            name: name(),
            without_power: WithoutPower::Locks,
            open_ms: 5_000,
            keeping: Keeping::Badge,
        }));
    }
    for n in 0..5_000_u32 {
        let who = match n % 3 {
            0 => Who::Person { gate_ref: reference(2_000_000 + n) },
            1 => Who::Agency { code: format!("{:07}", n % 60) },
            _ => Who::Under { code: format!("{:07}", n % 60) },
        };
        let (id, zone) = (format!("grant-{n}"), format!("zone-{}", n % 50));
        records.push(Record::Grant(Grant {
            id,
            zone,
            who,
            from: None,
            until: None,
            schedule: None,
            escort: Escort::None,
        }));
    }
    let stopped = (0..badges).map(|n| Record::Stopped { gate_ref: reference(n), at: now_ms });
    records.extend(stopped);
    let page = Page {
        v: 1,
        aud: String::new(),
        feed: "bench".to_owned(),
        kind: Kind::Snapshot,
        from: 0,
        to: 1,
        at: now_ms,
        tile: 0,
        tiles: 1,
        records,
    };
    let mut mind = Mind::default();
    mind.book.apply(page);
    let held = resident() - before;
    let key = SecretKey::generate();
    let now = Moment { ms: now_ms, trusted: true };
    let mut times = Vec::with_capacity(DECISIONS);
    for n in 0..u32::try_from(DECISIONS)? {
        let pass = Pass {
            gate_ref: reference(n * 151),
            key: key.public_key().clone(),
            agencies: vec!["0000001".to_owned(), format!("{:07}", n % 60)],
            roles: Vec::new(),
            not_before: now.seconds() - 60,
            expires: now.seconds() + 3_600,
        };
        let evidence = Evidence { unlocked: true, age_s: 1 };
        let arrival = Arrival { door: reference(n % 50), pass: &pass, evidence, fast: false, took_ms: None };
        let began = instant();
        let decided = black_box(mind.decide(&arrival, false, now));
        times.push(began.elapsed());
        if decided.reason.opens() {
            mind.passed(&arrival.door, pass.gate_ref, now_ms);
        }
    }
    let mut told = quantiles(times);
    if let Some(told) = told.as_object_mut() {
        told.insert("stopped_badges".to_owned(), mind.book.stopped().into());
        told.insert("grants".to_owned(), mind.book.grants().into());
        told.insert("memory_mib".to_owned(), ((held * 10.0).round() / 10.0).into());
    }
    Ok(told)
}

/// Taps in process, both sides on this machine's engine, beside the operations they can't do without.
fn exchange() -> Result<Value, AnyError> {
    let (authority, gate_key, reader_key) =
        (SecretKey::generate(), SecretKey::generate(), SecretKey::generate());
    let now_s = SystemClock.now_ms() / 1_000;
    let authorities = [authority.public_key().clone()];
    let gate = GateId { group: [1; 16], door: [2; 16] };
    let pass = Pass {
        gate_ref: GateRef([3; 16]),
        key: gate_key.public_key().clone(),
        agencies: vec!["1741000".to_owned()],
        roles: Vec::new(),
        not_before: now_s - 60,
        expires: now_s + 80_000,
    };
    let signed = pass.sign(&authority)?;
    let seconds = u32::try_from(now_s)?;
    let certificate = ReaderCertificate {
        group: gate.group,
        key: reader_key.public_key().clone(),
        not_before: seconds - 60,
        not_after: seconds + 80_000,
    };
    let identity = Identity { certificate: certificate.sign(&authority)?, signer: Arc::new(reader_key) };
    let sign = |message: &[u8]| gate_key.sign(message);
    let phone = Phone {
        evidence: Evidence { unlocked: true, age_s: 1 },
        now_s,
        sign: &sign,
        pass: Some((&signed, pass.expires)),
        authorities: &authorities,
    };
    let mut card = Card::new(CardKeys::default(), 1_024);
    let mut kept = ReaderKeys::new(gate.group);
    let mut tap = |wanted_fast: bool| -> Result<Duration, AnyError> {
        let began = instant();
        let (command, selecting) = reader::select();
        let response = card.process(&command, &phone).bytes;
        let (command, opening) = selecting.answered(&response, Draw::fresh(), gate, now_s, wanted_fast)?;
        let answered = opening.answered(&card.process(&command, &phone).bytes)?;
        let key = answered.hint().and_then(|hint| kept.find(hint, now_s));
        let tap = match key.and_then(|key| answered.fast(&key)) {
            Some(tap) => tap,
            None => {
                let (command, proving) = answered.prove(&identity)?;
                match proving.answered(&card.process(&command, &phone).bytes, &authorities)? {
                    Proved::Tap(tap) => tap,
                    Proved::More(..) => return Err("in pieces".into()),
                }
            }
        };
        let verdict = Verdict { open: true, keep: true, reason: 1, place: "예시".to_owned() };
        let (command, closing) = tap.decide(&verdict)?;
        if let Some(remembered) = closing.answered(&card.process(&command, &phone).bytes)? {
            kept.keep(remembered, now_s);
        }
        Ok(began.elapsed())
    };
    // Each key's first use makes more of it than the later ones do.
    tap(false)?;
    raw(&authority)?;
    // A tap and its bare cryptography in turn: whatever else this machine does, both meet the same of it.
    let (mut standard, mut bare) = (Vec::with_capacity(TAPS), Vec::with_capacity(TAPS));
    for _ in 0..TAPS {
        standard.push(tap(false)?);
        bare.push(raw(&authority)?);
    }
    tap(true)?;
    let fast = (0..TAPS).map(|_| tap(true)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "standard": quantiles(standard), "fast": quantiles(fast), "raw_standard": quantiles(bare) }))
}

/// What a standard tap can't do without: two key pairs, two agreements, two signatures, four verifications, and the
/// three keys that are read off the wire (two ephemeral ones, the pass's and the certificate's).
fn raw(authority: &SecretKey) -> Result<Duration, AnyError> {
    let message = [7; 120];
    let began = instant();
    let (a, b) = (SecretKey::generate(), SecretKey::generate());
    let read = |key: &SecretKey| PublicKey::from_sec1(key.public_key().as_sec1());
    let (public_a, public_b) = (read(&a)?, read(&b)?);
    black_box((a.agree(&public_b), b.agree(&public_a)));
    black_box((read(authority)?, read(authority)?));
    for _ in 0..2 {
        let signature = authority.sign(&message)?;
        authority.public_key().verify(&message, &signature)?;
        authority.public_key().verify(&message, &signature)?;
    }
    Ok(began.elapsed())
}

/// Losses, and when each of the connected controllers had taken each in.
async fn crowd(command: &Command) -> Result<Value, AnyError> {
    let folder = command.memory.join(format!("mapae-bench-gate-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder)?;
    let outcome = crowd_in(command, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn crowd_in(command: &Command, folder: &std::path::Path) -> Result<Value, AnyError> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut config = Config::default();
    config.store.url = format!("sqlite:{}", folder.join("mapae.db").display());
    config.keys.file = folder.join("mapae.key");
    config.ledger.file = folder.join("ledger.db");
    config.public.listen.set_port(port);
    config.public.base_url = format!("http://localhost:{port}").parse()?;
    config.console.listen.set_port(0);
    config.metrics.listen.set_port(0);
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let server = Server::start(Arc::clone(&platform)).await?;
    let http = client::http()?;
    let base = platform.config.public.origin().to_owned();
    let controllers: Vec<Arc<Controller>> = stream::iter(0..command.controllers)
        .map(|n| {
            let (platform, http, base) = (Arc::clone(&platform), http.clone(), base.clone());
            let path = folder.join(format!("c{n}"));
            async move {
                let added = add_controller(&platform, &format!("bench {n}"), "0000000").await?;
                let folder = Folder::open(&path)?;
                client::enrol(&http, &base, &added.code, &folder).await?;
                Ok::<_, AnyError>(Controller::open(folder, Arc::new(SystemClock))?)
            }
        })
        .buffer_unordered(32)
        .try_collect()
        .await?;
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel::<Instant>();
    let followers: Vec<_> = controllers
        .iter()
        .map(|controller| {
            let (controller, http, heard) = (Arc::clone(controller), http.clone(), heard.clone());
            tokio::spawn(async move {
                let mut known = 0;
                let seen = |controller: &Controller| {
                    let stopped = controller.stopped();
                    if stopped > known {
                        known = stopped;
                        // Nobody listens any more: the measurement is over.
                        let _ = heard.send(instant());
                    }
                };
                controller.follow(&http, seen).await
            })
        })
        .collect();
    for _ in 0..3_000 {
        if controllers.iter().all(|controller| !controller.known().0.is_empty()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut times = Vec::new();
    for n in 0..command.losses {
        let began = instant();
        let badge = format!("bench-{n}");
        platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    gates::load_badge(tx, &badge).await?;
                    gates::suspend(tx, &badge).await
                })
            })
            .await?;
        for _ in 0..controllers.len() {
            let heard = tokio::time::timeout(Duration::from_secs(30), hearing.recv()).await?;
            let heard = heard.ok_or("the controllers are gone")?;
            times.push(heard.saturating_duration_since(began));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    followers.iter().for_each(tokio::task::JoinHandle::abort);
    server.stop().await;
    let mut told = quantiles(times);
    if let Some(told) = told.as_object_mut() {
        told.insert("controllers".to_owned(), controllers.len().into());
        told.insert("losses".to_owned(), command.losses.into());
    }
    Ok(told)
}

//! The ledger on a real BFT network: four validators of cosmos/evm on loopback. The story of the other chains is played through all of them;
//! then the platform works on it while validators are killed: with three of four everything goes on, with two of four nothing is written
//! and nobody waits for it, and when both are back the queue drains, each root anchored once.
//!
//! That engine tells nothing of a revert and knows no least price of data (EIP-7623): the story leaves those two aside.

mod network;

use super::{Demo, ledger};
use crate::process::{self, Outcome};
use crate::tools;
use network::{CHAIN, Network};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Whether the network's program was built on this machine before.
pub(super) fn is_built() -> bool {
    network::program().is_file()
}

pub(super) fn run(mapae: &Path) -> Outcome {
    let program = network::build()?;
    let (story, load) = (ledger::story()?, ledger::example("load")?);
    let mut funded = Vec::new();
    for program in [&story, &load] {
        funded.extend(process::output(Command::new(program).arg("addresses"))?.lines().map(str::to_owned));
    }
    let mut network = Network::start(&program, &funded)?;
    println!("ledger-bft: {} validators make blocks", network::VALIDATORS);

    let chain = CHAIN.to_string();
    let ours = process::output(Command::new(&story).args(["embedded", "--no-reasons"]))?;
    let theirs = process::output(Command::new(&story).args(network.urls()).args([
        "--chain-id",
        &chain,
        "--no-reasons",
    ]))?;
    ledger::same("evmd", &ours, &theirs)?;

    let platform = Platform::start(mapae, &network)?;
    platform.goes_on("four of four validators", 0)?;
    let load = Load::start(&load, &chain, &network.urls())?;
    load.during("four of four validators", Duration::from_secs(8), Expect::Writes)?;

    network.kill(3)?;
    load.during("one killed", Duration::from_secs(12), Expect::Writes)?;
    platform.goes_on("one killed", 1)?;

    network.kill(2)?;
    // What two of four had agreed on before the kill may still be told.
    load.pass(Duration::from_secs(4));
    let head = network.block(0);
    load.during("two killed", Duration::from_secs(15), Expect::Nothing)?;
    if network.block(0) != head || head.is_none() {
        return Err(format!("two of four validators made blocks: {head:?}, then {:?}", network.block(0)));
    }
    platform.is_read(&network)?;
    platform.goes_on("two killed", 2)?;
    // The root of a minute, and the audit log's checkpoint: two minutes at least.
    let waiting = platform.until("roots wait", 240, |queue| queue >= 3)?;
    println!("ledger-bft: {waiting} roots wait in the outbox");

    let begun = process::instant();
    network.run(2)?;
    network.run(3)?;
    let next = head.unwrap_or_default().saturating_add(1);
    for node in 0..network::VALIDATORS {
        network.wait_for(node, next)?;
    }
    println!("ledger-bft: both are back, and blocks go on after {} ms", begun.elapsed().as_millis());
    load.during("both back", Duration::from_secs(12), Expect::Writes)?;
    platform.until("the queue is empty", 90, |queue| queue == 0)?;
    println!("ledger-bft: the queue drained {} ms after the restart", begun.elapsed().as_millis());
    println!("ledger-bft: {}", load.end()?);
    platform.anchored_once(&network)?;
    platform.goes_on("four of four again", 3)
}

/// The platform on the network.
struct Platform<'a> {
    mapae: &'a Path,
    demo: Demo,
    description: Value,
    settings: Vec<(&'static str, String)>,
}

impl<'a> Platform<'a> {
    fn start(mapae: &'a Path, network: &Network) -> Outcome<Self> {
        let settings = vec![
            ("MAPAE__LEDGER__MODE", "rpc".to_owned()),
            ("MAPAE__LEDGER__CHAIN_ID", CHAIN.to_string()),
            ("MAPAE__LEDGER__ENDPOINTS", Value::from(network.urls()).to_string()),
        ];
        let demo = Demo::with_settings(mapae, "ledger-bft", 4, &settings)?;
        let description = demo.description()?;
        Ok(Self { mapae, demo, description, settings })
    }

    /// A badge is issued, and an official logs in.
    fn goes_on(&self, when: &str, applicant: u32) -> Outcome {
        let told = process::output(
            Command::new("node")
                .arg("walk.mjs")
                .env("MAPAE", self.mapae)
                .env("MAPAE_DEMO", self.demo.path())
                .env("SHARED", tools::node_folder()?)
                .env("APPLICANT", applicant.to_string())
                .current_dir(tools::root().join("interop/ledger-bft")),
        )?;
        println!("ledger-bft: {when}: {}", told.trim());
        Ok(())
    }

    fn public(&self) -> Outcome<&str> {
        self.description.pointer("/urls/public").and_then(Value::as_str).ok_or_else(|| "no URL".to_owned())
    }

    fn get(&self, path: &str) -> Outcome<Option<Value>> {
        let url = format!("{}{path}", self.public()?);
        let output = Command::new("curl").args(["-s", "-f", "--max-time", "20", &url]).output();
        let output = output.map_err(|error| format!("cannot start curl: {error}"))?;
        if output.status.code() == Some(22) {
            return Ok(None);
        }
        serde_json::from_slice(&output.stdout).map(Some).map_err(|error| format!("{path}: {error}"))
    }

    /// An agency's DID resolves from the validators that are left.
    fn is_read(&self, network: &Network) -> Outcome {
        let path = "/1.0/identifiers/did:mapae:demo:9900000";
        let found = self.get(path)?.ok_or("the agency does not resolve")?;
        if found.pointer("/didDocument/id").and_then(Value::as_str) != Some("did:mapae:demo:9900000") {
            return Err(format!("the agency does not resolve: {found}"));
        }
        let registry = self.status()?.get("registry").and_then(Value::as_str).unwrap_or_default().to_owned();
        for node in [0, 1] {
            let code = network.ask(node, "eth_getCode", &format!(r#"["{registry}","latest"]"#))?;
            if code.as_str().is_none_or(|code| code.len() < 100) {
                return Err(format!("validator {node} does not read the registry: {code}"));
            }
        }
        println!("ledger-bft: with two of four the registry is read and the agency resolves");
        Ok(())
    }

    fn status(&self) -> Outcome<Value> {
        let operator = self.description.pointer("/operator/environment").and_then(Value::as_object);
        let operator = operator.ok_or("the demo names no operator's environment")?;
        let text = process::output(
            Command::new(self.mapae)
                .args(["ledger", "status", "--json"])
                .envs(operator.iter().map(|(name, value)| (name, value.as_str().unwrap_or_default())))
                .envs(self.settings.iter().map(|(name, value)| (name, value))),
        )?;
        serde_json::from_str(&text).map_err(|error| format!("mapae ledger status: {error}: {text}"))
    }

    /// Waits until the length of the queue is as it should be.
    fn until(&self, what: &str, seconds: u64, is_so: fn(u64) -> bool) -> Outcome<u64> {
        let begun = process::instant();
        loop {
            let status = self.status()?;
            let waiting = status.pointer("/queue/waiting").and_then(Value::as_u64);
            let waiting = waiting.ok_or_else(|| format!("mapae ledger status tells no queue: {status}"))?;
            if is_so(waiting) {
                return Ok(waiting);
            }
            if begun.elapsed() > Duration::from_secs(seconds) {
                return Err(format!("not within {seconds} s: {what}; {waiting} wait"));
            }
            process::pause(1_000);
        }
    }

    /// Every root that this server made is on the chain, and each minute has one.
    fn anchored_once(&self, network: &Network) -> Outcome {
        let minute = |moment: std::time::SystemTime| {
            moment.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs() / 60
        };
        let now = minute(process::now());
        let mut made = BTreeMap::new();
        for minute in now.saturating_sub(60)..=now {
            if let Some(anchor) = self.get(&format!("/ledger/anchors/{minute}"))? {
                let transaction = anchor.get("transaction").and_then(Value::as_str);
                let transaction =
                    transaction.ok_or_else(|| format!("the root of {minute} is not anchored"))?;
                made.insert(minute, transaction.to_owned());
            }
        }
        let registry = self.status()?.get("registry").and_then(Value::as_str).unwrap_or_default().to_owned();
        let filter = format!(r#"[{{"address":"{registry}","fromBlock":"0x1","toBlock":"latest"}}]"#);
        let logs = network.ask(2, "eth_getLogs", &filter)?;
        let logs = logs.as_array().ok_or("eth_getLogs answers no list")?;
        let text = |log: &Value, place: &str| {
            log.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let kind = logs.iter().find(|log| made.values().any(|made| *made == text(log, "/transactionHash")));
        let kind = kind.map(|log| text(log, "/topics/0")).ok_or("no root is among the chain's events")?;
        let mut anchored: Vec<u64> = logs
            .iter()
            .filter(|log| text(log, "/topics/0") == kind)
            .map(|log| u64::from_str_radix(text(log, "/topics/1").trim_start_matches("0x"), 16))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("eth_getLogs: {error}"))?;
        anchored.sort_unstable();
        let wanted: Vec<u64> = made.keys().copied().collect();
        if anchored != wanted {
            return Err(format!("made for the minutes {wanted:?}, anchored {anchored:?}"));
        }
        println!("ledger-bft: {} roots, each anchored once", anchored.len());
        Ok(())
    }
}

/// Writes without pause, through all endpoints.
struct Load {
    child: Child,
    input: Option<ChildStdin>,
    acknowledged: Arc<AtomicUsize>,
    last: Arc<Mutex<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Writes,
    Nothing,
}

impl Load {
    fn start(program: &Path, chain: &str, urls: &[String]) -> Outcome<Self> {
        let mut child = Command::new(program)
            .arg(chain)
            .args(urls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let (acknowledged, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::default()));
        let (count, newest) = (Arc::clone(&acknowledged), Arc::clone(&last));
        let output = child.stdout.take().ok_or("the load has no output")?;
        let mut lines = BufReader::new(output).lines();
        if lines.next().and_then(Result::ok).as_deref() != Some("started") {
            return Err("the load did not start".to_owned());
        }
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                *newest.lock().unwrap_or_else(PoisonError::into_inner) = line;
            }
        });
        let input = child.stdin.take();
        Ok(Self { child, input, acknowledged, last })
    }

    fn pass(&self, time: Duration) {
        process::pause(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }

    /// How many writes are acknowledged in that time.
    fn during(&self, when: &str, time: Duration, expected: Expect) -> Outcome {
        let before = self.acknowledged.load(Ordering::SeqCst);
        self.pass(time);
        let writes = self.acknowledged.load(Ordering::SeqCst).saturating_sub(before);
        println!("ledger-bft: {when}: {writes} writes acknowledged in {} s", time.as_secs());
        let fits = match expected {
            Expect::Writes => writes > 0,
            Expect::Nothing => writes == 0,
        };
        if fits { Ok(()) } else { Err(format!("{when}: {writes} writes in {} s", time.as_secs())) }
    }

    /// Ends it; what it found when it looked for every acknowledged write at every endpoint.
    fn end(mut self) -> Outcome<String> {
        drop(self.input.take());
        let status = self.child.wait().map_err(|error| format!("the load: {error}"))?;
        process::pause(200);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if status.success() { Ok(last) } else { Err(format!("the load ended with {status}")) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

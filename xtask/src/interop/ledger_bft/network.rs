//! Four validators of a BFT network on loopback: cosmos/evm's `evmd` (CometBFT under an EVM with JSON-RPC), free gas.

use crate::process::{self, Outcome};
use crate::tools;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(super) const VALIDATORS: usize = 4;
/// What `eth_chainId` answers: the default of this engine.
pub(super) const CHAIN: u64 = 262_144;
/// The engine's own name for the chain.
const NAME: &str = "9001";
const COIN: &str = "atest";
const STAKE: &str = "1000000000000000000000atest";

/// Where the program is, once it was built.
pub(super) fn program() -> PathBuf {
    tools::cache().join("go-bin").join("evmd")
}

/// Builds it: minutes, and some gigabytes of modules, the first time.
pub(super) fn build() -> Outcome<PathBuf> {
    let program = program();
    if program.is_file() {
        return Ok(program);
    }
    let go = tools::program(&["go", "/usr/local/go/bin/go"], "install Go 1.24 or newer and a C compiler")?;
    println!("ledger-bft: building evmd, which takes ten minutes or more the first time");
    process::run(
        Command::new(go)
            .args(["build", "-o"])
            .arg(&program)
            .arg("github.com/cosmos/evm/cmd/evmd")
            .env("CGO_ENABLED", "1")
            .current_dir(tools::root().join("interop/ledger-bft")),
    )?;
    Ok(program)
}

/// The network; it is stopped and removed when this value goes away.
pub(super) struct Network {
    program: PathBuf,
    folder: PathBuf,
    first_port: u16,
    nodes: Vec<Option<Child>>,
}

/// Ports of one node.
const PORTS: u16 = 5;

impl Network {
    /// Makes the homes and one genesis, and starts every validator. `funded`: addresses (0x…) that own something.
    pub(super) fn start(program: &Path, funded: &[String]) -> Outcome<Self> {
        let folder = tools::scratch("bft")?;
        let validators = u16::try_from(VALIDATORS).unwrap_or(u16::MAX);
        let first_port = tools::free_ports(validators.saturating_mul(PORTS))?;
        let mut network = Self {
            program: program.to_owned(),
            folder,
            first_port,
            nodes: (0..VALIDATORS).map(|_| None).collect(),
        };
        network.found(funded)?;
        for node in 0..VALIDATORS {
            network.run(node)?;
        }
        for node in 0..VALIDATORS {
            network.wait_for(node, 1)?;
        }
        Ok(network)
    }

    pub(super) fn urls(&self) -> Vec<String> {
        (0..VALIDATORS).map(|node| self.url(node)).collect()
    }

    fn url(&self, node: usize) -> String {
        format!("http://127.0.0.1:{}", self.port(node, 0))
    }

    /// SIGKILL, as a power cut.
    pub(super) fn kill(&mut self, node: usize) -> Outcome {
        let child = self.nodes.get_mut(node).and_then(Option::take);
        let mut child = child.ok_or_else(|| format!("validator {node} does not run"))?;
        child.kill().map_err(|error| format!("validator {node}: {error}"))?;
        child.wait().map_err(|error| format!("validator {node}: {error}"))?;
        Ok(())
    }

    pub(super) fn run(&mut self, node: usize) -> Outcome {
        let home = self.home(node);
        let log = fs::OpenOptions::new().create(true).append(true).open(home.join("log"));
        let log = log.map_err(|error| format!("{}: {error}", home.display()))?;
        let errors = log.try_clone().map_err(|error| format!("{}: {error}", home.display()))?;
        let child = Command::new(&self.program)
            .args(["start", "--chain-id", NAME, "--json-rpc.api", "eth,net,web3", "--home"])
            .arg(&home)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        if let Some(place) = self.nodes.get_mut(node) {
            *place = Some(child);
        }
        Ok(())
    }

    /// Waits until a validator tells a block of at least this number.
    pub(super) fn wait_for(&self, node: usize, block: u64) -> Outcome {
        for _ in 0..600 {
            if self.block(node).is_some_and(|head| head >= block) {
                return Ok(());
            }
            process::pause(200);
        }
        let log = fs::read_to_string(self.home(node).join("log")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(12).collect();
        Err(format!("validator {node} does not come to block {block}; its last lines:\n{}", tail.join("\n")))
    }

    /// The number of the newest block, as one validator tells it.
    pub(super) fn block(&self, node: usize) -> Option<u64> {
        let answer = self.ask(node, "eth_blockNumber", "[]").ok()?;
        u64::from_str_radix(answer.as_str()?.trim_start_matches("0x"), 16).ok()
    }

    /// A question to one validator.
    pub(super) fn ask(&self, node: usize, method: &str, parameters: &str) -> Outcome<Value> {
        let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{parameters}}}"#);
        let answer = Command::new("curl")
            .args(["-s", "--max-time", "5", "-H", "content-type: application/json", "-d", &request])
            .arg(self.url(node))
            .output()
            .map_err(|error| format!("cannot start curl: {error}"))?;
        let answer: Value = serde_json::from_slice(&answer.stdout)
            .map_err(|_| format!("validator {node} does not answer {method}"))?;
        answer.get("result").cloned().ok_or_else(|| format!("{method}: {answer}"))
    }

    fn home(&self, node: usize) -> PathBuf {
        self.folder.join(format!("node{node}"))
    }

    fn port(&self, node: usize, which: u16) -> u16 {
        let node = u16::try_from(node).unwrap_or(u16::MAX);
        self.first_port.saturating_add(node.saturating_mul(PORTS)).saturating_add(which)
    }

    fn evmd(&self, node: usize, arguments: &[&str]) -> Outcome<String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .arg("--home")
            .arg(self.home(node))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        if output.status.success() { Ok(text) } else { Err(format!("evmd {arguments:?}: {text}")) }
    }

    /// Homes, keys, the genesis with its validators, and the configuration of each.
    fn found(&self, funded: &[String]) -> Outcome {
        let (mut owners, mut ids) = (Vec::new(), Vec::new());
        let ring = ["--keyring-backend", "test"];
        for node in 0..VALIDATORS {
            // Before the first transaction is made: this engine panics otherwise.
            self.evmd(node, &["config", "set", "client", "chain-id", NAME])?;
            self.evmd(node, &["config", "set", "client", "keyring-backend", "test"])?;
            self.evmd(node, &["init", &format!("node{node}"), "-o", "--chain-id", NAME])?;
            let made = ["keys", "add", "validator", "--algo", "eth_secp256k1", "--output", "json"];
            let told = self.evmd(node, &[&made[..], &ring[..]].concat())?;
            let told = told.lines().find(|line| line.starts_with('{')).unwrap_or_default();
            let told: Value = serde_json::from_str(told).map_err(|error| format!("evmd keys: {error}"))?;
            let owner = told.get("address").and_then(Value::as_str);
            owners.push(owner.ok_or("evmd keys: it names no address")?.to_owned());
            ids.push(self.evmd(node, &["comet", "show-node-id"])?.trim().to_owned());
        }
        let genesis = self.home(0).join("config/genesis.json");
        edit_genesis(&genesis)?;
        for owner in &owners {
            let coins = format!("100000{STAKE}");
            self.evmd(0, &["genesis", "add-genesis-account", owner, &coins])?;
        }
        for address in funded {
            let owner = self.bech32(address)?;
            self.evmd(0, &["genesis", "add-genesis-account", &owner, STAKE])?;
        }
        let share = |node: usize| {
            let to = self.home(node).join("config/genesis.json");
            fs::copy(&genesis, &to).map_err(|error| format!("{}: {error}", to.display()))
        };
        for node in 1..VALIDATORS {
            share(node)?;
        }
        let collected = self.home(0).join("config/gentx");
        for (node, id) in ids.iter().enumerate() {
            let price = format!("10000000{COIN}");
            let act = ["genesis", "gentx", "validator", STAKE, "--gas-prices", &price, "--chain-id", NAME];
            self.evmd(node, &[&act[..], &ring[..], &["--ip", "127.0.0.1", "--node-id", id][..]].concat())?;
            if node > 0 {
                copy_all(&self.home(node).join("config/gentx"), &collected)?;
            }
        }
        self.evmd(0, &["genesis", "collect-gentxs"])?;
        for node in 1..VALIDATORS {
            share(node)?;
        }
        (0..VALIDATORS).try_for_each(|node| self.configure(node, &ids))
    }

    /// The engine's own spelling of an address.
    fn bech32(&self, address: &str) -> Outcome<String> {
        let told = self.evmd(0, &["keys", "parse", address.trim_start_matches("0x"), "--output", "json"])?;
        let found = told.split('"').find(|word| word.starts_with("cosmos1"));
        found.map(str::to_owned).ok_or_else(|| format!("evmd keys parse {address}: {told}"))
    }

    fn configure(&self, node: usize, ids: &[String]) -> Outcome {
        let config = self.home(node).join("config");
        let others = (0..VALIDATORS).filter(|other| *other != node);
        let peers: Vec<String> = others
            .filter_map(|other| Some(format!("{}@127.0.0.1:{}", ids.get(other)?, self.port(other, 1))))
            .collect();
        let quoted = |text: String| format!("\"{text}\"");
        let own = |which: u16| quoted(format!("127.0.0.1:{}", self.port(node, which)));
        let tcp = |which: u16| quoted(format!("tcp://127.0.0.1:{}", self.port(node, which)));
        set(
            &config.join("config.toml"),
            &[
                ("", "proxy_app", quoted(String::new())),
                ("rpc", "laddr", tcp(2)),
                ("rpc", "pprof_laddr", quoted(String::new())),
                ("p2p", "laddr", tcp(1)),
                ("p2p", "persistent_peers", quoted(peers.join(","))),
                ("p2p", "addr_book_strict", "false".to_owned()),
                ("p2p", "allow_duplicate_ip", "true".to_owned()),
                ("consensus", "timeout_propose", quoted("500ms".to_owned())),
                ("consensus", "timeout_propose_delta", quoted("200ms".to_owned())),
                ("consensus", "timeout_prevote", quoted("200ms".to_owned())),
                ("consensus", "timeout_prevote_delta", quoted("100ms".to_owned())),
                ("consensus", "timeout_precommit", quoted("200ms".to_owned())),
                ("consensus", "timeout_precommit_delta", quoted("100ms".to_owned())),
                ("consensus", "timeout_commit", quoted("500ms".to_owned())),
            ],
        )?;
        set(
            &config.join("app.toml"),
            &[
                ("", "minimum-gas-prices", quoted(format!("0{COIN}"))),
                ("json-rpc", "enable", "true".to_owned()),
                ("json-rpc", "address", own(0)),
                ("json-rpc", "ws-address", own(3)),
                ("json-rpc", "api", quoted("eth,net,web3".to_owned())),
                ("json-rpc", "metrics-address", quoted("127.0.0.1:0".to_owned())),
                ("grpc", "address", own(4)),
                ("grpc-web", "enable", "false".to_owned()),
                ("api", "enable", "false".to_owned()),
                ("evm", "geth-metrics-address", quoted("127.0.0.1:0".to_owned())),
            ],
        )
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(Option::as_mut) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Free gas, a coin of the test's own, receipts that tell the gas that was used and not a share of the limit.
fn edit_genesis(path: &Path) -> Outcome {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| fault(&error))?;
    let mut genesis: Value = serde_json::from_str(&text).map_err(|error| fault(&error))?;
    let coin = || Value::from(COIN);
    let zero = || Value::from("0.000000000000000000");
    let units = json!([{ "denom": COIN, "exponent": 0, "aliases": [] }, { "denom": "test", "exponent": 18, "aliases": [] }]);
    let coins = json!([{
        "description": "a coin of a test", "denom_units": units, "base": COIN, "display": "test",
        "name": "Test", "symbol": "TEST", "uri": "", "uri_hash": "",
    }]);
    for (place, value) in [
        ("/app_state/staking/params/bond_denom", coin()),
        ("/app_state/gov/params/min_deposit/0/denom", coin()),
        ("/app_state/gov/params/expedited_min_deposit/0/denom", coin()),
        ("/app_state/evm/params/evm_denom", coin()),
        ("/app_state/mint/params/mint_denom", coin()),
        ("/app_state/bank/denom_metadata", coins),
        (
            "/app_state/evm/params/active_static_precompiles",
            json!(["0x0000000000000000000000000000000000000100"]),
        ),
        ("/app_state/feemarket/params/no_base_fee", Value::Bool(true)),
        ("/app_state/feemarket/params/base_fee", zero()),
        ("/app_state/feemarket/params/min_gas_price", zero()),
        ("/app_state/feemarket/params/min_gas_multiplier", zero()),
        ("/consensus/params/block/max_gas", "30000000".into()),
    ] {
        *genesis.pointer_mut(place).ok_or_else(|| fault(&format!("has no {place}")))? = value;
    }
    fs::write(path, genesis.to_string()).map_err(|error| fault(&error))
}

/// Sets values of a TOML file, each by its section and name, line by line: what the engine wrote stays as it is otherwise.
fn set(path: &Path, values: &[(&str, &str, String)]) -> Outcome {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| fault(&error))?;
    let (mut section, mut lines) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        }
        let name = line.split('=').next().unwrap_or_default().trim();
        let wanted = values.iter().find(|(of, known, _)| *of == section && *known == name);
        lines.push(wanted.map_or_else(|| line.to_owned(), |(_, name, value)| format!("{name} = {value}")));
    }
    fs::write(path, lines.join("\n") + "\n").map_err(|error| fault(&error))
}

fn copy_all(from: &Path, to: &Path) -> Outcome {
    let fault = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(fault)?;
    for entry in fs::read_dir(from).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        fs::copy(entry.path(), to.join(entry.file_name())).map_err(fault)?;
    }
    Ok(())
}

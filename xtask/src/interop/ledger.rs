//! The ledger judged: the contracts compile to what is committed, and one story is the same on our embedded chain, on npm `@foundry-rs/anvil`, and on `geth --dev` where Go is on the machine.

use crate::process::{self, Background, Outcome};
use crate::{contracts, tools};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const GETH: &str = "github.com/ethereum/go-ethereum/cmd/geth@v1.17.10";

pub(super) fn run(mapae: &Path) -> Outcome {
    contracts::run(false)?;
    let story = story()?;
    let ours = process::output(Command::new(&story).arg("embedded"))?;
    println!("ledger: {} steps on the embedded chain", ours.lines().count());
    let (anvil, url) = anvil()?;
    let theirs = process::output(Command::new(&story).args([url.as_str(), "--fund", "anvil"]))?;
    same("anvil", &ours, &theirs)?;
    drop(anvil);
    match geth_program()? {
        Some(program) => {
            let (geth, url) = geth(&program, &story)?;
            let theirs = process::output(Command::new(&story).arg(&url))?;
            same("geth", &ours, &theirs)?;
            drop(geth);
        }
        None => println!("ledger: no Go on this machine, so geth was not asked"),
    }
    process::run(Command::new(example("endurance")?).args(["kills", "200"]))?;
    resolvers(mapae)
}

/// npm `did-resolver` with a plain HTTP driver, and `web-did-resolver`, against the running server.
fn resolvers(mapae: &Path) -> Outcome {
    let folder = tools::node_packages("interop/ledger")?;
    let shared = tools::node_folder()?;
    let demo = super::Demo::with_applicants(mapae, "ledger", 1)?;
    process::run(
        Command::new("node")
            .args(["--test", "resolve.mjs"])
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("SHARED", shared)
            .current_dir(folder),
    )
}

/// Gas, refusals (with their data where the engine tells it), events with their bytes, documents: line by line.
pub(super) fn same(name: &str, ours: &str, theirs: &str) -> Outcome {
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        if ours != theirs {
            return Err(format!("{name} differs\n embedded: {ours}\n {name}: {theirs}"));
        }
    }
    if ours.lines().count() != theirs.lines().count() {
        return Err(format!("{name} played another number of steps"));
    }
    println!("ledger: {name} agrees in every one of {} steps", ours.lines().count());
    Ok(())
}

/// The program that plays the story.
pub(super) fn story() -> Outcome<PathBuf> {
    example("conformance")
}

pub(super) fn example(name: &str) -> Outcome<PathBuf> {
    process::run(tools::cargo().args(["build", "--workspace", "--example", name, "--locked", "--quiet"]))?;
    Ok(tools::target().join("debug/examples").join(name))
}

fn anvil() -> Outcome<(Background, String)> {
    let folder = tools::node_packages("interop/ledger")?;
    let program = folder.join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    process::run(Command::new("chmod").arg("+x").arg(&program))?;
    let port = tools::free_port()?.to_string();
    let mut command = Command::new(program);
    command.args(["--port", &port, "--chain-id", "1337", "--silent", "--hardfork", "osaka"]);
    listening(command, &port)
}

/// geth, built by Go into our cache the first time; `None` without Go.
fn geth_program() -> Outcome<Option<PathBuf>> {
    let folder = tools::cache().join("go-bin");
    let program = folder.join("geth");
    if program.is_file() {
        return Ok(Some(program));
    }
    let Ok(go) = tools::program(&["go", "/usr/local/go/bin/go"], "install Go 1.24 or newer") else {
        return Ok(None);
    };
    println!("ledger: building geth, which takes minutes the first time");
    process::run(Command::new(go).args(["install", GETH]).env("GOBIN", &folder))?;
    Ok(Some(program))
}

fn geth(program: &Path, story: &Path) -> Outcome<(Background, String)> {
    let data = tools::scratch("geth")?;
    let first = tools::free_ports(2)?;
    let (port, auth) = (first.to_string(), first.saturating_add(1).to_string());
    let genesis = data.join("genesis.json");
    let text = genesis_of(program, story)?;
    std::fs::write(&genesis, text).map_err(|error| format!("{}: {error}", genesis.display()))?;
    process::run(
        Command::new(program).args(["--verbosity", "1", "--datadir"]).arg(&data).arg("init").arg(&genesis),
    )?;
    let mut command = Command::new(program);
    command
        .args(["--dev", "--dev.period", "0", "--verbosity", "1", "--ipcdisable", "--port", "0"])
        .args(["--http", "--http.addr", "127.0.0.1", "--http.api", "eth,net,web3"])
        .args(["--http.port", &port, "--authrpc.port", &auth, "--datadir"])
        .arg(&data);
    let (geth, url) = listening(command, &port)?;
    Ok((geth.on_stop(move || drop(std::fs::remove_dir_all(data))), url))
}

/// A chain of today's rules (Osaka): what `--dev` makes by itself runs rules of tomorrow, at other prices. The contracts that the rules
/// presuppose come from the genesis of a test network that geth carries.
fn genesis_of(program: &Path, story: &Path) -> Outcome<String> {
    let text = process::output(Command::new(program).args(["--verbosity", "1", "--hoodi", "dumpgenesis"]))?;
    let mut genesis: Value =
        serde_json::from_str(&text).map_err(|error| format!("geth dumpgenesis: {error}"))?;
    let missing = || "geth's genesis has another shape than expected".to_owned();
    let config = genesis.get_mut("config").and_then(Value::as_object_mut).ok_or_else(missing)?;
    config.retain(|name, _| !name.ends_with("Time"));
    config.insert("chainId".into(), 1337.into());
    for fork in ["shanghaiTime", "cancunTime", "pragueTime", "osakaTime"] {
        config.insert(fork.into(), 0.into());
    }
    let blobs = config.get_mut("blobSchedule").and_then(Value::as_object_mut).ok_or_else(missing)?;
    blobs.retain(|name, _| name == "cancun" || name == "prague");
    let prague = blobs.get("prague").cloned().ok_or_else(missing)?;
    blobs.insert("osaka".into(), prague);
    let accounts = genesis.get_mut("alloc").and_then(Value::as_object_mut).ok_or_else(missing)?;
    accounts.retain(|_, account| account.get("code").is_some());
    for address in process::output(Command::new(story).arg("addresses"))?.lines() {
        accounts
            .insert(address.trim_start_matches("0x").to_owned(), json!({ "balance": "0x56bc75e2d63100000" }));
    }
    for (name, value) in [("difficulty", "0x0"), ("timestamp", "0x0"), ("gasLimit", "0x1c9c380")] {
        *genesis.get_mut(name).ok_or_else(missing)? = value.into();
    }
    Ok(genesis.to_string())
}

/// Starts a node and waits until it listens.
fn listening(command: Command, port: &str) -> Outcome<(Background, String)> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo started; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    let (node, _) = Background::with_first_line(&mut shell)?;
    for _ in 0..300 {
        if std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok() {
            return Ok((node, format!("http://127.0.0.1:{port}")));
        }
        process::pause(100);
    }
    Err(format!("{} does not listen on port {port}", command.get_program().display()))
}

//! The ledger judged: the contracts compile to what is committed, and one story is the same on our embedded chain, on npm `@foundry-rs/anvil`, and on `geth --dev` where Go is on the machine.

use crate::process::{self, Background, Outcome};
use crate::{contracts, tools};
use std::path::{Path, PathBuf};
use std::process::Command;

const GETH: &str = "github.com/ethereum/go-ethereum/cmd/geth@v1.17.10";

pub(super) fn run(_mapae: &Path) -> Outcome {
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
            let (geth, url) = geth(&program)?;
            let theirs = process::output(Command::new(&story).args([url.as_str(), "--fund", "geth"]))?;
            same("geth", &ours, &theirs)?;
            drop(geth);
        }
        None => println!("ledger: no Go on this machine, so geth was not asked"),
    }
    Ok(())
}

/// Gas, refusals with their data, events with their bytes, documents: line by line.
fn same(name: &str, ours: &str, theirs: &str) -> Outcome {
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        if ours != theirs {
            return Err(format!("{name} differs\n embedded: {ours}\n {name}: {theirs}"));
        }
    }
    if ours.lines().count() != theirs.lines().count() {
        return Err(format!("{name} played another number of steps"));
    }
    println!("ledger: {name} agrees in every step: gas, revert data, events, documents");
    Ok(())
}

/// The program that plays the story.
pub(super) fn story() -> Outcome<PathBuf> {
    process::run(tools::cargo().args([
        "build",
        "--workspace",
        "--example",
        "conformance",
        "--locked",
        "--quiet",
    ]))?;
    Ok(tools::target().join("debug/examples/conformance"))
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

fn geth(program: &Path) -> Outcome<(Background, String)> {
    let data = tools::scratch("geth")?;
    let first = tools::free_ports(2)?;
    let (port, auth) = (first.to_string(), first.saturating_add(1).to_string());
    let mut command = Command::new(program);
    command
        .args(["--dev", "--dev.period", "0", "--verbosity", "1", "--ipcdisable", "--port", "0"])
        .args(["--http", "--http.addr", "127.0.0.1", "--http.api", "eth,net,web3"])
        .args(["--http.port", &port, "--authrpc.port", &auth, "--datadir"])
        .arg(&data);
    let (geth, url) = listening(command, &port)?;
    Ok((geth.on_stop(move || drop(std::fs::remove_dir_all(data))), url))
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

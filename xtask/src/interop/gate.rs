//! A gate before real card software: pcscd with vsmartcard's virtual reader, the terminal phone as the card in one process,
//! the reader in another, the controller in a third. Radio, secure element and motor are not in it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Demo;
use crate::process::{self, Background, Outcome};
use crate::tools;

const VPCD: &str = "127.0.0.1:35963";
const READER: &str = "Virtual PCD 00 00";

pub(super) fn run(mapae: &Path) -> Outcome {
    let pcscd = tools::program(
        &["pcscd", "/usr/sbin/pcscd"],
        "install pcscd and vsmartcard-vpcd (Debian: apt-get install pcscd vsmartcard-vpcd libpcsclite-dev)",
    )?;
    let faketime = tools::program(&["faketime"], "install faketime (Debian: apt-get install faketime)")?;
    process::run(tools::cargo().args(["build", "--locked", "-p", "gate-reader", "--features", "pcsc"]))?;
    let folder = tools::scratch("gate")?;
    let outcome = judge(mapae, &pcscd, &faketime, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

struct Stage<'a> {
    mapae: &'a Path,
    reader: PathBuf,
    description: Value,
    folder: &'a Path,
    door: String,
}

fn judge(mapae: &Path, pcscd: &Path, faketime: &Path, folder: &Path) -> Outcome {
    let demo = Demo::start(mapae, "gate-demo")?;
    let (_daemon, _) = Background::with_first_line(
        Command::new("sh").arg("-c").arg("echo started; exec \"$0\" --foreground").arg(pcscd),
    )?;
    let mut stage = Stage {
        mapae,
        reader: tools::target().join("debug/gate-reader"),
        description: demo.description()?,
        folder,
        door: String::new(),
    };
    stage.set_up()?;
    let (controller, listen) = stage.controller(Command::new(mapae), false)?;

    let card = stage.card(&["--taps", "2"])?;
    let taps = stage.taps(&listen, 2)?;
    card.wait()?;
    expect("the first tap opens, the standard way", &taps, 0, "granted", Some(false))?;
    expect("the second opens, the fast way", &taps, 1, "granted", Some(true))?;

    let locked = stage.card(&["--locked"])?;
    expect("a locked phone refuses (6985)", &stage.taps(&listen, 1)?, 0, "phone_locked", None)?;
    drop(locked);

    // The phone keeps its pass and does not ask for a new one: it may have lost its network.
    let lost = stage.card(&[])?;
    stage.operator(&["badge", "suspend"], &["--by", "yesi.boan", "--reason", "loss"])?;
    let began = process::instant();
    while status(&listen)?.get("stopped") != Some(&Value::from(1)) {
        if began.elapsed().as_millis() > 1_000 {
            return Err("the controller did not hear of the suspension within a second".into());
        }
        process::pause(5);
    }
    println!("interop gate: the controller knew {} ms after the order was done", began.elapsed().as_millis());
    expect("a reported loss refuses", &stage.taps(&listen, 1)?, 0, "stopped", None)?;
    drop(lost);
    stage.operator(&["badge", "resume"], &["--by", "yesi.boan", "--reason", "found"])?;
    while status(&listen)?.get("stopped") != Some(&Value::from(0)) {
        process::pause(20);
    }
    controller.kill();

    // The platform is away for a day. The controller was killed, and goes on from its disk.
    let preloaded = preloaded(faketime)?;
    let later = || {
        let mut command = Command::new(mapae);
        command.env("LD_PRELOAD", &preloaded).env("FAKETIME", "+25h");
        command
    };
    let (offline, listen) = stage.controller(Command::new(mapae), true)?;
    let card = stage.card(&[])?;
    expect("offline it opens", &stage.taps(&listen, 1)?, 0, "granted", None)
        .or_else(|_| expect("offline it opens", &stage.taps(&listen, 1)?, 0, "granted_degraded", None))?;
    drop(offline);
    let (offline, listen) = stage.controller(later(), true)?;
    expect("after a day it refuses", &stage.taps(&listen, 1)?, 0, "stale", None)?;
    stage.grace_order()?;
    while status(&listen)?.get("order").is_none_or(Value::is_null) {
        process::pause(50);
    }
    expect("a grace order opens again", &stage.taps(&listen, 1)?, 0, "granted_grace", None)?;
    drop(offline);

    stage.operator(&["badge", "suspend"], &["--by", "yesi.boan", "--reason", "loss"])?;
    let (online, listen) = stage.controller(Command::new(mapae), false)?;
    while status(&listen)?.get("stopped") != Some(&Value::from(1)) {
        process::pause(20);
    }
    drop(online);
    let (_offline, listen) = stage.controller(later(), true)?;
    expect("but not to the suspended", &stage.taps(&listen, 1)?, 0, "stopped", None)?;
    drop(card);
    Ok(())
}

/// The library by which faketime changes the time. faketime itself starts a child, which would outlive it.
fn preloaded(faketime: &Path) -> Outcome<String> {
    let printed = process::output(Command::new(faketime).args(["-f", "+25h", "env"]))?;
    let line = printed.lines().find_map(|line| line.strip_prefix("LD_PRELOAD="));
    line.map(str::to_owned).ok_or_else(|| "faketime names no library".to_owned())
}

fn text<'v>(value: &'v Value, pointer: &str) -> Outcome<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("there is no {pointer} in {value}"))
}

fn expect(what: &str, taps: &[Value], n: usize, code: &str, fast: Option<bool>) -> Outcome {
    let tap = taps.get(n).and_then(|tap| tap.get("decided")).ok_or("there was no tap")?;
    let right = tap.get("code") == Some(&Value::from(code))
        && fast.is_none_or(|fast| tap.get("fast") == Some(&Value::from(fast)));
    if !right {
        return Err(format!("{what}: {tap}"));
    }
    println!("interop gate: {what}: {code}");
    Ok(())
}

/// What the controller's line says of itself.
fn status(listen: &str) -> Outcome<Value> {
    let failed = |error: std::io::Error| format!("the controller's line: {error}");
    let mut stream = TcpStream::connect(listen).map_err(failed)?;
    stream.write_all(b"status\n").map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed)?;
    serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))
}

impl Stage<'_> {
    /// A command on the server's machine; what it printed.
    fn server(&self, arguments: &[&str]) -> Outcome<Value> {
        let mut command = Command::new(self.mapae);
        command.args(arguments);
        let environment = self.description.pointer("/operator/environment").and_then(Value::as_object);
        for (name, value) in environment.ok_or("the demo names no environment")? {
            command.env(name, value.as_str().unwrap_or_default());
        }
        let printed = process::output(&mut command)?;
        Ok(serde_json::from_str(printed.trim()).unwrap_or(Value::String(printed)))
    }

    /// An order about the phone's holder.
    fn operator(&self, order: &[&str], by: &[&str]) -> Outcome {
        let holder = ["--agency", text(&self.description, "/holder/agency")?];
        let number = ["--number", text(&self.description, "/holder/number")?];
        self.server(&[order, &holder, &number, by].concat()).map(drop)
    }

    fn set_up(&mut self) -> Outcome {
        let agency = text(&self.description, "/holder/agency")?.to_owned();
        self.server(&["gate", "zone", "hall", "--agency", &agency, "--ko", "예시청사", "--en", "Hall"])?;
        let added = self.server(&["gate", "add", "front", "--agency", &agency])?;
        let (id, code) = (text(&added, "/id")?, text(&added, "/code")?);
        let server = text(&self.description, "/urls/public")?;
        let folder = self.controller_folder();
        process::run(
            Command::new(self.mapae)
                .args(["gate", "enrol", "--server", server, "--code", code, "--folder"])
                .arg(&folder),
        )?;
        let door =
            ["gate", "door", "--controller", id, "--zone", "hall", "--ko", "예시 정문", "--en", "Gate"];
        self.door = text(&self.server(&door)?, "/door")?.to_owned();
        self.server(&["gate", "grant", "--zone", "hall", "--of-agency", &agency])?;
        for n in ["1", "2"] {
            let key = self.folder.join(format!("officer-{n}"));
            let mut make = Command::new(self.mapae);
            let public = process::output(make.args(["gate", "officer-key"]).arg(&key))?;
            let file = self.folder.join(format!("officer-{n}.jwk"));
            std::fs::write(&file, public).map_err(|error| error.to_string())?;
            self.server(&["gate", "officer", n, &file.display().to_string()])?;
        }
        Ok(())
    }

    fn controller_folder(&self) -> PathBuf {
        self.folder.join("controller")
    }

    /// A controller on a port of its own; where readers connect. Online it waits until it knows its door.
    fn controller(&self, mut program: Command, offline: bool) -> Outcome<(Background, String)> {
        program.args(["gate", "run", "--listen", "127.0.0.1:0", "--folder"]).arg(self.controller_folder());
        if offline {
            program.arg("--offline");
        }
        let (background, line) = Background::with_first_line(&mut program)?;
        let line: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        let listen = text(&line, "/listen")?.to_owned();
        for _ in 0..250 {
            if status(&listen)?.get("doors") == Some(&Value::from(1)) {
                return Ok((background, listen));
            }
            process::pause(20);
        }
        Err("the controller does not learn of its door".into())
    }

    /// The terminal phone in the virtual reader's field.
    fn card(&self, arguments: &[&str]) -> Outcome<Background> {
        let vault = self.description.pointer("/phone/arguments").and_then(Value::as_array);
        let vault = vault.ok_or("the demo names no phone")?.iter().filter_map(Value::as_str);
        let mut command = Command::new(self.mapae);
        command.arg("wallet").args(vault).args(["card", "--vpcd", VPCD]).args(arguments);
        // pcscd may just be starting, or still be letting the last card go.
        for _ in 0..50 {
            if let Ok((card, line)) = Background::with_first_line(&mut command)
                && line.contains("in the field")
            {
                // pcscd looks at its readers a few times a second: until then it may mean the card before.
                process::pause(1_500);
                return Ok(card);
            }
            process::pause(100);
        }
        Err("the phone does not come into the virtual reader's field".into())
    }

    fn taps(&self, listen: &str, count: u32) -> Outcome<Vec<Value>> {
        let mut command = Command::new(&self.reader);
        command.args([READER, listen, &self.door, &count.to_string()]);
        let printed = process::output(&mut command)?;
        printed.lines().map(|line| serde_json::from_str(line).map_err(|error| error.to_string())).collect()
    }

    fn grace_order(&self) -> Outcome {
        let now = process::output(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?;
        let until =
            process::output(Command::new("date").args(["-u", "-d", "+10 days", "+%Y-%m-%dT%H:%M:%SZ"]))?;
        let mut lines = String::new();
        for n in ["1", "2"] {
            let mut sign = Command::new(self.mapae);
            sign.args(["gate", "grace", "--id", "drill-1", "--zone", "hall", "--drill"])
                .args(["--since", now.trim(), "--until", until.trim(), "--key"])
                .arg(self.folder.join(format!("officer-{n}")));
            lines.push_str(&process::output(&mut sign)?);
        }
        std::fs::write(self.controller_folder().join("grace.new"), lines).map_err(|error| error.to_string())
    }
}

//! What a gate's judges stand on: zone, door, controller and the phone in the virtual reader's field.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{self, Background, Outcome};
use crate::tools;

const VPCD: &str = "127.0.0.1:35963";
const READER: &str = "Virtual PCD 00 00";

/// A zone, a door and its controller beside a running server.
pub(in crate::interop) struct Stage<'a> {
    mapae: &'a Path,
    description: Value,
    folder: &'a Path,
    /// The door's id.
    pub(in crate::interop) door: String,
    /// Where the newest controller serves its doors' displays.
    pub(in crate::interop) display: RefCell<String>,
}

fn text<'v>(value: &'v Value, pointer: &str) -> Outcome<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("there is no {pointer} in {value}"))
}

/// What the controller's line says of itself.
pub(in crate::interop) fn status(listen: &str) -> Outcome<Value> {
    let failed = |error: std::io::Error| format!("the controller's line: {error}");
    let mut stream = TcpStream::connect(listen).map_err(failed)?;
    stream.write_all(b"status\n").map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed)?;
    serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))
}

impl<'a> Stage<'a> {
    /// A command on the server's machine; what it printed.
    pub(in crate::interop) fn server(&self, arguments: &[&str]) -> Outcome<Value> {
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
    pub(in crate::interop) fn operator(&self, order: &[&str], by: &[&str]) -> Outcome {
        let holder = ["--agency", text(&self.description, "/holder/agency")?];
        let number = ["--number", text(&self.description, "/holder/number")?];
        self.server(&[order, &holder, &number, by].concat()).map(drop)
    }

    /// Sets all of it up.
    pub(in crate::interop) fn set_up(mapae: &'a Path, description: Value, folder: &'a Path) -> Outcome<Self> {
        let mut stage = Self { mapae, description, folder, door: String::new(), display: RefCell::default() };
        stage.begin()?;
        Ok(stage)
    }

    fn begin(&mut self) -> Outcome {
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

    /// Lets the applicants' agencies in, too.
    pub(in crate::interop) fn let_applicants_in(&self) -> Outcome {
        let applicants = self.description.get("standard_wallets").and_then(Value::as_array);
        for applicant in applicants.into_iter().flatten() {
            let agency = text(applicant, "/agency")?;
            self.server(&["gate", "grant", "--zone", "hall", "--of-agency", agency])?;
        }
        Ok(())
    }

    /// The controller's files.
    pub(in crate::interop) fn controller_folder(&self) -> PathBuf {
        self.folder.join("controller")
    }

    /// A controller on a port of its own; where readers connect. Online it waits until it knows its door.
    pub(in crate::interop) fn controller(
        &self,
        mut program: Command,
        offline: bool,
    ) -> Outcome<(Background, String)> {
        program
            .args(["gate", "run", "--listen", "127.0.0.1:0", "--display", "127.0.0.1:0", "--folder"])
            .arg(self.controller_folder());
        if offline {
            program.arg("--offline");
        }
        let (background, line) = Background::with_first_line(&mut program)?;
        let line: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        let listen = text(&line, "/listen")?.to_owned();
        text(&line, "/display")?.clone_into(&mut self.display.borrow_mut());
        for _ in 0..250 {
            if status(&listen)?.get("doors") == Some(&Value::from(1)) {
                return Ok((background, listen));
            }
            process::pause(20);
        }
        Err("the controller does not learn of its door".into())
    }

    /// The terminal phone in the virtual reader's field.
    pub(in crate::interop) fn card(&self, arguments: &[&str]) -> Outcome<Background> {
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

    /// Taps with the card in the virtual reader's field.
    pub(in crate::interop) fn taps(&self, listen: &str, count: u32) -> Outcome<Vec<Value>> {
        let mut command = Command::new(tools::target().join("debug/gate-reader"));
        command.args([READER, listen, &self.door, &count.to_string()]);
        let printed = process::output(&mut command)?;
        printed.lines().map(|line| serde_json::from_str(line).map_err(|error| error.to_string())).collect()
    }

    /// Taps one after another; does something once so many were told, and goes on until the line is gone. How many were
    /// told.
    pub(in crate::interop) fn taps_until(
        &self,
        listen: &str,
        count: u64,
        then: impl FnOnce(),
    ) -> Outcome<u64> {
        let failed = |error: std::io::Error| format!("gate-reader: {error}");
        let mut reader = Command::new(tools::target().join("debug/gate-reader"))
            .args([READER, listen, &self.door, "10000"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let printed = reader.stdout.take().ok_or("gate-reader prints nothing")?;
        let mut then = Some(then);
        let mut told = 0_u64;
        for line in BufReader::new(printed).lines() {
            line.map_err(failed)?;
            told = told.saturating_add(1);
            if told == count
                && let Some(then) = then.take()
            {
                then();
            }
        }
        reader.wait().map_err(failed)?;
        Ok(told)
    }

    /// Signs a grace order with both officers' keys and lays it before the controller.
    pub(in crate::interop) fn grace_order(&self) -> Outcome {
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

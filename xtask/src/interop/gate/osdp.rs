//! The door on an OSDP line: our side of it, and libosdp (PyPI) as the peripheral, with a pseudo terminal between them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::expect;
use super::stage::Stage;
use crate::process::{self, Outcome, Talking};
use crate::tools;

/// The independent peer.
const LIBOSDP: &str = "libosdp==3.2.9";
/// What its lamp is told at a refusal.
const RED: u8 = 1;

struct Line {
    python: PathBuf,
    key: PathBuf,
}

impl Line {
    /// The peripheral with a key of its own, or waiting to be installed; and its device.
    fn peripheral(&self, key: Option<&str>) -> Outcome<(Talking, String)> {
        let mut command = Command::new(self.python.join("python"));
        command.arg(tools::root().join("interop/osdp_reader.py"));
        if let Some(key) = key {
            command.env("OSDP_KEY", key);
        }
        let peripheral = Talking::start(&mut command)?;
        let told = peripheral.hear("the peripheral's device", |said| said.get("device").is_some())?;
        let device = told.get("device").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((peripheral, device))
    }

    fn program(&self, device: &str, listen: &str, door: &str) -> Command {
        let mut command = Command::new(tools::target().join("debug/gate-osdp"));
        command.args([device, listen, door, "--speed", "115200", "--key"]).arg(&self.key);
        command
    }
}

fn is(said: &Value, key: &str, value: impl Into<Value>) -> bool {
    said.get(key) == Some(&value.into())
}

/// How long a door stays open for a person, unless it is set up otherwise.
const OPEN_MS: u64 = 5_000;

/// The lock's relay was told to open.
fn opens(said: &Value) -> bool {
    is(said, "output", 0) && is(said, "code", 5)
}

/// Waits until the controller's log has a line with this code.
fn logged(folder: &Path, code: &str) -> Outcome {
    let file = folder.join("passages.log");
    let wanted = format!("\"code\":\"{code}\"");
    for _ in 0..500 {
        if std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&wanted)) {
            println!("interop gate: osdp: in the log: {code}");
            return Ok(());
        }
        process::pause(20);
    }
    Err(format!("the controller's log has no {code}"))
}

pub(super) fn judge(stage: &Stage<'_>, listen: &str, folder: &Path) -> Outcome {
    process::run(tools::cargo().args(["build", "--locked", "-p", "gate-osdp"]))?;
    let line = Line { python: tools::python(&[LIBOSDP])?, key: folder.join("osdp.key") };
    let log = stage.controller_folder();

    // Installing: the one time at which the default key is taken.
    let (mut fresh, device) = line.peripheral(None)?;
    process::output(line.program(&device, listen, &stage.door).arg("--install"))?;
    let key = std::fs::read_to_string(&line.key).map_err(|error| format!("the key: {error}"))?;
    fresh.hear("the peripheral's new key", |said| is(said, "keyset", key.trim()))?;
    fresh.say("heard")?;
    let heard = fresh.hear("what went over the line", |said| said.get("heard").is_some())?;
    if heard
        .get("heard")
        .and_then(Value::as_str)
        .is_none_or(|bytes| bytes.is_empty() || bytes.contains(key.trim()))
    {
        return Err("the new key went over the line in the clear".into());
    }
    logged(&log, "reader_installed")?;
    drop(fresh);

    // Outside of it the default key moves nothing.
    let (default, device) = line.peripheral(None)?;
    let program = Talking::start(&mut line.program(&device, listen, &stage.door))?;
    program.hear("the default key is refused", |said| {
        is(said, "line", "default-key") || is(said, "line", "key")
    })?;
    nothing_moved(&default)?;
    println!("interop gate: osdp: the default key is refused outside of installing");
    drop((program, default));

    // Another key moves nothing.
    let (other, device) = line.peripheral(Some("00112233445566778899aabbccddeeff"))?;
    let program = Talking::start(&mut line.program(&device, listen, &stage.door))?;
    program.hear("a wrong key is refused", |said| is(said, "line", "key"))?;
    nothing_moved(&other)?;
    logged(&log, "reader_key_wrong")?;
    drop((program, other));

    // The right one: the door lives.
    let (mut reader, device) = line.peripheral(Some(key.trim()))?;
    let program = Talking::start(&mut line.program(&device, listen, &stage.door))?;
    program.hear("the secure channel", |said| is(said, "line", "secure"))?;
    reader.hear("the secure channel at the peripheral", |said| is(said, "secure", true))?;
    // What was opened before may still be: its relay and its end are not those of the tap to come.
    process::pause(OPEN_MS + 500);
    reader.rest();
    let card = stage.card(&[])?;
    let began = process::instant();
    expect("osdp: a tap opens", &stage.taps(listen, 1)?, 0, "granted", None)?;
    reader.hear("the lock's relay", opens)?;
    println!("interop gate: osdp: the relay {} ms after the tap began", began.elapsed().as_millis());
    drop(card);
    reader.hear("the lock shut again", |said| is(said, "output", 0) && is(said, "code", 1))?;
    let locked = stage.card(&["--locked"])?;
    reader.rest();
    expect("osdp: a locked phone refuses", &stage.taps(listen, 1)?, 0, "phone_locked", None)?;
    let lamp = reader.hear("the lamp", |said| said.get("lamp").is_some())?;
    if !is(&lamp, "lamp", RED) {
        return Err(format!("a refusal lit {lamp}"));
    }
    reader.hear("the display", |said| {
        said.get("text").and_then(Value::as_str).is_some_and(|text| !text.is_empty())
    })?;
    drop(locked);

    reader.say("input 0 1")?;
    logged(&log, "forced")?;
    reader.say("input 0 0")?;
    reader.rest();
    reader.say("card 0123456789abcdef")?;
    logged(&log, "card_unproved")?;
    nothing_moved(&reader)?;

    reader.say("unplug")?;
    program.hear("the line is silent", |said| is(said, "line", "silent"))?;
    logged(&log, "reader_lost")?;
    reader.say("plug")?;
    program.hear("the line is back", |said| is(said, "line", "secure"))?;
    logged(&log, "reader_back")
}

/// No relay was told to open.
fn nothing_moved(peripheral: &Talking) -> Outcome {
    process::pause(500);
    match peripheral.rest().iter().find(|said| opens(said)) {
        Some(moved) => Err(format!("the lock was moved: {moved}")),
        None => Ok(()),
    }
}

//! A door on an OSDP line (IEC 60839-11-5, OSDP v2.2) for a gate controller: the lock's relay, the lamp, the sounder and
//! the display go out, the contacts come in, all inside the secure channel. On the other side is the controller's line
//! (docs/gates.md), so that a line that hangs takes no other door with it.
//!
//! ```text
//! gate-osdp DEVICE CONTROLLER DOOR --key FILE [--address N] [--speed N] [--install]
//! ```
//!
//! * Nothing is said outside the secure channel but what makes it. A peripheral with another key, or with the default key
//!   that everybody knows (SCBK-D), moves no lock: the controller's log says so.
//! * `--install` is the one time at which the default key is taken: it gives the peripheral a key of its own, writes that
//!   to FILE and ends.
//! * The relay is held for a second at a time, so that a line that breaks leaves the door locked. Fire opens by wire, too.
//! * A card number that a reader sends is no proof of anything: it is reported, and opens nothing.
//!
//! Inputs of the peripheral: 0 the leaf stands open, 1 someone crosses, 2 fire. Output 0 is the lock.

mod channel;
mod controller;
mod door;
mod serial;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use channel::{Bus, BusError, Scbk};
use controller::Controller;
use door::Door;
use serial::Serial;

type AnyError = Box<dyn std::error::Error>;

/// How long to wait before a line that broke is tried again.
const AGAIN: Duration = Duration::from_secs(1);

struct Arguments {
    device: PathBuf,
    controller: String,
    door: String,
    key: PathBuf,
    address: u8,
    speed: u32,
    install: bool,
}

const USAGE: &str = "gate-osdp DEVICE CONTROLLER DOOR --key FILE [--address N] [--speed N] [--install]";

fn arguments() -> Result<Arguments, AnyError> {
    let (mut words, mut key, mut address, mut speed, mut install) = (Vec::new(), None, 0, 9_600, false);
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        let mut value = || given.next().ok_or(USAGE);
        match word.as_str() {
            "--key" => key = Some(PathBuf::from(value()?)),
            "--address" => address = value()?.parse()?,
            "--speed" => speed = value()?.parse()?,
            "--install" => install = true,
            _ => words.push(word),
        }
    }
    match (words.as_slice(), key) {
        ([device, controller, door], Some(key)) if address <= channel::MAX_ADDRESS => Ok(Arguments {
            device: device.into(),
            controller: controller.clone(),
            door: door.clone(),
            key,
            address,
            speed,
            install,
        }),
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    match arguments()
        .and_then(|arguments| if arguments.install { install(&arguments) } else { run(&arguments) })
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gate-osdp: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Gives the peripheral a key of its own. Both know it once this ends, or neither: the file is there before the
/// peripheral is told, and a peripheral that was told and did not answer has the key of the file.
fn install(arguments: &Arguments) -> Result<(), AnyError> {
    let controller = Controller::open(&arguments.controller, &arguments.door)?;
    let key = match read_key(&arguments.key) {
        Ok(key) => key,
        Err(_) => {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
            write_key(&arguments.key, &bytes)?;
            Scbk::own(bytes)
        }
    };
    let line = Serial::open(&arguments.device, arguments.speed)?;
    let mut bus = Bus::open(line, arguments.address, &Scbk::default_key())?;
    bus.set_key(&key)?;
    controller.reader("installed")?;
    println!("{{\"installed\":true}}");
    Ok(())
}

fn run(arguments: &Arguments) -> Result<(), AnyError> {
    let key = read_key(&arguments.key)?;
    let mut door = Door::new(Controller::open(&arguments.controller, &arguments.door)?);
    let mut last = String::new();
    loop {
        let begun = Serial::open(&arguments.device, arguments.speed)
            .map_err(BusError::from)
            .and_then(|line| Bus::open(line, arguments.address, &key));
        let ended = match begun {
            Ok(mut bus) => {
                last.clear();
                say("secure");
                door.back()?;
                door.serve(&mut bus)
            }
            Err(error) => door::Ended::Line(error),
        };
        match ended {
            door::Ended::Controller(error) => return Err(error.into()),
            door::Ended::Line(error) => {
                // Each new reason once; the line is tried again for as long as it takes.
                if last != error.code() {
                    error.code().clone_into(&mut last);
                    say(error.code());
                    door.lost(&error)?;
                }
                pause(AGAIN);
            }
        }
    }
}

/// How the line stands, for whoever started this program.
fn say(state: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{{\"line\":\"{state}\"}}").and_then(|()| out.flush());
}

#[expect(clippy::disallowed_methods, reason = "a program of its own that waits for hardware")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A key file: 32 hexadecimal digits.
fn read_key(path: &Path) -> Result<Scbk, AnyError> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let wrong = || format!("{}: a key is 32 hexadecimal digits", path.display());
    let (pairs, rest) = text.trim().as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = pairs.iter().map_while(byte).collect();
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| wrong())?;
    if !rest.is_empty() {
        return Err(wrong().into());
    }
    Scbk::parse(bytes)
        .ok_or_else(|| format!("{}: this is the default key, which everybody knows", path.display()).into())
}

fn write_key(path: &Path, key: &[u8; 16]) -> Result<(), AnyError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(hex.as_bytes())?;
    Ok(file.sync_all()?)
}

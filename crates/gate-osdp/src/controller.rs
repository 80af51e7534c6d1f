//! The controller's lines: one that tells, one that listens.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use serde_json::Value;

/// What the controller says of a door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether its lock is to be open.
    pub(crate) unlocked: bool,
    /// A decision: opened, and its sentence in English, as OSDP's displays know ASCII only.
    pub(crate) decided: Option<(bool, String)>,
    /// An alarm.
    pub(crate) alarm: bool,
}

/// A door of a controller.
#[derive(Debug)]
pub(crate) struct Controller {
    tells: BufReader<TcpStream>,
    heard: Receiver<Told>,
}

/// The controller answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

fn line(controller: &str, door: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(controller)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = BufReader::new(stream);
    match ask(&mut line, &format!("door {door}"))?.as_str() {
        "ok" => Ok(line),
        other => Err(io::Error::other(format!("the controller says of this door: {other}"))),
    }
}

fn ask(line: &mut BufReader<TcpStream>, text: &str) -> io::Result<String> {
    line.get_mut().write_all(format!("{text}\n").as_bytes())?;
    hear(line)
}

fn hear(line: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    if line.read_line(&mut text)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end().to_owned())
}

impl Told {
    /// Reads a line of `watch`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let decided = value.get("decided").filter(|decided| !decided.is_null());
        let decided = decided.map(|decided| {
            let opened = decided.get("opened").and_then(Value::as_bool).unwrap_or(false);
            (opened, decided.get("en").and_then(Value::as_str).unwrap_or_default().to_owned())
        });
        Some(Self {
            unlocked: value.get("unlocked")?.as_bool()?,
            decided,
            // What this line tells of itself is for the log.
            alarm: value
                .get("alarm")
                .and_then(Value::as_str)
                .is_some_and(|code| !code.starts_with("reader_")),
        })
    }
}

impl Controller {
    /// Connects both lines.
    pub(crate) fn open(controller: &str, door: &str) -> io::Result<Self> {
        let tells = line(controller, door)?;
        let mut hears = line(controller, door)?;
        hears.get_mut().write_all(b"watch\n")?;
        hears.get_ref().set_read_timeout(None)?;
        let (sender, heard) = mpsc::channel();
        std::thread::spawn(move || {
            while let Some(told) = hear(&mut hears).ok().and_then(|text| Told::parse(&text)) {
                if sender.send(told).is_err() {
                    break;
                }
            }
        });
        Ok(Self { tells, heard })
    }

    /// What was said since, without waiting.
    ///
    /// # Errors
    /// The controller is gone.
    pub(crate) fn next(&self) -> io::Result<Option<Told>> {
        match self.heard.try_recv() {
            Ok(told) => Ok(Some(told)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Tells what a contact says.
    pub(crate) fn contact(&mut self, text: &str) -> io::Result<()> {
        ask(&mut self.tells, text).map(drop)
    }

    /// Tells what the reader says of itself.
    pub(crate) fn reader(mut self, word: &str) -> io::Result<()> {
        self.contact(&format!("reader {word}"))
    }
}

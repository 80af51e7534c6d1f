//! Readers over the network: a line each way. A reader of codes, a reader of cards that hands APDUs through, the contacts
//! of a door, and a display all speak it; it belongs on the door's own network or on this machine.
//!
//! | The reader says | The controller answers |
//! |---|---|
//! | `door <id>` | `ok`, or `unknown` |
//! | `code MG1:…` | a JSON object: opened, code, ko, en, age_ms |
//! | `card` | `apdu <hex>` for each command, then the same object |
//! | `apdu <hex>` (in answer to `apdu`) | |
//! | `fire on`, `fire off`, `power on`, `power off`, `leaf open`, `leaf shut`, `crossed` | a JSON object: unlocked, alarms |
//! | `reader lost`, `back`, `tamper`, `key`, `default-key`, `installed`, `unproved` | a JSON object: noted |
//! | `watch` | a JSON object at once and whenever something happens at the door or its lock moves: unlocked, decided, alarm; nothing else is read |
//! | `status` | a JSON object: how the controller stands |

use std::io;
use std::sync::Arc;
use std::time::Duration;

use gate::decision::Input;
use gate::pass::GateRef;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::error::RecvError;

use super::{Carrier, Controller, Shown};

/// The longest line of a reader.
const MAX_LINE: u64 = 4 * 1_024;

/// Serves readers until the listener fails.
pub async fn serve(controller: Arc<Controller>, listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let controller = Arc::clone(&controller);
        tokio::spawn(async move {
            if let Err(error) = one(&controller, stream).await {
                tracing::debug!(%error, "a reader is gone");
            }
        });
    }
}

struct Line {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

impl Line {
    async fn hear(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let read = (&mut self.from).take(MAX_LINE).read_line(&mut line).await?;
        if read == 0 {
            return Ok(None);
        }
        match line.strip_suffix('\n') {
            Some(line) => Ok(Some(line.trim_end().to_owned())),
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(format!("{text}\n").as_bytes()).await
    }
}

impl Carrier for Line {
    async fn transmit(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        self.say(&format!("apdu {}", keys::encoding::hex_encode(command))).await?;
        let line = self.hear().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let hex = line.strip_prefix("apdu ").ok_or(io::ErrorKind::InvalidData)?;
        keys::encoding::hex_decode(hex).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

/// What a display is told.
pub(crate) fn told(shown: &Shown) -> Value {
    json!({
        "opened": shown.opened,
        "code": shown.code,
        "ko": shown.ko,
        "en": shown.en,
        "age_ms": shown.age_ms,
        "order": shown.order,
        "fast": shown.fast,
    })
}

async fn one(controller: &Controller, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (from, to) = stream.into_split();
    let mut line = Line { from: BufReader::new(from), to };
    let mut door = None;
    while let Some(said) = line.hear().await? {
        let (word, rest) = said.split_once(' ').unwrap_or((said.as_str(), ""));
        let answer = match (word, door) {
            ("status", _) => controller.standing().to_string(),
            ("door", _) => {
                door = GateRef::try_from(rest.to_owned())
                    .ok()
                    .filter(|id| controller.doors().iter().any(|door| door.id == *id));
                if door.is_some() { "ok" } else { "unknown" }.to_owned()
            }
            (_, None) => "door first".to_owned(),
            ("watch", Some(door)) => return watch(controller, door, line).await,
            ("reader", Some(door)) => match controller.reader(door, rest) {
                Some(code) => json!({ "noted": code }).to_string(),
                None => "unknown".to_owned(),
            },
            ("code", Some(door)) => told(&controller.code(door, rest)).to_string(),
            ("card", Some(door)) => {
                let shown = controller.tap(door, &mut line).await;
                told(&shown).to_string()
            }
            (_, Some(door)) => match input(&said) {
                Some(input) => {
                    let alarms = controller.input(door, input);
                    let alarms: Vec<&str> = alarms.iter().map(|alarm| alarm.code()).collect();
                    json!({ "unlocked": controller.unlocked(door), "alarms": alarms }).to_string()
                }
                None => "unknown".to_owned(),
            },
        };
        line.say(&answer).await?;
    }
    Ok(())
}

/// How often a lock is looked at that falls shut by itself.
const LOOK: Duration = Duration::from_millis(100);

/// Tells what happens at a door until the other side goes away.
async fn watch(controller: &Controller, door: GateRef, mut line: Line) -> io::Result<()> {
    let mut happenings = controller.happenings();
    let mut look = tokio::time::interval(LOOK);
    let mut told = None;
    loop {
        let (decided, alarm) = tokio::select! {
            happened = happenings.recv() => match happened {
                Ok(happened) if happened.door == door => (happened.shown, happened.alarm),
                Ok(_) | Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = look.tick() => (None, None),
            gone = line.from.fill_buf() => match gone?.is_empty() {
                true => return Ok(()),
                false => return Err(io::ErrorKind::InvalidData.into()),
            },
        };
        let unlocked = controller.unlocked(door);
        if decided.is_some() || alarm.is_some() || told != Some(unlocked) {
            let decided = decided.as_ref().map(self::told);
            line.say(&json!({ "unlocked": unlocked, "decided": decided, "alarm": alarm }).to_string())
                .await?;
            told = Some(unlocked);
        }
    }
}

fn input(said: &str) -> Option<Input> {
    Some(match said {
        "fire on" => Input::Fire(true),
        "fire off" => Input::Fire(false),
        "power on" => Input::Power(true),
        "power off" => Input::Power(false),
        "leaf open" => Input::Leaf { open: true },
        "leaf shut" => Input::Leaf { open: false },
        "crossed" => Input::Crossed,
        _ => return None,
    })
}

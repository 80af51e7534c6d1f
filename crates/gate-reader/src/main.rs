//! A smart card reader for a gate controller: PC/SC (pcscd) on one side, the controller's line (docs/gates.md) on the other.
//!
//! A program of its own, because a driver that hangs or falls must not take the controller's other doors with it. It
//! carries bytes and decides nothing.
//!
//! ```text
//! gate-reader READER CONTROLLER DOOR [TAPS]
//! ```
//!
//! Each tap's decision is printed as the controller says it. With TAPS it makes so many taps with the card that is there,
//! one after another, prints what each took, and ends: for measurements.

use std::convert::Infallible;
use std::error::Error;
use std::ffi::CString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pcsc::{Card, Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State};

type AnyError = Box<dyn Error>;

/// The longest response of a card, with its status word; longer than any of ours.
const MAX_RESPONSE: usize = 2_048;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (reader, controller, door, taps) = match arguments.as_slice() {
        [reader, controller, door] => (reader, controller, door, None),
        [reader, controller, door, taps] => (reader, controller, door, Some(taps.parse::<u32>()?)),
        _ => return Err("gate-reader READER CONTROLLER DOOR [TAPS]".into()),
    };
    let mut line = Line::open(controller, door)?;
    let context = Context::establish(Scope::System)?;
    let mut name = find(&context, reader)?;
    if let Some(taps) = taps {
        return measure(&mut line, &context, &name, taps);
    }
    loop {
        // It ends with a fault only: the controller's line is gone, or the reader.
        let Err(error) = serve(&mut line, &context, &name);
        if !is_unplugged(&error) {
            return Err(error);
        }
        eprintln!("gate-reader: the reader was unplugged");
        line.ask("reader lost")?;
        name = loop {
            match find(&context, reader) {
                Ok(name) => break name,
                Err(_) => std::thread::sleep(Duration::from_millis(500)),
            }
        };
        line.ask("reader back")?;
    }
}

fn serve(line: &mut Line, context: &Context, name: &CString) -> Result<Infallible, AnyError> {
    loop {
        wait(context, name, true)?;
        match connect(context, name) {
            Ok(card) => println!("{}", line.tap(&card)?),
            Err(error) => eprintln!("gate-reader: the card went away: {error}"),
        }
        wait(context, name, false)?;
    }
}

fn is_unplugged(error: &AnyError) -> bool {
    let gone = [pcsc::Error::ReaderUnavailable, pcsc::Error::UnknownReader, pcsc::Error::NoReadersAvailable];
    error.downcast_ref::<pcsc::Error>().is_some_and(|error| gone.contains(error))
}

fn find(context: &Context, wanted: &str) -> Result<CString, AnyError> {
    let names = context.list_readers_owned()?;
    let found = names.into_iter().find(|name| name.to_string_lossy().contains(wanted));
    found.ok_or_else(|| format!("there is no reader {wanted}").into())
}

fn connect(context: &Context, name: &CString) -> Result<Card, pcsc::Error> {
    context.connect(name, ShareMode::Shared, Protocols::ANY)
}

/// Waits until a card is there, or until it is gone.
fn wait(context: &Context, name: &CString, there: bool) -> Result<(), AnyError> {
    let mut states = [ReaderState::new(name.clone(), State::UNAWARE)];
    loop {
        context.get_status_change(None, &mut states)?;
        let [state] = &mut states;
        let event = state.event_state();
        state.sync_current_state();
        if event.intersects(State::UNKNOWN | State::UNAVAILABLE) {
            return Err(pcsc::Error::ReaderUnavailable.into());
        }
        if (event.contains(State::PRESENT) && !event.contains(State::MUTE)) == there {
            return Ok(());
        }
    }
}

/// The controller's line.
struct Line {
    from: BufReader<TcpStream>,
    to: TcpStream,
}

impl Line {
    fn open(controller: &str, door: &str) -> Result<Self, AnyError> {
        let to = TcpStream::connect(controller)?;
        to.set_nodelay(true)?;
        let mut line = Self { from: BufReader::new(to.try_clone()?), to };
        line.say(&format!("door {door}"))?;
        match line.hear()?.as_str() {
            "ok" => Ok(line),
            other => Err(format!("the controller says of this door: {other}").into()),
        }
    }

    fn say(&mut self, text: &str) -> Result<(), AnyError> {
        Ok(self.to.write_all(format!("{text}\n").as_bytes())?)
    }

    fn hear(&mut self) -> Result<String, AnyError> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err("the controller is gone".into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Says something and waits until it was heard.
    fn ask(&mut self, text: &str) -> Result<(), AnyError> {
        self.say(text)?;
        self.hear().map(drop)
    }

    /// One tap: what the controller decided, as JSON.
    fn tap(&mut self, card: &Card) -> Result<String, AnyError> {
        self.say("card")?;
        loop {
            let line = self.hear()?;
            let Some(command) = line.strip_prefix("apdu ") else { return Ok(line) };
            let mut buffer = [0; MAX_RESPONSE];
            // A card that is gone answers nothing; the controller takes that for an answer that can't be read.
            let command = unhex(command).ok_or("no hex digits")?;
            let response = card.transmit(&command, &mut buffer).unwrap_or_default();
            let hex: String = response.iter().map(|byte| format!("{byte:02x}")).collect();
            self.say(&format!("apdu {hex}"))?;
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

fn measure(line: &mut Line, context: &Context, name: &CString, taps: u32) -> Result<(), AnyError> {
    wait(context, name, true)?;
    let card = connect(context, name)?;
    for _ in 0..taps {
        let (took, decided) = timed(|| line.tap(&card));
        println!("{{\"us\":{},\"decided\":{}}}", took.as_micros(), decided?);
    }
    card.disconnect(Disposition::LeaveCard).map_err(|(_, error)| error.into())
}

#[expect(clippy::disallowed_methods, reason = "this is where a measurement is made")]
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let value = work();
    (began.elapsed(), value)
}

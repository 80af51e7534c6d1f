//! The door: what the controller says goes out, what the contacts say comes in.

use std::io;
use std::time::{Duration, Instant};

use osdp::command::led::LedRecord;
use osdp::command::output::OutputRecord;
use osdp::command::{
    BuzzerControl, BuzzerTone, Command, InputStatus, LedColor, LedControl, LedPermanent, LedTemporary,
    LocalStatus, OutputControl, OutputControlCode, Poll, Text, TextCommand,
};
use osdp::reply::Reply;

use crate::channel::{Bus, BusError, Wire, now};
use crate::controller::{Controller, Told};

/// How often the peripheral is asked (5.7: it counts as away after 8 s).
const POLL: Duration = Duration::from_millis(50);
/// How often the lock is held again while it is open.
const HOLD: Duration = Duration::from_millis(400);
/// For how long it is held, in tenths of a second: a line that breaks leaves it locked.
const HELD: u16 = 10;
/// How long a display and a lamp show a decision (s).
const SHOWN: u8 = 4;
/// The longest line of a display.
const MAX_TEXT: usize = 32;

/// Contacts: which input, and what the controller is told when it goes on and off.
const CONTACTS: &[(&str, Option<&str>)] =
    &[("leaf open", Some("leaf shut")), ("crossed", None), ("fire on", Some("fire off"))];

/// Why serving ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The line.
    Line(BusError),
    /// The controller is gone: so is this program.
    Controller(io::Error),
}

impl From<BusError> for Ended {
    fn from(error: BusError) -> Self {
        Self::Line(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Controller(error)
    }
}

/// A door and what is known of it.
#[derive(Debug)]
pub(crate) struct Door {
    controller: Controller,
    told: Told,
    inputs: Vec<u8>,
    tampered: bool,
    was_lost: bool,
}

impl Door {
    /// A door that nothing is known of.
    pub(crate) fn new(controller: Controller) -> Self {
        Self { controller, told: Told::default(), inputs: Vec::new(), tampered: false, was_lost: false }
    }

    /// The line is there again.
    pub(crate) fn back(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.was_lost) { self.controller.contact("reader back") } else { Ok(()) }
    }

    /// The line is gone, or was never there.
    pub(crate) fn lost(&mut self, error: &BusError) -> io::Result<()> {
        self.was_lost = true;
        self.controller.contact(match error {
            BusError::Key => "reader key",
            BusError::DefaultKey => "reader default-key",
            _ => "reader lost",
        })
    }

    /// Serves until the line or the controller ends.
    pub(crate) fn serve(&mut self, bus: &mut Bus<impl Wire>) -> Ended {
        match self.on(bus) {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    fn on(&mut self, bus: &mut Bus<impl Wire>) -> Result<std::convert::Infallible, Ended> {
        // A peripheral without inputs refuses; then it has no contacts to tell of.
        for ask in [Command::InputStatus(InputStatus), Command::LocalStatus(LocalStatus)] {
            let reply = bus.command(&ask)?;
            self.heard(reply)?;
        }
        let mut held: Option<Instant> = None;
        loop {
            while let Some(told) = self.controller.next()? {
                if let Some((opened, text)) = &told.decided {
                    self.show(bus, *opened, text)?;
                }
                if told.alarm {
                    bus.command(&buzzer(5))?;
                }
                self.told = told;
                held = None;
            }
            if self.told.unlocked && held.is_none_or(|at| at.elapsed() >= HOLD) {
                bus.command(&lock(OutputControlCode::TemporaryOnResume, HELD))?;
                held = Some(now());
            } else if !self.told.unlocked && held.is_none() {
                bus.command(&lock(OutputControlCode::PermanentOffAbortTimed, 0))?;
                held = Some(now());
            }
            let reply = bus.command(&Command::Poll(Poll))?;
            self.heard(reply)?;
            crate::pause(POLL);
        }
    }

    fn show(&self, bus: &mut Bus<impl Wire>, opened: bool, text: &str) -> Result<(), BusError> {
        bus.command(&lamp(if opened { LedColor::Green } else { LedColor::Red }))?;
        bus.command(&buzzer(if opened { 1 } else { 3 }))?;
        let text: String = text.chars().filter(|c| (' '..='~').contains(c)).take(MAX_TEXT).collect();
        if !text.is_empty() {
            bus.command(&Command::Text(Text {
                reader: 0,
                command: TextCommand::TemporaryWrap,
                temp_time_s: SHOWN,
                row: 1,
                column: 1,
                text: text.into_bytes(),
            }))?;
        }
        Ok(())
    }

    fn heard(&mut self, reply: Reply) -> Result<(), Ended> {
        match reply {
            Reply::IStatR(status) => {
                for (n, (on, off)) in CONTACTS.iter().enumerate() {
                    let before = self.inputs.get(n).copied().unwrap_or(0) != 0;
                    let is = status.inputs.get(n).copied().unwrap_or(0) != 0;
                    let told = match (before, is) {
                        (false, true) => Some(*on),
                        (true, false) => *off,
                        _ => None,
                    };
                    if let Some(text) = told {
                        self.controller.contact(text)?;
                    }
                }
                self.inputs = status.inputs;
            }
            Reply::LStatR(status) => {
                let tampered = status.tamper != 0;
                if tampered && !self.tampered {
                    self.controller.contact("reader tamper")?;
                }
                self.tampered = tampered;
            }
            // A number is no proof: whoever copies it is whoever it names.
            Reply::Raw(_) | Reply::Fmt(_) => self.controller.contact("reader unproved")?,
            _ => {}
        }
        Ok(())
    }
}

fn lock(code: OutputControlCode, timer: u16) -> Command {
    Command::Output(OutputControl::new(vec![OutputRecord { output: 0, code, timer }]))
}

fn buzzer(count: u8) -> Command {
    Command::Buzzer(BuzzerControl { reader: 0, tone: BuzzerTone::Default, on_time: 2, off_time: 2, count })
}

fn lamp(color: LedColor) -> Command {
    Command::Led(LedControl::new(vec![LedRecord {
        reader: 0,
        led: 0,
        temporary: LedTemporary {
            control: 2,
            on_time: 10,
            off_time: 0,
            on_color: color,
            off_color: color,
            timer: u16::from(SHOWN) * 10,
        },
        permanent: LedPermanent {
            control: 1,
            on_time: 10,
            off_time: 0,
            on_color: LedColor::Amber,
            off_color: LedColor::Amber,
        },
    }]))
}
